"""`python -m agents replay promote`: from now on a replay's sinks write, each of its totals wins, and older workers leave.

Safe to run again: where it was interrupted, the rest is done. Last it writes the totals of periods in which nothing is left to count, which no
sink would do: the new generation has nothing to say of them.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

from aiokafka.errors import CommitFailedError

from agents.ground import survey
from agents.replay import nothing_left
from agents.replay_command import Place, place, ran, settle
from agents.replay_diff import both
from agents.replay_start import begin_at, commit, told
from agents.resend_command import Offer, written
from agents.resend_command import told as outcome
from agents.store_sink import Rejecter, writer_of
from agents.stored_guard import check_tables
from dynamodb.client import writing_client
from dynamodb.errors import LogsMixed, Retired
from dynamodb.settings import Settings as DynamoSettings
from dynamodb.store import DynamoStore
from metering.total import Total
from settings.environ import SettingError
from streams.exits import Exit
from streams.generations import keep, successor
from streams.lag import Meter
from streams.settings import Settings

SPARE_S: Final = 86_400
LEAVE_S: Final = 60.0
"""More than workers need to look (agents/ground.py), and than the session of one that was killed."""


def run(settings: Settings, kept: DynamoSettings, *, dry_run: bool, wait_s: float) -> Exit:
    """0 if it is live in the end. Raises SettingError, TableUnfit, and ClusterError if it has not caught up within `wait_s`."""
    here = ran(settings, place(settings))
    check(here, int(time.time()))
    ran(settings, settle(here, wait_s, both=here.generation.since is not None and not here.generation.live and here.has(here.before)))
    if dry_run:
        print(f"would make epoch {settings.epoch} live, and take {ran(settings, count(here)):,} totals back that it does not have")
        return Exit.STOPPED
    print(told(replace(here.generation, live=True), settings.rules.zone), flush=True)
    try:
        ran(settings, go_live(here))
        ground = ran(settings, survey(settings, sinks=True, patient=False))
        check_tables(kept, ground.guard, settings.epoch, patient=False)
        print(ran(settings, take_back(here, kept, wait_s)))
    except (Retired, LogsMixed) as error:
        print(f"wattfall: {error}", file=sys.stderr)
        return Exit.RETIRED if isinstance(error, Retired) else Exit.LOGS_MIXED
    print(f"now start its sinks: WATTFALL_EPOCH={settings.epoch} and the rest of this environment, python -m agents sinks")
    return Exit.STOPPED


def check(here: Place, now_s: int) -> None:
    """May it go live now? Raises SettingError."""
    epoch, since = here.settings.epoch, here.generation.since
    if here.generation.is_trial:
        raise SettingError(f"WATTFALL_EPOCH={epoch} is a trial of some devices and cannot go live; drop it, and replay all in another epoch")
    newer = successor(here.known, epoch)
    if newer is not None:
        raise SettingError(f"WATTFALL_EPOCH={epoch} is over: epoch {newer} is live")
    open_s = 0 if since is None else since + here.settings.rules.restate_ms // 1000 + SPARE_S - now_s
    if open_s > 0 and not here.generation.live:
        raise SettingError(f"hours of before its first month are still open: readings for them would be lost; promote in {open_s // 3600 + 1} h")


async def vanished(here: Place) -> AsyncIterator[tuple[int, list[Total]]]:
    """By partition, the old generation's totals of periods of which the new one has none. It has to have settled since the old one ended."""
    for partition in range(here.partitions):
        before, after, _ = await both(here, partition)
        yield partition, [total for key, total in before.items() if key not in after]


async def count(here: Place) -> int:
    """How many of them there are."""
    return sum([len(gone) async for _, gone in vanished(here)]) if here.has(here.before) else 0


async def go_live(here: Place) -> None:
    """Its live values go on where the old sinks are, and then the record says that it is live."""
    if here.generation.live:
        return
    old, new, readings = f"{here.before.scope}-sinks", f"{here.settings.scope}-sinks", here.topics.readings
    async with Meter(here.settings.brokers, {readings: here.partitions}) as meter:
        commits = await meter.commits(old)
    positions = {tp.partition: at.offset for tp, at in commits.items() if tp.topic == readings and at.offset >= 0}
    if positions:
        await begin_at(here.settings, new, readings, positions)
    await keep(here.settings.brokers, here.topics.generations, replace(here.generation, live=True))


async def all_left(here: Place) -> bool:
    """Waits until the old generation's workers have seen that it is over, so that none of them writes any more."""
    limit = time.monotonic() + LEAVE_S
    for role in ("waterfall", "sinks"):
        while not await empty(here, f"{here.before.scope}-{role}"):
            if time.monotonic() > limit:
                return False
            await asyncio.sleep(0.5)
    return True


async def empty(here: Place, group: str) -> bool:
    """A group has no members. Only then can somebody commit from outside: what it had committed is committed again."""
    readings = here.topics.readings
    async with Meter(here.settings.brokers, {readings: here.partitions}) as meter:
        offsets = {tp: at for tp, at in (await meter.commits(group)).items() if tp.topic == readings and at.offset >= 0}
    if not offsets:
        return True
    try:
        await commit(here.settings, group, offsets)
    except CommitFailedError:
        return False
    return True


async def take_back(here: Place, kept: DynamoSettings, wait_s: float) -> str:
    """Writes, for each total that only the old generation has, that nothing is left; what became of it."""
    if not here.has(here.before):
        return f"epoch {here.before.epoch} has no topics any more: nothing is taken back"
    if not await all_left(here):
        return f"nothing is taken back yet: workers of epoch {here.before.epoch} are still there; stop them, and promote again"
    await settle(here, wait_s, both=False)  # what the old workers still counted, the new ones must have counted, too
    store = DynamoStore(writing_client(kept.threads), kept)
    try:
        writer = writer_of(store, kept, Rejecter(here.settings.brokers, here.topics.rejected), 0.0)

        async def feed(offer: Offer) -> int:
            taken = 0
            async for partition, gone in vanished(here):
                taken += len(gone)
                for position, total in enumerate(gone, 1):
                    await offer(partition, position, [nothing_left(total, here.settings.epoch)])
            return taken

        taken = await written(writer, feed)
    finally:
        store.close()
    return f"{taken:,} totals taken back: {outcome(writer.counts)}" if taken else "no total is taken back"
