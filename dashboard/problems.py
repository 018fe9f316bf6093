"""Every error leaves as a problem (RFC 9457), and tells nobody more than what they need to go on."""

from __future__ import annotations

import logging
import math
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from dashboard.answers import Problem
from dynamodb.errors import StoreError
from dynamodb.items import NoItem
from dynamodb.span import NoSpan

MEDIA_TYPE: Final = "application/problem+json"
RETRY_S: Final = 2
"""Where nothing better is known."""
_ANYWHERE: Final = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.INTERNAL_SERVER_ERROR)
_LATER: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_log: Final = logging.getLogger(__name__)


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """An answer that is an error."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return Response(body.model_dump_json(), status, headers, MEDIA_TYPE)


def retry(seconds: float) -> dict[str, str]:
    """When to ask again, in whole seconds."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


class Api(FastAPI):
    """Says in its OpenAPI document that errors are problems, where FastAPI would call them plain JSON; and what may happen on every route."""

    def setup(self) -> None:
        """Answers with it; the bytes are made once, since anybody may ask for them as often as they like."""

        @cache
        def document() -> bytes:
            return bytes(JSONResponse(self.openapi()).body)

        async def answer(request: Request) -> Response:
            return Response(document(), media_type=JSONResponse.media_type)

        self.add_route("/openapi.json", answer, include_in_schema=False)

    def openapi(self) -> dict[str, Any]:
        """As ever."""
        document = super().openapi()
        for operation in (one for path in document["paths"].values() for one in path.values()):
            answers = operation["responses"]
            for status in _ANYWHERE:
                answers.setdefault(str(int(status)), {"description": status.phrase})
            for code, answer in answers.items():
                if int(code) >= 400:
                    answer["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
                if int(code) in _LATER:
                    answer["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}
        for fastapis in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(fastapis, None)
        document["components"]["securitySchemes"]["APIKeyCookie"]["name"] = self.state.access.cookie
        return document


def log_unread(error: Exception) -> None:
    """Why what is stored could not be read: in DynamoDB's words; of an item that is not ours no more than that, since an error would quote it."""
    _log.warning("what is stored cannot be read: %s", str(error) if isinstance(error, StoreError) else type(error).__name__)


def install(app: FastAPI) -> None:
    """Makes every error of the application a problem."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(NoSpan, _no_span)
    app.add_exception_handler(StoreError, _store)
    app.add_exception_handler(NoItem, _store)
    app.add_exception_handler(Exception, _bug)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, error.detail, dict(error.headers or {}))


async def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    said = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return problem(422, "; ".join(said)[:1000])


async def _no_span(request: Request, error: Exception) -> Response:
    return problem(422, "There is no such date.")


async def _store(request: Request, error: Exception) -> Response:
    """The cause is for who runs it: it names tables and credentials."""
    log_unread(error)
    seconds = getattr(error, "retry_after", None) or RETRY_S
    return problem(503, "What is stored cannot be read at the moment.", retry(seconds))


async def _bug(request: Request, error: Exception) -> Response:
    """Starlette logs the error itself once this has answered."""
    return problem(500, "Something is wrong with the dashboard; its log says what.")
