"""All orders of offering, writing, failing, committing, revoking and restarting: what is committed never passes what is not stored.

The log is what the level topic holds: for each partition a list of totals, position = index. The store does what DynamoDB does, conditions
included; an answer may be lost, and a write may arrive long after its sender gave it up.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dynamodb.pending import Pending, Slot
from dynamodb.writes import TotalWrite, Write
from tests.sample_totals import hour_total

PARTITIONS = (0, 1)
CAPACITY = 4
Key = tuple[int, str]


class SinkMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.log: dict[int, list[TotalWrite]] = {p: [] for p in PARTITIONS}
        self.committed = dict.fromkeys(PARTITIONS, 0)
        self.stored: dict[Key, int] = {}
        self.late: list[TotalWrite] = []  # given up by its sender, but still on the wire
        self.pending = Pending(CAPACITY)
        self.fetched = dict(self.committed)
        self.flights: list[tuple[Slot, Write]] = []

    def arrive(self, write: Write) -> None:
        """DynamoDB's condition."""
        assert isinstance(write, TotalWrite)
        key = (write.partition, write.total.device)
        if self.stored.get(key, -1) < write.total.offset:
            self.stored[key] = write.total.offset

    @rule(partition=st.sampled_from(PARTITIONS), devices=st.lists(st.sampled_from("abc"), min_size=1, max_size=4))
    def produce(self, partition: int, devices: list[str]) -> None:
        for device in devices:
            self.log[partition].append(TotalWrite(hour_total(device=device, offset=len(self.log[partition])), partition))

    @rule(partition=st.sampled_from(PARTITIONS), size=st.integers(0, 4))
    def offer(self, partition: int, size: int) -> None:
        """A batch as far as there is room: what finds none waits outside, and the batch is not complete."""
        start = self.fetched[partition]
        lane = self.pending.lane(partition)
        batch = self.log[partition][start : start + size]
        if all(self.pending.put(lane, write) for write in batch):
            self.fetched[partition] = start + len(batch)
            lane.positions.reach(self.fetched[partition])

    @precondition(lambda self: self.pending.waiting())
    @rule(which=st.integers(0, 99))
    def take(self, which: int) -> None:
        waiting = self.pending.waiting()
        slot = waiting[which % len(waiting)]
        write = self.pending.take(slot)
        assert write is not None
        flown = [(other.lane, other.key) for other, _ in self.flights]
        assert (slot.lane, slot.key) not in flown, "one write in flight a key"
        self.flights.append((slot, write))

    @precondition(lambda self: self.flights)
    @rule(which=st.integers(0, 99))
    def stored_or_stale(self, which: int) -> None:
        slot, write = self.flights.pop(which % len(self.flights))
        self.arrive(write)
        self.pending.done(slot)

    @precondition(lambda self: self.flights)
    @rule(which=st.integers(0, 99), fate=st.sampled_from(("never", "answer lost", "late")))
    def no_answer(self, which: int, fate: str) -> None:
        slot, write = self.flights.pop(which % len(self.flights))
        assert isinstance(write, TotalWrite)
        if fate == "answer lost":
            self.arrive(write)
        if fate == "late":
            self.late.append(write)
        self.pending.back(slot)

    @precondition(lambda self: self.late)
    @rule(which=st.integers(0, 99))
    def arrives_late(self, which: int) -> None:
        self.arrive(self.late.pop(which % len(self.late)))

    @rule(partition=st.sampled_from(PARTITIONS))
    def commit(self, partition: int) -> None:
        safe = self.pending.safe_position(partition)
        if safe is not None:
            assert safe >= self.committed[partition], "a position never goes back"
            self.committed[partition] = safe

    @rule(partition=st.sampled_from(PARTITIONS))
    def revoke(self, partition: int) -> None:
        self.pending.drop(partition)
        self.fetched[partition] = self.committed[partition]

    @rule()
    def restart(self) -> None:
        """Killed: what flew may yet arrive, everything else is gone; goes on from what was committed."""
        self.late += [write for _, write in self.flights if isinstance(write, TotalWrite)]
        self.flights = []
        self.pending = Pending(CAPACITY)
        self.fetched = dict(self.committed)

    @rule()
    def quiet(self) -> None:
        """Everything is fetched and every write answered: then all is stored, and all is safe."""
        for slot, write in self.flights:
            self.arrive(write)
            self.pending.done(slot)
        self.flights = []
        for partition in PARTITIONS:
            while self.fetched[partition] < len(self.log[partition]) or self.pending.waiting():
                self.offer(partition, 2)
                for slot in self.pending.waiting():
                    taken = self.pending.take(slot)
                    assert taken is not None
                    self.arrive(taken)
                    self.pending.done(slot)
        assert len(self.pending) == 0
        for partition in PARTITIONS:
            newest = {write.total.device: write.total.offset for write in self.log[partition]}
            assert newest == {device: offset for (held, device), offset in self.stored.items() if held == partition}
            assert self.pending.safe_position(partition) in (None, self.fetched[partition])

    @invariant()
    def committed_is_stored(self) -> None:
        for partition in PARTITIONS:
            for write in self.log[partition][: self.committed[partition]]:
                assert self.stored.get((partition, write.total.device), -1) >= write.total.offset

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.pending) <= CAPACITY


SinkMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestSink = SinkMachine.TestCase
