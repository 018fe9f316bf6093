"""The oracle: every total that the readings in Kafka must lead to, worked out by brute force from the text of docs/metering.md.

An independent second implementation: of `metering/` it uses only the settings and the result types. Sort, walk, split; slow is fine.
"""

from __future__ import annotations

from collections import Counter

from metering.rules import Rules
from metering.total import Grain, Total
from tests.oracle_device import Device
from tests.oracle_reading import Message, Reading, Refused, decode

__all__ = ["Message", "Oracle"]


class Live:
    """The values of a device's newest readings, of each kind apart; `offset` is the newest record that changed one of them."""

    KINDS = (("power_mw", "power_at"), ("import_mwh", "import_at"), ("export_mwh", "export_at"))

    def __init__(self, device: str) -> None:
        names = ("device", "at", "power_mw", "power_at", "import_mwh", "import_at", "export_mwh", "export_at", "offset")
        self.fields: dict[str, str | int | None] = dict.fromkeys(names) | {"device": device}

    def take(self, reading: Reading, offset: int) -> None:
        """An old batch never overwrites a newer value; of the same instant, the last message's stands."""
        values = (None if reading.flow is None else reading.flow.mean_mw, reading.import_mwh, reading.export_mwh)
        for (name, name_at), value in zip(self.KINDS, values, strict=True):
            held, held_at = self.fields[name], self.fields[name_at]
            if value is None or isinstance(held_at, int) and reading.at < held_at or (value, reading.at) == (held, held_at):
                continue
            at = self.fields["at"]
            newest = max(at, reading.at) if isinstance(at, int) else reading.at
            self.fields |= {name: value, name_at: reading.at, "at": newest, "offset": offset}


class Oracle:
    """Takes the records of the readings topic in the order of their offsets; knows at any moment what every total has to be.

    `outcomes` counts elements (a message rejected as a whole counts one). `rejected` and `late` hold (offset, …, indexes in the array as sent, or
    None for a message that is no array or is rejected as a whole), one entry a message and reason.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.outcomes: Counter[str] = Counter()
        self.rejected: list[tuple[int, str, list[int] | None]] = []
        self.late: list[tuple[int, list[int] | None]] = []
        self.devices: dict[str, Device] = {}
        self._live: dict[str, Live] = {}

    @property
    def live(self) -> dict[str, dict[str, str | int | None]]:
        """By device: what section 8 names."""
        return {device: live.fields for device, live in self._live.items()}

    def add(self, message: Message) -> None:
        """Count what can be counted of one record. After an erase there is no such device, and never was."""
        erased = message.erases
        if erased is not None:
            self.devices.pop(erased, None)
            self._live.pop(erased, None)
            return
        try:
            device, good, bad = decode(message, self.rules)
        except Refused as refused:
            self.outcomes["rejected"] += 1
            self.rejected.append((message.offset, refused.reason, None))
            return
        for reason, indexes in bad.items():
            self.outcomes["rejected"] += len(indexes)
            self.rejected.append((message.offset, reason, listed(indexes)))
        late: list[int | None] = []
        for index, reading in good:
            self._live.setdefault(device, Live(device)).take(reading, message.offset)
            outcome = self.devices.setdefault(device, Device(device, self.rules)).take(reading)
            self.outcomes[outcome] += 1
            if outcome == "late":
                late.append(index)
        if late:
            self.late.append((message.offset, listed(late)))

    def totals(self) -> dict[tuple[str, Grain, int], Total]:
        """Every total that exists now, by device, grain and start in epoch seconds; versions are 0."""
        return {(name, grain, start): total for name, device in self.devices.items() for (grain, start), total in device.totals().items()}


def listed(indexes: list[int | None]) -> list[int] | None:
    """None for the one element of a message that is no array."""
    return None if None in indexes else sorted(index for index in indexes if index is not None)
