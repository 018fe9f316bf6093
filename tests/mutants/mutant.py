"""A mutant is data: a plausible mistake as a patch, the claim that it attacks, and the tests that have to notice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROCESSES: Final = ("tests/e2e/", "tests/faults/")
"""Tests in here have real processes, and may fail for many reasons, this mutant's or another."""


class Stale(ValueError):
    """A patch that no longer applies: its text is not in the file, or there more than once."""


@dataclass(frozen=True, slots=True)
class Edit:
    """`old` stands exactly once in `file`; whole lines, so both texts begin and end with a line break."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """`name` is the mistake, `claim` what it makes untrue. Each of `tests` (ids as pytest takes them) has to fail.

    `why`: a regular expression for the line with which those of them that have real processes fail.
    """

    name: str
    claim: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]
    why: str = ""

    @property
    def files(self) -> list[str]:
        """Where it is."""
        return sorted({edit.file for edit in self.edits})


def broken(text: str, edit: Edit) -> str:
    """A file's text with the edit made. Raises Stale."""
    found = text.count(edit.old)
    if found != 1:
        raise Stale(f"{edit.file}: this stands there {found} times, not once:{edit.old}")
    return text.replace(edit.old, edit.new)


def apply(edits: Sequence[Edit], root: Path) -> None:
    """Makes the edits in the tree at `root`. Raises Stale."""
    for edit in edits:
        path = root / edit.file
        path.write_text(broken(path.read_text(encoding="utf-8"), edit), encoding="utf-8")
