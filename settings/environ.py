"""Takes variables out of an environment that it is given: whoever reads the real one is a composition root.

ValueError
└── SettingError     names the variable, its value and what would do; a command ends with exit code 2
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from metering.period import Calendar

T = TypeVar("T")


class SettingError(ValueError):
    """A setting that cannot be used: one line for a person, naming the variable, its value and what would do."""


class Reader:
    """Takes single variables; whatever does not parse becomes a SettingError. A parser raises ValueError with what would do."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ

    def __call__(self, variable: str, default: T, parse: Callable[[str], T]) -> T:
        """The variable's value, or the default where it is absent or empty."""
        text = self.environ.get(variable, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            raise SettingError(f"{variable}={text!r}: {error}") from None


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """A whole number not below `low` (nor above `high`)."""

    def parse(text: str) -> int:
        span = f"a whole number from {low}" + ("" if high is None else f" to {high}")
        if not is_whole(text) or int(text) < low or (high is not None and int(text) > high):
            raise ValueError(f"must be {span}")
        return int(text)

    return parse


def is_whole(text: str) -> bool:
    """Digits and nothing else. `isdigit` alone knows more of them than `int` does: ² is one."""
    return text.isascii() and text.isdigit()


def number(text: str, low: float, high: float, what: str) -> float:
    """A number between `low` and `high`; `what` is said of it where it is none."""
    try:
        value = float(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise ValueError(f"must be {what} from {low:g} to {high:g}")
    return value


def seconds(low: float, high: float) -> Callable[[str], float]:
    """A number of seconds between `low` and `high`."""
    return lambda text: number(text, low, high, "a number of seconds")


def thousandths(low: float, high: float) -> Callable[[str], int]:
    """A number between `low` and `high`, in thousandths (seconds → ms, W → mW, Wh → mWh)."""
    return lambda text: round(number(text, low, high, "a number") * 1000)


def one_of(*names: str) -> Callable[[str], str]:
    """One of a few words."""

    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(f"must be one of: {', '.join(names)}")
        return text

    return parse


def zone(text: str) -> str:
    """An IANA time zone."""
    try:
        Calendar(text)
    except ValueError:
        raise ValueError("is no time zone; wanted is an IANA name such as Europe/Amsterdam") from None
    return text
