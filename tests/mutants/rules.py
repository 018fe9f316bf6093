"""Mistakes by which a total would be another number than the rules say."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Edit, Mutant

DEVICE: Final = "tests/unit/test_device.py"
EXAMPLES: Final = "tests/unit/test_metering_examples.py::TestExamples"
WALK: Final = "tests/unit/test_walk.py"

DROPPED: Final = Mutant(
    "drop on decode error",
    "what cannot be counted is rejected with its reason, never dropped",
    (
        Edit(
            "agents/fold_hours.py",
            """
        except RejectedReading as error:
            self._refuse(self._rejected, Refusal(record, error.reason, error.detail))
            self._outcomes["rejected"] += 1
            return
""",
            """
        except RejectedReading:
            return
""",
        ),
    ),
    (
        "tests/unit/test_metering_oracle.py::test_generated_devices_give_the_oracles_totals_though_few_fit_in_memory[autumn]",
        "tests/faults/test_disorder.py::test_every_reading_is_counted_or_refused_with_its_reason",
    ),
    r"verdict\.Wrong",
)

WALL_CLOCK: Final = Mutant(
    "wall-clock expiry",
    "hours are open or closed by the device's own time, so a replay decides as the first run did",
    (
        Edit(
            "metering/device.py",
            """
from bisect import bisect_left
""",
            """
import time
from bisect import bisect_left
""",
        ),
        Edit(
            "metering/device.py",
            """
        if at < self.trace.closed:
            return Outcome.LATE
""",
            """
        if at < max(self.trace.closed, time.time() * 1000 - self.rules.restate_ms - SILENCE_MS):
            return Outcome.LATE
""",
        ),
    ),
    (f"{DEVICE}::test_readings_of_any_age_are_late_by_the_devices_own_time",),
)

FLOAT_SUMS: Final = Mutant(
    "float sums",
    "a day is exactly its hours",
    (
        Edit(
            "metering/total.py",
            """
        import_mwh=sum(p.import_mwh for p in totals),
""",
            """
        import_mwh=int(sum(p.import_mwh / 1000 for p in totals) * 1000),
""",
        ),
    ),
    ("tests/unit/test_totals.py::test_a_period_is_the_sum_of_its_parts_in_any_order",),
)

UTC_DAY: Final = Mutant(
    "UTC instead of local day",
    "a day begins and ends by the zone's calendar",
    (
        Edit(
            "metering/period.py",
            """
            today = self._date(start // 1000)
            known = self._first(today), self._first(today + dt.timedelta(days=1))
""",
            """
            today = start // 86_400_000
            known = today * 86_400, (today + 1) * 86_400
""",
        ),
    ),
    ("tests/unit/test_period.py::test_days_as_drawn",),
)

OFF_BY_ONE: Final = Mutant(
    "off by one at a period's end",
    "every instant is in exactly one period: an hour's end is the next one's",
    (
        Edit(
            "metering/walk.py",
            """
        if at >= hour.end:
            hour = self.hour = self._sums(at)
""",
            """
        if at > hour.end:
            hour = self.hour = self._sums(at)
""",
        ),
    ),
    (f"{WALK}::test_a_gap_of_hours_gives_each_its_estimated_share",),
)

BY_OFFSET: Final = Mutant(
    "duplicates counted by offset only",
    "a device has one reading at an instant, however often and at whatever offset it comes",
    (
        Edit(
            "metering/device.py",
            """
        if place == len(readings) or readings[place][0] != at:
""",
            """
        if True:  # the offset is another, so the reading is
""",
        ),
    ),
    (f"{DEVICE}::test_what_is_new_counts_what_differs_corrects_and_what_is_neither_is_a_duplicate",),
)

LATE_OVERWRITES: Final = Mutant(
    "late overwrites newer",
    "a total that comes late never takes a newer one's place",
    (
        Edit(
            "agents/fold_parts.py",
            """
        if held is not None and part.version <= held.version:
            return "duplicate"
""",
            """
""",
        ),
    ),
    ("tests/flow/test_fold_parts.py::test_a_part_that_is_no_newer_is_a_duplicate_and_changes_nothing",),
)

CORRECTED_NEW: Final = Mutant(
    "correction counted as new",
    "the counters say of every total of the level below what became of it",
    (
        Edit(
            "agents/fold_parts.py",
            """
        return "counted" if held is None else "corrected"
""",
            """
        return "counted"
""",
        ),
    ),
    ("tests/flow/test_fold_parts.py::test_the_first_of_a_part_is_counted_what_is_newer_corrects_it_and_the_rest_are_duplicates",),
)

LATE_OPENS: Final = Mutant(
    "late opens a closed hour",
    "a closed hour is not an unknown one: what comes for it is late",
    (
        Edit(
            "metering/device.py",
            """
        if at < self.trace.closed:
            return Outcome.LATE
""",
            """
""",
        ),
    ),
    (f"{DEVICE}::test_a_reading_before_the_open_hours_is_late_and_changes_nothing",),
)

LUMPED: Final = Mutant(
    "register gap lumped into the reconnect hour",
    "every hour of a gap gets its share of the register",
    (
        Edit(
            "metering/walk.py",
            """
        at = max(register.v_at, self.start)
        low = on_line(v, p, at)
""",
            """
        at = max(register.v_at, self.start, self.calendar.hour(p_at - 1)[0])
        low = register.v
""",
        ),
    ),
    (f"{EXAMPLES}::test_a_gap_is_shared_out[by_rules]", f"{WALK}::test_a_gap_of_hours_gives_each_its_estimated_share"),
)

GLITCH: Final = Mutant(
    "glitch booked as use",
    "a register's zero is no reading: it does not book the whole register as use",
    (
        Edit(  # where a register begins again, and what it shows then is what was used since
            "metering/register.py",
            """
    if p[1] == 0 and v[1] > step:
        return Verdict.GLITCH
    if v[1] == 0 and p[1] > step:
        return Verdict.DOUBT if n is None else Verdict.RESET if fits(rules, p, n) else Verdict.GLITCH
""",
            """
    if p[1] == 0 and v[1] > step:
        return Verdict.RESET
    if v[1] == 0 and p[1] > step:
        return Verdict.VALID
""",
        ),
    ),
    (f"{EXAMPLES}::test_a_zero_is_no_register[by_rules]", f"{WALK}::test_a_glitch_is_no_use_and_is_counted"),
)

RULES: Final = (
    DROPPED, WALL_CLOCK, FLOAT_SUMS, UTC_DAY, OFF_BY_ONE, BY_OFFSET, LATE_OVERWRITES, CORRECTED_NEW, LATE_OPENS, LUMPED, GLITCH,
)  # fmt: skip
