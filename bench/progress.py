"""What a person sees while it is measured: a bar on a terminal, a line a step elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def step(title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """One step; the function that it gives takes how much of `total` is done."""
    console = Console(stderr=True)
    if not console.is_terminal:
        console.print(title, markup=False, highlight=False)
        yield lambda done: None
        return
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task(title, total=total)
        yield lambda done: progress.update(task, completed=done)
