"""Where Kafka is, and how one gets in: every client is made with it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from settings.environ import Reader, SettingError, is_whole, one_of

PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS: Final = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are to the brokers (SASL)."""

    mechanism: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Brokers:
    """`servers`: host:port, some of the cluster's. With `tls` what is said is encrypted; a certificate in it says who we are."""

    servers: tuple[str, ...] = ("127.0.0.1:9092",)
    tls: ssl.SSLContext | None = None
    login: Login | None = None

    def __str__(self) -> str:
        return ",".join(self.servers)

    @property
    def client(self) -> dict[str, Any]:
        """What a client of aiokafka is made with."""
        protocol = ("SASL_" if self.login else "") + ("SSL" if self.tls else "PLAINTEXT")
        options: dict[str, Any] = {"bootstrap_servers": list(self.servers), "security_protocol": protocol, "ssl_context": self.tls}
        if self.login is not None:
            options["sasl_mechanism"] = self.login.mechanism
            options["sasl_plain_username"], options["sasl_plain_password"] = self.login.username, self.login.password
        return options

    @classmethod
    def read(cls, read: Reader) -> Brokers:
        """From `WATTFALL_BROKERS`, and `WATTFALL_SECURITY_PROTOCOL` with what it needs. Raises SettingError."""
        found = read("WATTFALL_BROKERS", cls().servers, servers)
        protocol = read("WATTFALL_SECURITY_PROTOCOL", "PLAINTEXT", one_of(*PROTOCOLS))
        ca, cert, key = (read(f"WATTFALL_SSL_{name}_FILE", None, readable) for name in ("CA", "CERT", "KEY"))
        mechanism = read("WATTFALL_SASL_MECHANISM", MECHANISMS[0], one_of(*MECHANISMS))
        username, password = (read(f"WATTFALL_SASL_{name}", "", str) for name in ("USERNAME", "PASSWORD"))
        if protocol.startswith("SASL") and not (username and password):
            raise SettingError(f"WATTFALL_SECURITY_PROTOCOL={protocol}: wanted are WATTFALL_SASL_USERNAME and WATTFALL_SASL_PASSWORD, too")
        return cls(
            found,
            tls=context(ca, cert, key) if protocol.endswith("SSL") else None,
            login=Login(mechanism, username, password) if protocol.startswith("SASL") else None,
        )


def context(ca: Path | None, cert: Path | None, key: Path | None) -> ssl.SSLContext:
    """Trusts `ca`, or whom this machine trusts; shows `cert` to whoever asks for one. Raises SettingError for what is no such file."""
    try:
        made = ssl.create_default_context(cafile=ca)
    except (ssl.SSLError, OSError) as error:
        raise SettingError(f"WATTFALL_SSL_CA_FILE={str(ca)!r}: wanted are certificates as PEM ({error})") from None
    if cert is not None:
        try:
            made.load_cert_chain(cert, key, password="")  # without one, OpenSSL would ask at the terminal
        except (ssl.SSLError, OSError) as error:
            where = f"WATTFALL_SSL_CERT_FILE={str(cert)!r}, WATTFALL_SSL_KEY_FILE={str(key or cert)!r}"
            raise SettingError(f"{where}: wanted are a certificate and its key without a password, as PEM ({error})") from None
    return made


def servers(text: str) -> tuple[str, ...]:
    """host:port,host:port …"""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for server in found:
        host, _, port = server.rpartition(":")
        if not host or not is_whole(port) or not 0 < int(port) < 65_536:
            raise ValueError(f"{server!r} is not host:port; wanted is host:port[,host:port …]")
    if not found:
        raise ValueError("wanted is host:port[,host:port …]")
    return found


def readable(text: str) -> Path:
    """A file that is there and may be read."""
    try:
        with open(text, "rb"):
            return Path(text)
    except (OSError, ValueError) as error:
        raise ValueError(f"{getattr(error, 'strerror', error)}; wanted is a file that can be read") from None
