"""The store that is DynamoDB: one conditional request a value, on a small pool of threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from dynamodb.client import REFUSED, code_of, writing_error
from dynamodb.conditions import LiveUpdate, Request, judge_live, judge_total, put_total, update_live
from dynamodb.errors import StoreBusy
from dynamodb.items import EMPTY_KEPT_S, mortal, total_to_item
from dynamodb.settings import Settings
from dynamodb.writes import Outcome
from metering.live import Live
from metering.period import Calendar
from metering.total import Total

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from dynamodb.items import Item

T = TypeVar("T")
_LIVE_ATTEMPTS: Final = 5
"""A device's live reading has three values, and perhaps an erase: each refusal takes one off or more, unless somebody else writes at that time."""


class DynamoStore:
    """Implements `dynamodb.writes.Store`. `client` is made by `writing_client(settings.threads)`; `now`: the time of day in epoch s."""

    def __init__(self, client: DynamoDBClient, settings: Settings, now: Callable[[], float] = time.time) -> None:
        self._client, self._now = client, now
        self._tables = settings.tables
        self._keep_hours_s = settings.keep_hours_s
        self._calendar = Calendar(settings.zone)
        self._pool = ThreadPoolExecutor(settings.threads, thread_name_prefix="dynamodb")

    async def put_total(self, total: Total, partition: int) -> Outcome:
        """See `Store`."""
        return await self._on_thread(lambda: self._put_total(total, partition))

    async def put_live(self, live: Live) -> Outcome:
        """See `Store`."""
        return await self._on_thread(lambda: self._put_live(live))

    def close(self) -> None:
        """Lets the threads go; what is in flight ends by itself within its time-out."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def _until_s(self) -> int:
        return int(self._now()) + EMPTY_KEPT_S

    async def _on_thread(self, write: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, write)

    def _put_total(self, total: Total, partition: int) -> Outcome:
        table = self._tables.of(total.grain)
        item = total_to_item(total, partition, self._calendar, self._keep_hours_s)
        if total.absent:
            item = mortal(item, self._until_s)
        refused, stored = _ask(self._client.put_item, table, put_total(item))
        if not refused:
            return Outcome.STORED
        judge_total(total, partition, stored)
        return Outcome.STALE

    def _put_live(self, live: Live) -> Outcome:
        update = LiveUpdate(live)
        for _ in range(_LIVE_ATTEMPTS):
            refused, stored = _ask(self._client.update_item, self._tables.live, update_live(update, self._until_s))
            if not refused:
                return Outcome.STORED
            left = judge_live(update, stored)
            if left is None:
                return Outcome.STALE
            update = left
        raise StoreBusy("somebody else writes the same live reading")


def _ask(method: Callable[..., Any], table: str, request: Request) -> tuple[bool, Item | None]:
    """Makes one conditional request: (False, None), or (True, the stored item) if it was refused. Raises StoreBusy, ItemRejected."""
    try:
        answer = method(TableName=table, **request)
    except ClientError as error:
        if code_of(error) != REFUSED:
            raise writing_error(error, table) from error
        refusal: Any = error.response
        return True, refusal.get("Item")
    except (BotoCoreError, HTTPClientError) as error:
        raise writing_error(error, table) from error
    if not answer["ResponseMetadata"].get("RequestId"):  # botocore 1.43 takes any body of a 200 that is no JSON for an empty answer
        raise StoreBusy("the answer to a write was not DynamoDB's")
    return False, None
