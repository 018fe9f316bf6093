"""What a device said: the one strict decoder from a record of the topic `readings` to readings.

Everything that decides whether a message or an element of it can be counted lives here and in the order of `Reason`. The ordinary
good reading is cheap: slow checks run only when something looks odd, or what they check holds by construction.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from itertools import repeat
from operator import le
from typing import Any, Final, NamedTuple

import orjson

from metering.clock import SECONDS, Clock
from metering.errors import Reason, RejectedReading
from metering.partition import partition_of
from metering.rules import FUTURE_MS, MS_PER_HOUR, YEAR_2000_MS, Rules
from metering.strict import check_shape

Reading = tuple[int, int | None, int | None, int | None, int | None, int | None]
"""`at` in ms, power in mW, import and export register in mWh, for_s in ms, energy_wh in mWh; None for what is absent."""

MAX_BYTES: Final = 1 << 20
MAX_READINGS: Final = 10_000
MAX_REGISTER_WH: Final = 10**12
MAX_FOR_S: Final = 86_400
DEVICE: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
"""A device's whole name."""
_VALUES: Final = ("power_w", "import_wh", "export_wh", "for_s", "energy_wh")
_NUMBERS: Final = frozenset((int, float))
_NAMES: Final = 200_000
_loads = orjson.loads


class Fault(NamedTuple):
    """Elements of a message that cannot be counted; their indexes in the arrays, ascending."""

    reason: Reason
    detail: str
    elements: list[int]


class Message(NamedTuple):
    """A decoded record: the readings that count, in order of `at`, and the elements that do not.

    `elements[i]` is the index that `readings[i]` had in the arrays; None for a message of one reading.
    """

    device: str
    readings: Sequence[Reading]
    elements: Sequence[int] | None = None
    faults: Sequence[Fault] = ()


class Decoder:
    """Decodes the records of one partition. Without `partitions` the key's place is not checked."""

    def __init__(self, rules: Rules, partition: int = 0, partitions: int | None = None) -> None:
        self._rules = rules
        self._max_w = rules.max_power_mw // 1000 if rules.max_power_mw % 1000 == 0 else rules.max_power_mw / 1000
        self._partition = partition
        self._partitions = partitions
        self._names: dict[bytes, str] = {}
        self._clock = Clock()
        self._minutes = self._clock.minutes

    def plain(self, device: str, value: bytes | None, timestamp: int) -> Reading | None:
        """The reading in an ordinary message of this device, one instant with power or registers and nothing else.

        None for anything else, good or bad: that is for `decode`, which must have accepted a record with this device's key before.
        """
        try:
            fields = _loads(value)  # type: ignore[arg-type]  # None raises, as what is not JSON does
            if fields["device"] != device:
                return None
            at, power, imports, export = fields["at"], fields.get("power_w"), fields.get("import_wh"), fields.get("export_wh")
            if type(at) is str:
                known, quotes = 2, 8
                at = self._minutes[at[:17]] + SECONDS[at[17:]]
            elif type(at) is int:
                known, quotes = 2, 6
            else:
                return None
            if power is not None:
                kind = type(power)
                if kind is not float and kind is not int or not -self._max_w <= power <= self._max_w:
                    return None
                known += 1
                power = round(power * 1000) if kind is float else power * 1000
            if imports is not None:
                kind = type(imports)
                if kind is not int and kind is not float or not 0 <= imports <= MAX_REGISTER_WH:
                    return None
                known += 1
                imports = imports * 1000 if kind is int else round(imports * 1000)
            if export is not None:
                kind = type(export)
                if kind is not int and kind is not float or not 0 <= export <= MAX_REGISTER_WH:
                    return None
                known += 1
                export = export * 1000 if kind is int else round(export * 1000)
            # A repeated key, or a key in a nested object, leaves more quotes than the fields account for.
            if known == 2 or known != len(fields) or value.count(b'"') != quotes + 2 * (known - 2) or len(value) > MAX_BYTES:  # type: ignore[union-attr, arg-type]
                return None
            if not YEAR_2000_MS <= at <= timestamp + FUTURE_MS:
                return None
            return at, power, imports, export, None, None
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return None

    def decode(self, key: bytes | None, value: bytes | None, timestamp: int) -> Message:
        """The message in a record; `timestamp` is the broker's, in ms. Raises RejectedReading for a message that is rejected whole."""
        if value is not None and len(value) > MAX_BYTES:
            raise RejectedReading(Reason.SIZE, f"{len(value)} bytes; the limit is {MAX_BYTES}")
        fields = check_shape(value)
        device = self._device(key, fields.get("device"))
        columns = [fields.get(name) for name in _VALUES]
        arrays = [column for column in (fields.get("at"), *columns) if type(column) is list]
        if not arrays:
            return Message(device, (self._reading(fields.get("at"), columns, timestamp),))
        return self._many(device, fields.get("at"), columns, arrays, timestamp)

    def _device(self, key: bytes | None, device: object) -> str:
        if type(device) is not str or DEVICE.fullmatch(device) is None:
            raise RejectedReading(Reason.DEVICE_INVALID, "device: needs 1 to 128 of A-Z a-z 0-9 . _ : -")
        if key is None or key != device.encode():
            raise RejectedReading(Reason.DEVICE_MISMATCH, "device: differs from the record's key")
        if key not in self._names:
            if self._partitions is not None:
                right = partition_of(key, self._partitions)
                if right != self._partition:
                    raise RejectedReading(
                        Reason.PARTITION_MISMATCH, f"in partition {self._partition}, the key belongs to {right} of {self._partitions}"
                    )
            if len(self._names) >= _NAMES:
                self._names.clear()
            self._names[key] = device
        return device

    def _many(self, device: str, at: object, columns: list[Any], arrays: list[list[Any]], timestamp: int) -> Message:
        count = max(map(len, arrays))
        if count > MAX_READINGS:
            raise RejectedReading(Reason.SIZE, f"{count} readings; the limit is {MAX_READINGS}")
        if type(at) is not list or count == 0 or any(len(array) != count for array in arrays):
            raise RejectedReading(Reason.ARRAY_LENGTH, "arrays: each as long as that of at, and at least one element")
        readings = self._plain(at, columns, timestamp)
        if readings is not None:
            return Message(device, readings, range(count))
        return self._one_by_one(device, at, columns, timestamp)

    def _plain(self, ats: list[Any], columns: list[Any], timestamp: int) -> list[Reading] | None:
        """All readings at once where nothing is odd: in order, only powers and registers, all good; else None."""
        power, imports, export, for_s, energy = columns
        if for_s is not None or energy is not None or power is imports is export is None:
            return None
        try:
            instants = list(map(self._clock.ms, ats))
        except RejectedReading:
            return None
        if instants[0] < YEAR_2000_MS or instants[-1] > timestamp + FUTURE_MS or not all(map(le, instants, instants[1:])):
            return None
        scaled = []
        for column, low, high in ((power, -self._max_w, self._max_w), (imports, 0, MAX_REGISTER_WH), (export, 0, MAX_REGISTER_WH)):
            if column is None:
                scaled.append(repeat(None))
                continue
            values = column if type(column) is list else [column]
            if not _all_numbers(values, low, high):
                return None
            thousands = [round(value * 1000) for value in values]
            scaled.append(thousands if type(column) is list else repeat(thousands[0]))  # type: ignore[arg-type]
        return list(zip(instants, *scaled, repeat(None), repeat(None)))  # ends with the instants

    def _one_by_one(self, device: str, ats: list[Any], columns: list[Any], timestamp: int) -> Message:
        good: list[tuple[Reading, int]] = []
        faults: dict[Reason, Fault] = {}
        rows = zip(ats, *(column if type(column) is list else repeat(column) for column in columns))  # noqa: B905  # ends with the instants
        for index, (at, *values) in enumerate(rows):
            try:
                good.append((self._reading(at, values, timestamp), index))
            except RejectedReading as error:
                faults.setdefault(error.reason, Fault(error.reason, error.detail, [])).elements.append(index)
        good.sort(key=lambda pair: pair[0][0])
        return Message(device, [reading for reading, _ in good], [index for _, index in good], list(faults.values()))

    def _reading(self, at: object, values: Sequence[Any], timestamp: int) -> Reading:
        ms = self._clock.ms(at)
        power_w, import_wh, export_wh, for_s, energy_wh = values
        length = for_s * 1000 if type(for_s) in _NUMBERS and for_s > 0 else 0  # may be infinite: it has not been checked yet
        if ms > timestamp + FUTURE_MS or length > timestamp + FUTURE_MS or ms + round(length) > timestamp + FUTURE_MS:
            raise RejectedReading(Reason.AT_FUTURE, f"at: more than {FUTURE_MS // 60_000} min after the broker's clock")
        if ms < YEAR_2000_MS:
            raise RejectedReading(Reason.AT_PAST, "at: before 2000")
        for name, value in zip(_VALUES, values, strict=True):
            if value is not None and type(value) not in _NUMBERS:
                raise RejectedReading(Reason.VALUE_TYPE, f"{name}: not a number")
        if power_w is None and import_wh is None and export_wh is None and energy_wh is None:
            raise RejectedReading(Reason.VALUE_MISSING, "none of power_w, import_wh, export_wh, energy_wh")
        _check_conflict(power_w, for_s, energy_wh)
        self._check_range(power_w, import_wh, export_wh, for_s, energy_wh)
        power, imports, export, for_ms, energy = (None if value is None else round(value * 1000) for value in values)
        return ms, power, imports, export, for_ms, energy

    def _check_range(
        self, power_w: float | None, import_wh: float | None, export_wh: float | None, for_s: float | None, energy_wh: float | None
    ) -> None:
        if power_w is not None and not -self._max_w <= power_w <= self._max_w:
            raise RejectedReading(Reason.VALUE_RANGE, f"power_w: beyond ±{self._max_w}")
        for name, value in (("import_wh", import_wh), ("export_wh", export_wh)):
            if value is not None and not 0 <= value <= MAX_REGISTER_WH:
                raise RejectedReading(Reason.VALUE_RANGE, f"{name}: not within 0 and {MAX_REGISTER_WH}")
        if for_s is None:
            return
        if not 0 < for_s <= MAX_FOR_S or round(for_s * 1000) == 0:
            raise RejectedReading(Reason.VALUE_RANGE, f"for_s: not within 0.001 and {MAX_FOR_S}")
        if energy_wh is not None and not self._plausible(energy_wh, round(for_s * 1000)):
            raise RejectedReading(Reason.VALUE_RANGE, f"energy_wh: its mean power is beyond ±{self._max_w}")

    def _plausible(self, energy_wh: float, for_ms: int) -> bool:
        """Whether an energy's mean power is within the limit; one beyond all registers is not even multiplied."""
        return abs(energy_wh) <= MAX_REGISTER_WH and abs(round(energy_wh * 1000)) * MS_PER_HOUR <= self._rules.max_power_mw * for_ms


def _check_conflict(power_w: object, for_s: object, energy_wh: object) -> None:
    if energy_wh is not None and (power_w is not None or for_s is None):
        raise RejectedReading(Reason.VALUE_CONFLICT, "energy_wh: needs for_s, and no power_w")
    if for_s is not None and power_w is None and energy_wh is None:
        raise RejectedReading(Reason.VALUE_CONFLICT, "for_s: needs power_w or energy_wh")


def _all_numbers(values: Iterable[Any], low: float, high: float, kinds: Container[type] = _NUMBERS) -> bool:
    return all(kind in kinds for kind in set(map(type, values))) and low <= min(values) and max(values) <= high
