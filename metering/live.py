"""The live reading: of every kind of value the newest that a device sent, each with its own instant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from metering.reading import Reading
from metering.rules import MS_PER_HOUR


class Live(NamedTuple):
    """mW, mWh, epoch ms; None for what the device did not send. `offset` is that of the newest record that is in it.

    `erased`: the offset of an erase that is in it, -1 for none: whatever else there is of before goes. `epoch`: that of whoever says so.
    """

    device: str
    power_mw: int | None = None
    power_at: int | None = None
    import_mwh: int | None = None
    import_at: int | None = None
    export_mwh: int | None = None
    export_at: int | None = None
    offset: int = -1
    epoch: int = 0
    erased: int = -1

    @property
    def at(self) -> int:
        """The newest of the three instants; -1 where there is none, after an erase."""
        return max((at for at in (self.power_at, self.import_at, self.export_at) if at is not None), default=-1)

    @property
    def version(self) -> tuple[int, int]:
        """Orders the states of one device's live reading: the device's time first, so an old batch never overwrites a newer one."""
        return self.at, self.offset


def live(device: str, readings: Iterable[Reading], offset: int) -> Live:
    """The live reading in one message; its readings in order of `at`, at least one."""
    power = imports = export = (None, None)  # type: tuple[int | None, int | None]
    for reading in readings:
        at = reading[0]
        mean = mean_power(reading)
        power = (mean, at) if mean is not None else power
        imports = (reading[2], at) if reading[2] is not None else imports
        export = (reading[3], at) if reading[3] is not None else export
    return Live(device, *power, *imports, *export, offset)


def newest(old: Live, new: Live) -> Live:
    """Both merged, value by value; `new` is the later message, and wins where the instants are equal. What is of before an erase counts no more."""
    if old.offset < new.erased:
        return new
    if new.offset < old.erased:
        return old
    return Live(
        old.device,
        *_later((old.power_mw, old.power_at), (new.power_mw, new.power_at)),
        *_later((old.import_mwh, old.import_at), (new.import_mwh, new.import_at)),
        *_later((old.export_mwh, old.export_at), (new.export_mwh, new.export_at)),
        max(old.offset, new.offset),
        max(old.epoch, new.epoch),
        max(old.erased, new.erased),
    )


def mean_power(reading: Reading) -> int | None:
    """A reading's power in mW; of an energy its mean over the interval, rounded half away from zero; None if it has none."""
    _, power, _, _, for_ms, energy = reading
    if energy is None or for_ms is None:
        return power
    size = (2 * abs(energy) * MS_PER_HOUR + for_ms) // (2 * for_ms)
    return size if energy > 0 else -size


def _later(old: tuple[int | None, int | None], new: tuple[int | None, int | None]) -> tuple[int | None, int | None]:
    if new[1] is None or (old[1] is not None and old[1] > new[1]):
        return old
    return new
