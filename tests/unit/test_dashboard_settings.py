"""What may be set about the dashboard, and what is said of what may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.__main__ import greeting
from dashboard.settings import Prices, Provider, Settings
from settings.environ import SettingError


def test_nothing_set_is_a_dashboard_for_this_machine() -> None:
    assert Settings.from_environ({}) == Settings()
    assert Settings().host == "127.0.0.1" and Settings().provider is None and Settings().prices is None
    assert Settings().processes == 1


def test_as_many_processes_as_are_wanted() -> None:
    assert Settings.from_environ({"WATTFALL_DASHBOARD_PROCESSES": "4"}).processes == 4


def test_a_tariff_is_exact() -> None:
    found = Settings.from_environ({"WATTFALL_CURRENCY": "EUR", "WATTFALL_PRICE_IMPORT": "0.285671", "WATTFALL_PRICE_EXPORT": "0.08"})
    assert found.prices == Prices("EUR", 285_671, 80_000)


def test_a_provider_has_all_three() -> None:
    given = {
        "WATTFALL_DASHBOARD_KEYS": "https://id.example/keys",
        "WATTFALL_DASHBOARD_ISSUER": "https://id.example",
        "WATTFALL_DASHBOARD_AUDIENCE": "wattfall",
    }
    assert Settings.from_environ(given).provider == Provider(*given.values())
    for missing in given:
        with pytest.raises(SettingError, match=f"{missing} is not set"):
            Settings.from_environ({name: value for name, value in given.items() if name != missing})


def test_keys_may_be_a_file_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("{}")
    both = {"WATTFALL_DASHBOARD_ISSUER": "i", "WATTFALL_DASHBOARD_AUDIENCE": "a"}
    assert Settings.from_environ({**both, "WATTFALL_DASHBOARD_KEYS": str(tmp_path / "keys")}).provider is not None


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("WATTFALL_DASHBOARD_KEYS", "http://id.example/keys", "wanted is a JWK set: an https:// address"),
        ("WATTFALL_DASHBOARD_KEYS", "/nowhere", "a file that is there"),
        ("WATTFALL_DASHBOARD_URL", "power.example.org", "an address without a path"),
        ("WATTFALL_DASHBOARD_URL", "https://power.example.org/path", "an address without a path"),
        ("WATTFALL_DASHBOARD_HOST", "not a host", "a host name or an address"),
        ("WATTFALL_DASHBOARD_RATE", "0", "a whole number from 1"),
        ("WATTFALL_DASHBOARD_PROCESSES", "0", "a whole number from 1 to 64"),
        ("WATTFALL_DASHBOARD_PROCESSES", "65", "a whole number from 1 to 64"),
        ("WATTFALL_CURRENCY", "euro", "EUR"),
        ("WATTFALL_PRICE_IMPORT", "-1", "a price of a kWh from 0 to 1000"),
    ],
)
def test_what_cannot_be_used_is_named(variable: str, value: str, said: str) -> None:
    with pytest.raises(SettingError, match=f"^{variable}=.*{said}"):
        Settings.from_environ({"WATTFALL_CURRENCY": "EUR", variable: value})


@pytest.mark.parametrize(
    ("said", "url", "secure"),
    [
        ("https://power.example.org/", "https://power.example.org", True),
        ("HTTPS://power.example.org:8443", "https://power.example.org:8443", True),
        ("http://localhost:8080", "http://localhost:8080", False),
        ("", "", False),
    ],
)
def test_what_is_reached_by_https_is_secure_however_it_is_written(said: str, url: str, secure: bool) -> None:
    found = Settings.from_environ({"WATTFALL_DASHBOARD_URL": said})
    assert (found.url, found.secure) == (url, secure)


@pytest.mark.parametrize(
    ("host", "url", "lines"),
    [
        ("127.0.0.1", "", 1),
        ("::1", "", 1),
        ("0.0.0.0", "", 2),
        ("power.lan", "", 2),
        ("0.0.0.0", "http://localhost:8080", 1),
        ("0.0.0.0", "http://power.example.org", 2),
        ("0.0.0.0", "https://power.example.org", 1),
    ],
)
def test_where_others_would_log_in_unencrypted_it_is_said(host: str, url: str, lines: int) -> None:
    said = greeting(Settings.from_environ({"WATTFALL_DASHBOARD_HOST": host, "WATTFALL_DASHBOARD_URL": url}), 8080).splitlines()
    assert len(said) == lines and said[0].startswith("wattfall: the dashboard is at http")
    assert all("WATTFALL_DASHBOARD_URL" in line for line in said[1:])


def test_a_price_needs_a_currency() -> None:
    with pytest.raises(SettingError, match="WATTFALL_CURRENCY is not set"):
        Settings.from_environ({"WATTFALL_PRICE_IMPORT": "0.3"})
