"""`python -m agents reconcile`: counted again from the readings, everything is as it is stored; what was falsified, lost or put there is named."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dynamodb.items import sort_key
from metering.period import Calendar
from metering.total import Grain
from tests.faults.load import PLAIN, Load, poisoned, readings
from tests.faults.workers import Deployment, Ran, client_of, deployment
from tests.generator import HOUR, STARTS, Rates, Sent, device_name
from tests.stack import Stack

SEED = 41
DEVICES = 8
HOURS = 30
COUNTS = ("different", "missing", "extra", "newer", "earlier")


async def send(here: Deployment, sent: Sequence[Sent]) -> None:
    load = Load(here.stack.brokers, here.topics.readings, sent, per_s=5000, seed=SEED).start()
    await load.end()


async def found(here: Deployment, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and what is said of each device."""
    ran = await here.run("agents", "reconcile", "--json", *arguments)
    return ran.code, {finding["device"]: finding for finding in map(json.loads, ran.out.splitlines())}


def one_line(ran: Ran, *said: str) -> None:
    assert ran.code == 2 and ran.out == "" and ran.err.count("\n") == 1, ran
    assert all(text in ran.err for text in said), ran.err


class Items:
    """What is stored of one device."""

    def __init__(self, here: Deployment, device: str) -> None:
        self.client, self.device = client_of(here), device
        self.tables = {grain: here.environ[f"WATTFALL_TABLE_{grain.upper()}S"] for grain in Grain}
        self.calendar = Calendar(here.settings.rules.zone)

    def of(self, grain: Grain) -> list[dict[str, Any]]:
        asked = {"KeyConditionExpression": "pk = :d", "ExpressionAttributeValues": {":d": {"S": self.device}}}
        return list(self.client.query(TableName=self.tables[grain], **asked)["Items"])

    def put(self, grain: Grain, item: dict[str, Any]) -> None:
        self.client.put_item(TableName=self.tables[grain], Item=item)

    def delete(self, grain: Grain, item: dict[str, Any]) -> None:
        self.client.delete_item(TableName=self.tables[grain], Key={"pk": item["pk"], "sk": item["sk"]})


async def test_all_is_equal_until_something_is_falsified_lost_or_put_there(stack: Stack, own_name: str, tmp_path: Path) -> None:
    zone, start = STARTS["autumn"]
    good = readings(SEED, devices=DEVICES, hours=HOURS, start_ms=start, interval_s=120, rates=PLAIN)
    devices = [device_name(number) for number in range(DEVICES)]
    async with deployment(stack, own_name, tmp_path, WATTFALL_ZONE=zone) as here:
        await here.create()
        worker = await here.seat("worker").start()
        await send(here, poisoned(SEED, good, share=0.05))
        await here.done()
        assert await worker.term(20) == 0

        ran = await here.run("agents", "reconcile", *devices)
        assert ran.code == 0 and ran.err == "", ran
        assert all(ran.out.count(device) == 1 for device in devices) and f"{own_name}-readings: " in ran.out
        code, said = await found(here, *devices)
        assert code == 0 and list(said) == devices
        assert all(one["compared"] == one["equal"] > HOURS and not any(one[count] for count in COUNTS) for one in said.values()), said
        assert any(one["import"]["register_mwh"] for one in said.values())

        await sampled(here, devices)
        await falsified(here, devices[0])
        await lost(here, devices[1])
        await put_there(here, devices[2])
        code, said = await found(here, *devices)
        assert code == 1 and {device for device, one in said.items() if one["wrong"]} == set(devices[:3])
        wrong = await here.run("agents", "reconcile", *devices)
        assert wrong.code == 1 and all(line in " ".join(wrong.out.split()) for device in devices[:3] for line in said[device]["wrong"]), wrong.out


async def sampled(here: Deployment, devices: Sequence[str]) -> None:
    ran = await here.run("agents", "reconcile", "--json", "--sample", "4")
    drawn = [json.loads(line)["device"] for line in ran.out.splitlines()]
    seed = ran.err.partition("--seed ")[2].partition(";")[0]
    assert ran.code == 0 and len(drawn) == 4 and seed.isdigit()
    code, again = await found(here, "--sample", "4", "--seed", seed)
    assert code == 0 and list(again) == drawn
    code, everybody = await found(here, "--sample", "50")
    assert code == 0 and sorted(everybody) == sorted(devices)
    one_line(await here.run("agents", "reconcile", "nobody", drawn[0]), "no reading of nobody in topic")
    one_line(await here.run("agents", "reconcile", "--sample", "2", drawn[0]), "DEVICE, one or more, or --sample N")
    ran = await here.run("agents", "reconcile", drawn[0], changes={"WATTFALL_ZONE": "Asia/Kathmandu"})
    one_line(ran, "the tables hold epoch 1 of something else", "Asia/Kathmandu")


async def falsified(here: Deployment, device: str) -> None:
    items = Items(here, device)
    item = items.of(Grain.HOUR)[7]
    items.put(Grain.HOUR, item | {"n": {"N": str(int(item.get("n", {"N": "0"})["N"]) + 1)}})
    code, said = await found(here, device)
    assert code == 1 and (said[device]["different"], said[device]["missing"], said[device]["extra"]) == (1, 0, 0)
    hour, day = said[device]["wrong"]
    assert f"hour of {item['sk']['S'][2:]}: readings is " in hour and "against its own hours: readings is " in day


async def lost(here: Deployment, device: str) -> None:
    items = Items(here, device)
    items.delete(Grain.MONTH, items.of(Grain.MONTH)[0])
    code, said = await found(here, device)
    assert code == 1 and (said[device]["different"], said[device]["missing"], said[device]["extra"]) == (0, 1, 0)
    month, days = said[device]["wrong"]
    assert "month of " in month and month.endswith(": is not stored") and days.endswith("against its own days: is not stored, and they are")


async def put_there(here: Deployment, device: str) -> None:
    items = Items(here, device)
    item = items.of(Grain.DAY)[-1]
    start = int(item["s"]["N"]) + 40 * 86_400
    items.put(Grain.DAY, item | {"s": {"N": str(start)}, "sk": {"S": sort_key(Grain.DAY, start, items.calendar)}})
    code, said = await found(here, device)
    assert code == 1 and (said[device]["different"], said[device]["missing"], said[device]["extra"]) == (0, 0, 1)
    assert "is stored, and should not be there" in said[device]["wrong"][0]


async def test_what_is_not_stored_yet_is_not_called_lost(stack: Stack, own_name: str, tmp_path: Path) -> None:
    zone, start = STARTS["plain day"]
    changes = {"WATTFALL_ZONE": zone, "WATTFALL_PARTITIONS": "1"}
    first, second = (readings(SEED, devices=2, hours=hours, start_ms=start, rates=Rates.none()) for hours in (2, 3))
    third = readings(SEED, devices=2, hours=18, start_ms=start + 3 * HOUR, interval_s=30, rates=Rates.none())
    async with deployment(stack, own_name, tmp_path, **changes) as here:
        await here.create()
        one_line(await here.run("agents", "reconcile", device_name(0)), f"no reading of {device_name(0)} in topic {own_name}-readings")
        waterfall, sinks = [await here.seat(role).start() for role in ("waterfall", "sinks")]
        await send(here, first)
        await here.done()
        assert await sinks.term(20) == 0
        await send(here, second[len(first) :])
        await until_counted(here)
        one_line(await here.run("agents", "reconcile", device_name(0)), "not all stored yet", "agents lag --wait")
        one_line(await here.run("agents", "reconcile", "--wait", "1", device_name(0)), "not all stored yet")
        await sinks.start()
        code, said = await found(here, "--wait", "60", device_name(0), device_name(1))
        assert code == 0 and len(said) == 2

        load = Load(stack.brokers, here.topics.readings, third, per_s=50, seed=SEED).start()
        await load.flows(200)
        code, said = await found(here, "--wait", "60", device_name(0), device_name(1))
        assert code == 0 and all(one["newer"] and one["compared"] > 2 for one in said.values()), said
        await load.cut()

        await here.done()
        assert await waterfall.term(20) == 0
        await send(here, third[-1:])
        ran = await here.run("agents", "reconcile", device_name(0))
        assert ran.code == 0 and "1 behind it are not counted yet" in ran.out, "what is not counted yet is not missed"


async def until_counted(here: Deployment) -> None:
    """The waterfall has done all that was sent."""
    for _ in range(100):
        lag = await here.must("agents", "lag")
        if all(line.split()[-2] == "0" for line in lag.splitlines() if f"{here.name}-waterfall" in line):
            return
    raise AssertionError(lag)
