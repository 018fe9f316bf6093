"""What is made again when it was lost: local stores from the changelogs, tables from the readings, DynamoDB from the level topics."""

from __future__ import annotations

from pathlib import Path

from tests.faults.losses import lose_changelogs, lose_items, lose_stores, lose_table
from tests.faults.scenarios import PER_S, Setting, both, in_turn, playing
from tests.stack import Stack

SEED = 21


async def test_stores_tables_changelogs_and_items_that_are_lost_are_made_again(stack: Stack, own_name: str, tmp_path: Path) -> None:
    async with playing(stack, own_name, tmp_path, SEED, scale=0.05, seconds=200, setting=Setting(workers=2)) as scene:
        await both(in_turn(scene, lose_changelogs, lose_stores), in_turn(scene, lose_items, lose_table))
        await scene.load.flows(PER_S)
        scene.counted_again = True
        await scene.end(steady=False, limit_s=180)
