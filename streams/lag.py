"""How far each topic's takers are behind its end, and waiting until nothing is left to do.

Everything sent so far is done when the positions of each level have passed the ends that the level before had made by then. So the topics are
settled in the order of the flow: readings first, then hours, days, months; a topic's end is looked at when all that feeds it has settled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError, KafkaTimeoutError
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from streams.brokers import Brokers

POLL_S = 0.2
ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class Stage:
    """One topic and the groups that must have passed it."""

    topic: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lag:
    """One group's place in one topic, over all partitions."""

    topic: str
    group: str
    end: int
    position: int
    behind: int


class Meter:
    """Measures lag with clients of its own; use it as an asynchronous context.

    `partitions`: how many each topic has; `only`: those that are looked at, if not all; `poll_s`: how often, by whoever waits.
    """

    def __init__(self, brokers: Brokers, partitions: dict[str, int], only: Collection[int] | None = None, poll_s: float = POLL_S) -> None:
        self.brokers, self.partitions, self.only, self.poll_s = brokers, partitions, only, poll_s

    async def __aenter__(self) -> Meter:
        self.consumer = AIOKafkaConsumer(**self.brokers.client)
        self.admin = AIOKafkaAdminClient(**self.brokers.client)
        try:
            await self.consumer.start()
            await self.admin.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.consumer.stop()
        await self.admin.close()

    def tps(self, topic: str) -> list[TopicPartition]:
        """A topic's partitions."""
        return [TopicPartition(topic, partition) for partition in range(self.partitions[topic]) if self.only is None or partition in self.only]

    async def ends(self, topic: str) -> dict[TopicPartition, int]:
        """Where each partition ends now; empty ones are left out."""
        tps = self.tps(topic)
        begins, ends = await self.consumer.beginning_offsets(tps), await self.consumer.end_offsets(tps)
        return {tp: ends[tp] for tp in tps if ends[tp] > begins[tp]}

    async def lag(self, topic: str, group: str, ends: dict[TopicPartition, int]) -> Lag:
        """A group's place against these ends."""
        offsets = {tp: max(found.offset, 0) for tp, found in (await self.commits(group)).items()} if ends else {}
        behind = sum(max(0, end - offsets.get(tp, 0)) for tp, end in ends.items())
        return Lag(topic, group, sum(ends.values()), sum(offsets.get(tp, 0) for tp in ends), behind)

    async def commits(self, group: str) -> dict[TopicPartition, OffsetAndMetadata]:
        """What a group committed: nothing in a cluster that has never had a group."""
        try:
            found: dict[TopicPartition, OffsetAndMetadata] = await self.admin.list_consumer_group_offsets(group)
        except GroupCoordinatorNotAvailableError:
            return {}
        return found

    async def now(self, stages: Iterable[Stage]) -> list[Lag]:
        """Every group's lag in every topic, as of now."""
        found = []
        for stage in stages:
            ends = await self.ends(stage.topic)
            found += [await self.lag(stage.topic, group, ends) for group in stage.groups]
        return found

    async def behind(self, stages: Iterable[Stage], wait_s: float, show: Callable[[list[Lag]], None] = lambda lags: None) -> list[Lag]:
        """Who is still behind after so many seconds: nobody, once all that was there by now has passed. With 0 it only looks."""
        stages = list(stages)
        found: list[Lag] = []

        def keep(lags: list[Lag]) -> None:
            found[:] = [lag for lag in lags if lag.behind]
            show(lags)

        if not wait_s:
            keep(await self.now(stages))
            return found
        try:
            async with asyncio.timeout(wait_s):
                await self.settle(stages, keep, lambda: None)
        except TimeoutError:
            if not found:  # so far; what comes behind that may not have been answered for
                keep(await self.now(stages))
            return found
        return []

    async def settle(self, stages: Iterable[Stage], show: Callable[[list[Lag]], None], unanswered: Callable[[], None]) -> None:
        """Returns when every stage's groups have passed the end it had when the stages before were settled; asks again where nobody answers."""
        for stage in stages:
            ends: dict[TopicPartition, int] | None = None
            while True:
                try:
                    async with asyncio.timeout(ANSWER_S):
                        ends = await self.ends(stage.topic) if ends is None else ends
                        lags = [await self.lag(stage.topic, group, ends) for group in stage.groups]
                except (KafkaError, TimeoutError) as error:
                    if isinstance(error, KafkaError) and not (error.retriable or isinstance(error, KafkaTimeoutError)):
                        raise
                    unanswered()
                else:
                    show(lags)
                    if not any(lag.behind for lag in lags):
                        break
                await asyncio.sleep(self.poll_s)
