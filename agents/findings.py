"""What a recount says of what is stored, device by device: pure, so that every rule of the comparison can be tried without a Kafka.

A period is compared unless it is
newer      what is stored reflects readings behind the place up to which was counted again
earlier    it begins before the topic has all of its readings, because retention has removed others, or before the first month of a replay
expired    an hour that is not stored, and whose time to live is over
What is stored is held against itself as well: a day against its hours, a month against its days.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from agents.recount import Recount, folded
from metering.compare import Difference, Key, Kind, compared, named
from metering.ledger import Account
from metering.period import Calendar
from metering.total import Grain, Total

DIRECTIONS: Final = ("import", "export")
_INNER: Final = {Kind.MISSING: "is not stored, and they are", Kind.EXTRA: "is stored, and they are not"}


class Seen(NamedTuple):
    """Up to where was counted again: a position in the readings' partition; `keep_hours_s`, `now_s`: which hours DynamoDB may have deleted.

    `since_s`: a replay has counted nothing that begins before.
    """

    position: int
    keep_hours_s: int
    now_s: int
    since_s: int = 0


class Energy(NamedTuple):
    """One direction of one device, mWh: the register from its first to its last valid point, and what the hours have.

    `unbooked`: with what the next valid point will carry, as far as that is known.
    """

    account: Account
    hours: int
    by_power: int
    unbooked: int
    integral: int

    @property
    def equal(self) -> bool:
        """Rule 6.6: the register energy of all hours plus all that is unbooked is the register's difference, resets aside."""
        return self.hours - self.by_power + self.unbooked == self.account.rise


@dataclass(frozen=True, slots=True)
class Finding:
    """One device. `inner`: a line for each day that is not its hours and each month that is not its days."""

    device: str
    compared_from: int
    compared: int
    newer: int
    earlier: int
    differences: list[Difference]
    inner: list[str]
    energies: tuple[Energy, Energy]

    @property
    def equal(self) -> int:
        """Of those compared."""
        return self.compared - len(self.differences)

    def count(self, kind: Kind) -> int:
        """How many periods are wrong in this way."""
        return sum(difference.kind is kind for difference in self.differences)

    @property
    def wrong(self) -> list[str]:
        """A line for everything that is not as it has to be."""
        return [*map(str, self.differences), *self.inner, *self._registers()]

    def _registers(self) -> Iterator[str]:
        for direction, energy in zip(DIRECTIONS, self.energies, strict=True):
            if not energy.equal:
                yield (
                    f"{self.device}: the {direction} register rose by {energy.account.rise} mWh, but the hours have {energy.hours}, "
                    f"of which {energy.by_power} by power, and {energy.unbooked} unbooked"
                )


def find(recount: Recount, stored: Iterable[Total], calendar: Calendar, seen: Seen) -> Finding:
    """Compares. `stored` is everything of the device that is stored, those that hold nothing any more as well."""
    held = {(total.device, total.grain, total.start): total for total in stored}
    newer = {key for key, total in held.items() if total.reflects >= seen.position}
    there = {key: total for key, total in held.items() if key not in newer and not total.absent}
    wanted = recount.totals()
    known = {key for key in there.keys() | wanted.keys() if key not in newer and not expired(key, wanted, there, seen)}
    start = max(recount.complete_from, seen.since_s)
    asked = {key for key in known if key[2] >= start}
    hours = {key: total for key, total in wanted.items() if key[1] is Grain.HOUR and key not in asked}
    hours.update((key, total) for key, total in there.items() if key[1] is Grain.HOUR and key in asked)
    return Finding(
        device=recount.name,
        compared_from=start,
        compared=len(asked),
        newer=len(newer),
        earlier=len(known) - len(asked),
        differences=list(compared(only(there, asked), only(wanted, asked))),
        inner=list(inner(there, newer, calendar, seen)),
        energies=energies(recount, hours),
    )


def only(totals: Mapping[Key, Total], keys: set[Key]) -> dict[Key, Total]:
    """Those of these keys."""
    return {key: total for key, total in totals.items() if key in keys}


def expired(key: Key, wanted: Mapping[Key, Total], there: Mapping[Key, Total], seen: Seen) -> bool:
    """An hour that is not stored, and need not be."""
    return key not in there and key[1] is Grain.HOUR and wanted[key].end + seen.keep_hours_s <= seen.now_s


def inner(there: Mapping[Key, Total], newer: set[Key], calendar: Calendar, seen: Seen) -> Iterator[str]:
    """Each stored day against the stored hours of its epoch, each month against its days; none that is newer, or of which hours have expired."""
    for grain, smaller in ((Grain.DAY, Grain.HOUR), (Grain.MONTH, Grain.DAY)):
        period_of = calendar.day if grain is Grain.DAY else calendar.month
        moving = {period_of(start)[0] for _, what, start in newer if what is smaller}
        moving |= {start for _, what, start in newer if what is grain}
        wholes = {key: total for key, total in there.items() if key[1] is grain and key[2] not in moving}
        epochs = {key[2]: total.epoch for key, total in wholes.items()}
        parts = []
        for (_, what, start), total in there.items():
            whole = period_of(start)[0]
            if what is smaller and whole not in moving and total.epoch == epochs.get(whole, total.epoch):
                parts.append(total)
        sums = {(total.device, grain, total.start): total for total in folded(parts, grain, calendar)}
        for difference in compared(wholes, sums):
            gone = smaller is Grain.HOUR and difference.key[2] + seen.keep_hours_s <= seen.now_s
            if not gone:
                yield f"{named(difference.key)} against its own {smaller}s: {_INNER.get(difference.kind, difference.how)}"


def energies(recount: Recount, hours: Mapping[Key, Total]) -> tuple[Energy, Energy]:
    """Import and export: what is stored of the hours compared, what was counted again of the others."""
    wanted, lined = recount.totals(), recount.by_register()
    found = []
    for direction, account, pending in zip(DIRECTIONS, recount.accounts(), recount.pending(), strict=True):
        energy, unbooked, integral = f"{direction}_mwh", f"unbooked_{direction}_mwh", f"integral_{direction}_mwh"
        by_power = sum(
            getattr(total, energy) - (getattr(lined[key], energy) if key in lined else 0) for key, total in wanted.items() if key[1] is Grain.HOUR
        )
        sums = [sum(getattr(total, field) for total in hours.values()) for field in (energy, unbooked, integral)]
        found.append(Energy(account, sums[0], by_power, sums[1] + pending, sums[2]))
    return found[0], found[1]
