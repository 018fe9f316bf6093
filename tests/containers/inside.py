"""What is there inside a container: given to the Python in it on standard input, it prints what one of these functions finds, as JSON."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Final

USER: Final = 10001
CODE: Final = Path("/app")
TOOLS: Final = ("cc", "gcc", "g++", "clang", "ld", "make", "git", "uv")
CACHES: Final = (Path("/root/.cache"), Path("/var/cache/pip"), Path("/state"))
KERNEL: Final = ("/dev", "/proc", "/sys")


def folders() -> Iterator[tuple[Path, list[str], list[str]]]:
    """All but the kernel's own; whoever empties the list of what is in one is spared that."""
    for folder, inside, files in os.walk("/"):
        inside[:] = [name for name in inside if os.path.join(folder, name) not in KERNEL]
        yield Path(folder), inside, files


def contents() -> dict[str, object]:
    """Of the image; to be asked by root, who sees everything."""
    paths = [folder / name for folder, inside, files in folders() for name in (*inside, *files)]
    states = {str(path): path.lstat() for path in paths}
    return {
        "tools": [name for name in TOOLS if shutil.which(name)],
        "pip": find_spec("pip") is not None,
        "caches": [str(path) for folder in CACHES if folder.exists() for path in folder.iterdir()],
        "packages": {one.name.lower().replace("_", "-"): one.version for one in distributions()},
        "code": [path.name for path in CODE.iterdir()],
        "uncompiled": [str(path) for path in CODE.rglob("*.py") if not list(path.parent.glob(f"__pycache__/{path.stem}.*.pyc"))],
        "own": [path for path, state in states.items() if state.st_uid == USER],
        "open": [path for path, state in states.items() if state.st_mode & stat.S_IWOTH and stat.S_ISREG(state.st_mode)],
    }


def processes() -> list[dict[str, str]]:
    """Every process's status, by its words in proc(5)."""
    told = [path.read_text() for path in Path("/proc").glob("[0-9]*/status")]
    return [dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line) for text in told]


def writable() -> list[str]:
    """Where whoever asks may write; folders in these are not named."""
    found = []
    for folder, inside, _ in folders():
        if os.access(folder, os.W_OK):
            found.append(str(folder))
            inside.clear()
    return found


def refusal() -> str:
    """Why nobody writes where everybody may."""
    try:
        Path("/var/tmp/anything").touch()
    except OSError as error:
        return error.strerror or ""
    return "it was written"


if __name__ == "__main__":
    print(json.dumps({function.__name__: function for function in (contents, processes, writable, refusal)}[sys.argv[1]]()))
