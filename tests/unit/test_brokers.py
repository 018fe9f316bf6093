"""How one gets in to Kafka, from the environment."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from settings.environ import Reader, SettingError
from streams.app import credentials
from streams.brokers import Brokers, Login

LOGIN = {"WATTFALL_SASL_USERNAME": "sinks", "WATTFALL_SASL_PASSWORD": "a secret"}


def read(**environ: str) -> Brokers:
    return Brokers.read(Reader({f"WATTFALL_{name}": value for name, value in environ.items()}))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority's certificate, one of its own with its key, and a key that is of neither."""
    folder = tmp_path_factory.mktemp("files")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    shown = authority.issue_cert("worker")
    shown.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    shown.private_key_pem.write_to_path(folder / "key.pem")
    trustme.CA().issue_cert("other").private_key_pem.write_to_path(folder / "other.pem")
    return folder


def test_without_a_protocol_nothing_is_encrypted_and_nobody_is_asked_for_a_name() -> None:
    brokers = read(BROKERS="a:1,b:2")
    assert brokers.client == {"bootstrap_servers": ["a:1", "b:2"], "security_protocol": "PLAINTEXT", "ssl_context": None}
    assert credentials(brokers) is None and str(brokers) == "a:1,b:2"


@pytest.mark.parametrize("protocol", ["SSL", "SASL_PLAINTEXT", "SASL_SSL"])
def test_every_client_gets_in_by_the_protocol_that_is_set(files: Path, protocol: str) -> None:
    names = {name.removeprefix("WATTFALL_"): value for name, value in LOGIN.items()}
    brokers = read(SECURITY_PROTOCOL=protocol, SSL_CA_FILE=str(files / "ca.pem"), SASL_MECHANISM="PLAIN", **names)
    client, theirs = brokers.client, credentials(brokers)
    assert client["security_protocol"] == protocol
    assert theirs is not None and theirs.protocol.value == protocol
    assert (client["ssl_context"] is not None) is protocol.endswith("SSL")
    assert (client.get("sasl_plain_password") == "a secret") is protocol.startswith("SASL")


def test_a_certificate_of_ours_is_shown(files: Path) -> None:
    apart = read(SECURITY_PROTOCOL="SSL", SSL_CERT_FILE=str(files / "cert.pem"), SSL_KEY_FILE=str(files / "key.pem"))
    both = files / "both.pem"
    both.write_bytes((files / "key.pem").read_bytes() + (files / "cert.pem").read_bytes())
    assert isinstance(apart.tls, ssl.SSLContext) and isinstance(read(SECURITY_PROTOCOL="SSL", SSL_CERT_FILE=str(both)).tls, ssl.SSLContext)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"SECURITY_PROTOCOL": "TLS"}, "WATTFALL_SECURITY_PROTOCOL='TLS': must be one of: PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
        ({"SECURITY_PROTOCOL": "SASL_SSL"}, "WATTFALL_SECURITY_PROTOCOL=SASL_SSL: wanted are WATTFALL_SASL_USERNAME and WATTFALL_SASL_PASSWORD, too"),
        ({"SASL_MECHANISM": "MD5"}, "WATTFALL_SASL_MECHANISM='MD5': must be one of: SCRAM-SHA-512"),
        ({"SSL_CA_FILE": "/nowhere"}, "WATTFALL_SSL_CA_FILE='/nowhere': No such file or directory; wanted is a file that can be read"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_CA_FILE": "key.pem"}, "key.pem': wanted are certificates as PEM"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_CERT_FILE": "cert.pem"}, "wanted are a certificate and its key without a password, as PEM"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_CERT_FILE": "cert.pem", "SSL_KEY_FILE": "other.pem"}, "wanted are a certificate and its key"),
    ],
    ids=lambda given: "-".join(given) if isinstance(given, dict) else "",
)
def test_what_does_not_get_anybody_in_is_named(files: Path, environ: dict[str, str], said: str) -> None:
    there = {name: str(files / value) if value.endswith(".pem") else value for name, value in environ.items()}
    with pytest.raises(SettingError) as refused:
        read(**there)
    assert said in str(refused.value)


def test_a_password_is_in_no_text() -> None:
    assert "a secret" not in repr(Brokers(("a:1",), None, Login("PLAIN", "sinks", "a secret")))
