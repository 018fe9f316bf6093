"""A picture of what the demo says, from a terminal's recording: `script -qc 'make demo ONCE=1' said; python -m docs.picture said > docs/demo.svg`.

The month by days and the day by hours are left out, since they are long.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

WIDTH: Final = 116
LEFT_OUT: Final = ("a day by hours", "a month by days")
_CONTROL: Final = re.compile(r"\x1b\[\??[0-9;]*[A-LN-Za-ln-z]")
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_REDRAWN: Final = re.compile(r"^.*readings counted.*\n|^.*totals stored.*\n", re.MULTILINE)


def lines(said: str) -> Iterator[str]:
    """What is to be seen, as it stays on the terminal once the bars are gone."""
    said = _CONTROL.sub("", said.replace("\r\n", "\n")).replace("\r", "\n")
    kept = True
    for line in _REDRAWN.sub("", said).splitlines():
        plain = _COLOUR.sub("", line)
        if "python -m dynamodb read" in plain:
            kept = not plain.startswith(LEFT_OUT)
        if kept and not (plain.endswith("…") or plain.startswith("Script ")):
            yield line.rstrip()


def picture(said: str) -> str:
    """An SVG that loads nothing from anywhere."""
    with Path("/dev/null").open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print("$ make demo ONCE=1", highlight=False)
        blank = False
        for line in lines(said):
            if line or not blank:
                console.print(Text.from_ansi(line), soft_wrap=True)
            blank = not line
        drawn = console.export_svg(title="Wattfall")
    drawn = re.sub(r"<!--.*?-->\n?", "", drawn, flags=re.DOTALL)
    return re.sub(r"@font-face \{.*?\}\n?", "", drawn, flags=re.DOTALL)


def main(arguments: Sequence[str]) -> int:
    """Reads the recording that is named."""
    print(picture(Path(arguments[0]).read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
