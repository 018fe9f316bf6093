"""Whoever waits until all is done, and gets no answer any more before his time is up, is not told that it is."""

from __future__ import annotations

import asyncio

from aiokafka.structs import TopicPartition

from streams.brokers import Brokers
from streams.lag import Lag, Meter, Stage

STAGES = [Stage("hours", ("sinks",)), Stage("days", ("sinks",))]


class Silent(Meter):
    """Nobody is behind in hours, and somebody in days; but the first question about days is never answered."""

    asked = False

    async def ends(self, topic: str) -> dict[TopicPartition, int]:
        if topic == "days" and not self.asked:
            self.asked = True
            await asyncio.Event().wait()
        return {TopicPartition(topic, 0): 3}

    async def lag(self, topic: str, group: str, ends: dict[TopicPartition, int]) -> Lag:
        behind = 3 if topic == "days" else 0
        return Lag(topic, group, 3, 3 - behind, behind)


def test_what_nobody_answered_for_is_asked_once_more() -> None:
    behind = asyncio.run(Silent(Brokers(), {"hours": 1, "days": 1}).behind(STAGES, 0.01))
    assert [(lag.topic, lag.behind) for lag in behind] == [("days", 3)]
