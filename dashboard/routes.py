"""The API, route by route: who may call it is in the types of its parameters (`Asks`, `Owned`)."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from dashboard.access import Access, Asks, Brings, Owned
from dashboard.answers import Devices, Live, Login, Problem, View
from dashboard.stored import Aged, Stored
from dashboard.streams import Streams
from dashboard.tokens import Session
from dashboard.views import table, text
from metering.total import Grain

SETTLED: Final = "private, max-age=86400"
OPEN: Final = "private, max-age=5"
_CSV: Final = "text/csv"
_JSON: Final = "application/json"


def errors(*codes: int) -> dict[int | str, dict[str, Any]]:
    """What else than 200 may come, for the OpenAPI document."""
    return {code: {"model": Problem} for code in codes}


_KEPT: Final = {name: {"schema": {"type": "string"}} for name in ("ETag", "Cache-Control", "Vary")}
_VIEW: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {_CSV: {"schema": {"type": "string"}}}, "headers": _KEPT},
    304: {"description": "Not Modified", "headers": _KEPT},
    **errors(401, 404, 422, 429, 503),
}
Format = Annotated[Literal["json", "csv"] | None, Query(description="Goes before the header Accept.")]
Date = Annotated[str, Path(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="A local date.", examples=["2026-10-25"])]
Month = Annotated[str, Path(pattern="^[0-9]{4}-[0-9]{2}$", examples=["2026-10"])]
Year = Annotated[str, Path(pattern="^[0-9]{4}$", examples=["2026"])]
router: Final = APIRouter(prefix="/v1")


class Events(StreamingResponse):
    """Server-sent events."""

    media_type = "text/event-stream"


async def _stored(request: Request) -> Stored:
    stored: Stored = request.app.state.stored
    return stored


async def _access(request: Request) -> Access:
    access: Access = request.app.state.access
    return access


async def _admitted(request: Request, device: Owned, known: Asks) -> AsyncIterator[Streams]:
    streams: Streams = request.app.state.streams
    with streams.admitted(known.name):  # FastAPI leaves it when the answer is over, or never began
        yield streams


IsStored = Annotated[Stored, Depends(_stored)]
HasAccess = Annotated[Access, Depends(_access)]
Admitted = Annotated[Streams, Depends(_admitted)]


@router.post("/session", status_code=204, responses=errors(400, 401, 422, 429, 503))
async def begin_session(request: Request, access: HasAccess, login: Login) -> Response:
    """Logs in with a name and a password: the answer leaves a cookie."""
    answer = Response(status_code=204)
    access.keep(answer, await access.login(request, login.person, login.password))
    return answer


@router.post("/session/bearer", status_code=204, responses=errors(401, 429, 503))
async def bring_token(known: Brings, access: HasAccess) -> Response:
    """Leaves the same cookie for whoever brings a bearer token, for as long as that is valid."""
    answer = Response(status_code=204)
    access.keep(answer, Session(known.name, known.until))
    return answer


@router.delete("/session", status_code=204)
async def end_session(access: HasAccess) -> Response:
    """Logs out."""
    answer = Response(status_code=204)
    access.forget(answer)
    return answer


@router.get("/devices", responses=errors(401, 429, 503))
async def devices(known: Asks, stored: IsStored) -> Devices:
    """The devices of whoever asks."""
    return Devices(person=known.name, devices=list(known.person.devices), zone=stored.zone, today=stored.today())


@router.get("/devices/{device}/live", responses=errors(401, 404, 429, 503))
async def live(device: Owned, stored: IsStored) -> Live:
    """The newest reading."""
    return stored.answer(device, await stored.live(device))


@router.get("/devices/{device}/live/stream", response_class=Events, responses=errors(401, 404, 429, 503))
async def stream(device: Owned, known: Asks, streams: Admitted) -> Events:
    """The newest reading whenever it changes (server-sent events): `live` as above, or `trouble` while it cannot be read."""
    return Events(_closed(streams.of(known, device)), headers={"X-Accel-Buffering": "no"})  # nginx would keep it until it is much


@router.get("/devices/{device}/day/{date}", response_model=View, responses=_VIEW)
async def day(request: Request, device: Owned, date: Date, stored: IsStored, format: Format = None) -> Response:
    """A day by hours."""
    return _answer(request, await stored.view(device, Grain.HOUR, date), date, format)


@router.get("/devices/{device}/month/{month}", response_model=View, responses=_VIEW)
async def month(request: Request, device: Owned, month: Month, stored: IsStored, format: Format = None) -> Response:
    """A month by days."""
    return _answer(request, await stored.view(device, Grain.DAY, month), month, format)


@router.get("/devices/{device}/year/{year}", response_model=View, responses=_VIEW)
async def year(request: Request, device: Owned, year: Year, stored: IsStored, format: Format = None) -> Response:
    """A year by months."""
    return _answer(request, await stored.view(device, Grain.MONTH, year), year, format)


def wants_csv(accept: str) -> bool:
    """Whether a header Accept puts CSV before JSON; who does not care gets JSON."""
    weights = {}
    for one in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in one.split(";"))
        weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        weights[kind] = float(weight) if weight.replace(".", "", 1).isdecimal() else 0.0
    anything = max(weights.get("*/*", 0.0), weights.get("application/*", 0.0))
    return weights.get(_CSV, 0.0) > weights.get(_JSON, anything)


def _answer(request: Request, aged: Aged, span: str, format: str | None) -> Response:
    as_csv = format == "csv" or format is None and wants_csv(request.headers.get("accept", ""))
    headers = {"Cache-Control": SETTLED if aged.settled else OPEN, "Vary": "Accept, Authorization, Cookie"}
    if aged.past:  # of what is not, the time of the answer is half of what is said
        said = text(replace(aged.view, as_of=aged.view.start, kept_from=None))
        tag = f'"{hashlib.sha256(b"%d %b" % (as_csv, said)).hexdigest()[:32]}"'
        headers["ETag"] = f"W/{tag}"  # weak, since the body may be compressed on its way
        if {tag, "*"} & {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}:
            return Response(status_code=304, headers=headers)
    if as_csv:
        headers["Content-Disposition"] = f'attachment; filename="{aged.view.device.replace(":", "_")}-{span}.csv"'
        return Response(table(aged.view), headers=headers, media_type=_CSV)
    return Response(text(aged.view), headers=headers, media_type=_JSON)


async def _closed(events: AsyncGenerator[str, None]) -> AsyncIterator[str]:
    """Ends the source at once when the listener has gone, not when Python comes round to it."""
    async with aclosing(events) as source:
        async for event in source:
            yield event
