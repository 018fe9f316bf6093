"""What the documents say of the tree is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack import ROOT

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
GENERATED = re.compile(r"<!-- generated: .*?<!-- end of \w+ -->", re.DOTALL)
PROMISED = {"agents/months_to_years.py"}
"""Named as an example of what somebody might add."""


def written(page: Path) -> str:
    """What people wrote: without the lists that are generated."""
    return GENERATED.sub("", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
class TestEveryPage:
    def test_its_links_lead_somewhere(self, page: Path) -> None:
        links = re.findall(r"\]\((?!https?:)([^)#]+)", written(page))
        assert [link for link in links if not (page.parent / link).exists()] == []

    def test_the_files_that_it_names_are_there(self, page: Path) -> None:
        named = set(re.findall(r"`((?:\w+/)+[\w.]*)`", written(page))) - PROMISED
        assert [name for name in sorted(named) if not (ROOT / name).exists()] == []

    def test_the_commands_that_it_names_are_there(self, page: Path) -> None:
        modules = set(re.findall(r"python -m ([\w.]+)", written(page)))
        paths = [ROOT / module.replace(".", "/") for module in sorted(modules)]
        assert [path for path in paths if not (path / "__main__.py").exists() and not path.with_suffix(".py").exists()] == []


def test_what_the_readme_shows_of_make_is_there() -> None:
    named = set(re.findall(r"make (\w+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert named <= targets | {"it"}


@pytest.mark.parametrize("command", ["agents", "dynamodb", "ingest", "local", "demo"])
def test_every_command_helps_with_an_example(command: str) -> None:
    said = subprocess.run([sys.executable, "-m", command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "example" in said
    assert max(map(len, said.splitlines())) <= 160
