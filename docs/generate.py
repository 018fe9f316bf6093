"""Writes into the documentation the lists that code knows, so that each is said once.

    python -m docs.generate            write them
    python -m docs.generate --check    only say which pages are behind; exit 1 if any is

A page holds a list between two comments, `<!-- generated: NAME -->` and `<!-- end of NAME -->`. Those in `SEEN` are left as they are.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from docs import variables
from metering.errors import Reason
from streams import metrics
from streams.exits import Exit

DOCS: Final = Path(__file__).resolve().parent
PROOF: Final = DOCS / "proof.md"
_LIST: Final = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)


def reasons() -> str:
    """Why a message or an element of it is rejected, as a table."""
    return "".join(["| reason | when |\n|---|---|\n", *(f"| `{reason}` | {reason.meaning} |\n" for reason in Reason)])


def exits() -> str:
    """How a role ends, whether a restart helps, and what else to do, from the comments in streams/exits.py."""
    source = (DOCS.parent / "streams" / "exits.py").read_text(encoding="utf-8")
    found = re.findall(r"^    ([A-Z_]+) = (\d+)  # (.+)$", source, re.MULTILINE)
    rows = [f"| {code} | {name.lower()} | {variables.restart(Exit[name], remedy)} | {remedy} |\n" for name, code, remedy in found]
    return "".join(["| code | name | restart? | what to do |\n|---|---|---|---|\n", *rows])


def files() -> str:
    """The modules that run, folder by folder, each with the first paragraph of what it says of itself."""
    lines = []
    for folder in FOLDERS:
        lines += [f"### {folder}/", ""]
        for path in sorted(each for kind in _FIRST for each in (DOCS.parent / folder).rglob(f"*{kind}")):
            said = _FIRST[path.suffix](path.read_text(encoding="utf-8"))
            if said and path.name != "__init__.py":
                lines.append(f"- `{path.relative_to(DOCS.parent / folder)}`: {' '.join(said.partition(chr(10) * 2)[0].split())}")
        lines.append("")
    return "\n".join(lines)


def _docstring(source: str) -> str:
    return ast.get_docstring(ast.parse(source)) or ""


def _comment(source: str) -> str:
    return "\n".join(line[3:] for line in itertools.takewhile(lambda line: line.startswith("//"), source.splitlines()))


_FIRST: Final[Mapping[str, Callable[[str], str]]] = {".py": _docstring, ".js": _comment}
"""What a module says of itself, by its kind."""


def page() -> str:
    """What a worker tells Prometheus, as a table."""
    rows = [f"| `{one.name}{'_total' * (one.kind == 'counter')}` | {one.kind} | {', '.join(one.labels)} | {one.about} |\n" for one in metrics.ALL]
    return "".join(["| metric | type | labels | what it is |\n|---|---|---|---|\n", *rows])


FOLDERS: Final = ("metering", "settings", "streams", "tables", "agents", "dynamodb", "dashboard", "ingest", "local", "demo", "bench")
LISTS: Final[Mapping[str, Callable[[], str]]] = {"reasons": reasons, "settings": variables.table, "exits": exits, "metrics": page, "files": files}
SEEN: Final = frozenset({"mutants", "runs"})
"""Lists of what was seen to happen, which only the commands that look (`make mutants`, `make prove`) write, by `put`."""


def renewed(page: str) -> str:
    """The page's text with its lists as the code has them now. Raises KeyError for a list that nobody knows."""
    return _LIST.sub(lambda found: found[0] if found[2] in SEEN else found[1] + LISTS[found[2]]() + found[3], page)


def put(name: str, text: str) -> None:
    """Writes one of the lists in `SEEN` into its place in docs/proof.md."""
    assert name in SEEN, name
    old = PROOF.read_text(encoding="utf-8")
    PROOF.write_text(_LIST.sub(lambda found: found[1] + text + found[3] if found[2] == name else found[0], old), encoding="utf-8")


def behind() -> Iterator[tuple[Path, str]]:
    """Pages that are not as they would be written, each with its new text."""
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        new = renewed(text)
        if new != text:
            yield page, new


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description="Write the lists that code knows into docs/*.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is behind")
    arguments = parser.parse_args()
    pages = list(behind())
    for page, new in pages:
        if not arguments.check:
            page.write_text(new, encoding="utf-8")
        print(f"docs/{page.relative_to(DOCS)}: {'is behind; python -m docs.generate writes it' if arguments.check else 'written'}")
    return 1 if arguments.check and pages else 0


if __name__ == "__main__":
    sys.exit(main())
