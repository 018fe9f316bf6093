"""How the dashboard's server treats those who leave it waiting: raw connections, as no well-behaved client would use them."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from dashboard.server import Punctual, server
from streams.logs import Json
from tests.dashboards import listening

LARGE: Final = 32 << 20
ASKED: Final = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


class Hasty(Punctual):
    """As in earnest, but sooner."""

    patience_s = 0.3


class Crowded(Punctual):
    """As in earnest, but smaller."""

    most = 3


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """`/large` is more than any buffer takes, `/slow` takes longer than a client may, `/stream` goes on for two seconds."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/slow":
        await asyncio.sleep(2 * Hasty.patience_s)
    for _ in range(40 if scope["path"] == "/stream" else 0):
        await send({"type": "http.response.body", "body": b"more", "more_body": True})
        await asyncio.sleep(0.05)
    await send({"type": "http.response.body", "body": b"x" * (LARGE if scope["path"] == "/large" else 1)})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with listening(server(answer, protocol=Hasty)) as url:
        yield int(url.rsplit(":", 1)[1])


def test_a_bug_is_a_line_of_the_log_like_all_others_and_quotes_nothing() -> None:
    device = "cad-000123"

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raise KeyError(device)

    handler = logging.StreamHandler(said := io.StringIO())
    handler.setFormatter(Json())
    logging.getLogger().addHandler(handler)
    try:
        with listening(server(broken)) as url:
            assert httpx.get(url).status_code == 500
    finally:
        logging.getLogger().removeHandler(handler)
    (line,) = said.getvalue().splitlines()
    told = json.loads(line)
    assert told["level"] == "error" and told["exception"].endswith("KeyError") and device not in line


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 10)
    try:
        async with asyncio.timeout(10):
            yield reader, writer
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("begun", [b"", b"GET / HT", ASKED + b"GET", b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_who_does_not_send_a_request_whole_is_sent_away(port: int, begun: bytes) -> None:
    async with connected(port) as (reader, writer):
        writer.write(begun)
        assert await reader.read() == b"" or begun.startswith(ASKED)


async def test_who_sends_it_drop_by_drop_is_sent_away_all_the_same(port: int) -> None:
    async with connected(port) as (reader, writer):
        writer.write(ASKED[:16])
        gone = asyncio.create_task(reader.read())
        while not gone.done():
            writer.write(b"x")
            await asyncio.sleep(Hasty.patience_s / 5)
        with suppress(ConnectionError):
            assert await gone == b""


async def test_who_does_not_read_is_sent_away(port: int) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(ASKED.replace(b"/", b"/large", 1))
        await asyncio.sleep(3 * Hasty.patience_s)
        client.settimeout(10)
        got = 0
        try:
            while part := client.recv(1 << 16):
                got += len(part)
        except ConnectionError:
            pass
        assert 0 < got < LARGE


@pytest.mark.parametrize("path", [b"/slow", b"/stream"])
async def test_who_waits_for_us_is_not(port: int, path: bytes) -> None:
    async with connected(port) as (reader, writer):
        writer.write(ASKED.replace(b"/", path, 1))
        assert await reader.readuntil(b"\r\n\r\n")
        for _ in range(20 if path == b"/stream" else 1):
            assert await reader.readuntil(b"\r\n")


async def test_where_there_are_too_many_those_go_that_ask_nothing() -> None:
    with listening(server(answer, protocol=Crowded)) as url:
        port = int(url.rsplit(":", 1)[1])
        async with connected(port) as (watching, writer), connected(port) as (first, _), connected(port) as (second, _):
            writer.write(ASKED.replace(b"/", b"/stream", 1))
            await watching.readuntil(b"\r\n\r\n")
            async with connected(port) as (one, asking), connected(port) as (other, also_asking):
                for reader, each in ((one, asking), (other, also_asking)):
                    each.write(ASKED)
                    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
                assert await first.read() == await second.read() == b""
                assert await watching.readuntil(b"more")
