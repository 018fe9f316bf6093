"""The verdict of the runs with workers: nothing to say of what the product's own hops and sinks make of readings, and a word on whatever of it is
lost, there twice, changed, or in the wrong place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.readings_to_live import lives as lives_of
from dynamodb.items import LIVE, live_from_item, total_from_item
from dynamodb.settings import Settings
from metering.compare import Key, read
from metering.live import Live
from metering.rules import Rules
from metering.total import Grain, Total
from metering.wire import total_from_json, total_key, total_to_json
from streams.position import Position, position_key
from tests.faults.test_disorder import partly
from tests.faults.verdict import Kept, Log, Verdict, ask, judged
from tests.flow.small_sinks import Sinks
from tests.flow.small_worker import PARTITIONS, PLACES, SOURCES, Worker, recovers, table_of
from tests.generator import HOUR, STARTS, Rates, Sent, generate
from tests.memory_dynamodb import MemoryClient
from tests.memory_kafka import Broker
from tests.oracle import Oracle
from tests.oracle_reading import partition_of

ZONE, START = STARTS["month end"]
RULES: Final = Rules(zone=ZONE, restate_ms=2 * HOUR)
RATES: Final = Rates(late_3h=0.05, duplicate=0.05, correction=0.05, poison=0.05, key_mismatch=0.02, batch_devices=0.0)
WAVES: Final = 3
OF: Final = dict(zip(Grain, SOURCES.values(), strict=True))
"""What each level is made of."""
ALL: Final = 1 << 20
"""More positions than any log has."""
OUTCOMES: Final = ("counted", "duplicate", "corrected", "rejected", "late")
CONTENT: Final = [name for name in Total._fields if name not in ("device", "grain", "start", "epoch", "offset", "reflects")]
VALUES: Final = [name for name in Live._fields if name not in ("device", "offset", "epoch", "erased")]
TALLIES: Final = {"outcomes of hours", "outcomes of days"}
"""More totals are in a level topic, or fewer, than the next hop has counted."""
some: Final = settings(max_examples=15)
"""Each of these says the same of every record; all of them together look at all there are, again and again."""
Place = tuple[int, int]
"""Partition, and place in its log."""


def messages() -> list[Sent]:
    """Of four devices, from the evening of a month's last day to the next morning; some are bad in part."""
    sent = generate(1, devices=4, start_ms=START, hours=10, interval_s=900, rates=RATES)
    plain = next(message for message in sent if message.tags[0] == "in_order")
    return [plain, *partly(plain, START), *sent]


def send(broker: Broker, sent: Sequence[Sent], *, misplaced: bool = False) -> None:
    """Every third message has a header."""
    for message in sent:
        number = broker.size
        partition = (partition_of(message.key or b"", PARTITIONS) + misplaced) % PARTITIONS
        headers = [("number", b"%d" % number)] if number % 3 == 0 else []
        broker.append(TopicPartition("readings", partition), message.key, message.value, message.timestamp_ms, headers)


def count(worker: Worker) -> None:
    """All hops, to their ends."""
    for hop, partition in PLACES:
        worker.poll(hop, partition, ALL)
        for name, lane in worker.lanes:
            if (name, lane.partition) == (hop, partition):
                worker.checkpoint(lane)


def store(sinks: Sinks, broker: Broker) -> None:
    """All levels, and the live readings."""
    for partition in range(PARTITIONS):
        for live in lives_of(RULES, PARTITIONS, 1)(partition, broker.records(TopicPartition("readings", partition))):
            assert isinstance(live, Live)
            sinks.run(sinks.store.put_live(live))
    for place in PLACES:
        sinks.poll(*place, ALL)
        sinks.later(3.0)
        while sinks.store.flights:
            sinks.store.answered(sinks.store.flights[0])
            sinks.turn()


@cache
def good() -> Kept:
    """What a good run leaves: wave after wave is counted and stored before the next, so that totals have several versions."""
    broker, client, sent = Broker(), MemoryClient(), messages()
    worker, sinks = Worker(broker, RULES, {}), Sinks(broker, client, Settings(zone=ZONE), START / 1000)
    try:
        assert worker.assign(range(PARTITIONS), recovers(broker, ALL))
        for wave in range(WAVES):
            send(broker, sent[len(sent) * wave // WAVES : len(sent) * (wave + 1) // WAVES])
            send(broker, sent[:1], misplaced=True)
            count(worker)
            store(sinks, broker)
    finally:
        worker.kill()
        sinks.kill()
        sinks.store.close()
    return kept(broker, list(client.items.values()))


def kept(broker: Broker, items: Sequence[Any]) -> Kept:
    """As `read_all` finds it."""

    def log(topic: str) -> Log:
        return {partition: broker.records(TopicPartition(topic, partition)) for partition in range(PARTITIONS)}

    return Kept(
        readings=log("readings"),
        levels={grain: log(hop) for grain, hop in zip(Grain, SOURCES, strict=True)},
        rejected=log("rejected"),
        late=log("late"),
        tables={grain: log(table_of(hop)) for grain, hop in zip(Grain, SOURCES, strict=True)},
        ends={
            grain: {partition: len(broker.logs[TopicPartition(source, partition)]) for partition in range(PARTITIONS)} for grain, source in OF.items()
        },
        stored=read(total_to_json(total_from_item(item)) for item in items if item["sk"]["S"] != LIVE),
        lives={item["pk"]["S"]: live_from_item(item) for item in items if item["sk"]["S"] == LIVE},
    )


@cache
def oracles() -> dict[int, Oracle]:
    return ask(good().readings, RULES)


def verdict(found: Kept, *, again: bool = False) -> Verdict:
    return judged(found, oracles(), counted_again=again)


def complaints(found: Kept, *, again: bool = False) -> set[str]:
    """Which comparisons have something to say."""
    return {line.partition(":")[0] for line in verdict(found, again=again).wrong}


# One thing is otherwise.


def put(log: Log, place: Place, *records: ConsumerRecord) -> Log:
    """These instead of the one at this place."""
    partition, at = place
    some = log[partition]
    return log | {partition: [*some[:at], *records, *some[at + 1 :]]}


def twice(log: Log, place: Place) -> Log:
    """The record at this place is there again behind it."""
    record = taken(log, place)
    return put(log, place, record, replace(record, offset=ALL))


def moved(log: Log, place: Place) -> Log:
    """The record at this place is in another partition instead."""
    other = (place[0] + 1) % PARTITIONS
    return put(log, place) | {other: [*log[other], replace(taken(log, place), partition=other, offset=ALL)]}


def taken(log: Log, place: Place) -> ConsumerRecord:
    return log[place[0]][place[1]]


def places(log: Log) -> list[Place]:
    """Of all records."""
    return [(partition, at) for partition, some in log.items() for at in range(len(some))]


def newest_places(log: Log) -> list[Place]:
    """Of the last record of each key: the others compaction may take away."""
    return list({taken(log, place).key: place for place in places(log)}.values())


def told(record: ConsumerRecord, total: Total) -> ConsumerRecord:
    """The record with this total in it."""
    return replace(record, key=total_key(total.device, total.start), value=total_to_json(total))


def otherwise(total: Total, field: str) -> Total:
    """Another value there."""
    held = getattr(total, field)
    changed: dict[str, Any] = {field: ("register" if held != "register" else "power") if field == "method" else (held or 0) + 1}
    return total._replace(**changed)


def at_level(grain: Grain, log: Log) -> Kept:
    return replace(good(), levels={**good().levels, grain: log})


def stored(changes: dict[Key, Total], without: Key | None = None) -> Kept:
    return replace(good(), stored={key: total for key, total in {**good().stored, **changes}.items() if key != without})


class TestAGoodRun:
    def test_leaves_nothing_to_say(self) -> None:
        found = judged(good(), oracles(), sum(map(len, good().readings.values())))
        assert found.wrong == [] and not found.kinds
        assert {*found.outcomes} == {*OUTCOMES} and found.outcomes.total() == found.readings
        assert found.totals == len(good().stored) > 0

    def test_has_something_everywhere(self) -> None:
        lines = verdict(good()).lines
        assert len(lines) == 1 + 3 * 4 + 6 and all(int(line[28:37].replace(",", "")) > 0 for line in lines), lines
        assert all(all(ends.values()) for ends in good().ends.values()) and all(
            len(newest_places(log)) < len(places(log)) for log in good().levels.values()
        )
        refused = [record for log in (good().rejected, good().late) for some in log.values() for record in some]
        assert {"number", "index"} <= {name for record in refused for name, _ in record.headers}


class TestMessages:
    @pytest.mark.parametrize("more", [-1, 1])
    def test_more_or_fewer_than_were_confirmed_are_named(self, more: int) -> None:
        found = sum(map(len, good().readings.values()))
        assert judged(good(), oracles(), found + more).wrong == [f"messages: {found + more} were confirmed, {found} are in the topic"]

    @some
    @given(st.data())
    def test_what_was_counted_of_a_message_that_nobody_sent_is_named(self, draw: st.DataObject) -> None:
        without = replace(good(), readings=put(good().readings, draw.draw(st.sampled_from(places(good().readings)))))
        assert any(line.startswith("outcomes of readings: ") for line in judged(without, ask(without.readings, RULES)).wrong)


@pytest.mark.parametrize("grain", Grain)
class TestALevelTopic:
    @some
    @given(st.data())
    def test_any_newest_total_lost_is_named(self, grain: Grain, draw: st.DataObject) -> None:
        log = good().levels[grain]
        place = draw.draw(st.sampled_from(newest_places(log)))
        assert f"{grain}s in the topic" in complaints(at_level(grain, put(log, place)))

    @some
    @given(st.data())
    def test_any_total_told_twice_is_named(self, grain: Grain, draw: st.DataObject) -> None:
        log = good().levels[grain]
        line, *counts = verdict(at_level(grain, twice(log, draw.draw(st.sampled_from(places(log)))))).wrong
        assert {count.partition(":")[0] for count in counts} <= TALLIES
        assert line.startswith(f"{grain}s' versions: ") and f"/{ALL}: version " in line

    @some
    @given(st.data())
    def test_any_total_in_another_partition_is_named(self, grain: Grain, draw: st.DataObject) -> None:
        log = good().levels[grain]
        found = verdict(at_level(grain, moved(log, draw.draw(st.sampled_from(places(log)))))).wrong
        assert [line for line in found if line.startswith(f"{grain}s' versions: ") and f"/{ALL}: " in line and "has no business here" in line]

    @some
    @given(st.data(), st.sampled_from(CONTENT))
    def test_any_field_of_any_newest_total_is_looked_at(self, grain: Grain, draw: st.DataObject, field: str) -> None:
        log = good().levels[grain]
        place = draw.draw(st.sampled_from(newest_places(log)))
        total = otherwise(total_from_json(taken(log, place).value), field)
        lines = verdict(at_level(grain, put(log, place, told(taken(log, place), total)))).wrong
        [line] = [line for line in lines if line.startswith(f"{grain}s in the topic: ")]
        assert f": {total.device}, " in line and f" {field} is {getattr(total, field)} and should be " in line

    @some
    @given(st.data())
    def test_any_total_under_anothers_key_is_named(self, grain: Grain, draw: st.DataObject) -> None:
        log = good().levels[grain]
        place = draw.draw(st.sampled_from(places(log)))
        assert f"{grain}s' versions" in complaints(at_level(grain, put(log, place, replace(taken(log, place), key=b"cad-9|0"))))

    @some
    @given(st.data())
    def test_versions_that_do_not_grow_are_named(self, grain: Grain, draw: st.DataObject) -> None:
        log = good().levels[grain]
        first, second = draw.draw(st.sampled_from(list(pairs(log))))
        swapped = put(put(log, first, taken(log, second)), second, taken(log, first))
        assert f"{grain}s' versions" in complaints(at_level(grain, swapped))
        before, after = (total_from_json(taken(log, place).value) for place in (first, second))
        for version in (before.offset, before.offset - 1):
            same = told(taken(log, second), after._replace(offset=version))
            assert f"{grain}s' versions" in complaints(at_level(grain, put(log, second, same)))

    @some
    @given(st.data())
    def test_a_version_that_is_not_stored_is_named(self, grain: Grain, draw: st.DataObject) -> None:
        log = good().levels[grain]
        place = draw.draw(st.sampled_from(newest_places(log)))
        record, total = taken(log, place), total_from_json(taken(log, place).value)
        newer = told(record, total._replace(offset=total.offset + 1))
        assert complaints(at_level(grain, put(log, place, newer))) == {f"{grain}s' versions there"}
        more = complaints(at_level(grain, put(log, place, record, newer)))
        assert more - TALLIES == {f"{grain}s' versions there", f"{grain}s' versions"}, "nothing new"


def pairs(log: Log) -> Iterable[tuple[Place, Place]]:
    """Of each key two records that follow each other."""
    before: dict[bytes, Place] = {}
    for place in places(log):
        key = taken(log, place).key
        if key in before:
            yield before[key], place
        before[key] = place


class TestDynamoDB:
    @some
    @given(st.data())
    def test_any_total_lost_is_named(self, draw: st.DataObject) -> None:
        key = draw.draw(st.sampled_from(sorted(good().stored)))
        found = verdict(stored({}, without=key))
        assert len(found.wrong) == 1 and found.wrong[0].startswith(f"{key[1]}s in DynamoDB: {key[0]}, {key[1]} of ") and found.kinds == {"missing": 1}

    @some
    @given(st.data())
    def test_any_total_too_many_is_named(self, draw: st.DataObject) -> None:
        total = good().stored[draw.draw(st.sampled_from(sorted(good().stored)))]
        found = verdict(stored({("cad-9", total.grain, total.start): total._replace(device="cad-9")}))
        assert len(found.wrong) == 1 and found.wrong[0].startswith(f"{total.grain}s in DynamoDB: cad-9, ") and found.kinds == {"extra": 1}

    @some
    @given(st.data(), st.sampled_from(CONTENT))
    def test_any_field_of_any_total_is_looked_at(self, draw: st.DataObject, field: str) -> None:
        key = draw.draw(st.sampled_from(sorted(good().stored)))
        total = otherwise(good().stored[key], field)
        found = verdict(stored({key: total}))
        [line] = found.wrong
        assert line.startswith(f"{total.grain}s in DynamoDB: {total.device}, ") and f" {field} is {getattr(total, field)} and should be " in line
        assert found.kinds == {"different": 1}

    @some
    @given(st.data(), st.sampled_from(["epoch", "offset", "reflects"]), st.sampled_from([-1, 1]))
    def test_any_version_that_is_not_the_last_told_is_named(self, draw: st.DataObject, field: str, more: int) -> None:
        key = draw.draw(st.sampled_from(sorted(good().stored)))
        changed: dict[str, Any] = {field: getattr(good().stored[key], field) + more}
        assert complaints(stored({key: good().stored[key]._replace(**changed)})) == {f"{key[1]}s' versions there"}


class TestLiveReadings:
    @pytest.mark.parametrize("field", VALUES)
    def test_any_value_of_any_device_is_looked_at(self, field: str) -> None:
        lives = dict(good().lives or {})
        for device, live in lives.items():
            changed: dict[str, Any] = {field: (getattr(live, field) or 0) + 1}
            [line] = verdict(replace(good(), lives=lives | {device: live._replace(**changed)})).wrong
            assert line.startswith(f"live readings: {device} is ")

    def test_a_device_too_few_or_too_many_is_named(self) -> None:
        lives = dict(good().lives or {})
        for device, live in lives.items():
            [line] = verdict(replace(good(), lives={name: one for name, one in lives.items() if name != device})).wrong
            assert line.startswith(f"live readings: {device} is None and should be ")
            [line] = verdict(replace(good(), lives=lives | {"cad-9": live._replace(device="cad-9")})).wrong
            assert line.startswith("live readings: cad-9 is ") and line.endswith(" and should be None")

    def test_are_left_out_where_nobody_asks(self) -> None:
        found = verdict(replace(good(), lives=None))
        assert found.wrong == [] and not any(line.startswith("live") for line in found.lines)


def header(record: ConsumerRecord, name: str, value: bytes) -> ConsumerRecord:
    """The record with this header otherwise, or more."""
    rest = [pair for pair in record.headers if pair[0] != name]
    return replace(record, headers=(*rest, (name, value)))


ALTERED: Final[dict[str, Callable[[ConsumerRecord], ConsumerRecord]]] = {
    "key": lambda record: replace(record, key=(record.key or b"") + b"x"),
    "value": lambda record: replace(record, value=(record.value or b"") + b" "),
    "reason": lambda record: header(record, "reason", b"another"),
    "index": lambda record: header(record, "index", b"7"),
    "source": lambda record: header(record, "source", b"readings/0/%d" % ALL),
    "a header more": lambda record: replace(record, headers=(("more", b""), *record.headers)),
    "a header less": lambda record: replace(record, headers=record.headers[1:]),
    "no headers": lambda record: replace(record, headers=()),
}


@pytest.mark.parametrize("topic", ["rejected", "late"])
class TestARefusal:
    def kept(self, topic: str, log: Log) -> Kept:
        return replace(good(), **{topic: log})  # type: ignore[arg-type]

    @some
    @given(st.data())
    def test_lost_is_named(self, topic: str, draw: st.DataObject) -> None:
        log: Log = getattr(good(), topic)
        without = self.kept(topic, put(log, draw.draw(st.sampled_from(places(log)))))
        for again in (False, True):
            [line] = verdict(without, again=again).wrong
            assert line.startswith(f"{topic}: 1 times too few: readings/")

    @some
    @given(st.data())
    def test_doubled_is_named_unless_all_was_counted_again(self, topic: str, draw: st.DataObject) -> None:
        log: Log = getattr(good(), topic)
        place = draw.draw(st.sampled_from(places(log)))
        [line] = verdict(self.kept(topic, twice(log, place))).wrong
        assert line.startswith(f"{topic}: 1 times too many: readings/")
        assert verdict(self.kept(topic, twice(log, place)), again=True).wrong == []
        thrice = verdict(self.kept(topic, twice(twice(log, place), place)), again=True).wrong
        assert len(thrice) == 1 and thrice[0].startswith(f"{topic}: 2 times too many: readings/")

    @pytest.mark.parametrize("what", ALTERED)
    @some
    @given(st.data())
    def test_altered_is_named(self, topic: str, what: str, draw: st.DataObject) -> None:
        log: Log = getattr(good(), topic)
        place = draw.draw(st.sampled_from(places(log)))
        few, many = verdict(self.kept(topic, put(log, place, ALTERED[what](taken(log, place))))).wrong
        assert few.startswith(f"{topic}: 1 times too few: ") and many.startswith(f"{topic}: 1 times too many: ")

    @some
    @given(st.data())
    def test_in_another_partition_is_named(self, topic: str, draw: st.DataObject) -> None:
        log: Log = getattr(good(), topic)
        few, many = verdict(self.kept(topic, moved(log, draw.draw(st.sampled_from(places(log)))))).wrong
        assert few.startswith(f"{topic}: 1 times too few: ") and many.startswith(f"{topic}: 1 times too many: ")


@pytest.mark.parametrize("partition", range(PARTITIONS))
@pytest.mark.parametrize("grain", Grain)
class TestTheCounters:
    def last(self, grain: Grain, partition: int) -> Place:
        """Where the last position record is."""
        some = good().tables[grain][partition]
        return partition, max(at for at, record in enumerate(some) if record.key == position_key(partition))

    def kept(self, grain: Grain, partition: int, changed: Callable[[Position], Position]) -> Kept:
        """With another one there."""
        place = self.last(grain, partition)
        record = taken(good().tables[grain], place)
        row = changed(Position.decode(record.value)).encode()
        return replace(good(), tables=self.tables(grain, put(good().tables[grain], place, replace(record, value=row))))

    def tables(self, grain: Grain, table: Log) -> dict[Grain, Log]:
        return {**good().tables, grain: table}

    def says(self, grain: Grain, partition: int) -> str:
        """How each complaint begins."""
        return f"outcomes of {OF[grain]}: partition {partition}: "

    @pytest.mark.parametrize("more", [-1, 1])
    def test_a_position_off_by_one_is_named(self, grain: Grain, partition: int, more: int) -> None:
        end = good().ends[grain][partition]
        found = verdict(self.kept(grain, partition, lambda row: replace(row, position=row.position + more))).wrong
        assert found == [f"{self.says(grain, partition)}position {end + more}, end {end}"]

    @pytest.mark.parametrize("outcome", [*OUTCOMES, "unheard of"])
    @pytest.mark.parametrize("more", [-1, 1])
    def test_any_count_off_by_one_is_named(self, grain: Grain, partition: int, outcome: str, more: int) -> None:
        counted = Counter({outcome: more})
        counted.update(Position.decode(taken(good().tables[grain], self.last(grain, partition)).value).outcomes)
        [line] = verdict(self.kept(grain, partition, lambda row: replace(row, outcomes=counted))).wrong
        assert line.startswith(f"{self.says(grain, partition)}{{")

    @pytest.mark.parametrize("some", [("counted", "corrected"), ("corrected", "counted"), ("corrected", "duplicate"), ("counted", "rejected")])
    def test_one_that_is_counted_as_another_is_named(self, grain: Grain, partition: int, some: tuple[str, str]) -> None:
        counted = Counter(dict(zip(some, (-1, 1), strict=True)))
        counted.update(Position.decode(taken(good().tables[grain], self.last(grain, partition)).value).outcomes)
        [line] = verdict(self.kept(grain, partition, lambda row: replace(row, outcomes=counted))).wrong
        assert line.startswith(f"{self.says(grain, partition)}{{")

    def test_a_last_record_that_is_lost_is_named(self, grain: Grain, partition: int) -> None:
        lines = verdict(replace(good(), tables=self.tables(grain, put(good().tables[grain], self.last(grain, partition))))).wrong
        assert len(lines) == 2 and all(line.startswith(self.says(grain, partition)) for line in lines)

    def test_none_at_all_is_named(self, grain: Grain, partition: int) -> None:
        lines = verdict(replace(good(), tables=self.tables(grain, good().tables[grain] | {partition: []}))).wrong
        assert lines[0] == f"{self.says(grain, partition)}position 0, end {good().ends[grain][partition]}" and len(lines) == 2


class TestCountedAgain:
    def test_everything_told_twice_is_no_fault_then(self) -> None:
        levels = {grain: {partition: [*some, *some] for partition, some in log.items()} for grain, log in good().levels.items()}
        again = replace(good(), levels=levels, tables={grain: self.told_twice(grain) for grain in Grain})
        assert complaints(again, again=True) == set()
        assert complaints(again) == {f"{grain}s' versions" for grain in Grain} | TALLIES

    def told_twice(self, grain: Grain) -> Log:
        """The table whose hop has found as many duplicates as there were totals."""
        table = good().tables[grain]
        for place in places(table) if grain is not Grain.HOUR else ():
            record = taken(table, place)
            if record.key == position_key(place[0]):
                row = Position.decode(record.value)
                twice = row.outcomes + Counter(duplicate=row.outcomes.total())
                table = put(table, place, replace(record, value=replace(row, outcomes=twice).encode()))
        return table

    @some
    @given(st.data(), st.sampled_from(Grain), st.sampled_from(CONTENT))
    def test_what_is_told_last_still_has_to_be_right(self, draw: st.DataObject, grain: Grain, field: str) -> None:
        log = good().levels[grain]
        place = draw.draw(st.sampled_from(newest_places(log)))
        wrong = told(taken(log, place), otherwise(total_from_json(taken(log, place).value), field))
        assert complaints(at_level(grain, put(log, place, taken(log, place), wrong)), again=True) - TALLIES == {f"{grain}s in the topic"}
