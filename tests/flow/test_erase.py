"""An erase on its way through the three folds, drawn: what is of before it is gone everywhere, and what comes after is of a new device.

In the timelines h0, h1, … are the hours from 16:00 UTC on 24 November 2025 on, `│` an hour's edge, `E` the erase, `C` a checkpoint of all three hops.
"""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from agents.fold_parts import PartsFold
from metering.erase import Erase, erase_from_json, erase_key, is_device, later, told_on
from metering.period import Calendar
from metering.rules import Rules
from metering.total import Grain
from metering.wire import total_from_json, total_key
from streams.batch import Batch
from streams.erasure import HEADER, is_erase, message, span
from streams.fold import Changes
from tests.folding import GRAINS, Folding, record
from tests.oracle import Message, Oracle
from tests.strategies import DEVICE, ERASE, HOUR, MINUTE, Element, as_messages

BASE = 1_764_000_000_000
USUAL = Rules()
SHORT = Rules(restate_ms=HOUR)


def at(hours: int, minutes: int = 0, **values: Any) -> Element:
    """One reading of the timeline."""
    return {"at": BASE + hours * HOUR + minutes * MINUTE, "power_w": 360} | values


def told(changes: Changes) -> list[str]:
    """What goes into the level topic: `-` for a tombstone, `E` for an erase, the hour's number for a total."""
    found = []
    for key, value in changes.totals:
        if value is None:
            found.append("-")
        else:
            found.append("E" if erase_from_json(key, value) else f"h{(total_from_json(value).start * 1000 - BASE) // HOUR}")
    return found


def own(folding: Folding) -> list[bytes]:
    """Keys of rows that the device still has, in any table."""
    return [key for grain in GRAINS for key in folding.rows[grain] if key.startswith(DEVICE.encode() + b"\0")]


def left(folding: Folding) -> dict[Grain, int]:
    """How many totals say something."""
    return {grain: sum(key[1] is grain for key in folding.totals()) for grain in GRAINS}


def folded(*entries: Any, rules: Rules = USUAL) -> tuple[Folding, Oracle, list[Changes]]:
    """Messages in order, "C" for a checkpoint of all three hops, "X" for a crash after one."""
    messages = iter(as_messages([entry for entry in entries if not isinstance(entry, str)]))
    folding, oracle, made = Folding(rules), Oracle(rules), []
    for entry in entries:
        if entry == "C":
            made.append(folding.checkpoint())
        elif entry == "X":
            folding.crash()
        else:
            one = next(messages)
            oracle.add(one)
            folding.take([one])
    return folding, oracle, made


def is_as_the_oracle_says(folding: Folding, oracle: Oracle) -> None:
    assert folding.totals() == {key: total.content for key, total in oracle.totals().items()}
    assert folding.outcomes == +oracle.outcomes


def test_what_waits_when_the_erase_comes_is_never_told() -> None:
    #   h0  * * E C
    folding, oracle, (changes,) = folded(at(0), at(0, 1), ERASE, "C")
    assert told(changes) == ["E"]
    assert own(folding) == [] and left(folding) == dict.fromkeys(GRAINS, 0)
    is_as_the_oracle_says(folding, oracle)


def test_what_was_told_is_taken_away_at_every_level() -> None:
    #   h0  * * │ h1  *  │ h2  * C E C
    entries = (at(0), at(0, 1), at(1, 30), at(2, 59), "C")
    before, _, (first,) = folded(*entries)
    assert left(before) == {Grain.HOUR: 3, Grain.DAY: 1, Grain.MONTH: 1} and own(before)
    folding, oracle, (_, changes) = folded(*entries, ERASE, "C")
    assert told(changes)[-1] == "E" and {key for key, _ in first.totals} <= {key for key, value in changes.totals if value is None}
    assert own(folding) == [] and left(folding) == dict.fromkeys(GRAINS, 0)
    is_as_the_oracle_says(folding, oracle)


def test_what_an_interval_brought_into_later_hours_is_taken_away_too() -> None:
    #   h0  *=======│=====│===  C E C
    folding, oracle, _ = folded(at(0, 50, for_s=7_200), "C", ERASE, "C")
    assert left(folding) == dict.fromkeys(GRAINS, 0)
    is_as_the_oracle_says(folding, oracle)


def test_closed_hours_whose_rows_are_long_gone_are_taken_away_too() -> None:
    #   h0 * * │ … h5 * │ … h9 * C E C, and hours are closed after one
    folding, oracle, (_, changes) = folded(at(0), at(0, 1), at(5), at(5, 1), at(9), at(9, 1), "C", ERASE, "C", rules=SHORT)
    assert told(changes).count("-") >= 10 and left(folding) == dict.fromkeys(GRAINS, 0)
    is_as_the_oracle_says(folding, oracle)


@pytest.mark.parametrize("between", [(), ("C",), ("C", "X")], ids=["at once", "a checkpoint", "a crash"])
@pytest.mark.parametrize("before", [(), ("C",), ("C", "X")], ids=["dirty", "told", "loaded"])
def test_after_an_erase_a_device_begins_anew_also_at_instants_of_before(before: tuple[str, ...], between: tuple[str, ...]) -> None:
    #   h0 * * │ h9 * E, then h0 * * │ h1 *: they would be late, or corrections
    folding, oracle, made = folded(at(0), at(0, 1), at(9), at(9, 1), *before, ERASE, *between, at(0, power_w=720), at(0, 1), at(1), "C", rules=SHORT)
    assert folding.outcomes["late"] == folding.outcomes["corrected"] == 0
    is_as_the_oracle_says(folding, oracle)
    assert told(made[-1])[-2:] == ["h0", "h1"] or told(made[-1])[-1] == "h0"


def test_two_erases_between_two_checkpoints_take_away_what_the_first_was_to() -> None:
    #   h0 * * C E h1 * E C
    folding, oracle, (first, changes) = folded(at(0), at(0, 1), "C", ERASE, at(1), ERASE, "C")
    assert told(changes).count("E") == 1 and {key for key, _ in first.totals} <= {key for key, value in changes.totals if value is None}
    is_as_the_oracle_says(folding, oracle)


def test_a_day_that_waits_when_the_erase_comes_is_never_told() -> None:
    """The hours have been told and the day not, because its hop makes fewer checkpoints."""
    folding, _, (first,) = folded(at(0), at(0, 1), "C")
    folding.take([Message(DEVICE.encode(), None, BASE, 200, headers=(HEADER,))])
    second = folding.hours.capture()
    rows: dict[bytes, bytes] = {}
    days = PartsFold(Grain.DAY, Calendar("Europe/London"), USUAL, 3, rows.get, 1 << 20)
    days.fold([record(key, value, 0, number) for number, (key, value) in enumerate((*first.totals, *second.totals))])
    changes = days.capture()
    assert [erase_from_json(key, value) is not None for key, value in changes.totals if value is not None] == [True]
    assert all(value is None for _, value in changes.rows)


def test_a_table_that_is_counted_again_meets_the_erase_in_its_place() -> None:
    """The hours' table was lost: what is of before is told once more, to tables that are not lost, and then the erase comes again."""
    entries = (at(0), at(0, 1), "C", ERASE, at(1), at(1, 1), "C")
    folding, oracle, _ = folded(*entries)
    folding.rows[Grain.HOUR].clear()
    folding.sent = {key: total for key, total in folding.sent.items() if key[1] is not Grain.HOUR}
    folding.crash()
    for count, one in enumerate(as_messages([entry for entry in entries if not isinstance(entry, str)])):
        folding.take([one])
        if count == 1:
            folding.checkpoint()
    folding.checkpoint()
    assert folding.totals() == {key: total.content for key, total in oracle.totals().items()}


def test_an_erase_counts_as_no_reading() -> None:
    folding, _, _ = folded(at(0), ERASE, at(1), ERASE, "C")
    assert folding.outcomes == {"counted": 2}


def test_another_devices_rows_and_totals_stay() -> None:
    folding = Folding(USUAL)
    folding.take(as_messages([at(0), at(0, 1)]))
    folding.take(as_messages([at(0), at(0, 1)], "cad-10", 300))
    folding.checkpoint()
    folding.take([Message(DEVICE.encode(), None, BASE, 400, headers=(HEADER,))])
    folding.checkpoint()
    assert {device for device, *_ in folding.totals()} == {"cad-10"} and own(folding) == []


def test_many_erases_make_a_checkpoint_due() -> None:
    """Or a thousand of them at once would be one giant transaction."""
    folding, _, _ = folded(at(0), at(24 * 60), "C")
    assert folding.hours.touched == 0
    folding.take([Message(DEVICE.encode(), None, BASE, 200, headers=(HEADER,))])
    assert folding.hours.touched > 24 * 60
    erases = [read(b"cad-1", None, ((HEADER, b"1"),)) for _ in range(100)]
    assert max(len(some) for some, _ in Batch(0, erases, 0, 100).slices()) <= 17


# What is an erase


def read(key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes | None], ...]) -> Any:
    return ConsumerRecord("readings", 0, 7, BASE, 1, key, value, None, 1, 1, headers)


def test_only_the_header_makes_an_erase() -> None:
    mark = ((HEADER, b"1"),)
    assert is_erase(read(b"cad-1", None, mark), 0, 1)
    assert not is_erase(read(b"cad-1", None, ()), 0, 1)
    assert not is_erase(read(b"cad-1", b'{"wattfall-erase":1}', mark), 0, 1)
    assert not is_erase(read(None, None, mark), 0, 1) and not is_erase(read(b"c\xe4d", None, mark), 0, 1)
    assert [is_erase(read(b"cad-1", None, mark), partition, 4) for partition in range(4)].count(True) == 1


@pytest.mark.parametrize("headers", [(), ("erase",)], ids=["none", "another"])
def test_a_message_without_a_value_is_rejected_as_ever(headers: tuple[str, ...]) -> None:
    folding, oracle = Folding(USUAL), Oracle(USUAL)
    for one in (*as_messages([at(0), at(0, 1)]), Message(DEVICE.encode(), None, BASE, 200, headers=headers)):
        folding.take([one])
        oracle.add(one)
    folding.checkpoint()
    assert folding.outcomes == {"counted": 2, "rejected": 1}
    is_as_the_oracle_says(folding, oracle)


def test_what_the_sender_knows_of_goes_as_well() -> None:
    """Of an older generation, or of a table that was lost."""
    hour = BASE // 1000
    key, value, headers = message(DEVICE, hour - 7_200, hour)
    fold = Folding(USUAL).hours
    fold.fold([ConsumerRecord("readings", 0, 9, BASE, 1, key, value, None, 1, 1, tuple(headers))])
    changes = fold.capture()
    assert [key for key, value in changes.totals if value is None] == [total_key(DEVICE, hour - 7_200), total_key(DEVICE, hour - 3_600)]


@pytest.mark.parametrize(
    ("said", "means"),
    [(b"1-2", (0, 0)), (b"", (0, 0)), (None, (0, 0)), (b"x", (0, 0)), (b"1700000000-1700003600", (1_700_000_000, 1_700_003_600))],
    ids=["before 2000", "nothing", "none", "no span", "a span"],
)
def test_a_span_is_taken_only_where_totals_can_be(said: bytes | None, means: tuple[int, int]) -> None:
    assert span(read(b"cad-1", None, ((HEADER, said),))) == means
    assert span(read(b"cad-1", None, ((HEADER, b"0-999999999999"),)))[1] < BASE // 1000 + 3 * 86_400


def test_an_erase_travels_under_a_key_of_its_own() -> None:
    erase = Erase("cad-1", 2, 9, 7, 3_600, 7_200)
    ((_, gone), (key, value)) = told_on(erase, lambda second: (second // 3_600 * 3_600, second // 3_600 * 3_600 + 3_600))
    assert gone is None and key == erase_key("cad-1") and erase_from_json(key, value) == erase
    assert erase_from_json(b"cad-2|erased", value) is None and erase_from_json(key, None) is None and erase_from_json(key, b"{}") is None
    with pytest.raises(ValueError, match="not a total"):
        total_from_json(value or b"")
    assert is_device(b"cad-1") and not is_device(b"cad|1") and not is_device(None)


def test_the_later_of_two_erases_stands_for_both() -> None:
    one, two = Erase("cad-1", 1, 5, 5, 10, 20), Erase("cad-1", 1, 9, 9)
    assert later(one, two) == two._replace(first=10, end=20) and later(two, one._replace(offset=11)) == one._replace(offset=11)
    assert later(one, two._replace(first=5, end=15)) == two._replace(first=5, end=20) and later(None, one) == one
