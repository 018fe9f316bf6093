"""Messages that must be rejected, each with its reason from the closed list; those that look as bad and must be taken are in near_misses.py.

A case belongs to a family, by what is wrong with it:

    bytes     what comes is no text, or none of ours: other encodings and formats, cut off, too large
    json      nearly JSON, or JSON that parsers read differently
    envelope  an object, but no message: fields of the wrong kind, arrays that do not fit, nothing measured
    time      `at` cannot be, or says too little
    physics   numbers that no meter can mean
    identity  a device that cannot be, or is not the key

In keys and values `%D` stands for a device, `%T` for a time that would do, `%M` for the same in epoch ms. Where that has to be the broker's own time,
it is `%N`, and `%F` the first ms that is too far ahead of it.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Final, NamedTuple

FAMILIES: Final = ("bytes", "json", "envelope", "time", "physics", "identity")
FUTURE_MS: Final = 300_001
HUGE: Final = 100_000
"""Bytes; what is larger comes once in a load, not once in a hundred messages."""
GOOD: Final = b'{"device":"%D","at":%M,"power_w":1}'


class Poison(NamedTuple):
    """One case. A `key` or `value` of None is Kafka's null."""

    family: str
    name: str
    reason: str
    value: bytes | None
    key: bytes | None = b"%D"

    def __str__(self) -> str:
        return f"{self.family}: {self.name}"

    def made(self, device: str, at: str, at_ms: int) -> tuple[bytes | None, bytes | None]:
        """Key and value for a device and a time."""
        return made(self.key, device, at, at_ms), made(self.value, device, at, at_ms)

    @property
    def to_the_ms(self) -> bool:
        """Bad only where `at_ms` is the broker's own time."""
        return any(place in (self.value or b"") for place in (b"%N", b"%F"))


def made(template: bytes | None, device: str, at: str, at_ms: int) -> bytes | None:
    """A key or a value with its places filled."""
    if template is None:
        return None
    places = {b"%D": device, b"%T": at, b"%M": str(at_ms), b"%N": str(at_ms), b"%F": str(at_ms + FUTURE_MS)}
    for place, text in places.items():
        template = template.replace(place, text.encode())
    return template


def filled(template: bytes, fill: bytes) -> bytes:
    """A template with `@` filled."""
    return template.replace(b"@", fill)


def _cases(family: str, reason: str, template: bytes, fills: Mapping[str, bytes]) -> list[Poison]:
    return [Poison(family, name, reason, filled(template, fill)) for name, fill in fills.items()]


def _keys(template: bytes, fills: Mapping[str, bytes | None]) -> list[Poison]:
    return [Poison("identity", name, "device.mismatch", template, key) for name, key in fills.items()]


def padded(size: int) -> bytes:
    """A good message of this size."""
    filler = b'{"device":"cad-1","at":1764000000000,"power_w":1,"x":"@"}'
    return filled(filler, b"y" * (size - len(filler) + 1))


def spaced(size: int) -> bytes:
    """A good message of this size that has no other field."""
    filler = b'{"device":"cad-1","at":1764000000000,"power_w":1@}'
    return filled(filler, b" " * (size - len(filler) + 1))


WHOLE: Final = b"@"
FIELDS: Final = b'{"device":"%D","at":"%T",@}'
BESIDE: Final = b'{"device":"%D","at":"%T","power_w":1,"x":@}'
POWER: Final = b'{"device":"%D","at":"%T","power_w":@}'
AT: Final = b'{"device":"%D","at":@,"power_w":1}'
ARRAYS: Final = b'{"device":"%D",@}'
LONG_AGO: Final = b'{"device":"%D","at":1700000000000,@}'
DEVICE: Final = b'{"device":@,"at":"%T","power_w":1}'
UTF16: Final = GOOD.decode().encode("utf-16-le")

BYTES: Final = (
    Poison("bytes", "null", "json.syntax", None),
    *_cases("bytes", "size", WHOLE, {
        "a mebibyte and a byte": padded(2**20 + 1),
        "a mebibyte and a byte, of spaces": spaced(2**20 + 1),
        "a mebibyte and a byte of no text": b"\xff" * (2**20 + 1),
    }),
    *_cases("bytes", "json.syntax", WHOLE, {
        "empty": b"",
        "a space": b" ",
        "a line's end": b"\r\n",
        "NUL": b"\0",
        "NUL after the object": GOOD + b"\0",
        "UTF-8 with a byte order mark": b"\xef\xbb\xbf" + GOOD,
        "UTF-16": UTF16,
        "UTF-16 with a byte order mark": b"\xff\xfe" + UTF16,
        "UTF-16, big end first": GOOD.decode().encode("utf-16-be"),
        "UTF-32": GOOD.decode().encode("utf-32-le"),
        "a byte order mark and nothing": b"\xff\xfe{}",
        "EBCDIC": GOOD.decode().encode("cp500"),
        "gzip": gzip.compress(GOOD, mtime=0),
        "with a schema registry's five bytes": b"\0\0\0\0\x2a" + GOOD,
        "Avro": b"\0\0\0\0\x2a\x0acad-1\x80\x90\xfa\xe0\xd5\x66\x02\x00\x00\x80\x3f",
        "Protobuf": b"\x0a\x05cad-1\x10\x80\xa4\xe5\xa9\xab\x33\x1d\x00\x00\x80\x3f",
        "MessagePack": b"\x83\xa6device\xa5cad-1\xa2at\xcf\x00\x00\x01\x9a\xb6\x4e\xc0\x00\xa7power_w\x01",
        "CBOR": b"\xa3fdevicefcad-1bat\x1b\x00\x00\x01\x9a\xb6\x4e\xc0\x00gpower_w\x01",
        "Java's serialisation": b"\xac\xed\x00\x05sr\x00\x11java.util.HashMap\x05\x07",
        "base64": b"eyJkZXZpY2UiOiJjYWQtMSJ9",
        "CSV": b"cad-1,2025-11-24T10:15:20Z,1",
        "a line of InfluxDB": b"power,device=cad-1 power_w=1 1764000000000000000",
        "a P1 telegram": b"/ISk5\\2MT382-1000\r\n\r\n1-0:1.7.0(00.431*kW)\r\n!522B\r\n",
        "YAML": b"device: cad-1\nat: 1764000000000\npower_w: 1\n",
        "XML": b"<reading device='cad-1' power_w='1'/>",
        "a form": b"device=cad-1&at=1764000000000&power_w=1",
        "a word": b"power=1",
        "an HTML page": b"<!DOCTYPE html><title>502 Bad Gateway</title>",
    }),
    *_cases("bytes", "json.syntax", b'{"device":"%D","at":%M,"power_w":1,"place":"@"}', {
        "Latin-1": b"K\xfcche",
        "a byte that is never text": b"\xff",
        "a byte that only goes on": b"\x80",
        "a character cut in two": b"K\xc3",
        "a slash in two bytes": b"\xc0\xaf",
        "NUL in two bytes": b"\xc0\x80",
        "half a pair in three bytes": b"\xed\xa0\x80",
        "a pair in six bytes": b"\xed\xa0\xbd\xed\xb8\x80",
        "beyond Unicode": b"\xf4\x90\x80\x80",
        "five bytes for a character": b"\xf8\x88\x80\x80\x80",
    }),
    *_cases("bytes", "json.syntax", WHOLE, {
        "cut off after a byte": b"{",
        "cut off in a name": GOOD[:8],
        "cut off after a number": GOOD[:-1],
        "cut off in a string": b'{"at":%M,"power_w":1,"device":"%D',
        "cut off in an escape": b'{"device":"%D","at":%M,"power_w":1,"x":"\\',
        "without its first byte": GOOD[1:],
        "two objects": GOOD + GOOD,
        "two lines": GOOD + b"\n" + GOOD + b"\n",
        "something after the object": GOOD + b" x",
        "a sum after the object": GOOD + b"*7F",
    }),
)  # fmt: skip

NUMBERS: Final = {
    "NaN": b"NaN",
    "minus NaN": b"-NaN",
    "infinity": b"Infinity",
    "minus infinity": b"-Infinity",
    "too large for a float": b"1e999",
    "just too large for a float": b"1.8e308",
    "minus 1e400": b"-1e400",
    "a large exponent": b"1e99999999999999999999",
    "400 digits and a half": b"9" * 400 + b".5",
    "400 digits and an exponent": b"9" * 400 + b"e0",
    "a leading zero": b"01",
    "a leading zero before 400 digits": b"0" + b"1" * 400,
    "a plus": b"+1",
    "two minuses": b"--1",
    "a minus alone": b"-",
    "nothing before the point": b".5",
    "nothing after the point": b"1.",
    "nothing after the point, but an exponent": b"1.e3",
    "no exponent after e": b"1e",
    "a sign for an exponent": b"1e+",
    "two points": b"1.2.3",
    "a decimal comma": b"1,5",
    "hexadecimal": b"0x10",
    "an underline": b"1_000",
    "a unit": b"1W",
    "digits of another script": "１".encode(),
    "Python's True": b"True",
    "Python's None": b"None",
    "undefined": b"undefined",
    "a null that ends early": b"nul",
    "no value": b"",
}
STRINGS: Final = {
    "a lone high surrogate": b'"\\ud800"',
    "a lone low surrogate": b'"\\udfff"',
    "a pair the wrong way round": b'"\\ude00\\ud83d"',
    "half a pair and a letter": b'"\\ud83d\\u0041"',
    "half a pair at the end": b'"smile \\ud83d"',
    "an escape that there is not": b'"\\x41"',
    "a short escape": b'"\\u41"',
    "a signed escape": b'"\\u+041"',
    "a line's end in a string": b'"\n"',
    "a tab in a string": b'"\t"',
    "NUL in a string": b'"\0"',
    "single quotes": b"'x'",
    "no end": b'"x',
}
LAYOUT: Final = {
    "a comma after the last field": b'{"device":"%D",}',
    "a comma before the first field": b'{,"device":"%D"}',
    "a comma after the last element": b'{"device":"%D","at":[%M,],"power_w":1}',
    "no comma": b'{"device":"%D" "at":%M,"power_w":1}',
    "no colon": b'{"device" "%D","at":%M,"power_w":1}',
    "an equals sign": b'{"device"="%D","at"=%M,"power_w"=1}',
    "single quotes around a name": b"{'device':1}",
    "a name without quotes": b'{device:"%D","at":%M,"power_w":1}',
    "a number for a name": b'{"device":"%D","at":%M,"power_w":1,1:1}',
    "a value without a name": b'{"device":"%D","at":%M,"power_w":1,:1}',
    "a name and no more": b'{"device":"%D","at":%M,"power_w":1,"x"}',
    "a comment": b'{"device":"%D","at":%M,"power_w":1} // mains',
    "a comment within": b'{"device":"%D",/* mains */"at":%M,"power_w":1}',
    "a bracket for a brace": b'{"device":"%D","at":%M,"power_w":1]',
    "a brace for a bracket": b'{"device":"%D","at":[%M},"power_w":1}',
    "a brace too many": GOOD + b"}",
    "an array that does not end": b"[1,2",
    "a form feed": b"\x0c" + GOOD,
    "a no-break space": "{\u00a0".encode() + GOOD[1:],
    "a line separator": "{\u2028".encode() + GOOD[1:],
    "a lone surrogate in a name": b'{"device":"%D","at":%M,"power_w":1,"\\udfff":0}',
    "a lone surrogate in a nested name": b'{"device":"%D","at":%M,"power_w":1,"x":{"\\ud800":0}}',
    "a lone surrogate in a value that is given twice": b'{"device":"%D","at":%M,"power_w":1,"x":"\\ud800","x":1}',
    "400 digits and a lone surrogate": b'{"device":"%D","at":%M,"power_w":1,"x":' + b"9" * 400 + b',"y":"\\ud800"}',
    "a lone surrogate and 400 digits": b'{"device":"%D","at":%M,"power_w":1,"y":"\\ud800","x":' + b"9" * 400 + b"}",
    "400 digits, cut off": b'{"device":"%D","at":%M,"power_w":' + b"9" * 400,
    "400 digits and NaN": b'{"device":"%D","at":%M,"power_w":' + b"9" * 400 + b',"x":NaN}',
    "400 digits and infinity": b'{"device":"%D","at":%M,"power_w":' + b"9" * 400 + b',"x":1e400}',
    "infinity and 400 digits": b'{"device":"%D","at":%M,"power_w":1e400,"x":' + b"9" * 400 + b"}",
    "400 digits and no text": b'{"device":"%D","at":%M,"power_w":' + b"9" * 400 + b',"x":"\xff"}',
    "400 digits after a string that does not end": b'{"device":"%D","at":%M,"power_w":1e400,"x":"' + b'\\"' * 40 + b"9" * 400,
    "two large integers, one cut": b'{"device":"%D","at":%M,"power_w":' + b"9" * 400 + b',"x":-' + b"8" * 400 + b".}",
    "an integer beyond 2^53, cut off": b'{"device":"%D","at":%M,"power_w":18446744073709551616',
    "a field twice, cut off": b'{"device":"%D","at":%M,"at":%M,"power_w":1',
}
INTEGERS: Final = {
    "2^53 + 1": b"9007199254740993",
    "minus 2^53 - 1": b"-9007199254740993",
    "16 nines": b"9999999999999999",
    "17 digits": b"10000000000000000",
    "2^63": b"9223372036854775808",
    "2^64": b"18446744073709551616",
    "308 digits": b"1" * 308,
    "309 digits that a float holds": b"1" * 309,
    "309 digits": b"9" * 309,
    "minus 309 digits": b"-" + b"9" * 309,
    "5,000 digits": b"7" * 5_000,
    "400 digits in an object": b'{"y":' + b"9" * 400 + b"}",
    "400 digits in an array": b"[0," + b"9" * 400 + b"]",
    "400 digits beside a quote": b'["\\"",' + b"9" * 400 + b"]",
    "400 digits beside a backslash": b'["\\\\",' + b"9" * 400 + b"]",
    "400 digits beside 400 digits of text": b'["' + b"9" * 400 + b'",-' + b"9" * 400 + b"]",
    "400 digits beside a fraction of 400": b"[0." + b"9" * 400 + b"," + b"9" * 400 + b"]",
    "400 digits beside a float of 400": b"[" + b"9" * 400 + b"e-200," + b"9" * 400 + b"]",
}
JSON: Final = (
    *_cases("json", "json.syntax", POWER, NUMBERS),
    *_cases("json", "json.syntax", BESIDE, STRINGS),
    *_cases("json", "json.syntax", WHOLE, LAYOUT),
    *_cases("json", "json.shape", BESIDE, INTEGERS),
    *_cases("json", "json.shape", WHOLE, {
        "nothing but null": b"null",
        "a number": b"1",
        "400 digits and nothing else": b"9" * 400,
        "a string": b'"x"',
        "an object in a string": b'"{\\"device\\":\\"%D\\",\\"at\\":%M,\\"power_w\\":1}"',
        "nothing but true": b"true",
        "an empty array": b"[]",
        "an object in an array": b"[" + GOOD + b"]",
        "two objects in an array": b"[" + GOOD + b"," + GOOD + b"]",
        "epoch ns": filled(AT, b"1764000000000000000"),
        "400 digits for a time": filled(AT, b"9" * 400),
        "400 digits for a power": filled(POWER, b"9" * 400),
        "400 digits for a device": filled(DEVICE, b"9" * 400),
        "400 digits in one of the arrays": b'{"device":"%D","at":[%M,%M],"import_wh":[1,' + b"9" * 400 + b"]}",
        "the device twice": b'{"device":"%D","device":"%D","at":%M,"power_w":1}',
        "no device, and a time twice": b'{"at":%M,"at":%M,"power_w":1}',
    }),
    *_cases("json", "json.shape", FIELDS, {
        "a value twice": b'"power_w":1,"power_w":2',
        "a value twice, the same": b'"power_w":1,"power_w":1',
        "a value twice, null first": b'"power_w":null,"power_w":1',
        "a value twice, null last": b'"power_w":1,"power_w":null',
        "a value twice, once with an escape": b'"power_w":1,"po\\u0077er_w":2',
        "the time twice": b'"at":"%T","power_w":1',
        "an array twice": b'"power_w":[1],"power_w":[1]',
        "an unknown field twice": b'"power_w":1,"x":1,"x":1',
        "an empty name twice": b'"power_w":1,"":1,"":1',
        "a field twice in an object": b'"power_w":1,"x":{"y":1,"y":1}',
        "a field twice in an object in an array": b'"power_w":1,"x":[{"y":1,"y":1}]',
        "an object twice": b'"power_w":1,"x":{},"x":{}',
    }),
    *_cases("json", "json.shape", BESIDE, {
        "five deep, arrays": b"[[[[1]]]]",
        "five deep, empty": b"[[[[]]]]",
        "five deep, objects": b'{"a":{"a":{"a":{"a":1}}}}',
        "five deep, both": b'[{"a":[{"a":1}]}]',
        "400 deep": b"[" * 400 + b"]" * 400,
        "400 deep, objects": b'{"a":' * 400 + b"1" + b"}" * 400,
        "3,000 deep": b"[" * 3_000 + b"]" * 3_000,
    }),
    *_cases("json", "json.shape", AT, {"a time that is five deep": b"[[[[%M]]]]"}),
)  # fmt: skip

ENVELOPE: Final = (
    *_cases("envelope", "size", ARRAYS, {
        "10,001 times": b'"at":[' + b"1," * 10_000 + b'1],"power_w":1',
        "10,001 powers": b'"at":["%T"],"power_w":[' + b"1," * 10_000 + b"1]",
    }),
    *_cases("envelope", "array.length", ARRAYS, {
        "no elements": b'"at":[],"power_w":[]',
        "no elements, and a power": b'"at":[],"power_w":1',
        "no elements, and nothing measured": b'"at":[]',
        "a power too many": b'"at":["%T"],"power_w":[1,2]',
        "a power too few": b'"at":[%M,%M,%M],"power_w":[1,2]',
        "no powers": b'"at":["%T"],"power_w":[]',
        "no powers for a single time": b'"at":"%T","power_w":[]',
        "a single time": b'"at":"%T","power_w":[1]',
        "a single time in ms": b'"at":%M,"power_w":[1,2,3]',
        "no time": b'"power_w":[1,2]',
        "null for the times": b'"at":null,"power_w":[1,2]',
        "no registers": b'"at":[%M,%M],"power_w":[1,2],"import_wh":[]',
        "a register too few": b'"at":[%M,%M],"power_w":[1,2],"import_wh":[1]',
        "a fed register too many": b'"at":[%M,%M],"power_w":1,"export_wh":[1,2,3]',
        "an interval too few": b'"at":[1700000000000,1700000060000],"power_w":1,"for_s":[60]',
        "an energy too many": b'"at":[1700000000000],"energy_wh":[1,2],"for_s":60',
        "an object for the times": b'"at":{"0":%M},"power_w":[1]',
    }),
    *_cases("envelope", "value.missing", FIELDS, {
        "nothing measured": b'"x":1',
        "null for what is measured": b'"power_w":null',
        "null for everything": b'"power_w":null,"import_wh":null,"export_wh":null,"energy_wh":null,"for_s":null',
        "an interval alone": b'"for_s":60',
        "a shorter name": b'"power":1',
        "a capital": b'"Power_w":1',
        "a capital unit": b'"power_W":1',
        "another unit": b'"import_kwh":1',
        "a space after the name": b'"power_w ":1',
        "a look-alike in the name": '"p\u043ewer_w":1'.encode(),
        "values in an object": b'"values":{"power_w":1}',
        "values in an array": b'"values":[{"power_w":1}]',
    }),
    *_cases("envelope", "value.type", FIELDS, {
        "a power in quotes": b'"power_w":"1"',
        "true for a power": b'"power_w":true',
        "false for a register": b'"power_w":1,"import_wh":false',
        "an object for a power": b'"power_w":{}',
        "a power with its unit": b'"power_w":{"value":1,"unit":"W"}',
        "empty text for a power": b'"power_w":""',
        "NaN in quotes": b'"power_w":"NaN"',
        "null in quotes": b'"power_w":"null"',
        "a register with a comma": b'"import_wh":"1,5"',
        "a register with its unit": b'"import_wh":"6613.405 kWh"',
        "a fed register in quotes": b'"power_w":1,"export_wh":"0"',
        "an interval in quotes": b'"power_w":1,"for_s":"60"',
        "an ISO 8601 interval": b'"power_w":1,"for_s":"PT30M"',
        "true for an interval": b'"power_w":1,"for_s":true',
        "an energy in quotes": b'"energy_wh":"1","for_s":60',
        "an interval in quotes and nothing measured": b'"for_s":"60"',
    }),
    *_cases("envelope", "value.type", ARRAYS, {
        "an array in an array": b'"at":["%T"],"power_w":[[1]]',
        "an object in an array of powers": b'"at":["%T"],"power_w":[{"w":1}]',
        "a power in quotes for all": b'"at":["%T"],"power_w":"1"',
    }),
    *_cases("envelope", "value.conflict", FIELDS, {
        "an energy beside a power": b'"power_w":1,"energy_wh":1,"for_s":60',
        "an energy beside a power, and no interval": b'"power_w":1,"energy_wh":1',
        "an energy without an interval": b'"energy_wh":1',
        "an energy and null for the interval": b'"energy_wh":1,"for_s":null',
        "an interval of a register": b'"import_wh":1,"for_s":60',
        "an interval of a fed register": b'"export_wh":1,"for_s":60',
        "an interval of registers, null for the power": b'"import_wh":1,"export_wh":1,"power_w":null,"for_s":60',
        "an energy without an interval, beside a register": b'"import_wh":1,"energy_wh":1',
        "an energy beside a power, both far too large": b'"power_w":1e9,"energy_wh":1e9,"for_s":60',
    }),
)  # fmt: skip

TIME: Final = (
    *_cases("time", "at.missing", ARRAYS, {
        "no time at all": b'"power_w":1',
        "another name for the time": b'"timestamp":%M,"power_w":1',
        "a capital in the name": b'"At":%M,"power_w":1',
        "no time, and a power in quotes": b'"power_w":"1"',
    }),
    *_cases("time", "at.missing", AT, {"null for the time": b"null", "null among the times": b"[null]"}),
    *_cases("time", "at.invalid", AT, {
        "no text": b'""',
        "a word for the time": b'"today"',
        "ms in quotes": b'"%M"',
        "ms with a fraction": b"1764000000000.0",
        "ms with an exponent": b"1.764e12",
        "true for the time": b"true",
        "an object for the time": b"{}",
        "an array among the times": b"[[1]]",
        "a day of a spreadsheet": b"45985.4268518519",
    }),
    *_cases("time", "at.invalid", b'{"device":"%D","at":"@","power_w":1}', {
        "a date alone": b"2025-11-24",
        "no seconds": b"2025-11-24T10:15Z",
        "no dashes": b"20251124T101500Z",
        "a week's day": b"2025-W48-1T10:15:00Z",
        "a day of the year": b"2025-328T10:15:00Z",
        "day, month, year": b"24.11.2025 10:15:00",
        "month, day, year": b"11/24/2025 10:15:00 AM",
        "a mail's date": b"Mon, 24 Nov 2025 10:15:00 GMT",
        "a name of a zone": b"2025-11-24T10:15:00 Europe/London",
        "UTC for Z": b"2025-11-24T10:15:00UTC",
        "a zone in brackets": b"2025-11-24T10:15:00+00:00[Europe/London]",
        "two Zs": b"2025-11-24T10:15:00ZZ",
        "an offset and Z": b"2025-11-24T10:15:00+01:00Z",
        "29 February of an ordinary year": b"2025-02-29T10:15:00Z",
        "29 February of 1900": b"1900-02-29T10:15:00Z",
        "30 February": b"2024-02-30T10:15:00Z",
        "31 April": b"2025-04-31T10:15:00Z",
        "day 0": b"2025-11-00T10:15:00Z",
        "month 0": b"2025-00-24T10:15:00Z",
        "month 13": b"2025-13-01T00:00:00Z",
        "year 0": b"0000-01-01T00:00:00Z",
        "a year of five digits": b"12025-11-24T10:15:00Z",
        "a year with a sign": b"+2025-11-24T10:15:00Z",
        "a year of two digits": b"25-11-24T10:15:00Z",
        "hour 24": b"2025-11-24T24:00:00Z",
        "hour 25": b"2025-11-24T25:00:00Z",
        "minute 60": b"2025-11-24T10:60:00Z",
        "a leap second": b"2016-12-31T23:59:60Z",
        "second 61": b"2025-11-24T10:15:61Z",
        "one digit for the hour": b"2025-11-24T9:15:00Z",
        "a point and no fraction": b"2025-11-24T10:15:00.Z",
        "a fraction after a comma": b"2025-11-24T10:15:00,5Z",
        "a fraction with a sign": b"2025-11-24T10:15:00.-5Z",
        "an offset without a colon": b"2025-11-24T10:15:00+0100",
        "an offset of hours": b"2025-11-24T10:15:00+01",
        "an offset of one digit": b"2025-11-24T10:15:00+1:00",
        "an offset with seconds": b"2025-11-24T10:15:00+01:00:00",
        "an offset of 24 hours": b"2025-11-24T10:15:00+24:00",
        "an offset of 60 minutes": b"2025-11-24T10:15:00+01:60",
        "a true minus": "2025-11-24T10:15:00\u221201:00".encode(),
        "a space before": b" 2025-11-24T10:15:00Z",
        "a space after": b"2025-11-24T10:15:00Z ",
        "a space before Z": b"2025-11-24T10:15:00 Z",
        "two spaces for T": b"2025-11-24  10:15:00Z",
        "an underline for T": b"2025-11-24_10:15:00Z",
        "a line's end after": b"2025-11-24T10:15:00Z\\n",
        "NUL after": b"2025-11-24T10:15:00Z\\u0000",
        "full-width digits": "２０２５-11-24T10:15:00Z".encode(),
        "Arabic digits": "2025-11-24T10:15:0\u0660Z".encode(),
        "a superscript": "2025-11-24T10:15:0\u00b2Z".encode(),
    }),
    *_cases("time", "at.naive", b'{"device":"%D","at":"@","power_w":1}', {
        "no offset": b"2025-11-24T10:15:00",
        "no offset, a space for T": b"2025-11-24 10:15:00",
        "no offset, a small t": b"2025-11-24t10:15:00",
        "no offset, a fraction": b"2025-11-24T10:15:00.123",
        "no offset, an hour that comes twice": b"2025-10-26T01:30:00",
        "no offset, before 2000": b"1999-12-31T23:59:59",
        "no offset, years ahead": b"2999-01-01T00:00:00",
    }),
    *_cases("time", "at.future", AT, {
        "2^53": b"9007199254740992",
        "epoch µs": b"1764000000000000",
        "the year 2999": b'"2999-01-01T00:00:00Z"',
        "the last instant of all": b'"9999-12-31T23:59:59.999-23:59"',
        "ahead by a millisecond": b"%F",
        "ahead among the times": b"[%F]",
    }),
    *_cases("time", "at.future", ARRAYS, {
        "ahead, and a power in quotes": b'"at":"2999-01-01T00:00:00Z","power_w":"1"',
        "an interval that ends a millisecond ahead": b'"at":%N,"power_w":1,"for_s":300.001',
        "an energy's interval that ends ahead": b'"at":%N,"energy_wh":1,"for_s":1800',
        "an interval of a day in ms": b'"at":%M,"power_w":1,"for_s":86400000',
        "an interval of ages": b'"at":1700000000000,"power_w":1,"for_s":1e300',
        "an interval beyond all floats": b'"at":1700000000000,"power_w":1,"for_s":1e308',
        "a register's interval that ends ahead": b'"at":%N,"import_wh":1,"for_s":86400',
    }),
    *_cases("time", "at.past", AT, {
        "0": b"0",
        "minus 0": b"-0",
        "1 ms before 1970": b"-1",
        "minus 2^53": b"-9007199254740992",
        "1 ms before 2000": b"946684799999",
        "1 ms before 2000, in text": b'"1999-12-31T23:59:59.999Z"',
        "before 2000 by its offset": b'"2000-01-01T00:30:00+01:00"',
        "before 2000 by a nanosecond": b'"1999-12-31T23:59:59.999999999Z"',
        "1970, in text": b'"1970-01-01T00:00:00Z"',
        "the first instant of all": b'"0001-01-01T00:00:00+23:59"',
        "epoch s": b"1764000000",
        "a date for a number": b"20251124",
        "before 2000, among the times": b"[946684799999]",
    }),
)  # fmt: skip

PHYSICS: Final = (
    *_cases("physics", "value.range", FIELDS, {
        "a milliwatt too much": b'"power_w":100000.001',
        "a watt too much": b'"power_w":100001',
        "a milliwatt too much fed in": b'"power_w":-100000.001',
        "the next float above the largest power": b'"power_w":100000.00000000001',
        "a power in milliwatts": b'"power_w":431500000',
        "a power of 2^53": b'"power_w":9007199254740992',
        "a power of 1e308": b'"power_w":1e308',
        "a power of minus 1e308": b'"power_w":-1e308',
        "a register below 0": b'"import_wh":-1',
        "a register a thousandth below 0": b'"export_wh":-0.001',
        "a register as little below 0 as can be": b'"import_wh":-5e-324',
        "a register beyond its limit": b'"import_wh":1000000000001',
        "the next float above the largest register": b'"export_wh":1000000000000.0001',
        "a register in mWh": b'"power_w":1,"import_wh":6613405000000',
        "a register of 2^53": b'"import_wh":9007199254740992',
        "a register of 1e308": b'"export_wh":1e308',
        "a good register and a bad one": b'"import_wh":1,"export_wh":-1',
        "a good power and a bad register": b'"power_w":1,"import_wh":-1',
        "a meter's all nines": b'"import_wh":9999999999999',
        "an interval of nothing": b'"power_w":1,"for_s":0',
        "an interval backwards": b'"power_w":1,"for_s":-60',
        "an interval of less than half a millisecond": b'"power_w":1,"for_s":0.0004',
        "an interval of half a millisecond": b'"power_w":1,"for_s":0.0005',
        "an interval as short as can be": b'"power_w":1,"for_s":5e-324',
        "too much power over an interval": b'"power_w":100001,"for_s":60',
    }),
    *_cases("physics", "value.range", LONG_AGO, {
        "an interval of a day and a millisecond": b'"power_w":1,"for_s":86400.001',
        "an interval of two days": b'"power_w":1,"for_s":172800',
        "an energy of a day and a second": b'"energy_wh":1,"for_s":86401',
        "an energy too large for its hour": b'"energy_wh":100000.001,"for_s":3600',
        "an energy fed in, too large for its hour": b'"energy_wh":-100000.001,"for_s":3600',
        "an energy too large for its minute": b'"energy_wh":1667,"for_s":60',
        "an energy too large for its day": b'"energy_wh":2400000.001,"for_s":86400',
        "an energy too large for its millisecond": b'"energy_wh":0.028,"for_s":0.001',
        "an energy in mWh": b'"energy_wh":431500000,"for_s":1800',
        "an energy of 1e300": b'"energy_wh":1e300,"for_s":60',
        "an energy of minus 1e308": b'"energy_wh":-1e308,"for_s":86400',
        "an energy in no time": b'"energy_wh":1,"for_s":0',
        "nothing in no time": b'"energy_wh":0,"for_s":0',
        "an energy backwards": b'"energy_wh":1,"for_s":-1800',
        "a good energy and a bad register": b'"energy_wh":1,"for_s":1800,"import_wh":-1',
    }),
)  # fmt: skip

IDENTITY: Final = (
    *_cases("identity", "device.invalid", WHOLE, {
        "an empty object": b"{}",
        "no device": b'{"at":"%T","power_w":1}',
        "another name for the device": b'{"id":"%D","at":"%T","power_w":1}',
        "a capital in its name": b'{"Device":"%D","at":"%T","power_w":1}',
        "an array of devices": b'{"device":["%D"],"at":["%T"],"power_w":1}',
        "no device, and no time": b'{"power_w":1}',
    }),
    *_cases("identity", "device.invalid", DEVICE, {
        "null for the device": b"null",
        "a number for the device": b"7",
        "true for the device": b"true",
        "an object for the device": b'{"id":"%D"}',
    }),
    *_cases("identity", "device.invalid", b'{"device":"@","at":"%T","power_w":1}', {
        "no name": b"",
        "a space within": b"a b",
        "a space before the device": b" %D",
        "a space after the device": b"%D ",
        "a bar": b"%D|1",
        "a slash": b"site/%D",
        "a backslash": b"site\\\\%D",
        "an at sign": b"%D@home",
        "a plus sign": b"%D+1",
        "a comma": b"%D,1",
        "a quote": b'\\"%D\\"',
        "NUL at the device's end": b"%D\\u0000",
        "a line's end after the device": b"%D\\n",
        "a tab after the device": b"%D\\t",
        "DEL": b"%D\x7f",
        "an umlaut": "zähler".encode(),
        "a letter and its dots": "za\u0308hler".encode(),
        "a look-alike from Cyrillic": "c\u0430d-1".encode(),
        "full-width digits in the device": "cad-\uff11".encode(),
        "a long s": "\u017fad-1".encode(),
        "nothing that can be seen": "%D\u200b".encode(),
        "an emoji": "\U0001f50c".encode(),
        "129 letters": b"a" * 129,
        "10,000 letters": b"a" * 10_000,
    }),
    *_keys(filled(FIELDS, b'"power_w":1'), {
        "another key": b"somebody-else",
        "a key of no bytes": b"",
        "no key": None,
        "a key with a space": b"%D ",
        "a key with a line's end": b"%D\n",
        "a key in quotes": b'"%D"',
        "a key that begins the same": b"%D0",
        "a key of another case": b"CAD-1",
        "a key that is no text": b"\xff\xfe",
        "a key that is longer by NUL": b"%D\0",
        "a key with a schema registry's five bytes": b"\0\0\0\0\x2a%D",
        "a key in UTF-16": "cad-1".encode("utf-16-le"),
        "the value for a key": GOOD,
    }),
    *_keys(b'{"device":"%D","at":"never","power_w":"1"}', {"another key, and nothing right": b"somebody-else"}),
)  # fmt: skip

CORPUS: Final[tuple[Poison, ...]] = (*BYTES, *JSON, *ENVELOPE, *TIME, *PHYSICS, *IDENTITY)
ANYWHERE: Final = tuple(poison for poison in CORPUS if not poison.to_the_ms)
"""Bad whenever the broker takes them."""
ORDINARY: Final = tuple(poison for poison in ANYWHERE if len(poison.value or b"") < HUGE)
"""And small enough to be sent again and again."""
