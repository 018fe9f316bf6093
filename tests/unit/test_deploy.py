"""What is given to AWS makes the tables that `python -m dynamodb create` makes, and allows what is done, and no more."""

from __future__ import annotations

import json
from typing import Any, Final

from dynamodb.schema import KEYS, TTL
from dynamodb.settings import Settings
from tests.stack import ROOT

RESOURCES: Final = json.loads((ROOT / "deploy" / "dynamodb.json").read_text())["Resources"]
TABLES: Final = {name: one["Properties"] for name, one in RESOURCES.items() if one["Type"] == "AWS::DynamoDB::Table"}


def statements(policy: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = RESOURCES[policy]["Properties"]["PolicyDocument"]["Statement"]
    return found


def allowed(policy: str) -> set[tuple[str, str]]:
    """Every operation and the level of the table that it is allowed on."""
    return {
        (action.removeprefix("dynamodb:"), arn["Fn::GetAtt"][0])
        for statement in statements(policy)
        for action in statement["Action"]
        for arn in statement["Resource"]
    }


def test_the_tables_are_those_of_create() -> None:
    names = [one["TableName"]["Fn::Sub"].replace("${Prefix}", "wattfall") for one in TABLES.values()]
    assert sorted(names) == sorted(Settings.from_environ({}).tables.names)
    for one in TABLES.values():
        assert tuple((key["AttributeName"], key["KeyType"]) for key in one["KeySchema"]) == KEYS
        assert {attribute["AttributeName"]: attribute["AttributeType"] for attribute in one["AttributeDefinitions"]} == {key: "S" for key, _ in KEYS}
        assert one["BillingMode"] == "PAY_PER_REQUEST" and one["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_what_holds_nothing_any_more_goes_by_itself() -> None:
    assert all(one["TimeToLiveSpecification"] == {"AttributeName": TTL, "Enabled": True} for one in TABLES.values())


def test_a_stack_that_is_deleted_leaves_what_was_counted() -> None:
    assert all(RESOURCES[name]["DeletionPolicy"] == RESOURCES[name]["UpdateReplacePolicy"] == "Retain" for name in TABLES)


def test_who_looks_changes_nothing_and_reads_no_table_whole() -> None:
    assert {action for action, _ in allowed("ReaderPolicy")} == {"GetItem", "Query"}


def test_who_erases_reads_no_table_whole_and_deletes_nothing() -> None:
    totals = {"Hours", "Days", "Months"}
    reads = {(action, table) for action in ("GetItem", "Query") for table in TABLES}
    assert allowed("OperatorPolicy") == reads | {("PutItem", table) for table in totals}


def test_who_writes_reads_no_total_and_deletes_nothing() -> None:
    assert {action for action, _ in allowed("SinkPolicy")} == {"PutItem", "UpdateItem", "DescribeTable", "GetItem"}
    (reading,) = [one for one in statements("SinkPolicy") if "dynamodb:GetItem" in one["Action"]]
    assert reading["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["#guard"]}}
