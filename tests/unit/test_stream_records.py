"""The position record, row keys, fault points and the topics' check."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings.environ import SettingError
from streams import faults
from streams.cluster import Cluster, Topic, missing, unlike
from streams.position import Position, position_key
from streams.settings import Settings
from streams.topics import Topics, specs
from tables.keys import device_key, part_key

DEVICES = st.text("ABCxyz019._:-", min_size=1, max_size=20)
STARTS = st.integers(0, 2**40 - 1)


def test_a_position_survives_being_written_down() -> None:
    position = Position(7, Counter(counted=5, late=2), "abc")
    assert Position.decode(position.encode()) == position


@pytest.mark.parametrize("row", [b"", b"{}", b"7", b'{"position": null, "outcomes": {}, "guard": ""}'])
def test_what_is_no_position_is_refused(row: bytes) -> None:
    with pytest.raises(ValueError, match="not a position record"):
        Position.decode(row)


@given(st.lists(st.tuples(DEVICES, STARTS, STARTS), unique=True, max_size=8))
def test_no_two_rows_share_a_key(parts: list[tuple[str, int, int]]) -> None:
    keys = {part_key(*part) for part in parts} | {device_key(device) for device, _, _ in parts}
    assert len(keys) == len(parts) + len({device for device, _, _ in parts})
    assert not any(key.startswith(b"\0") for key in keys)


@given(DEVICES, st.lists(st.tuples(STARTS, STARTS), unique=True, min_size=2, max_size=8))
def test_a_devices_parts_are_in_order_of_time(device: str, starts: list[tuple[int, int]]) -> None:
    assert sorted(part_key(device, *start) for start in starts) == [part_key(device, *start) for start in sorted(starts)]


def test_no_device_can_have_the_position_records_key() -> None:
    assert position_key(3) == b"\0position:3"


@pytest.mark.parametrize("text", ["nowhere", "before_fold:1:2", "pause:before_fold", "pause:nowhere:1", "before_fold:x", "pause:before_fold:x"])
def test_a_fault_point_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=f"WATTFALL_FAULT='{text}': wanted is "):
        faults.arm(text)


def test_an_armed_point_counts_down() -> None:
    faults.arm("before_fold:3")
    try:
        faults.hit("after_fold")
        faults.hit("before_fold")
        assert faults.armed is not None
        assert faults.armed.left == 2
    finally:
        faults.arm("")
    assert faults.armed is None


SPECS = specs(Topics.of(Settings()))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: str(spec.name))
def test_what_is_made_passes_the_check(spec: object) -> None:
    found = next(one for one in SPECS if one is spec)
    assert unlike(found, found.configs, replicated=False) == []


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("message.timestamp.type", "CreateTime", "topic readings: message.timestamp.type is CreateTime, but must be LogAppendTime"),
        ("cleanup.policy", "compact", "topic readings: cleanup.policy is compact, but must be delete"),
        ("retention.ms", "604800000", "topic readings: retention.ms is 604800000, but must be at least 5702400000"),
        ("max.message.bytes", "1048588", "topic readings: max.message.bytes is 1048588, but must be at least 2097152"),
    ],
)
def test_what_is_wrong_is_named_with_what_would_do(key: str, value: str, said: str) -> None:
    assert unlike(SPECS[0], dict(SPECS[0].configs) | {key: value}, replicated=False) == [said]


def test_kept_for_ever_is_long_enough() -> None:
    assert unlike(SPECS[0], dict(SPECS[0].configs) | {"retention.ms": "-1"}, replicated=False) == []


def test_with_three_replicas_one_is_not_enough_for_a_write() -> None:
    (said,) = unlike(SPECS[0], dict(SPECS[0].configs) | {"min.insync.replicas": "1"}, replicated=True)
    assert "min.insync.replicas is 1" in said


def test_missing_topics_and_unequal_partitions_are_told() -> None:
    cluster = Cluster("c", {"a": Topic("a", "1", 4), "b": Topic("b", "2", 8)})
    assert missing(cluster, ["a"]) == []
    absent, unequal = missing(cluster, ["a", "b", "x", "y"])
    assert absent == "no such topic: x, y; make what is missing with: python -m agents topics create"
    assert unequal == "all topics need the same number of partitions, but they have: a 4, b 8"
