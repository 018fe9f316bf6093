"""What the tree promises: where things are, what they are called, how large they are."""

from __future__ import annotations

import ast
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs.generate import FOLDERS

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"metering", "settings", "streams", "tables", "agents", "dynamodb", "ingest", "dashboard", "local", "bench", "demo", "tests"}
AGENTS = {"readings_to_hours", "hours_to_days", "days_to_months", "readings_to_live", "totals_to_dynamodb"}
MADE = {"build", "__pycache__"}
LONGEST_FUNCTION = 60
USUAL_FUNCTION = 25
USUAL_MODULE = 200
SAYS_NOTHING = re.compile(r"(^|_)(utils?|helpers?|managers?|data|info|common|misc)(_|$)")


def modules(*packages: str) -> Iterator[Path]:
    for package in sorted(packages):
        yield from sorted(path for path in (ROOT / package).rglob("*.py") if path.stat().st_size)


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function's name and its number of lines."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def tool(name: str) -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][name]


def folders() -> set[str]:
    """The top level's, but for what is made on the way; one that is empty, or holds only what Python compiled, is none of the tree."""
    found = {path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".") and path.name not in MADE}
    return {path.name for path in found if any(file.is_file() and "__pycache__" not in file.parts for file in path.rglob("*"))}


def told(path: Path) -> str:
    return str(path.relative_to(ROOT))


class TestWhereThingsAre:
    def test_the_top_level_is_what_the_readme_shows(self) -> None:
        table = re.findall(r"^\| (`.*?`) \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
        shown = {name for row in table for name in re.findall(r"`(\w+)/`", row)}
        assert folders() == shown
        assert shown == PACKAGES | {"deploy", "docker", "docs"}

    def test_the_file_map_has_every_folder_with_modules_that_run(self) -> None:
        assert set(FOLDERS) == PACKAGES - {"tests"}

    def test_docker_is_no_package_or_it_would_shadow_the_docker_sdk(self) -> None:
        assert not list((ROOT / "docker").rglob("__init__.py"))

    @pytest.mark.parametrize("package", sorted(PACKAGES))
    def test_every_folder_with_modules_is_a_package_of_ours(self, package: str) -> None:
        """A folder without __init__.py loses against any other package of its name on the path."""
        assert (ROOT / package / "__init__.py").exists()

    def test_nothing_is_ever_installed(self) -> None:
        assert tool("setuptools") == {"packages": []}

    def test_tests_find_the_tree_by_its_root_alone(self) -> None:
        assert tool("pytest")["ini_options"]["pythonpath"] == ["."]
        assert "--import-mode=importlib" in tool("pytest")["ini_options"]["addopts"]

    def test_every_package_is_under_the_contracts_of_the_imports(self) -> None:
        assert set(tool("importlinter")["root_packages"]) == PACKAGES - {"tests"}

    def test_ci_goes_through_the_same_doors(self) -> None:
        assert os.access(ROOT / ".ci" / "run", os.X_OK)
        assert {"make check", "make test"} <= set((ROOT / ".ci" / "run").read_text().splitlines())


class TestWhatThingsAreCalled:
    def test_the_flow_can_be_read_off_the_folder(self) -> None:
        assert {path.stem for path in (ROOT / "agents").glob("*_to_*.py")} == AGENTS

    def test_no_name_says_nothing(self) -> None:
        assert [told(path) for path in modules(*PACKAGES) if SAYS_NOTHING.search(path.stem)] == []

    def test_every_module_says_what_it_is(self) -> None:
        assert [told(path) for path in modules(*PACKAGES) if not ast.get_docstring(ast.parse(path.read_text()))] == []


class TestHowLargeThingsAre:
    def test_no_function_is_longer_than_a_screen(self) -> None:
        long = [
            f"{told(path)}: {name} has {lines} lines" for path in modules(*PACKAGES) for name, lines in functions(path) if lines > LONGEST_FUNCTION
        ]
        assert long == []

    def test_nine_functions_in_ten_are_short(self) -> None:
        lengths = [lines for path in modules(*PACKAGES - {"tests"}) for _, lines in functions(path)]
        assert sum(lines <= USUAL_FUNCTION for lines in lengths) >= 0.9 * len(lengths)

    def test_nine_modules_in_ten_are_short(self) -> None:
        lengths = {told(path): len(path.read_text().splitlines()) for path in modules(*PACKAGES - {"tests"})}
        long = {path: lines for path, lines in lengths.items() if lines > USUAL_MODULE}
        assert len(long) <= 0.1 * len(lengths), long


class TestHowThingsAreTested:
    def test_unit_tests_replace_nothing_and_wait_for_nothing(self) -> None:
        """A clock of a test's own is awaited; `asyncio.sleep(0)` only lets the others have their turn."""
        word = re.compile(
            r"\b(Mock|MagicMock|AsyncMock|mock|patch|monkeypatch)\b|(?<!await )\btime\.sleep\(|\basyncio\.sleep\((?!0\))|\bimport sleep\b"
        )
        assert [f"{told(path)}: {word.search(path.read_text())}" for path in modules("tests/unit") if word.search(path.read_text())] == []


class TestWhatIsLocked:
    def test_every_requirement_has_one_version_and_its_hashes(self) -> None:
        lock = (ROOT / "requirements.lock").read_text()
        entries = re.split(r"\n(?=\S)", lock.strip())
        assert [entry.splitlines()[0] for entry in entries if not re.match(r"[\w.-]+==[\w.!+-]+ (;.*)?\\\n +--hash=sha256:", entry)] == []

    def test_the_lock_has_the_versions_that_were_asked_for(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())
        asked = [*project["project"]["dependencies"], *(each for group in project["dependency-groups"].values() for each in group)]
        pinned = [re.sub(r"\[.*?\]|;.*", "", each) for each in asked if "==" in each]
        lock = (ROOT / "requirements.lock").read_text()
        assert [each for each in pinned if not re.search(rf"^{re.escape(each)} ", lock, re.MULTILINE)] == []
