"""The table of the mutants in docs/proof.md; written only after all of them were caught."""

from __future__ import annotations

from collections.abc import Sequence

from docs.generate import put
from tests.mutants.mutant import Mutant


def table(mutants: Sequence[Mutant]) -> str:
    """One row a mutant."""
    rows = ["| mutant | what it makes untrue | where | caught by |\n|---|---|---|---|\n"]
    for mutant in mutants:
        files, tests = (", ".join(f"`{each}`" for each in some) for some in (mutant.files, mutant.tests))
        rows.append(f"| {mutant.name} | {mutant.claim} | {files} | {tests} |\n")
    return "".join(rows)


def write(mutants: Sequence[Mutant]) -> None:
    """Puts the table into its place."""
    put("mutants", table(mutants))
