"""Whose word is believed, and for how long; the clock is a number, and the identity provider a file of public keys."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from dashboard.people import SHORTEST_PASSWORD, People, PeopleError, Person, knows
from dashboard.settings import Provider
from dashboard.tokens import LIFETIME_S, Bearer, NoKeys, NoToken, ProviderKeys, Session, Tokens, own_key

NOW = 1_800_000_000
OWN = b"k" * 64
PRIVATE, OTHER = (rsa.generate_private_key(65537, 2048) for _ in range(2))
CLAIMS = {"sub": "auth0|ada", "iss": "https://id.example", "aud": "wattfall", "exp": NOW + 60}


class Clock:
    now = float(NOW)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def key_set(path: Path, algorithm: str = "RS256", **keys: Any) -> Path:
    """As a provider publishes it: of private keys the public ones."""
    to_jwk = jwt.get_algorithm_by_name(algorithm).to_jwk
    said = [{**to_jwk(key.public_key(), as_dict=True), "kid": name, "alg": algorithm} for name, key in keys.items()]
    path.write_text(json.dumps({"keys": said}))
    return path


@pytest.fixture
def provided(tmp_path: Path, clock: Clock) -> Tokens:
    place = key_set(tmp_path / "keys.json", first=PRIVATE)
    return Tokens(OWN, clock, ProviderKeys(Provider(str(place), "https://id.example", "wattfall"), clock))


def signed(key: Any = PRIVATE, algorithm: str = "RS256", kid: str = "first", **changed: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid})


def test_a_token_of_ones_own_names_a_person_for_a_month(clock: Clock) -> None:
    tokens = Tokens(OWN, clock)
    token = tokens.development("ada")
    assert tokens.read_bearer(token) == Bearer("ada", NOW + LIFETIME_S)
    clock.now += LIFETIME_S
    with pytest.raises(NoToken):
        tokens.read_bearer(token)


def test_a_token_of_another_dashboard_and_a_changed_one_are_none(clock: Clock) -> None:
    token = Tokens(b"x" * 64, clock).development("ada")
    unsigned = jwt.encode({"sub": "ada", "aud": "wattfall-development", "exp": NOW + 60}, "", algorithm="none")
    for bad in (token, unsigned, "", "a.b.c", Tokens(OWN, clock).development("ada")[:-3]):
        with pytest.raises(NoToken):
            Tokens(OWN, clock).read_bearer(bad)


def test_a_session_is_no_bearer_token_and_a_bearer_token_no_session(clock: Clock) -> None:
    tokens = Tokens(OWN, clock)
    session = Session("ada", NOW + 60, "0123")
    assert tokens.read_session(tokens.session(session)) == session
    with pytest.raises(NoToken):
        tokens.read_bearer(tokens.session(session))
    with pytest.raises(NoToken):
        tokens.read_session(tokens.development("ada"))


def test_a_providers_token_names_a_person(provided: Tokens) -> None:
    assert provided.read_bearer(signed()) == Bearer("auth0|ada", NOW + 60 + 30)
    assert provided.read_bearer(signed(exp=NOW - 20)) == Bearer("auth0|ada", NOW + 10), "who is let in is believed for as long as that"


@pytest.mark.parametrize(
    "token",
    [
        signed(exp=NOW - 31),
        signed(nbf=NOW + 31),
        signed(iss="https://evil.example"),
        signed(aud="another-app"),
        signed(sub=None),
        signed(exp=None),
        signed(exp=float("inf")),
        signed(nbf=float("inf")),
        signed(key=OTHER),
        signed(kid="second"),
        signed(key=OWN.decode(), algorithm="HS256"),
        Tokens(OWN, Clock()).development("ada"),
    ],
    ids=[
        "expired",
        "not yet",
        "issuer",
        "audience",
        "nobody",
        "for ever",
        "infinite",
        "never yet",
        "other key",
        "unknown key",
        "our own key",
        "development",
    ],
)
def test_any_other_is_refused(provided: Tokens, token: str) -> None:
    with pytest.raises(NoToken):
        provided.read_bearer(token)


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", PRIVATE),
        ("PS256", PRIVATE),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ],
    ids=["RS256", "PS256", "ES256", "EdDSA"],
)
def test_a_provider_signs_with_what_it_likes_of_these(tmp_path: Path, clock: Clock, algorithm: str, key: Any) -> None:
    place = key_set(tmp_path / "keys.json", algorithm, first=key)
    tokens = Tokens(OWN, clock, ProviderKeys(Provider(str(place), "https://id.example", "wattfall"), clock))
    assert tokens.read_bearer(signed(key, algorithm)).person == "auth0|ada"


def test_a_key_is_good_for_the_algorithm_that_it_says_and_for_no_other(provided: Tokens) -> None:
    with pytest.raises(NoToken):
        provided.read_bearer(signed(algorithm="PS256"))


def test_where_there_is_a_provider_we_make_no_tokens(provided: Tokens) -> None:
    with pytest.raises(NoToken, match="WATTFALL_DASHBOARD_KEYS"):
        provided.development("ada")


def test_a_new_key_of_the_provider_is_found_but_not_looked_for_at_each_token(provided: Tokens, clock: Clock, tmp_path: Path) -> None:
    with pytest.raises(NoToken):
        provided.read_bearer(signed(key=OTHER, kid="second"))
    key_set(tmp_path / "keys.json", first=PRIVATE, second=OTHER)
    with pytest.raises(NoToken):
        provided.read_bearer(signed(key=OTHER, kid="second"))
    clock.now += 61
    assert provided.read_bearer(signed(key=OTHER, kid="second", exp=NOW + 100)).person == "auth0|ada"


def test_a_provider_that_does_not_answer_takes_nobodys_key_away(provided: Tokens, clock: Clock, tmp_path: Path) -> None:
    provided.read_bearer(signed())
    (tmp_path / "keys.json").unlink()
    clock.now += 3700
    assert provided.read_bearer(signed(exp=NOW + 4000)).person == "auth0|ada"


def test_a_provider_that_was_away_at_the_start_is_asked_again_soon(clock: Clock, tmp_path: Path) -> None:
    tokens = Tokens(OWN, clock, ProviderKeys(Provider(str(tmp_path / "keys.json"), "https://id.example", "wattfall"), clock))
    with pytest.raises(NoKeys, match=r"keys\.json"):
        tokens.read_bearer(signed())
    key_set(tmp_path / "keys.json", first=PRIVATE)
    with pytest.raises(NoKeys):
        tokens.read_bearer(signed())
    clock.now += 3
    assert tokens.read_bearer(signed()).person == "auth0|ada"


@pytest.mark.parametrize(
    "said", ["[]", "null", "{}", '{"keys": [[]]}', '{"keys": [{"kty": "RSA", "n": 5, "e": 3}]}', '{"keys": 1}', "\ud800", "<html>"]
)
def test_what_is_no_key_set_takes_nobodys_key_away(provided: Tokens, clock: Clock, tmp_path: Path, said: str) -> None:
    provided.read_bearer(signed())
    (tmp_path / "keys.json").write_bytes(said.encode(errors="surrogatepass"))
    clock.now += 3700
    assert provided.read_bearer(signed(exp=NOW + 4000)).person == "auth0|ada"


def test_a_provider_that_is_slow_keeps_nobody_waiting_whose_key_is_known(provided: Tokens, clock: Clock, tmp_path: Path) -> None:
    provided.read_bearer(signed())
    said = (place := tmp_path / "keys.json").read_text()
    place.unlink()
    os.mkfifo(place)  # whoever reads it waits until somebody writes
    clock.now += 3700
    later = signed(exp=NOW + 4000)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(provided.read_bearer, later)
        with place.open("w") as slow:  # opens once it is being read
            assert provided.read_bearer(later).person == "auth0|ada"
            slow.write(said)
        assert first.result(10).person == "auth0|ada"


def test_the_own_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    first = own_key(tmp_path / "folder")
    assert len(first) == 64 and own_key(tmp_path / "folder") == first
    assert (tmp_path / "folder" / "key").stat().st_mode & 0o777 == 0o600


def test_those_who_start_together_have_one_key(tmp_path: Path) -> None:
    def start(folder: Path, together: threading.Barrier) -> bytes:
        together.wait()
        return own_key(folder)

    with ThreadPoolExecutor(4) as pool:
        for number in range(20):
            keys = pool.map(start, [tmp_path / str(number)] * 4, [threading.Barrier(4)] * 4)
            assert len(set(keys)) == 1


def test_what_two_write_at_the_same_time_is_all_there(tmp_path: Path) -> None:
    one, other = People(tmp_path), People(tmp_path)
    other.put("bob", ["barn"], None)
    one.put("ada", ["home"], None)
    assert other.of("ada") and one.of("bob")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: People(tmp_path).put(f"p{number}", ["home"], None), range(40)))
    assert all(one.of(f"p{number}") for number in range(40)) and one.of("bob")


@pytest.mark.parametrize("device", ["", ".", "..", "a/b", 'a"b', "=1+1", "a b", "ä", "x" * 129, 7])
def test_what_no_reading_can_name_is_no_device(tmp_path: Path, device: Any) -> None:
    people = People(tmp_path)
    with pytest.raises(PeopleError, match="is no device"):
        people.put("ada", ["home", device], None)
    people.path.write_text(json.dumps({"bob": {"devices": ["barn"]}, "ada": {"devices": ["home", device]}}))
    assert people.of("ada") is None and people.of("bob") == Person(("barn",))


def test_what_is_written_of_people_is_read_by_everybody_at_once(tmp_path: Path) -> None:
    one, other = People(tmp_path), People(tmp_path)
    one.put("ada", ["home", "barn", "home"], "correct horse battery")
    ada = other.of("ada")
    assert ada is not None and ada.devices == ("home", "barn")
    assert knows(ada, "correct horse battery") and not knows(ada, "Correct horse battery")
    one.put("ada", ["home"], None)
    changed = other.of("ada")
    assert changed is not None and changed.devices == ("home",) and changed.mark == ada.mark
    one.put("ada", None, "another long password")
    assert (again := other.of("ada")) is not None and again.mark != ada.mark and again.devices == ("home",)
    assert one.path.stat().st_mode & 0o777 == 0o600 and "correct" not in one.path.read_text()


def test_who_has_no_password_logs_in_with_none(tmp_path: Path) -> None:
    people = People(tmp_path)
    people.put("bob", ["barn"], None)
    assert not knows(people.of("bob"), "") and not knows(people.of("nobody"), "")


def test_a_short_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PeopleError, match=str(SHORTEST_PASSWORD)):
        People(tmp_path).put("ada", [], "x" * (SHORTEST_PASSWORD - 1))


def test_a_file_that_breaks_is_as_before_and_one_that_was_never_good_is_named(tmp_path: Path) -> None:
    people = People(tmp_path)
    people.put("ada", ["home"], None)
    people.path.write_text('{"ada": {"devices": ["home"]}')
    assert (ada := people.of("ada")) is not None and ada.devices == ("home",)
    with pytest.raises(PeopleError, match=r"people\.json"):
        People(tmp_path)
    people.path.unlink()
    assert people.of("ada") is None


@pytest.mark.parametrize(
    "entry",
    [
        {"devices": ["a b"]},
        {"devices": "home"},
        {"devices": ["home"], "password": "$2b$12$K7bNqkEwbEJMvUK2sJkXuO"},
        {"devices": ["home"], "password": None},
        ["home"],
    ],
    ids=["device", "no list", "another hash", "null", "no object"],
)
def test_a_slip_in_one_entry_takes_what_is_said_of_the_others_from_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture, entry: Any) -> None:
    """Who was taken out in the same edit is out; whose entry it is sees nothing; a start is none that fails."""
    people = People(tmp_path)
    people.put("eve", ["attic"], None)
    people.path.write_text(json.dumps({"ada": {"devices": ["home"]}, "bob": entry}))
    for those in (people, People(tmp_path)):
        assert (those.of("eve"), those.of("ada"), those.of("bob")) == (None, Person(("home",)), None)
    assert len(caplog.messages) == 6, "as long as it lasts"
    assert all("entry 2;" in said and "bob" not in said and "a b" not in said for said in caplog.messages)
    with pytest.raises(PeopleError, match=r"people\.json: .*entry 2;"):
        people.put("ada", ["home"], None)  # which would write what it knows, and that is less than what is there
