"""What is kept of one device: told from what is others', in level topics and among what was refused."""

from __future__ import annotations

from typing import Any

import pytest

from agents.kept import Level, epoch_of
from agents.refusals import Refused, of_device
from metering.erase import Erase, erase_key, told_on
from metering.errors import Reason
from metering.wire import total_key, total_to_json
from streams.checkpoint import original
from streams.fold import Refusal
from tests.folding import record
from tests.sample_totals import hour_total

NAME = hour_total().device


def refused(key: bytes | None, value: bytes | None, offset: int, topic: str = "readings", timestamp: int = 0) -> Any:
    """As it stands in the topic rejected."""
    made, body, headers = original(topic, 1, Refusal(record(key, value, 0, offset), Reason.VALUE_MISSING, "why"))
    found = record(made, body, timestamp, 99)
    found.headers = tuple(headers)
    return found


def test_a_level_has_the_newest_totals_and_the_newest_erase() -> None:
    one, two = hour_total(), hour_total(start=hour_total().end, end=hour_total().end + 3600)
    erase = Erase(NAME, 1, 9, 9, one.start, one.end)
    records = [
        record(total_key(NAME, one.start), total_to_json(one), 0, 1),
        record(total_key(f"{NAME}4", one.start), total_to_json(one), 0, 2),
        *(record(key, value, 0, 3) for key, value in told_on(erase, lambda at: (at, at + 3600))),
        record(total_key(NAME, two.start), total_to_json(two), 0, 4),
        record(None, b"x", 0, 5),
        record(total_key(NAME, 7), b"no total", 0, 6),
    ]
    level = Level()
    level.take(NAME, records)
    assert level.erase == erase and level.totals == {total_key(NAME, two.start): two}
    level.take(NAME, [record(erase_key(NAME), None, 0, 7)])
    assert level.erase == erase


@pytest.mark.parametrize(
    ("key", "value", "is_its"),
    [
        (b"home", b"{}", True),
        (b"home", None, True),
        (b"home2", b"{}", False),
        (b"home|3600", b"{}", True),
        (b"box", b'{"device":"home"}', True),
        (b"box", b'{"device":"home2"}', False),
        (None, b'{"device": "home"}', True),
        (None, None, False),
    ],
)
def test_what_was_refused_is_a_devices_by_its_key_or_if_it_names_it(key: bytes | None, value: bytes | None, is_its: bool) -> None:
    found = list(of_device("home", 1, [refused(key, value, 5)]))
    assert bool(found) is is_its
    assert all(isinstance(one, Refused) and one.source == "readings/1/5" for one in found)


def test_a_tombstone_takes_one_record_away() -> None:
    there = refused(b"home", b"{}", 5)
    assert list(of_device("home", 1, [record(there.key, None, 0, 100)])) == [there.key]


def test_what_was_refused_is_of_before_by_its_place_or_else_by_its_time() -> None:
    def is_before(offset: int, topic: str = "readings", timestamp: int = 2_000) -> bool:
        [one] = of_device("home", 1, [refused(b"home", b"{}", offset, topic, timestamp)])
        assert isinstance(one, Refused)
        return one.is_before("readings", bounds, 1_000)

    bounds = {0: 100, 1: 6}
    assert is_before(5) and not is_before(6) and is_before(5, timestamp=10**9), "a replay refuses it later"
    assert is_before(7, "hours", 1_000) and not is_before(5, "hours", 1_001)


@pytest.mark.parametrize(("name", "epoch"), [("x-hours", 1), ("x-hours-e12", 12), ("x-hours-e", None), ("x-hours-eu", None), ("hours", None)])
def test_a_topics_name_says_its_epoch(name: str, epoch: int | None) -> None:
    assert epoch_of(name, "x-hours") == epoch
