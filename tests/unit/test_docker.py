"""What can be checked of docker/ without Docker: it holds what runs, exactly as it was tested, and nothing else."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
NOT_IN_THE_IMAGE = {"local", "bench", "demo", "tests"}
AGAIN = "docker/requirements.lock is out of step; `make lock` makes it again"


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^ \\]+)", lock.read_text(), re.MULTILINE))


def test_the_image_runs_the_versions_that_were_tested() -> None:
    runs, tested = pins(ROOT / "docker" / "requirements.lock"), pins(ROOT / "requirements.lock")
    assert runs.items() <= tested.items(), AGAIN
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    direct = dict(re.fullmatch(r"([a-z0-9-]+)(?:\[.*\])?==(.+)", line).groups() for line in wanted)  # type: ignore[union-attr,misc]
    assert direct.items() <= runs.items(), AGAIN


def test_the_image_holds_every_package_that_runs_and_the_builder_sees_no_more() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - NOT_IN_THE_IMAGE
    copied = set(re.findall(r"^COPY (\w+) /app/\1$", (ROOT / "docker" / "Dockerfile").read_text(), re.MULTILINE))
    seen = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == packages
    assert seen == packages | {"docker/requirements.lock"}


def test_both_locks_are_made_by_one_command() -> None:
    done = re.search(r"^lock:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert done and re.findall(r"--output-file (\S+)", done[1]) == ["requirements.lock", "docker/requirements.lock"]
