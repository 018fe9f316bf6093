"""What the documents tell people to type exists."""

from __future__ import annotations

import re
import shlex

import pytest

from agents.arguments import parser
from tests.stack import ROOT

PAGES = ("README.md", "docs/operations.md", "docs/settings.md", "docs/proof.md")
COMMAND = re.compile(r"(?:`|^)[^`\n]*?python -m agents ([^`\n#]*?)(?=`|\n|#|&|$)", re.MULTILINE)
LEFT_OUT = ("…", "|", "--help")


def commands() -> list[tuple[str, str]]:
    found = [(page, match[1].strip()) for page in PAGES for match in COMMAND.finditer((ROOT / page).read_text())]
    return sorted({(page, typed) for page, typed in found if not any(mark in typed for mark in LEFT_OUT)})


@pytest.mark.parametrize(("page", "typed"), commands())
def test_a_command_of_the_documents_is_one(page: str, typed: str) -> None:
    assert parser().parse_args(shlex.split(typed)).role


def test_there_are_many() -> None:
    assert len(commands()) > 15 and ("docs/operations.md", "replay promote") in commands()
