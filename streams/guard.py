"""One log, one set of rules: what must not change within an epoch.

A version, (epoch, offset), means something only within one log and under one set of rules. So a state carries what it was made from, and a worker
that finds another refuses to start. A new epoch (a replay) is what would do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

import orjson

from metering.rules import LOGIC, Rules
from metering.total import Total

DECODER: Final = 1
"""Counts up whenever the decoder begins to accept, reject or understand a message differently."""
GUARD_KEY: Final = b"\0guard"
VARIABLES: Final = {
    "rule zone": "WATTFALL_ZONE",
    "rule hold_ms": "WATTFALL_HOLD_S",
    "rule max_power_mw": "WATTFALL_MAX_POWER_W",
    "rule register_step_mwh": "WATTFALL_REGISTER_STEP_WH",
    "rule restate_ms": "WATTFALL_RESTATE_HOURS",
    "rule estimate_after_ms": "WATTFALL_ESTIMATE_AFTER_S",
}
"""What a person sets, by the fact that follows from it."""
WHAT_THEN: Final = "Put that back, or go on with the next WATTFALL_EPOCH"


@dataclass(frozen=True, slots=True)
class Guard:
    """The log and the rules, as flat names and values. The fields of a total are among them: one that was kept without a field cannot be read."""

    facts: Mapping[str, str]

    @classmethod
    def of(
        cls,
        *,
        rules: Rules,
        epoch: int,
        cluster: str,
        topics: Mapping[str, str],
        partitions: int,
        tz: str,
        generation: Mapping[str, str] | None = None,
    ) -> Guard:
        """`topics`: the sources' names and ids; `tz`: the version of the time zone rules; `generation`: what is special in a replay."""
        facts = {"epoch": str(epoch), "cluster": cluster, "partitions": str(partitions), "tz data": tz, "decoder": str(DECODER), "logic": str(LOGIC)}
        facts |= {f"field {name}": "there" for name in Total._fields}
        facts |= {f"topic {name}": ident for name, ident in topics.items()}
        facts |= {f"rule {name}": str(value) for name, value in asdict(rules).items()}
        return cls(facts | dict(generation or {}))

    @property
    def digest(self) -> str:
        """A hash of all of it."""
        return hashlib.sha256(self.encode()).hexdigest()[:16]

    def encode(self) -> bytes:
        """The row that is kept beside the state."""
        return orjson.dumps(dict(self.facts), option=orjson.OPT_SORT_KEYS)

    @classmethod
    def decode(cls, row: bytes) -> Guard:
        """The inverse of `encode`; raises ValueError."""
        facts = orjson.loads(row)
        if not isinstance(facts, dict):
            raise ValueError("not a guard record")
        return cls({str(name): str(value) for name, value in facts.items()})

    def differences(self, kept: Guard) -> list[str]:
        """What differs from the kept record, each as one phrase; empty if nothing does."""
        names = sorted(set(self.facts) | set(kept.facts))
        pairs = [(name, kept.facts.get(name, "nothing"), self.facts.get(name, "nothing")) for name in names]
        return [f"{told(name)} was {old}, now {new}" for name, old, new in pairs if old != new]


def told(name: str) -> str:
    """A fact's name, with the variable that sets it."""
    return f"{VARIABLES[name]} ({name})" if name in VARIABLES else name
