"""What DynamoDB and the network may say instead of an answer, and what the store makes of it: one server that says what it is told."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dynamodb.client import viewing_client, writing_client
from dynamodb.errors import ItemRejected, StoreBusy
from dynamodb.reader import Reader
from dynamodb.settings import Settings
from dynamodb.store import DynamoStore
from dynamodb.writer import Writer
from dynamodb.writes import Outcome
from metering.live import Live
from metering.total import Total
from tests.sample_totals import hour_total

ERROR = "com.amazonaws.dynamodb.v20120810#"
LIVE = Live("d", power_mw=1, power_at=20, offset=5)


class Server(ThreadingHTTPServer):
    """Answers every request with `status` and `body`; None closes the connection without a word; `hold_s` first."""

    daemon_threads = True
    status: int | None = 200
    body: bytes = b"{}"
    hold_s: float = 0.0
    request_id: str | None = "1"
    requests = 0


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests += 1
        time.sleep(self.server.hold_s)
        if self.server.status is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(self.server.status)
        if self.server.request_id:
            self.send_header("x-amzn-RequestId", self.server.request_id)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def at_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{server.server_port}")
    for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local-1")


@pytest.fixture
def store(at_server: None) -> Iterator[DynamoStore]:
    store = DynamoStore(writing_client(2), Settings(threads=2))
    yield store
    store.close()


def says(server: Server, status: int | None, code: str | None = None, message: str = "because") -> None:
    server.status = status
    server.body = json.dumps({"__type": ERROR + code, "message": message}).encode() if code else b"<html>gateway</html>"


async def both_raise(store: DynamoStore, server: Server, kind: type[Exception]) -> Exception:
    """A total and a live reading are met alike, each with a single request. Returns the total's error."""
    with pytest.raises(kind):
        await store.put_live(LIVE)
    with pytest.raises(kind) as raised:
        await store.put_total(hour_total(), 0)
    assert server.requests == 2, "the SDK must not try again by itself"
    return raised.value


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ProvisionedThroughputExceededException"),
        (400, "ThrottlingException"),
        (400, "RequestLimitExceeded"),
        (400, "UnrecognizedClientException"),
        (400, "ExpiredTokenException"),
        (400, "AccessDeniedException"),
        (400, "SomethingNewException"),
        (500, "InternalServerError"),
        (503, "ServiceUnavailable"),
        (500, None),
        (502, None),
        (404, None),
        (None, None),
    ],
)
async def test_what_may_pass_is_waited_for(store: DynamoStore, server: Server, status: int | None, code: str | None) -> None:
    says(server, status, code)
    busy = await both_raise(store, server, StoreBusy)
    assert isinstance(busy, StoreBusy)
    assert busy.retry_after is None


async def test_an_answer_that_nobody_can_read_is_no_answer(store: DynamoStore, server: Server) -> None:
    says(server, 200)
    server.request_id = None
    await both_raise(store, server, StoreBusy)


@pytest.mark.parametrize("body", [b"<html>gateway</html>", b'"no object"', b"", b"\xff"])
def test_an_answer_that_nobody_can_read_says_nothing_of_what_is_stored(at_server: None, server: Server, body: bytes) -> None:
    server.body = body
    with closing(viewing_client(threads=1)) as client, pytest.raises(StoreBusy):
        Reader(client, Settings().tables).live("d")


async def test_a_missing_table_is_waited_for_longer(store: DynamoStore, server: Server) -> None:
    says(server, 400, "ResourceNotFoundException")
    busy = await both_raise(store, server, StoreBusy)
    assert isinstance(busy, StoreBusy)
    assert busy.retry_after == 30.0
    assert "wattfall-hours" in str(busy)


async def test_silence_ends_within_seconds(store: DynamoStore, server: Server) -> None:
    server.hold_s = 4.0
    start = time.monotonic()
    with pytest.raises(StoreBusy):
        await store.put_total(hour_total(), 0)
    assert time.monotonic() - start < 3.5


async def test_nobody_there(store: DynamoStore, server: Server) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(StoreBusy):
        await store.put_total(hour_total(), 0)


async def test_no_credentials_are_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_REGION", "local-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    store = DynamoStore(writing_client(1), Settings(threads=1))
    with pytest.raises(StoreBusy, match="credentials"):
        await store.put_total(hour_total(), 0)
    store.close()


@pytest.mark.parametrize("code", ["ValidationException", "ItemCollectionSizeLimitExceededException", "SerializationException"])
async def test_what_can_never_be_stored_is_rejected(store: DynamoStore, server: Server, code: str) -> None:
    says(server, 400, code, message="Item size has exceeded the maximum allowed size" + "!" * 500)
    rejected = await both_raise(store, server, ItemRejected)
    assert isinstance(rejected, ItemRejected)
    assert "Item size" in rejected.detail
    assert len(rejected.detail) == 256


async def test_a_refusal_without_the_stored_item_is_asked_again(store: DynamoStore, server: Server) -> None:
    says(server, 400, "ConditionalCheckFailedException")
    await both_raise(store, server, StoreBusy)


async def test_a_good_answer(store: DynamoStore, server: Server) -> None:
    assert await store.put_total(hour_total(), 0) is Outcome.STORED
    assert await store.put_live(LIVE) is Outcome.STORED


async def test_a_writer_outlives_an_outage_and_says_nothing_is_safe_meanwhile(store: DynamoStore, server: Server) -> None:
    async def none_rejected(value: Total | Live, detail: str) -> None:
        raise AssertionError(detail)

    writer = Writer(
        store, rejected=none_rejected, capacity_keys=100, concurrency=2, flush_s=0.0, keep_hours_s=10**9, clock=time.monotonic, now=time.time
    )
    says(server, 500, "InternalServerError")
    await writer.offer(0, 10, [hour_total(device=f"d{number}") for number in range(20)])
    running = asyncio.create_task(writer.run())
    await writer.drain(0.5)
    assert writer.safe_position(0) is None
    assert 0 < writer.counts.busy < 20
    server.status, server.body = 200, b"{}"
    await writer.drain(10)
    assert writer.safe_position(0) == 10
    assert writer.counts.stored == 20
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
