"""What a run tells a person, on standard error: which lines failed and why, how far it is, and the count at the end."""

from __future__ import annotations

from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ingest.reading import BadLine

NAMED: Final = 20
"""So many failures are named one by one; the rest are counted."""


class Report:
    """Counts `failed` readings and shows progress: a bar on a terminal, nothing elsewhere."""

    def __init__(self, console: Console, size: int) -> None:
        self.failed = 0
        self._lines = 0
        self._console = console
        columns = (BarColumn(), TaskProgressColumn(), DownloadColumn(), TextColumn("{task.fields[count]}"), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("ingest", total=size or None, count="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def bad(self, name: str, line: BadLine) -> None:
        """A line that failed: the first ones are named."""
        self.failed += line.readings
        self._lines += 1
        if self._lines <= NAMED:
            self.say(f"{name}:{line.line}: {line.reason}")

    def say(self, text: str) -> None:
        """One line, above the bar, exactly as it stands."""
        self._console.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)

    def progress(self, taken: int, sent: int) -> None:
        """`taken` bytes of the files were read, `sent` readings are with the broker."""
        self._bar.update(self._task, completed=taken, count=f"{sent:,} sent" + (f", {self.failed:,} failed" if self.failed else ""))

    def end(self, sent: int, unknown: int = 0, verb: str = "sent") -> None:
        """The last line. `unknown` readings were handed over, but never confirmed."""
        self._bar.stop()
        if self._lines > NAMED:
            self.say(f"… and {self._lines - NAMED:,} more lines failed")
        extra = f", {unknown:,} unknown (handed over, not confirmed)" if unknown else ""
        self.say(f"{sent:,} reading{'' if sent == 1 else 's'} {verb}, {self.failed:,} failed{extra}")
