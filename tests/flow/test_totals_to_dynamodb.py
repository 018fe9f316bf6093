"""What the sinks make of a batch of a level topic."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka.structs import ConsumerRecord

from agents.totals_to_dynamodb import totals
from metering.total import Grain, Total
from metering.wire import total_to_json

NOW = 1_764_000_000


def total(offset: int) -> Total:
    nulls = dict.fromkeys(("method", "power_min_mw", "power_max_mw", "power_max_at", "first_at", "last_at"))
    own = {"device": "cad-1", "grain": Grain.HOUR, "start": NOW, "end": NOW + 3600, "offset": offset}
    return Total(**(dict.fromkeys(Total._fields, 0) | nulls | own))  # type: ignore[arg-type]


def newest(*values: bytes | None) -> Iterable[object]:
    return totals("hours")(0, [ConsumerRecord("hours", 0, at, 0, 1, b"k", value, None, 1, 1, ()) for at, value in enumerate(values)])


def test_the_newest_of_a_key_is_taken() -> None:
    assert list(newest(total_to_json(total(1)), total_to_json(total(2)))) == [total(2)]


def test_what_is_no_total_does_not_hide_the_one_before_it() -> None:
    assert list(newest(total_to_json(total(1)), b'{"device":7}', None)) == [total(1)]
    assert list(newest(b"x")) == []
