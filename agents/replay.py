"""What decides about a replay: from which month on it counts, where it begins to read, whether it has caught up, what it would change; pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from metering.compare import Key
from metering.period import Calendar
from metering.total import Grain, Total, nothing

BEFORE_S: Final = 4 * 86_400
"""So much is read before the first month: its first hours need the readings before them, and hours stay open for three days (metering/rules.py)."""
NO_VERSION: Final = -1
"""The offset of a total that says there is none: less than any reading's, so that whatever is counted later replaces it."""


def first_month(calendar: Calendar, begins_s: int | None, asked_s: int | None) -> int | None:
    """Epoch s of the first month that is counted whole; None: everything is.

    `begins_s`: the oldest reading that is still there, by the broker's clock, None if none was ever removed; `asked_s`: from when on it is wanted.
    """
    earliest = [begins_s + BEFORE_S] if begins_s is not None else []
    earliest += [asked_s] if asked_s is not None else []
    return month_from(calendar, max(earliest)) if earliest else None


def month_from(calendar: Calendar, at_s: int) -> int:
    """Where the first month begins that begins then or later."""
    start, end = calendar.month(at_s)
    return start if start == at_s else end


@dataclass(frozen=True, slots=True)
class Stage:
    """A hop's place in its topic. `begin`, `end`: of the work, over all partitions; `allowed`: so many records are on their way at any time."""

    topic: str
    begin: int
    position: int
    end: int
    allowed: int

    @property
    def caught_up(self) -> bool:
        """No more waits than what is on its way between two checkpoints: from here on it goes with the time."""
        return self.end - self.position <= self.allowed

    @property
    def share(self) -> float:
        """Of the work that is done."""
        return 1.0 if self.end <= self.begin else (self.position - self.begin) / (self.end - self.begin)


def left_s(stage: Stage, took_s: float) -> float | None:
    """Seconds until the stage is at its end, if it goes on as it did; None if that cannot be said yet."""
    done, left = stage.position - stage.begin, stage.end - stage.position
    return None if done <= 0 or took_s <= 0 else left * took_s / done


@dataclass(slots=True)
class Change:
    """What would change of one device: how many periods of each grain, and the energy of the hours that differ, before and after, mWh."""

    periods: Counter[Grain] = field(default_factory=Counter)
    import_mwh: tuple[int, int] = (0, 0)
    export_mwh: tuple[int, int] = (0, 0)

    @property
    def moved_mwh(self) -> int:
        """Import and export that would be other, in all."""
        return abs(self.import_mwh[1] - self.import_mwh[0]) + abs(self.export_mwh[1] - self.export_mwh[0])

    def take(self, grain: Grain, old: Total | None, new: Total | None) -> None:
        """One period that differs."""
        self.periods[grain] += 1
        if grain is Grain.HOUR:
            self.import_mwh = plus(self.import_mwh, old and old.import_mwh, new and new.import_mwh)
            self.export_mwh = plus(self.export_mwh, old and old.export_mwh, new and new.export_mwh)


def plus(pair: tuple[int, int], old: int | None, new: int | None) -> tuple[int, int]:
    """Both sums go on."""
    return pair[0] + (old or 0), pair[1] + (new or 0)


def changes(old: Mapping[Key, Total], new: Mapping[Key, Total], counts: Callable[[Key], bool]) -> dict[str, Change]:
    """What differs between two generations, of the periods that count; by device, in their order."""
    found: defaultdict[str, Change] = defaultdict(Change)
    for key in sorted(filter(counts, old.keys() | new.keys())):
        before, after = old.get(key), new.get(key)
        if before is None or after is None or before.content != after.content:
            device, grain, _ = key
            found[device].take(grain, before, after)
    return dict(found)


def nothing_left(total: Total, epoch: int) -> Total:
    """The total that says that nothing is counted in this period any more, in a new generation; readers leave it out."""
    return nothing(total.device, total.grain, total.start, total.end, epoch, NO_VERSION, NO_VERSION)
