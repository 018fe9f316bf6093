"""What decides about a replay."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.ground import check_rules, rule_facts
from agents.replay import BEFORE_S, Stage, changes, first_month, left_s, month_from, nothing_left
from agents.replay_command import Place
from agents.replay_promote import check
from agents.replay_start import LOOK_BACK_S
from metering.period import Calendar
from metering.rules import Rules
from metering.total import Grain, Method, Total
from settings.environ import SettingError
from streams.cluster import Cluster
from streams.generations import Generation, predecessor, successor
from streams.settings import Settings
from streams.topics import Topics
from tests.folding import Folding, folded
from tests.generator import DAY, STARTS, Rates, device_name, generate
from tests.oracle import Message

AMSTERDAM = Calendar("Europe/Amsterdam")
instants = st.integers(946_684_800, 4_102_444_800)


def local(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Amsterdam")).timestamp())


def total(device: str = "a", start: int = 0, import_mwh: int = 5, grain: Grain = Grain.HOUR, epoch: int = 1) -> Total:
    zeros = dict.fromkeys(Total._fields, 0)
    named = {"device": device, "grain": grain, "start": start, "end": start + 3600, "method": Method.POWER, "import_mwh": import_mwh}
    return Total(**(zeros | named | {"epoch": epoch}))  # type: ignore[arg-type]


def by_key(*totals: Total) -> dict[tuple[str, Grain, int], Total]:
    return {(one.device, one.grain, one.start): one for one in totals}


class TestTheFirstMonth:
    def test_is_none_where_nothing_was_ever_removed_and_nothing_is_asked(self) -> None:
        assert first_month(AMSTERDAM, None, None) is None

    def test_is_the_next_that_is_whole_four_days_after_the_oldest_reading(self) -> None:
        assert first_month(AMSTERDAM, local("2026-09-27T23:59:59"), None) == local("2026-10-01T00:00:00") + 31 * 86_400 + 3600
        assert first_month(AMSTERDAM, local("2026-09-27T00:00:00"), None) == local("2026-10-01T00:00:00")

    def test_is_the_asked_one_if_that_is_later(self) -> None:
        assert first_month(AMSTERDAM, local("2026-01-03T00:00:00"), local("2026-06-01T00:00:00")) == local("2026-06-01T00:00:00")
        assert first_month(AMSTERDAM, local("2026-06-03T00:00:00"), local("2026-01-01T00:00:00")) == local("2026-07-01T00:00:00")
        assert first_month(AMSTERDAM, None, local("2026-06-01T00:00:01")) == local("2026-07-01T00:00:00")

    @given(instants, st.sampled_from(["Europe/London", "Asia/Kathmandu", "Australia/Lord_Howe", "America/New_York"]))
    def test_begins_a_month_and_leaves_room_for_what_is_read_before(self, oldest: int, zone: str) -> None:
        calendar = Calendar(zone)
        found = first_month(calendar, oldest, None)
        assert found is not None and calendar.month(found)[0] == found
        assert oldest + BEFORE_S <= found < oldest + BEFORE_S + 32 * 86_400
        assert month_from(calendar, found) == found


class TestAStage:
    def test_has_caught_up_when_no_more_waits_than_is_always_on_its_way(self) -> None:
        assert Stage("t", 0, 90, 100, 10).caught_up
        assert not Stage("t", 0, 89, 100, 10).caught_up

    def test_counts_from_where_the_replay_began(self) -> None:
        assert Stage("t", 100, 150, 200, 0).share == 0.5
        assert Stage("t", 100, 100, 100, 0).share == 1.0

    def test_goes_on_as_it_did(self) -> None:
        assert left_s(Stage("t", 100, 150, 250, 0), 10.0) == 20.0
        assert left_s(Stage("t", 100, 100, 250, 0), 10.0) is None


class TestChanges:
    def test_are_of_what_a_total_says_and_not_of_its_version(self) -> None:
        old, new = total(), total(epoch=2)._replace(offset=7, reflects=9)
        assert changes(by_key(old), by_key(new), lambda key: True) == {}

    def test_are_told_by_device_with_the_hours_energy(self) -> None:
        old = by_key(total("a"), total("a", 3600, 10), total("b"), total("a", grain=Grain.DAY))
        new = by_key(total("a"), total("a", 3600, 7), total("c", 0, 4), total("a", grain=Grain.DAY, import_mwh=9))
        found = changes(old, new, lambda key: True)
        assert list(found) == ["a", "b", "c"]
        assert (found["a"].periods, found["a"].import_mwh) == ({Grain.HOUR: 1, Grain.DAY: 1}, (10, 7))
        assert (found["b"].import_mwh, found["c"].import_mwh) == ((5, 0), (0, 4))

    def test_leave_out_what_does_not_count(self) -> None:
        assert changes(by_key(total()), {}, lambda key: False) == {}


def test_what_is_taken_back_is_absent_beats_the_old_and_loses_to_whatever_comes() -> None:
    old = total()._replace(power_max_mw=4, power_max_at=5, offset=10**9)
    gone = nothing_left(old, 2)
    assert gone.absent and (gone.device, gone.grain, gone.start, gone.end) == (old.device, old.grain, old.start, old.end)
    assert old.version < gone.version < total(epoch=2)._replace(offset=0).version


@pytest.mark.parametrize(
    "generation", [Generation(2, 1_790_000_000, ("a", "b"), live=False, begins={0: 5, 11: 7}, began_ms=1), Generation(3, None, (), live=True)]
)
def test_a_generation_reads_as_it_was_written(generation: Generation) -> None:
    assert Generation.decode(generation.encode()) == generation


def test_of_the_live_generations_the_newest_is_before_and_after() -> None:
    known = {2: Generation(2, live=True), 3: Generation(3, live=False), 5: Generation(5, live=True), 6: Generation(6, live=False)}  # 4 was dropped
    assert [successor(known, epoch) for epoch in (1, 2, 4, 5, 6)] == [5, 5, 5, None, None]
    assert [predecessor(known, epoch, lambda one: one == 1) for epoch in (2, 3, 5, 6)] == [1, 2, 2, 5]


def test_only_what_is_special_in_a_generation_guards_it() -> None:
    assert Generation(1).facts == {}
    assert Generation(2, 3600, ("b", "a")).facts == {"counted from": "3600", "devices": "b,a"}


RULES = Rules(zone="Europe/Amsterdam")


@pytest.fixture(scope="module")
def sent() -> list[Message]:
    """Some months, with late readings and weeks of silence."""
    rates = Rates(late_3d=0.01, silences_an_hour=0.002, gaps_an_hour=0.05, glitch=0.01)
    some = generate(3, 4, STARTS["autumn"][1] - 90 * DAY, hours=24 * 150, interval_s=3600, rates=rates)
    return [Message(one.key, one.value, one.timestamp_ms, offset) for offset, one in enumerate(some)]


@pytest.fixture(scope="module")
def whole(sent: list[Message]) -> Folding:
    """All of it counted."""
    return folded(RULES, sent)


def test_from_a_month_on_a_replay_says_what_the_whole_log_says(sent: list[Message], whole: Folding) -> None:
    since = local("2025-11-01T00:00:00")
    first = next(at for at, one in enumerate(sent) if one.timestamp >= (since - LOOK_BACK_S) * 1000)
    replay = Folding(RULES)
    replay.hours.restrict(since, ())
    replay.take(sent[first:])
    replay.checkpoint()
    wanted = {key: content for key, content in whole.totals().items() if key[2] >= since}
    assert first > 1000 < len(wanted) < len(whole.totals())
    assert replay.totals() == wanted


def test_of_some_devices_a_trial_says_what_all_of_them_say(sent: list[Message], whole: Folding) -> None:
    trial = Folding(RULES)
    trial.hours.restrict(None, [device_name(1), device_name(3)])
    trial.take(sent)
    trial.checkpoint()
    wanted = {key: content for key, content in whole.totals().items() if key[0] in (device_name(1), device_name(3))}
    assert trial.totals() == wanted and 0 < trial.outcomes.total() < whole.outcomes.total()


class TestWhatMayGoLive:
    NOW_S = 1_790_000_000

    def place(self, epoch: int = 2, *others: Generation, since: int | None = None, devices: tuple[str, ...] = ()) -> Place:
        settings = Settings(epoch=epoch)
        generation = Generation(epoch, since, devices, live=False)
        return Place(settings, Topics.of(settings), Cluster("c", {}), {one.epoch: one for one in (generation, *others)}, generation, frozenset({1}))

    def test_is_a_replay_of_all_devices(self) -> None:
        check(self.place(), self.NOW_S)

    def test_is_no_trial(self) -> None:
        with pytest.raises(SettingError, match="is a trial of some devices"):
            check(self.place(devices=("a",)), self.NOW_S)

    def test_is_nothing_older_than_what_is_live(self) -> None:
        with pytest.raises(SettingError, match="epoch 3 is live"):
            check(self.place(2, Generation(3)), self.NOW_S)

    def test_is_nothing_while_hours_of_before_are_open(self) -> None:
        check(self.place(since=self.NOW_S - 5 * 86_400), self.NOW_S)
        with pytest.raises(SettingError, match="still open"):
            check(self.place(since=self.NOW_S - 3 * 86_400), self.NOW_S)


def test_other_rules_than_those_of_a_replay_are_refused_by_their_name() -> None:
    generation = Generation(2, rules=rule_facts(Settings(epoch=2)))
    check_rules(generation, Settings(epoch=2))
    with pytest.raises(SettingError, match="WATTFALL_HOLD_S"):
        check_rules(generation, Settings(epoch=2, rules=Rules(hold_ms=1)))
