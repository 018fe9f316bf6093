"""The image, and all that compose.yaml and deploy/kubernetes run of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.containers.docker import build
from tests.containers.flow import Flow
from tests.containers.ways import Way, by_compose, by_kubernetes
from tests.dashboards import command
from tests.stack import Stack, clean_environ


@pytest.fixture(scope="session")
def image() -> str:
    return build()


@pytest.fixture(scope="module", params=["compose", "kubernetes"])
def ways(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Way]:
    """How a container of this name is run."""
    return by_compose if request.param == "compose" else partial(by_kubernetes, people=people(tmp_path_factory.mktemp("people")))


def people(folder: Path) -> Path:
    """The folder that becomes the secret: ada may see `home`."""
    command({**clean_environ(), "WATTFALL_DASHBOARD_DIR": str(folder)}, "person", "ada", "--devices", "home")
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o444)  # a pod's group could read it
    return folder


@pytest.fixture(scope="module")
def flow(image: str, stack: Stack, ways: Callable[[str], Way], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    """All of it runs; who ends something starts it again."""
    with Flow(stack, tmp_path_factory.mktemp("flow"), ways).begin().running() as flow:
        yield flow
