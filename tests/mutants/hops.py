"""Mistakes by which a hop would lose or count twice, or stand still: fence, checkpoint, position."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Edit, Mutant

HOP: Final = "tests/e2e/test_hop.py"
FLOW: Final = "tests/flow/test_hop.py"
LANE: Final = "tests/flow/test_lane.py"
MACHINE: Final = "tests/flow/test_waterfall_machine.py::test_no_order_makes_a_total_wrong"
SHUT_OUT: Final = f"{HOP}::test_a_zombie_is_shut_out_before_its_successor_has_written_anything"
ZOMBIE: Final = "the zombie has written"
AT_COMMIT: Final = f"{HOP}::test_a_crash_at_a_point[before_commit:3]"

NO_FENCE: Final = Mutant(
    "no fence",
    "who takes a partition shuts out everybody who had it before",
    (
        Edit(  # an id of its own for every producer: nobody is fenced by anybody
            "streams/hop.py",
            """
        producer = transactional_producer(self.brokers, f"{self.scope}-{self.shared.hop}-{partition}")
""",
            """
        producer = transactional_producer(self.brokers, f"{self.scope}-{self.shared.hop}-{partition}-{asyncio.get_running_loop().time()}")
""",
        ),
    ),
    (SHUT_OUT, "tests/faults/test_zombie.py::test_a_zombie_is_fenced_and_an_ordinary_stop_loses_nothing"),
    f"{ZOMBIE}|is still there",
)

LAZY_FENCE: Final = Mutant(
    "fence opened lazily",
    "the fence is there before the table is recovered, not only when there is something to write",
    (
        Edit(
            "streams/hop.py",
            """
        await producer.start()
        return Lane(self.shared, partition, producer, share)
""",
            """
        return Lane(self.shared, partition, producer, share)
""",
        ),
        Edit(
            "streams/checkpoint.py",
            """
    partition, changes = plan.partition, plan.changes
""",
            """
    partition, changes = plan.partition, plan.changes
    if producer._sender.sender_task is None:
        await producer.start()
""",
        ),
    ),
    (SHUT_OUT,),
    ZOMBIE,
)

FENCE_REOPENED: Final = Mutant(
    "fence reopened after revoke",
    "a worker that was shut out never opens its producer again",
    (
        Edit(
            "streams/hop.py",
            """
        return Lane(self.shared, partition, producer, share)
""",
            """
        lane = Lane(self.shared, partition, producer, share)
        lane.reopened = lambda: transactional_producer(self.brokers, f"{self.scope}-{self.shared.hop}-{partition}")
        return lane
""",
        ),
        Edit(
            "streams/lane.py",
            """
        except FENCING as error:
            self.shared.leave(Exit.FENCED, f"{self.name}: a newer worker owns this partition ({type(error).__name__})")
""",
            """
        except FENCING:
            self.producer = self.reopened()
            await self.producer.start()
            offset = await write(self.producer, self.shared.to, plan)
""",
        ),
    ),
    (SHUT_OUT,),
    ZOMBIE,
)

POSITION_APART: Final = Mutant(
    "position in a transaction of its own",
    "rows and position become visible together or not at all",
    (
        Edit(
            "streams/checkpoint.py",
            """
    rows = batches(producer, ((key, value, NO_HEADERS) for key, value in plan.rows))
""",
            """
    rows = batches(producer, ((key, value, NO_HEADERS) for key, value in plan.rows[:-1]))
    position = batches(producer, ((key, value, NO_HEADERS) for key, value in plan.rows[-1:]))
""",
        ),
        Edit(
            "streams/checkpoint.py",
            """
    faults.hit("after_refusals")
""",
            """
    faults.hit("after_refusals")
    await producer.commit_transaction()
    await producer.begin_transaction()
    sent = await send(producer, to.table, partition, position)
""",
        ),
    ),
    (AT_COMMIT, MACHINE, "tests/faults/test_points.py::test_a_worker_dies_at_every_point"),
    r"the counters are not of these rows|verdict\.Wrong",
)

EARLY_POSITION: Final = Mutant(
    "position of what was only received",
    "a position says what is folded, never what was only received",
    (
        Edit(
            "streams/lane.py",
            """
        for records, position in batch.slices():
""",
            """
        self.position = batch.end
        for records, _ in batch.slices():
""",
        ),
        Edit(
            "streams/lane.py",
            """
            self.fold.fold(records)
            self.position = position
""",
            """
            self.fold.fold(records)
""",
        ),
    ),
    (f"{FLOW}::test_a_lane_that_closes_takes_no_further_slice",),
)

OLDER_GENERATION: Final = Mutant(
    "batches of an older generation folded",
    "only what was fetched after the present start is folded",
    (
        Edit(
            "streams/hop.py",
            """
        if lane is None or batch.serial != lane.serial or not lane.serial:
""",
            """
        if lane is None:
""",
        ),
    ),
    (f"{FLOW}::test_a_batch_of_another_start_is_never_folded",),
)

NO_CONTINUITY: Final = Mutant(
    "continuity check off",
    "a batch is folded only if it begins where the last one ended",
    (
        Edit(
            "streams/lane.py",
            """
        if batch.begin != self.position:
            return False
""",
            """
""",
        ),
    ),
    (
        f"{FLOW}::test_a_batch_from_elsewhere_seeks_back_once_and_is_not_folded",
        f"{FLOW}::test_a_batch_from_elsewhere_twice_ends_the_process",
    ),
)

STORE_FIRST: Final = Mutant(
    "local store before commit",
    "the local store is a copy of what was committed, never ahead of it",
    (
        Edit(
            "streams/checkpoint.py",
            """
async def write(producer: AIOKafkaProducer, to: Destinations, plan: Plan) -> int:
""",
            """
async def write(producer: AIOKafkaProducer, to: Destinations, plan: Plan, store: Any) -> int:
""",
        ),
        Edit(
            "streams/checkpoint.py",
            """
    faults.hit("after_rows")
""",
            """
    store(partition, plan.rows, sent)
    faults.hit("after_rows")
""",
        ),
        Edit(
            "streams/lane.py",
            """
                offset = await write(self.producer, self.shared.to, plan)
""",
            """
                offset = await write(self.producer, self.shared.to, plan, self.shared.rows.store)
""",
        ),
    ),
    (AT_COMMIT,),
    "the store is no copy of what was committed",
)

GIANT: Final = Mutant(
    "no limit of touched rows",
    "a return after an outage is many checkpoints, not one giant transaction",
    (
        Edit(
            "streams/lane.py",
            """
            if self.fold.touched >= TOUCHED:
                await self.landed.wait()
                self.wake.set()
""",
            """
""",
        ),
    ),
    (
        f"{LANE}::test_a_checkpoint_comes_before_its_time_once_so_much_is_touched_as_one_may_have",
        f"{LANE}::test_while_one_is_under_way_no_more_is_taken_than_the_next_may_have",
    ),
)

IDLE: Final = Mutant(
    "idle partition never commits",
    "what a partition's owner is called by, and the group's offset, never expire while it has one",
    (
        Edit(
            "streams/lane.py",
            """
                if self.position != self.saved or self.fold.touched or loop.time() - written > IDLE_S:
""",
            """
                if self.position != self.saved or self.fold.touched:
""",
        ),
    ),
    (f"{LANE}::test_where_nothing_comes_the_position_is_written_once_a_day_and_no_oftener",),
)

NO_LIMIT: Final = Mutant(
    "checkpoint without a limit",
    "a checkpoint that takes too long ends the process, before the broker ends its transaction",
    (
        Edit(
            "streams/lane.py",
            """
            async with asyncio.timeout(CHECKPOINT_S):
                offset = await write(self.producer, self.shared.to, plan)
""",
            """
            offset = await write(self.producer, self.shared.to, plan)
""",
        ),
    ),
    (f"{LANE}::test_a_checkpoint_that_takes_longer_than_its_limit_ends_the_process",),
)

HOPS: Final = (
    NO_FENCE, LAZY_FENCE, FENCE_REOPENED, POSITION_APART, EARLY_POSITION, OLDER_GENERATION, NO_CONTINUITY, STORE_FIRST, GIANT, IDLE, NO_LIMIT,
)  # fmt: skip
