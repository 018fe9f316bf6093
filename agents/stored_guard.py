"""Before anybody writes: are the tables there, and do they belong to this log and these rules?

DynamoDB keeps, beside the totals, what they were made from (streams/guard.py): one item an epoch in the hours' table, under a key that no device has.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from dynamodb.client import REFUSED, asking_client, asking_error, code_of
from dynamodb.errors import StoreBusy, TableUnfit
from dynamodb.schema import check
from dynamodb.settings import Settings
from streams.exits import Exit, leave
from streams.guard import WHAT_THEN, Guard

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PAUSE_S: Final = 2.0
SAID_EVERY: Final = 15
"""Attempts: a line every half minute."""
log = logging.getLogger("wattfall.sink")


def check_tables(
    settings: Settings,
    guard: Guard,
    epoch: int,
    ask: Callable[[], DynamoDBClient] = asking_client,
    sleep: Callable[[float], None] = time.sleep,
    patient: bool = True,
) -> None:
    """Returns when the tables are there and are ours; waits while DynamoDB does not answer, if `patient`.

    Raises TableUnfit, also for the lack of an answer; ends the process on other rules.
    """
    for attempt in count():
        try:
            client = ask()  # a new one each time: one that found no credentials never looks again
            check(client, settings.tables)
            kept = keep(client, settings.tables.hours, guard, epoch)
            break
        except (ClientError, BotoCoreError, StoreBusy) as error:
            meant = error if isinstance(error, StoreBusy) else asking_error(error)
            if not patient:
                raise TableUnfit(str(meant)) from error
            if attempt % SAID_EVERY == 0:
                log.warning("waiting for DynamoDB: %s", str(meant).removeprefix("DynamoDB: "))
            sleep(PAUSE_S)
    differences = guard.differences(kept)
    if differences:
        leave(Exit.RULES_CHANGED, f"the tables hold epoch {epoch} of something else: {'; '.join(differences)}. {WHAT_THEN}")


def keep(client: DynamoDBClient, table: str, guard: Guard, epoch: int) -> Guard:
    """The epoch's record as it is stored; stores ours where there is none."""
    try:
        item = _key(epoch) | {"g": {"S": guard.encode().decode()}}
        client.put_item(TableName=table, Item=item, ConditionExpression="attribute_not_exists(pk)")
    except ClientError as error:
        if code_of(error) != REFUSED:
            raise
        kept = stored(client, table, epoch)
        assert kept is not None
        return kept
    return guard


def stored(client: DynamoDBClient, table: str, epoch: int) -> Guard | None:
    """The epoch's record as it is stored; None where there is none."""
    item = client.get_item(TableName=table, Key=_key(epoch), ConsistentRead=True).get("Item")
    return None if item is None else Guard.decode(item["g"]["S"].encode())


def _key(epoch: int) -> dict[str, Any]:
    return {"pk": {"S": "#guard"}, "sk": {"S": f"G#{epoch}"}}
