"""Functions for `redrive --fix`, as a user would write them: good ones, and some that will not do."""

from __future__ import annotations

NOT_A_FUNCTION = 1


def spelling(key: bytes | None, value: bytes | None) -> tuple[bytes | None, bytes | None] | None:
    """Mends `powr_w`; whatever has none is passed over."""
    return (key, value.replace(b'"powr_w"', b'"power_w"')) if value is not None and b'"powr_w"' in value else None


def upper(key: bytes | None, value: bytes | None) -> tuple[bytes | None, bytes | None]:
    """Another key."""
    return key and key.upper(), value


def raising(key: bytes | None, value: bytes | None) -> tuple[bytes | None, bytes | None]:
    """A mistake, told in two lines."""
    raise LookupError("nothing\nof the kind")


def text(key: bytes | None, value: bytes | None) -> tuple[str, str]:
    """Not bytes."""
    return "key", "value"


def huge(key: bytes | None, value: bytes | None) -> tuple[bytes | None, bytes | None]:
    """More than the topic takes."""
    return key, bytes(2 << 20)
