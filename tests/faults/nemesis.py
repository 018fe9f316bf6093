"""The nemesis: does one harm after the other to running workers, drawn by a seed, makes good what can be made good, and keeps a journal.

A deed counts only if it landed: the process is gone, or stopped, or the server that it hit was in use. The journal says what, to whom, when, and
when it was over; `Pulse` says how long it took until every partition moved on.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Final

import psutil
from aiokafka.errors import KafkaError

from streams.exits import Exit
from streams.lag import Meter
from tests.faults.proxy import QUIET, Proxy, Rates
from tests.faults.workers import Deployment, Seat, until

POLL_S: Final = 0.2
STOP_S: Final = 20.0
AGAIN_S: Final = 90.0
ZOMBIE_TRIES: Final = 5
SHUT_OUT: Final = (Exit.FENCED, Exit.CHECKPOINT_FAILED)
"""How a zombie ends: at its next write, or, where it hears of the rebalance first, because a last checkpoint is not to be had."""
GIVEN_UP: Final = frozenset({*SHUT_OUT, Exit.FENCE_FAILED, Exit.NOT_STARTED, Exit.FETCH_FAILED})
"""How a worker may end by itself when Kafka is away or somebody else has its place; everything else is a bug."""
IDLE: Final = "nothing in hand"
HELD: Final = "fault at before_commit: held"
TURN_S: Final = 20.0
"""A member that comes and goes takes no longer, or it is no storm."""
STORM_MOVES_S: Final = 30.0
"""So long a partition stands still at most while members come and go."""
BAD: Final = Rates(throttled=0.3, broken=0.02, reset=0.02, hung=0.002, lost=0.01, late=0.01)
"""Of an outage that lets most through; 30 % throttled and 1 % of the answers lost, as DynamoDB's worst days are."""


@dataclass
class Deed:
    """`began` and `over` in seconds since the nemesis was made; `pid` of the worker, if it was one; `landed` is how it is known to have struck."""

    what: str
    whom: str
    pid: int | None
    began: float
    over: float
    landed: str


class Journal:
    """Every deed, one JSON line each in `file`."""

    def __init__(self, file: Path) -> None:
        self.file, self.deeds = file, list[Deed]()
        file.parent.mkdir(parents=True, exist_ok=True)

    def note(self, deed: Deed) -> None:
        """Keeps a deed."""
        self.deeds.append(deed)
        with self.file.open("a") as lines:
            lines.write(json.dumps(asdict(deed)) + "\n")

    @property
    def counts(self) -> Counter[str]:
        """How many of each."""
        return Counter(deed.what for deed in self.deeds)


class Progress:
    """What a group's positions say that somebody asks for again and again: how long after a deed has every partition moved on?

    `moved`: when (monotonic) each partition was last seen at another position, `looked`: when the last question began. `stood`: how long one of them
    stood still at most, since somebody set it to 0. `back`: positions that went back. `last_words` is what to say when they do not move.
    """

    def __init__(self, partitions: int, last_words: Callable[[], str]) -> None:
        self.partitions, self.last_words = range(partitions), last_words
        self.before: dict[int, int] = {}
        self.moved: dict[int, float] = {}
        self.first: float | None = None
        self.looked = 0.0
        self.waits: list[float] = []
        self.stood = 0.0
        self.back: list[str] = []

    def take(self, positions: Mapping[int, int], began: float, now: float) -> None:
        """An answer: asked for when it `began`, here `now`. A partition has moved when its position is not what it was."""
        self.looked = began
        for partition, position in positions.items():
            held = self.before.get(partition)
            if held == position:
                continue
            if held is not None and position < held:
                self.back.append(f"partition {partition} from {held} to {position}")
            self.before[partition] = position
            self.moved[partition] = now
        first = self.first = now if self.first is None else self.first
        self.stood = max(self.stood, now - min(self.moved.get(partition, first) for partition in self.partitions))

    async def all_moved(self, since: float, limit_s: float = AGAIN_S) -> float:
        """Seconds from `since` (monotonic) until every partition has moved from where it was found then: what was committed before is no news."""
        await until(lambda: self.looked > since, limit_s, lambda: "the broker does not say where the group is")
        found = time.monotonic()
        await until(lambda: not self.still(found), limit_s, lambda: f"partitions {self.still(found)} did not move on\n{self.last_words()}")
        took = max(self.moved[partition] for partition in self.partitions) - since
        self.waits.append(took)
        return took

    def still(self, since: float) -> list[int]:
        """Which partitions have not moved."""
        return [partition for partition in self.partitions if self.moved.get(partition, 0.0) <= since]

    def __str__(self) -> str:
        if not self.waits:
            return "nothing was interrupted"
        return f"until every partition moved on: median {statistics.median(self.waits):.1f} s, longest {max(self.waits):.1f} s, of {len(self.waits)}"


class Pulse(Progress):
    """Watches the group's position in every partition of the readings."""

    def __init__(self, here: Deployment) -> None:
        super().__init__(here.settings.partitions, here.last_words)
        self.here = here
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look."""
        self.task = asyncio.create_task(self._run(), name="pulse")

    async def stop(self) -> None:
        """Looks no more."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    async def _run(self) -> None:
        """A broker that is away is no news."""
        topic, group = self.here.topics.readings, f"{self.here.settings.scope}-waterfall"
        while True:
            try:
                async with asyncio.timeout(10), Meter(self.here.settings.brokers, {topic: self.here.settings.partitions}) as meter:
                    await self._watch(meter, topic, group)
            except (KafkaError, TimeoutError, OSError):
                await asyncio.sleep(POLL_S)

    async def _watch(self, meter: Meter, topic: str, group: str) -> None:
        while True:
            began = time.monotonic()
            async with asyncio.timeout(5):
                commits = await meter.commits(group)
            self.take({tp.partition: found.offset for tp, found in commits.items() if tp.topic == topic}, began, time.monotonic())
            await asyncio.sleep(POLL_S)


class Nemesis:
    """`waterfalls` and `sinks` are kept by a supervisor (`Seat.keep`). Every method is a deed, over when it returns; it raises if it did not land."""

    def __init__(self, here: Deployment, waterfalls: Sequence[Seat], sinks: Sequence[Seat], dynamodb: Proxy, seed: int) -> None:
        self.here, self.waterfalls, self.sinks, self.dynamodb = here, waterfalls, sinks, dynamodb
        self.random, self.began = Random(seed), time.monotonic()
        self.zombies = 0
        self.journal, self.pulse = Journal(here.folder / "journal.jsonl"), Pulse(here)

    async def kill(self, *roles: str) -> None:
        """SIGKILL to one worker of each role, or of those named; over when every partition has moved on."""
        for seats in (self.waterfalls, self.sinks):
            if roles and seats[0].role not in roles:
                continue
            await self._deed("SIGKILL", self.random.choice(seats), self._kill)

    async def _kill(self, seat: Seat) -> str:
        code = await seat.struck(signal.SIGKILL)
        assert code == -signal.SIGKILL, f"{seat.name} ended with {code} and not by SIGKILL"
        await self._recovered(seat)
        return "ended by the signal"

    async def zombie(self, stopped_s: float) -> None:
        """SIGSTOP to a worker for longer than its session, every other one within a checkpoint; over when it was fenced and others have its place.

        Who is stopped with nothing in hand, just after a checkpoint, has nothing to write when it comes back: it takes what it is dealt, and lives.
        Then it is no zombie, and another is made.
        """
        self.zombies += 1
        within = self.zombies % 2 == 0
        what, landed = "zombie within a checkpoint" if within else "zombie", IDLE
        for _ in range(ZOMBIE_TRIES):
            seat = self.random.choice(self.waterfalls)
            await (self._hold(seat) if within else self._all_dealt_out())
            landed = await self._deed(what, seat, lambda seat: self._zombie(seat, stopped_s, within))
            if landed != IDLE:
                return
        raise AssertionError(f"nobody who was stopped had anything in hand, {ZOMBIE_TRIES} times")

    async def _zombie(self, seat: Seat, stopped_s: float, within: bool) -> str:
        pid = seat.pid
        os.kill(pid, signal.SIGSTOP)
        seat.changes.pop("WATTFALL_FAULT", None)
        since = time.monotonic()
        await self.pulse.all_moved(since)
        await asyncio.sleep(max(0.0, stopped_s - (time.monotonic() - since)))
        ends, dealings = len(seat.exits), seat.dealings
        os.kill(pid, signal.SIGCONT)
        await until(
            lambda: len(seat.exits) > ends or (not within and seat.dealings > dealings and seat.is_settled),
            AGAIN_S,
            lambda: f"{seat.name} was not shut out\n{seat.tail}",
        )
        if len(seat.exits) == ends:
            return IDLE
        code = seat.exits[ends]
        assert code in SHUT_OUT, f"{seat.name} came back and ended with {code}\n{seat.tail}"
        seat.asked[code] += 1
        return f"exit {int(code)}"

    async def _all_dealt_out(self) -> None:
        """Waits until each partition has one taker: who is stopped between two dealings holds nothing, and does no harm when it comes back."""
        await until(
            lambda: sum(seat.takes for seat in self.waterfalls) == self.here.settings.partitions and all(seat.takes for seat in self.waterfalls),
            AGAIN_S,
            lambda: f"the partitions are not dealt out: {[seat.takes for seat in self.waterfalls]}\n{self.here.last_words()}",
        )

    async def _hold(self, seat: Seat) -> None:
        """Another worker comes to this seat, whose every third checkpoint is held before its commit; returns within one."""
        await until(lambda: seat.process is not None, AGAIN_S, lambda: f"nobody came to {seat.name}")
        seat.changes["WATTFALL_FAULT"] = "pause:before_commit:1:3"
        await seat.works()
        await seat.struck(signal.SIGTERM)
        await until(lambda: seat.is_settled, AGAIN_S, lambda: f"{seat.name} does not come to rest\n{seat.tail}")
        await seat.says_again(HELD, AGAIN_S)

    async def term(self) -> None:
        """SIGTERM to one worker of each role: it ends with 0 within 20 s."""
        for seats in (self.waterfalls, self.sinks):
            await self._deed("SIGTERM", self.random.choice(seats), self._term)

    async def _term(self, seat: Seat) -> str:
        await seat.works()  # one that only starts is ended by the signal itself, and has nothing to lose
        began = time.monotonic()
        code = await seat.struck(signal.SIGTERM)
        took = time.monotonic() - began
        assert code == 0 and took <= STOP_S, f"{seat.name} ended with {code} after {took:.1f} s\n{seat.tail}"
        return f"exit 0 after {took:.1f} s"

    async def storm(self, seconds: float, every_s: float = 3.0, role: str = "waterfall") -> int:
        """A member comes and goes again and again, each time with a new dealing out; every partition has to move all the same. How often it came."""
        guest = self.here.seat(role)
        began, joined = time.monotonic(), 0
        self.pulse.stood = 0.0
        while time.monotonic() - began < seconds:
            turn = time.monotonic()
            await guest.start()
            await guest.says("fenced" if role == "waterfall" else "taking from", limit_s=STORM_MOVES_S)
            joined += 1
            await asyncio.sleep(max(0.0, every_s - (time.monotonic() - turn)))
            code = await guest.term(STOP_S)
            assert code == 0, f"{guest.name} left with {code}\n{guest.tail}"
            await self.pulse.all_moved(turn, STORM_MOVES_S)
            await asyncio.sleep(max(0.0, 2 * every_s - (time.monotonic() - turn)))
        stood = self.pulse.stood
        assert stood <= STORM_MOVES_S, f"a partition stood still for {stood:.0f} s"
        assert joined * TURN_S >= seconds, f"{guest.name} came and went {joined} times only, in {seconds:.0f} s"
        self.note("rebalance storm", guest.name, began, f"came and went {joined} times, no partition stood for more than {stood:.0f} s")
        return joined

    async def broker(self, number: signal.Signals, seconds: float = 0.0) -> None:
        """SIGTERM or SIGKILL: the stack starts it again after its time. SIGSTOP: it goes on after so many seconds."""
        began, stack = time.monotonic(), self.here.stack
        pid = stack.signal_broker(number)
        if number == signal.SIGSTOP:
            await asyncio.sleep(seconds)
            assert psutil.Process(pid).status() == psutil.STATUS_STOPPED, f"the broker {pid} was not stopped"
            os.kill(pid, signal.SIGCONT)
            landed = f"stopped for {seconds:g} s"
        else:
            other = await asyncio.to_thread(stack.await_other_broker, pid, AGAIN_S)
            landed = f"pid {other} after {pid}, away for {time.monotonic() - began:.0f} s"
        await self.pulse.all_moved(time.monotonic(), limit_s=AGAIN_S)
        self.note(f"broker {number.name}", "kafka", began, landed)

    async def late_broker(self) -> None:
        """SIGKILL to the broker, and a worker that starts while it is away: it waits, and works."""
        guest = self.here.seat("waterfall")
        gone = asyncio.create_task(self.broker(signal.SIGKILL))
        await asyncio.sleep(0.5)
        await guest.start()
        await guest.says("waiting: ")
        await gone
        await guest.works()
        assert await guest.term(STOP_S) == 0, guest.tail
        self.note("worker before its broker", guest.name, time.monotonic(), "waited, and worked")

    async def bad_dynamodb(self, seconds: float, rates: Rates = BAD) -> None:
        """So many of the writes go wrong, for so long."""
        began, before = time.monotonic(), self.dynamodb.counts.copy()
        self.dynamodb.rates = rates
        await self._felt("throttled", before)
        await asyncio.sleep(seconds)
        self.dynamodb.rates = QUIET
        struck = self.dynamodb.counts - before
        self.note("DynamoDB bad", "proxy", began, f"{dict(struck)}")

    async def no_dynamodb(self, seconds: float) -> None:
        """Nothing is answered at all, for so long after the first sink was refused."""
        began, before = time.monotonic(), self.dynamodb.counts.copy()
        self.dynamodb.down = True
        await self._felt("down", before)
        await asyncio.sleep(seconds)
        self.dynamodb.down = False
        refused = (self.dynamodb.counts - before)["down"]
        self.note("DynamoDB down", "proxy", began, f"{refused} requests")

    async def ever_worse_dynamodb(self, bad_s: float, gone_s: float) -> None:
        """First bad, then gone."""
        await self.bad_dynamodb(bad_s)
        await self.no_dynamodb(gone_s)

    async def _felt(self, harm: str, before: Counter[str]) -> None:
        """Waits until the first request was struck: sinks that are just dealt out anew write nothing for a while."""
        await until(
            lambda: self.dynamodb.counts[harm] > before[harm],
            AGAIN_S,
            lambda: f"no request was {harm}: {self.dynamodb.counts}\n{self.here.last_words()}",
        )

    @property
    def unasked(self) -> list[str]:
        """Which workers ended by themselves, and how."""
        return [by_itself(seat) for seat in self.here.seats if seat.by_themselves]

    @property
    def unnamed(self) -> list[str]:
        """Those of them that ended for no cause that starting again mends."""
        return [by_itself(seat) for seat in self.here.seats if not seat.by_themselves.keys() <= GIVEN_UP]

    async def _recovered(self, seat: Seat) -> None:
        """After the end of a waterfall every partition moves on; sinks are judged by what is stored in the end."""
        if seat.role == "waterfall":
            await self.pulse.all_moved(time.monotonic())

    async def _deed(self, what: str, seat: Seat, do: Callable[[Seat], Awaitable[str]]) -> str:
        await until(lambda: seat.process is not None, AGAIN_S, lambda: f"nobody came to {seat.name}")
        await until(lambda: seat.is_settled, AGAIN_S, lambda: f"{seat.name} does not come to rest\n{seat.tail}")
        began, pid = time.monotonic(), seat.pid
        landed = await do(seat)
        self.note(what if landed != IDLE else f"{what}, {IDLE}", seat.name, began, landed, pid)
        return landed

    def note(self, what: str, whom: str, began: float, landed: str, pid: int | None = None) -> None:
        """Keeps a deed that landed; `began` as time.monotonic() gives it."""
        self.journal.note(Deed(what, whom, pid, round(began - self.began, 2), round(time.monotonic() - self.began, 2), landed))


def by_itself(seat: Seat) -> str:
    """For people."""
    return f"{seat.name} ended by itself with {dict(seat.by_themselves)}"
