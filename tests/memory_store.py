"""A store in memory that keeps the promises of `dynamodb.writes.Store`; the contract suite holds it to them beside the real one."""

from __future__ import annotations

from collections.abc import Hashable

from dynamodb.errors import LogsMixed, Retired
from dynamodb.writes import Outcome
from metering.live import Live, newest
from metering.total import Total


class MemoryStore:
    """`totals` by device, grain and start, with the partition that each came from; `lives` by device."""

    def __init__(self) -> None:
        self.totals: dict[Hashable, tuple[Total, int]] = {}
        self.lives: dict[str, Live] = {}

    async def put_total(self, total: Total, partition: int) -> Outcome:
        """See `Store`."""
        key = (total.device, total.grain, total.start)
        if key in self.totals:
            stored, stored_partition = self.totals[key]
            if stored.epoch > total.epoch:
                raise Retired(f"epoch {stored.epoch} is stored, not {total.epoch}")
            if stored.version >= total.version:
                if stored_partition != partition:
                    raise LogsMixed(f"partition {stored_partition} is stored, not {partition}")
                return Outcome.STALE
        self.totals[key] = (total, partition)
        return Outcome.STORED

    async def put_live(self, live: Live) -> Outcome:
        """See `Store`."""
        stored = self.lives.get(live.device)
        if stored is None:
            self.lives[live.device] = live
            return Outcome.STORED
        first, second = (stored, live) if live.version > stored.version else (live, stored)
        merged = newest(first, second)
        version = max(stored, live, key=lambda each: each.version)
        self.lives[live.device] = merged._replace(offset=version.offset)
        same = (merged.power_at, merged.import_at, merged.export_at) == (stored.power_at, stored.import_at, stored.export_at)
        return Outcome.STALE if same and version is stored else Outcome.STORED
