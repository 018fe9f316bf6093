"""What the demo sends, and how it compares."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
from rich.console import Console

from demo import expected, house
from demo.__main__ import MARK, STATE, empty, others
from demo.crew import Crew
from demo.simulated import EVERY_S, Meter, instants
from demo.story import Story
from metering.compare import differences, read
from metering.rules import Rules
from metering.total import Grain, Total
from metering.wire import total_to_json
from tests.oracle import Message, Oracle
from tests.sample_totals import hour_total

NOW_S = 1_795_500_000


class TestTheInventedHouse:
    def test_is_the_same_every_time(self) -> None:
        assert list(house.readings()) == list(house.readings())

    def test_is_in_order_of_time_from_may_to_december(self) -> None:
        instants = [datetime.fromisoformat(json.loads(line)["at"]) for line in house.readings()]
        assert instants == sorted(set(instants))
        assert len(instants) == 245 * 48 + 2 - 73

    def test_its_registers_are_its_energies(self) -> None:
        silent, exchanged, zero = (instant.isoformat().replace("+00:00", "Z") for instant in (house.SILENT[0], house.EXCHANGED, house.ZERO))
        for now, after in pairwise(map(json.loads, house.readings())):
            odd = {now["at"], after["at"]} & {exchanged, zero} or now["at"] < silent < after["at"]
            if not odd:
                assert after["import_wh"] - now["import_wh"] == max(0, now["energy_wh"])
                assert after["export_wh"] - now["export_wh"] == max(0, -now["energy_wh"])


class TestSimulatedMeters:
    def test_a_register_rises_by_the_power(self) -> None:
        meter = Meter(1)
        for at in instants(NOW_S, NOW_S + 3600):
            assert abs((meter.import_wh(at + EVERY_S) - meter.import_wh(at)) * 3600 - meter.power_w(at) * EVERY_S) < 3600

    def test_they_send_on_every_tenth_second(self) -> None:
        assert list(instants(101, 131)) == [110, 120, 130]
        assert list(instants(100, 110)) == [100]


class TestTheCheck:
    def test_equal_totals_have_no_differences(self) -> None:
        stored = read([total_to_json(hour_total(epoch=2, offset=7, reflects=7))])
        assert list(differences(stored, read([total_to_json(hour_total())]))) == []

    def test_a_wrong_field_is_named(self) -> None:
        stored, wanted = read([total_to_json(hour_total(import_mwh=1))]), read([total_to_json(hour_total(import_mwh=2))])
        [line] = differences(stored, wanted)
        assert "import_mwh is 1 and should be 2" in line

    def test_missing_and_unexpected_totals_are_named(self) -> None:
        totals = read([total_to_json(hour_total())])
        assert [line.rpartition(": ")[2] for line in differences({}, totals)] == ["is not stored"]
        assert [line.rpartition(": ")[2] for line in differences(totals, {})] == ["is stored, and should not be there"]


class Judged:
    """A crew that has one total of the oracle."""

    def __init__(self, folder: Path, expected: Total) -> None:
        self.folder = folder
        (folder / "expected.jsonl").write_bytes(total_to_json(expected) + b"\n")
        self.log("oracle").write_text("1 counted\n")

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


class TestTheVerdict:
    def verdict(self, folder: Path, stored: Total, expected: Total) -> tuple[bool, str]:
        said = StringIO()
        story = Story(cast(Crew, Judged(folder, expected)), Console(file=said, width=150))
        return story.check(total_to_json(stored) + b"\n"), said.getvalue()

    def test_equal(self, tmp_path: Path) -> None:
        equal, said = self.verdict(tmp_path, hour_total(offset=3), hour_total())
        assert equal and "1 totals checked, 1 equal" in said

    def test_different(self, tmp_path: Path) -> None:
        equal, said = self.verdict(tmp_path, hour_total(readings=3), hour_total())
        assert not equal and "1 totals checked, 0 equal" in said and "readings is 3 and should be 360" in said

    def test_nothing_at_all_is_not_equal(self, tmp_path: Path) -> None:
        empty = {field: None if field.startswith(("power_", "first_", "last_")) else 0 for field in Total._fields[4:-3]}
        nothing = hour_total(**empty | {"method": None})
        equal, said = self.verdict(tmp_path, nothing, nothing)
        assert not equal and "0 totals checked" in said


def test_what_happens_to_the_house_is_seen_in_its_totals() -> None:
    oracle = Oracle(Rules())
    for offset, line in enumerate(house.readings()):
        oracle.add(Message(house.DEVICE.encode(), line.encode(), NOW_S * 1000, offset))
    months = {
        datetime.fromtimestamp(start + 86_400, UTC).month: total for (_, grain, start), total in oracle.totals().items() if grain is Grain.MONTH
    }
    assert len(months) == 8 and oracle.outcomes.keys() == {"counted"}
    assert {month for month, total in months.items() if total.glitches} == {6}
    assert {month for month, total in months.items() if total.resets} == {9}
    assert max(months, key=lambda month: months[month].estimated_import_mwh) == 11


class TestTheFolder:
    def test_is_emptied_but_for_its_lock_and_its_mark(self, tmp_path: Path) -> None:
        for name in ("lock", "worker.log", "stack/kafka.log"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        empty(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {"lock", MARK}
        (tmp_path / "worker.log").touch()
        assert not others(tmp_path)

    def test_of_somebody_else_is_told_by_what_is_in_it(self, tmp_path: Path) -> None:
        assert not others(tmp_path / "none") and not others(tmp_path) and not others(STATE)
        (tmp_path / "lock").touch()
        assert not others(tmp_path)
        (tmp_path / "letter").touch()
        assert others(tmp_path)


class TestTheExpectation:
    @pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--what"]])
    def test_wrong_arguments_are_told_the_usage(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit, match="2"):
            expected.main(arguments, {})
        assert capsys.readouterr().err.startswith("usage: python -m demo.expected")

    def test_help_has_an_example(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit, match="0"):
            expected.main(["--help"], {})
        assert "python -m demo.expected expected.jsonl" in capsys.readouterr().out

    def test_without_a_broker_it_is_one_line(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert expected.main([str(tmp_path / "kept")], {"WATTFALL_BROKERS": "127.0.0.1:9"}) == 2
        said = capsys.readouterr().err
        assert "no broker answers" in said and said.count("\n") == 1
        assert not (tmp_path / "kept").exists()
