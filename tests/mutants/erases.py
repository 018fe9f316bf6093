"""Mistakes by which something of an erased device would stay, or come back."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Edit, Mutant

FLOW: Final = "tests/flow/test_erase.py"
STORE: Final = "tests/contract/test_dynamodb_store.py"

DIRTY_TOLD: Final = Mutant(
    "dirty period told after an erase",
    "what waits when an erase comes is never sent on",
    (
        Edit(
            "agents/fold_hours.py",
            """
        self._touched.pop(key, None)
        self._devices.pop(key, None)
""",
            """
        self._devices.pop(key, None)
""",
        ),
    ),
    (f"{FLOW}::test_what_waits_when_the_erase_comes_is_never_told",),
)

DIRTY_DAY_TOLD: Final = Mutant(
    "dirty day told after an erase",
    "the same, in the hops behind",
    (
        Edit(
            "agents/fold_parts.py",
            """
        for key in [key for key in self.dirty if key[0] == device]:
            self.fresh -= len(self.dirty.pop(key).fresh)
""",
            """
""",
        ),
    ),
    (f"{FLOW}::test_a_day_that_waits_when_the_erase_comes_is_never_told",),
)

ROWS_READ: Final = Mutant(
    "rows of before an erase read again",
    "after an erase a device begins anew, even before its rows are gone from the store",
    (
        Edit(
            "agents/fold_hours.py",
            """
        return None if key in self._gone else self._load(key)
""",
            """
        return self._load(key)
""",
        ),
    ),
    (f"{FLOW}::test_after_an_erase_a_device_begins_anew_also_at_instants_of_before[told-at once]",),
)

SLOTS_STAY: Final = Mutant(
    "slots left behind by an erase",
    "no row of the device is left in a table",
    (
        Edit(
            "metering/trace.py",
            """
        return [key for row in (self._key(), *hours, *slots) for key in keys(row, self._load)]
""",
            """
        return [key for row in (self._key(), *hours) for key in keys(row, self._load)]
""",
        ),
    ),
    (f"{FLOW}::test_what_was_told_is_taken_away_at_every_level",),
)

OPEN_HOURS_ONLY: Final = Mutant(
    "only open hours erased",
    "an erase takes away every total that was ever told, those of closed hours too",
    (
        Edit(
            "agents/fold_hours.py",
            """
        told = (kept.first, kept.slot[-1][0] // 1000 + MAX_FOR_S + 1) if kept.first else (0, 0)
""",
            """
        told = (kept.starts[0] // 1000, kept.slot[-1][0] // 1000 + MAX_FOR_S + 1) if kept.first else (0, 0)
""",
        ),
    ),
    (f"{FLOW}::test_closed_hours_whose_rows_are_long_gone_are_taken_away_too",),
)

ANY_NULL: Final = Mutant(
    "any message without a value erases",
    "only the header makes an erase, which nobody passes on by mistake",
    (
        Edit(
            "streams/erasure.py",
            """
        and any(name == HEADER for name, _ in record.headers)
""",
            """
""",
        ),
    ),
    (f"{FLOW}::test_only_the_header_makes_an_erase", f"{FLOW}::test_a_message_without_a_value_is_rejected_as_ever[none]"),
)

NO_GRAVES: Final = Mutant(
    "an erase passed over by the sinks",
    "whoever writes totals buries them, so that no replay or resend leaves them behind",
    (
        Edit(
            "agents/totals_to_dynamodb.py",
            """
                    yield from graves(erase, grain, around)
""",
            """
                    pass
""",
        ),
    ),
    ("tests/flow/test_totals_to_dynamodb.py::test_an_erase_brings_a_grave_for_each_period",),
)

OLD_GRAVE: Final = Mutant(
    "a grave of the version that was stored",
    "a grave is newer than whatever a zombie may still hold of before",
    (
        Edit(
            "metering/erase.py",
            """
        yield nothing(erase.device, grain, start, end, erase.epoch, erase.offset, erase.reflects)
""",
            """
        yield nothing(erase.device, grain, start, end, erase.epoch, 6, erase.reflects)
""",
        ),
    ),
    (f"{STORE}::test_a_grave_refuses_what_is_of_before_it_and_gives_way_to_what_is_of_after[dictionary]",),
)

LIVE_BY_INSTANT: Final = Mutant(
    "live reading of before an erase brought back",
    "after an erase a live reading of before is refused, however new it is",
    (
        Edit(
            "dynamodb/conditions.py",
            """
        "ConditionExpression": " AND ".join([*conditions, _NOT_ERASED.format("o")]),
""",
            """
        "ConditionExpression": " AND ".join([*conditions, "(attribute_not_exists(#b) OR #be <= :be OR #b < :o)"]),
""",
        ),
    ),
    (f"{STORE}::test_what_a_zombie_still_holds_of_before_an_erase_is_refused_however_new_it_is[dictionary]",),
)

REDRIVEN: Final = Mutant(
    "what was refused before an erase sent in again",
    "redrive brings nothing of an erased device back",
    (
        Edit(
            "agents/redrive.py",
            """
        if erased is not None and erased.is_after(int(place[2]), int(place[3]), record.timestamp):
            return Judged(reason, source, Fate.ERASED)
""",
            """
""",
        ),
    ),
    ("tests/unit/test_redrive.py::TestWhatWasErased::test_is_not_sent_again",),
)

RECOUNTED: Final = Mutant(
    "a recount that counts what was erased",
    "reconcile follows an erase",
    (
        Edit(
            "agents/recount.py",
            """
                self.recounts[record.key] = recount.anew()
""",
            """
""",
        ),
    ),
    ("tests/unit/test_reconcile.py::test_after_an_erase_only_what_came_since_has_to_be_there",),
)

ERASES: Final = (
    DIRTY_TOLD, DIRTY_DAY_TOLD, ROWS_READ, SLOTS_STAY, OPEN_HOURS_ONLY, ANY_NULL, NO_GRAVES, OLD_GRAVE, LIVE_BY_INSTANT, REDRIVEN, RECOUNTED,
)  # fmt: skip
