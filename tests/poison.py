"""Messages that must be rejected, and why: each of the corpus is a reason and the value, with a place for a good device, time and power.

`%D` stands for the device, `%T` for a time that would do, `%M` for the same in epoch ms.
"""

from __future__ import annotations

from typing import NamedTuple


class Poison(NamedTuple):
    """`key`: None means the device's own."""

    reason: str
    value: bytes
    key: bytes | None = None

    def made(self, device: str, at: str, at_ms: int) -> tuple[bytes, bytes]:
        """Key and value for a device and a time."""
        value = self.value.replace(b"%D", device.encode()).replace(b"%T", at.encode()).replace(b"%M", str(at_ms).encode())
        return device.encode() if self.key is None else self.key, value


def _of(reason: str, *values: bytes) -> list[Poison]:
    return [Poison(reason, value) for value in values]


def _fields(reason: str, *rests: bytes) -> list[Poison]:
    """A good device and time, and the rest of the object as given."""
    return _of(reason, *(b'{"device":"%D","at":"%T",' + rest + b"}" for rest in rests))


def _times(reason: str, *times: bytes) -> list[Poison]:
    return _of(reason, *(b'{"device":"%D","at":' + at + b',"power_w":1}' for at in times))


CORPUS: tuple[Poison, ...] = (
    *_of("size", b'{"device":"%D","at":%M,"power_w":1,"x":"' + b"y" * 2**20 + b'"}',
        b'{"device":"%D","at":[' + b"1," * 10_000 + b'1],"power_w":1}'),
    *_of("json.syntax", b"", b" ", b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"{", b"power=1", b"{'device':1}", b'{"device":"%D",}', b"[1,2",
        b"\x00"),
    *_of("json.syntax", b'{"device":"%D","at":%M,"power_w":1} x', b'{"device":"%D" "at":%M}', b'{"device":"%D\xc3","at":%M,"power_w":1}'),
    *_fields("json.syntax", b'"power_w":NaN', b'"power_w":Infinity', b'"power_w":-Infinity', b'"power_w":1e999', b'"power_w":01',
        b'"power_w":+1'),
    *_fields("json.syntax", b'"power_w":.5', b'"power_w":1.', b'"power_w":0x10', b'"power_w":1,"x":"\\ud800"', b'"power_w":1,"\\udfff":0',
        b'"power_w":1,"x":"\n"'),
    *_of("json.shape", b"null", b"1", b'"x"', b"[]", b'[{"device":"%D","at":%M,"power_w":1}]', b"true"),
    *_fields("json.shape", b'"power_w":1,"power_w":1', b'"at":"%T","power_w":1', b'"power_w":1,"x":{"y":1,"y":1}',
        b'"power_w":1,"x":[[[[1]]]]'),
    *_fields("json.shape", b'"power_w":18446744073709551616', b'"power_w":1,"x":9007199254740993', b'"power_w":1,"x":-9007199254740993'),
    *_of("json.shape", b'{"device":"%D","at":%M,"power_w":1,"x":' + b"[" * 400 + b"]" * 400 + b"}"),
    *_of("device.invalid", b"{}", b'{"at":"%T","power_w":1}', b'{"device":null,"at":"%T","power_w":1}',
        b'{"device":7,"at":"%T","power_w":1}'),
    *_of("device.invalid", b'{"device":"","at":"%T","power_w":1}', b'{"device":"a b","at":"%T","power_w":1}',
        b'{"device":"%D|1","at":"%T","power_w":1}'),
    *_of("device.invalid", b'{"device":["%D"],"at":["%T"],"power_w":1}', b'{"device":"' + b"a" * 129 + b'","at":"%T","power_w":1}'),
    *_of("device.invalid", b'{"device":"%D\\n","at":"%T","power_w":1}', '{"device":"zähler","at":"%T","power_w":1}'.encode()),
    Poison("device.mismatch", b'{"device":"%D","at":"%T","power_w":1}', b"somebody-else"),
    Poison("device.mismatch", b'{"device":"%D","at":"%T","power_w":1}', b""),
    *_of("array.length", b'{"device":"%D","at":[],"power_w":[]}', b'{"device":"%D","at":["%T"],"power_w":[1,2]}',
        b'{"device":"%D","at":"%T","power_w":[1]}'),
    *_of("array.length", b'{"device":"%D","power_w":[1,2]}', b'{"device":"%D","at":[%M,%M],"power_w":[1,2],"import_wh":[]}'),
    *_of("at.missing", b'{"device":"%D","power_w":1}'),
    *_times("at.missing", b"null", b"[null]"),
    *_times("at.invalid", b'""', b'"today"', b'"2026-11-24"', b'"2026-11-24T10:15Z"', b'"2026-02-29T10:15:00Z"',
        b'"2026-11-24T24:00:00Z"', b'"2026-13-01T00:00:00Z"'),
    *_times("at.invalid", b'"2026-11-24T10:15:60Z"', b'"2026-11-24T10:15:00.Z"', b'"2026-11-24T10:15:00+0100"',
        b'"2026-11-24T10:15:00+24:00"', b'" 2026-11-24T10:15:00Z"'),
    *_times("at.invalid", b'"2026-11-24T10:15:00Z\\n"', b'"20261124T101500Z"', b"1764000000000.0", b"1.764e12", b"true", b"{}", b"[[1]]",
        b'"%M"'),
    *_times("at.naive", b'"2026-11-24T10:15:00"', b'"2026-11-24 10:15:00.123"'),
    *_times("at.future", b"9007199254740992", b'"2999-01-01T00:00:00Z"'),
    *_times("at.past", b"0", b"-1", b"946684799999", b'"1999-12-31T23:59:59.999Z"', b'"2000-01-01T00:30:00+01:00"', b"1764000000"),
    *_fields("value.type", b'"power_w":"1"', b'"power_w":true', b'"power_w":{}', b'"power_w":1,"import_wh":false',
        b'"power_w":1,"for_s":"60"', b'"import_wh":"1,5"'),
    *_of("value.type", b'{"device":"%D","at":["%T"],"power_w":[[1]]}'),
    *_fields("value.missing", b'"x":1', b'"power_w":null', b'"for_s":60', b'"power":1'),
    *_fields("value.conflict", b'"power_w":1,"energy_wh":1,"for_s":60', b'"power_w":1,"energy_wh":1', b'"energy_wh":1',
        b'"import_wh":1,"for_s":60'),
    *_fields("value.range", b'"power_w":100001', b'"power_w":-100000.001', b'"power_w":1e308', b'"import_wh":-1',
        b'"import_wh":1000000000001', b'"export_wh":-0.001'),
    *_fields("value.range", b'"power_w":1,"for_s":0', b'"power_w":1,"for_s":-60', b'"power_w":1,"for_s":0.0004',
        b'"energy_wh":1667,"for_s":60', b'"energy_wh":1e300,"for_s":60'),
)  # fmt: skip
