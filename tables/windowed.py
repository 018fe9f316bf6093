"""A windowed table: rows are parts of periods, the changelog is a topic of ours, the stores are ours.

Faust does what it is good at, recovery and the assignment of partitions; it never sees a key or a value. A row is never set through the table: only
what a committed checkpoint wrote reaches a store, by the same call that recovery uses.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import faust
from faust.types import TP

from streams.batch import Batch
from streams.exits import Exit, Leave
from streams.logs import safe
from streams.transport import RecordBatches
from tables.stores import LocalRows, Store

log = logging.getLogger("wattfall.table")
RECOVERY_BATCHES = 2  # of a fetch each; with 1 Faust goes on reading the changelog for ever


class WindowedTable(LocalRows, faust.Table[bytes, bytes]):
    """`changelog`: the topic's name. `opener` makes the store of a partition, when it is assigned. `leave` ends the process if recovery fails."""

    def __init__(self, app: Any, *, name: str, changelog: str, partitions: int, opener: Callable[[int], Store], leave: Leave) -> None:
        self.changelog_name, self.opener, self.leave = changelog, opener, leave
        self.stores = {}
        super().__init__(
            app, name=name, partitions=partitions, store="memory://", recovery_buffer_size=RECOVERY_BATCHES, schema=RecordBatches()
        )  # Faust's own store stays empty

    def _changelog_topic_name(self) -> str:
        return self.changelog_name

    def persisted_offset(self, tp: TP) -> int | None:
        """How far the local store is; opens it.

        A copy has only what was committed. Where the broker has lost the marker of that (streams/highwater.py) it is ahead of what can be read.
        """
        store = self.stores.get(tp.partition)
        if store is None:
            store = self.stores[tp.partition] = self.opener(tp.partition)
        consumer: Any = self.app.consumer
        reached: int | None = store.offset
        if reached is not None and tp in consumer.still_open:
            reached = min(reached, consumer.ends[tp] - 1)
        return reached

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """Recovery: what the changelog says, in its order."""
        try:
            for event in batch:
                if event.message.topic == self.changelog_name:  # Faust hands a batch of a partition that went to whichever table came before
                    self.recover(event.value)
        except Exception as error:  # Faust would log it and wait for ever
            self.leave(Exit.RECOVERY_FAILED, f"table {self.name}: recovery failed: {safe(error)}")

    def recover(self, fetched: Batch) -> None:
        """Takes a stretch of the changelog; nothing of a partition that is no longer ours. Raises RuntimeError if records before it are missing.

        By the records that were delivered, not by positions: markers and compaction leave holes, and Faust passes over what the store has already.
        """
        store = self.stores.get(fetched.partition)
        if store is None:
            return
        reached = self.reached(fetched.partition)
        missing = store.offset is not None if fetched.after is None else fetched.after >= reached
        if fetched.begin > reached and missing:
            raise RuntimeError(f"partition {fetched.partition} is at {reached}, but got [{fetched.begin}, {fetched.end}) after {fetched.after}")
        store.apply([(record.key, record.value) for record in fetched.records], fetched.records[-1].offset)

    async def on_rebalance(self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0) -> None:
        """Closes the stores of partitions that went."""
        ours = {tp.partition for tp in assigned if tp.topic == self.changelog_name}
        for partition in [p for p in self.stores if p not in ours]:
            self.stores.pop(partition).close()
        log.info("table %s: recovering %d partitions", self.name, len(ours))
