"""The position record of a partition: how far its state has come, and what became of every reading on the way.

It is the last row of every checkpoint, under a key that no device can have, and all that the next owner trusts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import orjson


def position_key(partition: int) -> bytes:
    """The row's key."""
    return b"\0position:%d" % partition


@dataclass(frozen=True, slots=True)
class Position:
    """`position`: the next position of the source topic. `outcomes`: readings by outcome, ever. `guard`: hash of log and rules."""

    position: int
    outcomes: Counter[str]
    guard: str

    def encode(self) -> bytes:
        """JSON, so that a person can read it in the changelog."""
        return orjson.dumps({"position": self.position, "outcomes": self.outcomes, "guard": self.guard})

    @classmethod
    def decode(cls, row: bytes) -> Position:
        """The inverse of `encode`. Raises ValueError on anything else."""
        try:
            fields = orjson.loads(row)
            return cls(int(fields["position"]), Counter(fields["outcomes"]), str(fields["guard"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a position record: {error!r}") from error
