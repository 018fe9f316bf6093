"""At the start of the sinks: whose tables are these?"""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from agents.stored_guard import check_tables
from dynamodb.settings import Settings
from metering.rules import Rules
from streams.guard import Guard

GUARD = Guard.of(rules=Rules(), epoch=1, cluster="c", topics={}, partitions=1, tz="2026.6")
KEYS = [("pk", "HASH"), ("sk", "RANGE")]


class Tables:
    """DynamoDB as far as the check goes. Lets nobody in before it was asked so many times."""

    def __init__(self, closed: int) -> None:
        self.closed = closed
        self.items: list[dict[str, Any]] = []

    def describe_table(self, **asked: Any) -> dict[str, Any]:
        self.closed -= 1
        if self.closed >= 0:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}, "DescribeTable")
        return {
            "Table": {
                "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in KEYS],
                "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name, _ in KEYS],
            }
        }

    def put_item(self, **asked: Any) -> None:
        self.items.append(asked["Item"])


@pytest.mark.parametrize(("closed", "told"), [(0, 0), (1, 1), (15, 1), (16, 2), (45, 3)])
def test_waiting_is_told_every_half_minute_with_its_cause(caplog: pytest.LogCaptureFixture, closed: int, told: int) -> None:
    tables, slept = Tables(closed), list[float]()
    with caplog.at_level(logging.WARNING, "wattfall.sink"):
        check_tables(Settings(), GUARD, 1, ask=lambda: cast(Any, tables), sleep=slept.append)
    assert slept == [2.0] * closed
    assert [item["sk"] for item in tables.items] == [{"S": "G#1"}]
    messages = [record.getMessage() for record in caplog.records if record.name == "wattfall.sink"]
    assert len(messages) == told
    for message in messages:
        assert message.startswith("waiting for DynamoDB: AWS does not let us: ") and "not authorized; look at the credentials" in message
