"""DynamoDB as these tests see it: the local stack's, with tables of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from dynamodb import schema
from dynamodb.client import asking_client
from dynamodb.settings import Settings
from tests.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def dynamodb_environ(stack: Stack, own_name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Set in this process as well, since boto3 reads its own. The endpoint is on this machine (tests/stack.py holds it)."""
    environ = {**stack.variables, **{f"WATTFALL_TABLE_{level.upper()}": f"{own_name}-{level}" for level in ("live", "hours", "days", "months")}}
    assert environ["AWS_ENDPOINT_URL_DYNAMODB"].startswith("http://127.0.0.1:")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return environ


@pytest.fixture
def dynamodb_settings(dynamodb_environ: dict[str, str]) -> Settings:
    return Settings.from_environ(dynamodb_environ)


@pytest.fixture
def dynamodb_client(dynamodb_environ: dict[str, str]) -> Iterator[DynamoDBClient]:
    with closing(asking_client()) as client:
        yield client


@pytest.fixture
def tables(dynamodb_client: DynamoDBClient, dynamodb_settings: Settings) -> Settings:
    """The settings, with their tables made."""
    schema.create(dynamodb_client, dynamodb_settings.tables, say=lambda line: None, sleep=lambda seconds: None)
    return dynamodb_settings
