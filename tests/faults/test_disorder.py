"""Nothing fails but the readings: late, twice, shuffled, corrected, ahead of time, misplaced, and a share of plain poison."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

from tests.faults.load import Load, misplace, near_missed, poisoned, readings, reasons
from tests.faults.proxy import proxy
from tests.faults.verdict import judge, records
from tests.faults.workers import Deployment, deployment
from tests.generator import HOUR, Rates, Sent
from tests.stack import Stack

SEED = 4
HOURS = 5
MISPLACED = 3
RATES = Rates(late_3d=0.0005, late_40d=0.0, silences_an_hour=0.0, gaps_an_hour=0.2, poison=0.0)
CLASSES = ("counted", "duplicate", "corrected", "rejected", "late")


async def test_every_reading_is_counted_or_refused_with_its_reason(stack: Stack, own_name: str, tmp_path: Path) -> None:
    now = int(time.time() * 1000)
    start = (now // HOUR - HOURS) * HOUR
    good = readings(SEED, devices=12, hours=HOURS, start_ms=start, interval_s=10, rates=RATES)
    sent = [*near_missed(SEED, poisoned(SEED, good, share=0.01)), *partly(good[0], start)]
    changes = {"WATTFALL_ZONE": "Asia/Kathmandu", "WATTFALL_RESTATE_HOURS": "1"}
    async with (
        proxy(stack.dynamodb) as dynamodb,
        deployment(stack, own_name, tmp_path, AWS_ENDPOINT_URL_DYNAMODB=dynamodb.url, **changes) as here,
    ):
        await here.create()
        waterfall, sinks = [await here.seat(role).start() for role in ("waterfall", "sinks")]
        load = Load(stack.brokers, here.topics.readings, sent, per_s=2000, seed=SEED).start()
        await load.end()
        await misplace(stack.brokers, here.topics.readings, [newer(message, now) for message in good[:MISPLACED]], here.settings.partitions)
        await here.done()
        verdict = await judge(here, load.confirmed + MISPLACED, context=f"start {start}, {load}")
        assert all(verdict.outcomes[name] > 0 for name in CLASSES), verdict.outcomes
        assert dynamodb.backward == []
        await each_poison_has_its_reason(here, sent)
        for seat in (waterfall, sinks):
            assert seat.exits == [] and seat.pid, "poison restarts nobody"


def partly(message: Sent, start: int) -> list[Sent]:
    """Arrays of which some elements are bad, and some late: each is refused by its place, the others count."""
    device, times = message.device, [start + second * 1000 for second in (7, 3, 5, 1)]
    bad = {"device": device, "at": times, "power_w": [1, "2", 3, 100_001], "import_wh": [None, None, -1, None]}
    late = {"device": device, "at": [start - 50 * 24 * HOUR, times[0] + 1, start - 51 * 24 * HOUR], "power_w": 4}
    return [message._replace(value=json.dumps(value).encode(), tags=("partly",)) for value in (bad, late)]


def newer(message: Sent, at: int) -> Sent:
    """A reading of the same device that would be its newest."""
    return message._replace(value=json.dumps({"device": message.device, "at": at, "power_w": 7}).encode())


async def each_poison_has_its_reason(here: Deployment, sent: list[Sent]) -> None:
    """By what the corpus itself says, which the oracle has not seen."""
    expected = reasons(sent)
    expected["device.mismatch"] += sum("key_mismatch" in message.tags for message in sent)
    expected["partition.mismatch"] += MISPLACED
    log = await records(here, here.topics.rejected)
    found = Counter(dict(record.headers)["reason"].decode() for some in log.values() for record in some)
    ahead = sum("future" in message.tags for message in sent)
    assert expected["at.future"] < found.pop("at.future") <= expected.pop("at.future") + ahead
    expected.update({"value.type": 1, "value.range": 1})  # of the arrays with bad elements
    assert found == expected
