"""The outer wall on every route there is, asked of the application itself: a route added later is tried here too."""

import asyncio
import re
import statistics
from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import Mount, Route

from components.api import add_api
from components.edge import Edge
from components.login import add_login
from components.metrics import FORMAT
from services.auth import Passwords
from tests.builders import d
from tests.fakes_ui import PASSWORD, Desk, a_position
from tests.integration.test_control_and_view import Floor, floor  # noqa: F401 - a real trader with a paper exchange

HOST = "http://127.0.0.1:8080"
EVIL = "https://evil.example"
HEADERS = (
    "content-security-policy",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "permissions-policy",
)


async def nothing() -> None:
    pass


def the_web(desk: Desk, **doors: Any) -> FastAPI:
    web, given = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), desk.doors(**doors)
    web.add_middleware(Edge, doors=given)
    add_login(web, given, nothing)
    add_api(web, given)

    async def breaks(_: Any) -> Any:
        raise ZeroDivisionError("the seed is ABCD")

    web.router.routes.append(Route("/breaks", breaks))
    return web


def routes(web: FastAPI) -> Iterator[tuple[str, str]]:
    """(method, path) of all there is, with something in each gap."""

    def walked(found: Any, before: str) -> Iterator[tuple[str, str]]:
        for each in found:
            if isinstance(each, Mount):
                yield from walked(each.routes, before + each.path)
            else:
                path = before + re.sub(r"\{[^}]+\}", "x", each.path)
                yield from ((method, path) for method in getattr(each, "methods", None) or {"GET"})

    yield from walked(web.routes, "")


def changing(web: FastAPI) -> list[tuple[str, str]]:
    return [(method, path) for method, path in routes(web) if method not in ("GET", "HEAD")]


def client(web: FastAPI, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(web, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=HOST, headers=headers)


async def a_desk() -> Desk:
    desk = Desk()
    await desk.auth.start("admin", PASSWORD)
    return desk


def footprint(desk: Desk) -> tuple[Any, ...]:
    """Everything that a request could change."""
    users = desk.users
    return list(desk.control.orders), dict(users.users), dict(users.sessions), dict(users.tokens)


async def sign_in(browser: httpx.AsyncClient) -> None:
    form = {"username": "admin", "password": PASSWORD}
    assert (await browser.post("/login", data=form, headers={"origin": HOST})).status_code == 303


# ---------------------------------------------------------------- who may change anything


async def test_every_changing_route_refuses_other_pages_whatever_they_send() -> None:
    desk = await a_desk()
    desk.view.held = [a_position("x")]
    web = the_web(desk)
    assert len(changing(web)) > 20
    async with client(web) as browser:
        await sign_in(browser)
        before = footprint(desk)
        for method, path in changing(web):
            for origin in ({"origin": EVIL}, {"origin": "null"}, {}):
                for body in ({"json": {"confirm": True}}, {"data": {"password": PASSWORD, "name": "x"}}):
                    answer = await browser.request(method, path, headers=origin, **body)  # type: ignore[arg-type]
                    assert answer.status_code == 403, (method, path, origin)
        assert footprint(desk) == before


async def test_no_look_changes_anything() -> None:
    desk = await a_desk()
    desk.view.held = [a_position("x")]
    web = the_web(desk)
    async with client(web) as browser:
        await sign_in(browser)
        before = footprint(desk)
        for _, path in set(routes(web)):
            for method in ("GET", "HEAD", "OPTIONS"):
                await browser.request(method, path, headers={"origin": EVIL})
        assert footprint(desk) == before


async def test_a_session_or_token_that_was_ended_changes_nothing_on_any_route() -> None:
    desk = await a_desk()
    desk.view.held = [a_position("x")]
    web = the_web(desk)
    async with client(web, origin=HOST) as browser, client(web) as program:
        await sign_in(browser)
        answer = await program.post("/api/v1/token", json={"username": "admin", "password": PASSWORD})
        bearer = {"authorization": f"Bearer {answer.json()['access_token']}"}
        assert (await browser.post("/api/v1/pause")).status_code == 200
        assert (await program.post("/api/v1/pause", headers=bearer)).status_code == 200
        await desk.auth.end_all("admin")
        before = footprint(desk)
        for method, path in changing(web):
            if path in ("/login", "/api/v1/token"):
                continue
            by_cookie = await browser.request(method, path, json={"confirm": True} if "/api/" in path else None)
            assert by_cookie.status_code == (401 if path.startswith("/api/") else 303), path
            assert by_cookie.headers.get("location", "/login") == "/login"
            if path.startswith("/api/"):
                by_token = await program.request(method, path, json={"confirm": True}, headers=bearer)
                assert by_token.status_code == 401, path
        assert footprint(desk) == before


# ---------------------------------------------------------------- headers


async def test_every_route_answers_in_the_walls_headers_errors_too() -> None:
    desk = await a_desk()
    desk.view.held = [a_position("x")]
    web = the_web(desk, public_url="https://trader.example")
    async with client(web, host="trader.example") as browser:
        for signed_in in (False, True):
            if signed_in:
                secret = (await desk.auth.sign_in("admin", PASSWORD, None, "")).secret
                browser.cookies.set("__Host-trader", secret)
            asked = [
                *set(routes(web)),
                ("GET", "/nowhere"),
                ("TRACE", "/login"),
                ("GET", "/docs"),
                ("GET", "/openapi.json"),
            ]
            for method, path in asked:
                answer = await browser.request(method, path)
                assert [name for name in HEADERS if name not in answer.headers] == [], (method, path)
                assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
                assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
                assert answer.headers["cache-control"] == "no-store" or path.startswith("/assets/"), path


async def test_the_cookie_of_https_is_bound_to_host_and_connection() -> None:
    desk = await a_desk()
    web = the_web(desk, public_url="https://trader.example")
    async with client(web, host="trader.example", origin="https://trader.example") as browser:
        answer = await browser.post("/login", data={"username": "admin", "password": PASSWORD})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-trader=")
        assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
        assert "domain" not in cookie.lower()
        assert len(cookie.partition("=")[2].partition(";")[0]) >= 43  # 256 random bits


async def test_what_breaks_is_told_by_a_number_only(caplog: pytest.LogCaptureFixture) -> None:
    desk = await a_desk()
    async with client(the_web(desk)) as browser:
        await sign_in(browser)
        for accepts, kind in (("text/html", "text/html"), ("application/json", "application/problem+json")):
            answer = await browser.get("/breaks", headers={"accept": accepts})
            assert answer.status_code == 500
            assert answer.headers["content-type"].startswith(kind)
            assert "ABCD" not in answer.text
            assert "ZeroDivision" not in answer.text
            number = re.search(r"under ([\w-]+)", answer.text)[1]  # type: ignore[index]
            assert number in caplog.text
            assert "ABCD" in caplog.text


async def test_descriptions_and_odd_methods_are_not_there_for_strangers() -> None:
    desk = await a_desk()
    async with client(the_web(desk)) as stranger:
        for path in (
            "/docs",
            "/redoc",
            "/openapi.json",
            "/api/docs",
            "/api/openapi.json",
            "/account",
            "/assets/",
            "/.env",
        ):
            answer = await stranger.get(path)
            assert answer.status_code in (303, 401, 404), path
            assert "v1/" not in answer.text.replace("/api/v1/token", "")
        for method in ("TRACE", "CONNECT", "PUT"):
            assert (await stranger.request(method, "/login")).status_code in (403, 405)


# ---------------------------------------------------------------- too much of it


async def test_a_flood_of_requests_is_told_to_wait_and_others_are_not() -> None:
    desk = await a_desk()
    web = FastAPI()
    web.add_middleware(Edge, doors=desk.doors(), at_once=200.0)
    add_login(web, desk.doors(), nothing)
    near, far = (httpx.ASGITransport(web, client=(address, 1)) for address in ("192.0.2.7", "198.51.100.1"))
    async with httpx.AsyncClient(transport=near, base_url=HOST) as flood:
        async with httpx.AsyncClient(transport=far, base_url=HOST) as other:
            answers = [(await flood.get("/assets/none")).status_code for _ in range(200)]
            refused = await flood.get("/assets/none")
            assert 429 not in answers
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert (await other.get("/login")).status_code == 200
        desk.clock.forward(seconds=1)  # type: ignore[attr-defined]
        assert (await flood.get("/login")).status_code == 200


async def test_of_a_thousand_tries_thirty_are_judged_at_most_and_who_is_in_stays_in() -> None:
    desk = await a_desk()
    desk.view.held = [a_position()]
    web = the_web(desk)
    async with client(web, origin=HOST) as owner:
        await sign_in(owner)
        wrong = 0
        for at in range(1000):  # from everywhere, all in one minute
            answer = await desk.auth.sign_in("admin", "guess", None, f"10.{at % 200}.0.{at % 250}")
            wrong += answer.outcome == "wrong"
        assert wrong <= 30
        assert (await owner.post("/api/v1/positions/p1/close", json={})).status_code == 202


async def test_an_unknown_name_takes_as_long_as_a_wrong_password() -> None:
    desk = Desk()
    desk.quick = Passwords(memory_kib=4096, passes=2)
    desk.auth = desk.fresh_auth()
    await desk.auth.start("admin", PASSWORD)
    took: dict[str, list[float]] = {"admin": [], "nobody": []}
    for at in range(8):
        for name, times in took.items():
            began = perf_counter()
            await desk.auth.sign_in(name, "guess", None, f"10.0.{at}.{len(name)}")
            times.append(perf_counter() - began)
            desk.clock.forward(minutes=1)  # type: ignore[attr-defined]
    known, unknown = (statistics.median(times[1:]) for times in took.values())
    assert 0.4 < known / unknown < 2.5, f"{known * 1000:.1f} ms and {unknown * 1000:.1f} ms"


# ---------------------------------------------------------------- one close


async def test_twenty_clicks_on_close_from_five_sign_ins_are_one_close(floor: Floor) -> None:  # noqa: F811
    """On a real trader: one command, one sale at the exchange."""
    desk = await a_desk()
    id = await floor.buy()
    web = the_web(desk, control=floor.control, view=floor.view)
    browsers = [client(web, origin=HOST) for _ in range(5)]
    for browser in browsers:
        await sign_in(browser)
    clicks = [browser.post(f"/api/v1/positions/{id}/close", json={}) for browser in browsers for _ in range(4)]
    answers = await asyncio.gather(*clicks)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["command_id"] for answer in answers}) == 1
    await floor.minute("50000")
    await floor.minute("50000")
    sales = [each for each in floor.session.engine.state.orders.values() if each.role == "exit"]
    assert len(sales) <= 1, sales
    assert floor.view.status().open_positions == 0
    held = floor.view.status().equity - floor.view.status().cash
    assert 0 <= held < d("0.01"), "more or less than the position was sold"
    for browser in browsers:
        await browser.aclose()


# ---------------------------------------------------------------- figures for a monitor


async def test_figures_are_read_from_this_machine_or_with_the_token() -> None:
    desk = await a_desk()
    desk.view.now = replace(desk.view.now, equity=d("10128.40"), state="PAUSED", reason="manual")
    web = the_web(desk, metrics_token="t" * 32)
    elsewhere = httpx.ASGITransport(web, client=("192.0.2.7", 1))
    async with client(web) as here, httpx.AsyncClient(transport=elsewhere, base_url=HOST) as there:
        answer = await here.get("/metrics")
        assert (answer.status_code, answer.headers["content-type"]) == (200, FORMAT)
        lines = answer.text.splitlines()
        assert "trader_equity_usd 10128.40" in lines
        assert 'trader_state{state="paused"} 1' in lines
        assert 'trader_state{state="trading"} 0' in lines
        assert answer.text.endswith("\n")
        named = re.compile(r'[a-z_]+(\{[a-z]+="[^"\n]*"(,[a-z]+="[^"\n]*")*\})? -?[0-9.e+-]+')
        assert [line for line in lines if not line.startswith("#") and not named.fullmatch(line)] == []
        for headers in ({}, {"authorization": "Bearer " + "x" * 32}, {"x-forwarded-for": "127.0.0.1"}):
            assert (await there.get("/metrics", headers=headers)).status_code == 401
        assert (await there.get("/metrics", headers={"authorization": "Bearer " + "t" * 32})).status_code == 200
        through_proxy = await here.get("/metrics", headers={"x-forwarded-for": "192.0.2.7"})
        assert through_proxy.status_code == 401, "behind a proxy here, strangers seem to come from here"
        assert (await here.post("/metrics")).status_code == 405


# ---------------------------------------------------------------- odd words in addresses


@pytest.mark.parametrize(
    "odd", ["' OR 1=1--", "1;DROP TABLE users", "..%2f..%2fetc%2fpasswd", "%00", "9" * 40, "-1", "٥"]
)
async def test_odd_words_in_an_address_find_nothing(odd: str) -> None:
    desk = await a_desk()
    async with client(the_web(desk)) as browser:
        await sign_in(browser)
        for path in (f"/api/v1/positions/{odd}", f"/api/v1/decisions/{odd}", f"/account?done={odd}"):
            answer = await browser.get(path)
            assert answer.status_code in (200, 404), (path, answer.status_code)
            assert "problem" in answer.headers["content-type"] or len(odd) < 3 or odd not in answer.text
        for name in ("limit", "offset", "since", "level", "colour"):
            for kind in ("trades", "logs"):
                assert (await browser.get(f"/api/v1/{kind}", params={name: odd})).status_code == 422
