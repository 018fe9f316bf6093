"""What a person may ask of `python -m agents redrive`; whatever will not do is a SettingError. Pure, but that it imports the user's function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Final

from dynamodb.span import NoSpan, parse_span
from metering.errors import Reason
from metering.period import Calendar
from metering.rules import MS_PER_HOUR
from settings.environ import SettingError
from streams.checkpoint import WHOLE_BYTES

SKEW_MS: Final = MS_PER_HOUR
"""What is sent again stands later in the log than its refusal, but brokers' clocks may differ: marks are looked for from so much earlier on."""
Pair = tuple[bytes | None, bytes | None]
"""Key and value."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be sent again; no reasons: whatever the reason."""

    late: bool
    reasons: Sequence[str]
    since_ms: int
    fix: Fix | None
    dry_run: bool

    @classmethod
    def of(cls, zone: str, *, late: bool, reason: Iterable[str], start: str, fix: str | None, dry_run: bool) -> Asked:
        """From what was typed; a date is one of this zone."""
        return cls(late, reasons(reason, late=late), since(start, zone), Fix(fix) if fix is not None else None, dry_run)


class Fix:
    """The user's function, `MODULE:FUNCTION`: makes of a key and a value others, or None where the message is to be passed over.

    Raises SettingError where it cannot be had, where it raises, and where it returns anything else.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        module, _, name = text.partition(":")
        try:
            if not module or not name:
                raise ValueError("wanted is MODULE:FUNCTION")
            function: Callable[[bytes | None, bytes | None], object] = getattr(import_module(module), name)
            if not callable(function):
                raise TypeError(f"{name} is no function")
        except Exception as error:
            raise self._fault(error) from error
        self._function = function

    def __call__(self, source: str, key: bytes | None, value: bytes | None) -> Pair | None:
        """`source` is only for the error's line."""
        try:
            return pair(self._function(key, value))
        except Exception as error:
            raise self._fault(error, f" at {source}") from error

    def _fault(self, error: Exception, where: str = "") -> SettingError:
        return SettingError(f"--fix={self.text!r}{where}: {' '.join(f'{type(error).__name__}: {error}'.split())}")


def pair(made: object) -> Pair | None:
    """What a fix may return, or TypeError, ValueError."""
    if made is None:
        return None
    if not isinstance(made, tuple) or len(made) != 2 or not all(part is None or isinstance(part, bytes) for part in made):
        raise TypeError("a fix returns a pair of key and value, each bytes or None, or None")
    key, value = made
    if len(key or b"") + len(value or b"") > WHOLE_BYTES:
        raise ValueError(f"a message of {len(key or b'') + len(value or b''):,} bytes is too large")
    return key, value


def reasons(texts: Iterable[str], *, late: bool) -> list[str]:
    """What may be asked for by `--reason`; SettingError for anything else."""
    known, asked = [reason.value for reason in Reason if reason is not Reason.SINK_REJECTED], list(texts)
    for text in asked:
        if late:
            raise SettingError(f"--reason={text!r}: what is late has no other reason; leave it out")
        if text not in known:
            raise SettingError(f"--reason={text!r}: must be one of: {', '.join(known)}")
    return asked


def since(text: str, zone: str) -> int:
    """Epoch ms of an instant with an offset, or of the beginning of a date in the zone. Raises SettingError."""
    try:
        return max(0, parse_span(text, Calendar(zone))[0] * 1000)
    except NoSpan as error:
        raise SettingError(f"--since={error}") from None


def check_marks(since_ms: int, now_ms: int, kept_ms: int, readings: str) -> None:
    """SettingError if what was sent again since then may be gone from the readings topic, which keeps it for `kept_ms` (-1: for ever)."""
    earliest_ms = now_ms - kept_ms + 2 * SKEW_MS  # one for the clocks, one for as long as this may run
    if kept_ms >= 0 and since_ms < earliest_ms:
        shown = [datetime.fromtimestamp(at // 1000, UTC).isoformat() for at in (since_ms, earliest_ms)]
        raise SettingError(f"--since: at {shown[0]} {readings} may not go back to what was sent again then; the earliest that will do is {shown[1]}")
