"""What stands around the application: the headers of every answer, and an end to what is too large. Pure ASGI, so that nothing gets past it."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.problems import problem

LARGEST_BODY: Final = 4096
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        *(f"{what} 'self'" for what in ("script-src", "style-src", "img-src", "connect-src", "manifest-src")),
        *(f"{what} 'none'" for what in ("base-uri", "form-action", "frame-ancestors")),
    )
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_HTTPS_ONLY: Final = {"Strict-Transport-Security": "max-age=31536000"}
PRIVATE: Final = "no-store"
"""Of every answer that says nothing else of how long it may be kept."""


class Shell:
    """Wraps an ASGI application. `secure`: people reach it by HTTPS."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._headers = HEADERS | (_HTTPS_ONLY if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                headers.setdefault("Cache-Control", PRIVATE)
            await send(message)

        if _too_large(Headers(scope=scope)):
            refusal = problem(413, f"A request's body has at most {LARGEST_BODY} bytes and says how many.")
            await refusal(scope, receive, dressed)
        else:
            await self._app(scope, receive, dressed)


def _too_large(headers: Headers) -> bool:
    """A body without a length is one of any length. The server holds a client to the length that it said."""
    length = headers.get("content-length", "0")
    return "transfer-encoding" in headers or not length.isdecimal() or len(length) > 9 or int(length) > LARGEST_BODY
