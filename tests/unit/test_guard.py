"""The guard: one log and one set of rules an epoch, and a refusal that says what differs."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from metering.rules import LOGIC, Rules
from metering.total import Total
from streams.guard import Guard

RULES = Rules()


def guard(rules: Rules = RULES, **changes: Any) -> Guard:
    facts: dict[str, Any] = {"epoch": 1, "cluster": "c", "topics": {"readings": "id-1"}, "partitions": 4, "tz": "2026.6"} | changes
    return Guard.of(rules=rules, **facts)


def test_the_same_log_and_rules_are_the_same() -> None:
    assert guard().differences(guard()) == []
    assert guard().digest == guard().digest


def test_it_survives_being_written_down() -> None:
    assert Guard.decode(guard().encode()) == guard()


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Rules)])
def test_every_rule_counts(field: str) -> None:
    value = getattr(RULES, field)
    changed: dict[str, Any] = {field: "Asia/Kathmandu" if isinstance(value, str) else value + 1}
    other = dataclasses.replace(RULES, **changed)
    assert guard(other).digest != guard().digest
    [said] = guard(other).differences(guard())
    assert said.startswith("WATTFALL_") and f" (rule {field}) was " in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cluster": "other"}, "cluster was c, now other"),
        ({"partitions": 8}, "partitions was 4, now 8"),
        ({"topics": {"readings": "id-2"}}, "topic readings was id-1, now id-2"),
        ({"topics": {"readings": "id-1", "hours": "id-3"}}, "topic hours was nothing, now id-3"),
        ({"tz": "2027.1"}, "tz data was 2026.6, now 2027.1"),
    ],
)
def test_another_log_is_told_apart(change: dict[str, Any], said: str) -> None:
    assert guard(**change).differences(guard()) == [said]
    assert guard(**change).digest != guard().digest


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ({"logic": str(LOGIC - 1)}, f"logic was {LOGIC - 1}, now {LOGIC}"),
        ({"field gas_mm3": "there"}, "field gas_mm3 was there, now nothing"),
    ],
)
def test_another_logic_and_other_fields_of_a_total_are_told_apart(kept: dict[str, str], said: str) -> None:
    other = Guard({**guard().facts, **kept})
    assert guard().differences(other) == [said]
    assert guard().digest != other.digest


@pytest.mark.parametrize("field", Total._fields)
def test_every_field_of_a_total_counts(field: str) -> None:
    before = Guard({name: value for name, value in guard().facts.items() if name != f"field {field}"})
    assert guard().differences(before) == [f"field {field} was nothing, now there"]


@pytest.mark.parametrize("row", [b"", b"[]", b"\xff"])
def test_what_is_no_guard_is_refused(row: bytes) -> None:
    with pytest.raises(ValueError):
        Guard.decode(row)
