"""Workers' clocks decide nothing that is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.clocks import OFFSETS, library
from tests.faults.scenarios import Setting, clocks, playing
from tests.stack import Stack

SEED = 22


@pytest.mark.skipif(library() is None, reason="clocks are set wrong by libfaketime, whose package is for Linux on x86-64")
async def test_workers_whose_clocks_are_wrong_make_the_same_totals(stack: Stack, own_name: str, tmp_path: Path) -> None:
    async with playing(stack, own_name, tmp_path, SEED, scale=0.05, seconds=200, setting=Setting(clocks=OFFSETS)) as scene:
        await clocks(scene)
        await scene.end(steady=False, limit_s=180)  # who leaves by itself has said why, and it was no clock
