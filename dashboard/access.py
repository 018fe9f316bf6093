"""Who asks, and what they may see: everything that decides that is here. Another's device and an unknown one are the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Annotated, Final, NamedTuple

from fastapi import Depends, HTTPException, Request, Response
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from dashboard.limits import Buckets, network
from dashboard.people import People, Person, knows
from dashboard.problems import RETRY_S, retry
from dashboard.settings import Settings
from dashboard.tokens import NoKeys, NoToken, ProviderKeys, Session, Tokens, own_key

_BURST_S: Final = 5
"""A person may ask for so many seconds' worth at once: a page asks for a few things together."""
_TRIES: Final = 10
_TRIES_A_SECOND: Final = 0.1
_HASHES: Final = 2
"""Passwords that are checked at the same time: each takes 64 MB."""
_LOGINS: Final = 10
"""Logins that are checked or wait for it; whoever comes then is told so at once, and it counts as no try."""
_NOBODY: Final = "Log in, or send a bearer token."
_NO_DEVICE: Final = "There is no such device, or it is not yours."
_bearer: Final = HTTPBearer(auto_error=False, bearerFormat="JWT")


class Known(NamedTuple):
    """Who asks, what the file says of them now, and until when they are believed, epoch s."""

    name: str
    person: Person
    until: int


class Access:
    """The people, the tokens and the limits of one dashboard."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.people = People(settings.folder)
        provider = settings.provider
        self.tokens = Tokens(own_key(settings.folder), clock, None if provider is None else ProviderKeys(provider, monotonic))
        self.secure = settings.secure
        self.cookie = "__Host-wattfall" if self.secure else "wattfall"
        self._asked = Buckets(settings.rate, settings.rate * _BURST_S, monotonic)
        # Three, so that who floods one of them takes nothing from the others and pushes nobody out of them.
        self._bad_tokens, self._logins, self._names = (Buckets(_TRIES_A_SECOND, _TRIES, monotonic) for _ in range(3))
        self._hashes, self._hashing = asyncio.Semaphore(_HASHES), 0

    async def of_request(self, request: Request, bearer: HTTPAuthorizationCredentials | None, session: str) -> Known:
        """Who sends this; a bearer token goes before a session's cookie.

        Raises HTTPException: 401, 429 where an address has failed too often or a person asks too much, 503 where nobody can tell.
        """
        try:
            known = await self._of_bearer(bearer.credentials) if bearer else self._of_session(session)
        except NoKeys:
            raise HTTPException(503, "Nobody can tell at the moment whose token this is.", retry(RETRY_S)) from None
        except NoToken:
            if bearer:
                _try(self._bad_tokens, _network_of(request))
            raise HTTPException(401, _NOBODY, {"WWW-Authenticate": "Bearer"}) from None
        if wait := self._asked.take(known.name):
            raise HTTPException(429, "More requests than one person may send.", retry(wait))
        return known

    def still(self, known: Known, device: str) -> bool:
        """Whether they are still believed, the device is still theirs, and the password still the one of then."""
        person = self.people.of(known.name)
        return self._clock() < known.until and person is not None and device in person.devices and person.mark == known.person.mark

    async def login(self, request: Request, name: str, password: str) -> Session:
        """Raises HTTPException: 401, whatever of the two is wrong, 429 where somebody has failed too often, 503 where too many log in."""
        if self._hashing >= _LOGINS:
            raise HTTPException(503, "Too many log in at the same time.", retry(RETRY_S))
        where, person = _network_of(request), self.people.of(name)
        _try(self._logins, where)
        _try(self._names, name)
        self._hashing += 1
        try:
            async with self._hashes:
                right = await asyncio.to_thread(knows, person, password)
        finally:
            self._hashing -= 1
        if not right or person is None:
            raise HTTPException(401, "The name or the password is wrong.")
        self._logins.give(where)
        self._names.give(name)
        return Session(name, self.tokens.month_from_now(), person.mark)

    def keep(self, response: Response, session: Session) -> None:
        """Leaves the session's cookie with the browser."""
        token, age = self.tokens.session(session), max(0, session.until - int(self._clock()))
        response.set_cookie(self.cookie, token, max_age=age, path="/", secure=self.secure, httponly=True, samesite="strict")

    def forget(self, response: Response) -> None:
        """Takes it back, and what the browser kept of the answers."""
        response.delete_cookie(self.cookie, path="/", secure=self.secure, httponly=True, samesite="strict")
        response.headers["Clear-Site-Data"] = '"cache"'

    async def _of_bearer(self, token: str) -> Known:
        if self.tokens.provider_keys is None:
            bearer = self.tokens.read_bearer(token)
        else:
            bearer = await asyncio.to_thread(self.tokens.read_bearer, token)
        return Known(bearer.person, self.people.of(bearer.person) or Person(), bearer.until)

    def _of_session(self, token: str) -> Known:
        session = self.tokens.read_session(token)
        person = self.people.of(session.person)
        if person is None or session.mark and session.mark != person.mark:
            raise NoToken("the person or the password is another")
        return Known(session.person, person, session.until)


def _try(buckets: Buckets, who: str) -> None:
    if wait := buckets.take(who):
        raise HTTPException(429, "Too many tries.", retry(wait))


def _network_of(request: Request) -> str:
    return network(request.client.host) if request.client else ""


_cookie: Final = APIKeyCookie(name="wattfall", auto_error=False, description="What a login leaves; its name begins with __Host- under HTTPS.")


async def _asks(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    cookie: Annotated[str | None, Depends(_cookie)],  # for the OpenAPI document: which name it has is a setting
) -> Known:
    access: Access = request.app.state.access
    return await access.of_request(request, bearer, request.cookies.get(access.cookie, ""))


Asks = Annotated[Known, Depends(_asks)]
"""A route with such a parameter is for people who are known."""


async def _brings(request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Known:
    access: Access = request.app.state.access
    return await access.of_request(request, bearer, session="")


Brings = Annotated[Known, Depends(_brings)]
"""A route with such a parameter is for who sends a bearer token: a session that begot another would outlive its password."""


async def _owned(device: str, known: Asks) -> str:
    if device not in known.person.devices:
        raise HTTPException(404, _NO_DEVICE)
    return device


Owned = Annotated[str, Depends(_owned)]
"""A route with such a parameter is for whoever the device in its path belongs to."""
