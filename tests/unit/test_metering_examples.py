"""The examples of docs/metering.md, as the rules and the oracle see them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from metering.device import Device
from metering.period import Calendar
from metering.reading import Decoder
from metering.rules import Rules
from metering.total import Grain, Total
from tests.oracle import Message, Oracle

RULES = Rules()
NOW_MS = 1_800_000_000_000
DAY = "2026-11-24T"


def at(clock: str) -> int:
    """Epoch seconds of a time of the examples' day."""
    return int(datetime.fromisoformat(f"{DAY}{clock}:00Z").timestamp())


def messages(readings: Mapping[str, Mapping[str, float]]) -> list[bytes]:
    return [
        json.dumps({"device": "home", "at": f"{DAY}{clock if len(clock) > 5 else clock + ':00'}Z", **values}).encode()
        for clock, values in readings.items()
    ]


def by_oracle(readings: Mapping[str, Mapping[str, float]]) -> dict[int, Total]:
    oracle = Oracle(RULES)
    for offset, value in enumerate(messages(readings)):
        oracle.add(Message(b"home", value, NOW_MS, offset))
    return {start: total for (_, grain, start), total in oracle.totals().items() if grain is Grain.HOUR}


def by_rules(readings: Mapping[str, Mapping[str, float]]) -> dict[int, Total]:
    decoder = Decoder(RULES, 0, 1)
    device = Device("home", RULES, Calendar(RULES.zone), lambda key: None)
    for value in messages(readings):
        for reading in decoder.decode(b"home", value, NOW_MS).readings:
            device.apply(reading)
    return {total.start: total for total in device.changes().totals}


@pytest.fixture(params=[by_oracle, by_rules])
def hours(request: pytest.FixtureRequest) -> Any:
    return request.param


class TestExamples:
    def test_energy_from_power(self, hours: Any) -> None:
        total = hours({"10:00:00": {"power_w": 600}, "10:00:10": {"power_w": 1200}, "10:00:20": {"power_w": 600}, "10:05:20": {"power_w": 0}})[
            at("10:00")
        ]
        assert (total.import_mwh, total.covered_ms, total.method) == (15_000, 80_000, "power")

    def test_a_register_is_split_at_the_edge(self, hours: Any) -> None:
        totals = hours({"10:59:50": {"import_wh": 1000}, "11:00:10": {"import_wh": 1004}})
        assert [totals[at(hour)].import_mwh for hour in ("10:00", "11:00")] == [2_000, 2_000]

    def test_a_gap_is_shared_out(self, hours: Any) -> None:
        totals = hours({"10:40": {"import_wh": 5000}, "13:10": {"import_wh": 6500}})
        found = [
            (totals[at(hour)].import_mwh, totals[at(hour)].estimated_import_mwh, totals[at(hour)].readings)
            for hour in ("10:00", "11:00", "12:00", "13:00")
        ]
        assert found == [(200_000, 200_000, 1), (600_000, 600_000, 0), (600_000, 600_000, 0), (100_000, 100_000, 1)]

    def test_a_zero_is_no_register(self, hours: Any) -> None:
        total = hours({"10:00": {"import_wh": 6613405}, "10:10": {"import_wh": 0}, "10:20": {"import_wh": 6613407}})[at("10:00")]
        assert (total.import_mwh, total.glitches, total.resets) == (2_000, 1, 0)

    def test_a_new_meter(self, hours: Any) -> None:
        total = hours({"10:00": {"import_wh": 6613405}, "10:10": {"import_wh": 12}, "10:20": {"import_wh": 15}})[at("10:00")]
        assert (total.import_mwh, total.glitches, total.resets) == (3_000, 0, 1)

    def test_register_and_power_differ(self, hours: Any) -> None:
        steady = {f"10:{minute:02}": {"power_w": 428} for minute in range(60)}
        total = hours(steady | {"10:00": {"power_w": 428, "import_wh": 1000}, "11:00": {"power_w": 428, "import_wh": 1431}})[at("10:00")]
        assert (total.import_mwh, total.integral_import_mwh, total.method, total.covered_ms) == (431_000, 428_000, "register", 3_600_000)


def test_the_day_of_25_hours() -> None:
    calendar = Calendar("Europe/London")
    noon = int(datetime.fromisoformat("2025-10-26T12:00:00Z").timestamp())
    start, end = calendar.day(noon)
    assert (end - start) // 3600 == 25


def test_hours_of_kathmandu_begin_a_quarter_past() -> None:
    start, _ = Calendar("Asia/Kathmandu").hour(at("10:20") * 1000)
    assert start // 1000 == at("10:15")
