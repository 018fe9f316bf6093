"""boto3's low-level client, for the writers and for people, and what its errors mean to us.

Region, endpoint and credentials are boto3's own settings: AWS_REGION, AWS_ENDPOINT_URL_DYNAMODB, AWS_ACCESS_KEY_ID, …, profiles and roles.
"""

from __future__ import annotations

import os
from http.client import OK
from typing import TYPE_CHECKING, Any, Final

import boto3
import orjson
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ResponseStreamingError,
    SSOError,
    TokenRetrievalError,
)

from dynamodb.errors import ItemRejected, StoreBusy, StoreError, TableUnfit
from settings.environ import SettingError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE_MISSING_S: Final = 30.0
"""A table that is missing, or not active yet, is asked for again after so long."""
USER_AGENT: Final = "wattfall"
"""botocore would put its own together anew for each request, which takes it a tenth of the time that a write takes."""
REFUSED: Final = "ConditionalCheckFailedException"
_MISSING: Final = "ResourceNotFoundException"
_NO_CREDENTIALS: Final = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, TokenRetrievalError, SSOError)
_NOT_ALLOWED: Final = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    }
)
_OF_THE_ITEM: Final = frozenset({"ValidationException", "SerializationException", "ItemCollectionSizeLimitExceededException"})


def writing_client(threads: int) -> DynamoDBClient:
    """For a writer: fails fast and never tries again by itself (the SDK's retries end after 0.1 s of 5xx; the writer's never do).

    Raises SettingError where no region is set, or the endpoint is none.
    """
    config = Config(
        connect_timeout=1,
        read_timeout=2,
        tcp_keepalive=True,
        max_pool_connections=threads,
        retries={"mode": "standard", "total_max_attempts": 1},
        user_agent=USER_AGENT,
    )
    return _client(config)


def asking_client() -> DynamoDBClient:
    """For reading and for making tables: a few retries, then an error. Raises SettingError as above."""
    return _client(Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4}))


def viewing_client(threads: int) -> DynamoDBClient:
    """For views that somebody waits for: one more attempt, and an error after some six seconds at most. Raises SettingError as above."""
    retries = {"mode": "standard", "total_max_attempts": 2}
    client = _client(
        Config(connect_timeout=1, read_timeout=2, tcp_keepalive=True, max_pool_connections=threads, retries=retries, user_agent=USER_AGENT)  # type: ignore[arg-type]
    )
    client.meta.events.register("before-parse.dynamodb.*", _parsed_at_once)
    return client


def _client(config: Config) -> DynamoDBClient:
    # boto3 1.43 reads AWS_DEFAULT_REGION only, unlike every other AWS tool; and its shared session is not thread-safe.
    region = os.environ.get("AWS_REGION") or None
    try:
        return boto3.session.Session(region_name=region).client("dynamodb", config=config)
    except NoRegionError:
        raise SettingError("AWS_REGION is not set; wanted is a region's name such as eu-west-1") from None
    except (BotoCoreError, ValueError) as error:
        raise SettingError(f"AWS_…: {error}") from None


def _parsed_at_once(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    """A botocore hook: takes an answer as DynamoDB's JSON has it. botocore would look up each value's type in its model and copy it, which takes
    twenty times as long and changes nothing but binary values, of which our items have none.
    """
    if response_dict["status_code"] == OK:
        try:
            customized_response_dict.update(orjson.loads(response_dict["body"]))
        except (orjson.JSONDecodeError, TypeError, ValueError) as error:
            raise ResponseStreamingError(error=f"no JSON object: {error}") from error
        response_dict["body"] = b"{}"


def code_of(error: ClientError) -> str:
    """DynamoDB's own name for what happened."""
    return str(error.response.get("Error", {}).get("Code", ""))


def writing_error(error: Exception, table: str) -> StoreError:
    """What an error of a write means; anything unknown is worth another attempt, since giving up would lose a total."""
    if isinstance(error, ParamValidationError) or isinstance(error, ClientError) and code_of(error) in _OF_THE_ITEM:
        return ItemRejected(_line(error))
    if isinstance(error, ClientError) and code_of(error) == _MISSING:
        return StoreBusy(f"table {table} does not exist or is not active; `python -m dynamodb create` makes it", TABLE_MISSING_S)
    return StoreBusy(_forbidden(error) or _line(error))


def asking_error(error: ClientError | BotoCoreError, table: str | None = None) -> StoreError:
    """The same for a person who asks: one line that says what would do."""
    if isinstance(error, ClientError) and code_of(error) == _MISSING:
        return TableUnfit(f"table {table} does not exist: `python -m dynamodb create` makes it, WATTFALL_TABLE_… names another")
    return StoreBusy(_forbidden(error) or f"DynamoDB: {_line(error)}")


def _forbidden(error: Exception) -> str | None:
    """What to look at, if AWS does not know us or does not let us; that may pass, as when a role's policy is mended or a token renewed."""
    if isinstance(error, _NO_CREDENTIALS) or isinstance(error, ClientError) and code_of(error) in _NOT_ALLOWED:
        return f"AWS does not let us: {_line(error)}; look at the credentials (AWS_ACCESS_KEY_ID, a profile or a role) and their policy"
    return None


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
