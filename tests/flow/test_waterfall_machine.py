"""All orders of producing, folding, checkpoints, crashes, rebalances, zombies, and of everything that a sink meets: what is in DynamoDB in the end
is what the oracle makes of the readings.

The hops, lanes, checkpoints, folds, stores, taps and writers are the product's own. Two workers share two partitions; a checkpoint is held at a step,
and goes on, fails, or never does either; a worker dies, or freezes and goes on when another has its partitions; the sinks' writes arrive or not, late
or not, and are answered or not. What must hold at any moment is in `Account.look`, what must hold when everything is quiet in `Account.settle`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from itertools import takewhile
from typing import Any, Final

import pytest
from aiokafka.errors import RequestTimedOutError
from aiokafka.structs import TopicPartition
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from dynamodb.settings import Settings
from metering.rules import Rules
from streams.exits import Exit
from streams.lane import LAST_S, Lane
from streams.tap import DRAIN_S
from tables.stores import MemoryStore
from tests.flow.small_account import ALL, WRITTEN, Account, Witness
from tests.flow.small_meters import BEGIN, Meter, speeches
from tests.flow.small_sinks import Flight, Sinks
from tests.flow.small_worker import PARTITIONS, PLACES, SOURCES, Disk, Recovery, Worker, recovers, recovers_until, table_of
from tests.memory_kafka import Broker, Producer
from tests.process import Process
from tests.strategies import HOUR

RULES: Final = Rules(restate_ms=2 * HOUR)
SETTINGS: Final = Settings(capacity_keys=4, threads=3)
DEVICES: Final = ("cad-1", "cad-2", "cad-3")
NAMES: Final = ("one", "two")
ROUNDS: Final = 100
"""So many times everybody has a turn before it is quiet, at most."""
FATES: Final = ("stored", "stored", "stored", "refused", "answer lost", "late")
"""What becomes of a write to DynamoDB."""
COMPACTED: Final = frozenset(tp.topic for tp in WRITTEN)
STEPS: Final = ("begin", "table", "totals", "refusals", "offsets", "commit", "committed")
"""Where a checkpoint can be held."""
any_number = st.integers(0, 999)
partitions = st.integers(0, PARTITIONS - 1)
a_fetch = st.sampled_from((1, 2, 3, 7, ALL))


def step_of(step: str | None, hop: str) -> str | None:
    """As a producer knows it: by topic."""
    return {"table": table_of(hop), "totals": hop, "refusals": "rejected"}.get(step or "", step)


class WaterfallMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.broker, self.client = Broker(COMPACTED), Witness()
        self.account = Account(RULES, self.broker, self.client)
        self.meters = [Meter(device, PARTITIONS) for device in DEVICES]
        self.clock, self.unsettled = BEGIN, 0
        self.waking: int | None = None
        self.disks: dict[str, Disk] = {name: {} for name in NAMES}
        self.workers: dict[str, Worker] = {}
        self.wire: list[Callable[[], Any]] = []  # writes that were given up by their sender, but may still arrive
        self.sinks = self._sinks()

    @initialize(owners=st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)))
    def begin(self, owners: tuple[str, str]) -> None:
        self.rebalance(owners)

    # Readings

    @rule(number=st.integers(0, len(DEVICES) - 1), said=st.lists(speeches, min_size=1, max_size=5))
    def produce(self, number: int, said: list[Any]) -> None:
        for speech in said:
            for sending in self.meters[number].say(speech):
                self.clock = max(self.clock, sending.until)
                self.unsettled += 1
                self.account.take(sending, self.clock)

    # The waterfall

    @property
    def running(self) -> list[tuple[Worker, str, Lane]]:
        return [(worker, hop, lane) for worker in self.workers.values() if not worker.frozen for hop, lane in worker.lanes]

    @property
    def idle(self) -> list[tuple[Worker, str, Lane]]:
        """Lanes that have something to do, and no checkpoint under way."""
        return [(worker, hop, lane) for worker, hop, lane in self.running if lane.producer.held is None and worker.has_work(hop, lane)]

    @precondition(lambda self: self.running)
    @rule(which=any_number, most=a_fetch)
    def poll(self, which: int, most: int) -> None:
        worker, hop, lane = self._one(self.running, which)
        worker.poll(hop, lane.partition, most)
        self._reap()

    @precondition(lambda self: self.idle)
    @rule(which=any_number, most=a_fetch, step=st.sampled_from((None, None, *STEPS)))
    def checkpoint(self, which: int, most: int, step: str | None) -> None:
        """What is fetched is folded and made durable, unless it is held at a step; a zombie is refused."""
        worker, hop, lane = self._one(self.idle, which)
        worker.poll(hop, lane.partition, most)
        self._refuses(lane.producer, lambda: worker.checkpoint(lane, step_of(step, hop)))
        self._reap()

    @precondition(lambda self: self.idle)
    @rule(partition=partitions)
    def flow(self, partition: int) -> None:
        """All three hops of a partition, whoever has it."""
        for hop in SOURCES:
            for worker, name, lane in self.idle:
                if (name, lane.partition) == (hop, partition):
                    worker.poll(hop, partition, ALL)
                    self._refuses(lane.producer, lambda worker=worker, lane=lane: worker.checkpoint(lane))  # type: ignore[misc]
            self._reap()

    @precondition(lambda self: self.idle)
    @rule(which=any_number, most=a_fetch, step=st.sampled_from(STEPS), keeps=st.booleans())
    def cut(self, which: int, most: int, step: str, keeps: bool) -> None:
        """A worker dies in a checkpoint, at this step if it comes so far."""
        worker, hop, lane = self._one(self.idle, which)
        worker.poll(hop, lane.partition, most)
        self._refuses(lane.producer, lambda: worker.checkpoint(lane, step_of(step, hop)))
        self._reap()
        for name in [name for name, one in self.workers.items() if one is worker]:
            self._die(name, keeps)

    @precondition(lambda self: self.idle)
    @rule(which=any_number, most=st.integers(1, 3), step=st.sampled_from(STEPS), fails=st.booleans())
    def meanwhile(self, which: int, most: int, step: str, fails: bool) -> None:
        """A checkpoint takes its time, and the fold goes on; after that it goes on, too, or fails."""
        worker, hop, lane = self._one(self.idle, which)
        worker.poll(hop, lane.partition, most)
        self._refuses(lane.producer, lambda: worker.checkpoint(lane, step_of(step, hop)))
        self._reap()
        if lane.producer.held is not None:
            worker.poll(hop, lane.partition, ALL)
            self._let_go(worker, lane, fails)
        self._reap(Exit.CHECKPOINT_FAILED)

    @precondition(lambda self: self.idle and len(self.able) > 1)
    @rule(which=any_number, most=a_fetch, step=st.sampled_from((None, *STEPS)), wakes=st.sampled_from((None, 0, 1, 3)))
    def overtaken(self, which: int, most: int, step: str | None, wakes: int | None) -> None:
        """A worker freezes, often in a checkpoint, and another has its partitions then. `wakes`: when the other has recovered so many tables."""
        worker, hop, lane = self._one(self.idle, which)
        worker.poll(hop, lane.partition, most)
        if step is not None:
            self._refuses(lane.producer, lambda: worker.checkpoint(lane, step_of(step, hop)))
            self._reap()
        worker.frozen = True
        self.waking = wakes
        self.rebalance(NAMES)

    @property
    def held(self) -> list[tuple[Worker, Lane]]:
        return [(worker, lane) for worker, _, lane in self.running if lane.producer.held is not None]

    @precondition(lambda self: self.held)
    @rule(which=any_number, fails=st.booleans())
    def answer(self, which: int, fails: bool) -> None:
        """A checkpoint that was held goes on, or its request fails: then nobody knows, and the worker leaves."""
        worker, lane = self._one(self.held, which)
        self._refuses(lane.producer, lambda: self._let_go(worker, lane, fails))
        self._reap(Exit.CHECKPOINT_FAILED)

    @precondition(lambda self: self.idle or self.held)
    @rule(which=any_number, keeps=st.booleans())
    def crash(self, which: int, keeps: bool) -> None:
        """Its local stores may be gone with it."""
        self._die(self._one(sorted(self.workers), which), keeps)

    @property
    def able(self) -> list[str]:
        """Who is there when the group asks: not the frozen."""
        return [name for name in NAMES if name not in self.workers or not self.workers[name].frozen]

    @precondition(lambda self: any(worker.frozen for worker in self.workers.values()))
    @rule(which=any_number, slept=st.sampled_from((1.0, 30.0)))
    def thaw(self, which: int, slept: float) -> None:
        """It goes on as if nothing had happened; a checkpoint that was under way may be over its limit."""
        worker = self._one([worker for worker in self.workers.values() if worker.frozen], which)
        worker.frozen = False
        worker.later(slept)
        self._reap(Exit.CHECKPOINT_FAILED)

    @precondition(lambda self: self.unsettled)
    @rule(
        owners=st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)),
        cut=st.one_of(st.none(), st.none(), st.integers(0, 4)),
        patient=st.booleans(),
        compacts=st.booleans(),
        old=any_number,
    )
    def shared_anew(self, owners: tuple[str, str], cut: int | None, patient: bool, compacts: bool, old: int) -> None:
        """Other workers have the partitions, and a batch from before reaches an agent only then: nobody takes it."""
        if compacts:
            self.broker.compact()
        self.rebalance(owners, cut, patient)
        for worker in [worker for worker in self.workers.values() if worker.old and not worker.frozen]:
            before = [lane.position for _, lane in worker.lanes]
            worker.again(old)
            assert [lane.position for _, lane in worker.lanes] == before

    def rebalance(self, owners: tuple[str, str], cut: int | None = None, patient: bool = True) -> None:
        """Who is frozen is left out and learns of it later; who is dead comes back. `cut`: recoveries die after so many pieces."""
        able = self.able
        if not able:
            return
        self._revoke(patient)
        shares: dict[str, list[int]] = {}
        for partition, owner in enumerate(owners):
            shares.setdefault(owner if owner in able else able[0], []).append(partition)
        for name, share in shares.items():
            if name not in self.workers:
                self.workers[name] = Worker(self.broker, RULES, self.disks[name])
            if not self.workers[name].assign(share, self._recovery(cut)):
                self._bury(name)
        self._reap()

    # The sinks

    @precondition(lambda self: self.sinks.ready or self.sinks.store.flights)
    @rule(
        which=any_number,
        fetches=st.lists(a_fetch, max_size=3),
        fates=st.lists(st.sampled_from(FATES), max_size=8),
        seconds=st.sampled_from((0.0, 0.1, 1.0, 3.0)),
    )
    def sink(self, which: int, fetches: list[int], fates: list[str], seconds: float) -> None:
        """Something is fetched, writes are answered or not. As time passes they are tried again, and what is stored is committed, once a second."""
        level, partition = self._one(self.sinks.ready or PLACES, which)
        for most in fetches:
            self.sinks.poll(level, partition, most)
        for fate in fates:
            if self.sinks.store.flights:
                self._answer(self._one(self.sinks.store.flights, which), fate)
        self.sinks.later(seconds)
        self._reap()

    @property
    def restated(self) -> list[tuple[str, int, int, int]]:
        """Where a key comes twice in what can be fetched: how many positions up to the first, and from there to the second."""
        found = []
        for level, partition in self.sinks.ready:
            begin, offsets = self.sinks.next[level, partition], dict[bytes, int]()
            for record in self.broker.fetch(TopicPartition(level, partition), begin, ALL)[0]:
                if record.key in offsets:
                    found.append((level, partition, offsets[record.key] + 1 - begin, record.offset - offsets[record.key]))
                    break
                offsets[record.key] = record.offset
        return found

    @precondition(lambda self: self.restated)
    @rule(which=any_number, fates=st.lists(st.sampled_from(FATES), min_size=1, max_size=4), seconds=st.sampled_from((0.1, 1.0, 3.0)))
    def restated_under_way(self, which: int, fates: list[str], seconds: float) -> None:
        """A total is restated while its older one is on the wire; then that is answered or not."""
        level, partition, first, second = self._one(self.restated, which)
        self.sinks.poll(level, partition, first)
        self.sinks.poll(level, partition, second)
        for flight, fate in zip(self.sinks.store.flights[::-1], fates, strict=False):
            self._answer(flight, fate)
        self.sinks.later(seconds)
        self._reap()

    @precondition(lambda self: self.wire)
    @rule(which=any_number)
    def arrives_late(self, which: int) -> None:
        self.wire.pop(which % len(self.wire))()

    @precondition(lambda self: self.sinks.busy)
    @rule(fate=st.sampled_from(("never", "late")))
    def sinks_crash(self, fate: str) -> None:
        for flight in self.sinks.store.flights:
            self._lose(flight, fate)
        self._bury_sinks()

    @precondition(lambda self: self.sinks.busy)
    @rule(stopping=st.booleans())
    def sinks_leave(self, stopping: bool) -> None:
        """Partitions are revoked and come back, or the process stops in order and another starts."""
        self.sinks.stopping = stopping
        if not self.sinks.close():
            self.sinks.later(DRAIN_S)
        if stopping:
            self.sinks_crash("late")
        else:
            self.sinks.assign()

    # When everything is quiet

    @precondition(lambda self: self.unsettled >= 20)
    @rule()
    def quiet(self) -> None:
        for worker in self.workers.values():
            worker.frozen = False
        self.rebalance(NAMES)
        rounds = sum(1 for _ in takewhile(lambda _: self._moves(), range(ROUNDS)))
        assert rounds < ROUNDS, "it never becomes quiet"
        for write in self.wire:
            write()
        self.wire.clear()
        self.account.settle()
        self.unsettled = 0

    def teardown(self) -> None:
        try:
            if sys.exception() is None:  # nothing has failed yet
                self.quiet()
        finally:
            for name in list(self.workers):
                self._bury(name)
            self._bury_sinks(again=False)

    @invariant()
    def accounts_are_right(self) -> None:
        self.account.look()

    def _moves(self) -> bool:
        """Everybody does what there is to do; False if that was nothing."""
        before = self.broker.size, dict(self.broker.committed), dict(self.client.items)
        for partition in range(PARTITIONS):
            self.flow(partition)
        for place in PLACES:
            self.sinks.poll(*place, ALL)
            while self.sinks.store.flights:
                self.sinks.store.answered(self.sinks.store.flights[0])
                self.sinks.turn()
                self._reap()
        self.sinks.later(3.0)
        self._reap()
        return before != (self.broker.size, self.broker.committed, self.client.items)

    def _sinks(self) -> Sinks:
        return Sinks(self.broker, self.client, SETTINGS, BEGIN / 1000)

    def _one(self, choices: Any, which: int) -> Any:
        return choices[which % len(choices)]

    def _answer(self, flight: Flight, fate: str) -> None:
        if fate == "stored":
            self.sinks.store.answered(flight)
        else:
            self._lose(flight, fate)
            self.sinks.store.unanswered(flight)
        self.sinks.turn()
        self._reap()

    def _lose(self, flight: Flight, fate: str) -> None:
        """No answer comes, whether or not it arrives, and whenever."""
        if fate == "answer lost":
            flight.write()
        if fate == "late":
            self.wire.append(flight.write)

    def _recovery(self, cut: int | None) -> Recovery:
        """A recovery; now and then a zombie wakes in the middle of it, and goes on where it was."""
        recover = recovers(self.broker, 5) if cut is None else recovers_until(self.broker, 2, cut)

        def step(store: MemoryStore, changelog: TopicPartition) -> bool:
            done = recover(store, changelog)
            if self.waking is not None:
                self.waking -= 1
                if self.waking < 0:
                    self.waking = None
                    self._wake()
            return done

        return step

    def _wake(self) -> None:
        """Whoever is frozen goes on with the checkpoint that it was in."""
        for worker in [worker for worker in self.workers.values() if worker.frozen]:
            worker.frozen = False
            for _, lane in worker.lanes:
                self._refuses(lane.producer, lambda worker=worker, lane=lane: self._let_go(worker, lane))  # type: ignore[misc]

    def _die(self, name: str, keeps: bool) -> None:
        self._bury(name)
        if not keeps:
            self.disks[name].clear()

    def _let_go(self, worker: Worker, lane: Lane, fails: bool = False) -> None:
        held = lane.producer.held
        if held is None:
            return
        held.set_exception(RequestTimedOutError()) if fails else held.set_result(None)
        worker.turn()

    def _refuses(self, producer: Producer, act: Callable[[], None]) -> None:
        """If the producer is a zombie's, nothing is written, whatever it does."""
        fenced, before = producer.fenced, (self.broker.size, dict(self.broker.committed))
        act()
        assert not fenced or before == (self.broker.size, self.broker.committed), "a zombie has written something"

    def _revoke(self, patient: bool) -> None:
        """All that the group can reach; a checkpoint that is held has its answer, or it does not come in time."""
        for worker in [worker for worker in self.workers.values() if not worker.frozen]:
            for lane in [lane for _, lane in worker.lanes if lane.producer.held is not None and patient]:
                self._let_go(worker, lane)
            if not worker.left and not worker.revoke():
                worker.later(LAST_S)
        self._reap(Exit.CHECKPOINT_FAILED)

    def _reap(self, *also: Exit) -> None:
        """Who has left is gone: a zombie because it was fenced, others only for the reasons given."""
        for name, worker in list(self.workers.items()):
            self._is_sound(worker)
            if worker.left is not None:
                assert worker.left in also or worker.left is Exit.FENCED and any(producer.fenced for producer in worker.producers), worker.cause
                self._bury(name)
        self._is_sound(self.sinks)
        assert self.sinks.left is None, self.sinks.cause

    def _is_sound(self, process: Process) -> None:
        assert not process.errors, process.errors

    def _bury(self, name: str) -> None:
        self.workers.pop(name).kill()

    def _bury_sinks(self, again: bool = True) -> None:
        self.sinks.kill()
        self.sinks.store.close()
        if again:
            self.sinks = self._sinks()


@pytest.fixture(autouse=True)
def unsaid(caplog: pytest.LogCaptureFixture) -> None:
    """What a thousand sinks say while nothing is stored would hide what a failure says."""
    caplog.set_level(logging.CRITICAL, "wattfall")


def test_no_order_makes_a_total_wrong() -> None:
    run_state_machine_as_test(
        WaterfallMachine,
        settings=settings(max_examples=80, stateful_step_count=50, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]),
    )
