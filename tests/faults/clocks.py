"""Workers whose clocks are wrong, by libfaketime, which the dynamic linker puts between a process and the system."""

from __future__ import annotations

import json
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Final

OFFSETS: Final = {"-1d": -86_400, "+1h": 3_600, "+1d": 86_400}
"""As libfaketime has them, and in seconds."""
NEAR_S: Final = 60


def library() -> Path | None:
    """The package's, which is made for Linux on x86-64; None elsewhere."""
    found = find_spec("libfaketime")
    path = Path(found.origin).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1" if found and found.origin else None
    return path if path is not None and path.exists() else None


def clock(offset: str) -> dict[str, str]:
    """What a worker needs in its environment; how long things take is left as it is. Its log says what time it takes it to be (`wrong_by`)."""
    path = library()
    assert path is not None, "libfaketime is not there: it is for Linux on x86-64 only"
    return {"LD_PRELOAD": str(path), "FAKETIME": offset, "DONT_FAKE_MONOTONIC": "1", "WATTFALL_LOG_FORMAT": "json"}


def wrong_by(log: Path) -> float:
    """By how many seconds the clock of whoever wrote the log's last line was ahead."""
    told = json.loads(log.read_bytes().splitlines()[-1])["time"]
    return datetime.fromisoformat(told).timestamp() - log.stat().st_mtime
