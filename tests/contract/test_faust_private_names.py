"""Every private name of faust-streaming 0.15.3, mode-streaming 0.7.1 and aiokafka 0.14.0 that the streams rely on.

When one of these fails after an upgrade, read streams/transport.py, streams/app.py, streams/cluster.py and tables/windowed.py before anything else.
"""

from __future__ import annotations

import inspect
from importlib.metadata import version

import aiokafka
import faust
import mode
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.consumer import fetcher, group_coordinator, subscription_state
from aiokafka.producer import message_accumulator
from aiokafka.record import default_records, memory_records
from faust.app.base import App
from faust.tables import recovery
from faust.tables.base import Collection
from faust.transport import conductor, consumer
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver


def source(thing: object) -> str:
    """A function's or class's text."""
    return inspect.getsource(getattr(thing, "fun", thing))  # type: ignore[arg-type]  # mode wraps a service's tasks


@pytest.mark.parametrize(("package", "pinned"), [("faust-streaming", "0.15.3"), ("mode-streaming", "0.7.1"), ("aiokafka", "0.14.0")])
def test_the_versions_are_the_ones_that_were_read(package: str, pinned: str) -> None:
    assert version(package) == pinned


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (driver.AIOKafkaConsumerThread, ["_create_worker_consumer", "_highwaters", "_fetch_records", "_ensure_consumer"]),
        (driver.Consumer, ["_new_consumer_thread", "on_partitions_assigned", "on_partitions_revoked", "verify_event_path"]),
        (consumer.Consumer, ["_drain_messages", "_wait_next_records", "commit", "ack", "seek", "perform_seek"]),
        (consumer.ThreadDelegateConsumer, ["threadsafe_partitions_revoked", "threadsafe_partitions_assigned"]),
        (fetcher.Fetcher, ["_create_fetch_waiter", "_notify"]),
        (fetcher.FetchResult, ["check_assignment", "getall", "has_more"]),
        (fetcher.FetchError, ["check_raise"]),
        (subscription_state.SubscriptionState, ["fetch_context", "wait_for_assignment", "reassignment_in_progress", "is_assigned"]),
        (subscription_state.TopicPartitionState, ["has_valid_position", "position"]),
        (group_coordinator.GroupCoordinator, ["fetch_committed_offsets"]),
        (message_accumulator.BatchBuilder, ["append", "close", "record_count"]),
        (Collection, ["_changelog_topic_name", "persisted_offset", "apply_changelog_batch", "on_rebalance"]),
        (App, ["_create_directories", "on_rebalance_start", "on_rebalance_end", "in_transaction"]),
        (faust.Worker, ["_on_sigterm", "_on_sigint", "change_workdir"]),
        (mode.Worker, ["execute_from_commandline", "install_signal_handlers"]),
        (AIOKafkaAdminClient, ["_send_request"]),
        (aiokafka.AIOKafkaProducer, ["create_batch", "send_batch", "send_offsets_to_transaction", "begin_transaction", "commit_transaction"]),
    ],
)
def test_methods(owner: type, names: list[str]) -> None:
    assert [name for name in names if not hasattr(owner, name)] == []


@pytest.mark.parametrize(
    ("owner", "texts"),
    [
        (aiokafka.AIOKafkaConsumer, ["self._fetcher", "self._coordinator", "self._closed", "self._fetch_max_wait_ms", "self._isolation_level"]),
        (fetcher.Fetcher, ["self._records", "self._wait_consume_future", "self._closed", "self._subscriptions"]),
        (fetcher.FetchResult, ["self._partition_records"]),
        (fetcher.Fetcher, ["MemoryRecords(part_data[-1])"]),
        (
            fetcher.PartitionRecords,
            ["self.next_fetch_offset", "if record.offset < self.next_fetch_offset", "for record in next_batch", "self._consumer_record(tp, record)"],
        ),
        (memory_records._MemoryRecordsPy, ["self._next_slice", "DefaultRecordBatch(next_slice)"]),
        (default_records._DefaultRecordBatchPy, ["self._maybe_uncompress()", "self._buffer = bytearray", '.decode("utf-8")']),
        (consumer.Consumer, ["self._unacked_messages", "self._read_offset", "self.flow_active", "self.callback"]),
        (consumer.ThreadDelegateConsumer, ["self._thread"]),
        (conductor.Conductor, ["self._tp_to_callback"]),
        (App, ["self.rebalancing = True", "self.rebalancing = False", "self._consumer"]),
    ],
)
def test_attributes(owner: type, texts: list[str]) -> None:
    text = source(owner)
    assert [wanted for wanted in texts if wanted not in text] == []


def test_the_fetch_loop_waits_with_the_settings_that_are_set_after_construction() -> None:
    text = source(aiokafka.AIOKafkaConsumer.start)
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in text
    assert "isolation_level=self._isolation_level" in text


def test_rebalancing_begins_before_revocation_and_ends_after_recovery() -> None:
    assert "on_rebalance_start()" in source(driver.ConsumerRebalanceListener.on_partitions_revoked)
    assert "on_rebalance_end()" in source(recovery.Recovery.on_recovery_completed)
    assert "on_rebalance_end()" in source(recovery.Recovery._resume_streams)


def test_recovery_asks_for_the_changelogs_end_after_the_assignment() -> None:
    asks = source(recovery.Recovery._restart_recovery)
    assert asks.index("_build_highwaters") < asks.index("_build_offsets"), "and then how far the copies are"
    assert "signal_recovery_start.set()" in source(recovery.Recovery.on_rebalance)


def test_recovery_reads_from_the_persisted_offset_and_takes_only_what_is_newer() -> None:
    assert "table.persisted_offset(tp)" in source(recovery.Recovery._add)
    assert "offset > seen_offset" in source(recovery.Recovery._slurp_changelogs)


def test_a_recovery_buffer_of_one_would_keep_the_changelog_flowing() -> None:
    assert "recovery_buffer_size == 1" in source(recovery.Recovery._restart_recovery)


def test_transports_are_found_by_alias() -> None:
    import streams.transport

    assert TRANSPORTS.by_name("wattfall") is streams.transport.Transport
