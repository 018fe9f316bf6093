"""The settings of the streams: what is read, and what is said about what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from metering.rules import Rules
from settings.environ import SettingError
from streams.brokers import Brokers
from streams.settings import Intervals, Settings
from streams.topics import Topics, specs


def test_without_a_variable_everything_has_its_default() -> None:
    assert Settings.from_environ({}) == Settings()
    assert Settings().rules == Rules()


def test_an_empty_variable_is_none() -> None:
    assert Settings.from_environ({"WATTFALL_ZONE": " ", "WATTFALL_EPOCH": ""}) == Settings()


def test_every_variable_is_read() -> None:
    settings = Settings.from_environ(
        {
            "WATTFALL_BROKERS": "a:1, b:2",
            "WATTFALL_APP": "mine",
            "WATTFALL_EPOCH": "3",
            "WATTFALL_TOPIC_PREFIX": "p-",
            "WATTFALL_PARTITIONS": "24",
            "WATTFALL_REPLICATION": "3",
            "WATTFALL_ZONE": "Asia/Kathmandu",
            "WATTFALL_HOLD_S": "30.5",
            "WATTFALL_MAX_POWER_W": "5000",
            "WATTFALL_REGISTER_STEP_WH": "0.1",
            "WATTFALL_RESTATE_HOURS": "24",
            "WATTFALL_ESTIMATE_AFTER_S": "60",
            "WATTFALL_CHECKPOINT_HOURS_S": "1",
            "WATTFALL_CHECKPOINT_DAYS_S": "2",
            "WATTFALL_CHECKPOINT_MONTHS_S": "3",
            "WATTFALL_STATE_DIR": "/var/lib/x",
            "WATTFALL_STORE": "memory",
            "WATTFALL_SESSION_TIMEOUT_S": "6",
            "WATTFALL_START_LIMIT_S": "60",
            "WATTFALL_MEMBER": "one",
            "WATTFALL_LOST_RANGE": "continue",
        }
    )
    assert settings == Settings(
        brokers=Brokers(("a:1", "b:2")),
        app="mine",
        epoch=3,
        topic_prefix="p-",
        partitions=24,
        replication=3,
        rules=Rules("Asia/Kathmandu", 30_500, 5_000_000, 100, 24 * 3_600_000, 60_000),
        checkpoint=Intervals(1.0, 2.0, 3.0),
        state_dir=Path("/var/lib/x"),
        store="memory",
        session_timeout_s=6.0,
        start_limit_s=60.0,
        member="one",
        lost_range="continue",
    )


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("WATTFALL_BROKERS", "localhost", "'localhost' is not host:port"),
        ("WATTFALL_BROKERS", "a:0", "'a:0' is not host:port"),
        ("WATTFALL_BROKERS", "a:²", "'a:²' is not host:port"),
        ("WATTFALL_BROKERS", ",", "wanted is host:port"),
        ("WATTFALL_EPOCH", "0", "must be a whole number from 1"),
        ("WATTFALL_EPOCH", "-1", "must be a whole number from 1"),
        ("WATTFALL_PARTITIONS", "many", "must be a whole number from 1"),
        ("WATTFALL_PARTITIONS", "²", "must be a whole number from 1"),
        ("WATTFALL_RESTATE_HOURS", "8761", "must be a whole number from 1 to 8760"),
        ("WATTFALL_ZONE", "Europe/Atlantis", "is no time zone; wanted is an IANA name such as Europe/Amsterdam"),
        ("WATTFALL_ZONE", "../etc", "is no time zone"),
        ("WATTFALL_HOLD_S", "nan", "must be a number from 1 to 86400"),
        ("WATTFALL_CHECKPOINT_HOURS_S", "0", "must be a number of seconds from 0.05 to 3600"),
        ("WATTFALL_CHECKPOINT_HOURS_S", "inf", "must be a number of seconds"),
        ("WATTFALL_STORE", "disk", "must be one of: rocksdb, memory"),
        ("WATTFALL_APP", "a b", "must be at most 80 of"),
        ("WATTFALL_LOST_RANGE", "yes", "must be one of: stop, continue"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_value_and_what_would_do(variable: str, value: str, said: str) -> None:
    with pytest.raises(SettingError) as error:
        Settings.from_environ({variable: value})
    assert str(error.value).startswith(f"{variable}={value!r}: ")
    assert said in str(error.value)


def test_two_epochs_share_nothing_but_what_comes_from_outside() -> None:
    first, second = Settings(app="w"), Settings(app="w", epoch=2)
    assert first.scope != second.scope
    assert first.folder != second.folder
    shared = {spec.name for spec in specs(Topics.of(first))} & {spec.name for spec in specs(Topics.of(second))}
    assert shared == {"readings"}


def test_the_names_of_the_topics() -> None:
    assert [spec.name for spec in specs(Topics.of(Settings()))] == [
        "readings",
        "hours",
        "days",
        "months",
        "rejected",
        "late",
        "wattfall-e1-hours-table",
        "wattfall-e1-days-table",
        "wattfall-e1-months-table",
    ]
