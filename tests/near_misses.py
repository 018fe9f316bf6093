"""Messages that look bad and are good, each with the readings that it brings; those that must be rejected are in poison.py.

Made for a device and for `NOW`, which is the broker's time as well. In keys and values `%D` stands for the device, `%M` for NOW, `%L` for the last
ms that is not too far ahead of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from metering.reading import Reading
from tests.poison import FUTURE_MS, filled, made, padded, spaced

NOW: Final = 1_764_000_000_000
TIME: Final = "2025-11-24T16:00:00Z"
LAST: Final = NOW + FUTURE_MS - 1
LONG_AGO: Final = 1_700_000_000_000


class NearMiss(NamedTuple):
    """One case; `readings` are in order of their instants."""

    family: str
    name: str
    value: bytes
    readings: tuple[Reading, ...]
    key: bytes = b"%D"

    def __str__(self) -> str:
        return f"{self.family}: {self.name}"

    def made(self, device: str) -> tuple[bytes, bytes]:
        """Key and value."""
        key, value = (made(part.replace(b"%L", b"%d" % LAST), device, TIME, NOW) for part in (self.key, self.value))
        assert key is not None and value is not None
        return key, value


def read(
    at: int = NOW, power: int | None = None, imports: int | None = None, export: int | None = None, flow: tuple[int, int | None] | None = None
) -> Reading:
    """A reading; `flow` is an interval's length, and its energy if it has one."""
    return (at, power, imports, export, *(flow or (None, None)))


ONE_W: Final = read(power=1_000)
Told = Mapping[str, bytes]
Read = Mapping[str, tuple[bytes, Reading]]


def _same(family: str, template: bytes, fills: Told, reading: Reading = ONE_W) -> list[NearMiss]:
    """Cases that all say the same."""
    return [NearMiss(family, name, filled(template, fill), (reading,)) for name, fill in fills.items()]


def _each(family: str, template: bytes, fills: Read) -> list[NearMiss]:
    return [NearMiss(family, name, filled(template, fill), (reading,)) for name, (fill, reading) in fills.items()]


def _many(family: str, fills: Mapping[str, tuple[bytes, tuple[Reading, ...]]]) -> list[NearMiss]:
    return [NearMiss(family, name, filled(b'{"device":"%D",@}', fill), readings) for name, (fill, readings) in fills.items()]


def _names(names: Mapping[str, tuple[bytes, bytes]]) -> list[NearMiss]:
    """A device as the value has it, and as the key has it."""
    return [NearMiss("identity", name, filled(NAMED, told), (ONE_W,), key) for name, (told, key) in names.items()]


FIELDS: Final = b'{"device":"%D","at":%M,@}'
BESIDE: Final = b'{"device":"%D","at":%M,"power_w":1,"x":@}'
AT: Final = b'{"device":"%D","at":@,"power_w":1}'
EARLIER: Final = b'{"device":"%D","at":1700000000000,@}'
NAMED: Final = b'{"device":"@","at":%M,"power_w":1}'
OBJECT: Final = b'{"device":"%D","at":%M,"power_w":1}'

BYTES: Final = (
    *_same("bytes", b"@", {
        "a mebibyte": padded(2**20),
        "a mebibyte, of spaces": spaced(2**20),
        "a line's end before and after": b"\r\n" + OBJECT + b"\r\n",
        "tabs and spaces everywhere": b'\t{ "device"\t:\t"%D" ,\n"at" : %M , "power_w"\r:\r1 } ',
    }),
    *_same("bytes", BESIDE, {
        "any text": '"Küche, Ἀθῆναι, 台所, 🔌"'.encode(),
        "DEL": b'"\x7f"',
        "the last character of all": '"\U0010ffff"'.encode(),
        "no character at all": '"\uffff\ufdd0"'.encode(),
        "a byte order mark in a string": '"\ufeff"'.encode(),
        "a line separator in a string": '"\u2028"'.encode(),
    }),
)  # fmt: skip

JSON: Final = (
    *_same("json", BESIDE, {
        "2^53": b"9007199254740992",
        "minus 2^53": b"-9007199254740992",
        "four deep, arrays": b"[[[1]]]",
        "four deep, objects": b'{"a":{"a":{"a":1}}}',
        "an escaped quote": b'"\\""',
        "a quote and two backslashes": b'"\\"\\\\"',
        "an escaped solidus": b'"\\/"',
        "NUL, escaped": b'"\\u0000"',
        "a pair of surrogates": b'"\\ud83d\\ude00"',
        "an object in text": b'"{\\"at\\":1,\\"at\\":2}"',
        "400 digits of text": b'"' + b"9" * 400 + b'"',
        "NaN as text": b'"NaN"',
        "1e400 as text": b'"1e400"',
        "400 digits after the point": b"0." + b"9" * 400,
        "400 digits that a float holds": b"9" * 400 + b"e-200",
        "2^64 as a float": b"18446744073709551616.0",
        "the largest float": b"1.7976931348623157e308",
        "too small for a float": b"1e-400",
        "an empty array": b"[]",
        "an empty object": b"{}",
        "an array of anything": b'[1,"1",true,null,[1],{"a":1}]',
        "the same name in two objects": b'[{"at":1},{"at":1}]',
        "the same name further in": b'{"x":{"x":1}}',
        "a known name further in": b'{"power_w":"2"}',
        "true, false, null": b"[true,false,null]",
    }),
    *_same("json", b'{"device":"%D","at":%M,@}', {
        "a name with escapes": b'"po\\u0077er_w":1',
        "an empty name": b'"power_w":1,"":1',
        "two names that look alike": '"power_w":1,"p\u043ewer_w":2'.encode(),
        "names of two cases": b'"power_w":1,"POWER_W":2',
        "an exponent": b'"power_w":1e0',
        "a large exponent sign": b'"power_w":10E-1',
        "a float for a whole number": b'"power_w":1.0',
    }),
)  # fmt: skip

ENVELOPE: Final = (
    *_same("envelope", b"@", {
        "fields in another order": b'{"power_w":1,"at":%M,"device":"%D"}',
        "null for what is absent": b'{"device":"%D","at":%M,"power_w":1,"import_wh":null,"export_wh":null,"for_s":null,"energy_wh":null}',
        "an array in an unknown field": b'{"device":"%D","at":%M,"power_w":1,"x":[1,2]}',
        "an unknown field of a good name": b'{"device":"%D","at":%M,"power_w":1,"partition":7,"offset":-1,"timestamp":0}',
        "an array of one": b'{"device":"%D","at":[%M],"power_w":[1]}',
        "an array of one time": b'{"device":"%D","at":[%M],"power_w":1}',
        "null for an array": b'{"device":"%D","at":[%M],"power_w":[1],"import_wh":null}',
        "an array of nulls": b'{"device":"%D","at":[%M],"power_w":[1],"import_wh":[null]}',
        "another length in an unknown field": b'{"device":"%D","at":[%M],"power_w":[1],"x":[1,2,3],"y":[]}',
    }),
    *_each("envelope", FIELDS, {
        "a register alone": (b'"import_wh":7', read(imports=7_000)),
        "a fed register alone": (b'"export_wh":7', read(export=7_000)),
        "everything but an energy": (b'"power_w":1,"import_wh":2,"export_wh":3', read(power=1_000, imports=2_000, export=3_000)),
        "null for the power, and a register": (b'"power_w":null,"import_wh":7', read(imports=7_000)),
        "an energy beside null for the power": (b'"power_w":null,"energy_wh":1,"for_s":60', read(flow=(60_000, 1_000))),
        "an energy beside registers": (b'"energy_wh":1,"for_s":60,"import_wh":2,"export_wh":3',
            read(imports=2_000, export=3_000, flow=(60_000, 1_000))),
    }),
    *_many("envelope", {
        "a power for all": (b'"at":[%M,%L],"power_w":1', (ONE_W, read(LAST, power=1_000))),
        "10,000 readings": (b'"at":[' + b",".join([b"%M"] * 10_000) + b'],"power_w":1', (ONE_W,) * 10_000),
        "10,000 readings, 10,000 powers": (b'"at":[' + b",".join([b"%M"] * 10_000) + b'],"power_w":[' + b",".join([b"1"] * 10_000) + b"]",
            (ONE_W,) * 10_000),
        "out of order": (b'"at":[%L,%M],"power_w":[2,1]', (ONE_W, read(LAST, power=2_000))),
        "an instant twice": (b'"at":[%M,%M],"power_w":[2,1]', (read(power=2_000), ONE_W)),
        "kinds by turns": (b'"at":[%M,%M],"power_w":[1,null],"import_wh":[null,7]', (ONE_W, read(imports=7_000))),
        "powers and energies by turns": (b'"at":[%M,%M],"power_w":[1,null],"energy_wh":[null,1],"for_s":[null,60]',
            (ONE_W, read(flow=(60_000, 1_000)))),
        "times of both kinds": (b'"at":["%T",%L],"power_w":1', (ONE_W, read(LAST, power=1_000))),
        "an interval for all": (b'"at":[%M,%M],"power_w":[1,2],"for_s":60', (read(power=1_000, flow=(60_000, None)),
            read(power=2_000, flow=(60_000, None)))),
    }),
)  # fmt: skip

TIMES: Final = {
    "five minutes ahead": (b"%L", LAST),
    "five minutes ahead, in text": (b'"2025-11-24T16:05:00Z"', LAST),
    "five minutes ahead, and less than a millisecond": (b'"2025-11-24T16:05:00.0009999Z"', LAST),
    "the first ms of 2000": (b"946684800000", 946_684_800_000),
    "the first instant of 2000": (b'"2000-01-01T00:00:00Z"', 946_684_800_000),
    "2000 by its offset": (b'"1999-12-31T23:30:00-00:30"', 946_684_800_000),
    "a small t and z": (b'"2025-11-24t16:00:00z"', NOW),
    "a space for T": (b'"2025-11-24 16:00:00Z"', NOW),
    "an offset": (b'"2025-11-24T21:45:00+05:45"', NOW),
    "the largest offset": (b'"2025-11-25T15:59:00+23:59"', NOW),
    "the smallest offset": (b'"2025-11-23T16:01:00-23:59"', NOW),
    "minus nothing": (b'"2025-11-24T16:00:00-00:00"', NOW),
    "an unusual minute of an offset": (b'"2025-11-24T16:19:32+00:19"', NOW + 32_000),
    "a tenth": (b'"2025-11-24T16:00:00.5Z"', NOW + 500),
    "cut, not rounded": (b'"2025-11-24T15:59:59.9999999Z"', NOW - 1),
    "forty digits": (b'"2025-11-24T16:00:00.' + b"0" * 39 + b'9Z"', NOW),
    "a fraction and an offset": (b'"2025-11-24 17:30:00.123+01:30"', NOW + 123),
    "a leap day": (b'"2024-02-29T23:59:59Z"', 1_709_251_199_000),
    "the leap day of 2000": (b'"2000-02-29T00:00:00Z"', 951_782_400_000),
    "the hour that comes twice": (b'"2025-10-26T01:30:00+01:00"', 1_761_438_600_000),
    "the hour that comes never": (b'"2025-03-30T01:30:00+00:00"', 1_743_298_200_000),
    "escapes": (b'"\\u0032025-11-24T16:00:00Z"', NOW),
}
TIME_CASES: Final = (
    *_each("time", AT, {name: (told, read(at, power=1_000)) for name, (told, at) in TIMES.items()}),
    *_each("time", FIELDS, {
        "an interval that ends five minutes ahead": (b'"power_w":1,"for_s":300', read(power=1_000, flow=(300_000, None))),
        "an energy's interval that ends five minutes ahead": (b'"energy_wh":1,"for_s":300.0004', read(flow=(300_000, 1_000))),
    }),
)  # fmt: skip

PHYSICS: Final = (
    *_each("physics", FIELDS, {
        "the largest power": (b'"power_w":100000', read(power=100_000_000)),
        "the largest power as a float": (b'"power_w":1E5', read(power=100_000_000)),
        "the largest power fed in": (b'"power_w":-100000.0', read(power=-100_000_000)),
        "nearly the largest power": (b'"power_w":99999.9999999', read(power=100_000_000)),
        "no power": (b'"power_w":0', read(power=0)),
        "minus 0": (b'"power_w":-0', read(power=0)),
        "minus 0.0": (b'"power_w":-0.0', read(power=0)),
        "half a milliwatt": (b'"power_w":0.0005', read(power=0)),
        "one and a half milliwatts": (b'"power_w":0.0015', read(power=2)),
        "a power too small for a float": (b'"power_w":1e-400', read(power=0)),
        "a power with forty digits": (b'"power_w":431.' + b"0" * 37, read(power=431_000)),
        "a register at 0": (b'"import_wh":0', read(imports=0)),
        "a register at minus 0.0": (b'"import_wh":-0.0', read(imports=0)),
        "the largest register": (b'"import_wh":1000000000000', read(imports=10**15)),
        "the largest register as a float": (b'"export_wh":1e12', read(export=10**15)),
        "a register of less than a mWh": (b'"import_wh":0.0001', read(imports=0)),
        "as short as can be": (b'"power_w":1,"for_s":0.001', read(power=1_000, flow=(1, None))),
        "a millisecond when rounded": (b'"power_w":1,"for_s":0.00051', read(power=1_000, flow=(1, None))),
    }),
    *_each("physics", EARLIER, {
        "a whole day": (b'"power_w":1,"for_s":86400', read(LONG_AGO, power=1_000, flow=(86_400_000, None))),
        "a whole day as a float": (b'"energy_wh":1,"for_s":8.64e4', read(LONG_AGO, flow=(86_400_000, 1_000))),
        "the largest energy of an hour": (b'"energy_wh":100000,"for_s":3600', read(LONG_AGO, flow=(3_600_000, 100_000_000))),
        "the largest energy of an hour fed in": (b'"energy_wh":-100000,"for_s":3600', read(LONG_AGO, flow=(3_600_000, -100_000_000))),
        "the largest energy of a minute, rounded": (b'"energy_wh":1666.6664,"for_s":60', read(LONG_AGO, flow=(60_000, 1_666_666))),
        "the largest energy of a millisecond": (b'"energy_wh":0.027,"for_s":0.001', read(LONG_AGO, flow=(1, 27))),
        "no energy": (b'"energy_wh":0,"for_s":1800', read(LONG_AGO, flow=(1_800_000, 0))),
        "an energy too small for a mWh": (b'"energy_wh":1e-9,"for_s":1800', read(LONG_AGO, flow=(1_800_000, 0))),
    }),
)  # fmt: skip

IDENTITY: Final = (*_names({
    "one letter": (b"a", b"a"),
    "128 letters": (b"a" * 128, b"a" * 128),
    "every sign that is allowed": (b"Az09._:-", b"Az09._:-"),
    "nothing but signs": (b"..", b".."),
    "digits": (b"0012345", b"0012345"),
    "a MAC address": (b"00:1B:44:11:3A:B7", b"00:1B:44:11:3A:B7"),
    "null as text": (b"null", b"null"),
    "a device with escapes": (b"\\u0063ad\\u002d1", b"cad-1"),
}),)  # fmt: skip

NEAR_MISSES: Final[tuple[NearMiss, ...]] = (*BYTES, *JSON, *ENVELOPE, *TIME_CASES, *PHYSICS, *IDENTITY)
