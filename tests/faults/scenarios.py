"""The scenarios: what is done to workers under load. `python -m tests.faults.prove` plays them long, the tests beside this file in part and short."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from agents.worker import ARENAS
from streams.exits import Exit
from tests.faults.clocks import NEAR_S, OFFSETS, clock, wrong_by
from tests.faults.load import LATE, PLAIN, Load, Present, near_missed, poisoned, readings
from tests.faults.losses import lose_changelogs, lose_items, lose_stores, lose_table
from tests.faults.nemesis import Nemesis
from tests.faults.proxy import Proxy, proxy
from tests.faults.usage import WARM, Usage
from tests.faults.verdict import Verdict, judge, records
from tests.faults.workers import Deployment, Seat, deployment
from tests.generator import STARTS, Rates
from tests.stack import Stack

DONE_S: Final = 60.0
"""So long after the last harm nothing is behind any more."""
T = TypeVar("T")
PER_S: Final = 300
SESSION_S: Final = 3
ZOMBIE_S: Final = 3 * SESSION_S
MOVES_WITHIN_S: Final = SESSION_S + 5
"""After a SIGKILL every partition moves on within so long."""
DEVICES: Final = 16
BURST: Final = 2_000
POISONED: Final = 60_000
AWAY_S: Final = 60.0
"""So long the broker is away in the long form."""
RECOVERIES: Final = 5
LONGER: Final = 1.2
SPARE: Final = 2.2
"""So many more readings than messages: some devices send many in one."""
HOT_MB: Final = "16"
"""The least, so that the bound is met in the warm-up."""
WATCHED: Final = Path(__file__).parent / "watched"


@dataclass(frozen=True)
class Setting:
    """`workers` of each role, each with changes of its own to its environment (`clocks`, `watched`), and the load; `start` is drawn if empty.

    `changes` are everybody's. Of the first `POISONED` messages a share is bad: `poisons`.
    """

    workers: int = 3
    clocks: Mapping[str, int] = field(default_factory=dict)
    watched: bool = False
    changes: Mapping[str, str] = field(default_factory=dict)
    devices: int = DEVICES
    per_s: int = PER_S
    interval_s: int = 300
    start: str = ""
    rates: Rates = PLAIN
    poisons: float = 0.0

    def environ(self, number: int, folder: Path) -> dict[str, str]:
        """Of the worker with this number."""
        wrong = clock(list(self.clocks)[number]) if self.clocks else {}
        return wrong | (
            {"PYTHONPATH": str(WATCHED), "WATCHED": str(folder), "WATTFALL_HOT_MB": HOT_MB, "MALLOC_ARENA_MAX": ARENAS} if self.watched else {}
        )


@dataclass
class Scene:
    """What a scenario plays in. `scale` is 1 in the long form."""

    here: Deployment
    dynamodb: Proxy
    nemesis: Nemesis
    load: Load
    scale: float
    remark: str = ""
    counted_again: bool = False
    sent_besides: int = 0

    @property
    def sent(self) -> int:
        """Messages that the brokers confirmed."""
        return self.load.confirmed + self.sent_besides

    async def end(self, *, steady: bool = True, limit_s: float = DONE_S) -> Verdict:
        """The load is cut, all of it is stored, and judged. `steady`: workers have ended only when they were struck. Raises what is wrong."""
        await self.load.cut()
        await self.here.done(limit_s)
        nemesis, context = self.nemesis, f"{self.load} {self.nemesis.pulse}"
        verdict = await judge(self.here, self.sent, counted_again=self.counted_again, context=context)
        wrong = [*nemesis.unnamed, *(nemesis.unasked if steady else ()), *(() if self.counted_again else nemesis.pulse.back), *self.dynamodb.backward]
        if wrong:
            raise AssertionError("\n".join([*wrong, self.here.last_words()]))
        return verdict

    def times(self, count: int) -> int:
        """Of so many in the long form."""
        return max(1, round(count * self.scale))


async def crash(scene: Scene) -> None:
    """30 SIGKILLs of a waterfall and of a sink, with three of each; partitions move on within the session time-out and 5 s."""
    for _ in range(scene.times(30)):
        await scene.load.flows(PER_S)
        await scene.nemesis.kill()
    waits = scene.nemesis.pulse.waits
    assert max(waits) <= MOVES_WITHIN_S, f"every partition moved on after {sorted(waits)} s, not always within {MOVES_WITHIN_S} s"


async def zombies(scene: Scene) -> None:
    """10 workers are stopped for three sessions, half of them within a checkpoint, and come back."""
    for _ in range(max(2, scene.times(10))):
        await scene.load.flows(PER_S)
        await scene.nemesis.zombie(ZOMBIE_S)
    ends = [deed.landed.rpartition(", ")[2] for deed in scene.nemesis.journal.deeds]
    assert f"exit {int(Exit.FENCED)}" in ends, f"nobody was fenced: {ends}"


async def storm(scene: Scene) -> None:
    """Two waterfalls and a sink come and go for two minutes, each at its own pace, and no partition stands still for more than 30 s."""
    seconds, storm = max(12.0, 120 * scene.scale), scene.nemesis.storm
    joined = await both(storm(seconds), storm(seconds, 4.0), storm(seconds, 5.0, "sinks"))
    scene.remark = f"they came {', '.join(map(str, joined))} times"


async def broker(scene: Scene) -> None:
    """The broker is away for a minute, three ways: ended in order, killed (and a worker starts meanwhile), stopped; and stopped for 5 s."""
    await scene.nemesis.broker(signal.SIGTERM)
    await scene.load.flows(PER_S)
    await scene.nemesis.late_broker()
    for seconds in (5.0, max(5.0, AWAY_S * scene.scale)):
        await scene.load.flows(PER_S)
        await scene.nemesis.broker(signal.SIGSTOP, seconds)


async def outage(scene: Scene) -> None:
    """DynamoDB is bad for five minutes, then gone for one, and the sinks do not grow; gone again, and workers are asked to stop."""
    bad_s, gone_s = max(60.0, 300 * scene.scale), max(45.0, 60 * scene.scale)
    usage = Usage(scene.nemesis.sinks, scene.here.folder)
    await both(usage.watch(bad_s + gone_s), scene.nemesis.ever_worse_dynamodb(bad_s, gone_s))
    missing = [fault for fault in ("throttled", "broken", "reset", "hung", "lost", "late", "down") if not scene.dynamodb.counts[fault]]
    assert not missing or scene.scale < 1, f"nothing was {missing}: {scene.dynamodb.counts}"
    scene.remark = str(usage)
    assert not usage.grown(), f"{usage.grown()} {scene.remark}"
    gone = asyncio.create_task(scene.nemesis.no_dynamodb(gone_s))
    await asyncio.sleep(2)
    await scene.nemesis.term()
    assert scene.dynamodb.down, "DynamoDB was back before the workers had stopped"
    await gone


async def stop(scene: Scene) -> None:
    """Workers are asked to stop under load, again and again."""
    for _ in range(scene.times(10)):
        await scene.load.flows(PER_S)
        await scene.nemesis.term()


async def poison(scene: Scene) -> None:
    """At least every hundredth message must be refused, some come days too late, and nobody ends because of it; then workers are killed, too."""
    await scene.load.flows(scene.times(POISONED), limit_s=300)
    assert not scene.nemesis.unasked, scene.here.last_words()
    for _ in range(scene.times(10)):
        await scene.load.flows(PER_S)
        await scene.nemesis.kill()


async def mix(scene: Scene) -> None:
    """All of it for twenty minutes, in an order that the seed draws, some of it while DynamoDB is bad."""
    until = time.monotonic() + max(40.0, 1200 * scene.scale)
    nemesis = scene.nemesis
    deeds: list[Callable[[], Awaitable[object]]] = [
        nemesis.kill,
        nemesis.kill,
        nemesis.term,
        lambda: nemesis.zombie(ZOMBIE_S),
        lambda: nemesis.no_dynamodb(5),
        lambda: both(nemesis.bad_dynamodb(10), nemesis.kill()),
        lambda: both(nemesis.bad_dynamodb(10), nemesis.zombie(ZOMBIE_S)),
        lambda: both(nemesis.no_dynamodb(5), nemesis.kill("waterfall")),
        lambda: nemesis.broker(signal.SIGKILL),
        lambda: nemesis.broker(signal.SIGSTOP, 5),
    ]
    while time.monotonic() < until:
        nemesis.random.shuffle(deeds)
        for deed in deeds:  # each once, so that none is left out by chance
            if time.monotonic() < until:
                await scene.load.flows(PER_S)
                await deed()


async def both(*harms: Coroutine[Any, Any, T]) -> list[T]:
    """At the same time. Raises what went wrong first."""
    tasks = [asyncio.ensure_future(harm) for harm in harms]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def clocks(scene: Scene) -> None:
    """Workers whose clocks are a day behind, an hour and a day ahead are killed and asked to stop; some readings are of now or of hours to come."""
    present = Present(scene.here.stack.brokers, scene.here.topics.readings).start()
    for _ in range(scene.times(4)):
        await scene.load.flows(PER_S)
        await scene.nemesis.kill()
        await scene.load.flows(PER_S)
        await scene.nemesis.term()
    await scene.load.flows(PER_S)
    await present.stop()
    scene.sent_besides = present.confirmed
    for seats in (scene.nemesis.waterfalls, scene.nemesis.sinks):
        for seat, (offset, ahead_s) in zip(seats, OFFSETS.items(), strict=True):
            assert abs(wrong_by(seat.log) - ahead_s) < NEAR_S, f"the clock of {seat.name} is not wrong by {offset}\n{seat.tail}"
            scene.nemesis.note("clock wrong", seat.name, scene.nemesis.began, offset)


async def lost(scene: Scene) -> None:
    """All local stores are lost, then everything in DynamoDB, then a table of it."""
    await in_turn(scene, lose_stores, lose_items, lose_table)


async def in_turn(scene: Scene, *deeds: Callable[[Nemesis], Awaitable[None]]) -> None:
    """One after the other, under load."""
    for deed in deeds:
        await scene.load.flows(PER_S)
        await deed(scene.nemesis)


async def recount(scene: Scene) -> None:
    """All changelogs are lost, so that everything is counted again."""
    scene.counted_again = True
    await in_turn(scene, lose_changelogs)


async def history(scene: Scene) -> None:
    """Ten times as much history does not lengthen the recovery, of a worker that has lost its local stores, by more than 20 %."""
    few, before = await recoveries(scene), scene.load.confirmed
    scene.load.per_s = BURST
    await scene.load.flows(10 * scene.load.confirmed, limit_s=900)
    scene.load.per_s = PER_S
    await scene.load.flows(60 * PER_S, limit_s=120)
    many = await recoveries(scene)
    scene.remark = f"recovery {few:.1f} s after {before:,} messages, {many:.1f} s after {scene.load.confirmed:,}"
    assert many <= few * LONGER, scene.remark


async def recoveries(scene: Scene) -> float:
    """Seconds until every partition has moved on, the middle one of some."""
    before = len(scene.nemesis.pulse.waits)
    for _ in range(RECOVERIES):
        await scene.load.flows(PER_S)
        await lose_stores(scene.nemesis)
    return statistics.median(scene.nemesis.pulse.waits[before:])


async def soak(scene: Scene) -> None:
    """2,000 readings a second for twenty minutes: neither memory nor descriptors, threads or tasks grow once the first periods are forgotten."""
    # Ten months pass for each device; the first is forgotten after three minutes.
    seconds, before = max(60.0, 1200 * scene.scale), scene.load.confirmed
    usage = Usage(scene.here.seats, scene.here.folder)
    _, forgotten = await both(usage.watch(seconds), months_forgotten(scene.here, after_s=seconds * WARM))
    assert forgotten or scene.scale < 1, "in the warm-up no month was forgotten, so it was none"
    rate = (scene.load.confirmed - before) / seconds
    scene.remark = f"{rate:,.0f} readings/s; {usage}"
    assert scene.load.under_way and rate >= 0.95 * scene.load.per_s, f"{scene.remark}; {scene.load}"
    assert not usage.grown(), f"{usage.grown()} {scene.remark}"


async def months_forgotten(here: Deployment, after_s: float) -> int:
    """So many rows of months and their days were deleted after so many seconds."""
    await asyncio.sleep(after_s)
    return sum(record.value is None for some in (await records(here, here.topics.months_table)).values() for record in some)


@dataclass(frozen=True)
class Scenario:
    """`play` does the harm. The load is made for `seconds` in the long form, at least for `least_s`: more than is needed, since it is cut.

    `steady`: workers end only when they are struck. `away_s`: so long a broker is away before it is started again, in the long form.
    """

    play: Callable[[Scene], Awaitable[None]]
    seconds: int
    setting: Setting = Setting()
    least_s: int = 200
    steady: bool = True
    away_s: float = 1.0


SINGLE: Final = replace(LATE, batch_devices=0.0, silences_an_hour=0.0)
"""A reading a message, and no thousands of gap hours."""
SCENARIOS: Final[Mapping[str, Scenario]] = {
    "crash": Scenario(crash, 1500, Setting(rates=LATE)),
    "zombies": Scenario(zombies, 800, Setting(rates=LATE)),
    "storm": Scenario(storm, 400),
    "broker": Scenario(broker, 900, steady=False, away_s=AWAY_S),
    "outage": Scenario(outage, 900, Setting(watched=True)),
    "stop": Scenario(stop, 600),
    "clocks": Scenario(clocks, 400, Setting(clocks=OFFSETS)),
    "lost": Scenario(lost, 400, steady=False),
    "recount": Scenario(recount, 300, steady=False),
    "history": Scenario(history, 1000, Setting(workers=1), least_s=1000),
    "poison": Scenario(poison, 600, Setting(rates=LATE, poisons=0.01)),
    "mix": Scenario(mix, 3000, Setting(rates=LATE), steady=False),
    "soak": Scenario(soak, 700, Setting(workers=1, watched=True, per_s=2_000, interval_s=180, start="leap day", rates=SINGLE)),
}


@contextlib.asynccontextmanager
async def playing(
    stack: Stack, name: str, folder: Path, seed: int, scale: float, seconds: float, setting: Setting = Setting()
) -> AsyncIterator[Scene]:
    """Workers that work, under load."""
    zone, start = STARTS[setting.start or list(STARTS)[seed % len(STARTS)]]
    async with (
        proxy(stack.dynamodb, seed) as dynamodb,
        deployment(stack, name, folder, WATTFALL_ZONE=zone, AWS_ENDPOINT_URL_DYNAMODB=dynamodb.url, **setting.changes) as here,
    ):
        await here.create()
        environs = [setting.environ(number, folder) for number in range(setting.workers)]
        waterfalls, sinks = ([here.seat(role, **environ).keep() for environ in environs] for role in ("waterfall", "sinks"))
        for seat in (*waterfalls, *sinks):
            await worker_works(seat)
        hours = max(48.0, SPARE * seconds * setting.per_s / setting.devices * setting.interval_s / 3600)
        sent = readings(seed, devices=setting.devices, hours=hours, start_ms=start, interval_s=setting.interval_s, rates=setting.rates)
        if setting.poisons:
            within = round(POISONED * min(1.0, scale))
            sent = [*near_missed(seed, poisoned(seed, sent[:within], setting.poisons)), *sent[within:]]
        gc.freeze()  # whoever looks through millions of messages for garbage answers nobody meanwhile, and this is the proxy's process
        load = Load(stack.brokers, here.topics.readings, sent, per_s=setting.per_s, seed=seed).start()
        nemesis = Nemesis(here, waterfalls, sinks, dynamodb, seed)
        nemesis.pulse.start()
        try:
            await load.flows(PER_S)
            yield Scene(here, dynamodb, nemesis, load, scale)
        finally:
            await nemesis.pulse.stop()
            gc.unfreeze()


async def worker_works(seat: Seat) -> None:
    """Returns when somebody sits there and takes records."""
    while seat.process is None:
        await asyncio.sleep(0.05)
    await seat.works()
