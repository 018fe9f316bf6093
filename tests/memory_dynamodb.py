"""DynamoDB in memory, as far as the writers know it: a client whose items are a dictionary and whose conditions are evaluated.

The contract suite of the stores holds it to the real one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from threading import Lock
from typing import Any, Final

from botocore.exceptions import ClientError

from dynamodb.client import REFUSED

Item = dict[str, Any]
Key = tuple[str, str, str]
_TOKEN: Final = re.compile(r"\s*(<=|<|=|\(|\)|[#:\w]+)")
_ANSWER: Final = {"ResponseMetadata": {"RequestId": "memory"}}


class MemoryClient:
    """`items` by table, `pk` and `sk`."""

    def __init__(self) -> None:
        self.items: dict[Key, Item] = {}
        self._one_at_a_time = Lock()

    def put_item(self, *, TableName: str, Item: Item, **request: Any) -> dict[str, Any]:
        """Puts a whole item, if its condition holds for the stored one."""
        key = (TableName, Item["pk"]["S"], Item["sk"]["S"])
        with self._one_at_a_time:
            self._check(key, request)
            self.keep(key, Item)
        return _ANSWER

    def update_item(self, *, TableName: str, Key: Item, UpdateExpression: str, **request: Any) -> dict[str, Any]:
        """Sets and removes attributes, and makes the item if there is none, if the condition holds."""
        key = (TableName, Key["pk"]["S"], Key["sk"]["S"])
        with self._one_at_a_time:
            self._check(key, request)
            changed = {**self.items.get(key, Key)}
            sets, _, gone = UpdateExpression.removeprefix("SET ").partition(" REMOVE ")
            names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
            for one in sets.split(", "):
                name, value = one.split(" = ")
                changed[names[name]] = values[value]
            for name in gone.split(", "):
                changed.pop(names[name], None)
            self.keep(key, changed)
        return _ANSWER

    def keep(self, key: Key, item: Item) -> None:
        """Every change of an item comes by here."""
        self.items[key] = item

    def _check(self, key: Key, request: Mapping[str, Any]) -> None:
        stored = self.items.get(key)
        text = request.get("ConditionExpression")
        if text is None or Condition(text, request["ExpressionAttributeNames"], request["ExpressionAttributeValues"], stored or {}).holds():
            return
        answer: dict[str, Any] = {"Error": {"Code": REFUSED, "Message": "The conditional request failed"}}
        if stored is not None and request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
            answer["Item"] = stored
        raise ClientError(answer, "PutItem")  # type: ignore[arg-type]


class Condition:
    """A condition about one item: `attribute_exists(…)`, `attribute_not_exists(…)`, comparisons of numbers, AND before OR, brackets."""

    def __init__(self, text: str, names: Mapping[str, str], values: Mapping[str, Item], item: Item) -> None:
        self._tokens = _TOKEN.findall(text)
        self._names, self._values, self._item = names, values, item

    def holds(self) -> bool:
        """Evaluates all of it."""
        found = self._either()
        assert not self._tokens, f"not understood: {self._tokens}"
        return found

    def _either(self) -> bool:
        found = self._both()
        while self._next("OR"):
            found = self._both() or found
        return found

    def _both(self) -> bool:
        found = self._one()
        while self._next("AND"):
            found = self._one() and found
        return found

    def _one(self) -> bool:
        if self._next("("):
            found = self._either()
            assert self._next(")")
            return found
        for function in ("attribute_exists", "attribute_not_exists"):
            if self._next(function):
                self._tokens.pop(0)
                name = self._tokens.pop(0)
                assert self._next(")")
                return (self._names.get(name, name) in self._item) is (function == "attribute_exists")
        left, sign, right = self._operand(), self._tokens.pop(0), self._operand()
        if left is None or right is None:
            return False
        return {"<": left < right, "<=": left <= right, "=": left == right}[sign]

    def _operand(self) -> int | None:
        """A number; None for an attribute that is not there."""
        token = self._tokens.pop(0)
        found = self._values[token] if token.startswith(":") else self._item.get(self._names.get(token, token))
        return None if found is None else int(found["N"])

    def _next(self, token: str) -> bool:
        if self._tokens and self._tokens[0] == token:
            self._tokens.pop(0)
            return True
        return False
