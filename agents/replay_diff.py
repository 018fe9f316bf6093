"""`python -m agents replay diff`: which periods a replay would change, and by how much energy, from the level topics of both generations."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from rich.console import Console
from rich.table import Table

from agents.replay import Change, changes
from agents.replay_command import Place, place, ran, settle
from agents.reread import reread
from metering.compare import Key
from metering.erase import erase_from_json
from metering.total import Grain, Total
from metering.wire import total_from_json
from settings.environ import SettingError
from streams.exits import Exit
from streams.settings import Settings
from streams.topics import Topics

KWH: Final = 1_000_000
SHOWN: Final = 30


@dataclass(frozen=True, slots=True)
class Sides:
    """One partition's totals of both generations. Below position `settled` of its readings both have all in all levels."""

    before: Mapping[Key, Total]
    after: Mapping[Key, Total]
    settled: int

    @property
    def keys(self) -> Set[Key]:
        """Of every period."""
        return self.before.keys() | self.after.keys()

    def counts(self, key: Key) -> bool:
        """Nothing has come for it since: what is still moving is at different places in both."""
        return max(side[key].reflects for side in (self.before, self.after) if key in side) < self.settled


@dataclass(slots=True)
class Findings:
    """What was compared, and what differs, by device."""

    compared: int = 0
    moving: int = 0
    unreadable: int = 0
    changes: dict[str, Change] = field(default_factory=dict)


def run(settings: Settings, *, json: bool, wait_s: float) -> Exit:
    """Prints what would change; 0 if nothing would, 1 if something. Raises SettingError, and ClusterError if it cannot be said within `wait_s`."""
    here = ran(settings, place(settings))
    if here.generation.live:
        raise SettingError(f"WATTFALL_EPOCH={settings.epoch} is live: there is nothing to compare it with")
    found = ran(settings, compare(here, wait_s))
    notes = [f"{found.compared:,} periods were compared with epoch {here.before.epoch}, {found.moving:,} are still moving"]
    if found.unreadable:
        notes.append(f"{found.unreadable:,} totals of another version were not compared")
    if json:
        print("\n".join(notes), file=sys.stderr)
        for device, change in sorted(found.changes.items()):
            print(orjson.dumps(as_json(device, change)).decode())
    else:
        show(found.changes, notes)
    return Exit.FAILED if found.changes else Exit.STOPPED


async def compare(here: Place, wait_s: float) -> Findings:
    """Partition by partition: a device is in one, and nobody has memory for all."""
    if not here.has(here.before):
        raise SettingError(f"there is nothing to compare with: epoch {here.before.epoch} has no topics any more")
    settled, found = await settle(here, wait_s, both=True), Findings()
    for partition in range(here.partitions):
        before, after, unreadable = await both(here, partition)
        sides = Sides(before, after, settled.get(partition, 0))
        found.unreadable += unreadable
        compared = sum(map(sides.counts, sides.keys))
        found.compared += compared
        found.moving += len(sides.keys) - compared
        found.changes |= changes(before, after, sides.counts)
    return found


async def both(here: Place, partition: int) -> tuple[dict[Key, Total], dict[Key, Total], int]:
    """The old generation's totals, as far as the new one counts, and the new one's; how many cannot be read."""
    before, old_unreadable = await newest(here, Topics.of(here.before).levels, partition)
    after, unreadable = await newest(here, here.topics.levels, partition)
    return before, after, old_unreadable + unreadable


async def newest(here: Place, topics: Sequence[str], partition: int) -> tuple[dict[Key, Total], int]:
    """The last total of every period that the replay counts, in this partition of level topics; how many cannot be read.

    Those that hold nothing any more are as good as not there.
    """
    values: dict[tuple[str, bytes], bytes | None] = {}
    for topic in topics:

        async def take(_: int, records: Sequence[Any], topic: str = topic) -> None:
            for record in records:
                if wanted(here, record.key):
                    values[topic, record.key] = record.value
                if (erase := erase_from_json(record.key, record.value)) is not None:
                    of_device = erase.device.encode() + b"|"
                    for known in [known for known in values if known[0] == topic and known[1].startswith(of_device)]:
                        del values[known]

        await reread(here.settings.brokers, topic, [partition], take)
    totals, unreadable = [], 0
    for (_, key), value in values.items():
        if value is None or erase_from_json(key, value) is not None:
            continue
        try:
            totals.append(total_from_json(value))
        except ValueError:
            unreadable += 1
    return {(total.device, total.grain, total.start): total for total in totals if not total.absent}, unreadable


def wanted(here: Place, key: bytes | None) -> bool:
    """By its key, before it is kept: is this total one of those that the replay counts?"""
    device, _, start = (key or b"").decode(errors="replace").rpartition("|")
    since, devices = here.generation.since, here.generation.devices
    return (since is None or start.isdigit() and int(start) >= since) and (not devices or device in devices)


def as_json(device: str, change: Change) -> dict[str, Any]:
    """One device's line; energy in mWh."""
    periods = {f"{grain}s": change.periods[grain] for grain in Grain}
    energy = {"import_mwh": change.import_mwh, "export_mwh": change.export_mwh}
    return {"device": device, **periods, **{name: {"before": old, "after": new} for name, (old, new) in energy.items()}}


def show(found: Mapping[str, Change], notes: Sequence[str]) -> None:
    """A table of the devices of which most would change, and a last line for all; energy is that of the hours that differ."""
    console = Console(width=None if Console().is_terminal else 120)
    for note in notes:
        console.print(note, highlight=False)
    if not found:
        console.print("nothing would change")
        return
    table = Table("device", title="what would change")
    for name in ("hours", "days", "months", "import kWh before", "after", "by", "export kWh before", "after", "by"):
        table.add_column(name, justify="right")
    most = sorted(found, key=lambda device: (-found[device].moved_mwh, device))
    for device in most[:SHOWN]:
        table.add_row(device, *row(found[device]))
    if most[SHOWN:]:
        table.add_row(f"… {len(most) - SHOWN:,} more: --json")
    table.add_section()
    table.add_row(f"{len(found):,} devices", *row(summed(found)))
    console.print(table)


def row(change: Change) -> list[str]:
    """A device's columns."""
    energy = [
        text for old, new in (change.import_mwh, change.export_mwh) for text in (kwh(old), kwh(new), f"{'+' if new > old else ''}{kwh(new - old)}")
    ]
    return [*(f"{change.periods[grain]:,}" for grain in Grain), *energy]


def kwh(mwh: int) -> str:
    """Thousandths of a kWh, rounded towards 0."""
    whole, rest = divmod(abs(mwh), KWH)
    return f"{'-' if mwh < 0 else ''}{whole:,}.{rest // 1000:03}"


def summed(found: Mapping[str, Change]) -> Change:
    """Of all devices."""
    total = Change()
    for change in found.values():
        total.periods += change.periods
        total.import_mwh = (total.import_mwh[0] + change.import_mwh[0], total.import_mwh[1] + change.import_mwh[1])
        total.export_mwh = (total.export_mwh[0] + change.export_mwh[0], total.export_mwh[1] + change.export_mwh[1])
    return total
