"""The verdict: what is durably in the readings topic, what the oracle makes of it, and whether everything that the product keeps says the same.

`judge` reads all of it and has it judged; `judged` knows nothing of where it came from, so tests/unit/test_verdict.py can falsify every part.

Compared are the items in DynamoDB, the level topics, the topics rejected and late record by record, the live readings, and what became of every
reading: in = counted + duplicate + corrected + rejected + late.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from dynamodb.items import LIVE, live_from_item
from dynamodb.reader import Reader
from dynamodb.settings import Settings as DynamoSettings
from metering.compare import Key, compared, differences, named, read
from metering.erase import erase_from_json, is_tombstone
from metering.live import Live
from metering.rules import Rules
from metering.total import Grain, Total
from metering.wire import total_from_json, total_key, total_to_json
from streams.erasure import HEADER
from streams.position import Position, position_key
from tests.faults.workers import Deployment, client_of
from tests.oracle import Message, Oracle
from tests.oracle_reading import partition_of

SHOWN: Final = 12
Log = dict[int, list[ConsumerRecord]]
Refused = tuple[int, bytes | None, str, str, str | None, bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]


@dataclass(frozen=True)
class Kept:
    """All that is kept and told of one application when its workers are done.

    `levels`: the level topics; by what they make, `tables`: the hops' changelogs, with the position records, and `ends`: where each partition of
    their sources ends, behind whatever markers. `stored` and `lives`: what is in DynamoDB; `lives` is None where they say nothing.
    """

    readings: Log
    levels: Mapping[Grain, Log]
    rejected: Log
    late: Log
    tables: Mapping[Grain, Log]
    ends: Mapping[Grain, Mapping[int, int]]
    stored: Mapping[Key, Total]
    lives: Mapping[str, Live] | None


@dataclass
class Verdict:
    """`lines`: what was compared, and how many; `wrong`: what differs, exactly.

    `readings`: how many the oracle found in the topic; `outcomes`: what the workers say became of them. `totals`: how many there have to be in
    DynamoDB, and `kinds` how many of those are not there, too many or different.
    """

    lines: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    readings: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    totals: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    def note(self, what: str, count: int, wrong: Iterable[str]) -> None:
        """Takes the result of one comparison."""
        found = [f"{what}: {line}" for line in wrong]
        self.wrong += found
        self.lines.append(f"{what:<28}{count:>9,}  {'equal' if not found else f'{len(found)} WRONG'}")

    def __str__(self) -> str:
        more = [f"… and {len(self.wrong) - SHOWN} more"] if len(self.wrong) > SHOWN else []
        return "\n".join([*self.lines, *self.wrong[:SHOWN], *more])


class Wrong(AssertionError):
    """Something differs; `verdict` says what."""

    def __init__(self, verdict: Verdict, words: str) -> None:
        super().__init__(words)
        self.verdict = verdict


async def judge(here: Deployment, sent: int | None = None, *, counted_again: bool = False, live: bool = True, context: object = "") -> Verdict:
    """Compares all there is; raises `Wrong` with what differs. The workers have to be done (`Deployment.done`).

    `sent`: messages that the brokers confirmed, where that is known. `counted_again`: all readings were, since the tables were lost. Then the level
    topics tell everything again, and refused records are there twice.
    """
    kept = await read_all(here, live=live)
    verdict = judged(kept, ask(kept.readings, here.settings.rules), sent, counted_again=counted_again)
    print(f"\n{here.name} {context}\n{verdict}\n{dict(verdict.outcomes)}")
    if verdict.wrong:
        raise Wrong(verdict, f"{here.name} {context}\n{verdict}\n{here.last_words()}")
    return verdict


def judged(kept: Kept, oracles: Mapping[int, Oracle], sent: int | None = None, *, counted_again: bool = False) -> Verdict:
    """The same of what was read; `oracles` is what `ask` made of its readings."""
    verdict = Verdict()
    found = sum(map(len, kept.readings.values()))
    verdict.note("messages", found, [] if sent in (None, found) else [f"{sent} were confirmed, {found} are in the topic"])
    verdict.readings = sum(sum(oracle.outcomes.values()) for oracle in oracles.values())
    expected = {key: total for oracle in oracles.values() for key, total in oracle.totals().items()}
    verdict.totals = len(expected)
    assert {grain for _, grain, _ in expected} == set(Grain), "nothing to compare"
    for grain, log in kept.levels.items():
        wanted = {key: total for key, total in expected.items() if key[1] is grain}
        stored = {key: total for key, total in kept.stored.items() if key[1] is grain}
        last = newest(log)
        differ = list(compared(stored, wanted))
        verdict.kinds.update(one.kind.value for one in differ)
        verdict.note(f"{grain}s in DynamoDB", len(wanted), map(str, differ))
        verdict.note(f"{grain}s in the topic", len(wanted), differences(last, wanted))
        verdict.note(f"{grain}s' versions there", len(stored), behind(stored, last))
        verdict.note(f"{grain}s' versions", sum(map(len, log.values())), unordered(log, again=counted_again))
    if kept.lives is not None:
        verdict.note("live readings", *lives(kept.lives, oracles))
    verdict.note("rejected", *refusals(kept.rejected, kept.readings, oracles, late=False, again=counted_again))
    verdict.note("late", *refusals(kept.late, kept.readings, oracles, late=True, again=counted_again))
    positions = {grain: kept_positions(table) for grain, table in kept.tables.items()}
    verdict.outcomes = sum((position.outcomes for position in positions[Grain.HOUR].values()), Counter())
    verdict.note("outcomes of readings", verdict.readings, accounts(positions[Grain.HOUR], kept.ends[Grain.HOUR], oracles))
    for part, grain in pairwise(Grain):
        log = kept.levels[part]
        verdict.note(f"outcomes of {part}s", sum(map(len, log.values())), tallies(positions[grain], kept.ends[grain], log, again=counted_again))
    return verdict


async def read_all(here: Deployment, *, live: bool) -> Kept:
    """All of it, as it is now."""
    topics = here.topics
    tables, sources = (topics.hours_table, topics.days_table, topics.months_table), (topics.readings, topics.hours, topics.days)
    names = (topics.readings, topics.rejected, topics.late, *topics.levels, *tables)
    readings, rejected, late, *logs = await asyncio.gather(*[records(here, name) for name in names])
    return Kept(
        readings=readings,
        levels=dict(zip(Grain, logs[:3], strict=True)),
        rejected=rejected,
        late=late,
        tables=dict(zip(Grain, logs[3:], strict=True)),
        ends={grain: await ends(here, source) for grain, source in zip(Grain, sources, strict=True)},
        stored=await asyncio.to_thread(stored_totals, here),
        lives=stored_lives(here) if live else None,
    )


async def records(here: Deployment, topic: str) -> Log:
    """All committed records of a topic, by partition, in order."""
    consumer = AIOKafkaConsumer(bootstrap_servers=here.stack.brokers, isolation_level="read_committed", auto_offset_reset="earliest")
    await consumer.start()
    try:
        tps = [TopicPartition(topic, partition) for partition in range(here.settings.partitions)]
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        await consumer.seek_to_beginning()
        found: Log = {tp.partition: [] for tp in tps}
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for tp, some in (await consumer.getmany(timeout_ms=100)).items():
                found[tp.partition] += some
        return found
    finally:
        await consumer.stop()


async def ends(here: Deployment, topic: str) -> dict[int, int]:
    """Where each partition of a topic ends, behind whatever markers a transaction left there."""
    async with AIOKafkaConsumer(bootstrap_servers=here.stack.brokers) as consumer:
        found = await consumer.end_offsets([TopicPartition(topic, partition) for partition in range(here.settings.partitions)])
    return {tp.partition: end for tp, end in found.items()}


def stored_totals(here: Deployment) -> dict[Key, Total]:
    """All totals in DynamoDB."""
    with contextlib.closing(client_of(here)) as client:
        reader = Reader(client, DynamoSettings.from_environ(here.environ).tables)
        return read(total_to_json(total) for grain in Grain for total in reader.every_total(grain))


def stored_lives(here: Deployment) -> dict[str, Live]:
    """The live table, by device."""
    pages = client_of(here).get_paginator("scan").paginate(TableName=here.environ["WATTFALL_TABLE_LIVE"])
    items = [item for page in pages for item in page["Items"] if item["sk"]["S"] == LIVE and "a" in item]
    return {live.device: live for live in map(live_from_item, items)}


def ask(log: Log, rules: Rules) -> dict[int, Oracle]:
    """An oracle a partition, because offsets are a partition's own."""
    oracles = {partition: Oracle(rules) for partition in log}
    for partition, some in log.items():
        for record in some:
            oracles[partition].add(Message(record.key, record.value, record.timestamp, record.offset, partition, len(log), names(record)))
    return oracles


def names(record: ConsumerRecord) -> tuple[str, ...]:
    """Of its headers."""
    return tuple(name for name, _ in record.headers)


def newest(log: Log) -> dict[Key, Total]:
    """The last total of each key that no erase came after; those that hold nothing any more are as good as not there."""
    last: dict[bytes, ConsumerRecord] = {}
    for record in [record for some in log.values() for record in some]:
        last.pop(record.key, None)
        if (erase := erase_from_json(record.key, record.value)) is not None:
            last = {key: one for key, one in last.items() if not key.startswith(erase.device.encode() + b"|")}
        elif record.value is not None:
            last[record.key] = record
    totals = [total_from_json(record.value) for record in last.values()]
    return {(total.device, total.grain, total.start): total for total in totals if not total.absent}


def behind(stored: Mapping[Key, Total], last: Mapping[Key, Total]) -> Iterable[str]:
    """Totals whose version in DynamoDB is not that of the last one told: a higher one would shut out all that comes."""
    for key, total in stored.items():
        told = last.get(key, total)
        if (total.version, total.reflects) != (told.version, told.reflects):
            yield f"{named(key)}: version {total.version} of {total.reflects}, and the last that was told is {told.version} of {told.reflects}"


def unordered(log: Log, *, again: bool = False) -> Iterable[str]:
    """Totals whose version did not grow or whose content is the one before (both may be, `again`), or that are at another's key or partition."""
    for partition, some in log.items():
        before: dict[bytes, Total] = {}
        for record in some:
            if (erase := erase_from_json(record.key, record.value)) is not None:
                before = {key: total for key, total in before.items() if total.device != erase.device}
            if record.value is None or erase is not None:
                continue
            total = total_from_json(record.value)
            name = f"{record.topic}/{partition}/{record.offset}"
            if record.key != total_key(total.device, total.start) or partition != partition_of(total.device.encode(), len(log)):
                yield f"{name}: {total.device} of {total.start} has no business here"
            held = before.get(record.key)
            if held is not None and total.version <= held.version and not again:
                yield f"{name}: version {total.version} after {held.version}"
            elif held is not None and total.content == held.content and not again:
                yield f"{name}: says nothing new"
            before[record.key] = total


def lives(stored: Mapping[str, Live], oracles: Mapping[int, Oracle]) -> tuple[int, list[str]]:
    """The live readings against the oracle, value by value."""
    expected = {device: fields for oracle in oracles.values() for device, fields in oracle.live.items()}
    found = {device: live._asdict() | {"at": live.at} for device, live in stored.items()}
    wrong = []
    for device in sorted(found.keys() | expected.keys()):
        is_, should = found.get(device), expected.get(device)
        if is_ is None or should is None or any(is_[name] != should[name] for name in should if name != "offset"):
            wrong.append(f"{device} is {is_} and should be {should}")
    return len(expected), wrong


def refusals(log: Log, source: Log, oracles: Mapping[int, Oracle], *, late: bool, again: bool) -> tuple[int, list[str]]:
    """The topic rejected or late against the oracle: once each (or, `again`, at most twice), in the original's partition, with its key, value and
    headers, and why."""
    expected: Counter[Refused] = Counter()
    of_whom = {record.key for some in source.values() for record in some if record.value is None and HEADER in names(record)}
    for partition, oracle in oracles.items():
        originals = {record.offset: record for record in source[partition]}
        erased = {record.key: offset for offset, record in originals.items() if record.value is None and HEADER in names(record)}
        listed = [(offset, "late", indexes) for offset, indexes in oracle.late] if late else oracle.rejected
        for offset, reason, indexes in listed:
            original = originals[offset]
            if offset < erased.get(original.key, -1) or mixed_up(original.key, original.value, of_whom):
                continue  # `python -m agents erase` has taken it away, or may have
            name = f"{original.topic}/{partition}/{offset}"
            own = f"{name} {reason}".encode()
            expected[partition, own, name, reason, ranges(indexes), original.key, original.value, tuple(original.headers)] += 1
    found = Counter(refused(partition, record) for partition, some in log.items() for record in untaken(some))
    found = Counter({one: count for one, count in found.items() if not mixed_up(one[5], one[6], of_whom)})
    if again:
        found = Counter({one: expected[one] if expected[one] <= count <= 2 * expected[one] else count for one, count in found.items()})
    wrong = [f"{count} times too few: {told(one)}" for one, count in (expected - found).items()]
    wrong += [f"{count} times too many: {told(one)}" for one, count in (found - expected).items()]
    return sum(expected.values()), wrong


def mixed_up(key: bytes | None, value: bytes | None, erased: set[bytes]) -> bool:
    """Under another key than that of an erased device which it names: by its time it is of before the erase or of after, and nobody here knows."""
    return key not in erased and any(b'"%s"' % device in (value or b"") for device in erased)


def untaken(some: Iterable[ConsumerRecord]) -> list[ConsumerRecord]:
    """Those that no tombstone came after."""
    found: list[ConsumerRecord] = []
    for record in some:
        if record.value is None and "reason" not in names(record):
            found = [one for one in found if one.key != record.key]
        else:
            found.append(record)
    return found


def refused(partition: int, record: ConsumerRecord) -> Refused:
    """A record of the topic rejected or late, taken apart; what does not stand there is empty."""
    own = ("reason", "detail", "source", "index", "key")
    whys = {name: value for name, value in record.headers[-len(own) :] if name in own}
    number = len(record.headers) - len(whys)
    source, reason, detail = (whys.get(name, b"").decode() for name in ("source", "reason", "detail"))
    assert len(detail) <= 256
    index = whys["index"].decode() if "index" in whys else None
    return partition, record.key, source, reason, index, whys.get("key"), record.value, tuple(record.headers[:number])


def told(one: Refused) -> str:
    """For people: never a megabyte of payload."""
    partition, own, source, reason, index, key, value, headers = one
    return f"{source} in partition {partition} as {own!r} {reason} index {index} key {key!r} value {(value or b'')[:60]!r} headers {headers}"


def ranges(indexes: list[int] | None) -> str | None:
    """Ascending integers as `0-3,7`."""
    if indexes is None:
        return None
    runs: list[list[int]] = []
    for index in indexes:
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def kept_positions(table: Log) -> dict[int, Position]:
    """The last position record of each partition."""
    rows = {partition: [record.value for record in some if record.key == position_key(partition)] for partition, some in table.items()}
    return {partition: Position.decode(some[-1]) if some else Position(0, Counter(), "") for partition, some in rows.items()}


def accounts(kept: Mapping[int, Position], ends: Mapping[int, int], oracles: Mapping[int, Oracle]) -> Iterable[str]:
    """The counters in the position records: nothing is lost, nothing is counted twice, and all of the log was taken."""
    for partition, oracle in oracles.items():
        if kept[partition].position != ends[partition]:
            yield f"partition {partition}: position {kept[partition].position}, end {ends[partition]}"
        if kept[partition].outcomes != oracle.outcomes:
            yield f"partition {partition}: {dict(kept[partition].outcomes)} and should be {dict(oracle.outcomes)}"


def tallies(kept: Mapping[int, Position], ends: Mapping[int, int], log: Log, *, again: bool) -> Iterable[str]:
    """The same of what is made of a level topic: all of it was taken, a period's first total counted, and what came later for it corrected that,
    unless the period was forgotten by then."""
    for partition, some in log.items():
        row, totals, first, known = kept[partition], 0, 0, set[bytes]()
        for record in some:
            if is_tombstone(record.key, record.value):
                known.discard(record.key)
            elif erase_from_json(record.key, record.value) is None:
                totals += 1
                first += record.key not in known
                known.add(record.key)
        outcomes = row.outcomes
        if row.position != ends[partition]:
            yield f"partition {partition}: position {row.position}, end {ends[partition]}"
        beyond = first - outcomes["outdated"] > outcomes["counted"] or outcomes["counted"] > first
        if outcomes.total() != totals or beyond or not again and outcomes["duplicate"] or outcomes["rejected"]:
            yield f"partition {partition}: {dict(outcomes)}, of {totals} totals of {first} periods"
