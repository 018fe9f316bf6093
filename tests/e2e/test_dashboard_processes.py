"""A dashboard of several processes: to those who ask it is one, whichever of them answers, and to whoever runs it, too."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import psutil
import pytest

from tests.dashboards import PASSWORD, address, admit, people, started
from tests.stack import clean_environ

COUNT: Final = 2
NO_DYNAMODB: Final = {
    "AWS_REGION": "us-east-1",
    "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
}
"""Who may see what is asked of nobody else."""
LOGIN: Final = {"person": "ada", "password": PASSWORD}
LIMIT_S: Final = 20
"""By then whatever was asked to stop has stopped; beginning takes less."""


class Several:
    """One that has been started, and its processes."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ
        self.keeper = started(environ)
        self.seen: set[psutil.Process] = set()

    def processes(self) -> list[psutil.Process]:
        """Those that answer, or will; all of them, the oldest first."""
        until(lambda: len(self._now()) == COUNT)
        found = self._now()
        self.seen |= set(found)
        return found

    def end(self, code: int) -> list[str]:
        """Its end, and that of all its processes. What was said."""
        assert self.keeper.wait(LIMIT_S) == code
        assert self.gone()
        assert self.keeper.stderr is not None
        said = self.keeper.stderr.read()
        assert "Traceback" not in said
        return said.splitlines()

    def gone(self) -> bool:
        """Whether in a while nobody is left that was ever there."""
        return not psutil.wait_procs(self.seen, LIMIT_S)[1]

    def kill(self) -> None:
        """Whatever is left."""
        for each in self.seen:
            if each.is_running():
                each.kill()
        self.keeper.kill()
        self.keeper.wait()

    def _now(self) -> list[psutil.Process]:
        return sorted(psutil.Process(self.keeper.pid).children(), key=lambda each: each.create_time())


def until(true: Callable[[], bool]) -> None:
    limit = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.02)


@pytest.fixture
def beginning(tmp_path: Path) -> Iterator[Several]:
    environ = {**clean_environ(), **NO_DYNAMODB, "WATTFALL_DASHBOARD_DIR": str(tmp_path), "WATTFALL_DASHBOARD_PROCESSES": str(COUNT)}
    admit(environ)
    several = Several(environ)
    try:
        yield several
    finally:
        several.kill()


@pytest.fixture
def url(beginning: Several) -> str:
    return address(beginning.keeper)


@pytest.fixture
def several(beginning: Several, url: str) -> Several:
    beginning.processes()
    return beginning


@contextmanager
def connected(url: str, to: psutil.Process, others: Sequence[psutil.Process]) -> Iterator[httpx.Client]:
    """A connection to this one of them: nobody else can take it."""
    others = [each for each in others if each != to]
    with httpx.Client(base_url=url, timeout=LIMIT_S) as client:
        for each in others:
            each.suspend()
        try:
            client.get("/openapi.json").raise_for_status()
        finally:
            for each in others:
                each.resume()
        yield client


def test_what_begins_at_one_of_them_holds_at_the_others(several: Several, url: str) -> None:
    first, second = several.processes()
    with connected(url, first, [second]) as here, connected(url, second, [first]) as there:
        assert here.post("/v1/session", json=LOGIN).status_code == 204
        there.cookies = here.cookies
        assert there.get("/v1/devices").json()["person"] == "ada"
        people(several.environ).put("ada", None, "another " + PASSWORD)
        assert [each.get("/v1/devices").status_code for each in (here, there)] == [401, 401]
    several.keeper.terminate()
    several.end(0)


def test_one_that_is_killed_is_replaced_and_the_others_go_on(several: Several, url: str) -> None:
    first, second = several.processes()
    with connected(url, second, [first]) as there:
        first.kill()
        until(lambda: first not in several._now())
        (other,) = set(several.processes()) - {second}
        assert there.get("/").status_code == 200
        with connected(url, other, [second]) as here:
            assert here.get("/").status_code == 200
    several.keeper.terminate()
    (line,) = several.end(0)
    said = json.loads(line)
    assert said["level"] == "error" and f"process {first.pid} has ended (killed by signal 9); another takes its place" in said["message"]


def test_asked_to_stop_all_stop_in_order_though_somebody_looks_on(several: Several, url: str) -> None:
    with httpx.Client(base_url=url) as client:
        client.post("/v1/session", json=LOGIN)
        with client.stream("GET", "/v1/devices/home/live/stream") as answer:
            assert answer.status_code == 200
            several.keeper.terminate()
            several.end(0)


def test_asked_to_stop_while_they_begin_they_do(beginning: Several) -> None:
    beginning.processes()
    beginning.keeper.terminate()
    assert beginning.end(0) == []


@pytest.mark.parametrize("answering", [True, False])
def test_ctrl_c_ends_all_of_them(beginning: Several, request: pytest.FixtureRequest, answering: bool) -> None:
    """A terminal sends it to the whole group."""
    if answering:
        request.getfixturevalue("several")
    beginning.processes()
    os.killpg(beginning.keeper.pid, signal.SIGINT)
    assert beginning.end(130) == []


def test_one_that_does_not_stop_is_killed(several: Several) -> None:
    stuck = several.processes()[0]
    stuck.suspend()
    several.keeper.terminate()
    (line,) = several.end(0)
    assert f"process {stuck.pid} did not stop within" in line


@pytest.mark.parametrize("answering", [True, False])
def test_nobody_outlives_a_keeper_that_is_killed(beginning: Several, request: pytest.FixtureRequest, answering: bool) -> None:
    if answering:
        request.getfixturevalue("several")
    beginning.processes()
    beginning.keeper.kill()
    assert beginning.gone()


def test_one_that_cannot_begin_ends_all_with_its_cause(several: Several) -> None:
    path = people(several.environ).path
    path.write_text("[")
    several.processes()[0].kill()
    cause, end = several.end(2)[-2:]
    assert cause.startswith(f"wattfall: {path}: ")
    said = json.loads(end)
    assert (said["exit_code"], said["exit_cause"]) == (2, "configuration") and "before it answered anybody (exit code 2)" in said["message"]


def test_one_that_is_killed_before_it_answers_ends_all_with_its_cause(beginning: Several) -> None:
    beginning.processes()[0].kill()
    said = json.loads(beginning.end(137)[-1])
    assert said["exit_code"] == 137 and "before it answered anybody (killed by signal 9)" in said["message"]


def test_what_is_wrong_is_said_once(beginning: Several) -> None:
    beginning.kill()
    wrong = started({**beginning.environ, "AWS_REGION": ""})
    assert wrong.stderr is not None
    assert [line.partition(" ")[0] for line in wrong.stderr.read().splitlines()] == ["wattfall:"]
    assert wrong.wait(LIMIT_S) == 2
