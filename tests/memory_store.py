"""A store in memory that keeps the promises of `dynamodb.writes.Store`; the contract suite holds it to them beside the real one."""

from __future__ import annotations

from collections.abc import Hashable

from dynamodb.errors import LogsMixed, Retired
from dynamodb.writes import Outcome
from metering.live import Live, newest
from metering.total import Total


class MemoryStore:
    """`totals` by device, grain and start, with the partition that each came from; `lives` by device, and where each was erased last."""

    def __init__(self) -> None:
        self.totals: dict[Hashable, tuple[Total, int]] = {}
        self.lives: dict[str, Live] = {}
        self.erased: dict[str, tuple[int, int]] = {}

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
        erased = self.erased.get(live.device, (-1, -1))
        if live.erased >= 0:
            if (live.epoch, live.erased) > erased:
                self.erased[live.device] = live.epoch, live.erased
                self.lives.pop(live.device, None)
                if live.at >= 0:
                    self.lives[live.device] = live._replace(epoch=0, erased=-1)
                return Outcome.STORED
            live = live._replace(erased=-1)
        if live.at < 0 or (live.epoch, live.offset) <= erased:
            return Outcome.STALE
        live, stored = live._replace(epoch=0), self.lives.get(live.device)
        if stored is None:
            self.lives[live.device] = live
            return Outcome.STORED
        first, second = (stored, live) if live.version > stored.version else (live, stored)
        merged = newest(first, second)
        version = max(stored, live, key=lambda each: each.version)
        self.lives[live.device] = merged._replace(offset=version.offset)
        same = (merged.power_at, merged.import_at, merged.export_at) == (stored.power_at, stored.import_at, stored.export_at)
        return Outcome.STALE if same and version is stored else Outcome.STORED
