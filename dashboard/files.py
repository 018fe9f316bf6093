"""The page: files as they are, without a step that builds them. They hold no one's data, so anybody may have them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER: Final = Path(__file__).resolve().parent / "page"
_ASKED_AGAIN: Final = "public, no-cache"
"""Kept, but asked for again each time: the next version is there at once, and what is as it was costs nothing."""


class _Files(StaticFiles):
    def file_response(self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200) -> Response:
        """As ever, and how long it may be kept."""
        answer = super().file_response(full_path, stat_result, scope, status_code)
        answer.headers["Cache-Control"] = _ASKED_AGAIN
        return answer


def install(app: FastAPI) -> None:
    """`/` and what it is made of."""

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def index() -> FileResponse:
        return FileResponse(FOLDER / "index.html", headers={"Cache-Control": _ASKED_AGAIN})

    app.mount("/page", _Files(directory=FOLDER))
