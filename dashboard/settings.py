"""What can be set about the dashboard: where it answers, who is believed, what energy costs. Zone and tables are those of `dynamodb/settings.py`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from settings.environ import Reader, SettingError, number, seconds, whole

_HOST: Final = re.compile(r"[A-Za-z0-9.:_-]{1,255}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_HOUR_S: Final = 3600
MICRO: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Provider:
    """An identity provider: where its public keys are (a JWK set, RFC 7517), and what the claims `iss` and `aud` of its tokens have to be."""

    keys: str
    issuer: str
    audience: str


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of a kWh in millionths of the currency's unit (ISO 4217)."""

    currency: str
    import_micro: int
    export_micro: int


@dataclass(frozen=True, slots=True)
class Settings:
    """`url`: what people type, empty where that is host and port. `folder`: the people and the dashboard's own key. `provider`: None where
    the dashboard's own key signs. `processes`: how many answer; each has so many `threads`, and takes so many requests a second of one person, on
    average (`rate`). `settled_s`: after a period's end, how long it may change.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    url: str = ""
    folder: Path = field(default=Path(".state/dashboard"))
    provider: Provider | None = None
    processes: int = 1
    threads: int = 16
    live_s: float = 2.0
    rate: int = 20
    prices: Prices | None = None
    settled_s: int = 72 * _HOUR_S

    @property
    def secure(self) -> bool:
        """People reach it by HTTPS."""
        return self.url.startswith("https://")

    @property
    def bare(self) -> bool:
        """People on other machines reach it, and not by HTTPS."""
        host = urlsplit(self.url).hostname if self.url else self.host
        return not self.secure and not _loops_back(host or "")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Reads `WATTFALL_*`; what is absent or empty has its default. Raises SettingError."""
        default, read = cls(), Reader(environ)
        return cls(
            host=read("WATTFALL_DASHBOARD_HOST", default.host, _matching(_HOST, "wanted is a host name or an address")),
            port=read("WATTFALL_DASHBOARD_PORT", default.port, whole(0, 65535)),
            url=read("WATTFALL_DASHBOARD_URL", default.url, _url),
            folder=Path(read("WATTFALL_DASHBOARD_DIR", str(default.folder), str)),
            provider=_provider(read),
            processes=read("WATTFALL_DASHBOARD_PROCESSES", default.processes, whole(1, 64)),
            threads=read("WATTFALL_DASHBOARD_THREADS", default.threads, whole(1, 256)),
            live_s=read("WATTFALL_DASHBOARD_LIVE_S", default.live_s, seconds(0.1, 60)),
            rate=read("WATTFALL_DASHBOARD_RATE", default.rate, whole(1, 100_000)),
            prices=_prices(read),
            settled_s=read("WATTFALL_RESTATE_HOURS", default.settled_s, lambda text: whole(1, 8760)(text) * _HOUR_S),
        )


def _provider(read: Reader) -> Provider | None:
    keys = read("WATTFALL_DASHBOARD_KEYS", "", _keys)
    issuer = read("WATTFALL_DASHBOARD_ISSUER", "", _text)
    audience = read("WATTFALL_DASHBOARD_AUDIENCE", "", _text)
    given = {"WATTFALL_DASHBOARD_KEYS": keys, "WATTFALL_DASHBOARD_ISSUER": issuer, "WATTFALL_DASHBOARD_AUDIENCE": audience}
    if not any(given.values()):
        return None
    if missing := [name for name, value in given.items() if not value]:
        raise SettingError(f"{missing[0]} is not set; an identity provider needs all of {', '.join(given)}")
    return Provider(keys, issuer, audience)


def _prices(read: Reader) -> Prices | None:
    currency = read("WATTFALL_CURRENCY", "", _matching(_CURRENCY, "wanted is a currency's three letters such as EUR"))
    imported = read("WATTFALL_PRICE_IMPORT", 0, _price)
    exported = read("WATTFALL_PRICE_EXPORT", 0, _price)
    if not currency and (imported or exported):
        raise SettingError("WATTFALL_CURRENCY is not set; a price needs a currency such as EUR")
    return Prices(currency, imported, exported) if currency else None


def _price(text: str) -> int:
    return round(number(text, 0, 1000, "a price of a kWh") * MICRO)


def _keys(text: str) -> str:
    if not text.startswith("https://") and not Path(text).is_file():
        raise ValueError("wanted is a JWK set: an https:// address, or a file that is there")
    return text


def _text(text: str) -> str:
    if not text.isprintable():
        raise ValueError("wanted is what the claim of the provider's tokens says")
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("wanted is an address without a path, such as https://power.example.org")
    return f"{parts.scheme}://{parts.netloc}"


def _loops_back(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _matching(pattern: re.Pattern[str], wanted: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(wanted)
        return text

    return parse
