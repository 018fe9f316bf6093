"""`python -m bench.still_dynamodb LATENCY_MS`: answers every Query with the 24 hours of one day, after so long; prints its address.

In the place of the local stack's server, which would be what is measured: it takes more CPU for an answer than the dashboard.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from typing import Final

import orjson
from aiohttp import web

from dynamodb.items import total_to_item
from dynamodb.span import parse_span
from metering.period import Calendar
from metering.total import Grain, Method, Total

DEVICE: Final = "home"
DAY: Final = "2026-06-10"
CALENDAR: Final = Calendar("Europe/London")
KEEP_S: Final = 10**9


def hour(start: int) -> Total:
    """As large as an ordinary one."""
    begun = start * 1000
    return Total(
        *(DEVICE, Grain.HOUR, start, start + 3600, 431_517, 20_000, Method.REGISTER, 431_102, 20_100, 0, 0, 0, 0, 118_250, 2_431_750),
        *(begun + 1_234_567, 360, 3_599_123, begun + 3_217, begun + 3_593_217, 0, 0, 1, 9_876_543_210, 9_876_543_210),
    )


def answer() -> bytes:
    """What DynamoDB would say."""
    items = [total_to_item(hour(start), 3, CALENDAR, KEEP_S) for start in range(*parse_span(DAY, CALENDAR), 3600)]
    return orjson.dumps({"Items": items, "Count": len(items), "ScannedCount": len(items)})


async def serve(latency_s: float) -> None:
    """Until it is stopped."""
    body = answer()

    async def query(request: web.BaseRequest) -> web.Response:
        await request.read()
        await asyncio.sleep(latency_s)
        return web.Response(body=body, content_type="application/x-amz-json-1.0")

    runner = web.ServerRunner(web.Server(query))
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    await web.SockSite(runner, listening).start()
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", file=sys.stderr, flush=True)
    asked_to_stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked_to_stop.set)
    await asked_to_stop.wait()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]) / 1000))
