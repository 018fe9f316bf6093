"""The proxy that goes wrong on purpose, in front of a server that takes everything: each fault is what it is called, and whatever takes effect is
seen, also when nobody waits for the answer any more, and also when a version goes back."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import pytest

from dynamodb.conditions import LiveUpdate, put_total, update_live
from dynamodb.items import total_to_item
from metering.live import Live
from metering.period import Calendar
from tests.faults.proxy import QUIET, Proxy, Rates, Request, proxy, read, whole
from tests.sample_totals import hour_total

SOON_S: Final = 0.005
LIMIT_S: Final = 5.0
REFUSED: Final = b'{"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}'
NOBODY: Final = b'{"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}'


class Upstream:
    """Answers everything with a 200 and no conditions, or with `refusal` if there is one; not before it is `open`. `taken`: what has come."""

    def __init__(self) -> None:
        self.taken: list[Request] = []
        self.refusal: bytes | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read(reader)
        assert request is not None
        self.taken.append(request)
        await self.open.wait()
        status, body = (b"200 OK", b"{}") if self.refusal is None else (b"400 Bad Request", self.refusal)
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
        writer.close()

    @property
    def targets(self) -> list[str]:
        """Which operations."""
        return [request.target for request in self.taken]


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[tuple[Proxy, Upstream]]:
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    async with server, proxy(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", 1, SOON_S, SOON_S) as here:
        try:
            yield here, upstream
        finally:
            upstream.open.set()  # the proxy does not go before what is late


def sent(target: str, table: str, request: dict[str, Any]) -> bytes:
    """As a client of DynamoDB sends it."""
    body = json.dumps({"TableName": table, **request}).encode()
    head = f"POST / HTTP/1.1\r\nHost: here\r\nX-Amz-Target: DynamoDB_20120810.{target}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def put(epoch: int = 1, offset: int = 0, device: str = "cad-1") -> bytes:
    """A total, in the product's words."""
    total = hour_total(device=device, epoch=epoch, offset=offset, reflects=offset)
    return sent("PutItem", "hours", put_total(total_to_item(total, 0, Calendar("Europe/London"), 86_400)))


def update(at: int, offset: int, leads: bool = True) -> bytes:
    """A live reading."""
    return sent("UpdateItem", "live", update_live(LiveUpdate(Live("cad-1", power_mw=1, power_at=at, offset=offset), leads), until_s=0))


GET: Final = sent("GetItem", "live", {"Key": {"pk": {"S": "cad-1"}, "sk": {"S": "L"}}})


async def asked(here: Proxy, request: bytes) -> bytes | None:
    """The answer, None if the connection ends without one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(here.url.rpartition(":")[2]))
    try:
        writer.write(request)
        async with asyncio.timeout(LIMIT_S):
            return await whole(reader)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    finally:
        writer.close()


async def until(holds: Callable[[], bool]) -> None:
    """Lets the others go on until it holds."""
    async with asyncio.timeout(LIMIT_S):
        while not holds():
            await asyncio.sleep(0)


async def everybody() -> None:
    """Lets the others go on as far as they can."""
    for _ in range(100):
        await asyncio.sleep(0)


class TestVersions:
    async def test_that_grow_say_nothing(self) -> None:
        async with running() as (here, upstream):
            for epoch, offset in ((1, 5), (1, 6), (2, 0)):
                answer = await asked(here, put(epoch, offset))
                assert answer is not None and answer.startswith(b"HTTP/1.1 200")
            assert here.backward == [] and here.counts == {"stored": 3} and upstream.targets == ["PutItem"] * 3

    @pytest.mark.parametrize("second", [(1, 5), (1, 4), (0, 9)])
    async def test_that_do_not_grow_are_named(self, second: tuple[int, int]) -> None:
        async with running() as (here, _):
            await asked(here, put(1, 5))
            await asked(here, put(*second))
            [line] = here.backward
            assert "cad-1" in line and line.endswith(f": {second} after (1, 5)")

    async def test_are_each_items_own(self) -> None:
        async with running() as (here, _):
            await asked(here, put(1, 5))
            await asked(here, put(1, 4, device="cad-2"))
            await asked(here, update(1, 3))
            assert here.backward == [] and len(here.versions) == 3

    async def test_of_a_live_reading_are_its_instant_first(self) -> None:
        async with running() as (here, _):
            for at, offset in ((1_000, 5), (2_000, 4), (1_500, 9)):
                await asked(here, update(at, offset))
            [line] = here.backward
            assert line.endswith(": (1500, 9) after (2000, 4)")

    async def test_are_none_in_an_update_that_does_not_lead(self) -> None:
        async with running() as (here, _):
            await asked(here, update(2_000, 5))
            await asked(here, update(1_000, 6, leads=False))
            assert here.backward == [] and here.counts == {"stored": 2}

    @pytest.mark.parametrize(("refusal", "counted"), [(REFUSED, "refused"), (NOBODY, "denied")])
    async def test_of_what_is_not_stored_are_no_news(self, refusal: bytes, counted: str) -> None:
        async with running() as (here, upstream):
            await asked(here, put(1, 5))
            upstream.refusal = refusal
            assert refusal in (await asked(here, put(1, 4)) or b"") and refusal in (await asked(here, put(1, 9)) or b"")
            upstream.refusal = None
            await asked(here, put(1, 6))
            assert here.backward == [] and here.counts == {"stored": 2, counted: 2}

    async def test_are_looked_at_one_after_the_other(self) -> None:
        """The later of two writes to one item waits for the earlier one; one to another item does not."""
        async with running() as (here, upstream):
            upstream.open.clear()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(asked(here, put(1, 5)))
                await until(lambda: len(upstream.taken) == 1)
                tasks.create_task(asked(here, put(1, 4)))
                await until(lambda: len(here.serving) == 2)
                await everybody()
                tasks.create_task(asked(here, put(1, 1, device="cad-2")))
                await until(lambda: len(upstream.taken) == 2)
                assert [request.item[1] for request in upstream.taken] == ["cad-1", "cad-2"] and not here.versions
                upstream.open.set()
            assert len(upstream.taken) == 3 and len(here.backward) == 1 and here.backward[0].endswith("(1, 4) after (1, 5)")


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "status", "code"),
        [("throttled", b"400", b"ProvisionedThroughputExceededException"), ("broken", b"500", b"InternalServerError")],
    )
    async def test_an_error_is_answered_and_nothing_is_done(self, fault: str, status: bytes, code: bytes) -> None:
        async with running() as (here, upstream):
            here.rates = Rates(**{fault: 1.0})
            answer = await asked(here, put()) or b""
            assert answer.startswith(b"HTTP/1.1 " + status) and code in answer
            assert upstream.taken == [] and here.counts == {fault: 1}

    async def test_reset_is_no_answer_and_nothing_is_done(self) -> None:
        async with running() as (here, upstream):
            here.rates = Rates(reset=1.0)
            assert await asked(here, put()) is None
            assert upstream.taken == [] and here.counts == {"reset": 1}

    async def test_hung_is_no_answer_for_a_while_and_nothing_is_done(self) -> None:
        async with running() as (here, upstream):
            here.rates, began = Rates(hung=1.0), time.monotonic()
            assert await asked(here, put()) is None
            assert time.monotonic() - began >= SOON_S
            assert upstream.taken == [] and here.counts == {"hung": 1}

    async def test_lost_is_done_and_not_answered(self) -> None:
        async with running() as (here, upstream):
            here.rates = Rates(lost=1.0)
            assert await asked(here, put(1, 5)) is None and await asked(here, put(1, 4)) is None
            assert upstream.targets == ["PutItem"] * 2 and here.counts == {"lost": 2, "stored": 2}
            assert len(here.backward) == 1, "it is looked at all the same"

    async def test_late_is_no_answer_at_once_and_done_after_a_while(self) -> None:
        async with running() as (here, upstream):
            await asked(here, put(1, 6))
            upstream.open.clear()
            here.rates, began = Rates(late=1.0), time.monotonic()
            assert await asked(here, put(1, 5)) is None
            await until(lambda: len(upstream.taken) == 2)
            assert time.monotonic() - began >= SOON_S and here.counts == {"stored": 1, "late": 1}
            upstream.open.set()
            await asyncio.wait(here.later)
            assert here.counts == {"stored": 2, "late": 1}
            assert len(here.backward) == 1, "it is looked at all the same"

    async def test_a_late_one_is_done_before_the_proxy_goes(self) -> None:
        async with running() as (here, upstream):
            here.rates = Rates(late=1.0)
            await asked(here, put())
        assert upstream.targets == ["PutItem"]

    @pytest.mark.parametrize("fault", ["throttled", "broken", "reset", "hung", "lost", "late"])
    async def test_only_writes_meet_them(self, fault: str) -> None:
        async with running() as (here, upstream):
            here.rates = Rates(**{fault: 1.0})
            answer = await asked(here, GET)
            assert answer is not None and answer.startswith(b"HTTP/1.1 200") and upstream.targets == ["GetItem"] and not here.counts

    @pytest.mark.parametrize("request_", [put(), update(1, 1), GET], ids=["put", "update", "get"])
    async def test_down_is_no_answer_to_anything(self, request_: bytes) -> None:
        async with running() as (here, upstream):
            here.down = True
            assert await asked(here, request_) is None
            assert upstream.taken == [] and here.counts == {"down": 1} and here.asked == set()

    async def test_come_about_as_often_as_they_should(self) -> None:
        here = Proxy("http://127.0.0.1:1", 1)
        here.rates = Rates(throttled=0.25, late=0.5)
        drawn = [here.draw() for _ in range(4_000)]
        assert {*drawn} == {"throttled", "late", None}
        assert [round(drawn.count(fault) / 1_000) for fault in ("throttled", "late", None)] == [1, 2, 1]


async def test_a_write_under_way_goes_on_and_is_seen_though_its_client_goes() -> None:
    async with running() as (here, upstream):
        upstream.open.clear()
        client = asyncio.create_task(asked(here, put(1, 5)))
        await until(lambda: len(upstream.taken) == 1)
        client.cancel()
        await asyncio.wait([client])
        await everybody()
        gc.collect()  # nobody but the proxy itself knows of it any more
        upstream.open.set()
        await until(lambda: here.counts["stored"] == 1)
        assert [*here.versions.values()] == [(1, 5)]
        here.rates = QUIET
        await asked(here, put(1, 4))
        assert len(here.backward) == 1


async def test_what_was_asked_of_which_table_is_known() -> None:
    async with running() as (here, _):
        for request in (put(), update(1, 1), GET):
            await asked(here, request)
        assert here.asked == {("PutItem", "hours"), ("UpdateItem", "live"), ("GetItem", "live")}
