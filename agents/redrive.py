"""What is sent again, and as what: everything that decides about a rejected or late record lives here; pure.

A message is known by its `source`, its place in the readings topic. What is sent again carries that place in `redriven-from`, so that nobody sends
it a second time: not for the second of two reasons, not for another epoch, not after a crash. If it is refused again, it has another source, keeps
these headers, and may go on until `redriven` is three.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from agents.redrive_asked import Fix, Pair
from metering.partition import partition_of
from streams.batch import Record
from streams.checkpoint import Headers, Message
from streams.erasure import HEADER, is_erase

COUNT: Final = "redriven"
FROM: Final = "redriven-from"
MOST: Final = 3
SHOWN: Final = 3
PIECE_BYTES: Final = 4 << 20
"""Sent at a stretch, about: what a transaction takes easily within its limits."""
_PLACE: Final = re.compile(r"(.+)/(\d{1,9})/(\d{1,18})", re.ASCII)
_TIMES: Final = re.compile(rb"\d{1,9}")


class Fate(StrEnum):
    """What becomes of a record that is asked for, in the words of the summary."""

    SENT = "sent"
    BEFORE = "sent before"
    OFTEN = "sent three times already"
    ERASED = "of a device that was erased since"
    PASSED = "passed over by --fix"
    CUT = "not whole here (too large)"
    ELSEWHERE = "not from these readings"


class Judged(NamedTuple):
    """A record that is asked for. `message`, to be put into `partition`, is there if its fate is SENT."""

    reason: str
    source: str
    fate: Fate
    partition: int = -1
    message: Message | None = None


class Erased(NamedTuple):
    """Where a device was erased last."""

    partition: int
    offset: int
    at_ms: int

    def is_after(self, partition: int, offset: int, at_ms: int) -> bool:
        """Of before: by its place; what lay in another partition, by when it was refused."""
        return offset < self.offset if partition == self.partition else at_ms <= self.at_ms


class Judge:
    """Decides on the records of one topic, in order; `before` are the sources of what was sent again already, and grows.

    `erases`: by device (as a key), where its newest erase is, and when that came, in ms.
    """

    def __init__(
        self,
        readings: str,
        partitions: int,
        before: set[bytes],
        reasons: Iterable[str] = (),
        fix: Fix | None = None,
        erases: Mapping[bytes, Erased] | None = None,
    ) -> None:
        self.readings, self.partitions, self.before, self.erases = readings, partitions, before, erases or {}
        self.reasons, self.fix = frozenset(reasons), fix

    def __call__(self, record: Record) -> Judged | None:
        """None if nobody asked for it, or it was taken away. Raises SettingError where the fix will not do."""
        own, why = parted(record.headers)
        reason, source = ((why.get(name) or b"").decode(errors="replace") for name in ("reason", "source"))
        if record.value is None and not why or self.reasons and reason not in self.reasons:
            return None
        place = _PLACE.fullmatch(source)
        if place is None or place[1] != self.readings:
            return Judged(reason, source, Fate.ELSEWHERE)
        count = redriven(own)
        if why["source"] in self.before:
            return Judged(reason, source, Fate.BEFORE)
        if count >= MOST:
            return Judged(reason, source, Fate.OFTEN)
        erased = self.erases.get(why.get("key", b""))
        if erased is not None and erased.is_after(int(place[2]), int(place[3]), record.timestamp):
            return Judged(reason, source, Fate.ERASED)
        if "truncated" in why:
            return Judged(reason, source, Fate.CUT)
        original = why.get("key")
        made: Pair | None = (original, record.value) if self.fix is None else self.fix(source, original, record.value)
        if made is None:
            return Judged(reason, source, Fate.PASSED)
        self.before.add(why["source"])
        key, value = made
        partition = int(place[2]) if key is None else partition_of(key, self.partitions)
        headers = [header for header in own if header[0] not in (COUNT, FROM, HEADER)]  # whatever is made of a message, it erases nothing
        return Judged(reason, source, Fate.SENT, partition, (key, value, [*headers, (COUNT, b"%d" % (count + 1)), (FROM, why["source"])]))


def parted(headers: Sequence[tuple[str, bytes]]) -> tuple[Headers, dict[str, bytes]]:
    """The headers of a refused record: the original's own, and those behind them that say why it was refused (see streams/checkpoint.py)."""
    at = max((number for number, (name, _) in enumerate(headers) if name == "reason"), default=len(headers))
    return [*headers[:at]], dict(headers[at:])


def redriven(own: Headers) -> int:
    """How often a message with these headers was sent again."""
    said = [content or b"" for name, content in own if name == COUNT]
    return int(said[-1]) if said and _TIMES.fullmatch(said[-1]) else 0


def marks(records: Iterable[Record]) -> Iterator[bytes]:
    """The sources of what was sent again, from records of the readings topic."""
    return (bytes(content) for record in records for name, content in record.headers if name == FROM and content)


def erases(partition: int, partitions: int, records: Iterable[Record]) -> Iterator[tuple[bytes, Erased]]:
    """The erases among records of one partition of the readings topic."""
    for record in records:
        if record.value is None and is_erase(record, partition, partitions):
            yield record.key, Erased(partition, record.offset, record.timestamp)


def pieces(judged: Iterable[Judged]) -> Iterator[list[Judged]]:
    """The same in order, in pieces whose messages have `PIECE_BYTES` or a little more."""
    piece: list[Judged] = []
    size = 0
    for one in judged:
        piece.append(one)
        if one.message is not None:
            key, value, headers = one.message
            size += len(key or b"") + len(value or b"") + sum(len(name) + len(content or b"") for name, content in headers)
        if size >= PIECE_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


class Tally:
    """What became of the records, by reason, and where the first of those to be sent are."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, Fate]] = Counter()
        self.first: dict[str, list[str]] = {}

    def add(self, some: Iterable[Judged]) -> None:
        """Counts them."""
        for one in some:
            self.counts[one.reason, one.fate] += 1
            if one.fate is Fate.SENT and len(shown := self.first.setdefault(one.reason, [])) < SHOWN:
                shown.append(one.source)

    def lines(self, topic: str, *, dry_run: bool) -> list[str]:
        """For people: a line a reason, and one for all."""
        said = []
        for reason in sorted({reason for reason, _ in self.counts}):
            counts = {fate: self.counts[reason, fate] for fate in Fate}
            first = ", ".join(self.first.get(reason, [])) + (", …" if counts[Fate.SENT] > SHOWN else "")
            said.append(f"{topic}: {reason or 'no reason'}: {told(counts, dry_run)}" + (f": {first}" if dry_run and first else ""))
        total = {fate: sum(count for (_, each), count in self.counts.items() if each is fate) for fate in Fate}
        return [*said, f"{topic}: {sum(total.values()):,} in all: {told(total, dry_run)}"]


def told(counts: dict[Fate, int], dry_run: bool) -> str:
    """Counts in words; those sent come last, where a dry run says which."""
    order = [*list(Fate)[1:], Fate.SENT]
    words = {Fate.SENT: "would be sent"} if dry_run else {}
    return ", ".join(f"{counts[fate]:,} {words.get(fate, fate)}" for fate in order if counts[fate]) or "nothing to send"
