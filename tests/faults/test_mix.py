"""A little of everything that may go wrong, one after the other on the same deployment; the long runs are tests/faults/prove.py."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.faults.scenarios import ZOMBIE_S, Setting, playing
from tests.stack import Stack

SEED = 8


async def test_a_little_of_everything(fresh_stack: Stack, own_name: str, tmp_path: Path) -> None:
    async with playing(fresh_stack, own_name, tmp_path, SEED, scale=0.05, seconds=200, setting=Setting(workers=2)) as scene:
        nemesis = scene.nemesis
        await nemesis.storm(9)
        await nemesis.broker(signal.SIGSTOP, 5)
        await nemesis.kill()
        await nemesis.zombie(ZOMBIE_S)
        await nemesis.no_dynamodb(3)
        await nemesis.term()
        await scene.load.flows(300)
        await scene.end(steady=False, limit_s=180)
