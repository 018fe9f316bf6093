"""Mistakes by which something stored would go back, be added twice, or never be stored."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Edit, Mutant

STORES: Final = "tests/contract/test_dynamodb_store.py"

UNCONDITIONAL_PUT: Final = Mutant(
    "unconditional put",
    "a stored total never goes back",
    (
        Edit(
            "dynamodb/conditions.py",
            """
        "Item": item,
        "ConditionExpression": _LATER_TOTAL,
        "ExpressionAttributeNames": {"#e": "e", "#o": "o"},
        "ExpressionAttributeValues": {":e": item["e"], ":o": item["o"]},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
""",
            """
        "Item": item,
""",
        ),
    ),
    (f"{STORES}::test_a_total_never_goes_back_whatever_the_order_and_the_repetition[dynamodb]",),
)

ADD: Final = Mutant(
    "ADD instead of put",
    "a total is written whole: nothing is added to what is stored, so nobody has to know what that is",
    (
        Edit(  # what was used since this worker's last write, even under the condition
            "dynamodb/conditions.py",
            """
def put_total(item: Item) -> Request:
    \"\"\"A PutItem of this total's item, without the table's name.\"\"\"
    return {
        "Item": item,
        "ConditionExpression": _LATER_TOTAL,
        "ExpressionAttributeNames": {"#e": "e", "#o": "o"},
        "ExpressionAttributeValues": {":e": item["e"], ":o": item["o"]},
""",
            """
def put_total(item: Item, told: Item) -> Request:
    \"\"\"An UpdateItem that adds the energy since the item was told last, without the table's name.\"\"\"
    energy, before = (int(some.get("i", number(0))["N"]) for some in (item, told))
    names = [name for name in item if name not in ("pk", "sk", "i")]
    return {
        "Key": {"pk": item["pk"], "sk": item["sk"]},
        "UpdateExpression": f"SET {', '.join(f'#{name} = :{name}' for name in names)} ADD #i :i",
        "ConditionExpression": _LATER_TOTAL,
        "ExpressionAttributeNames": {f"#{name}": name for name in (*names, "i")},
        "ExpressionAttributeValues": {":i": number(energy - before)} | {f":{name}": item[name] for name in names},
""",
        ),
        Edit(
            "dynamodb/store.py",
            """
        refused, stored = _ask(self._client.put_item, table, put_total(item))
        if not refused:
            return Outcome.STORED
""",
            """
        told, key = vars(self).setdefault("told", {}), (total.device, total.grain, total.start)
        refused, stored = _ask(self._client.update_item, table, put_total(item, told.get(key, {})))
        if not refused:
            told[key] = item
            return Outcome.STORED
""",
        ),
    ),
    (f"{STORES}::test_a_later_total_by_another_worker_replaces_all_of_it_too[dynamodb]",),
)

EARLY_COMMIT: Final = Mutant(
    "sink commits before the put",
    "a sink's position never passes what is not stored",
    (
        Edit(
            "dynamodb/pending.py",
            """
        start = next(iter(self._owed), self._end)
""",
            """
        start = self._end
""",
        ),
    ),
    (
        "tests/unit/test_pending.py::test_a_replaced_total_keeps_its_old_batch_owed_until_the_newer_is_stored",
        "tests/unit/test_pending.py::test_a_failed_flight_gives_way_to_the_newer_but_stays_owed",
        "tests/faults/test_outage.py::test_an_outage_with_lost_answers",
    ),
)

SWALLOWED: Final = Mutant(
    "swallowed sink error",
    "what DynamoDB did not take is written again until it does",
    (
        Edit(
            "dynamodb/writer.py",
            """
            self._pending.back(slot)
            self._slow_down(asked, busy)
            return slot
""",
            """
            self._slow_down(asked, busy)
""",
        ),
    ),
    ("tests/unit/test_pending_writer.py::test_throttling_is_met_with_one_pause_for_all",),
)

OLD_LIVE: Final = Mutant(
    "live overwritten by an old batch",
    "a live reading gives way only to one of a later instant",
    (
        Edit(
            "dynamodb/conditions.py",
            """
_LATER_LIVE: Final = "(attribute_not_exists(#a) OR #a < :a OR (#a = :a AND #o < :o))"
""",
            """
_LATER_LIVE: Final = "(attribute_not_exists(#a) OR #o < :o)"
""",
        ),
    ),
    (f"{STORES}::test_an_old_reading_never_overwrites_a_newer_one[dynamodb]",),
)

SINKS: Final = (UNCONDITIONAL_PUT, ADD, EARLY_COMMIT, SWALLOWED, OLD_LIVE)
