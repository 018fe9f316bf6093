"""Row keys: raw bytes, so that a changelog needs no codec, and in an order in which a device's parts lie together.

device NUL period(5) part(5)      a part of a period; starts in epoch seconds, big-endian
device NUL                        what is kept of a device across periods
NUL …                             records that are no device's: position and guard (streams/)
"""

from __future__ import annotations


def part_key(device: str, period: int, part: int) -> bytes:
    """The row of one part; both starts in epoch seconds."""
    return b"%s\0%s%s" % (device.encode(), period.to_bytes(5, "big"), part.to_bytes(5, "big"))


def device_key(device: str) -> bytes:
    """The row of the device itself."""
    return b"%s\0" % device.encode()
