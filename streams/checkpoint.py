"""A checkpoint: all that a partition's work has changed, as one Kafka transaction of its fenced producer.

Rows, totals, refusals and the position become visible together or not at all. What is written is captured and laid out before the first await.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from streams import faults
from streams.brokers import Brokers
from streams.fold import Changes, Refusal
from streams.source import CHECKPOINTED

REQUEST_S: Final = 5.0
CHECKPOINT_S: Final = 12.0
TRANSACTION_S: Final = 15.0
BATCH_BYTES: Final = 512 * 1024
WHOLE_BYTES: Final = 1536 * 1024
"""A refused record up to this size is written as it came: with our headers and compression it fits into topics of 2 MiB and a little."""
KEY_BYTES: Final = 1024
"""What is left of the key of a larger one; no device has so long a name."""
Headers = list[tuple[str, bytes]]
Message = tuple[bytes | None, bytes | None, Headers]
NO_HEADERS: Final[Headers] = []


def transactional_producer(brokers: Brokers, transactional_id: str) -> AIOKafkaProducer:
    """A producer whose start fences every older one of the same id. Limits: a request 5 s < a checkpoint 12 s < a transaction 15 s."""
    return AIOKafkaProducer(
        **brokers.client,
        transactional_id=transactional_id,
        transaction_timeout_ms=int(TRANSACTION_S * 1000),
        request_timeout_ms=int(REQUEST_S * 1000),
        compression_type="lz4",
        linger_ms=0,
        max_batch_size=BATCH_BYTES,
        max_request_size=16 * 1024 * 1024,
        retry_backoff_ms=50,
    )


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where one hop writes: topic names, and the group whose lag the tools show."""

    source: str
    table: str
    totals: str
    rejected: str
    late: str
    group: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What one checkpoint writes of one partition; `rows` ends with the position record."""

    partition: int
    position: int
    rows: list[tuple[bytes, bytes | None]]
    changes: Changes


async def write(producer: AIOKafkaProducer, to: Destinations, plan: Plan) -> int:
    """Writes and commits the plan; returns the changelog's offset of its last row.

    Raises Kafka's errors. After an error, or a cancellation, nobody knows whether it was committed: only the next fence decides.
    """
    partition, changes = plan.partition, plan.changes
    rows = batches(producer, ((key, value, NO_HEADERS) for key, value in plan.rows))
    totals = batches(producer, ((key, value, NO_HEADERS) for key, value in changes.totals))
    rejected = batches(producer, (original(to.source, partition, refusal) for refusal in changes.rejected))
    late = batches(producer, (original(to.source, partition, refusal) for refusal in changes.late))
    faults.hit("before_transaction")
    await producer.begin_transaction()
    sent = await send(producer, to.table, partition, rows)
    faults.hit("after_rows")
    await send(producer, to.totals, partition, totals)
    faults.hit("after_totals")
    await send(producer, to.rejected, partition, rejected)
    faults.hit("after_rejected")
    await send(producer, to.late, partition, late)
    faults.hit("after_refusals")
    offsets = {TopicPartition(to.source, partition): OffsetAndMetadata(plan.position, CHECKPOINTED)}
    await producer.send_offsets_to_transaction(offsets, to.group)
    faults.hit("before_commit")
    await producer.commit_transaction()
    faults.hit("after_commit")
    return sent


def batches(producer: AIOKafkaProducer, messages: Iterable[Message]) -> list[Any]:
    """Lays messages out as record batches, in order; one that is larger than a batch is alone in its own."""
    done: list[Any] = []
    batch = producer.create_batch()
    for key, value, headers in messages:
        if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
            done.append(batch)
            batch = producer.create_batch()
            if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                raise RuntimeError(f"a record of {len(value or b'')} bytes does not fit into a batch")
    if batch.record_count():
        done.append(batch)
    for full in done:
        full.close()
    return done


async def send(producer: AIOKafkaProducer, topic: str, partition: int, full: list[Any]) -> int:
    """Sends batches to one partition and waits for them; returns the last record's offset, -1 where there is nothing to send."""
    counts = [batch.record_count() for batch in full]
    futures = [await producer.send_batch(batch, topic, partition=partition) for batch in full]
    sent = await asyncio.gather(*futures)
    return int(sent[-1].offset) + counts[-1] - 1 if sent else -1


def original(source: str, partition: int, refusal: Refusal) -> Message:
    """The refused record as it came, and beside it why: `reason`, `detail`, `source`, `index`.

    Its key is its own, so that it can be taken away alone: where it came from, and why it was refused. The original's is in the header `key`,
    unless it had none. No device is named in a key: tombstones stay for a while.

    What is too large for the topic (its producer may have packed it better than we do) is cut, or no checkpoint could ever be made again: the value's
    first part stays, no headers of its own do, and `truncated` is the true size in bytes of key, value and headers. `source` is where all of it is.
    """
    record = refusal.record
    key, value, headers = record.key, record.value, [*record.headers]
    reason, place = (refusal.reason.value if refusal.reason else "late").encode(), f"{source}/{partition}/{record.offset}".encode()
    why = [("reason", reason), ("detail", refusal.detail[:256].encode()), ("source", place)]
    if refusal.index is not None:
        why.append(("index", refusal.index.encode()))
    size = sum(len(part or b"") for part in (key, value)) + sum(len(name.encode()) + len(content or b"") for name, content in headers)
    if size > WHOLE_BYTES:
        key, value, headers = key and key[:KEY_BYTES], value and value[:WHOLE_BYTES], []
        why.append(("truncated", b"%d" % size))
    if key is not None:
        why.append(("key", key))
    return place + b" " + reason, value, headers + why
