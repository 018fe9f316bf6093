"""Mistakes by which something stored would go back, be added twice, or never be stored."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Edit, Mutant

STORES: Final = "tests/contract/test_dynamodb_store.py"
TAP: Final = "tests/flow/test_tap.py"

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
        "tests/flow/test_waterfall_machine.py::test_no_order_makes_a_total_wrong",
        "tests/faults/test_outage.py::test_an_outage_with_lost_answers",
    ),
    r"verdict\.Wrong",
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
            self._pending.done(slot)
            self._note()
            return None
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

REJECTS: Final = """
        await self.producer.send_and_wait(self.topic, what, key=f"dynamodb {uuid4()}".encode(), headers=why)
"""
NOT_AWAITED: Final = Mutant(
    "rejecter not awaited",
    "what DynamoDB never takes is durable elsewhere before its position passes",
    (
        Edit(
            "agents/store_sink.py",
            REJECTS,
            """
        await self.producer.send(self.topic, what, key=f"dynamodb {uuid4()}".encode(), headers=why)
""",
        ),
    ),
    ("tests/contract/test_rejecter.py::test_the_position_never_passes_what_the_broker_has_not_taken",),
)

NOT_REJECTED: Final = Mutant(
    "rejecter that keeps nothing",
    "what DynamoDB never takes is kept elsewhere, with its reason",
    (
        Edit(
            "agents/store_sink.py",
            REJECTS,
            """
        log.error("%s", why)
""",
        ),
    ),
    ("tests/contract/test_rejecter.py::test_all_of_what_is_never_stored_is_there_with_its_reason_when_the_position_passes",),
)

LOST_RANGE: Final = Mutant(
    "tap passes a lost range",
    "what retention removed before it was stored is never passed over without a word",
    (
        Edit(
            "streams/tap.py",
            """
        if not self.go_on:
            self.leave(Exit.LOST_RANGE, f"{text}; WATTFALL_LOST_RANGE=continue goes on without it")
        log.error("%s; going on without it", text)
""",
            """
        log.debug("%s; going on without it", text)
""",
        ),
    ),
    (f"{TAP}::test_a_lost_range_ends_the_process", f"{TAP}::test_a_lost_range_is_told_where_a_setting_allows_to_go_on"),
)

TIME_TO_LIVE: Final = Mutant(
    "time to live of a twelfth",
    "an hour's item is there for as long as was set",
    (
        Edit(
            "dynamodb/items.py",
            """
        item["ttl"] = number(total.end + keep_hours_s)
""",
            """
        item["ttl"] = number(total.end + keep_hours_s // 12)
""",
        ),
    ),
    ("tests/unit/test_items.py::test_an_hour_may_be_deleted_when_it_was_kept_for_as_long_as_is_set_and_a_day_never",),
)

FLUSH: Final = Mutant(
    "days written as often as hours",
    "each level costs what its own interval says",
    (
        Edit(
            "agents/sinks.py",
            """
    for grain, topic, flush_s in zip(Grain, topics.levels, (flush.hours, flush.days, flush.months), strict=True):
""",
            """
    for grain, topic, flush_s in zip(Grain, topics.levels, (flush.hours, flush.hours, flush.months), strict=True):
""",
        ),
    ),
    ("tests/flow/test_wiring.py::test_each_sink_reads_its_level_and_has_its_own_interval",),
)

SINKS: Final = (UNCONDITIONAL_PUT, ADD, EARLY_COMMIT, SWALLOWED, OLD_LIVE, NOT_AWAITED, NOT_REJECTED, LOST_RANGE, TIME_TO_LIVE, FLUSH)
