"""What a process says of its work on standard error: a line of text for people, or a JSON object a line for programs.

No line has anything of a household in it: no device, no key, no reading and no total. Where something is, its topic, partition and offset say. What
an error says of itself is told only where it speaks of the world around us; whoever reads keys and values may quote them.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import orjson

from settings.environ import Reader, one_of
from streams.exits import Exit

EVERY_S: Final = 30.0
FORMS: Final = ("auto", "text", "json")
SELDOM: Final = ("aiokafka", "faust", "mode", "dashboard")
"""A broker that is away makes aiokafka say the same a hundred times a second, and a DynamoDB that is away the dashboard at each request."""
OF_THE_WORLD: Final = (OSError, RuntimeError)
"""Errors that speak of brokers (aiokafka's are RuntimeErrors), files and time limits. Others, such as KeyError, name what was looked at, which may
be a device or a reading."""
log: Final = logging.getLogger("wattfall")


def form(environ: Mapping[str, str]) -> str:
    """How the environment wants it. Raises SettingError."""
    return Reader(environ)("WATTFALL_LOG_FORMAT", "auto", one_of(*FORMS))


def begin(wanted: str, stream: TextIO = sys.stderr) -> None:
    """From now on everything is logged there, and nothing else says anything: warnings and errors that nobody caught are lines like all others.

    `wanted` is one of `FORMS`; auto is text where the stream is a terminal, JSON elsewhere.
    """
    handler, seldom = logging.StreamHandler(stream), Seldom()
    handler.setFormatter(Text() if wanted == "text" or wanted == "auto" and stream.isatty() else Json())
    handler.addFilter(lambda record: not record.name.startswith(SELDOM) or seldom.filter(record))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    log.setLevel(logging.INFO)
    logging.captureWarnings(True)
    sys.excepthook = lambda kind, error, trace: uncaught(error)
    threading.excepthook = lambda thread: uncaught(thread.exc_value)


def uncaught(error: BaseException | None) -> None:
    """What nobody caught; a process, or a thread of it, ends with it."""
    if not isinstance(error, KeyboardInterrupt):
        log.critical("ended by an error that nobody caught", exc_info=error, extra={"exit": Exit.FAILED})


def safe(error: BaseException) -> str:
    """An error as any line may have it: its kind, and its text where that cannot quote what was read."""
    told = isinstance(error, OF_THE_WORLD) or type(error) is Exception  # so RocksDB's
    return repr(error) if told else type(error).__name__


def traced(error: BaseException) -> str:
    """Where an error came from, and before it those that led to it."""
    return "\n".join("".join(traceback.format_tb(one.__traceback__)) + safe(one) for one in reversed(list(led(error))))


def led(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and one after the other what led to it."""
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


class Seldom(logging.Filter):
    """Lets a message of a kind pass at most once in `every_s`; the kind is its text before anything is filled in."""

    def __init__(self, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.every_s, self.clock = every_s, clock
        self.said: dict[str, float] = {}
        self.unsaid: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Counts what does not pass, and tells with the next that does."""
        kind, now = str(record.msg)[:40], self.clock()
        if now - self.said.get(kind, float("-inf")) < self.every_s:
            self.unsaid[kind] = self.unsaid.get(kind, 0) + 1
            return False
        self.said[kind] = now
        unsaid = self.unsaid.pop(kind, 0)
        if unsaid:
            record.msg = f"{record.msg} [and {unsaid} times more since]"
        return True


class Lines(logging.Formatter):
    """What both forms share."""

    def message(self, record: logging.LogRecord) -> str:
        """The text with everything filled in, errors as `safe` has them."""
        given = record.args
        filled = tuple(map(shown, given)) if isinstance(given, tuple) else given
        text = str(shown(record.msg)) % filled if filled else str(shown(record.msg))
        if record.name == "asyncio":  # its other lines are of tasks and futures, each with its error
            text = text.partition("\n")[0]
        return text.encode(errors="backslashreplace").decode()

    def error(self, record: logging.LogRecord) -> str:
        """The error that belongs to it, empty if there is none."""
        return traced(record.exc_info[1]) if record.exc_info and record.exc_info[1] else ""


def shown(given: Any) -> Any:
    """What is filled in."""
    return safe(given) if isinstance(given, BaseException) else given


class Text(Lines):
    """`10:15:20 message`, and for the end of a process `wattfall: why [exit 71: fenced]`."""

    def format(self, record: logging.LogRecord) -> str:
        """A line, and more for an error."""
        code = getattr(record, "exit", None)
        line = f"{time.strftime('%H:%M:%S', time.localtime(record.created))} {self.message(record)}"
        if code is not None:
            line = f"wattfall: {self.message(record)} [exit {int(code)}: {cause(code) or 'a signal'}]"
        return "\n".join(filter(None, [line, self.error(record)]))


class Json(Lines):
    """One object a line: `time` (RFC 3339, UTC), `level`, `logger`, `message`; `exception` with an error.

    With the end of a process its `exit_code`, and the name of that (streams/exits.py) as `exit_cause`, null for a signal's.
    """

    def format(self, record: logging.LogRecord) -> str:
        """A line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
        told: dict[str, Any] = {"time": at, "level": record.levelname.lower(), "logger": record.name, "message": self.message(record)}
        code = getattr(record, "exit", None)
        if code is not None:
            told |= {"exit_code": int(code), "exit_cause": cause(code)}
        if error := self.error(record):
            told["exception"] = error
        return orjson.dumps(told).decode()


def cause(code: int) -> str | None:
    """The name of an exit code; None for that of a signal."""
    return next((one.name.lower().replace("_", " ") for one in Exit if one == code), None)
