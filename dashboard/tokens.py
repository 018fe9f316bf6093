"""Tokens (JWT, RFC 7519) say who asks, and nothing else: what a person may see is looked up in `people.py`.

of whom      signed with                                      for
a session    the dashboard's own key (HS256)                  the cookie that a login leaves
development  the same key, only where no provider is set      `python -m dashboard token`, the demo
a provider   one of its private keys; we know the public ones  everybody else's bearer tokens

The claim `aud` keeps them apart: none is taken for another.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
import jwt

from dashboard.people import alone, write
from dashboard.settings import Provider

KEY_FILE: Final = "key"
LIFETIME_S: Final = 30 * 86_400
_SESSION: Final = "wattfall-session"
_DEVELOPMENT: Final = "wattfall-development"
_PUBLIC: Final = ["RS256", "PS256", "ES256", "EdDSA"]
_LEEWAY_S: Final = 30
"""By so much the provider's clock may be ahead or behind."""
_FRESH_S: Final = 3600
_ASKED_AGAIN_S: Final = 60
"""A key that nobody knows is looked for no more often: anybody can send a token that names one."""
_ASKED_AGAIN_WITHOUT_ANY_S: Final = 2
PATIENCE_S: Final = 5.0
"""So long the provider may take for its keys, from the name's look-up to the last byte."""
_log: Final = logging.getLogger(__name__)


class NoToken(Exception):
    """It is no token of ours, is not valid any more, or nobody knows its key. Nobody outside is told which."""


class NoKeys(Exception):
    """No key of the provider could be had yet: nobody can tell what a token is worth."""


class Bearer(NamedTuple):
    """Who a bearer token names, and until when, epoch s."""

    person: str
    until: int


class Session(NamedTuple):
    """Who logged in, until when, and the mark of the password that was used; empty for a session that a bearer token began."""

    person: str
    until: int
    mark: str = ""


class Tokens:
    """What is signed and believed. `clock`: epoch s. `provider_keys`: None where no identity provider is set."""

    def __init__(self, own_key: bytes, clock: Callable[[], float], provider_keys: ProviderKeys | None = None) -> None:
        self._own_key, self._clock, self.provider_keys = own_key, clock, provider_keys

    def session(self, session: Session) -> str:
        """The value of a session's cookie."""
        return self._sign(_SESSION, session.until, {"sub": session.person, "mark": session.mark})

    def development(self, person: str) -> str:
        """A bearer token for whoever tries things out. Raises NoToken where a provider is set: then only it says who somebody is."""
        if self.provider_keys is not None:
            raise NoToken("an identity provider is set (WATTFALL_DASHBOARD_KEYS), so tokens come from there")
        return self._sign(_DEVELOPMENT, self.month_from_now(), {"sub": person})

    def month_from_now(self) -> int:
        """Until when what is given out now is valid, epoch s."""
        return int(self._clock()) + LIFETIME_S

    def read_session(self, token: str) -> Session:
        """Raises NoToken."""
        claims = self._read(token, self._own_key, ["HS256"], _SESSION)
        return Session(claims["sub"], claims["exp"], claims.get("mark", ""))

    def read_bearer(self, token: str) -> Bearer:
        """May wait for the provider's keys, so it belongs on a thread where there is a provider. Raises NoToken and NoKeys."""
        keys = self.provider_keys
        if keys is None:
            claims = self._read(token, self._own_key, ["HS256"], _DEVELOPMENT)
        else:
            claims = self._read(token, keys.of(token), _PUBLIC, keys.provider.audience, keys.provider.issuer, _LEEWAY_S)
        return Bearer(claims["sub"], claims["exp"])

    def _sign(self, audience: str, until: int, claims: dict[str, str]) -> str:
        return jwt.encode({**claims, "aud": audience, "exp": until}, self._own_key, algorithm="HS256")

    def _read(self, token: str, key: Any, algorithms: list[str], audience: str, issuer: str | None = None, leeway_s: int = 0) -> dict[str, Any]:
        """Its claims; `exp` is until when it is believed. Raises NoToken."""
        # Only the library's look at its own clock is switched off: time is an argument here.
        options: Any = {"require": ["exp", "sub", "aud"], "verify_exp": False, "verify_nbf": False, "verify_iat": False}
        try:
            claims: dict[str, Any] = jwt.decode(token, key, algorithms=algorithms, audience=audience, issuer=issuer, options=options)
            now, claims["exp"] = self._clock(), int(claims["exp"]) + leeway_s
            if not now < claims["exp"] or int(claims.get("nbf", 0)) > now + leeway_s:
                raise NoToken("it is not valid now")
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError) as error:
            raise NoToken(str(error)) from None
        return claims


class ProviderKeys:
    """The public keys of an identity provider, fetched when they are needed; thread-safe. `monotonic`: seconds."""

    def __init__(self, provider: Provider, monotonic: Callable[[], float], patience_s: float = PATIENCE_S) -> None:
        self.provider, self._monotonic, self._patience_s = provider, monotonic, patience_s
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._asked_at = float("-inf")
        self._lock = threading.Lock()

    def of(self, token: str) -> jwt.PyJWK:
        """The key that the token names. Raises NoToken, and NoKeys where there are none at all."""
        try:
            name = jwt.get_unverified_header(token).get("kid")
        except jwt.InvalidTokenError as error:
            raise NoToken(str(error)) from None
        if self._behind(name) and self._lock.acquire(blocking=not self._keys):  # who has keys goes on with them while somebody else fetches
            try:
                if self._behind(name):
                    self._keys = self._fetch() or self._keys
                    self._asked_at = self._monotonic()  # not before: who waited for it finds it fresh, and does not ask one after the other
            finally:
                self._lock.release()
        if not self._keys:
            raise NoKeys(f"there are no keys of the identity provider ({self.provider.keys})")
        key = self._keys.get(name)
        if key is None:
            raise NoToken("no key of the provider has this name")
        return key

    def _behind(self, name: str | None) -> bool:
        age = self._monotonic() - self._asked_at
        return age > _FRESH_S or name not in self._keys and age > (_ASKED_AGAIN_S if self._keys else _ASKED_AGAIN_WITHOUT_ANY_S)

    def _fetch(self) -> dict[str | None, jwt.PyJWK]:
        """Nothing where the provider does not answer, or with what is no key set: what was known before holds."""
        place = self.provider.keys
        try:
            document = json.loads(asyncio.run(_fetched(place, self._patience_s)) if place.startswith("https://") else Path(place).read_bytes())
            return {key.key_id: key for key in jwt.PyJWKSet(document["keys"]).keys}
        except (aiohttp.ClientError, OSError, ValueError, TypeError, LookupError, AttributeError, jwt.PyJWTError) as error:
            _log.warning("the identity provider's keys (%s): %s", place, repr(error))  # it speaks of them alone
            return {}


def own_key(folder: Path) -> bytes:
    """The dashboard's own key, made when it is first needed; whoever can read the folder can be anybody."""
    path = folder / KEY_FILE
    if not path.exists():
        with alone(folder):
            if not path.exists():  # nobody else has made it in the meantime
                write(path, secrets.token_hex(32))
    return path.read_bytes()


async def _fetched(address: str, patience_s: float) -> bytes:
    """Nobody is followed elsewhere: where the keys are is a setting, and by HTTPS only."""
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=patience_s), raise_for_status=True, trust_env=True) as session,
        session.get(address, allow_redirects=False, ssl=ssl.create_default_context()) as answer,
    ):
        return await answer.read()
