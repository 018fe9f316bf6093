"""The corpus, case by case: what must be rejected is, for its own reason, and what only looks so is taken; whichever way a message goes."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from metering.errors import Reason
from metering.partition import partition_of
from metering.reading import Decoder
from tests.decoding import DEVICE, USUAL, Outcome, Warm, by_oracle, decoded, told
from tests.folding import Folding
from tests.near_misses import NEAR_MISSES, NOW, TIME, NearMiss
from tests.oracle import Message, Oracle
from tests.poison import ANYWHERE, CORPUS, FAMILIES, ORDINARY, Poison

ELSEWHERE = {Reason.PARTITION_MISMATCH, Reason.SINK_REJECTED}
"""Where a record is, and what a sink meets, are not in a message."""
BESIDE = {"at": NOW - 86_400_000, "power_w": 1}
BESIDE_READ = (NOW - 86_400_000, 1_000, None, None, None, None)
FIELDS = ("at", "power_w", "import_wh", "export_wh", "for_s", "energy_wh")


def three(case: Poison | NearMiss) -> dict[str, Any] | None:
    """The case's one element between two good ones, as arrays; None where it is not one element."""
    _, value = case.made(DEVICE, TIME, NOW) if isinstance(case, Poison) else case.made(DEVICE)
    fields = json.loads(value or b"")
    if any(isinstance(fields.get(name), list) for name in FIELDS):
        return None
    own = {name: fields[name] for name in FIELDS if name in fields}
    return {name: [BESIDE.get(name), own.get(name), BESIDE.get(name)] for name in dict.fromkeys([*BESIDE, *own])}


def every_way(value: bytes | None, key: bytes | None) -> list[Outcome]:
    """What becomes of it, first as a new worker decodes, then as one that knows the device, then by the oracle."""
    return [decoded(value, key, Decoder(USUAL)), decoded(value, key, Warm()), by_oracle(value, key)]


ELEMENTS = [poison for poison in CORPUS if poison.reason.startswith(("at.", "value.")) and poison.key == b"%D" and three(poison)]
SINGLE = [miss for miss in NEAR_MISSES if miss.family in ("time", "physics") or miss.name in ("a register alone", "an energy beside registers")]


@pytest.mark.parametrize("poison", CORPUS, ids=str)
def test_each_is_rejected_for_its_reason_and_no_quick_way_lets_it_pass(poison: Poison) -> None:
    key, value = poison.made(DEVICE, TIME, NOW)
    assert Warm().plain(DEVICE, value, NOW) is None or key != DEVICE.encode()
    for found in every_way(value, key):
        assert found in (poison.reason, (DEVICE, [], {poison.reason: [0]}))


@pytest.mark.parametrize("poison", ELEMENTS, ids=str)
def test_among_others_only_the_bad_element_is_rejected(poison: Poison) -> None:
    fields = three(poison)
    assert fields is not None
    for found in every_way(told(**fields), DEVICE.encode()):
        assert found == (DEVICE, [(0, BESIDE_READ), (2, BESIDE_READ)], {poison.reason: [1]})


@pytest.mark.parametrize("miss", NEAR_MISSES, ids=str)
def test_what_is_just_good_is_taken(miss: NearMiss) -> None:
    key, value = miss.made(DEVICE)
    quick = Warm().plain(key.decode(), value, NOW)
    assert quick in (None, *miss.readings)
    for found in every_way(value, key):
        assert not isinstance(found, str), found
        device, readings, faults = found
        assert (device.encode(), tuple(reading for _, reading in readings), faults) == (key, miss.readings, {})


@pytest.mark.parametrize("miss", SINGLE, ids=str)
def test_what_is_just_good_is_taken_among_others(miss: NearMiss) -> None:
    fields = three(miss)
    assert fields is not None
    expected = sorted([(0, BESIDE_READ), (1, miss.readings[0]), (2, BESIDE_READ)], key=lambda placed: placed[1][0])
    for found in every_way(told(**fields), DEVICE.encode()):
        assert found == (DEVICE, expected, {})


def test_near_misses_go_the_quick_way_as_well_as_the_slow_one() -> None:
    quick = [miss for miss in NEAR_MISSES if Warm().plain(miss.made(DEVICE)[0].decode(), miss.made(DEVICE)[1], NOW)]
    assert len(quick) >= 25
    assert len(NEAR_MISSES) - len(quick) >= 25


def test_what_is_just_good_is_rejected_in_another_partition() -> None:
    for miss in NEAR_MISSES:
        key, value = miss.made(DEVICE)
        right = partition_of(key, 7)
        assert not isinstance(decoded(value, key, Decoder(USUAL, right, 7)), str)
        assert decoded(value, key, Decoder(USUAL, right ^ 1, 7)) == "partition.mismatch"


def test_among_readings_that_count_each_is_kept_as_it_came_with_its_reason() -> None:
    """In one batch, and as a fold meets it: the device is known, and good readings are between any two."""
    folding = Folding(USUAL)
    good = [Message(DEVICE.encode(), told(at=NOW - 1_000 * number, power_w=number), NOW, 2 * number) for number in range(len(CORPUS))]
    bad = [Message(*poison.made(DEVICE, TIME, NOW), NOW, 2 * number + 1) for number, poison in enumerate(CORPUS)]
    folding.take([message for pair in zip(good, bad, strict=True) for message in pair])
    changes = folding.checkpoint()
    expected = [(message.offset, message.key, message.value, poison.reason) for message, poison in zip(bad, CORPUS, strict=True)]
    assert [(one.record.offset, one.record.key, one.record.value, one.reason) for one in changes.rejected] == expected
    assert folding.outcomes == {"counted": len(CORPUS), "rejected": len(CORPUS)}


def test_most_are_as_bad_at_any_time() -> None:
    """A load is sent long after its readings, and the broker's clock goes on."""
    for poison in ANYWHERE:
        key, value = poison.made("cad-000007", "2025-11-24T10:15:20Z", NOW - 18_000_000)
        for later in (0, 1, 86_400_000, 2 * 366 * 86_400_000):
            oracle = Oracle(USUAL)
            oracle.add(Message(key, value, NOW + later, 0))
            assert [reason for _, reason, _ in oracle.rejected] == [poison.reason], (str(poison), later)


# What the corpus has


def test_every_reason_and_every_family_has_its_cases() -> None:
    assert len(CORPUS) >= 150
    reasons, families = Counter(poison.reason for poison in CORPUS), Counter(poison.family for poison in CORPUS)
    assert reasons.keys() == set(Reason) - ELSEWHERE
    assert min(reasons.values()) >= 5
    assert families.keys() == set(FAMILIES)
    assert min(families.values()) >= 25


def test_every_family_has_near_misses() -> None:
    families = Counter(miss.family for miss in NEAR_MISSES)
    assert families.keys() == set(FAMILIES)
    assert min(families.values()) >= 8


def test_no_case_is_there_twice() -> None:
    for cases in (CORPUS, NEAR_MISSES):
        assert len({(case.key, case.value) for case in cases}) == len({case.name for case in cases}) == len(cases)


def test_most_reasons_are_tried_among_good_elements() -> None:
    assert {poison.reason for poison in ELEMENTS} == {reason for reason in Reason if reason.startswith(("at.", "value."))}
    assert len(ELEMENTS) >= 100


def test_a_load_can_have_all_of_it_and_most_of_it_often() -> None:
    assert sum(len(poison.value or b"") for poison in ANYWHERE) < 4 * 2**20
    assert sum(len(poison.value or b"") for poison in ORDINARY) < 2**18
    assert {poison.reason for poison in ORDINARY} == {poison.reason for poison in CORPUS}
