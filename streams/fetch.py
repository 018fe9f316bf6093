"""The consumer's own thread: what has been fetched becomes batches, stamped with the fetcher's positions.

Written for faust-streaming 0.15.3 and aiokafka 0.14.0, whose private names it touches; tests/contract/test_faust_private_names.py lists them all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from aiokafka.consumer import fetcher as aiokafka_fetcher
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import ConsumerStoppedError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.batch import Batch
from streams.headers import Records
from streams.highwater import committed_ends, last_records

FETCH_WAIT_MS: Final = 100  # the driver's own 1500 stalls busy partitions behind idle ones
BATCH_RECORDS: Final = 1_000
"""Records in one batch at most, so that a fold never holds up the loop for long; the rest of the fetch is the next batch."""
ROUND_RECORDS: Final = 5_000
"""Records taken in one round at most, about: what is not taken yet stays compressed."""


aiokafka_fetcher.MemoryRecords = Records  # one header that is not UTF-8 would end every worker that reads it, again and again


class Thread(driver.AIOKafkaConsumerThread):
    """The consumer in its own thread."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        consumer._isolation_level = "read_committed"
        return consumer

    async def _highwaters(self, partitions: list[TP]) -> Mapping[TP, int]:
        """The end of each changelog as recovery means it: one behind the last *record*, whatever markers follow it, or are missing."""
        consumer: Any = self.consumer
        fence = consumer.fence
        ends, still_open = await committed_ends(consumer.app.settings.brokers, partial(super()._highwaters, partitions))
        found = {TP(*tp): end for tp, end in (await last_records(consumer.app.settings.brokers, ends)).items()}
        begins = await self._ensure_consumer().beginning_offsets([TopicPartition(*tp) for tp in found])
        if fence is consumer.fence:
            consumer.still_open = still_open
            consumer.ends.update({tp: end if end > begins[tp] else 0 for tp, end in found.items()})
        return found

    async def _fetch_records(self, consumer: Any, active_partitions: Any, timeout: float | None = None, max_records: int | None = None) -> Any:
        """All that has been fetched of the active partitions, as batches with their positions; waits up to `timeout` for something."""
        if not self.consumer.flow_active:
            return {}
        fetcher, subscriptions = consumer._fetcher, consumer._fetcher._subscriptions
        if consumer._closed or fetcher._closed:
            raise ConsumerStoppedError()
        with subscriptions.fetch_context():
            if subscriptions.reassignment_in_progress:
                await subscriptions.wait_for_assignment()
            found = drain(fetcher, active_partitions)
            if not found and timeout:
                waiter = fetcher._create_fetch_waiter()
                done, _ = await asyncio.wait([waiter], timeout=timeout)
                if not done:
                    waiter.cancel()
                elif not fetcher._closed:
                    waiter.result()  # authorization errors
                    found = drain(fetcher, active_partitions)
            return found

    async def committed_offsets(self, tps: list[TopicPartition]) -> Mapping[TopicPartition, OffsetAndMetadata]:
        """What the group committed, with the metadata that the consumer's own `committed` leaves out."""
        found = await self._ensure_consumer()._coordinator.fetch_committed_offsets(tps)
        return {tp: committed for tp, committed in found.items() if committed.offset >= 0}


def drain(fetcher: Any, active: Any) -> dict[TP, Batch]:
    """Takes what the fetcher has of the active partitions, empty ranges included. Raises what a broken fetch left behind."""
    found: dict[TP, Batch] = {}
    count = 0
    for tp in list(fetcher._records):
        if count >= ROUND_RECORDS:
            break
        if active and tp not in active:
            if not fetcher._subscriptions.is_assigned(tp):
                del fetcher._records[tp]
            continue
        batch = take(fetcher, tp)
        if batch is not None:
            found[TP(*tp)] = batch
            count += len(batch.records)
    return found


def take(fetcher: Any, tp: Any) -> Batch | None:
    """One partition's next batch. What remains of its fetch goes to the end of the queue, so that every partition has its turn."""
    result = fetcher._records.pop(tp)
    batch = None
    if type(result) is FetchResult:
        batch = next_batch(result, fetcher._subscriptions.subscription.assignment.state_value(tp), tp)
        if result.has_more():
            fetcher._records[tp] = result
            return batch
    fetcher._notify(fetcher._wait_consume_future)  # it may fetch the partition again
    if type(result) is not FetchResult:
        result.check_raise()
    return batch


def next_batch(result: FetchResult, state: Any, tp: Any) -> Batch | None:
    """The next records of a fetch, None if it was made before a seek, for an older assignment, or has nothing more."""
    begin = result._partition_records.next_fetch_offset
    if state is None or not state.has_valid_position or not result.check_assignment(tp):
        result._partition_records = None
        return None
    result._partition_records._consumer_record = as_read
    records = result.getall(BATCH_RECORDS)
    return Batch(tp.partition, records, begin, state.position) if state.position > begin else None


def as_read(tp: Any, record: Any) -> Any:
    """The record itself: aiokafka would copy it into a `ConsumerRecord`, which costs as much as reading it."""
    return record
