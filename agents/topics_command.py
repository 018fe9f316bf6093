"""`python -m agents topics create | check`."""

from __future__ import annotations

import asyncio

from streams.cluster import admin, configurations, create, describe, missing, unlike
from streams.exits import Exit
from streams.settings import Settings
from streams.topics import Topics, specs


def run(settings: Settings, action: str) -> Exit:
    """Makes what is missing and prints it, or prints all that is wrong."""
    return asyncio.run(make(settings) if action == "create" else check(settings))


async def make(settings: Settings) -> Exit:
    """Idempotent: a topic that is there is left as it is."""
    async with admin(settings.brokers) as client:
        made = await create(client, specs(Topics.of(settings)), settings.partitions, settings.replication)
    for name in made:
        print(f"made {name}: {settings.partitions} partitions, replication {settings.replication}")
    print(f"{len(made)} topics made, {len(specs(Topics.of(settings))) - len(made)} were there")
    return Exit.STOPPED


async def check(settings: Settings) -> Exit:
    """Everything that is wrong, each with what would do."""
    wanted = specs(Topics.of(settings))
    async with admin(settings.brokers) as client:
        cluster = await describe(client)
        wrong = missing(cluster, [spec.name for spec in wanted])
        there = [spec for spec in wanted if spec.name in cluster.topics]
        configs = await configurations(client, [spec.name for spec in there]) if there else {}
    for spec in there:
        wrong += unlike(spec, configs[spec.name], cluster.topics[spec.name].replication > 2)
    for line in wrong:
        print(line)
    print(f"{len(wanted)} topics checked, {len(wrong)} {'thing' if len(wrong) == 1 else 'things'} wrong")
    return Exit.FAILED if wrong else Exit.STOPPED
