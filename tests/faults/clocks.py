"""Workers whose clocks are wrong, by libfaketime, which the dynamic linker puts between a process and the system."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Final

OFFSETS: Final = ("-1d", "+1h", "+1d")
LEAST_WRONG_S: Final = 3000


def library() -> Path | None:
    """The package's, which is made for Linux on x86-64; None elsewhere."""
    found = find_spec("libfaketime")
    path = Path(found.origin).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1" if found and found.origin else None
    return path if path is not None and path.exists() else None


def clock(offset: str) -> dict[str, str]:
    """What a process needs in its environment; how long things take is left as it is. AssertionError if its clock would not be wrong."""
    path = library()
    assert path is not None, "libfaketime is not there: it is for Linux on x86-64 only"
    variables = {"LD_PRELOAD": str(path), "FAKETIME": offset, "DONT_FAKE_MONOTONIC": "1"}
    told = subprocess.run([sys.executable, "-c", "import time; print(time.time())"], env=os.environ | variables, capture_output=True, check=True)
    assert abs(float(told.stdout) - time.time()) > LEAST_WRONG_S, f"the clock is right in spite of FAKETIME={offset}"
    return variables
