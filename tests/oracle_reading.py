"""The oracle's own reading of a message: one strict decoder, written from the text alone and sharing nothing with `metering/`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from metering.rules import Rules

FUTURE_MS = 300_000
YEAR_2000_MS = 946_684_800_000
LARGEST_MESSAGE = 1024 * 1024
MOST_ELEMENTS = 10_000
DEEPEST = 4
LARGEST_INTEGER = 2**53
LARGEST_REGISTER_MWH = 10**15
LONGEST_INTERVAL_MS = 86_400_000
MWMS_PER_MWH = 3_600_000

NUMBERS = ("power_w", "import_wh", "export_wh", "for_s", "energy_wh")
DEVICE = re.compile(r"[A-Za-z0-9._:-]{1,128}")
INSTANT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(?:([Zz])|([+-])([0-9]{2}):([0-9]{2}))?")
REASONS = (
    "size", "json.syntax", "json.shape", "device.invalid", "device.mismatch", "partition.mismatch", "array.length", "at.missing", "at.invalid",
    "at.naive", "at.future", "at.past", "value.type", "value.missing", "value.conflict", "value.range",
)  # fmt: skip


@dataclass(frozen=True)
class Message:
    """A record of the readings topic: `timestamp` is the broker's, in ms; without `partitions` the partition is not checked.

    `headers`: names only.
    """

    key: bytes | None
    value: bytes | None
    timestamp: int
    offset: int
    partition: int = 0
    partitions: int | None = None
    headers: tuple[str, ...] = ()

    @property
    def erases(self) -> str | None:
        """The device that it erases, if it is an erase: the header says so, there is no value, and it is among that device's own readings."""
        if self.value is not None or "wattfall-erase" not in self.headers or self.key is None:
            return None
        name = self.key.decode(errors="replace")
        is_there = self.partitions is None or partition_of(self.key, self.partitions) == self.partition
        return name if DEVICE.fullmatch(name) and is_there else None


class Flow(NamedTuple):
    """Power (mW) at an instant or over an interval, or the energy (mWh) of an interval: exactly one of the first two."""

    power_mw: int | None
    energy_mwh: int | None
    for_ms: int | None

    @property
    def mean_mw(self) -> int:
        """An energy's mean power is rounded half away from 0."""
        if self.power_mw is not None:
            return self.power_mw
        assert self.energy_mwh is not None and self.for_ms is not None
        size = (2 * abs(self.energy_mwh) * MWMS_PER_MWH + self.for_ms) // (2 * self.for_ms)
        return size if self.energy_mwh >= 0 else -size


class Reading(NamedTuple):
    """What one element brings: `at` in ms, registers in mWh."""

    at: int
    flow: Flow | None
    import_mwh: int | None
    export_mwh: int | None

    def replaced_by(self, other: Reading) -> Reading:
        """The values that the other brings replace those of their kind, the rest stays."""
        return Reading(
            self.at,
            self.flow if other.flow is None else other.flow,
            self.import_mwh if other.import_mwh is None else other.import_mwh,
            self.export_mwh if other.export_mwh is None else other.export_mwh,
        )


class Refused(Exception):
    """Cannot be counted; the one argument is the reason."""

    @property
    def reason(self) -> str:
        return str(self.args[0])


class Decoded(NamedTuple):
    """`good` in order of `at`, each with its place in the array (None in a message without arrays); `bad` by reason, in the list's order."""

    device: str
    good: list[tuple[int | None, Reading]]
    bad: dict[str, list[int | None]]


def decode(message: Message, rules: Rules) -> Decoded:
    """Raises Refused where nothing of the message can be counted, whatever its elements are."""
    fields = _object(message.value)
    device = fields.get("device")
    if not isinstance(device, str) or not DEVICE.fullmatch(device):
        raise Refused("device.invalid")
    if message.key != device.encode():
        raise Refused("device.mismatch")
    if message.partitions is not None and partition_of(message.key, message.partitions) != message.partition:
        raise Refused("partition.mismatch")
    good: list[tuple[int | None, Reading]] = []
    bad: dict[str, list[int | None]] = {}
    for index, element in _elements(fields):
        try:
            good.append((index, _reading(element, message.timestamp, rules)))
        except Refused as refused:
            bad.setdefault(refused.reason, []).append(index)
    good.sort(key=lambda numbered: numbered[1].at)  # stable: equal instants stay in the order of the array
    return Decoded(device, good, {reason: bad[reason] for reason in REASONS if reason in bad})


def _object(value: bytes | None) -> dict[str, Any]:
    if value is not None and len(value) > LARGEST_MESSAGE:
        raise Refused("size")
    misshapen: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in items}) < len(items):
            misshapen.append("a key twice")
            _depth([part for _, part in items])  # a value that is lost to its namesake is looked at all the same
        if any(_surrogate(name) for name, _ in items):
            raise Refused("json.syntax")
        return dict(items)

    def integer(digits: str) -> int:
        if len(digits.lstrip("-")) > 16 or abs(int(digits)) > LARGEST_INTEGER:
            misshapen.append("a big integer")
            return 0
        return int(digits)

    def constant(name: str) -> float:
        raise Refused("json.syntax")

    def real(digits: str) -> float:
        number = float(digits)
        if number in (float("inf"), float("-inf")):
            raise Refused("json.syntax")
        return number

    try:
        text = (value or b"").decode("utf-8")
        parsed = json.loads(text, object_pairs_hook=pairs, parse_int=integer, parse_float=real, parse_constant=constant)
    except RecursionError:
        raise Refused("json.shape") from None
    except ValueError:  # UnicodeDecodeError, JSONDecodeError
        raise Refused("json.syntax") from None
    depth = _depth(parsed)
    if misshapen or depth > DEEPEST or not isinstance(parsed, dict):
        raise Refused("json.shape")
    return parsed


def _surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _depth(value: object) -> int:
    """How deep containers are nested; on the way, no string may hold a lone surrogate."""
    deepest, below = 0, [(value, 0)]
    while below:
        part, depth = below.pop()
        if isinstance(part, str) and _surrogate(part):
            raise Refused("json.syntax")
        if isinstance(part, dict | list):
            deepest = max(deepest, depth + 1)
            below.extend((inner, depth + 1) for inner in (part.values() if isinstance(part, dict) else part))
    return deepest


def _elements(fields: dict[str, Any]) -> list[tuple[int | None, dict[str, Any]]]:
    known = {name: fields[name] for name in ("at", *NUMBERS) if fields.get(name) is not None}
    lengths = {len(value) for value in known.values() if isinstance(value, list)}
    if not lengths:
        return [(None, known)]
    if max(lengths) > MOST_ELEMENTS:
        raise Refused("size")
    if len(lengths) > 1 or lengths == {0} or not isinstance(known.get("at"), list):
        raise Refused("array.length")
    return [(index, {name: value[index] if isinstance(value, list) else value for name, value in known.items()}) for index in range(lengths.pop())]


def _reading(element: dict[str, Any], timestamp: int, rules: Rules) -> Reading:
    at = _instant(element.get("at"))
    interval: Any = element.get("for_s")
    length = _milli(interval) if _is_number(interval) and interval > 0 else 0
    if length is None or at + length > timestamp + FUTURE_MS:
        raise Refused("at.future")
    if at < YEAR_2000_MS:
        raise Refused("at.past")
    values = [element.get(name) for name in NUMBERS]
    if any(value is not None and not _is_number(value) for value in values):
        raise Refused("value.type")
    power, imported, exported, interval, energy = values
    if power is None and imported is None and exported is None and energy is None:
        raise Refused("value.missing")
    if energy is not None and (power is not None or interval is None) or interval is not None and power is None and energy is None:
        raise Refused("value.conflict")
    for_ms = None if interval is None else _within_rounded(interval, 1, LONGEST_INTERVAL_MS)
    if interval is not None and interval > LONGEST_INTERVAL_MS // 1000:
        raise Refused("value.range")
    flow = None
    if power is not None:
        flow = Flow(_within(power, -rules.max_power_mw, rules.max_power_mw), None, for_ms)
    elif energy is not None:
        assert for_ms is not None
        most = rules.max_power_mw * for_ms // MWMS_PER_MWH
        flow = Flow(None, _within_rounded(energy, -most, most), for_ms)
    registers = [None if value is None else _within(value, 0, LARGEST_REGISTER_MWH) for value in (imported, exported)]
    return Reading(at, flow, *registers)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _milli(value: Any) -> int | None:
    """None: too large even for a float."""
    product = value * 1000
    return None if product in (float("inf"), float("-inf")) else round(product)


def _within(value: Any, least: int, most: int) -> int:
    """The limits hold for the value as it was sent, not as it was rounded."""
    milli = _milli(value)
    if milli is None or not least <= value * 1000 <= most or not least <= milli:
        raise Refused("value.range")
    return milli


def _within_rounded(value: Any, least: int, most: int) -> int:
    milli = _milli(value)
    if milli is None or not least <= milli <= most:
        raise Refused("value.range")
    return milli


def _instant(value: object) -> int:
    if value is None:
        raise Refused("at.missing")
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = INSTANT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Refused("at.invalid")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, zulu, sign, east_hours, east_minutes = match.groups()[6:]
    if hour > 23 or minute > 59 or second > 59 or (sign and (int(east_hours) > 23 or int(east_minutes) > 59)):
        raise Refused("at.invalid")
    try:
        days = date(year, month, day).toordinal() - date(1970, 1, 1).toordinal()
    except ValueError:
        raise Refused("at.invalid") from None
    if not zulu and not sign:
        raise Refused("at.naive")
    east = 0 if zulu else (int(east_hours) * 60 + int(east_minutes)) * (1 if sign == "+" else -1)
    ms = int((fraction or "0").ljust(3, "0")[:3])
    return (((days * 24 + hour) * 60 + minute - east) * 60 + second) * 1000 + ms


def partition_of(key: bytes, partitions: int) -> int:
    """Where Kafka's own producers put a key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(key: bytes) -> int:
    """Kafka's 32-bit murmur2 (seed 0x9747b28c), unsigned."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(key)
    whole = len(key) // 4 * 4
    for i in range(0, whole, 4):
        k = int.from_bytes(key[i : i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    if rest := key[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15
