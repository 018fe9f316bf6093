"""Fixtures for everybody: the local stack, and names that no other test uses."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import Stack, running

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs so, and every process of the tests would inherit it


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One Kafka and one DynamoDB for the whole session: do it no harm, and use names of your own (`own_name`)."""
    with running(tmp_path_factory.mktemp("stack") / "state") as stack:
        yield stack


@pytest.fixture
def fresh_stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack of this test's own, to be hurt: a broker that dies is started again after a second, on the same port."""
    with running(tmp_path / "state", "--respawn") as stack:
        yield stack


@pytest.fixture
def own_name() -> str:
    """A prefix for this test's application, topics and tables in a shared stack: WATTFALL_APP, WATTFALL_TABLE_…"""
    return f"t{uuid.uuid4().hex[:10]}"
