"""`python -m agents audit`: equal where all is right, different where an item was changed by hand, and never because something is on its way."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from agents.audit import Result
from metering.total import Grain
from streams.cluster import admin
from streams.topics import specs
from tests.e2e.test_page import ask, free_ports, ready, samples
from tests.e2e.test_reconcile import Items
from tests.faults.load import PLAIN, Load, poisoned, readings
from tests.faults.proxy import proxy
from tests.faults.workers import Deployment, deployment
from tests.generator import HOUR, device_name
from tests.stack import Stack

SEED = 49
OFTEN = {"WATTFALL_AUDIT_EVERY_S": "0.2", "WATTFALL_AUDIT_DAYS": "2"}
SOON = {f"WATTFALL_{what}_{level}_S": "0.2" for what in ("CHECKPOINT", "FLUSH") for level in ("HOURS", "DAYS", "MONTHS")}
LIMIT_S = 60.0


async def counts(port: int) -> dict[str, int]:
    """What came of the audits so far."""
    page = (await asyncio.to_thread(ask, port, "/metrics"))[1]
    return {labels["result"]: int(value) for name, labels, value in samples(page) if name == "wattfall_audits_total"}


async def audited(port: int, result: Result, more: int = 1) -> dict[str, int]:
    """Returns when so many more audits ended so; how many of each there were meanwhile."""
    async with asyncio.timeout(LIMIT_S):
        while not (before := await counts(port)):
            await asyncio.sleep(0.1)
        while True:
            now = await counts(port)
            if now[result] - before[result] >= more:
                return {each: now[each] - before[each] for each in now}
            await asyncio.sleep(0.1)


async def let_messages_say_when(here: Deployment) -> None:
    """As if the readings had come in the course of the last days: the broker does not put its own time on them."""
    [spec] = [one for one in specs(here.topics) if one.name == here.topics.readings]
    configs = {**spec.configs, "message.timestamp.type": "CreateTime"}  # all, or those that are not named would be as if they had not been set
    async with admin(here.settings.brokers) as client:
        await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, spec.name, configs)])


async def test_it_finds_what_was_changed_and_takes_nothing_on_its_way_for_that(stack: Stack, own_name: str, tmp_path: Path) -> None:
    now = int(time.time() * 1000)
    sent = [one for one in readings(SEED, devices=2, hours=80, start_ms=now - 80 * HOUR, interval_s=300, rates=PLAIN) if one.timestamp_ms < now]
    place = next(number for number, one in enumerate(sent) if one.timestamp_ms > now - 8 * HOUR)
    first = sorted(poisoned(SEED, sent[:place], share=0.02), key=lambda one: one.timestamp_ms)
    port = free_ports()
    async with proxy(stack.dynamodb) as dynamodb, deployment(stack, own_name, tmp_path, WATTFALL_ZONE="Europe/Amsterdam", **SOON) as here:
        await here.create()
        await let_messages_say_when(here)
        await (await here.seat("waterfall").start()).works()  # and by then the broker does what it was told
        sinks = await here.seat("sinks").start()
        audit = here.seat("audit", WATTFALL_METRICS_PORT=str(port), AWS_ENDPOINT_URL_DYNAMODB=dynamodb.url, **OFTEN)
        await audit.start()
        await Load(stack.brokers, here.topics.readings, first, per_s=5000, seed=SEED, stamped=True).start().end()
        assert await ready(port) == "ok\n" and ask(port, "/live") == (200, "ok\n")
        assert set(await counts(port)) == {*Result}, "all of it is told from the start"
        await here.done()
        assert (await audited(port, Result.EQUAL))[Result.DIFFERENT] == 0

        items = Items(here, device_name(0))
        item = items.of(Grain.HOUR)[-8]
        items.put(Grain.HOUR, item | {"n": {"N": str(int(item.get("n", {"N": "0"})["N"]) + 1)}})
        await audited(port, Result.DIFFERENT)
        line = next(said for said in map(json.loads, audit.words.splitlines()) if "different" in said["message"])["message"]
        assert f"hour of {item['sk']['S'][2:]} different, days that are not" in line and device_name(0) not in audit.words
        found = re.search(r"(\S+/\d+/\d+): .* of (\d+) periods compared", line)
        assert found and 8 < int(found[2]) < 30, "two days are read, and the first of them may depend on the third"
        ran = await here.run("agents", "reconcile", "--at", found[1])
        assert ran.code == 1 and device_name(0) in ran.out
        items.put(Grain.HOUR, item)
        await audited(port, Result.EQUAL)  # the one that was under way may have looked before
        different = (await counts(port))[Result.DIFFERENT]

        load = Load(stack.brokers, here.topics.readings, sent[place:], per_s=5, seed=SEED, stamped=True).start()
        await load.flows(5)
        came = await audited(port, Result.EQUAL, 2)
        assert came[Result.DIFFERENT] == 0 and load.under_way
        assert await sinks.term(20) == 0
        await load.flows(5)
        await audit.says_again("what was counted is not all stored after")
        assert load.under_way
        await load.cut()

        dynamodb.down = True
        await sinks.start()
        assert "DynamoDB: " in await ready(port, 503)
        assert ask(port, "/live")[0] == 200 and audit.words.count("no audit: ") == 1
        dynamodb.down = False
        await audited(port, Result.EQUAL)
        assert ask(port, "/ready") == (200, "ok\n")
        assert (await counts(port))[Result.DIFFERENT] == different
        assert await audit.term(20) == 0
