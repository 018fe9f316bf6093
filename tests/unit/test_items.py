"""The mapping of totals and live readings to items: nothing is lost, nothing is large, and a view is one range of keys."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamodb.conditions import LiveUpdate, judge_live, judge_total, put_total, update_live
from dynamodb.errors import ItemRejected, LogsMixed, Retired, StoreBusy
from dynamodb.items import NoItem, between, live_from_item, mortal, sort_key, total_from_item, total_to_item
from dynamodb.settings import Settings
from dynamodb.span import periods
from dynamodb.store import DynamoStore
from metering.live import Live
from metering.period import Calendar
from metering.total import Grain, Method, Total
from tests.memory_dynamodb import MemoryClient
from tests.sample_totals import epoch_s, hour_total

LONDON = Calendar("Europe/London")
ZONES = ("Europe/London", "Europe/Amsterdam", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")
KEEP_S = 25 * 31 * 86_400
NOW_S = 1_764_000_000


@st.composite
def totals(draw: st.DrawFn) -> tuple[Total, Calendar]:
    calendar = Calendar(draw(st.sampled_from(ZONES)))
    grain = draw(st.sampled_from(list(Grain)))
    at = draw(st.integers(epoch_s("2000-01-02T00:00Z"), epoch_s("2090-01-01T00:00Z")))
    start, end = next(periods(at, at + 1, grain, calendar))
    energy = st.one_of(st.just(0), st.integers(-(10**20), 10**20))
    maybe = st.one_of(st.none(), st.just(0), st.integers(-(10**15), 10**15))
    count = st.integers(0, 10**6)
    fields: dict[str, Any] = {name: draw(energy) for name in Total._fields if name.endswith("_mwh")}
    fields |= {name: draw(maybe) for name in ("power_min_mw", "power_max_mw", "power_max_at", "first_at", "last_at")}
    fields |= {name: draw(count) for name in ("readings", "covered_ms", "glitches", "resets", "epoch", "offset", "reflects")}
    device = draw(st.from_regex(r"[A-Za-z0-9._:-]{1,128}", fullmatch=True))
    return Total(device=device, grain=grain, start=start, end=end, method=draw(st.sampled_from([None, *Method])), **fields), calendar


@given(totals(), st.integers(0, 1000))
def test_a_total_comes_back_as_it_went(drawn: tuple[Total, Calendar], partition: int) -> None:
    total, calendar = drawn
    item = total_to_item(total, partition, calendar, KEEP_S)
    back = total_from_item(item)
    assert back == total
    assert isinstance(back.grain, Grain)
    assert back.method is None or isinstance(back.method, Method)
    assert item["p"] == {"N": str(partition)}
    assert ("ttl" in item) == (total.grain is Grain.HOUR)


def test_zeros_and_nulls_are_left_out() -> None:
    item = total_to_item(hour_total(), 3, LONDON, KEEP_S)
    assert set(item) == {"pk", "sk", "i", "ii", "m", "l", "h", "t", "n", "c", "f", "z", "e", "o", "p", "ttl"}
    empty = hour_total(**{name: 0 for name in Total._fields if name.endswith("_mwh") or name in ("readings", "covered_ms")})
    empty = empty._replace(method=None, power_min_mw=None, power_max_mw=None, power_max_at=None, first_at=None, last_at=None)
    assert empty.absent
    assert set(total_to_item(empty, 3, LONDON, KEEP_S)) == {"pk", "sk", "e", "o", "p", "ttl"}


async def test_an_hour_may_be_deleted_when_it_was_kept_for_as_long_as_is_set_and_a_day_never() -> None:
    client = MemoryClient()
    store = DynamoStore(client, Settings(keep_hours_s=KEEP_S))  # type: ignore[arg-type]
    hour = hour_total()
    for total in (hour, hour._replace(grain=Grain.DAY)):
        await store.put_total(total, 3)
    store.close()
    assert [item.get("ttl") for item in client.items.values()] == [{"N": str(hour.end + KEEP_S)}, None]


def item_size(item: dict[str, Any]) -> int:
    """What DynamoDB counts for an item, in bytes: names and strings in UTF-8, two digits a byte in numbers and one more."""
    size = 0
    for name, value in item.items():
        text = str(next(iter(value.values())))
        digits = len(text.lstrip("-").strip("0"))
        size += len(name.encode()) + (len(text.encode()) if "S" in value else (digits + 1) // 2 + 1 + text.startswith("-"))
    return size


def test_twenty_four_ordinary_hours_fit_in_half_a_read_unit() -> None:
    ordinary = item_size(total_to_item(hour_total(), 3, LONDON, KEEP_S))
    with_solar = hour_total(
        device="d3b07384-d9a0-4c9b-8f2a-7a1c2b3d4e5f", export_mwh=1_234_567, integral_export_mwh=1_234_111, power_min_mw=-3_431_750
    )
    assert ordinary < 130
    assert item_size(total_to_item(with_solar, 191, LONDON, KEEP_S)) < 170


def test_the_largest_total_is_one_write_unit() -> None:
    fields = {name: 10**15 - 1 for name in Total._fields if name.endswith(("_mwh", "_mw"))}
    fields |= dict.fromkeys(("power_max_at", "first_at", "last_at", "epoch", "offset", "readings", "glitches", "resets"), 10**13 - 1)
    total = hour_total(device="x" * 128, covered_ms=3_599_999, reflects=1, **fields)
    assert item_size(total_to_item(total, 99_999, LONDON, KEEP_S)) < 1024


@pytest.mark.parametrize(
    ("zone", "grain", "at", "wanted"),
    [
        ("Europe/Amsterdam", Grain.HOUR, "2026-10-24T22:00Z", "H#2026-10-24T22:00Z"),
        ("Europe/Amsterdam", Grain.DAY, "2026-10-24T22:00Z", "D#2026-10-25"),
        ("Europe/Amsterdam", Grain.MONTH, "2026-09-30T22:00Z", "M#2026-10"),
        ("Asia/Kathmandu", Grain.HOUR, "2026-11-23T18:15Z", "H#2026-11-23T18:15Z"),
        ("Asia/Kathmandu", Grain.DAY, "2026-11-23T18:15Z", "D#2026-11-24"),
        ("America/Sao_Paulo", Grain.DAY, "2018-11-04T03:00Z", "D#2018-11-04"),  # 00:00 did not exist
    ],
)
def test_sort_keys(zone: str, grain: Grain, at: str, wanted: str) -> None:
    assert sort_key(grain, epoch_s(at), Calendar(zone)) == wanted


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-24", 24), ("2026-10-25", 25)])
@pytest.mark.parametrize("zone", ["Europe/London", "Europe/Amsterdam"])
def test_the_hours_of_a_local_day_are_one_range_of_keys(zone: str, day: str, hours: int) -> None:
    calendar = Calendar(zone)
    start, end = calendar.day(epoch_s(f"{day}T12:00Z"))
    first, last = between(Grain.HOUR, start, end, calendar)
    week = [start + step * 3600 for step in range(-72, 72)]
    assert sum(first <= sort_key(Grain.HOUR, hour, calendar) <= last for hour in week) == hours


@given(totals())
def test_the_keys_of_a_period_hold_what_begins_in_it_and_nothing_of_its_neighbours(drawn: tuple[Total, Calendar]) -> None:
    total, calendar = drawn
    first, last = between(Grain.HOUR, total.start, total.end, calendar)
    before, inside, after = (sort_key(Grain.HOUR, calendar.hour(at * 1000)[0] // 1000, calendar) for at in (total.start - 1, total.start, total.end))
    assert before < first == inside <= last < after


def test_other_peoples_items_are_no_totals() -> None:
    good = total_to_item(hour_total(), 3, LONDON, KEEP_S)
    for name in ("e", "o", "pk", "sk"):
        with pytest.raises(NoItem):
            total_from_item({key: value for key, value in good.items() if key != name})
    with pytest.raises(NoItem):
        total_from_item({**good, "sk": {"S": "H#yesterday"}})
    with pytest.raises(NoItem):
        total_from_item({**good, "e": {"BOOL": True}})
    with pytest.raises(NoItem):
        live_from_item({"pk": {"S": "a"}, "sk": {"S": "L"}, "o": {"N": "1"}, "a": {"N": "1"}})


def test_the_condition_on_a_total_is_that_of_the_design() -> None:
    request = put_total(total_to_item(hour_total(epoch=2, offset=7), 3, LONDON, KEEP_S))
    assert request["ConditionExpression"] == "attribute_not_exists(pk) OR #e < :e OR (#e = :e AND #o < :o)"
    assert request["ExpressionAttributeValues"] == {":e": {"N": "2"}, ":o": {"N": "7"}}
    assert request["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"


def test_what_a_refusal_of_a_total_means() -> None:
    mine = hour_total(epoch=2, offset=7)
    for offset in (7, 8):
        judge_total(mine, 3, total_to_item(mine._replace(offset=offset), 3, LONDON, KEEP_S))
    with pytest.raises(Retired, match="epoch 3"):
        judge_total(mine, 3, total_to_item(mine._replace(epoch=3, offset=0), 4, LONDON, KEEP_S))
    with pytest.raises(LogsMixed, match="partition 4"):
        judge_total(mine, 3, total_to_item(mine, 4, LONDON, KEEP_S))
    with pytest.raises(StoreBusy):
        judge_total(mine, 3, None)
    with pytest.raises(ItemRejected):
        judge_total(mine, 3, {"pk": {"S": "somebody"}, "sk": {"S": "else"}})


def stored_live(live: Live) -> Any:
    request = update_live(LiveUpdate(live), NOW_S)
    sets = request["UpdateExpression"].removeprefix("SET ").partition(" REMOVE ")[0].split(", ")
    values = {
        request["ExpressionAttributeNames"][name]: request["ExpressionAttributeValues"][value] for name, value in (s.split(" = ") for s in sets)
    }
    return {"pk": {"S": live.device}, "sk": {"S": "L"}, **values}


def test_a_live_reading_comes_back_as_it_went() -> None:
    live = Live("d", power_mw=-5, power_at=20, import_mwh=0, import_at=18, offset=9)
    assert live_from_item(stored_live(live)) == live


def test_an_update_sets_only_what_the_reading_has() -> None:
    request = update_live(LiveUpdate(Live("d", power_mw=431_500, power_at=20, offset=9)), NOW_S)
    assert request["UpdateExpression"] == "SET #a = :a, #o = :o, #w = :w, #wa = :wa REMOVE #ttl"
    assert request["ConditionExpression"] == (
        "(attribute_not_exists(#a) OR #a < :a OR (#a = :a AND #o < :o)) AND (attribute_not_exists(#b) OR #be < :be OR (#be = :be AND #b < :o))"
    )


def test_an_erase_leaves_only_what_came_after_it() -> None:
    bare = update_live(LiveUpdate(Live("d", offset=9, epoch=2, erased=9)), NOW_S)
    assert bare["UpdateExpression"] == "SET #b = :b, #be = :be, #ttl = :ttl REMOVE #a, #i, #ia, #o, #w, #wa, #x, #xa"
    assert bare["ConditionExpression"] == "(attribute_not_exists(#b) OR #be < :be OR (#be = :be AND #b < :b))"
    with_power = update_live(LiveUpdate(Live("d", power_mw=7, power_at=20, offset=11, epoch=2, erased=9)), NOW_S)
    assert with_power["UpdateExpression"] == "SET #b = :b, #be = :be, #a = :a, #o = :o, #w = :w, #wa = :wa REMOVE #i, #ia, #ttl, #x, #xa"


def test_what_holds_nothing_may_be_deleted_soon_but_no_later_than_before() -> None:
    day = total_to_item(hour_total(grain=Grain.DAY), 3, LONDON, KEEP_S)
    assert "ttl" not in day and mortal(day, NOW_S)["ttl"] == {"N": str(NOW_S)}
    assert mortal({**day, "ttl": {"N": "5"}}, NOW_S)["ttl"] == {"N": "5"}


def test_what_is_left_of_a_live_reading_after_a_refusal() -> None:
    held = stored_live(Live("d", power_mw=1, power_at=20, import_mwh=100, import_at=18, offset=9))
    older = Live("d", power_mw=2, power_at=10, offset=5)
    assert judge_live(LiveUpdate(older), held) is None
    lagging = Live("d", power_mw=2, power_at=25, import_mwh=90, import_at=15, offset=12)
    assert judge_live(LiveUpdate(lagging), held) == LiveUpdate(Live("d", power_mw=2, power_at=25, offset=12), leads=True)
    register_late = Live("d", import_mwh=101, import_at=19, offset=10)
    assert judge_live(LiveUpdate(register_late), held) == LiveUpdate(register_late, leads=False)
    own = Live("d", power_mw=1, power_at=20, offset=9)
    assert judge_live(LiveUpdate(own), held) is None
    with pytest.raises(StoreBusy):
        judge_live(LiveUpdate(own), None)
    with pytest.raises(ItemRejected):
        judge_live(LiveUpdate(own), {"pk": {"S": "d"}})
