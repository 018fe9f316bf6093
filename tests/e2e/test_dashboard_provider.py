"""An identity provider by HTTPS, with a certificate of its own: one that gives its keys, and some that do not as they should."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import jwt
import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import rsa

from dashboard.settings import Provider
from dashboard.tokens import NoKeys, ProviderKeys, Tokens

PRIVATE = rsa.generate_private_key(65537, 2048)
KEYS = json.dumps({"keys": [{**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(PRIVATE.public_key())), "kid": "first", "alg": "RS256"}]}).encode()
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(KEYS)
PATIENCE_S = 0.5
SAID = {
    "good": WHOLE + KEYS,
    "elsewhere": b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /good\r\n\r\n",
    "no-http": b"220 ready\r\n",
    "half": WHOLE + KEYS[:-1],
    "never": WHOLE,
}


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What the path names; `never` goes on and on, byte by byte."""
    path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode().removeprefix("/")
    writer.write(SAID[path])
    try:
        for byte in KEYS if path == "never" else b"":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(PATIENCE_S / 5)
        writer.close()
    except ConnectionError:
        pass


@pytest.fixture
async def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Its address. This machine trusts who signed its certificate."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def named(address: str) -> str:
    """Whom a token of the provider names, whose keys are at this address."""
    keys = ProviderKeys(Provider(address, "https://id.example", "wattfall"), time.monotonic, PATIENCE_S)
    claims = {"sub": "ada", "iss": "https://id.example", "aud": "wattfall", "exp": int(time.time()) + 60}
    token = jwt.encode(claims, PRIVATE, algorithm="RS256", headers={"kid": "first"})
    return (await asyncio.to_thread(Tokens(b"k" * 64, time.time, keys).read_bearer, token)).person


async def test_a_providers_keys_come_by_https(provider: str) -> None:
    assert await named(f"{provider}/good") == "ada"


@pytest.mark.parametrize("how", sorted(SAID.keys() - {"good"}))
async def test_one_that_sends_us_elsewhere_or_breaks_off_or_takes_too_long_has_given_none(provider: str, how: str) -> None:
    with pytest.raises(NoKeys):
        await asyncio.wait_for(named(f"{provider}/{how}"), 10 * PATIENCE_S)
