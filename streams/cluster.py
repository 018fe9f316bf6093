"""What the cluster has: topics with ids, partitions and configurations; made and checked against streams/topics.py."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from streams.brokers import Brokers
from streams.metadata import MetadataWithIds
from streams.topics import TopicSpec

ALREADY_EXISTS: Final = 36
UNKNOWN: Final = 3
"""Kafka's codes of a topic that is there already, and of one that is not."""
REQUEST_MS: Final = 10_000
LOOKS: Final = 150
LOOK_S: Final = 0.2
STARTED_S: Final = 2.0


class ClusterError(RuntimeError):
    """The brokers will not do: one line for a person."""


class NoBroker(ClusterError):
    """No broker answers."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is."""

    name: str
    ident: str
    partitions: int
    replication: int = 1


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster's id and its topics by name."""

    ident: str
    topics: Mapping[str, Topic]


class Heard(logging.Handler):
    """Keeps the last line."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Instead of saying it."""
        self.last = record.getMessage()


@contextmanager
def hushed() -> Iterator[Heard]:
    """Without aiokafka's own lines on a broker that does not answer, several a second: whoever waits says it himself, and has the last of them."""
    theirs, heard = logging.getLogger("aiokafka"), Heard()
    before, theirs.propagate = theirs.propagate, False
    theirs.addHandler(heard)
    try:
        yield heard
    finally:
        theirs.removeHandler(heard)
        theirs.propagate = before


@contextmanager
def answering(brokers: Brokers) -> Iterator[None]:
    """Around the whole work of a command: whatever Kafka's client raises becomes a ClusterError, one line for a person."""
    try:
        with hushed():
            yield
    except KafkaError as error:
        raise ClusterError(f"WATTFALL_BROKERS={brokers}: {error}") from None


async def delete(client: AIOKafkaAdminClient, names: Collection[str]) -> None:
    """Returns when the brokers know nothing of these topics any more: until then nobody can make them again. Raises ClusterError."""
    response = await client.delete_topics(list(names))
    refused = [f"{name}: {for_code(code).__name__}" for name, code in response.topic_error_codes if code not in (0, UNKNOWN)]
    if refused:
        raise ClusterError(f"not deleted: {', '.join(refused)}")
    for _ in range(LOOKS):
        if (await describe(client)).topics.keys().isdisjoint(names):
            return
        await asyncio.sleep(LOOK_S)
    raise ClusterError(f"the brokers still have {', '.join(names)}, {LOOKS * LOOK_S:g} s after they were to be deleted; do it again")


@asynccontextmanager
async def admin(brokers: Brokers) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client for questions to the cluster. Raises NoBroker where none answers."""
    client = AIOKafkaAdminClient(**brokers.client, request_timeout_ms=REQUEST_MS)
    with hushed() as heard:
        try:
            async with asyncio.timeout(REQUEST_MS / 1000):
                await client.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await client.close()
            raise NoBroker(f"WATTFALL_BROKERS={brokers}: no broker answers ({heard.last or type(error).__name__}); is it running?") from None
    try:
        yield client
    finally:
        await client.close()


async def describe(client: AIOKafkaAdminClient) -> Cluster:
    """What there is."""
    response = await client._send_request(MetadataWithIds())
    topics = {}
    for _, name, ident, _, partitions, *_ in response.topics:
        topics[name] = Topic(name, str(ident), len(partitions), min((len(replicas) for _, _, _, _, replicas, *_ in partitions), default=1))
    return Cluster(str(response.cluster_id), topics)


async def having(client: AIOKafkaAdminClient, names: Iterable[str]) -> Cluster:
    """What there is. Raises ClusterError if one of these topics is missing or does not fit, a phrase for each.

    A broker that has just started may not know all of them yet: what is missing is looked for once more.
    """
    wanted = list(names)
    cluster = await describe(client)
    if missing(cluster, wanted):
        await asyncio.sleep(STARTED_S)
        cluster = await describe(client)
    if faults := missing(cluster, wanted):
        raise ClusterError("; ".join(faults))
    return cluster


async def create(client: AIOKafkaAdminClient, specs: Iterable[TopicSpec], partitions: int, replication: int) -> list[str]:
    """Makes the topics that are missing; returns their names. Raises ClusterError with the broker's reason."""
    there = (await describe(client)).topics
    absent = [spec for spec in specs if spec.name not in there]
    wanted = [NewTopic(spec.name, partitions, replication, topic_configs=dict(spec.configs) | insync(replication)) for spec in absent]
    if not wanted:
        return []
    response = await client.create_topics(wanted, timeout_ms=REQUEST_MS)
    made = []
    for name, code, *rest in response.topic_errors:
        if code == 0:
            made.append(name)
        elif code != ALREADY_EXISTS:
            raise ClusterError(f"topic {name} could not be made: {rest[0] if rest and rest[0] else f'error {code}'}")
    return made


def insync(replication: int) -> dict[str, str]:
    """With three replicas or more, a write counts when two have it."""
    return {"min.insync.replicas": "2" if replication > 2 else "1"}


async def configurations(client: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """The topics' present configurations."""
    found: dict[str, dict[str, str]] = {}
    for response in await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names]):
        for code, message, _, name, entries in response.resources:
            if code:
                raise ClusterError(f"the configuration of {name} cannot be read: {message}")
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


def missing(cluster: Cluster, names: Iterable[str]) -> list[str]:
    """What is not there, or not with as many partitions as the rest; one phrase each."""
    wanted = list(names)
    absent = [name for name in wanted if name not in cluster.topics]
    faults = [f"no such topic: {', '.join(absent)}; make what is missing with: python -m agents topics create"] if absent else []
    counts = {name: cluster.topics[name].partitions for name in wanted if name in cluster.topics}
    if len(set(counts.values())) > 1:
        faults.append(f"all topics need the same number of partitions, but they have: {', '.join(f'{n} {c}' for n, c in counts.items())}")
    return faults


def unlike(spec: TopicSpec, configs: Mapping[str, str], replicated: bool) -> list[str]:
    """What a topic's configuration has that must not be so, and what would do."""
    wrong = []
    for key, value in spec.exactly.items():
        if sorted(configs.get(key, "").split(",")) != sorted(value.split(",")):
            wrong.append(f"topic {spec.name}: {key} is {configs.get(key)}, but must be {value}")
    for key, least in spec.at_least.items():
        text = configs.get(key, "0")
        if text != "-1" and int(text) < least:
            wrong.append(f"topic {spec.name}: {key} is {text}, but must be at least {least}")
    if replicated and int(configs.get("min.insync.replicas", "1")) < 2:
        wrong.append(f"topic {spec.name}: min.insync.replicas is 1, but must be at least 2 with three replicas")
    return wrong
