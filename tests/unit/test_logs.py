"""A line says what it has to and nothing of a household; what a library says again and again is said seldom."""

from __future__ import annotations

import ast
import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from aiokafka.errors import RequestTimedOutError
from hypothesis import given
from hypothesis import strategies as st

from streams.exits import Exit, last_words
from streams.logs import Json, Seldom, Text, begin, safe, traced
from tests.stack import ROOT

SECRET: Final = "cad-000123"
HOUSEHOLD: Final = frozenset(
    {"device", "devices", "key", "value", "reading", "row", "rows", "item", "items", "total", "totals", "live", "detail", "person"}
)
"""What a line must not be filled with, by its names in the code; of a record only the offset."""
FOLDERS: Final = ("streams", "agents", "tables", "dynamodb", "dashboard")


def record(text: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord("aiokafka.client", logging.WARNING, "", 0, text, values, None)


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """With the trace that it gets on its way."""
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def line(form: logging.Formatter, text: str, *values: object, error: BaseException | None = None, **extra: object) -> str:
    one = logging.getLogger("wattfall.hop").makeRecord(
        "wattfall.hop", logging.ERROR, "", 0, text, values, (type(error), error, error.__traceback__) if error else None, extra=extra
    )
    one.created = 1_790_000_000.0625
    return form.format(one)


class TestALineOfJson:
    def test_says_when_how_bad_who_and_what(self) -> None:
        assert json.loads(line(Json(), "hop %s: fenced %d partitions", "hours", 3)) == {
            "time": "2026-09-21T14:13:20.062Z",
            "level": "error",
            "logger": "wattfall.hop",
            "message": "hop hours: fenced 3 partitions",
        }

    def test_has_code_and_cause_of_an_end(self) -> None:
        told = json.loads(line(Json(), "a newer worker owns it", exit=Exit.FENCED))
        assert (told["exit_code"], told["exit_cause"]) == (71, "fenced")
        assert json.loads(line(Json(), "ended", exit=137))["exit_cause"] is None

    @given(st.text(), st.one_of(st.text(), st.binary(), st.integers()))
    def test_is_one_line_whatever_is_in_it(self, text: str, value: object) -> None:
        said = line(Json(), "%s: %s", text, value, error=raised(OSError(text)))
        assert "\n" not in said and set(json.loads(said)) == {"time", "level", "logger", "message", "exception"}

    def test_has_an_error_with_the_way_to_it_and_to_its_cause(self) -> None:
        told = json.loads(line(Json(), "failed", error=raised(OSError("no disk"), raised(KeyError(SECRET)))))
        first, _, second = told["exception"].partition("KeyError\n")
        assert "test_logs.py" in first and "test_logs.py" in second and second.endswith("OSError('no disk')") and SECRET not in told["exception"]


class TestALineOfText:
    def test_is_for_people(self) -> None:
        assert line(Text(), "hop %s: fenced %d partitions", "hours", 3)[2:] == ":13:20 hop hours: fenced 3 partitions"

    def test_says_at_the_end_why(self) -> None:
        assert line(Text(), "a newer worker owns it", exit=Exit.FENCED) == "wattfall: a newer worker owns it [exit 71: fenced]"


def decoding(raw: bytes) -> UnicodeDecodeError:
    """The error of bytes that are no text; Python quotes all of them."""
    return UnicodeDecodeError("utf-8", raw, 0, 1, "invalid start byte")


class TestAnError:
    @pytest.mark.parametrize(
        "error",
        [
            KeyError(SECRET),
            KeyError(SECRET.encode()),
            ValueError(f"row {SECRET!r}: piece 1 of 2 is missing"),
            decoding(b"\xff" + SECRET.encode()),
            AssertionError(f"{SECRET}: hour 3 has no row"),
            TypeError(SECRET),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_that_may_quote_what_was_read_is_told_by_its_kind(self, error: Exception) -> None:
        assert repr(error).count(SECRET) == 1 and safe(error) == type(error).__name__
        assert SECRET not in line(Json(), "%s, %r", error, error, error=raised(RuntimeError("the writer has ended"), error))
        assert SECRET not in traced(raised(error))

    @pytest.mark.parametrize(
        "error", [OSError(28, "no space"), TimeoutError(), RequestTimedOutError("of 5 s"), Exception("Corruption: block")], ids=str
    )
    def test_of_the_world_around_says_what_it_has_to_say(self, error: Exception) -> None:
        assert safe(error) == repr(error)

    def test_that_nobody_caught_is_a_line_like_all_others(self) -> None:
        stream = io.StringIO()
        kept, hooks = logging.getLogger().handlers[:], (sys.excepthook, threading.excepthook)
        try:
            begin("auto", stream)
            sys.excepthook(KeyError, KeyError(SECRET), None)
            last_words(Exit.STOPPED, "asked to")
        finally:
            logging.basicConfig(handlers=kept, force=True)
            logging.captureWarnings(False)
            sys.excepthook, threading.excepthook = hooks
        first, second = map(json.loads, stream.getvalue().splitlines())
        assert (first["level"], first["exit_code"], first["exception"]) == ("critical", 1, "KeyError")
        assert (second["level"], second["exit_code"], second["exit_cause"]) == ("info", 0, "stopped")

    def test_of_a_task_is_told_without_the_task(self) -> None:
        one = logging.LogRecord("asyncio", logging.ERROR, "", 0, f"Task exception was never retrieved\nfuture: KeyError('{SECRET}')", (), None)
        assert json.loads(Json().format(one))["message"] == "Task exception was never retrieved"


def calls() -> Iterator[tuple[Path, ast.Call]]:
    """Where a line is logged, or a process says why it ends."""
    for path in sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and is_said(node.func):
                yield path, node


def is_said(called: ast.expr) -> bool:
    of_log = isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id in ("log", "_log", "sink_log")
    return of_log or (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")) in ("leave", "last_words")


def filled_with(call: ast.Call) -> Iterator[str]:
    """The names of what is said; an error as `safe` has it is nobody's."""
    left: list[ast.AST] = [*call.args]
    while left:
        node = left.pop()
        if isinstance(node, ast.Name | ast.Attribute):
            yield node.id if isinstance(node, ast.Name) else node.attr
        safe_already = isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("safe", "len", "type")
        if not safe_already:
            left.extend(ast.iter_child_nodes(node))


class TestWhatIsSaid:
    def test_is_filled_with_nothing_of_a_household(self) -> None:
        assert len(list(calls())) > 50
        assert [f"{path.name}:{call.lineno}: {name}" for path, call in calls() for name in filled_with(call) if name in HOUSEHOLD] == []

    def test_has_no_error_s_own_words_where_any_error_may_come(self) -> None:
        wrong = []
        for path in sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ExceptHandler) and getattr(node.type, "id", "") == "Exception" and node.name:
                    said = [each for each in ast.walk(node) if isinstance(each, ast.Call) and is_said(each.func)]
                    wrong += [f"{path.name}:{call.lineno}" for call in said for one in texts(call) if node.name in filled_with(one)]
        assert wrong == []


def texts(call: ast.Call) -> Iterator[Any]:
    """What is put together before it is handed over: there no formatter sees an error any more."""
    for argument in call.args:
        for node in ast.walk(argument):
            if isinstance(node, ast.JoinedStr):
                yield ast.Call(node, [node], [])


class TestALibrary:
    def test_says_the_same_once_in_half_a_minute_and_then_with_its_number(self) -> None:
        now = 0.0
        seldom = Seldom(30, lambda: now)
        said = []
        for second in range(61):
            now = float(second)
            one = record("no connection to %s", second)
            if seldom.filter(one):
                said.append(one.getMessage())
        assert said == [
            "no connection to 0",
            "no connection to 30 [and 29 times more since]",
            "no connection to 60 [and 29 times more since]",
        ]

    def test_says_something_else_at_once(self) -> None:
        seldom = Seldom(30, lambda: 0.0)
        assert seldom.filter(record("no connection to %s", 1))
        assert seldom.filter(record("the broker is back"))
