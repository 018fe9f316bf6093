"""Who is believed, and how often somebody may try; the clocks are numbers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from fastapi import HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials

from dashboard.access import Access, Known
from dashboard.people import FILE, Person
from dashboard.settings import Provider, Settings

PASSWORD = "correct horse battery"
PASSES = 1000.0


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(tmp_path: Path, clock: Clock) -> Access:
    """Which knows ada; her password takes little time to check."""
    password = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    (tmp_path / FILE).write_text(json.dumps({"ada": {"devices": ["home"], "password": password}}))
    return Access(Settings(folder=tmp_path, rate=1), clock, lambda: PASSES)


def from_(address: str) -> Request:
    return Request({"type": "http", "client": (address, 40_000), "headers": []})


def bearing(token: str) -> HTTPAuthorizationCredentials:
    return HTTPAuthorizationCredentials(scheme="Bearer", credentials=token)


async def refused(asked: Any) -> int:
    """The status that it ends with, 0 where it is well."""
    try:
        await asked
    except HTTPException as error:
        return error.status_code
    return 0


async def bad_tokens(access: Access, address: str, count: int) -> list[int]:
    return [await refused(access.of_request(from_(address), bearing("bad"), "")) for _ in range(count)]


async def test_who_gets_in_has_not_tried(access: Access) -> None:
    assert [await refused(access.login(from_("192.0.2.1"), "ada", PASSWORD)) for _ in range(11)] == [0] * 11


async def test_who_sends_bad_tokens_keeps_nobody_of_the_same_address_from_logging_in(access: Access) -> None:
    assert (await bad_tokens(access, "192.0.2.1", 11))[9:] == [401, 429]
    assert await refused(access.login(from_("192.0.2.1"), "ada", PASSWORD)) == 0


async def test_an_ipv6_subscriber_is_one_and_not_as_many_as_they_have_addresses(access: Access) -> None:
    codes = [(await bad_tokens(access, f"2001:db8:0:1::{number:x}", 1))[0] for number in range(11)]
    assert codes == [401] * 10 + [429]
    assert await bad_tokens(access, "2001:db8:0:2::1", 1) == [401]
    assert await bad_tokens(access, "::ffff:192.0.2.1", 11) == [401] * 10 + [429]
    assert await bad_tokens(access, "::ffff:192.0.2.2", 1) == [401]


async def test_of_many_who_log_in_at_once_those_who_would_wait_long_are_told(access: Access) -> None:
    logins = (refused(access.login(from_(f"192.0.2.{number}"), f"nobody{number}", "guessed")) for number in range(30))
    codes = await asyncio.gather(*logins)
    assert sorted(codes) == [401] * 10 + [503] * 20
    assert await refused(access.login(from_("192.0.2.1"), "ada", PASSWORD)) == 0


async def test_a_flood_of_strange_names_gives_nobody_more_tries_for_one_that_exists(access: Access) -> None:
    """Those that are turned away push nobody out of what is remembered."""
    for number in range(10):
        assert await refused(access.login(from_(f"198.51.100.{number}"), "ada", "guessed")) == 401
    flood = [refused(access.login(from_(f"10.0.{number >> 8}.{number & 255}"), f"nobody{number}", "guessed")) for number in range(12_000)]
    codes = await asyncio.gather(*flood)
    assert codes.count(503) > 11_900
    assert await refused(access.login(from_("203.0.113.1"), "ada", "guessed")) == 429


async def test_a_clock_that_is_set_back_keeps_nobody_out(access: Access, clock: Clock) -> None:
    token = access.tokens.development("ada")
    await access.of_request(from_("192.0.2.1"), bearing(token), "")
    clock.now -= 86_400
    assert [await refused(access.of_request(from_("192.0.2.1"), bearing(token), "")) for _ in range(2)] == [0, 0]


async def test_a_session_is_no_bearer_token_to_get_another_session_by(access: Access) -> None:
    session = access.tokens.session(await access.login(from_("192.0.2.1"), "ada", PASSWORD))
    assert (await access.of_request(from_("192.0.2.1"), None, session)).name == "ada"
    assert await refused(access.of_request(from_("192.0.2.1"), None, "")) == 401


def test_who_looks_on_is_believed_for_as_long_as_their_token_says(access: Access, clock: Clock) -> None:
    ada = access.people.of("ada")
    assert ada is not None
    known = Known("ada", ada, int(clock.now) + 60)
    assert access.still(known, "home") and not access.still(known, "barn")
    clock.now += 60
    assert not access.still(known, "home")
    assert not access.still(Known("ada", Person(("home",)), int(clock.now) + 60), "home")


async def test_while_a_providers_keys_were_never_had_nobody_is_told_that_they_are_nobody(tmp_path: Path, clock: Clock) -> None:
    provider = Provider(str(tmp_path / "keys.json"), "https://id.example", "wattfall")
    access = Access(Settings(folder=tmp_path, provider=provider), clock, lambda: PASSES)
    assert await refused(access.of_request(from_("192.0.2.1"), bearing("any"), "")) == 401, "that is no token at all"
    unsigned = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImZpcnN0In0.e30.c2lnbmVk"
    assert await refused(access.of_request(from_("192.0.2.1"), bearing(unsigned), "")) == 503
