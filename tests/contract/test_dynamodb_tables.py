"""Making tables, and reading what is in them, against a DynamoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamodb import schema
from dynamodb.errors import TableUnfit
from dynamodb.items import total_to_item
from dynamodb.reader import Reader
from dynamodb.settings import Settings, Tables
from metering.period import Calendar
from metering.total import Grain, Total
from tests.sample_totals import epoch_s, hour_total

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

AMSTERDAM = Calendar("Europe/Amsterdam")


def put(client: DynamoDBClient, settings: Settings, total: Total, calendar: Calendar = AMSTERDAM) -> None:
    client.put_item(TableName=settings.tables.of(total.grain), Item=total_to_item(total, 0, calendar, settings.keep_hours_s))


def test_making_tables_twice_changes_nothing(dynamodb_client: DynamoDBClient, tables: Settings) -> None:
    put(dynamodb_client, tables, hour_total())
    said: list[str] = []
    schema.create(dynamodb_client, tables.tables, say=said.append, sleep=lambda seconds: None)
    assert len(said) == 4
    assert all("is there" in line for line in said)
    assert len(list(Reader(dynamodb_client, tables.tables).every_total(Grain.HOUR))) == 1


def test_all_have_a_time_to_live_and_can_be_restored(dynamodb_client: DynamoDBClient, tables: Settings) -> None:
    for name in tables.tables.names:
        described = dynamodb_client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        assert described.get("AttributeName") == "ttl"
        assert dynamodb_client.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE"
        backups = dynamodb_client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_all_levels_may_share_one_table(dynamodb_client: DynamoDBClient, own_name: str) -> None:
    shared = Settings(tables=Tables(*[own_name] * 4), zone="Europe/Amsterdam")
    said: list[str] = []
    schema.create(dynamodb_client, shared.tables, say=said.append, sleep=lambda seconds: None)
    assert len(said) == 1
    hour = hour_total()
    day = hour_total(grain=Grain.DAY, start=hour.start, end=hour.start + 25 * 3600)
    put(dynamodb_client, shared, hour)
    put(dynamodb_client, shared, day)
    reader = Reader(dynamodb_client, shared.tables)
    assert list(reader.every_total(Grain.HOUR)) == [hour]
    assert list(reader.every_total(Grain.DAY)) == [day]
    assert reader.totals(hour.device, Grain.DAY, day.start, day.end, AMSTERDAM) == [day]


def test_a_table_with_other_keys_is_refused(dynamodb_client: DynamoDBClient, own_name: str) -> None:
    dynamodb_client.create_table(
        TableName=own_name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with pytest.raises(TableUnfit, match=f"{own_name} has other keys"):
        schema.create(dynamodb_client, Tables(*[own_name] * 4), say=lambda line: None, sleep=lambda seconds: None)
    with pytest.raises(TableUnfit, match="other keys"):
        schema.check(dynamodb_client, Tables(*[own_name] * 4))


def test_a_missing_table_is_named(dynamodb_client: DynamoDBClient, dynamodb_settings: Settings) -> None:
    with pytest.raises(TableUnfit, match=f"{dynamodb_settings.tables.live} does not exist"):
        schema.check(dynamodb_client, dynamodb_settings.tables)
    with pytest.raises(TableUnfit, match="python -m dynamodb create"):
        Reader(dynamodb_client, dynamodb_settings.tables).live("d")


@pytest.mark.parametrize(("date", "hours"), [("2026-03-29", 23), ("2026-10-24", 24), ("2026-10-25", 25)])
def test_a_local_day_is_read_with_one_query_of_half_a_unit(dynamodb_client: DynamoDBClient, tables: Settings, date: str, hours: int) -> None:
    start, end = AMSTERDAM.day(epoch_s(f"{date}T12:00Z"))
    wanted = [hour_total(start=at, end=at + 3600) for at in range(start, end, 3600)]
    for total in [*wanted, hour_total(start=start - 3600, end=start), hour_total(start=end, end=end + 3600), hour_total(device="cad-0001234")]:
        put(dynamodb_client, tables, total)
    assert len(wanted) == hours
    assert Reader(dynamodb_client, tables.tables).totals("cad-000123", Grain.HOUR, start, end, AMSTERDAM) == wanted


def test_more_than_a_page_is_read_whole(dynamodb_client: DynamoDBClient, tables: Settings) -> None:
    start, device = epoch_s("2026-01-01T00:00Z"), "x" * 128
    wanted = [hour_total(device=device, start=at, end=at + 3600) for at in range(start, start + 5000 * 3600, 3600)]
    for i in range(0, len(wanted), 25):
        items = [total_to_item(total, 0, AMSTERDAM, tables.keep_hours_s) for total in wanted[i : i + 25]]
        dynamodb_client.batch_write_item(RequestItems={tables.tables.hours: [{"PutRequest": {"Item": item}} for item in items]})
    page = dynamodb_client.scan(TableName=tables.tables.hours)
    assert "LastEvaluatedKey" in page, "the table is small enough for one page: the test shows nothing"
    reader = Reader(dynamodb_client, tables.tables)
    assert reader.totals(device, Grain.HOUR, start, start + 5000 * 3600, AMSTERDAM) == wanted
    assert sorted(reader.every_total(Grain.HOUR), key=lambda total: total.start) == wanted


def test_a_total_that_holds_nothing_any_more_is_not_shown_but_exported(dynamodb_client: DynamoDBClient, tables: Settings) -> None:
    fields = {name: 0 for name in Total._fields if name.endswith("_mwh")} | dict.fromkeys(("readings", "covered_ms"), 0)
    empty = hour_total(method=None, power_min_mw=None, power_max_mw=None, power_max_at=None, first_at=None, last_at=None, **fields)
    put(dynamodb_client, tables, empty)
    reader = Reader(dynamodb_client, tables.tables)
    assert reader.totals(empty.device, Grain.HOUR, empty.start, empty.end, AMSTERDAM) == []
    assert list(reader.every_total(Grain.HOUR)) == [empty]
