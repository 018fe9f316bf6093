"""`python -m dynamodb` as a person runs it, on tables of its own in the local stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from dynamodb.conditions import LiveUpdate, update_live
from dynamodb.items import total_to_item
from metering.live import Live
from metering.period import Calendar
from metering.total import Grain, Total
from metering.wire import total_from_json
from tests.sample_totals import epoch_s, hour_total
from tests.stack import ROOT, Stack

AMSTERDAM = Calendar("Europe/Amsterdam")
DAY = AMSTERDAM.day(epoch_s("2026-10-25T12:00Z"))
MONTH = AMSTERDAM.month(DAY[0])
HOURS = [hour_total(start=at, end=at + 3600, offset=at, resets=int(at == DAY[0])) for at in range(*DAY, 3600)]
DAY_TOTAL = hour_total(
    grain=Grain.DAY, start=DAY[0], end=DAY[1], reflects=17, import_mwh=10_787_925, export_mwh=2_500_000, estimated_import_mwh=431_517
)
MONTH_TOTAL = hour_total(grain=Grain.MONTH, start=MONTH[0], end=MONTH[1], reflects=17, import_mwh=99_000_000)
KEEP_S = 100 * 366 * 86_400
"""A century: the server deletes what has expired, once a minute, and the day shown here is long past."""
LIVE = Live("cad-000123", power_mw=431_500, power_at=DAY[0] * 1000, import_mwh=6_613_405_000, import_at=DAY[0] * 1000 - 5_000, offset=9)


def environ_of(stack: Stack, name: str) -> dict[str, str]:
    tables = {f"WATTFALL_TABLE_{level.upper()}": f"{name}-{level}" for level in ("live", "hours", "days", "months")}
    return {**stack.environ, **tables, "WATTFALL_ZONE": "Europe/Amsterdam"}


def command(environ: dict[str, str], *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "dynamodb", *arguments], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def environ(stack: Stack) -> Iterator[dict[str, str]]:
    """Tables with a day of 25 hours, made by the command."""
    environ = environ_of(stack, f"cli{os.getpid()}")
    said = command(environ, "create").stderr
    assert said.count("created") == 4
    client: Any = boto3.client(
        "dynamodb",
        endpoint_url=stack.dynamodb,
        region_name=environ["AWS_REGION"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
    )
    for total in [*HOURS, DAY_TOTAL, MONTH_TOTAL]:
        client.put_item(TableName=environ[f"WATTFALL_TABLE_{total.grain.upper()}S"], Item=total_to_item(total, 3, AMSTERDAM, KEEP_S))
    client.update_item(TableName=environ["WATTFALL_TABLE_LIVE"], **update_live(LiveUpdate(LIVE), 0))
    yield environ
    client.close()


def lines(done: subprocess.CompletedProcess[str]) -> list[Total]:
    return [total_from_json(line.encode()) for line in done.stdout.splitlines()]


def test_making_the_tables_again_is_fine(environ: dict[str, str]) -> None:
    assert command(environ, "create").stderr.count("is there") == 4


def test_a_day_by_hours_has_25_rows_where_the_clock_goes_back(environ: dict[str, str]) -> None:
    shown = command(environ, "read", "cad-000123", "--grain", "hour", "--from", "2026-10-25").stdout
    assert shown.count("0.432") == 25
    assert "2026-10-25 02:00+0200" in shown
    assert "2026-10-25 02:00+0100" in shown
    assert shown.count("1 reset") == 1
    assert "█" in shown
    assert "coverage" in shown
    assert shown.count("99.9 %") == 25


def test_a_month_by_days_shows_what_is_missing_and_what_is_estimated(environ: dict[str, str]) -> None:
    shown = command(environ, "read", "cad-000123", "--grain", "day", "--from", "2026-10", "--to", "2026-10-25").stdout
    assert shown.count("2026-10-") == 25
    assert shown.count("–") >= 24
    row = next(line for line in shown.splitlines() if "2026-10-25" in line)
    assert "10.788" in row and "2.500" in row and "0.432" in row


def test_a_year_by_months_is_read_as_json(environ: dict[str, str]) -> None:
    assert lines(command(environ, "read", "cad-000123", "--grain", "month", "--from", "2026", "--json")) == [MONTH_TOTAL]


def test_instants_cut_a_day(environ: dict[str, str]) -> None:
    done = command(environ, "read", "cad-000123", "--from", "2026-10-25T00:00:00Z", "--to", "2026-10-25T02:00:00+01:00", "--json")
    assert [total.start for total in lines(done)] == [epoch_s("2026-10-25T00:00Z")]


def test_the_live_reading(environ: dict[str, str]) -> None:
    shown = command(environ, "read", "cad-000123", "--grain", "live").stdout
    assert "0.432 kW" in shown and "6613.405 kWh" in shown and "2026-10-25 00:00:00+02:00" in shown
    got = json.loads(command(environ, "read", "cad-000123", "--grain", "live", "--json").stdout)
    assert got == {name: value for name, value in LIVE._asdict().items() if name not in ("epoch", "erased")} | {"at": LIVE.at}


def test_export_brings_back_every_total_with_every_field(environ: dict[str, str]) -> None:
    assert sorted(lines(command(environ, "export"))) == sorted([*HOURS, DAY_TOTAL, MONTH_TOTAL])
    assert lines(command(environ, "export", "--grain", "day")) == [DAY_TOTAL]
    first = json.loads(command(environ, "export", "--grain", "month").stdout)
    assert list(first) == list(Total._fields)


def test_a_device_that_nobody_knows(environ: dict[str, str]) -> None:
    done = command(environ, "read", "nobody", "--from", "2026-10-25", code=1)
    said = "wattfall: no hour of nobody in this time; nothing is known of this device: is the name right, or were its readings refused"
    assert done.stdout == "" and done.stderr.startswith(said) and done.stderr.count("\n") == 1
    command(environ, "read", "nobody", "--grain", "live", code=1)


def test_a_time_of_which_nothing_is_stored(environ: dict[str, str]) -> None:
    nothing = ("read", "cad-000123", "--from", "2026-10-20")
    assert "no hour of cad-000123 in this time; its newest reading is of 2026-10-25 00:00+0200" in command(environ, *nothing, code=1).stderr
    without = command({**environ, "WATTFALL_TABLE_LIVE": "missing-live"}, *nothing, code=1)
    assert without.stderr == "wattfall: no hour of cad-000123 in this time\n"


def test_a_reader_with_another_zone_sees_the_totals_and_is_asked_about_it(environ: dict[str, str]) -> None:
    done = command({**environ, "WATTFALL_ZONE": "Asia/Kathmandu"}, "read", "cad-000123", "--grain", "day", "--from", "2026-10")
    assert "10.788" in next(line for line in done.stdout.splitlines() if "2026-10-25 03:45+0545" in line)
    assert done.stderr.startswith("wattfall: 1 total begins at other times than days of Asia/Kathmandu: is WATTFALL_ZONE ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "yesterday"], "'yesterday'"),
        (["--from", "2026-02-30"], "2026-02-30"),
        (["--from", "2026-10-25T10:00:00"], "an instant needs an offset"),
        (["--from", "2026-10-25", "--to", "2026-10-24"], "--to 2026-10-24 is not after --from 2026-10-25"),
        (["--grain", "live", "--from", "2026-10-25"], "--grain live"),
    ],
)
def test_a_mistake_is_one_line(environ: dict[str, str], arguments: list[str], said: str) -> None:
    done = command(environ, "read", "cad-000123", *arguments, code=2)
    assert said in done.stderr
    assert done.stderr.startswith("wattfall: ")
    assert done.stderr.count("\n") == 1


def test_surroundings_that_cannot_do_are_named(environ: dict[str, str]) -> None:
    def said(**changed: str) -> str:
        stderr = command({**environ, **changed}, "read", "d", "--from", "2026-10-25", code=2).stderr
        assert stderr.count("\n") == 1
        return stderr

    assert "AWS_REGION is not set" in said(AWS_REGION="", AWS_CONFIG_FILE="/nonexistent")
    assert "missing-hours does not exist: `python -m dynamodb create` makes it" in said(WATTFALL_TABLE_HOURS="missing-hours")
    assert "WATTFALL_ZONE='Mars/Base'" in said(WATTFALL_ZONE="Mars/Base")
    assert "Could not connect" in said(AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:9")
    assert "AWS_" in said(AWS_ENDPOINT_URL_DYNAMODB="127.0.0.1")


def test_help_shows_an_example(environ: dict[str, str]) -> None:
    assert "python -m dynamodb read cad-000123" in command(environ, "--help").stdout
