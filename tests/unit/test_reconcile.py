"""Devices counted again, and what that says of what is stored: nothing where all is right, and each wrong thing by its name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from agents.arguments import record_place
from agents.audit import places
from agents.findings import Energy, Finding, Seen, find
from agents.reconcile_view import as_json, shortened, wh
from agents.recount import Draw, Recount, Recounter
from metering.compare import Kind
from metering.period import Calendar
from metering.reading import Decoder
from metering.rules import Rules
from metering.total import Grain, Total
from streams.batch import Record
from tests.folding import record
from tests.generator import DAY, STARTS, Rates, Sent, device_name, generate
from tests.oracle import Message, Oracle

ALL = 1 << 40
KEEP_S, NOW_S = 50 * 365 * 86_400, 1_800_000_000
SEEN = Seen(ALL, KEEP_S, NOW_S)
DEVICES = 6
BATCH = 500


def records(sent: Sequence[Sent]) -> list[Record]:
    return [record(message.key, message.value, message.timestamp_ms, offset) for offset, message in enumerate(sent)]


def recounted(rules: Rules, some: Sequence[Record], *, cut: bool = False, names: Sequence[str] = ()) -> list[Recount]:
    counter = Recounter(names or [device_name(number) for number in range(DEVICES)], rules, 0, 1, cut=cut)
    for first in range(0, len(some), BATCH):
        counter.take(some[first : first + BATCH])
    return list(counter.recounts.values())


def found(recount: Recount, stored: Sequence[Total], rules: Rules, seen: Seen = SEEN) -> Finding:
    return find(recount, stored, Calendar(rules.zone), seen)


def stored_of(recount: Recount) -> list[Total]:
    return sorted(recount.totals().values(), key=lambda total: (list(Grain).index(total.grain), total.start))


class TestTheRecount:
    @pytest.mark.parametrize("seed", range(2))
    @pytest.mark.parametrize("place", ["autumn", "month end", "autumn, Lord Howe"])
    def test_says_what_the_oracle_says_and_the_registers_agree(self, seed: int, place: str) -> None:
        zone, start = STARTS[place]
        rules, oracle = Rules(zone=zone), Oracle(Rules(zone=zone))
        sent = generate(seed, DEVICES, start, hours=48, interval_s=180)
        for offset, message in enumerate(sent):
            oracle.add(Message(message.key, message.value, message.timestamp_ms, offset))
        expected = {key: total for key, total in oracle.totals().items() if not total.absent}
        assert expected
        for recount in recounted(rules, records(sent)):
            finding = found(recount, [total for (device, *_), total in expected.items() if device == recount.name], rules)
            assert finding.wrong == [] and finding.compared == finding.equal > 40 and not finding.newer and not finding.earlier

    def test_registers_agree_whatever_closes_in_between(self) -> None:
        rules = Rules(restate_ms=3_600_000)
        rates = Rates(late_3h=0.05, shuffled=0.3, glitch=0.05, resets_an_hour=0.2, gaps_an_hour=0.1, silences_an_hour=0.01)
        energies: list[Energy] = []
        for seed in (1, 2, 3):
            sent = generate(seed, DEVICES, STARTS["plain day"][1], hours=100, interval_s=600, rates=rates)
            for recount in recounted(rules, records(sent)):
                finding = found(recount, stored_of(recount), rules)
                assert finding.wrong == []
                energies += finding.energies
        assert any(energy.account.rise and energy.by_power for energy in energies) and any(energy.unbooked for energy in energies)

    def test_takes_for_no_device_what_was_only_rejected(self) -> None:
        [recount] = recounted(Rules(), [record(b"a", b'{"device": "a"}', NOW_S * 1000, 0)], names=["a"])
        assert not recount.readings


def test_after_an_erase_only_what_came_since_has_to_be_there() -> None:
    rules, name = Rules(), device_name(0)
    sent = records(generate(3, 2, STARTS["plain day"][1], hours=30, interval_s=600))
    place = len(sent) // 2
    log = [*sent[:place], record(name.encode(), None, sent[place].timestamp, place, ("wattfall-erase",)), *sent[place:]]
    of_both, since = recounted(rules, log, names=[name, device_name(1)], cut=True), recounted(rules, sent[place:], names=[name])
    erased, other = of_both
    assert erased.is_erased and not other.is_erased and erased.readings == since[0].readings < recounted(rules, sent, names=[name])[0].readings
    finding = found(erased, stored_of(since[0]), rules)
    assert finding.wrong == [] and finding.compared > 15 and finding.earlier == 0, "the topic has all that there is of it"
    assert found(erased, stored_of(recounted(rules, sent, names=[name])[0]), rules).wrong


def test_a_device_that_was_only_erased_has_to_have_nothing() -> None:
    log = [record(b"a", b'{"device":"a","at":0,"power_w":1}', 1_764_000_000_000, 0), record(b"a", None, 1_764_000_000_000, 1, ("wattfall-erase",))]
    [recount] = recounted(Rules(), log, names=["a"])
    assert recount.is_erased and not recount.readings and found(recount, [], Rules()).wrong == []


class TestWhatRetentionRemoved:
    def test_is_missed_by_nothing_that_is_compared(self) -> None:
        rules = Rules(zone="Europe/Amsterdam")
        rates = Rates(late_3d=0.01, late_40d=0.01, silences_an_hour=0.002, gaps_an_hour=0.05, glitch=0.01)
        sent = records(generate(5, 3, STARTS["autumn"][1] - 20 * DAY, hours=24 * 60, interval_s=3600, rates=rates))
        kept = sent[len(sent) // 3 :]
        compared = 0
        for whole, rest in zip(recounted(rules, sent), recounted(rules, kept, cut=True), strict=True):
            finding = found(rest, stored_of(whole), rules)
            assert finding.wrong == [] and (finding.earlier > 0 or not whole.readings) and finding.compared_from * 1000 > kept[0].timestamp
            compared += finding.compared
        assert compared > 1000

    def test_would_be_missed_if_everything_were_compared(self) -> None:
        rules = Rules()
        sent = records(generate(1, DEVICES, STARTS["plain day"][1], hours=48, interval_s=600, rates=Rates.none()))
        whole, rest = recounted(rules, sent)[0], recounted(rules, sent[500:])[0]
        assert found(rest, stored_of(whole), rules).wrong


@pytest.fixture(scope="module")
def recount() -> Recount:
    """A device without any trouble, from the evening of a day to the noon after the next."""
    sent = generate(7, 1, STARTS["plain day"][1], hours=40, interval_s=300, rates=Rates.none())
    return recounted(Rules(), records(sent), names=[device_name(0)])[0]


class TestTheFinding:
    def test_is_nothing_where_all_is_right(self, recount: Recount) -> None:
        finding = found(recount, stored_of(recount), Rules())
        assert finding.wrong == []
        imports = finding.energies[0]
        assert imports.hours == imports.account.rise > 0 and imports.equal

    def test_names_the_field_that_is_wrong_and_the_day_and_the_register_that_it_belies(self, recount: Recount) -> None:
        stored = stored_of(recount)
        stored[3] = stored[3]._replace(import_mwh=stored[3].import_mwh + 1)
        finding = found(recount, stored, Rules())
        [difference] = finding.differences
        assert difference.kind is Kind.DIFFERENT and difference.how.startswith(f"import_mwh is {stored[3].import_mwh} and should be")
        assert len(finding.inner) == 1 and ", day of " in finding.inner[0] and "against its own hours: import_mwh is" in finding.inner[0]
        assert [line for line in finding.wrong if "the import register rose by" in line]
        assert len(finding.wrong) == 3

    @pytest.mark.parametrize("field", [name for name in Total._fields[6:-3] if name not in ("method",)])
    def test_sees_every_field(self, recount: Recount, field: str) -> None:
        stored = stored_of(recount)
        wrong: dict[str, Any] = {field: (getattr(stored[3], field) or 0) + 1}
        stored[3] = stored[3]._replace(**wrong)
        [difference] = found(recount, stored, Rules()).differences
        assert difference.how.startswith(f"{field} is ")

    def test_does_not_look_at_the_version(self, recount: Recount) -> None:
        stored = [total._replace(epoch=1, offset=number, reflects=number) for number, total in enumerate(stored_of(recount))]
        assert found(recount, stored, Rules()).wrong == []

    def test_names_what_is_missing(self, recount: Recount) -> None:
        stored = stored_of(recount)
        finding = found(recount, stored[1:], Rules())
        assert finding.count(Kind.MISSING) == 1 and f"{stored[0].grain} of" in str(finding.differences[0])
        assert not finding.energies[0].equal

    def test_names_what_is_there_too_much(self, recount: Recount) -> None:
        stored = stored_of(recount)
        more = stored[-1]._replace(start=stored[-1].end, end=stored[-1].end + 28 * 86_400)
        finding = found(recount, [*stored, more], Rules())
        assert [difference.kind for difference in finding.differences] == [Kind.EXTRA]
        assert len(finding.inner) == 1 and finding.inner[0].endswith("against its own days: is stored, and they are not")

    def test_holds_a_month_against_its_days(self, recount: Recount) -> None:
        stored = stored_of(recount)
        stored[-1] = stored[-1]._replace(readings=1)
        [line] = found(recount, stored, Rules()).inner
        assert ", month of " in line and "against its own days: readings is 1 and should be" in line

    def test_takes_what_holds_nothing_any_more_for_absent(self, recount: Recount) -> None:
        stored = stored_of(recount)
        values: dict[str, Any] = {field: None if field.startswith(("power_", "first_", "last_")) else 0 for field in Total._fields[4:-3]}
        nothing = stored[-1]._replace(**values | {"method": None, "start": stored[-1].end, "end": stored[-1].end + 86_400})
        assert found(recount, [*stored, nothing], Rules()).wrong == []

    def test_leaves_out_what_is_newer_than_where_it_looked(self, recount: Recount) -> None:
        seen, stored = SEEN._replace(position=100), [total._replace(reflects=99) for total in stored_of(recount)]
        at = {grain: max(i for i, total in enumerate(stored) if total.grain is grain) for grain in Grain}
        for i in at.values():
            stored[i] = stored[i]._replace(import_mwh=1, reflects=100)
        finding = found(recount, stored, Rules(), seen)
        assert finding.wrong == [] and finding.newer == 3 and finding.compared == len(stored) - 3
        stored[at[Grain.HOUR]] = stored[at[Grain.HOUR]]._replace(reflects=99)
        assert found(recount, stored, Rules(), seen).count(Kind.DIFFERENT) == 1

    def test_does_not_miss_hours_whose_time_to_live_is_over(self, recount: Recount) -> None:
        stored = stored_of(recount)
        hours = [total for total in stored if total.grain is Grain.HOUR]
        seen = SEEN._replace(keep_hours_s=86_400, now_s=hours[2].end + 86_400)
        assert found(recount, stored[3:], Rules(), seen).wrong == []
        assert found(recount, stored[4:], Rules(), seen).count(Kind.MISSING) == 1

    def test_holds_a_day_against_hours_of_its_own_epoch(self, recount: Recount) -> None:
        stored = [total._replace(epoch=2) for total in stored_of(recount)]
        stored[3] = stored[3]._replace(import_mwh=0, epoch=2)
        [line] = found(recount, stored, Rules()).inner
        more = int(line.rpartition(" should be ")[2]) - int(line.rpartition(" is ")[2].split()[0])
        assert more == -recount.totals()[stored[3].device, Grain.HOUR, stored[3].start].import_mwh
        stored[3] = stored[3]._replace(epoch=1)
        assert "readings is" in found(recount, stored, Rules()).inner[0], "then the hour is none of this day's"


class TestTheSample:
    def draw(self, number: int, seed: int, some: Sequence[Record]) -> list[str]:
        drawn, decoder = Draw(number, seed), Decoder(Rules(), 0, 1)
        drawn.take(some, decoder)
        return drawn.devices

    def test_is_the_same_for_a_seed_in_any_order(self) -> None:
        some = records(generate(1, 40, STARTS["plain day"][1], hours=1, interval_s=600))
        samples = [self.draw(5, seed, some) for seed in range(5)]
        assert samples == [self.draw(5, seed, some[::-1]) for seed in range(5)]
        assert all(len(set(sample)) == 5 for sample in samples) and len({tuple(sample) for sample in samples}) == 5

    def test_draws_everybody_in_the_end_and_nobody_who_was_only_rejected(self) -> None:
        some = records(generate(1, 5, STARTS["plain day"][1], hours=1, interval_s=60, rates=Rates(key_mismatch=0.3, poison=0.3)))
        assert self.draw(9, 0, some) == [device_name(number) for number in range(5)]


class TestWhatIsSaid:
    def test_energies_are_exact(self) -> None:
        assert [wh(mwh) for mwh in (0, -1, 1_234_567)] == ["0.000", "-0.001", "1,234.567"]

    def test_twenty_lines_and_how_many_more(self) -> None:
        assert shortened(list("ab")) == ["a", "b"]
        assert shortened(["x"] * 23) == ["x"] * 20 + ["… and 3 more"]

    def test_json_has_everything(self, recount: Recount) -> None:
        finding = found(recount, stored_of(recount)[1:], Rules())
        said = as_json(finding)
        assert said["missing"] == 1 and said["compared"] - 1 == said["equal"] and said["wrong"] == finding.wrong
        assert said["import"]["register_mwh"] == finding.energies[0].account.rise and said["import"]["equal"] is False


class TestWhatALogSaysOfADifference:
    def test_names_periods_and_neither_the_device_nor_a_number_of_it(self, recount: Recount) -> None:
        stored = stored_of(recount)
        wrong = [total._replace(import_mwh=total.import_mwh + 987_654) for total in stored[:8]]
        finding = found(recount, [*wrong, *stored[9:]], Rules())
        said = places(finding)
        first = f"hour of {datetime.fromtimestamp(stored[0].start, UTC):%Y-%m-%dT%H:%MZ} different, "
        assert said.startswith(first) and "4 periods more" in said and ": 1, the import register is not its hours" in said
        assert said.endswith(f"of {finding.compared} periods compared")
        assert recount.name not in said and "987" not in said and str(stored[0].import_mwh) not in said

    def test_is_its_place_as_a_person_may_type_it(self) -> None:
        assert record_place("t-readings/3/81724") == record_place("3/81724") == (3, 81724)
        for text in ("81724", "readings/3/", "3/-1", "readings/x/1", ""):
            with pytest.raises(ValueError, match="wanted is"):
                record_place(text)
