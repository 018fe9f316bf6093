"""Containers of the image over the local stack, run as compose.yaml and deploy/kubernetes run them: what they may do, what they do, how they end."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx
import pytest

from agents.lag_command import flow as stages
from streams.exits import Exit
from streams.lag import Meter
from tests.containers.flow import DAY, HOME_KWH, Flow
from tests.containers.inside import USER
from tests.containers.ways import ROLES, Way
from tests.e2e.test_page import ask, samples
from tests.faults.verdict import ends
from tests.faults.workers import Deployment, until
from tests.stack import Stack

STOP_S: Final = 20.0
"""What docs/operations.md promises."""
NOBODY: Final = "127.0.0.1:1"


@pytest.mark.parametrize("role", ROLES)
class TestWhatItMayDo:
    def test_no_process_has_any_rights_or_can_get_them(self, flow: Flow, role: str) -> None:
        processes = flow.containers[role].finds("processes")
        assert len(processes) >= 2, "the one that asks, and those that it asks about"
        for one in processes:
            assert one["Uid"].split() == one["Gid"].split() == [str(USER)] * 4
            assert {one[f"Cap{which}"] for which in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
            assert one["NoNewPrivs"] == "1"

    def test_python_is_not_process_1(self, flow: Flow, role: str) -> None:
        assert "python" not in flow.containers[role].runs("cat", "/proc/1/comm")

    def test_it_writes_nowhere_but_where_it_was_let(self, flow: Flow, role: str) -> None:
        one = flow.containers[role]
        assert set(one.finds("writable")) == one.way.writable
        assert one.finds("refusal") == "Read-only file system"


class TestWhatItDoes:
    def test_readings_become_exact_totals_that_the_dashboard_shows(self, flow: Flow) -> None:
        flow.send(30)
        flow.verdict()
        one = flow.containers["dashboard"]
        devices = () if "/people" in one.runs("sh", "-c", "echo $WATTFALL_DASHBOARD_DIR") else ("--devices", "home")
        url, _, token = one.runs("python", "-m", "dashboard", "token", "ada", "--link", *devices).strip().partition("/#token=")
        answer = httpx.get(f"{url}/v1/devices/home/day/{DAY}", headers={"Authorization": f"Bearer {token}"}, timeout=10).raise_for_status()
        assert [hour["total"]["import_kwh"] for hour in answer.json()["periods"]] == [HOME_KWH] * 24

    def test_who_is_killed_is_started_again_and_goes_on_exactly(self, flow: Flow) -> None:
        flow.send(6)
        for role in ("waterfall", "sinks"):
            flow.containers[role].crash()
        flow.send(6)
        flow.healthy()
        flow.verdict()

    @pytest.mark.parametrize("role", ROLES)
    def test_it_stops_in_time_and_comes_back(self, flow: Flow, role: str) -> None:
        one = flow.containers[role]
        flow.send(6)
        took = one.stop()
        assert int(one.state("State.ExitCode")) == Exit.STOPPED, one.tail
        assert took < STOP_S
        one.start()
        flow.healthy()
        flow.verdict()


def test_the_last_checkpoint_is_made_when_it_stops(image: str, stack: Stack, ways: Callable[[str], Way], tmp_path: Path) -> None:
    """No other could have been: an hour is between two."""
    flow = Flow(stack, tmp_path, ways, WATTFALL_CHECKPOINT_HOURS_S="3600").begin()
    with flow.container("waterfall") as waterfall:
        waterfall.healthy()
        flow.send(6)
        sent = sum(asyncio.run(ends(flow.here, flow.here.topics.readings)).values())
        port = int(waterfall.runs("sh", "-c", "echo $WATTFALL_METRICS_PORT"))
        asyncio.run(until(lambda: taken(port, flow.here.topics.readings) == sent, 30.0, lambda: waterfall.tail))
        assert asyncio.run(behind(flow.here)) > 0, "what is taken is not durable yet"
        assert waterfall.stop() < STOP_S and int(waterfall.state("State.ExitCode")) == Exit.STOPPED, waterfall.tail
        assert asyncio.run(behind(flow.here)) == 0, waterfall.tail


def taken(port: int, topic: str) -> int:
    """So many records of a topic a worker has fetched."""
    page = samples(ask(port, "/metrics")[1])
    return int(sum(value for name, labels, value in page if name == "wattfall_position" and labels["topic"] == topic))


async def behind(here: Deployment) -> int:
    """So many readings' records the waterfall has not made durable."""
    readings = [stage for stage in stages(here.settings, here.topics) if stage.topic == here.topics.readings]
    async with Meter(here.settings.brokers, {here.topics.readings: here.settings.partitions}) as meter:
        lags = await meter.now(readings)
    return sum(lag.behind for lag in lags if lag.group.endswith("-waterfall"))


def test_a_worker_that_waits_for_its_broker_is_not_healthy_and_stops_in_time(
    image: str, stack: Stack, ways: Callable[[str], Way], tmp_path: Path
) -> None:
    with Flow(stack, tmp_path, ways).container("waterfall", WATTFALL_BROKERS=NOBODY) as waterfall:
        asyncio.run(until(lambda: "no broker answers" in waterfall.tail, 30.0, lambda: waterfall.tail))
        _, check = json.loads(waterfall.state("Config.Healthcheck.Test | json"))
        assert subprocess.run(("docker", "exec", waterfall.name, "sh", "-c", check), capture_output=True, check=False).returncode == 1
        assert waterfall.stop() < STOP_S and int(waterfall.state("State.ExitCode")) == Exit.STOPPED, waterfall.tail
