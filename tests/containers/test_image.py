"""What is in the image: what runs, exactly as it was tested, and nothing else; none of it belongs to who runs it."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from tests.containers.docker import INSIDE, docker
from tests.stack import ROOT
from tests.unit.test_docker import NOT_IN_THE_IMAGE, pins

MIB: Final = 1 << 20
READ: Final = ("python", "-m", "ingest", "--dry-run", "--no-checksum", "--format", "dsmr", "--device", "home", "-")
TELEGRAMS: Final = 18


@pytest.fixture(scope="module")
def found(image: str) -> dict[str, Any]:
    """Looked at as root, who sees everything."""
    alone = ("run", "--rm", "--interactive", "--network=none", "--user=0", image, "python", "-", "contents")
    return dict(json.loads(docker(*alone, typed=INSIDE)))


def test_it_has_no_tools_and_no_leftovers(found: dict[str, Any]) -> None:
    assert (found["tools"], found["pip"], found["caches"]) == ([], False, [])


def test_it_has_the_packages_that_are_pinned_and_no_others(found: dict[str, Any]) -> None:
    assert len(found["packages"]) > 30
    assert found["packages"].items() <= pins(ROOT / "docker" / "requirements.lock").items()


def test_it_has_the_code_that_runs_compiled(found: dict[str, Any]) -> None:
    assert set(found["code"]) == {path.parent.name for path in ROOT.glob("*/__init__.py")} - NOT_IN_THE_IMAGE
    assert found["uncompiled"] == []


def test_who_runs_it_owns_the_folder_of_its_state_and_nothing_else(found: dict[str, Any]) -> None:
    assert (found["own"], found["open"]) == (["/state"], [])


def test_it_runs_as_nobody_and_says_what_there_is(image: str) -> None:
    assert docker("run", "--rm", "--network=none", image, "id", "-u").strip() == "10001"
    assert "python -m agents" in docker("run", "--rm", "--network=none", image)


def test_it_reads_telegrams(image: str) -> None:
    """By a package of which something is left out (tests/unit/test_docker.py)."""
    telegrams = (ROOT / "tests" / "data" / "dsmr_p1_1s.txt").read_text()
    assert len(docker("run", "--rm", "--interactive", "--network=none", image, *READ, typed=telegrams).splitlines()) == TELEGRAMS


def test_how_large_it_is(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    size = int(docker("image", "inspect", "--format={{.Size}}", image)) // MIB
    with capsys.disabled():
        print(f" {size} MiB ", end="")
    assert size < 400
