"""Reading what is kept: a view is one Query or GetItem, and nothing is added up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from dynamodb.client import asking_error
from dynamodb.items import LIVE, PREFIX, between, live_from_item, total_from_item
from dynamodb.settings import Tables
from metering.live import Live
from metering.period import Calendar
from metering.total import Grain, Total

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Reader:
    """All methods raise TableUnfit and StoreBusy (one line for a person), and NoItem for an item that is not ours.

    `calendar` is that of the device's zone.
    """

    def __init__(self, client: DynamoDBClient, tables: Tables) -> None:
        self._client = client
        self._tables = tables
        self._query, self._scan = client.get_paginator("query"), client.get_paginator("scan")  # botocore builds a class for each

    def totals(self, device: str, grain: Grain, start_s: int, end_s: int, calendar: Calendar) -> list[Total]:
        """The device's totals of the periods that lie in or reach into `[start_s, end_s)`, epoch s, in order of time.

        Those that hold nothing any more are left out. Days and months are found by their local date: one that the calendar of another zone
        made is among them, with the start that it has. A local day of hours is one request: 23, 24 or 25 items within 4 KB.
        """
        if end_s <= start_s:
            return []
        first, last = between(grain, start_s, end_s, calendar)
        request = {
            "KeyConditionExpression": "pk = :device AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {":device": {"S": device}, ":first": {"S": first}, ":last": {"S": last}},
        }
        found = (total_from_item(item) for item in self._pages(self._query, self._tables.of(grain), request))
        return [total for total in found if not total.absent]

    def every_total_of(self, device: str, grain: Grain) -> Iterator[Total]:
        """All totals of a device and grain, those that hold nothing any more as well; each as it was last written, which costs twice as much."""
        request = {
            "KeyConditionExpression": "pk = :device AND begins_with(sk, :grain)",
            "ExpressionAttributeValues": {":device": {"S": device}, ":grain": {"S": PREFIX[grain]}},
            "ConsistentRead": True,
        }
        return map(total_from_item, self._pages(self._query, self._tables.of(grain), request))

    def live(self, device: str) -> Live | None:
        """The device's live reading, None if it never sent one, or none since it was erased."""
        table = self._tables.live
        try:
            item = self._client.get_item(TableName=table, Key={"pk": {"S": device}, "sk": {"S": LIVE}}).get("Item")
        except (ClientError, BotoCoreError) as error:
            raise asking_error(error, table) from error
        return None if item is None or "a" not in item else live_from_item(item)

    def every_total(self, grain: Grain) -> Iterator[Total]:
        """All totals of a grain that are stored, in no order, those that hold nothing any more as well. Reads the whole table."""
        request = {"FilterExpression": "begins_with(sk, :grain)", "ExpressionAttributeValues": {":grain": {"S": PREFIX[grain]}}}
        return map(total_from_item, self._pages(self._scan, self._tables.of(grain), request))

    def _pages(self, of: Any, table: str, request: dict[str, Any]) -> Iterator[Any]:
        try:
            for page in of.paginate(TableName=table, **request):
                yield from page["Items"]
        except (ClientError, BotoCoreError) as error:
            raise asking_error(error, table) from error
