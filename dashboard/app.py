"""The dashboard put together from its settings: an ASGI application."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from dashboard import files, problems
from dashboard.access import Access
from dashboard.limits import Threads
from dashboard.problems import Api
from dashboard.routes import router
from dashboard.settings import Settings
from dashboard.shell import Shell
from dashboard.stored import Stored
from dashboard.streams import Streams
from dashboard.watch import Watch
from dynamodb.client import viewing_client
from dynamodb.reader import Reader
from dynamodb.settings import Settings as DynamoSettings
from metering.period import Calendar


def api(settings: Settings, dynamo: DynamoSettings) -> FastAPI:
    """The routes and what they need. Raises SettingError where DynamoDB cannot be meant, PeopleError where people.json cannot be read."""
    client, threads = viewing_client(settings.threads), Threads(settings.threads)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        threads.close()
        client.close()

    app = Api(title="Wattfall", version="1", docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=lifespan)
    access = Access(settings)
    reader, calendar = Reader(client, dynamo.tables), Calendar(dynamo.zone)
    stored = Stored(reader, threads, calendar, settings.prices, settings.settled_s, dynamo.keep_hours_s, time.time)
    app.state.access, app.state.stored = access, stored
    app.state.streams = Streams(Watch(stored.live, settings.live_s), stored, access, time.monotonic)
    problems.install(app)
    app.include_router(router)
    files.install(app)
    app.add_middleware(GZipMiddleware, minimum_size=1000)
    return app


def application(settings: Settings, dynamo: DynamoSettings) -> ASGIApp:
    """What a server runs. Raises as `api`."""
    return Shell(api(settings, dynamo), secure=settings.secure)
