"""Every error leaves as a problem (RFC 9457), and tells nobody more than what they need to go on."""

from __future__ import annotations

import logging
import math
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from dashboard.answers import Problem
from dynamodb.errors import StoreError
from dynamodb.span import NoSpan

MEDIA_TYPE: Final = "application/problem+json"
_RETRY_S: Final = 2
_log: Final = logging.getLogger(__name__)


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """An answer that is an error."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return Response(body.model_dump_json(), status, headers, MEDIA_TYPE)


def retry(seconds: float) -> dict[str, str]:
    """When to ask again, in whole seconds."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


class Api(FastAPI):
    """Says in its OpenAPI document that errors are problems, where FastAPI would call them plain JSON."""

    def openapi(self) -> dict[str, Any]:
        """As ever."""
        document = super().openapi()
        for operation in (one for path in document["paths"].values() for one in path.values()):
            for code, answer in operation["responses"].items():
                if int(code) >= 400:
                    answer["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        return document


def install(app: FastAPI) -> None:
    """Makes every error of the application a problem."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(NoSpan, _no_span)
    app.add_exception_handler(StoreError, _store)
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
    _log.warning("DynamoDB: %s", error)
    seconds = getattr(error, "retry_after", None) or _RETRY_S
    return problem(503, "What is stored cannot be read at the moment.", retry(seconds))


async def _bug(request: Request, error: Exception) -> Response:
    """Starlette logs the error itself once this has answered."""
    return problem(500, "Something is wrong with the dashboard; its log says what.")
