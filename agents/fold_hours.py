"""The fold of readings into hours: what one partition of `readings` does to its devices' traces and hour totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

from metering.device import Device, Outcome
from metering.erase import Erase, later, period_of, told_on
from metering.errors import RejectedReading
from metering.period import Calendar
from metering.reading import MAX_FOR_S, Decoder
from metering.rules import Rules
from metering.total import Grain
from metering.trace import Trace
from metering.wire import total_key, total_to_json
from streams.batch import Record
from streams.erasure import is_erase, span
from streams.fold import Changes, Load, Refusal

DEVICE_BYTES = 32 * 1024
"""In memory, about, at the turn of an hour (`python -m bench volume`). One that is not costs some reads of the local store at its next reading."""
OUTCOMES = (*Outcome, "rejected")
_READINGS_A_ROW = 30
_S_PER_HOUR = 3_600


class HoursFold:
    """One partition's devices. `load` must give a row as the last `capture` left it, written or not; `hot_bytes` bounds what is kept in memory."""

    def __init__(
        self,
        rules: Rules,
        epoch: int,
        partition: int,
        partitions: int,
        load: Load,
        hot_bytes: int,
    ) -> None:
        self._rules = rules
        self._epoch = epoch
        self._place = partition, partitions
        self._decoder = Decoder(rules, partition, partitions)
        self._calendar = Calendar(rules.zone)
        self._around = period_of(Grain.HOUR, self._calendar)
        self._load = load
        self._since: int | None = None
        self._only: frozenset[bytes | None] = frozenset()
        self._hot_devices = max(1, hot_bytes // DEVICE_BYTES)
        self._devices: dict[bytes, Device] = {}
        self._touched: dict[bytes, Device] = {}
        self._rejected: list[Refusal] = []
        self._late: list[Refusal] = []
        self._erases: dict[bytes, Erase] = {}
        self._gone: dict[bytes, None] = {}
        self._taken = 0
        self._outcomes: Counter[str] = Counter()
        self._counted = self._refused = 0

    def restrict(self, since: int | None, devices: Iterable[str]) -> None:
        """For a replay: tells only the hours that begin at `since` (epoch s) or later; takes readings of these devices only, if any are named."""
        self._since, self._only = since, frozenset(device.encode() for device in devices)

    @property
    def touched(self) -> int:
        """What waits to be written, in rows, about: for every device, every slot's worth of readings, every kilobyte refused, every tombstone."""
        return len(self._touched) + self._counted // _READINGS_A_ROW + self._refused + self._taken

    def fold(self, records: Sequence[Record]) -> None:
        """Takes records in order."""
        plain = self._decoder.plain
        touched, known = self._touched, self._devices.get
        counted = 0
        if self._only:
            records = [record for record in records if record.key in self._only]
        for record in records:
            key = record.key
            device = touched.get(key)
            if device is None:
                device = known(key)
                if device is None:
                    self._fold_message(record)
                    continue
                touched[key] = device
            reading = plain(device.name, record.value, record.timestamp)
            if reading is None:
                self._fold_message(record)
                continue
            outcome = device.apply(reading)
            if outcome is Outcome.COUNTED:
                counted += 1
                device.offset = record.offset
            else:
                self._account(record, None, device, [outcome])
        self._counted += counted
        self._outcomes["counted"] += counted

    def _fold_message(self, record: Record) -> None:
        if record.value is None and is_erase(record, *self._place):
            self._erase(record)
            return
        try:
            message = self._decoder.decode(record.key, record.value, record.timestamp)
        except RejectedReading as error:
            self._refuse(self._rejected, Refusal(record, error.reason, error.detail))
            self._outcomes["rejected"] += 1
            return
        for fault in message.faults:
            self._refuse(self._rejected, Refusal(record, fault.reason, fault.detail, ranges(fault.elements)))
            self._outcomes["rejected"] += len(fault.elements)
        if not message.readings:
            return
        device = self._touched.get(record.key) or self._touch(record.key)
        apply = device.apply
        outcomes = [apply(reading) for reading in message.readings]
        counted = outcomes.count(Outcome.COUNTED)
        self._counted += counted
        self._outcomes["counted"] += counted
        if counted:
            device.offset = record.offset
        if counted < len(outcomes):
            self._account(record, message.elements, device, outcomes)

    def capture(self) -> Changes:
        """All that has changed since the last capture."""
        dead = list(self._gone)
        rows: list[tuple[bytes, bytes | None]] = []
        totals = [record for erase in self._erases.values() for record in told_on(erase, self._around)]
        for device in self._touched.values():
            changes = device.changes()
            dead += changes.dead
            rows += changes.rows
            for total in changes.totals:
                if self._since is not None and total.start < self._since:
                    continue
                versioned = total._replace(epoch=self._epoch, offset=device.offset, reflects=device.offset)
                totals.append((total_key(total.device, total.start), total_to_json(versioned)))
        changes_now = Changes([(key, None) for key in dead] + rows, totals, self._rejected, self._late, self._outcomes)
        self._rejected, self._late, self._outcomes = [], [], Counter()
        self._erases, self._gone, self._taken = {}, {}, 0
        self._cool()
        return changes_now

    def _touch(self, key: bytes) -> Device:
        device = self._devices.get(key)
        if device is None:
            device = self._devices[key] = Device(key.decode(), self._rules, self._calendar, self._row)
        self._touched[key] = device
        return device

    def _row(self, key: bytes) -> bytes | None:
        """A row as it is now: one that an erase has taken is gone before the capture that says so."""
        return None if key in self._gone else self._load(key)

    def _erase(self, record: Record) -> None:
        """Whatever there is of the device goes, written or not; with its next reading it begins anew."""
        key, name = record.key, record.key.decode()
        self._touched.pop(key, None)
        self._devices.pop(key, None)
        kept = Trace(name, self._calendar, self._row)
        told = (kept.first, kept.slot[-1][0] // 1000 + MAX_FOR_S + 1) if kept.first else (0, 0)
        for first, end in (told, span(record)):
            self._erases[key] = later(self._erases.get(key), Erase(name, self._epoch, record.offset, record.offset, first, end))
        rows = kept.stored()
        self._gone.update(dict.fromkeys(rows))
        self._taken += 1 + len(rows) + (self._erases[key].end - self._erases[key].first) // _S_PER_HOUR

    def _cool(self) -> None:
        """Lets go of the devices that have been silent longest."""
        for key, device in self._touched.items():
            del self._devices[key]
            self._devices[key] = device
        self._touched.clear()
        self._counted = self._refused = 0
        for key in list(self._devices)[: max(0, len(self._devices) - self._hot_devices)]:
            del self._devices[key]

    def _account(self, record: Record, elements: Sequence[int] | None, device: Device, outcomes: Sequence[Outcome]) -> None:
        """Accounts for readings that were not simply counted."""
        for outcome in outcomes:
            if outcome is not Outcome.COUNTED:
                self._outcomes[outcome.value] += 1
        if Outcome.CORRECTED in outcomes:
            device.offset = record.offset
        late = [i for i, outcome in enumerate(outcomes) if outcome is Outcome.LATE]
        if late:
            index = None if elements is None else ranges(sorted(elements[i] for i in late))
            self._refuse(self._late, Refusal(record, None, "its hour is closed", index))

    def _refuse(self, to: list[Refusal], refusal: Refusal) -> None:
        to.append(refusal)
        self._refused += 1 + len(refusal.record.value or b"") // 1000


def ranges(indexes: Iterable[int]) -> str:
    """Ascending integers as `0-3,7`."""
    runs = []
    for _, run in groupby(enumerate(indexes), key=lambda pair: pair[1] - pair[0]):
        members = [index for _, index in run]
        runs.append(str(members[0]) if len(members) == 1 else f"{members[0]}-{members[-1]}")
    return ",".join(runs)
