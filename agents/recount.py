"""Devices counted again, in memory, with the rules that the hops use: from the records of the readings topic to every total that has to be there."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from metering.compare import Key
from metering.device import Device, Outcome
from metering.errors import RejectedReading
from metering.ledger import Account, Ledger
from metering.period import Calendar
from metering.reading import MAX_FOR_S, Decoder, Reading
from metering.rules import FUTURE_MS, MS_PER_HOUR, Rules
from metering.total import Grain, Total, fold
from streams.batch import Record
from streams.erasure import is_erase


class Table:
    """The rows of one device's trace."""

    def __init__(self, name: str, rules: Rules, calendar: Calendar) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.device = Device(name, rules, calendar, self.rows.get)
        self.hours: dict[int, Total] = {}

    def settle(self) -> None:
        """Brings `hours` up to date."""
        changes = self.device.changes()
        for key in changes.dead:
            self.rows.pop(key, None)
        self.rows.update(changes.rows)
        self.hours.update((total.start, total) for total in changes.totals)


class Recount:
    """One device. `since_ms`: the readings from there on are all in the topic; None if it has everything that was ever sent.

    `readings`: how many were accepted, since it was erased last if it `is_erased`. Counted three times: as they are; without their power, because
    what then is left of an hour's energy is the register's, and the rest is what the power brought where no register's line lies; and, of a topic
    whose beginning is gone, without registers that show nothing but 0, because those may be glitches after what is gone.
    """

    def __init__(self, name: str, rules: Rules, calendar: Calendar, since_ms: int | None = None) -> None:
        self.name, self.since_ms = name, since_ms
        self._rules, self._calendar = rules, calendar
        self._whole, self._bare, self._moving = (Table(name, rules, calendar) for _ in range(3))
        self._ledgers = Ledger(rules), Ledger(rules)
        self._newest = 0
        self.readings = 0
        self.is_erased = False

    def take(self, reading: Reading) -> None:
        """The next reading, in order of arrival."""
        at, power, imports, export, for_ms, energy = reading
        self.readings += 1
        outcome = self._whole.device.apply(reading)
        self._bare.device.apply((at, None, imports, export, None, None))
        if outcome is not Outcome.LATE:
            for ledger, mwh in zip(self._ledgers, (imports, export), strict=True):
                if mwh is not None:
                    ledger.add(at, mwh)
                ledger.close(self._whole.device.trace.closed)
            self._newest = max(at, self._newest)
        if self.since_ms is not None:
            imports, export = (None if ledger.idle else mwh for ledger, mwh in zip(self._ledgers, (imports, export), strict=True))
            self._moving.device.apply((at, power, imports, export, for_ms, energy))

    def anew(self) -> Recount:
        """The device after an erase: whatever there is of it, the topic has."""
        made = Recount(self.name, self._rules, self._calendar)
        made.is_erased = True
        return made

    def settle(self) -> None:
        """Gives memory back; to be called now and then."""
        for table in (self._whole, self._bare, self._moving):
            table.settle()

    @property
    def complete_from(self) -> int:
        """The first instant (epoch s) from which on totals depend on nothing that the topic no longer has; 0 if it has everything.

        That is the first hour that begins when every flow of before has ended and each register has a footing (metering/ledger.py), for so long that
        no line is estimated by when it began. Where all that a register shows is 0, it is the first from which on nothing follows from that. Days and
        months are compared that begin no earlier.
        """
        if self.since_ms is None:
            return 0
        known = [self.since_ms + MAX_FOR_S * 1000]
        for ledger in self._ledgers:
            footing = ledger.footing()
            known.append(self._newest + MAX_FOR_S * 1000 if footing is None else footing + self._rules.estimate_after_ms + MS_PER_HOUR)
        self.settle()
        doubtful = [total.end for start, total in self._whole.hours.items() if not total.absent and total != self._moving.hours.get(start)]
        return max([self._calendar.hour(max(known))[1] // 1000, *doubtful])

    def totals(self) -> dict[Key, Total]:
        """Every hour, day and month that has to be there; their versions mean nothing."""
        self.settle()
        hours = [total for total in self._whole.hours.values() if not total.absent]
        days = folded(hours, Grain.DAY, self._calendar)
        months = folded(days, Grain.MONTH, self._calendar)
        return {(self.name, total.grain, total.start): total for total in (*hours, *days, *months)}

    def by_register(self) -> dict[Key, Total]:
        """The hours without what the power brought."""
        self.settle()
        return {(self.name, Grain.HOUR, start): total for start, total in self._bare.hours.items()}

    def accounts(self) -> tuple[Account, Account]:
        """Of the import register and of the export register."""
        imports, export = self._ledgers
        return imports.account(), export.account()

    def pending(self) -> tuple[int, int]:
        """Of each register what its next valid point will carry as unbooked: less what closed hours have beyond the last one, mWh (rule 6.6).

        They have it of a line to a point that has been found to be a glitch since they closed.
        """
        trace = self._whole.device.trace
        carried = zip(self.accounts(), (trace.carry.imports, trace.carry.export), strict=True)
        imports, export = (-kept.base if account.last and account.last[0] < trace.closed else 0 for account, kept in carried)
        return imports, export


def folded(parts: Iterable[Total], grain: Grain, calendar: Calendar) -> list[Total]:
    """The days of some hours, or the months of some days."""
    period_of = calendar.day if grain is Grain.DAY else calendar.month
    within: dict[tuple[int, int], list[Total]] = {}
    for part in parts:
        within.setdefault(period_of(part.start), []).append(part)
    return [fold(group, grain, start, end, 0, 0) for (start, end), group in within.items()]


class Recounter:
    """Some devices of one partition, by key. `cut`: retention has removed the partition's beginning."""

    def __init__(self, names: Iterable[str], rules: Rules, partition: int, partitions: int, *, cut: bool) -> None:
        self._decoder = Decoder(rules, partition, partitions)
        calendar = Calendar(rules.zone)
        self.recounts = {name.encode(): Recount(name, rules, calendar) for name in names}
        self._cut, self._place = cut, (partition, partitions)

    def take(self, records: Sequence[Record]) -> None:
        """The partition's next records: those of other devices too, since the first of all says since when the topic is complete."""
        if self._cut:
            self._cut = False
            for one in self.recounts.values():
                one.since_ms = records[0].timestamp + FUTURE_MS
        touched: set[Recount] = set()
        for record in records:
            recount = self.recounts.get(record.key)
            if recount is not None and record.value is None and is_erase(record, *self._place):
                touched.discard(recount)
                self.recounts[record.key] = recount.anew()
            elif recount is not None:
                for reading in self._readings(recount, record):
                    recount.take(reading)
                touched.add(recount)
        for each in touched:
            each.settle()

    def _readings(self, recount: Recount, record: Record) -> Sequence[Reading]:
        if recount.readings:
            plain = self._decoder.plain(recount.name, record.value, record.timestamp)
            if plain is not None:
                return (plain,)
        return accepted(self._decoder, record)


def accepted(decoder: Decoder, record: Record) -> Sequence[Reading]:
    """The readings in a record that count; none if it is rejected."""
    try:
        return decoder.decode(record.key, record.value, record.timestamp).readings
    except RejectedReading:
        return ()


class Draw:
    """A sample of the devices that have a reading: those whose names, mixed with the seed, come first.

    So the same seed draws the same devices in whatever order they send, a device that is new changes at most one place, and memory is that of
    the sample.
    """

    def __init__(self, number: int, seed: int) -> None:
        self._number, self._salt = number, seed.to_bytes(8, "big")
        self._ranks: list[bytes] = []
        self._names: dict[bytes, str] = {}

    def take(self, records: Sequence[Record], decoder: Decoder) -> None:
        """Some records of one partition, and its decoder."""
        for record in records:
            if record.key is None:
                continue
            rank = blake2b(record.key, key=self._salt).digest()
            full = len(self._ranks) == self._number
            if rank in self._names or full and rank > self._ranks[-1] or not accepted(decoder, record):
                continue
            if full:
                del self._names[self._ranks.pop()]
            insort(self._ranks, rank)
            self._names[rank] = record.key.decode()

    @property
    def devices(self) -> list[str]:
        """Those drawn, by name."""
        return sorted(self._names.values())
