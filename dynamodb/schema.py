"""The tables: one key schema everywhere, on-demand, with a time to live for the items that have one, everything restorable to any point in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from dynamodb.client import asking_error, code_of
from dynamodb.errors import StoreBusy, TableUnfit
from dynamodb.settings import Tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEYS: Final = (("pk", "HASH"), ("sk", "RANGE"))
TTL: Final = "ttl"
ACTIVE_WITHIN_S: Final = 300
_RESTORABLE_ATTEMPTS: Final = 30
_NOT_YET: Final = "ContinuousBackupsUnavailableException"
_UNSUPPORTED: Final = frozenset({"UnknownOperationException", "NotImplemented", "NotImplementedException", "501", "InvalidAction"})


def create(client: DynamoDBClient, tables: Tables, say: Callable[[str], None], sleep: Callable[[float], None]) -> None:
    """Makes what is not there yet and waits until it is active; again changes nothing. `say` gets a line of what was done for each table.

    Raises TableUnfit for a table with other keys, StoreBusy for anything else that DynamoDB objects to.
    """
    for name in tables.names:
        try:
            new = _create_table(client, name)
            _await_active(client, name)
            _check_keys(client, name)
            done = ["created" if new else "is there"]
            done.append(_keep_for_a_time(client, name))
            done.append(_make_restorable(client, name, sleep))
        except (ClientError, BotoCoreError) as error:
            raise asking_error(error, name) from error
        say(f"{name}: {', '.join(done)}")


def check(client: DynamoDBClient, tables: Tables) -> None:
    """Makes sure before the first write that each table is there and has our keys. Raises TableUnfit, StoreBusy."""
    for name in tables.names:
        try:
            _check_keys(client, name)
        except (ClientError, BotoCoreError) as error:
            raise asking_error(error, name) from error


def _create_table(client: DynamoDBClient, name: str) -> bool:
    try:
        client.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    except ClientError as error:
        if code_of(error) != "ResourceInUseException":
            raise
        return False
    return True


def _await_active(client: DynamoDBClient, name: str) -> None:
    try:
        client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": ACTIVE_WITHIN_S})
    except WaiterError as error:
        raise StoreBusy(f"table {name} is not active after {ACTIVE_WITHIN_S} s: {error}") from error


def _check_keys(client: DynamoDBClient, name: str) -> None:
    table = client.describe_table(TableName=name)["Table"]
    types = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in table["AttributeDefinitions"]}
    keys = tuple((key["AttributeName"], key["KeyType"]) for key in table["KeySchema"])
    if keys != KEYS or any(types[key] != "S" for key, _ in KEYS):
        raise TableUnfit(f"table {name} has other keys than pk and sk, both strings: choose another name (WATTFALL_TABLE_…), or remove it yourself")


def _keep_for_a_time(client: DynamoDBClient, name: str) -> str:
    """Turns the time to live on, if it is not. DynamoDB refuses a second time."""
    now: Any = client.describe_time_to_live(TableName=name).get("TimeToLiveDescription", {})
    if now.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
        client.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL})
    elif now.get("AttributeName") != TTL:
        raise TableUnfit(f"table {name} has its time to live on the attribute {now.get('AttributeName')!r}; wanted is {TTL!r}")
    return "time to live on"


def _make_restorable(client: DynamoDBClient, name: str, sleep: Callable[[float], None]) -> str:
    """Turns point-in-time recovery on where there is such a thing; just after its making a table has to be asked several times."""
    for attempt in range(_RESTORABLE_ATTEMPTS):
        try:
            client.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
            return "point-in-time recovery on"
        except ClientError as error:
            if code_of(error) in _UNSUPPORTED:
                return "point-in-time recovery not supported here"
            if code_of(error) != _NOT_YET or attempt == _RESTORABLE_ATTEMPTS - 1:
                raise
            sleep(1.0)
    raise AssertionError("unreachable")
