"""The strict decoder: whatever comes is either readings or a reason from the closed list, and the quick way decides as the slow one.

What can be told message by message is in the corpus (test_poison.py).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from metering.partition import murmur2, partition_of
from metering.reading import Decoder, Reading
from tests import oracle_reading, strategies
from tests.decoding import DEVICE, KEY, USUAL, Warm, by_oracle, decoded, told
from tests.near_misses import NOW, TIME

# What is rejected


FIRST_OF_TWO = {  # what is wrong twice: the reason that is earlier in the list
    "json.syntax": b'{"device":"","at":',
    "json.shape": b'{"device":"?","at":1,"at":1}',
    "device.invalid": b'{"device":"?","at":[],"power_w":[1]}',
    "device.mismatch": b'{"device":"other","at":[],"power_w":[1]}',
    "array.length": b'{"device":"cad-1","at":"never","power_w":[1]}',
    "at.missing": b'{"device":"cad-1","power_w":"1"}',
    "at.invalid": b'{"device":"cad-1","at":"never","power_w":"1"}',
    "at.naive": b'{"device":"cad-1","at":"1999-01-01T00:00:00","power_w":"1"}',
    "at.future": b'{"device":"cad-1","at":9007199254740992,"power_w":"1"}',
    "at.past": b'{"device":"cad-1","at":1,"power_w":"1"}',
    "value.type": b'{"device":"cad-1","at":1764000000000,"for_s":"1"}',
    "value.missing": b'{"device":"cad-1","at":1764000000000,"for_s":-1}',
    "value.conflict": b'{"device":"cad-1","at":1764000000000,"energy_wh":1e9,"power_w":1e9}',
}


@pytest.mark.parametrize(("reason", "value"), FIRST_OF_TWO.items(), ids=FIRST_OF_TWO)
def test_of_two_reasons_the_first_is_given(reason: str, value: bytes) -> None:
    assert decoded(value) == reason == by_oracle(value)


def test_size_is_looked_at_before_the_rest() -> None:
    assert decoded(b"\xff" * (2**20 + 1)) == "size"
    assert decoded(b"\xff" * 2**20) == "json.syntax"
    assert decoded(told(at=[NOW] * 10_001, power_w=[1])) == "size"


@pytest.mark.parametrize(("size", "reason"), [(2**20, None), (2**20 + 1, "size")])
def test_a_mebibyte_is_the_limit_on_the_quick_way_too(size: int, reason: str | None) -> None:
    value = told(at=NOW, power_w=1)
    value = value[:-1] + b" " * (size - len(value)) + b"}"
    found = decoded(value, decoder=Warm())
    assert found == reason if reason else found == (DEVICE, [(None, (NOW, 1_000, None, None, None, None))], {})


LIMITS = {  # the last that is good, and the first that is not
    "power_w": ({"power_w": -100_000}, {"power_w": -100_000.001}),
    "import_wh": ({"import_wh": 10**12}, {"import_wh": 1_000_000_000_000.5}),
    "export_wh": ({"export_wh": 0}, {"export_wh": -0.001}),
    "for_s, long": ({"power_w": 1, "for_s": 86_400}, {"power_w": 1, "for_s": 86_400.001}),
    "for_s, short": ({"power_w": 1, "for_s": 0.0006}, {"power_w": 1, "for_s": 0.0005}),
    "energy_wh": ({"energy_wh": -100_000, "for_s": 3_600}, {"energy_wh": -100_000.001, "for_s": 3_600}),
}


@pytest.mark.parametrize(("good", "bad"), LIMITS.values(), ids=LIMITS)
def test_a_value_may_be_at_its_limit_but_not_beyond(good: dict[str, float], bad: dict[str, float]) -> None:
    day_before = NOW - 2 * 86_400_000
    assert not isinstance(decoded(told(at=day_before, **good), decoder=Warm()), str)
    assert decoded(told(at=day_before, **bad), decoder=Warm()) == "value.range"
    assert decoded(told(at=[day_before], **bad)) == (DEVICE, [], {"value.range": [0]})


def test_ten_thousand_readings_are_the_limit() -> None:
    message = Decoder(USUAL).decode(KEY, told(at=[NOW] * 10_000, power_w=1), NOW)
    assert len(message.readings) == 10_000 and not message.faults


def test_a_key_that_another_partitioner_misplaced_is_rejected() -> None:
    right = partition_of(KEY, 12)
    value = told(at=NOW, power_w=1)
    assert not isinstance(decoded(value, decoder=Decoder(USUAL, right, 12)), str)
    assert decoded(value, decoder=Decoder(USUAL, right ^ 1, 12)) == "partition.mismatch"


KAFKAS_OWN = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536, b"abc": 479470107}


@pytest.mark.parametrize(("key", "hashed"), KAFKAS_OWN.items())
def test_keys_are_hashed_as_kafka_hashes_them(key: bytes, hashed: int) -> None:
    assert murmur2(key) == hashed % 2**32


@given(st.binary(max_size=40), st.integers(1, 1000))
def test_any_key_is_where_the_oracle_has_it(key: bytes, partitions: int) -> None:
    assert partition_of(key, partitions) == oracle_reading.partition_of(key, partitions)


# Whatever comes


@given(st.one_of(st.none(), st.binary(max_size=200)), st.one_of(st.none(), st.binary(max_size=10), st.just(KEY)))
@example(b"\xef\xbb\xbf{}", KEY)
@example(b"[" * 5_000, KEY)
def test_no_bytes_do_anything_but_be_rejected(value: bytes | None, key: bytes | None) -> None:
    assert isinstance(decoded(value, key, Warm()), str)


NUMBERS = st.one_of(
    st.sampled_from(
        (0, 1, -1, 0.0005, 0.0015, -0.0, 431.5, 99_999.9995, 100_000, 100_000.0005, -100_000.001, 10**12, 10**12 + 1, 1e12, 2**53, 2**53 + 1)
    ),
    st.sampled_from((10**16, 2**64, -(2**63), 1e300, 1e-300, 86_400, 86_400.001, 60, 3_600, 1_800.5, 0.001, 0.0004, 1666.666, 1666.667)),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**70), 2**70),
)
TIMES = st.one_of(
    st.sampled_from(
        (TIME, "2025-11-24T16:00:00", "2025-11-24t15:00:00.9999z", "2025-11-24 16:00:00-00:00", "2025-11-24T17:30:00+01:30", "1999-12-31T23:59:59Z")
    ),
    st.sampled_from(
        (NOW, NOW + 300_000, NOW + 300_001, 946_684_800_000, 946_684_799_999, 2**53, 1.5, True, "", "2024-02-30T00:00:00Z", "2025-11-24T16:00:60Z")
    ),
    st.integers(NOW - 10**10, NOW + 400_000),
)
ODD = st.one_of(
    st.none(), st.booleans(), st.text(max_size=3), st.just({}), st.just([]), st.just([1]), st.just({"a": {"b": {"c": {}}}}), st.just([[[[1]]]])
)
VALUES = ("power_w", "import_wh", "export_wh", "for_s", "energy_wh")


@st.composite
def columns(draw: st.DrawFn, good: st.SearchStrategy[Any], count: int | None) -> Any:
    """A value, or an array of them; now and then something that belongs nowhere."""
    one = good if draw(st.integers(0, 5)) else ODD
    if count is None or draw(st.integers(0, 3)) == 0:
        return draw(one)
    return [draw(one) for _ in range(count + draw(st.sampled_from((0, 0, 0, 0, 0, 0, 0, 1))))]


@st.composite
def objects(draw: st.DrawFn) -> dict[str, Any]:
    """Nearly a message: fields there or not, of the right kind or not, arrays of equal lengths or not."""
    count = draw(st.sampled_from((None, None, None, 0, 1, 2, 3, 3)))
    fields: dict[str, Any] = {"device": draw(st.sampled_from((DEVICE,) * 12 + ("other", "", None)))}
    if draw(st.integers(0, 9)):
        fields["at"] = draw(columns(TIMES, count))
    names = draw(st.sampled_from((("power_w",), ("power_w", "import_wh"), ("power_w", "for_s"), ("energy_wh", "for_s"), VALUES[:3], VALUES, ())))
    for name in names:
        fields[name] = draw(columns(NUMBERS, count))
    if draw(st.integers(0, 4)) == 0:
        fields["x"] = draw(st.one_of(NUMBERS, ODD))
    return fields


TOKENS = (
    b'"', b",", b":", b"{", b"}", b"[", b"]", b"0", b"1", b"-", b".", b"e9", b" ", b"\t", b"\x00", b"\xff", b"\\", b'\\"', b"\\u0041", b"\\ud800",
    b"\\ud83d\\ude00", b"null", b"true", b"NaN", b"1e999", b"9007199254740992", b"9007199254740993", b"9" * 400, b"-" + b"1" * 310, b"1e400",
    b'"at":1', b'"device":"cad-1",', b',"x":[[[1]]]',
    b',"x":[[[[1]]]]', b',"x":{"at":1}', b',"power_w":1', b'"power_w":null,', "ä".encode(), b"\xed\xa0\x80",
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """An object's text with none or a few tokens put in, put over others, or bytes taken out."""
    raw = json.dumps(draw(objects()), separators=draw(st.sampled_from(((",", ":"), (", ", ": ")))), ensure_ascii=draw(st.booleans())).encode()
    for _ in range(draw(st.sampled_from((0, 0, 1, 1, 2)))):
        place = draw(st.integers(0, len(raw)))
        gone = draw(st.sampled_from((0, 0, 1, 2)))
        raw = raw[:place] + draw(st.sampled_from((*TOKENS, b""))) + raw[place + gone :]
    return raw


@given(mutated())
@settings(max_examples=1_000)
@example(b'{"device":"cad-1","at":1764000000000,"power_w":1,"power_w":null}')
@example(b'{"device":"cad-1","at":1764000000000,"power_w":1,"x":{"power_w":2}}')
@example(b'{"device":"cad-1","at":1764000000000,"po\\u0077er_w":1}')
@example(b'{"device":"cad-1","at":1764000000000,"power_w":1,"x":"\\""}')
def test_nearly_messages_are_decided_as_the_oracle_decides(value: bytes) -> None:
    expected = by_oracle(value)
    assert decoded(value) == expected
    assert decoded(value, decoder=Warm()) == expected


@given(objects())
@settings(max_examples=300)
def test_the_quick_way_decides_as_the_slow_one(fields: dict[str, Any]) -> None:
    """A field that nobody knows is ignored, but takes the slow way."""
    quick = Warm()
    slow = Decoder(USUAL)
    assert decoded(json.dumps(fields).encode(), decoder=quick) == decoded(json.dumps(fields | {"unknown": {}}).encode(), decoder=slow)


@pytest.mark.parametrize("at", [NOW, TIME])
@pytest.mark.parametrize("values", [{"power_w": 1}, {"power_w": -0.5, "import_wh": 7.001}, {"import_wh": 7, "export_wh": 0}])
def test_the_ordinary_reading_takes_the_quick_way(at: int | str, values: dict[str, float]) -> None:
    value = told(at=at, **values)
    message = Decoder(USUAL).decode(KEY, value, NOW)
    assert Warm().plain(DEVICE, value, NOW) == message.readings[0]
    assert Warm().plain("cad-2", value, NOW) is None


# What is read


def read(**fields: Any) -> Reading:
    found = decoded(told(**({"at": NOW} | fields)), decoder=Warm())
    assert not isinstance(found, str), found
    ((_, reading),) = found[1]
    return reading


def test_values_are_rounded_to_thousandths() -> None:
    assert read(power_w=-431.5, import_wh=6613405, export_wh=0.0005) == (NOW, -431_500, 6_613_405_000, 0, None, None)
    assert read(power_w=0.0015) == (NOW, 2, None, None, None, None)
    assert read(at=NOW - 1_800_000, energy_wh=-0.5, for_s=1800) == (NOW - 1_800_000, None, None, None, 1_800_000, -500)


@pytest.mark.parametrize(
    ("at", "ms"),
    [
        (NOW, NOW),
        (TIME, NOW),
        ("2025-11-24t16:00:00z", NOW),
        ("2025-11-24 17:30:00.5+01:30", NOW + 500),
        ("2025-11-24T10:59:59.9999999-05:00", NOW - 1),
        ("2025-11-24T16:00:00-00:00", NOW),
        ("2024-02-29T23:59:59Z", 1_709_251_199_000),
    ],
)
def test_times_are_cut_to_ms(at: int | str, ms: int) -> None:
    decoder = Warm()
    for _ in range(2):  # the second time from memory
        assert decoded(told(at=at, power_w=1), decoder=decoder) == (DEVICE, [(None, (ms, 1_000, None, None, None, None))], {})


def test_a_minute_that_was_seen_lets_no_other_text_pass() -> None:
    decoder = Warm()
    decoded(told(at=TIME, power_w=1), decoder=decoder)
    for text, reason in {"16:00:60Z": "at.invalid", "16:00:1Z": "at.invalid", "16:00:00": "at.naive", "16:00:00ZZ": "at.invalid"}.items():
        assert decoded(told(at="2025-11-24T" + text, power_w=1), decoder=decoder) == reason


def test_null_is_absent() -> None:
    assert read(power_w=1, import_wh=None, export_wh=None, for_s=None, energy_wh=None) == read(power_w=1)


def test_a_large_integer_that_a_float_holds_is_no_integer() -> None:
    assert decoded(told(at=NOW, power_w=1, x=2**53), decoder=Warm()) != "json.shape"
    assert decoded(told(at=NOW, power_w=1, x=2**53 + 1), decoder=Warm()) == "json.shape"
    assert decoded(told(at=NOW, import_wh=2**64), decoder=Warm()) == "json.shape"
    assert decoded(told(at=NOW, import_wh=2.0**64), decoder=Warm()) == "value.range"


def test_a_clock_may_be_five_minutes_ahead_of_the_brokers() -> None:
    for ahead, interval, is_future in [(300_000, {}, False), (300_001, {}, True), (240_000, {"for_s": 60}, False), (240_001, {"for_s": 60}, True)]:
        for decoder in (Decoder(USUAL), Warm()):
            assert (decoded(told(at=NOW + ahead, power_w=1, **interval), decoder=decoder) == "at.future") is is_future


# Arrays


@given(st.lists(strategies.values(st.sampled_from(strategies.REGISTERS_WH)), min_size=1, max_size=6), st.data())
def test_an_array_means_its_readings_one_by_one_in_order_of_at(brought: list[dict[str, Any]], data: st.DataObject) -> None:
    instants = data.draw(st.lists(st.integers(NOW - 5, NOW), min_size=len(brought), max_size=len(brought)))
    elements = [{"at": at - 86_400_000} | values for at, values in zip(instants, brought, strict=True)]
    many = decoded(told(**strategies.arrays(elements)), decoder=Warm())
    singles = [decoded(told(**element), decoder=Warm()) for element in elements]
    ordered = sorted(range(len(elements)), key=lambda i: elements[i]["at"])
    assert many == (DEVICE, [(i, single[1][0][1]) for i in ordered if not isinstance(single := singles[i], str)], {})


def test_a_scalar_stands_for_all() -> None:
    found = decoded(told(at=[NOW - 2, NOW - 1], power_w=360, import_wh=[5, None]))
    assert found == (DEVICE, [(0, (NOW - 2, 360_000, 5_000, None, None, None)), (1, (NOW - 1, 360_000, None, None, None, None))], {})


def test_bad_elements_are_named_by_their_places_in_the_array_and_the_others_count() -> None:
    # place        0     1        2     3     4 (before all)
    found = decoded(told(at=[NOW, NOW, 0, NOW, NOW - 9], power_w=[1, "x", 1, None, 2]))
    good = [(4, (NOW - 9, 2_000, None, None, None, None)), (0, (NOW, 1_000, None, None, None, None))]
    assert found == (DEVICE, good, {"value.type": [1], "at.past": [2], "value.missing": [3]})


def test_equal_instants_stay_in_the_order_of_the_array() -> None:
    found = decoded(told(at=[NOW, NOW - 1, NOW], power_w=[1, 2, 3]))
    assert not isinstance(found, str) and [place for place, _ in found[1]] == [1, 0, 2]
