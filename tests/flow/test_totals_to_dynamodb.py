"""What the sinks make of a batch of a level topic."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka.structs import ConsumerRecord

from agents.totals_to_dynamodb import totals
from metering.erase import Erase, period_of, told_on
from metering.period import Calendar
from metering.total import Grain, Total
from metering.wire import total_key, total_to_json

NOW = 1_764_000_000
LONDON = Calendar("Europe/London")


def total(offset: int) -> Total:
    nulls = dict.fromkeys(("method", "power_min_mw", "power_max_mw", "power_max_at", "first_at", "last_at"))
    own = {"device": "cad-1", "grain": Grain.HOUR, "start": NOW, "end": NOW + 3600, "offset": offset}
    return Total(**(dict.fromkeys(Total._fields, 0) | nulls | own))  # type: ignore[arg-type]


def newest(*values: bytes | None) -> Iterable[object]:
    return totals("hours", Grain.HOUR, Calendar("Europe/London"))(
        0, [ConsumerRecord("hours", 0, at, 0, 1, b"k", value, None, 1, 1, ()) for at, value in enumerate(values)]
    )


def test_the_newest_of_a_key_is_taken() -> None:
    assert list(newest(total_to_json(total(1)), total_to_json(total(2)))) == [total(2)]


def test_what_is_no_total_does_not_hide_the_one_before_it() -> None:
    assert list(newest(total_to_json(total(1)), b'{"device":7}', None)) == [total(1)]
    assert list(newest(b"x")) == []


def test_an_erase_brings_a_grave_for_each_period() -> None:
    erase = Erase("cad-1", 2, 50, 40, NOW, NOW + 7200)
    key, value = told_on(erase, period_of(Grain.HOUR, LONDON))[-1]
    found = list(totals("hours", Grain.HOUR, LONDON)(0, [ConsumerRecord("hours", 0, 60, 0, 1, key, value, None, 1, 1, ())]))
    assert [(one.start, one.version, one.absent) for one in found if isinstance(one, Total)] == [
        (NOW, (2, 50), True),
        (NOW + 3600, (2, 50), True),
    ]


def test_the_tombstones_before_an_erase_hide_no_total() -> None:
    """What they take away is to be stored, and buried, so that nobody who holds it still can bring it back."""
    key = total_key("cad-1", NOW)
    records = [ConsumerRecord("hours", 0, at, 0, 1, key, value, None, 1, 1, ()) for at, value in enumerate((total_to_json(total(1)), None))]
    assert list(totals("hours", Grain.HOUR, LONDON)(0, records)) == [total(1)]
