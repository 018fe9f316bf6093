"""The dashboard's API as those who use it see it: a process of its own over the local stack's DynamoDB, asked by HTTP."""

from __future__ import annotations

import asyncio
import csv
import io
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import hypothesis
import jwt
import pytest
import schemathesis
from cryptography.hazmat.primitives.asymmetric import ec
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance
from starlette.routing import BaseRoute

from dashboard.__main__ import main
from dashboard.access import Access
from dashboard.app import api
from dashboard.settings import Settings
from dashboard.shell import HEADERS
from dashboard.streams import MOST
from dynamodb.client import viewing_client, writing_client
from dynamodb.settings import Settings as DynamoSettings
from metering.live import Live
from tests.dashboards import PASSWORD, House, admit, command, environ_of, furnished, inside, people, send_live, surrounded, token
from tests.stack import Stack

ANYBODY, PERSON, BEARER, OWNER = "anybody", "a person", "who brings a token", "the owner"
MATRIX: Final = {
    "GET /": (ANYBODY, 200),
    "GET /page": (ANYBODY, 404),
    "GET /openapi.json": (ANYBODY, 200),
    "POST /v1/session": (ANYBODY, 422),
    "POST /v1/session/bearer": (BEARER, 204),
    "DELETE /v1/session": (ANYBODY, 204),
    "GET /v1/devices": (PERSON, 200),
    "GET /v1/devices/{device}/live": (OWNER, 200),
    "GET /v1/devices/{device}/live/stream": (OWNER, 200),
    "GET /v1/devices/{device}/day/{date}": (OWNER, 200),
    "GET /v1/devices/{device}/month/{month}": (OWNER, 200),
    "GET /v1/devices/{device}/year/{year}": (OWNER, 200),
}
"""Every route: who may call it, and what they get."""
FUZZED: Final = [
    (route, mode)
    for route in MATRIX
    for mode in GenerationMode
    if "/v1/" in route and not route.endswith("/stream") and (route, mode) != ("DELETE /v1/session", GenerationMode.NEGATIVE)
]
"""All but streams, which go on; and nothing can be wrong with what asks for nothing."""
EXAMPLES: Final = {"date": "2026-10-25", "month": "2026-10", "year": "2026"}
VIEWS: Final = [("day", "2026-10-24"), ("day", "2026-10-25"), ("day", "2026-03-29"), ("month", "2026-10"), ("year", "2026")]


@pytest.fixture(scope="module")
def house(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with furnished(stack, f"dash{os.getpid()}", tmp_path_factory.mktemp("dashboard")) as house:
        send_live(house.environ, Live("home", power_mw=431_500, power_at=1_000, import_mwh=6_613_405_000, import_at=900, offset=3))
        yield house


@pytest.fixture
def ada(house: House) -> Iterator[httpx.Client]:
    with house.client("ada") as client:
        yield client


def routes(house: House) -> list[str]:
    """All that the application answers."""

    def named(each: list[BaseRoute]) -> Iterator[str]:
        for one in each:
            if router := getattr(one, "original_router", None):  # FastAPI keeps a router that was included whole
                yield from named(router.routes)
            else:
                found: Any = one
                yield from (f"{method} {found.path}" for method in set(getattr(found, "methods", None) or {"GET"}) - {"HEAD"})

    with surrounded(house.environ):
        return sorted(named(api(Settings.from_environ(house.environ), DynamoSettings.from_environ(house.environ)).routes))


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The body of an answer that is an error as RFC 9457 has it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status and body["type"] == "about:blank" and body["title"] and body["detail"]
    return body


def code_of(client: httpx.Client, route: str, device: str) -> int:
    method, _, path = route.partition(" ")
    with client.stream(method, path.format(device=device, **EXAMPLES)) as answer:
        return answer.status_code


def test_every_route_says_who_may_call_it(house: House) -> None:
    assert routes(house) == sorted(MATRIX)


@pytest.mark.parametrize("route", MATRIX)
def test_a_route_answers_whom_it_is_for_and_nobody_else(house: House, route: str) -> None:
    who, code = MATRIX[route]
    with house.client() as nobody, house.client("bob") as other, house.client("ada") as owner:
        assert code_of(owner, route, "home") == code
        assert code_of(other, route, "home") == (404 if who == OWNER else code)
        assert code_of(nobody, route, "home") == (code if who == ANYBODY else 401)


@pytest.mark.parametrize("route", MATRIX)
def test_a_sessions_cookie_is_as_good_as_a_token_but_for_another_session(house: House, route: str) -> None:
    who, code = MATRIX[route]
    with house.client("ada") as bearer, house.client() as browser:
        browser.cookies = bearer.post("/v1/session/bearer").cookies
        assert code_of(browser, route, "home") == (401 if who == BEARER else code)


@pytest.fixture(scope="module")
def described(house: House) -> Iterator[Any]:
    """What the API says of itself. A dashboard of its own: whoever tries so many names is let in nowhere for a while."""
    with inside({**house.environ, "WATTFALL_DASHBOARD_RATE": "1000"}) as url:
        yield schemathesis.openapi.from_url(f"{url}/openapi.json")


@pytest.mark.parametrize(("route", "mode"), FUZZED)
def test_whatever_is_asked_is_answered_as_the_api_says(house: House, described: Any, route: str, mode: GenerationMode) -> None:
    """What the API describes and what it does not; once of whatever device, once of one's own."""
    method, _, path = route.partition(" ")
    addresses = (f"198.51.{number // 250}.{number % 250}" for number in itertools.count())  # or there is soon an end to trying
    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

    @hypothesis.settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(case=described[path][method].as_strategy(generation_mode=mode))
    def asked(case: Any) -> None:
        for device in (case.path_parameters["device"], "home") if "device" in case.path_parameters else (None,):
            if device:
                case.path_parameters["device"] = device
            answer = case.call(headers={"Authorization": f"Bearer {house.tokens['ada']}", "X-Forwarded-For": next(addresses)})
            case.validate_response(answer, checks=checks)

    asked()


def test_what_is_no_json_is_answered_as_the_api_says(house: House) -> None:
    with house.client() as nobody:
        said = nobody.get("/openapi.json").json()["paths"]["/v1/session"]["post"]["responses"]
        for body in (b"\xff", b"[" * 4000, b"{", b"null", b"", b'{"person": "\xed\xa0\x80"}', b'{"person": "\\ud800", "password": "x"}'):
            answer = nobody.post("/v1/session", content=body, headers={"Content-Type": "application/json"})
            problem(answer, answer.status_code)
            assert str(answer.status_code) in said


def test_what_may_happen_on_every_route_is_described_for_every_route(house: House) -> None:
    with house.client() as nobody:
        document = nobody.get("/openapi.json").json()
    for operation in (one for path in document["paths"].values() for one in path.values()):
        answers = operation["responses"]
        assert answers.keys() >= {"413", "500"}
        assert all("headers" in answers[code] for code in answers.keys() & {"429", "503"})
    assert "text/event-stream" in document["paths"]["/v1/devices/{device}/live/stream"]["get"]["responses"]["200"]["content"]
    view = document["paths"]["/v1/devices/{device}/day/{date}"]["get"]["responses"]
    assert view["200"]["headers"].keys() == view["304"]["headers"].keys() == {"ETag", "Cache-Control", "Vary"}
    assert document["components"]["schemas"].keys() >= {"View", "Problem"} and "HTTPValidationError" not in document["components"]["schemas"]


async def test_what_it_says_of_itself_is_made_once_however_often_anybody_asks(house: House) -> None:
    with surrounded(house.environ):
        app = api(Settings.from_environ(house.environ), DynamoSettings.from_environ(house.environ))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as nobody:
        first = await nobody.get("/openapi.json")
        app.openapi_schema = {"paths": {}}  # whoever makes it again makes it of this
        again = await nobody.get("/openapi.json")
    assert first.json()["paths"] and first.headers["content-type"] == "application/json"
    assert again.content == first.content


def test_behind_https_the_cookie_is_for_https_and_has_the_name_that_is_described(stack: Stack, tmp_path: Path) -> None:
    environ = {**environ_of(stack, "none", tmp_path), "WATTFALL_DASHBOARD_URL": "HTTPS://power.example.org"}
    admit(environ)
    with inside(environ) as url, httpx.Client(base_url=url) as client:
        login = client.post("/v1/session", json={"person": "ada", "password": PASSWORD})
        cookie = login.headers["set-cookie"]
        assert cookie.startswith("__Host-wattfall=") and "Secure" in cookie
        assert login.headers["strict-transport-security"] == "max-age=31536000"
        described = client.get("/openapi.json").json()["components"]["securitySchemes"]["APIKeyCookie"]["name"]
        assert described == "__Host-wattfall"


@pytest.mark.parametrize("path", ["live", "live/stream", "day/2026-10-25", "month/2026-10", "year/2026"])
def test_anothers_device_and_one_that_does_not_exist_are_the_same(ada: httpx.Client, path: str) -> None:
    others, unknown = (ada.get(f"/v1/devices/{device}/{path}") for device in ("barn", "no-such-device"))
    problem(others, 404)
    assert others.content == unknown.content
    assert {name: value for name, value in others.headers.items() if name != "date"} == {
        name: value for name, value in unknown.headers.items() if name != "date"
    }


@pytest.mark.parametrize(("kind", "span"), VIEWS)
def test_a_view_is_what_is_stored(house: House, ada: httpx.Client, kind: str, span: str) -> None:
    view = ada.get(f"/v1/devices/home/{kind}/{span}").raise_for_status().json()
    shown = {period["start"]: period["total"] for period in view["periods"] if period["total"]}
    stored = house.stored(kind, span)
    assert len(shown) == len(stored) > 0
    for total, (start, told) in zip(stored, shown.items(), strict=True):
        assert time.strptime(start[:19], "%Y-%m-%dT%H:%M:%S")
        for field in ("import", "export", "estimated_import", "estimated_export", "unbooked_import", "unbooked_export"):
            assert round(told[f"{field}_kwh"] * 1_000_000) == getattr(total, f"{field}_mwh"), field
        assert round(told["max_w"] * 1000) == total.power_max_mw
        assert round(told["covered_s"] * 1000) == total.covered_ms
        assert (told["readings"], told["resets"], told["method"]) == (total.readings, total.resets, total.method)
        assert told["import_cost"] == pytest.approx(total.import_mwh * 0.30 / 1e6, abs=0.00006)


async def test_a_view_is_one_query_and_a_live_reading_one_item(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which DynamoDB is asked when the API is: nothing is fetched a second time, and no hours for a month."""
    sent: list[str] = []

    def overheard(threads: int) -> Any:
        client = viewing_client(threads)
        client.meta.events.register("before-send.dynamodb", lambda event_name, **_: sent.append(event_name.rpartition(".")[2]))
        return client

    monkeypatch.setattr("dashboard.app.viewing_client", overheard)
    with surrounded(house.environ):
        app = api(Settings.from_environ(house.environ), DynamoSettings.from_environ(house.environ))
    bearer = {"Authorization": f"Bearer {house.tokens['ada']}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here/v1/devices/home/", headers=bearer) as ada:
        for path, asked in (("day/2026-10-25", "Query"), ("month/2026-10", "Query"), ("year/2026", "Query"), ("live", "GetItem")):
            assert (await ada.get(path)).status_code == 200
            assert sent == [asked], path
            sent.clear()


def test_days_of_23_and_25_hours_are_as_they_are(ada: httpx.Client) -> None:
    spring, autumn = (ada.get(f"/v1/devices/home/day/{day}").json()["periods"] for day in ("2026-03-29", "2026-10-25"))
    assert len(spring) == 23 and [each["local"] for each in spring[:3]] == ["00:00", "01:00", "03:00"]
    assert len(autumn) == 25 and [(each["local"], each["offset"]) for each in autumn[2:4]] == [("02:00", "+02:00"), ("02:00", "+01:00")]
    assert autumn[3]["start"] == "2026-10-25T02:00:00+01:00"


def test_what_is_not_known_and_what_is_guessed_is_said(ada: httpx.Client) -> None:
    hours = ada.get("/v1/devices/home/day/2026-10-24").json()["periods"]
    assert [hour["local"] for hour in hours if hour["total"] is None] == ["03:00", "04:00"]
    assert [hour["local"] for hour in hours if hour["total"] and hour["total"]["estimated_share"] == 1] == ["05:00", "06:00", "07:00"]
    assert hours[5]["total"]["coverage"] == 0 and hours[8]["total"]["coverage"] == 1
    assert not any(hour["open"] for hour in hours)


def test_hours_that_may_have_been_deleted_are_told_from_those_that_nobody_knows(house: House) -> None:
    bearer = {"Authorization": f"Bearer {house.tokens['ada']}"}
    with inside({**house.environ, "WATTFALL_KEEP_HOURS_MONTHS": "1"}) as url, httpx.Client(base_url=url, headers=bearer, timeout=10) as client:
        gone, whole = (client.get(f"/v1/devices/home/day/{day}") for day in ("2026-09-15", "2026-03-29"))
        hours = gone.json()["periods"]
        assert not any(hour["total"] for hour in hours)
        kept_from = datetime.fromisoformat(gone.json()["kept_from"])
        assert timedelta(0) <= datetime.fromisoformat(gone.json()["as_of"]) - timedelta(days=31) - kept_from < timedelta(seconds=1)
        assert all(datetime.fromisoformat(hour["end"]) < kept_from for hour in hours)
        for path in ("month/2026-09", "year/2026"):
            assert client.get(f"/v1/devices/home/{path}").json()["kept_from"] is None
    with house.client("ada") as client:
        again = client.get("/v1/devices/home/day/2026-03-29", headers={"If-None-Match": whole.headers["etag"]})
        assert again.status_code == 304, "what is settled changes with its hours, not with the time"


def test_a_period_of_the_future_is_open_and_one_of_a_device_without_readings_is_empty(ada: httpx.Client) -> None:
    assert all(each["open"] and each["total"] is None for each in ada.get("/v1/devices/home/year/2100").json()["periods"])
    assert all(each["total"] is None for each in ada.get("/v1/devices/empty/month/2026-10").json()["periods"])
    assert ada.get("/v1/devices/nobody.ever-sent:it/live").json()["power_w"] is None


@pytest.mark.parametrize("asked", [{"params": {"format": "csv"}}, {"headers": {"Accept": "text/csv"}}], ids=["parameter", "header"])
def test_csv_is_the_same_in_rows(ada: httpx.Client, asked: dict[str, Any]) -> None:
    answer = ada.get("/v1/devices/home/day/2026-10-24", **asked)
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="home-2026-10-24.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    periods = ada.get("/v1/devices/home/day/2026-10-24").json()["periods"]
    assert [row["start"] for row in rows] == [period["start"] for period in periods]
    assert [row["import_kwh"] for row in rows] == [str(period["total"]["import_kwh"]) if period["total"] else "" for period in periods]


def test_the_live_reading_with_the_instants_of_its_values(ada: httpx.Client) -> None:
    live = ada.get("/v1/devices/home/live").json()
    assert (live["power_w"], live["power_at"]) == (431.5, "1970-01-01T01:00:01+01:00")
    assert (live["import_kwh"], live["export_kwh"]) == (6613.405, None)


def test_a_stream_says_what_is_there_and_then_what_comes(house: House, ada: httpx.Client) -> None:
    with ada.stream("GET", "/v1/devices/attic/live/stream") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"
        events = (json.loads(line[5:]) for line in answer.iter_lines() if line.startswith("data:"))
        assert next(events)["power_w"] is None
        send_live(house.environ, Live("attic", power_mw=512_000, power_at=2_000, offset=4))
        assert next(events)["power_w"] == 512.0


def test_what_is_settled_may_be_kept_and_what_is_open_is_asked_for_again(ada: httpx.Client) -> None:
    year = str(time.gmtime().tm_year)
    old, new, missing = (ada.get(f"/v1/devices/home/{span}") for span in ("day/2026-03-29", f"year/{year}", "day/2026-10-24"))
    assert old.headers["cache-control"] == "private, max-age=86400" and new.headers["cache-control"] == "private, max-age=5"
    assert missing.headers["cache-control"] == "private, max-age=5", "a device may still hand it in"
    assert ada.get("/v1/devices/home/day/2026-10-24", headers={"If-None-Match": missing.headers["etag"]}).status_code == 304
    for known in (old.headers["etag"], f'"another", {old.headers["etag"].removeprefix("W/")}', "*"):
        again = ada.get("/v1/devices/home/day/2026-03-29", headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
    assert ada.get("/v1/devices/home/day/2026-03-29?format=csv").headers["etag"] != old.headers["etag"]
    assert "etag" not in new.headers, "each says another time"
    assert ada.get("/v1/devices/home/day/2026-10-25").headers["etag"] != old.headers["etag"]
    assert "Authorization" in old.headers["vary"] and "Cookie" in old.headers["vary"]
    for path in ("/v1/devices", "/v1/devices/home/live", "/v1/devices/barn/live"):
        assert ada.get(path).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["day/2026-02-30", "day/yesterday", "month/2026-13", "year/0001", "year/9999", "day/2026-10-25?format=xml"])
def test_a_date_that_is_none_is_a_problem(ada: httpx.Client, path: str) -> None:
    problem(ada.get(f"/v1/devices/home/{path}"), 422)


def test_every_answer_has_the_headers_and_no_other_site_may_read_it(house: House, ada: httpx.Client) -> None:
    with house.client() as nobody:
        for answer in (ada.get("/v1/devices"), nobody.get("/v1/devices"), nobody.get("/nowhere"), nobody.put("/v1/devices")):
            assert HEADERS.items() <= dict(answer.headers).items() or all(answer.headers[name] == value for name, value in HEADERS.items())
            assert "unsafe-inline" not in answer.headers["content-security-policy"]
            assert answer.status_code in (200, 401, 404, 405)
        asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"}
        assert not [name for name in nobody.options("/v1/devices", headers=asked).headers if name.startswith("access-control")]
        assert "strict-transport-security" not in nobody.get("/").headers, "where people do not come by HTTPS"


@pytest.mark.parametrize("path", ["/page", "/v1/devices/", "/v1/session/", "/docs/"])
def test_nobody_is_sent_elsewhere(house: House, path: str) -> None:
    with house.client() as nobody:
        problem(nobody.get(path, headers={"Host": "evil.example"}), 404)


def test_the_page_is_there_for_who_only_asks_whether_it_is(house: House) -> None:
    with house.client() as nobody:
        assert (nobody.head("/").status_code, nobody.head("/page/main.js").status_code) == (200, 200)


def test_an_item_that_is_not_ours_is_no_bug_of_the_dashboard(house: House, ada: httpx.Client) -> None:
    key = {"pk": {"S": "empty"}, "sk": {"S": "L"}, "a": {"N": "1"}}
    with surrounded(house.environ), closing(writing_client(1)) as client:
        client.put_item(TableName=house.environ["WATTFALL_TABLE_LIVE"], Item={**key, "colour": {"S": "green"}})
        problem(ada.get("/v1/devices/empty/live"), 503)
        client.delete_item(TableName=house.environ["WATTFALL_TABLE_LIVE"], Key={name: key[name] for name in ("pk", "sk")})


async def test_somebody_has_so_many_streams_and_whoever_goes_makes_room(house: House) -> None:
    people(house.environ).put("cyd", ["attic"], None)
    every, path = asyncio.Barrier(3 * MOST), "/v1/devices/attic/live/stream"

    async def opened(client: httpx.AsyncClient) -> int:
        async with client.stream("GET", path) as answer:
            await every.wait()
            return answer.status_code

    bearer = {"Authorization": f"Bearer {token(house.environ, 'cyd')}"}
    async with httpx.AsyncClient(base_url=house.url, headers=bearer, timeout=10) as client, asyncio.timeout(20):
        codes = await asyncio.gather(*(opened(client) for _ in range(3 * MOST)))
        assert sorted(codes) == [200] * MOST + [429] * 2 * MOST
        every = asyncio.Barrier(1)
        while await opened(client) != 200:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("body", [b"x" * 5000, iter([b"x"])], ids=["too long", "of unknown length"])
def test_a_large_body_is_refused_before_it_is_read(house: House, body: Any) -> None:
    with house.client() as nobody:
        problem(nobody.post("/v1/session", content=body), 413)


def test_a_login_leaves_a_cookie_that_scripts_and_other_sites_do_not_get(house: House) -> None:
    with house.client() as browser:
        login = browser.post("/v1/session", json={"person": "ada", "password": PASSWORD})
        assert login.status_code == 204
        cookie = login.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie
        assert browser.get("/v1/devices").json()["devices"][0] == "home"
        assert browser.get("/v1/devices/barn/live").status_code == 404
        assert browser.delete("/v1/session").headers["clear-site-data"] == '"cache"'
        assert browser.get("/v1/devices").status_code == 401


def test_a_new_password_ends_the_sessions_of_the_old_one(house: House) -> None:
    people(house.environ).put("eve", ["attic"], "the first password")
    with house.client() as browser:
        assert browser.post("/v1/session", json={"person": "eve", "password": "the first password"}).status_code == 204
        with browser.stream("GET", "/v1/devices/attic/live/stream") as stream:
            lines = stream.iter_lines()
            assert next(line for line in lines if line.startswith("data:"))
            people(house.environ).put("eve", None, "the second password")
            send_live(house.environ, Live("attic", power_mw=1_000, power_at=20_000, offset=7))
            assert next((line for line in lines if line.startswith("data:")), "nothing more") == "nothing more"
        assert browser.get("/v1/devices").status_code == 401


def test_a_wrong_name_and_a_wrong_password_are_the_same_and_there_is_an_end_to_trying(stack: Stack, tmp_path: Path) -> None:
    environ = environ_of(stack, "none", tmp_path)
    admit(environ)
    with inside(environ) as url, httpx.Client(base_url=url) as browser:
        said = [problem(browser.post("/v1/session", json={"person": who, "password": "guessed"}), 401) for who in ("ada", "bob", "nobody")]
        assert said[0] == said[1] == said[2]
        codes = [browser.post("/v1/session", json={"person": "ada", "password": "guessed"}).status_code for _ in range(10)]
        assert codes[0] == 401 and codes[-1] == 429
        assert int(browser.post("/v1/session", json={"person": "ada", "password": PASSWORD}).headers["retry-after"]) >= 1


def test_one_person_does_not_take_all_of_it(stack: Stack, tmp_path: Path) -> None:
    environ = {**environ_of(stack, "none", tmp_path), "WATTFALL_DASHBOARD_RATE": "1"}
    admit(environ)
    with inside(environ) as url, httpx.Client(base_url=url) as client:
        tokens = [token(environ, name) for name in ("ada", "bob")]
        answers = [client.get("/v1/devices", headers={"Authorization": f"Bearer {tokens[0]}"}) for _ in range(12)]
        assert answers[0].status_code == 200
        problem(answers[-1], 429)
        assert client.get("/v1/devices", headers={"Authorization": f"Bearer {tokens[1]}"}).status_code == 200


def test_a_dynamodb_that_is_away_is_said_and_named_to_nobody(stack: Stack, tmp_path: Path) -> None:
    environ = {**environ_of(stack, "none", tmp_path), "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9"}
    admit(environ)
    with inside(environ) as url, httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token(environ, 'ada')}"}) as client:
        answer = client.get("/v1/devices/home/day/2026-10-25", timeout=20)
        assert "127.0.0.1" not in problem(answer, 503)["detail"] and int(answer.headers["retry-after"]) >= 1
        with client.stream("GET", "/v1/devices/home/live/stream") as stream:
            assert next(line for line in stream.iter_lines() if line.startswith("event:")) == "event: trouble"


def test_who_comes_through_a_proxy_that_sends_a_providers_token_each_time_needs_no_cookie(house: House, tmp_path: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    public = {**jwt.get_algorithm_by_name("ES256").to_jwk(private.public_key(), as_dict=True), "kid": "first"}
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [public]}))
    provider = {"KEYS": str(tmp_path / "keys.json"), "ISSUER": "https://id.example", "AUDIENCE": "wattfall"}

    def sent(lasts_s: int) -> dict[str, str]:
        claims = {"sub": "ada", "iss": "https://id.example", "aud": "wattfall", "exp": int(time.time()) + lasts_s}
        return {"Authorization": f"Bearer {jwt.encode(claims, private, 'ES256', {'kid': 'first'})}"}

    environ = {**house.environ, **{f"WATTFALL_DASHBOARD_{name}": value for name, value in provider.items()}}
    with inside(environ) as url, httpx.Client(base_url=url, headers=sent(300), timeout=10) as browser:
        for path in ("/", "/page/main.js", "/v1/devices", "/v1/devices/home/day/2026-10-25", "/v1/devices/home/live"):
            assert browser.get(path).status_code == 200, path
        with browser.stream("GET", "/v1/devices/home/live/stream") as stream:
            assert next(line for line in stream.iter_lines() if line.startswith("data:"))
        assert browser.delete("/v1/session").status_code == 204 and browser.get("/v1/devices").status_code == 200, "to log out is the proxy's"
        assert not browser.cookies
        assert browser.get("/v1/devices", headers=sent(-60)).status_code == 401, "which has to send a new one in time"


def test_who_is_taken_out_sees_nothing_from_the_next_request_on(house: House) -> None:
    people(house.environ).put("eve", ["attic"], None)
    with httpx.Client(base_url=house.url, headers={"Authorization": f"Bearer {token(house.environ, 'eve')}"}, timeout=10) as eve:
        assert eve.get("/v1/devices/attic/live").status_code == 200
        with eve.stream("GET", "/v1/devices/attic/live/stream") as stream:
            lines = stream.iter_lines()
            assert next(line for line in lines if line.startswith("data:"))
            people(house.environ).put("eve", [], None)
            send_live(house.environ, Live("attic", power_mw=613_000, power_at=30_000, offset=8))
            assert next((line for line in lines if line.startswith("data:")), "nothing more") == "nothing more"
        assert eve.get("/v1/devices/attic/live").status_code == 404


@pytest.mark.parametrize(
    ("changed", "arguments", "said"),
    [
        ({}, ["token", "stranger"], "does not name stranger"),
        ({"WATTFALL_DASHBOARD_PORT": "many"}, ["serve"], "WATTFALL_DASHBOARD_PORT='many': must be a whole number from 0 to 65535"),
        ({"AWS_REGION": ""}, ["serve"], "AWS_REGION is not set"),
        ({"WATTFALL_DASHBOARD_HOST": "192.0.2.1"}, ["serve"], "assign requested address"),
        ({"WATTFALL_LOG_FORMAT": "xml"}, ["serve"], "WATTFALL_LOG_FORMAT='xml': must be"),
        ({}, ["person", "ada", "--password"], "at least 10 characters"),
        ({}, ["person", "ada", "--devices", "home,=1+1"], "'=1+1' is no device"),
    ],
)
def test_a_mistake_is_one_line(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changed: dict[str, str],
    arguments: list[str],
    said: str,
) -> None:
    for name, value in {**house.environ, **changed, "AWS_CONFIG_FILE": "/nonexistent"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdin", io.StringIO("short\n"))
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("wattfall: ") and said in told and told.count("\n") == 1


def test_a_folder_with_a_person_in_it_is_all_that_a_dashboard_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a secret that is mounted for reading only, and made where an identity provider is set, which has no `token`."""
    monkeypatch.setenv("WATTFALL_DASHBOARD_DIR", str(tmp_path))
    assert main(["person", "ada", "--devices", "home"]) == 0
    there = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert there.keys() >= {"people.json", "key"}
    Access(Settings(folder=tmp_path))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == there


def test_what_is_typed_lets_somebody_in(stack: Stack, tmp_path: Path) -> None:
    """By the commands themselves; the password comes through a pipe with the line ends of another system."""
    environ = environ_of(stack, "none", tmp_path)
    assert (
        "fay may see shed, with a password"
        in command(environ, "person", "fay", "--devices", "shed", "--password", typed="a long password\r\n").stdout
    )
    bearer = command(environ, "token", "fay").stdout.strip()
    with inside(environ) as url, httpx.Client(base_url=url) as client:
        assert client.get("/v1/devices", headers={"Authorization": f"Bearer {bearer}"}).json()["devices"] == ["shed"]
        assert client.post("/v1/session", json={"person": "fay", "password": "a long password"}).status_code == 204
