"""What a person is told while waiting: on standard error, because standard output carries only the one line of JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import track as rich_track

T = TypeVar("T")


def say(text: str) -> None:
    """One line."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(text, markup=False)


def track(steps: Iterable[T], count: int, title: str) -> Iterable[T]:
    """The steps as they are, with a progress bar where somebody can see it."""
    console = Console(stderr=True)
    return rich_track(steps, title, total=count, console=console, transient=True, disable=not console.is_terminal)
