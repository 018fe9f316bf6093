"""A proxy in front of DynamoDB, on this machine only, that goes wrong on purpose and keeps an eye on every write.

Only writes go wrong; while it is down, nothing is answered at all. Writes to one item are let through one after the other, so the order in which
they take effect is known, and with it whether a stored version ever went back.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields
from random import Random
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

HANG_S: Final = 4.0
"""Longer than a writer waits for an answer."""
LATE_S: Final = 2.5
WRITES: Final = frozenset({"PutItem", "UpdateItem"})
THROTTLED: Final = ("ProvisionedThroughputExceededException", 400)
BROKEN: Final = ("InternalServerError", 500)


@dataclass(frozen=True)
class Rates:
    """Of the writes: answered with throttling, with a 500; connection reset before anything happened; never answered, nothing done; done, but the
    answer is lost; the connection is reset, and the write is done some seconds later."""

    throttled: float = 0.0
    broken: float = 0.0
    reset: float = 0.0
    hung: float = 0.0
    lost: float = 0.0
    late: float = 0.0


QUIET: Final = Rates()


class Request(NamedTuple):
    """An HTTP request, and what of DynamoDB it means."""

    raw: bytes
    target: str
    body: bytes

    @property
    def item(self) -> tuple[str, str, str]:
        """Table, pk and sk of the item that is written."""
        asked = json.loads(self.body)
        key = asked.get("Key") or asked["Item"]
        return asked["TableName"], key["pk"].get("S", ""), key["sk"].get("S", "")

    @property
    def table(self) -> str:
        """Which is asked."""
        return str(json.loads(self.body).get("TableName", ""))

    @property
    def version(self) -> tuple[int, ...] | None:
        """(epoch, offset) of a total, (at, offset) of a live reading; None for a write that brings none."""
        asked = json.loads(self.body)
        values, names = (asked["Item"], ("e", "o")) if "Item" in asked else (asked["ExpressionAttributeValues"], (":a", ":o"))
        return tuple(int(values[name]["N"]) for name in names) if names[0] in values else None


class Proxy:
    """`counts`: how many writes met which fault, and how many took effect, were refused as stale, or denied. `backward`: what must stay empty.

    `asked`: which operations on which tables. `hang_s` and `late_s`: so long a hung write is not answered, and a late one is given up already.
    """

    def __init__(self, upstream: str, seed: int, hang_s: float = HANG_S, late_s: float = LATE_S) -> None:
        parts = urlsplit(upstream)
        assert parts.hostname == "127.0.0.1" and parts.port is not None, upstream
        self.host, self.port = parts.hostname, parts.port
        self.random, self.hang_s, self.late_s = Random(seed), hang_s, late_s
        self.rates, self.down = QUIET, False
        self.counts: Counter[str] = Counter()
        self.backward: list[str] = []
        self.asked: set[tuple[str, str]] = set()
        self.versions: dict[tuple[str, str, str], tuple[int, ...]] = {}
        self.locks: defaultdict[tuple[str, str, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self.later: set[asyncio.Task[None]] = set()
        self.serving: set[asyncio.Task[None] | None] = set()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.current_task()
        self.serving.add(task)  # asyncio itself forgets it when the client goes, though a write may be under way
        try:
            while (request := await read(reader)) is not None:
                answer = await self.answer(request)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client gave up waiting
        finally:
            writer.transport.abort()
            self.serving.discard(task)

    async def answer(self, request: Request) -> bytes | None:
        """What the client gets; None if nothing but a reset."""
        if self.down:
            self.counts["down"] += 1
            return None
        self.asked.add((request.target, request.table))
        if request.target not in WRITES:
            return await self.forward(request)
        fault = self.draw()
        if fault is not None:
            self.counts[fault] += 1
        match fault:
            case "throttled":
                return error(*THROTTLED)
            case "broken":
                return error(*BROKEN)
            case "reset":
                return None
            case "hung":
                await asyncio.sleep(self.hang_s)
                return None
            case "lost":
                await self.write(request)
                return None
            case "late":
                task = asyncio.create_task(self.write_late(request))
                self.later.add(task)
                task.add_done_callback(self.later.discard)
                return None
        return await self.write(request)

    def draw(self) -> str | None:
        """Which fault a write meets."""
        drawn = self.random.random()
        for one in fields(self.rates):
            drawn -= getattr(self.rates, one.name)
            if drawn < 0:
                return one.name
        return None

    async def write_late(self, request: Request) -> None:
        """Delivers a write that everybody has given up."""
        await asyncio.sleep(self.late_s)
        await self.write(request)

    async def write(self, request: Request) -> bytes:
        """Lets a write through, and looks at its version if it took effect."""
        item, version = request.item, request.version
        async with self.locks[item]:
            answer = await self.forward(request)
            if not answer.startswith(b"HTTP/1.1 200"):
                self.counts["refused" if b"ConditionalCheckFailed" in answer else "denied"] += 1
                return answer
            self.counts["stored"] += 1
            if version is not None:
                held = self.versions.get(item)
                if held is not None and version <= held:
                    self.backward.append(f"{item}: {version} after {held}")
                self.versions[item] = version
            return answer

    async def forward(self, request: Request) -> bytes:
        """DynamoDB's own answer."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(request.raw)
            return await whole(reader)
        finally:
            writer.close()


async def read(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection; None at its end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    headers = header_fields(head)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(head + body, headers.get("x-amz-target", "").rpartition(".")[2], body)


async def whole(reader: asyncio.StreamReader) -> bytes:
    """A whole response that says its length."""
    head = await reader.readuntil(b"\r\n\r\n")
    return head + await reader.readexactly(int(header_fields(head)["content-length"]))


def header_fields(head: bytes) -> dict[str, str]:
    """Lower-case names and values."""
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}


def error(code: str, status: int) -> bytes:
    """An answer as DynamoDB words it."""
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "on purpose"}).encode()
    head = f"HTTP/1.1 {status} Fault\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\nx-amzn-RequestId: F\r\n\r\n"
    return head.encode() + body


@contextlib.asynccontextmanager
async def proxy(upstream: str, seed: int = 0, hang_s: float = HANG_S, late_s: float = LATE_S) -> AsyncIterator[Proxy]:
    """A proxy that listens while the block lasts."""
    here = Proxy(upstream, seed, hang_s, late_s)
    server: Any = await asyncio.start_server(here.serve, "127.0.0.1", 0)
    here.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield here
    finally:
        server.close()
        if here.later:
            await asyncio.wait(here.later)
