"""From readings to records of the topic."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from ingest.messages import MOST_BYTES, Message, messages
from ingest.reading import BadLine, Reading


def reading(device: str, at: object, line: int = 1, **values: object) -> Reading:
    return Reading(line, {"device": device, "at": at, **values})


def test_one_each() -> None:
    own = Reading(1, {"device": "a", "at": 5}, b'{"at": 5,  "device": "a"}')
    assert list(messages([own, reading("é", "x", power_w=1.5)], 1)) == [
        Message(b"a", b'{"at": 5,  "device": "a"}', 1, 5),
        Message("é".encode(), '{"device":"é","at":"x","power_w":1.5}'.encode(), 1, "x"),
    ]


def test_many_in_one_are_sent_with_their_last() -> None:
    found = list(messages([reading("a", 1, power_w=1), reading("b", 1), BadLine(3, "?"), reading("a", 2, import_wh=7), reading("a", 3)], 2))
    assert found == [
        BadLine(3, "?"),
        Message(b"a", b'{"device":"a","at":[1,2],"power_w":[1,null],"import_wh":[null,7]}', 2, 2),
        Message(b"b", b'{"device":"b","at":1}', 1, 1),
        Message(b"a", b'{"device":"a","at":3}', 1, 3),
    ]


def test_a_batch_that_came_as_one_stays_one_and_in_its_place() -> None:
    found = list(messages([reading("a", 1), reading("a", [2, 3], power_w=[1, 2]), reading("a", 4)], 10))
    assert [(item.readings, item.at) for item in found if isinstance(item, Message)] == [(1, 1), (2, 3), (1, 4)]


def test_what_cannot_be_a_message_is_a_bad_line() -> None:
    huge = Reading(5, {"device": "a"}, b" " * (MOST_BYTES + 1))
    found = list(messages([Reading(1, {"at": 1}), Reading(2, {"device": 5}), reading("a", 2**70, 3), reading("\ud800", 1, 4), huge], 1))
    assert [item.line for item in found if isinstance(item, BadLine)] == [1, 2, 3, 4, 5]
    joined = list(messages([reading("a", 2**70, 3), reading("a", 1, 4)], 2))
    assert [(item.line, item.readings) for item in joined if isinstance(item, BadLine)] == [(3, 2)]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 99))), st.integers(1, 7))
def test_every_reading_is_in_one_message_and_each_devices_stay_in_order(readings: list[tuple[str, int]], batch: int) -> None:
    sent: dict[str, list[int]] = {}
    for item in messages([reading(device, at, power_w=at) for device, at in readings], batch):
        assert isinstance(item, Message) and item.readings <= batch
        value = orjson.loads(item.value)
        assert value["device"].encode() == item.key
        assert value["at"] == value["power_w"]
        sent.setdefault(value["device"], []).extend(value["at"] if isinstance(value["at"], list) else [value["at"]])
    assert sent == {device: [at for other, at in readings if other == device] for device, _ in readings}
