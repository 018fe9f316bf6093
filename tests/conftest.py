"""Fixtures for everybody: the local stack, and names that no other test uses."""

from __future__ import annotations

import shutil
import signal
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import Phase, settings

from tests.stack import OwnStack, Stack, running

UNSHRUNK: Final = "unshrunk"
settings.register_profile(UNSHRUNK, phases=(Phase.explicit, Phase.reuse, Phase.generate))  # whoever asks only whether a test fails need not wait
SHARED: Final = pytest.StashKey[tuple[ExitStack, Stack]]()

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs so, and every process of the tests would inherit it


def pytest_configure_node(node: Any) -> None:
    """With `-n`: the process that hands out the tests has one stack for all who run them."""
    if SHARED not in node.config.stash:
        until_the_end = ExitStack()
        folder = Path(tempfile.mkdtemp(prefix="stack-"))
        node.config.stash[SHARED] = until_the_end, until_the_end.enter_context(running(folder / "state"))
    _, stack = node.config.stash[SHARED]
    node.workerinput["stack"] = str(stack.state), stack.variables


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What the stack has said stays where a test failed."""
    if SHARED in session.config.stash:
        until_the_end, stack = session.config.stash[SHARED]
        until_the_end.close()
        if not session.testsfailed:
            shutil.rmtree(stack.state.parent)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if SHARED in config.stash and (state := config.stash[SHARED][1].state).exists():
        terminalreporter.write_line(f"what Kafka and DynamoDB said: {state}")


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One Kafka and one DynamoDB for the whole run: do it no harm, and use names of your own (`own_name`)."""
    if given := getattr(request.config, "workerinput", None):
        state, variables = given["stack"]
        yield Stack(Path(state), variables)
    else:
        with running(tmp_path_factory.mktemp("stack") / "state") as stack:
            yield stack


@pytest.fixture
def fresh_stack(tmp_path: Path) -> Iterator[OwnStack]:
    """A stack of this test's own, to be hurt: a broker that dies is started again after a second, on the same port."""
    with running(tmp_path / "state", "--respawn") as stack:
        yield stack


@pytest.fixture
def own_name() -> str:
    """A prefix for this test's application, topics and tables in a shared stack: WATTFALL_APP, WATTFALL_TABLE_…"""
    return f"t{uuid.uuid4().hex[:10]}"
