"""Mistakes by which a partition would begin too early, in another log, or never, or where Faust wants it to."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Edit, Mutant

FLOW: Final = "tests/flow/test_start.py"
WIRING: Final = "tests/flow/test_wiring.py"

TOO_EARLY: Final = Mutant(
    "started before recovered",
    "a partition begins only when its table holds all that its changelog had at the fence",
    (
        Edit(
            "streams/transport.py",
            """
        if not all(self.app.sources[tp.topic].recovered(tp.partition, self.ends) for tp in waiting):
            return
""",
            """
""",
        ),
    ),
    (
        f"{FLOW}::test_nobody_starts_before_the_state_is_there",
        "tests/faults/test_lost.py::test_stores_tables_changelogs_and_items_that_are_lost_are_made_again",
    ),
    r"verdict\.Wrong",
)

ACROSS: Final = Mutant(
    "started across a rebalance",
    "the position is that of the state of this assignment, not of one that ended while the broker was asked",
    (
        Edit(
            "streams/transport.py",
            """
        if self.app.rebalancing or self.app.consumer_generation_id != generation:
            return
""",
            """
""",
        ),
    ),
    (f"{FLOW}::test_nobody_starts_if_the_group_has_changed_while_the_broker_was_asked",),
)

FAUSTS: Final = Mutant(
    "Faust's own acks and commits",
    "only a checkpoint, or a sink's stored writes, commit, and only the start rule seeks",
    (
        Edit(
            "streams/transport.py",
            """
        \"\"\"Nothing: Faust never commits.\"\"\"
        return True
""",
            """
        return bool(await super().commit(topics, start_new_transaction))
""",
        ),
        Edit(
            "streams/transport.py",
            """
        message.acked = True
        self._unacked_messages.discard(message)
        return True
""",
            """
        return bool(super().ack(message))
""",
        ),
        Edit(
            "streams/transport.py",
            """
        \"\"\"Nothing: the start rule seeks, and what Faust would seek to is what the group committed.\"\"\"
""",
            """
        await super().perform_seek()
""",
        ),
    ),
    (f"{FLOW}::test_faust_neither_commits_nor_seeks_whatever_it_thinks_is_done",),
)

BEYOND: Final = Mutant(
    "begun beyond the log's end",
    "a state that is ahead of its log is of another log, and nothing is counted by it",
    (
        Edit(
            "streams/transport.py",
            """
        if not await self._within(positions, ends):
            return
""",
            """
""",
        ),
    ),
    (f"{FLOW}::test_a_position_that_stays_beyond_the_end_is_of_another_log_and_ends_the_process",),
)

NEVER: Final = Mutant(
    "assigned but never started",
    "whoever has a partition and does not begin to take from it leaves, so that another may",
    (
        Edit(
            "streams/app.py",
            """
        if unstarted:
            self.leave(Exit.NOT_STARTED, f"not started {self.settings.start_limit_s:g} s after the assignment: {', '.join(unstarted[:8])}")
""",
            """
        log.debug("%s", unstarted)
""",
        ),
    ),
    (f"{FLOW}::test_what_is_assigned_has_to_start_within_the_limit",),
)

OTHER_LEVELS: Final = Mutant(
    "guard without the levels",
    "a level topic that was made anew is another log: totals made from it are not ordered with the old ones",
    (
        Edit(
            "agents/ground.py",
            """
            topics={name: self.cluster.topics[name].ident for name in (self.topics.readings, *self.topics.levels)},
""",
            """
            topics={name: self.cluster.topics[name].ident for name in (self.topics.readings,)},
""",
        ),
    ),
    tuple(f"{WIRING}::test_a_topic_that_was_made_anew_is_another_log_to_all_of_them[{level}]" for level in ("hours", "days", "months")),
)

INTERVAL: Final = Mutant(
    "checkpoints of days as often as those of hours",
    "each level costs what its own interval says",
    (
        Edit(
            "agents/hours_to_days.py",
            """
        interval_s=settings.checkpoint.days,
""",
            """
        interval_s=settings.checkpoint.hours,
""",
        ),
    ),
    (f"{WIRING}::test_each_hop_reads_the_level_before_it_and_has_its_own_interval",),
)

STARTS: Final = (TOO_EARLY, ACROSS, FAUSTS, BEYOND, NEVER, OTHER_LEVELS, INTERVAL)
