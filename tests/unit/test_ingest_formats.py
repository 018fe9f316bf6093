"""Each format against what a person would have read out of the same lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from dsmr_parser.parsers import TelegramParser

from ingest.formats import FORMATS, csv, dsmr, jsonl, recognise
from ingest.reading import BadLine, Lines, Options, Reading

TELEGRAM = (
    "/FLU5\\112233445_A\r\n\r\n0-0:96.1.1(3153414731313030)\r\n0-0:1.0.0(211024195235S)\r\n"
    "1-0:1.8.1(004248.198*kWh)\r\n1-0:1.8.2(006615.642*kWh)\r\n1-0:2.8.1(002278.958*kWh)\r\n1-0:2.8.2(000908.264*kWh)\r\n"
    "1-0:1.7.0(00.507*kW)\r\n1-0:2.7.0(01.208*kW)\r\n0-1:96.1.1(AAAAA11111)\r\n0-1:24.2.3(211024195005S)(03775.342*m3)\r\n!"
)


DEFAULT = Options()


def signed(telegram: str) -> str:
    """With its true checksum."""
    return f"{telegram}{TelegramParser.crc16(telegram):04X}\r\n"


def lines(text: str) -> list[bytes]:
    return text.encode().splitlines(keepends=True)


def fields(found: list[Reading | BadLine]) -> list[dict[str, object]]:
    assert not [item for item in found if isinstance(item, BadLine)]
    return [item.fields for item in found if isinstance(item, Reading)]


def from_csv(text: str, options: Options = DEFAULT) -> list[Reading | BadLine]:
    return list(csv.read(lines(text), options))


def from_dsmr(text: str, options: Options = DEFAULT) -> list[Reading | BadLine]:
    return list(dsmr.read(lines(text), options))


class TestCsv:
    def test_columns_are_the_fields_and_others_are_left_out(self) -> None:
        found = from_csv("at,device,power_w,note\n1365794125,house-1,323,kettle\n1365794131,house-1,-12.5,\n")
        assert fields(found) == [
            {"at": 1365794125000, "device": "house-1", "power_w": 323},
            {"at": 1365794131000, "device": "house-1", "power_w": -12.5},
        ]
        assert [item.line for item in found] == [2, 3]

    @pytest.mark.parametrize(
        ("text", "unit", "at"),
        [
            ("1365794125", None, 1365794125000),
            ("99999999999", None, 99999999999000),
            ("100000000000", None, 100000000000),
            ("1365794125123", None, 1365794125123),
            ("1365794125.1239", None, 1365794125123),
            ("1365794125.0", None, 1365794125000),
            ("-5", None, -5000),
            ("1365794125", "ms", 1365794125),
            ("1365794125123", "s", 1365794125123000),
            ("2013-04-12T19:15:25Z", "s", "2013-04-12T19:15:25Z"),
            ("2013-04-12 19:15", None, "2013-04-12 19:15"),
            ("nan", None, "nan"),
            ("1_0", None, "1_0"),
        ],
    )
    def test_times(self, text: str, unit: str | None, at: int | str) -> None:
        options = Options(at_unit=unit)  # type: ignore[arg-type]
        assert fields(from_csv(f"device,at,power_w\na,{text},1\n", options))[0]["at"] == at

    @pytest.mark.parametrize(
        ("text", "value"), [("1e3", 1000.0), ("007", 7), ("nan", "nan"), ("inf", "inf"), ("1e999", "1e999"), ("1_0", "1_0"), ("abc", "abc")]
    )
    def test_what_is_no_number_stays_a_text_to_be_refused_where_it_is_counted(self, text: str, value: object) -> None:
        assert fields(from_csv(f"device,at,power_w\na,5,{text}\n"))[0]["power_w"] == value

    def test_empty_cells_are_absent(self) -> None:
        assert fields(from_csv("device,at,power_w,import_wh\na,5,,7\n,,,\n", Options(device="b"))) == [
            {"device": "a", "at": 5000, "import_wh": 7},
            {"device": "b"},
        ]

    def test_a_bad_line_costs_itself_only(self) -> None:
        found = from_csv('device,at,power_w\na,1,1,9\na,2,"2\nb"ad,3,3\n\na,4,4\n"a",5,"5"\r\n')
        assert [(item.line, type(item)) for item in found] == [(2, BadLine), (3, BadLine), (4, Reading), (6, Reading), (7, Reading)]
        assert isinstance(found[0], BadLine) and found[0].reason == "4 cells under 3 columns"
        not_utf8, good = csv.read([b"device,at,power_w\n", b"\xff,1,1\n", b"a,1,1\n"], Options())
        assert isinstance(not_utf8, BadLine) and isinstance(good, Reading)

    def test_a_byte_order_mark_is_no_part_of_the_first_name(self) -> None:
        assert fields(from_csv("\ufeffdevice,at,power_w\na,5,1\n")) == [{"device": "a", "at": 5000, "power_w": 1}]

    @pytest.mark.parametrize(
        ("header", "word"),
        [
            ("a,1,2", "must name the columns"),
            ("device,power_w", "must name the columns"),
            ("device,at,watts", "must name the columns"),
            ("at,power_w", "--device"),
            ("device,at,at,power_w", "two columns"),
        ],
    )
    def test_a_header_that_will_not_do_ends_the_file(self, header: str, word: str) -> None:
        (only,) = from_csv(f"{header}\na,1,2\n")
        assert isinstance(only, BadLine) and only.line == 1 and word in only.reason


class TestJsonLines:
    def test_a_line_is_passed_on_byte_for_byte(self) -> None:
        text = ' {"device": "a", "at": 5, "power_w": 1.50, "x": [1], "x": 2} \r\n'
        assert list(jsonl.read(lines(text), Options(device="b"))) == [
            Reading(1, {"device": "a", "at": 5, "power_w": 1.5, "x": 2}, text.strip().encode())
        ]

    def test_a_line_without_device_gets_one(self) -> None:
        assert list(jsonl.read([b'{"at":5}'], Options(device="b"))) == [Reading(1, {"at": 5, "device": "b"}, None)]
        assert list(jsonl.read([b'{"at":5}'], Options())) == [Reading(1, {"at": 5}, b'{"at":5}')]

    def test_what_is_no_object_is_a_bad_line(self) -> None:
        found = list(jsonl.read([b"{\n", b"[1]\n", b"\n", b'{"at":NaN}\n', b"\xff\n", b"{}\n"], Options()))
        assert [(item.line, type(item)) for item in found] == [(1, BadLine), (2, BadLine), (4, BadLine), (5, BadLine), (6, Reading)]


class TestDsmr:
    def test_a_telegram_is_a_reading(self) -> None:
        assert fields(from_dsmr(signed(TELEGRAM))) == [
            {"device": "3153414731313030", "at": "2021-10-24T17:52:35Z", "power_w": -701, "import_wh": 10863840, "export_wh": 3187222}
        ]

    @pytest.mark.parametrize(
        ("local", "at"),
        [
            ("211031025959S", "2021-10-31T00:59:59Z"),  # the last second of summer
            ("211031020000W", "2021-10-31T01:00:00Z"),  # and the next
            ("210701120000W", "2021-07-01T11:00:00Z"),  # a meter that stays in winter time
            ("211201120000W", "2021-12-01T11:00:00Z"),
        ],
    )
    def test_the_time_says_which_of_two_equal_hours_it_means(self, local: str, at: str) -> None:
        assert fields(from_dsmr(signed(TELEGRAM.replace("211024195235S", local))))[0]["at"] == at

    def test_a_wrong_checksum_is_a_failure_unless_asked_for(self) -> None:
        damaged = signed(TELEGRAM).replace("00.507", "90.507")
        (only,) = from_dsmr(damaged)
        assert isinstance(only, BadLine) and "--no-checksum" in only.reason
        assert fields(from_dsmr(damaged, Options(checksum=False)))[0]["power_w"] == 89299

    def test_line_ends_that_a_file_lost_do_not_break_the_checksum(self) -> None:
        assert len(fields(from_dsmr(signed(TELEGRAM).replace("\r\n", "\n")))) == 1

    def test_old_meters_send_no_checksum(self) -> None:
        assert len(fields(from_dsmr(f"{TELEGRAM}\r\n"))) == 1

    def test_the_total_register_goes_before_the_tariffs(self) -> None:
        assert fields(from_dsmr(TELEGRAM.replace("1-0:1.8.1", "1-0:1.8.0") + "\n"))[0]["import_wh"] == 4248198

    def test_registers_are_exact_below_a_watt_hour(self) -> None:
        assert fields(from_dsmr(TELEGRAM.replace("004248.198", "004248.1985") + "\n"))[0]["import_wh"] == 10863840.5

    def test_one_tariff_no_power_own_name(self) -> None:
        text = "/X\n\n0-0:1.0.0(211024195235S)\n1-0:1.8.1(1.5*kWh)\n!\n"
        assert fields(from_dsmr(text, Options(device="cad-1"))) == [{"device": "cad-1", "at": "2021-10-24T17:52:35Z", "import_wh": 1500}]
        assert fields(from_dsmr(text)) == [{"at": "2021-10-24T17:52:35Z", "import_wh": 1500}]

    def test_parts_of_telegrams_are_named_by_their_first_line(self) -> None:
        whole = signed(TELEGRAM)
        found = from_dsmr("1-0:1.7.0(00.507*kW)\r\n!AAAA\r\n" + whole + "/cut\r\n1-0:1.7.0(1*kW)\r\n" + whole + "\r\n/cut\r\n")
        assert [(item.line, item.reason if isinstance(item, BadLine) else "") for item in found] == [
            (1, "the telegram has no beginning"),
            (3, ""),
            (16, "the telegram has no end"),
            (18, ""),
            (32, "the telegram has no end"),
        ]

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("0-0:1.0.0(211024195235S)", "0-0:2.0.0(0)"),
            ("211024195235S", "211324195235S"),
            ("211024195235S", "211024195235"),
            ("211024195235S", ""),
            ("00.507*kW", "x*kW"),
            ("00.507*kW", "00.507*kVA"),
            ("00.507*kW", ""),
            ("00.507*kW", "00.507"),
        ],
    )
    def test_a_telegram_that_cannot_be_read_is_a_bad_line(self, old: str, new: str) -> None:
        (only,) = from_dsmr(TELEGRAM.replace(old, new) + "\n")
        assert isinstance(only, BadLine), only

    def test_a_lost_end_never_collects_lines_for_ever(self) -> None:
        found = from_dsmr("/X\n" + "1-0:1.7.0(1*kW)\n" * 5000)
        assert len(found) == 6 and all(isinstance(item, BadLine) for item in found)

    def test_the_sample(self) -> None:
        text = (Path(__file__).parent.parent / "data" / "dsmr_p1_1s.txt").read_bytes().splitlines(keepends=True)
        assert sum(isinstance(item, BadLine) for item in dsmr.read(text, Options())) == 18
        found = fields(list(dsmr.read(text, Options(checksum=False))))
        assert [item["at"] for item in found] == [f"2021-10-24T17:52:{second}Z" for second in range(35, 53)]
        assert [item["power_w"] for item in found[:3]] == [507, 363, 361]


@pytest.mark.parametrize(
    ("name", "first_line", "key"),
    [
        ("a.jsonl", b"", "jsonl"),
        ("A.CSV.GZ", b"", "csv"),
        ("a.p1", b"", "dsmr"),
        ("a.txt", b"/FLU5\\1", "dsmr"),
        ("a.txt", b"1-0:1.8.1(004248.198*kWh)", "dsmr"),
        ("stdin", b' {"device":"a"}', "jsonl"),
        ("stdin", b"device,at,power_w", "csv"),
        ("stdin", b'\xef\xbb\xbf"at","power_w"', "csv"),
        ("stdin", b"power_w,at\r", "csv"),
        ("stdin", b"what,attic", None),
        ("stdin", b"", None),
    ],
)
def test_recognise(name: str, first_line: bytes, key: str | None) -> None:
    assert recognise(name, first_line) == key


@pytest.mark.parametrize("key", FORMATS)
@pytest.mark.parametrize(
    "noise", [[b"\0" * 100], [b"\xff\xfe\n"] * 3, [b"\n"] * 5, [b"/\n", b"!\n", b"!"], [b'"\n', b"at,power_w,device\n", b'"'], []]
)
def test_no_format_raises_for_what_a_file_holds(key: str, noise: Lines) -> None:
    assert all(isinstance(item, BadLine) for item in FORMATS[key].read(noise, Options(device="a")))
