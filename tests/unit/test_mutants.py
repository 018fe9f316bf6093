"""The mutants, without trying them: their patches still apply, and what they name is there. `make mutants` tries them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from docs.generate import PROOF, SEEN
from tests.mutants import page
from tests.mutants.listed import MUTANTS
from tests.mutants.mutant import PROCESSES, Edit, Mutant, Stale, broken
from tests.mutants.trial import Fate, Trial, fate_of, outcomes
from tests.stack import ROOT


def names(file: str) -> set[str]:
    """Every test of a file, as an id has it behind the file: `test_a`, `TestB::test_c`."""
    found = set()
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {prefix + each.name for each in inner if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    return found


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
class TestEveryMutant:
    def test_its_patch_applies_and_leaves_python(self, mutant: Mutant) -> None:
        texts = {file: (ROOT / file).read_text(encoding="utf-8") for file in mutant.files}
        for edit in mutant.edits:
            assert all(text.startswith("\n") and text.endswith("\n") for text in (edit.old, edit.new)), "whole lines"
            texts[edit.file] = broken(texts[edit.file], edit)
        for file, text in texts.items():
            compile(text, file, "exec")

    def test_the_tests_that_have_to_notice_are_there(self, mutant: Mutant) -> None:
        assert mutant.tests
        for test in mutant.tests:
            file, _, name = test.partition("[")[0].partition("::")
            assert name in names(file), test
            assert mutant.why or not file.startswith(PROCESSES), f"{test} may fail for other reasons: say for which it has to"


def test_no_two_have_the_same_name() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_the_table_has_them_all_as_they_are() -> None:
    text = PROOF.read_text(encoding="utf-8")
    assert "mutants" in SEEN
    assert f"<!-- generated: mutants -->\n{page.table(MUTANTS)}<!-- end of mutants -->" in text, "make mutants writes it"


@pytest.mark.parametrize("text", ["\nb\n", "\na\nb\na\n"])
def test_a_text_that_is_not_there_once_is_stale(text: str) -> None:
    with pytest.raises(Stale, match="not once"):
        broken(text, Edit("file", "\na\n", "\nc\n"))


REPORT = """<testsuites><testsuite>
<testcase classname="tests.unit.test_a" name="test_one[x]"/>
<testcase classname="tests.unit.test_a" name="test_one[y]"><failure message="assert 1 == 2&#10;more">all of it</failure></testcase>
<testcase classname="tests.unit.test_a.TestB" name="test_two"><error message="no stack">all of it</error></testcase>
<testcase classname="tests.unit.test_a" name="test_three"><skipped message="not here"/></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("test", "fate"),
    [
        ("test_one[x]", Fate.PASSED),
        ("test_one[y]", Fate.FAILED),
        ("test_one", Fate.FAILED),  # in one of its cases
        ("TestB::test_two", Fate.BROKEN),  # nothing was noticed: it never began
        ("test_two", Fate.MISSING),
        ("test_three", Fate.MISSING),
        ("test_on", Fate.MISSING),
    ],
)
def test_what_became_of_a_test(tmp_path: Path, test: str, fate: Fate) -> None:
    (tmp_path / "junit.xml").write_text(REPORT)
    assert fate_of(f"tests/unit/test_a.py::{test}", outcomes(tmp_path / "junit.xml"))[0] is fate


@pytest.mark.parametrize(
    ("fate", "folder", "line", "caught"),
    [
        (Fate.FAILED, "e2e", "the zombie has written", True),
        (Fate.FAILED, "faults", "AssertionError: the zombie has written something", True),
        (Fate.FAILED, "e2e", "TimeoutError", False),
        (Fate.FAILED, "flow", "assert 1 == 2", True),
        (Fate.FAILED, "flow", "NameError: name 'it' is not defined", False),
        (Fate.BROKEN, "e2e", "the zombie has written", False),
    ],
)
def test_a_mutant_is_caught_only_if_it_runs_and_what_has_processes_fails_for_its_reason(fate: Fate, folder: str, line: str, caught: bool) -> None:
    test = f"tests/{folder}/test_a.py::test_b"
    assert Trial({test: fate}, 0.0, {test: line}, "").caught(Mutant("a", "b", (), (test,), "zombie has written")) is caught


def test_without_a_report_no_test_was_there(tmp_path: Path) -> None:
    assert outcomes(tmp_path / "junit.xml") == {}
