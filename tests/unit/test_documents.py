"""What the documents say of the tree is there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from metering.reading import Decoder
from metering.rules import Rules
from tests.stack import ROOT

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
GENERATED = re.compile(r"<!-- generated: .*?<!-- end of \w+ -->", re.DOTALL)
PROMISED = {"agents/months_to_years.py"}
"""Named as an example of what somebody might add."""
LATER_MS = 1_800_000_000_000
"""A broker's clock, later than all readings that the pages show."""


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


def test_the_readings_that_the_pages_show_can_be_counted() -> None:
    blocks = [block for page in PAGES for block in re.findall(r"```json\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)]
    shown = [line.encode() for block in blocks for line in block.splitlines()]
    decoder = Decoder(Rules())
    faults = [decoder.decode(json.loads(line)["device"].encode(), line, LATER_MS).faults for line in shown]
    assert len(faults) > 5 and not any(faults)


def test_the_sections_that_are_cited_by_number_are_there() -> None:
    page = (ROOT / "docs" / "metering.md").read_text(encoding="utf-8")
    rules = page[page.index("\n# The rules, exactly\n") : page.index("\n# Rejected and late\n")]
    there = re.findall(r"^(?:## (\d)\.|\*\*(\d\.\d)\*\*) ", rules, re.MULTILINE)
    code = "".join(path.read_text(encoding="utf-8") for folder in ("metering", "tests") for path in (ROOT / folder).glob("*.py"))
    cited = set(re.findall(r"\b\d\.\d\b", rules)) | set(re.findall(r"\bsection (\d(?:\.\d)?)\b", rules + code))
    assert {chapter for chapter, _ in there if chapter} == set("123456789")
    assert len(cited) > 10 and cited <= {chapter or section for chapter, section in there}


@pytest.mark.parametrize("command", ["agents", "dynamodb", "ingest", "local", "demo", "bench", "tests.mutants"])
def test_every_command_helps_with_an_example(command: str) -> None:
    said = subprocess.run([sys.executable, "-m", command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "example" in said
    assert max(map(len, said.splitlines())) <= 160
