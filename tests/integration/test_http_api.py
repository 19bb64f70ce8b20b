"""The HTTP interface as a program meets it: the real application behind its outer wall, with a fake trader inside."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.channels import ChannelState
from app.core.alerts import AlertEvent
from app.core.errors import StoreError
from app.core.model import PositionStatus
from app.notices import Told
from components.api import add_api
from components.doors import Doors
from components.edge import Edge
from components.login import add_login
from components.wire import time_text
from tests.builders import d
from tests.fakes_ui import NOW, PASSWORD, Desk, a_checklist, a_position, a_status

HOST = "http://127.0.0.1:8080"


async def nothing() -> None:
    pass


def an_application(desk: Desk, doors: Doors | None = None) -> FastAPI:
    web, doors = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), doors or desk.doors()
    web.add_middleware(Edge, doors=doors)
    add_login(web, doors, nothing)
    add_api(web, doors)
    return web


class Program:
    """An HTTP client with a token in its pocket."""

    def __init__(self, desk: Desk, client: httpx.AsyncClient) -> None:
        self.desk, self.client = desk, client

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.client.get(f"/api/v1/{path}", **more)

    async def post(self, path: str, **more: Any) -> httpx.Response:
        return await self.client.post(f"/api/v1/{path}", **more)


@pytest.fixture
async def stranger() -> AsyncIterator[Program]:
    desk = Desk()
    await desk.auth.start("admin", PASSWORD)
    transport = httpx.ASGITransport(an_application(desk))
    async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
        yield Program(desk, client)


@pytest.fixture
async def program(stranger: Program) -> Program:
    answer = await stranger.post("token", json={"username": "admin", "password": PASSWORD})
    assert answer.json()["expires_in"] == 86_400
    stranger.client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
    return stranger


def is_problem(answer: httpx.Response, status: int, *words: str) -> bool:
    """The one form of every error."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {"title", "status", "detail"}
    assert body["status"] == status
    return all(word in body["detail"] for word in words)


# ---------------------------------------------------------------- health and sign-in


@pytest.mark.parametrize(("word", "status"), [("ok", 200), ("degraded", 200), ("starting", 503)])
async def test_health_says_one_word_to_anybody(stranger: Program, word: str, status: int) -> None:
    stranger.desk.health = word
    answer = await stranger.client.get("/health")
    assert (answer.status_code, answer.json()) == (status, {"status": word})
    assert is_problem(await stranger.client.post("/health"), 405)


READS = ["status", "positions", "positions/x", "trades", "trades.csv", "orders", "fills", "flows", "decisions",
          "decisions/x", "signals", "insights", "candles", "reviews", "reviews/x", "voices", "news", "alerts", "logs",
          "backtests", "data"]  # fmt: skip
ACTS = ["pause", "resume", "positions/x/close", "close-all", "alerts/acknowledge", "unlock"]


@pytest.mark.parametrize("path", READS)
async def test_reading_needs_a_token(stranger: Program, path: str) -> None:
    assert is_problem(await stranger.get(path), 401, "/api/v1/token")
    assert is_problem(await stranger.get(path, headers={"authorization": "Bearer made.up.token"}), 401)


@pytest.mark.parametrize("path", ACTS)
async def test_acting_needs_a_token_whatever_the_body_says(stranger: Program, path: str) -> None:
    assert is_problem(await stranger.post(path, json={"odd": 1}), 401)
    assert stranger.desk.control.orders == []


async def test_the_description_is_behind_sign_in(program: Program) -> None:
    assert "/v1/status" in (await program.client.get("/api/openapi.json")).json()["paths"]
    assert "close-all" in (await program.client.get("/api/docs")).text
    del program.client.headers["authorization"]
    assert is_problem(await program.client.get("/api/docs"), 401)
    assert is_problem(await program.client.get("/api/openapi.json"), 401)


async def test_the_sixth_wrong_password_is_told_to_wait(stranger: Program) -> None:
    for _ in range(5):
        assert is_problem(await stranger.post("token", json={"username": "admin", "password": "guess"}), 401)
    answer = await stranger.post("token", json={"username": "admin", "password": PASSWORD})
    assert is_problem(answer, 429)
    assert 0 < int(answer.headers["retry-after"]) <= 901


async def test_the_random_first_password_opens_nothing_but_its_own_change() -> None:
    desk = Desk()
    first = await desk.auth.start("admin")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(an_application(desk)), base_url=HOST) as client:
        answer = await client.post("/api/v1/token", json={"username": "admin", "password": first})
        bearer = {"authorization": f"Bearer {answer.json()['access_token']}"}
        assert is_problem(await client.get("/api/v1/status", headers=bearer), 403, "first password")


# ---------------------------------------------------------------- reading


async def test_status_in_the_words_of_the_contract(program: Program) -> None:
    program.desk.view.now = replace(program.desk.view.now, equity=d("10128.40"), day_pnl_pct=d("0.42"))
    row = (await program.get("status")).json()
    assert row["state"] == "TRADING"
    assert row["reason"] is None
    assert row["equity"] == "10128.4"
    assert row["day_pnl_pct"] == 0.42
    assert row["price_at"] == "2026-03-10T12:00:00.000Z"
    assert row["two_factor"] is False


async def test_an_open_position_is_priced_by_the_engine(program: Program) -> None:
    position = a_position(entry="60000", quantity="0.1", cost=d("6006"))
    program.desk.view.held = [position]
    program.desk.view.set(price=d("60500"))
    program.desk.reader.rows["positions"] = [program.desk.position_row(position)]
    answer = (await program.get("positions")).json()
    assert answer["total"] == 1
    (row,) = answer["items"]
    assert (row["current_price"], row["unrealized_pnl"]) == ("60500", "44")
    assert row["unrealized_pnl_pct"] == pytest.approx(0.7326, abs=0.0001)
    assert (await program.get("positions/p1")).json() == row
    assert is_problem(await program.get("positions/nope"), 404, "nope")


async def test_lists_have_pages_and_a_total(program: Program) -> None:
    program.desk.reader.rows["orders"] = [{"id": str(at)} for at in range(5)]
    answer = (await program.get("orders?limit=2&offset=3")).json()
    assert answer == {"items": [{"id": "3"}, {"id": "4"}], "total": 5}
    assert (await program.get("fills")).json() == {"items": [], "total": 0}


async def test_filters_reach_the_store(program: Program) -> None:
    await program.get("trades?since=2026-03-01T00:00:00Z&until=2026-03-10T12:00:00Z")
    await program.get("logs?level=WARNING&limit=1000")
    await program.get("positions?status=all")
    trades, logs, positions = program.desk.reader.asked
    assert trades[3]["until"] == NOW
    assert logs == ("logs", 1000, 0, {"level": "WARNING"})
    assert positions[3] == {"status": "all"}


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("orders?limit=0", "limit"),
        ("orders?limit=1001", "limit"),
        ("orders?limit=ten", "limit"),
        ("orders?offset=-1", "offset"),
        ("orders?colour=red", "colour"),
        ("orders?path=red", "path: "),
        ("status?verbose=1", "verbose"),
        ("positions?status=open", "status"),
        ("logs?level=LOUD", "level"),
        ("trades?since=yesterday", "since"),
        ("trades?since=2026-03-01T00:00:00", "since"),
    ],
)
async def test_odd_questions_are_told_what_is_wrong(program: Program, path: str, word: str) -> None:
    assert is_problem(await program.get(path), 422, word)


async def test_days_are_told_beside_what_they_should_have_been(program: Program) -> None:
    day = {"day": "2026-11-25", "identical": True, "at": NOW, "difference": None}
    program.desk.view.now = a_status(last_replay=day)
    program.desk.reader.rows = {
        "reviews": [
            {"id": "2026-11-25", "date": "2026-11-25", "identical": True, "drift": {"difference_usd": "-1.20"}}
        ],
        "voices": [{"date": "2026-11-25", "voices": [{"name": "as_it_was", "result_usd": 4.1}]}],
    }
    assert (await program.get("status")).json()["last_replay"] == {**day, "at": time_text(NOW)}
    assert (await program.get("reviews")).json()["items"][0]["drift"] == {"difference_usd": "-1.20"}
    assert (await program.get("reviews/2026-11-25")).json()["identical"] is True
    assert is_problem(await program.get("reviews/2026-11-24"), 404)
    assert (await program.get("voices")).json()["items"][0]["voices"][0]["result_usd"] == 4.1


async def test_insights_in_the_words_of_the_contract(program: Program) -> None:
    row = (await program.get("insights")).json()
    assert row == {"at": time_text(NOW), "price": "50000.5", "vote": {"score": 61.5}, "signals": []}
    assert is_problem(await program.get("insights?deep=1"), 422)


async def test_news_are_asked_for_by_when_they_were_published(program: Program) -> None:
    program.desk.reader.rows["news"] = [{"id": "n1", "title": "Fund buys bitcoin", "score": 0.5}]
    answer = await program.get("news?since=2026-11-23T00:00:00Z&until=2026-11-24T00:00:00Z&limit=10")
    assert answer.json() == {"items": [{"id": "n1", "title": "Fund buys bitcoin", "score": 0.5}], "total": 1}
    assert program.desk.reader.asked[-1] == (
        "news",
        10,
        0,
        {"since": datetime(2026, 11, 23, tzinfo=UTC), "until": datetime(2026, 11, 24, tzinfo=UTC)},
    )


async def test_trades_as_csv_oldest_first_and_safe_in_a_spreadsheet(program: Program) -> None:
    program.desk.reader.rows["trades"] = [
        {"id": "t2", "profit_loss": "-3.5", "reasoning": "=1+1", "closed_at": NOW},
        {"id": "t1", "profit_loss": "4", "reasoning": 'RSI "low", bought'},
    ]
    answer = await program.get("trades.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    head, first, second = answer.text.splitlines()
    assert head.startswith("id,position_id,symbol,side,opened_at,closed_at,quantity")
    assert first.startswith("t1,")
    assert first.endswith(',"RSI ""low"", bought"')
    assert ",-3.5," in second
    assert second.endswith(",'=1+1")


async def test_deposits_and_withdrawals_are_listed_and_stand_in_the_csv_at_their_time(program: Program) -> None:
    flows = [
        {"id": "w-1", "at": "2026-11-24T09:00:00.000Z", "kind": "withdrawal", "amount": "-250.5", "note": ""},
        {"id": "d-1", "at": "2026-11-20T09:00:00.000Z", "kind": "deposit", "amount": "500", "note": "=told"},
    ]
    program.desk.reader.rows |= {
        "flows": flows,
        "trades": [{"id": "t1", "closed_at": "2026-11-22T10:00:00.000Z", "profit_loss": "4"}],
    }
    assert (await program.get("flows")).json() == {"items": flows, "total": 2}
    _, *lines = (await program.get("trades.csv")).text.splitlines()
    assert [line.split(",")[0] for line in lines] == ["d-1", "t1", "w-1"]
    assert lines[0] == "d-1,,USD,DEPOSIT,2026-11-20T09:00:00.000Z,2026-11-20T09:00:00.000Z,500,,,,,,,,'=told"
    assert lines[2].startswith("w-1,,USD,WITHDRAWAL,2026-11-24T09:00:00.000Z,2026-11-24T09:00:00.000Z,250.5,,,,,")


async def test_when_the_store_does_not_answer_it_says_so(program: Program) -> None:
    program.desk.reader.failing = StoreError("the disk is gone")
    for path in ("orders", "decisions/d1"):
        answer = await program.get(path)
        assert is_problem(answer, 503)
        assert "disk" not in answer.text
        assert answer.headers["retry-after"] == "5"


async def test_wrong_paths_methods_and_bodies_are_problems_too(program: Program) -> None:
    assert is_problem(await program.get("nonsense"), 404)
    assert is_problem(await program.client.get("/api/nonsense"), 404)
    assert is_problem(await program.get("pause"), 405)
    assert is_problem(await program.post("orders"), 405)
    assert is_problem(await program.post("close-all", content=b"confirm=true"), 415)
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert is_problem(await program.post("close-all", content=b"confirm=true", headers=form), 415)
    json = {"content-type": "application/json"}
    assert is_problem(await program.post("close-all", content=b"{oops", headers=json), 422, "JSON")
    assert is_problem(await program.post("close-all", content=b" " * 1_048_577, headers=json), 413)


async def test_a_body_longer_than_it_says_is_refused_as_well(program: Program) -> None:
    async def flood() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100_000

    headers = {"content-type": "application/json"}
    assert is_problem(await program.post("close-all", content=flood(), headers=headers), 413)


# ---------------------------------------------------------------- acting


async def test_pause_and_resume_answer_the_changed_status_and_may_be_said_twice(program: Program) -> None:
    for _ in range(2):
        answer = await program.post("pause")
        assert (answer.status_code, answer.json()["state"], answer.json()["reason"]) == (200, "PAUSED", "manual")
    for _ in range(2):
        answer = await program.post("resume", json={})
        assert (answer.status_code, answer.json()["state"]) == (200, "TRADING")
    assert program.desk.control.orders[0] == ("pause", "admin", "")


async def test_resume_needs_the_second_factor_where_one_is_enrolled_and_pause_never(program: Program) -> None:
    program.desk.control.code = "123456"
    assert is_problem(await program.post("resume"), 403, "otp")
    assert is_problem(await program.post("resume", json={"otp": "000000"}), 403)
    assert (await program.post("resume", json={"otp": "123456"})).status_code == 200
    assert (await program.post("pause")).status_code == 200


async def test_resume_while_a_lock_holds_says_which(program: Program) -> None:
    program.desk.control.refusal = "daily loss holds: it lifts at 00:00 UTC"
    assert is_problem(await program.post("resume"), 409, "daily loss")


async def test_closing_twice_is_one_command(program: Program) -> None:
    program.desk.view.held = [a_position()]
    first, second = await program.post("positions/p1/close"), await program.post("positions/p1/close")
    assert first.status_code == second.status_code == 202
    assert first.json() == second.json() == {"command_id": "c-p1", "position_id": "p1", "status": "CLOSING"}


async def test_closing_what_is_closed_or_never_was(program: Program) -> None:
    closed = a_position("p0", status=PositionStatus.CLOSED)
    program.desk.reader.rows["positions"] = [program.desk.position_row(closed)]
    assert is_problem(await program.post("positions/p0/close"), 409, "CLOSED")
    assert is_problem(await program.post("positions/nope/close"), 404)


async def test_close_all_wants_to_be_confirmed(program: Program) -> None:
    program.desk.view.held = [a_position("p1"), a_position("p2")]
    for body in ({}, {"confirm": False}, {"confirm": "true"}, {"confirm": True, "colour": "red"}):
        assert is_problem(await program.post("close-all", json=body), 422)
    assert is_problem(await program.post("close-all"), 422)
    answer = await program.post("close-all", json={"confirm": True})
    assert (answer.status_code, answer.json()["position_ids"]) == (202, ["p1", "p2"])
    program.desk.view.held = []
    assert (await program.post("close-all", json={"confirm": True})).json()["position_ids"] == []


async def test_while_reconciling_only_pausing_is_possible(program: Program) -> None:
    program.desk.view.set(state="RECONCILING")
    program.desk.view.held = [a_position()]
    for path, body in (("positions/p1/close", {}), ("close-all", {"confirm": True}), ("resume", {})):
        answer = await program.post(path, json=body)
        assert is_problem(answer, 503, "RECONCILING")
        assert "retry-after" in answer.headers
    assert program.desk.control.orders == []
    assert (await program.post("pause")).status_code == 200


# ---------------------------------------------------------------- the same request again


async def test_a_repeat_with_the_same_key_gets_the_first_answer_and_does_nothing(program: Program) -> None:
    program.desk.view.held = [a_position()]
    key = {"idempotency-key": "k-1"}
    first = await program.post("close-all", json={"confirm": True}, headers=key)
    program.desk.view.held = [a_position("p9")]
    again = await program.post("close-all", json={"confirm": True}, headers=key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert [order[2] for order in program.desk.control.orders] == ["p1"]


async def test_two_at_once_with_one_key_are_one(program: Program) -> None:
    key = {"idempotency-key": "k-2"}
    answers = await asyncio.gather(*(program.post("pause", headers=key) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(program.desk.control.orders) == 1


async def test_a_key_belongs_to_one_request_and_lasts_a_day(program: Program) -> None:
    key = {"idempotency-key": "k-3"}
    await program.post("pause", headers=key)
    assert is_problem(await program.post("resume", headers=key), 422, "Idempotency-Key")
    program.desk.clock.forward(hours=23)  # type: ignore[attr-defined]
    await program.post("pause", headers=key)
    assert len(program.desk.control.orders) == 1


@pytest.mark.parametrize("key", ["x" * 65, "with space", "café"])
async def test_odd_keys_are_refused(program: Program, key: str) -> None:
    headers = [(b"idempotency-key", key.encode("latin-1"))]
    assert is_problem(await program.post("pause", headers=headers), 422, "Idempotency-Key")


async def test_a_refusal_is_not_kept_under_its_key(program: Program) -> None:
    program.desk.control.code = "123456"
    key = {"idempotency-key": "k-4"}
    assert is_problem(await program.post("resume", json={"otp": "000000"}, headers=key), 403)
    assert (await program.post("resume", json={"otp": "123456"}, headers=key)).status_code == 200


# ---------------------------------------------------------------- the outer wall


async def sign_in(client: httpx.AsyncClient, password: str = PASSWORD, **headers: str) -> httpx.Response:
    form = {"username": "admin", "password": password}
    return await client.post("/login", data=form, headers={"origin": HOST, **headers})


async def test_pages_send_strangers_to_the_login_page(stranger: Program) -> None:
    for path in ("/", "/password", "/_nicegui/client/x", "/whatever"):
        answer = await stranger.client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    page = await stranger.client.get("/login")
    assert page.status_code == 200
    assert 'autocomplete="current-password"' in page.text


async def test_on_a_full_disk_the_login_page_says_so_and_that_stops_stay(stranger: Program) -> None:
    stranger.desk.users.full = True
    answer = await sign_in(stranger.client)
    assert answer.status_code == 503
    assert "Stops on the exchange stay" in answer.text
    stranger.desk.users.full = False
    assert (await sign_in(stranger.client)).status_code == 303


async def test_the_cookie_is_out_of_reach_of_scripts_and_reads_but_never_orders(stranger: Program) -> None:
    answer = await sign_in(stranger.client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "max-age=86400" in cookie
    assert (await stranger.get("status")).status_code == 200
    assert is_problem(await stranger.post("pause"), 403)
    assert is_problem(await stranger.post("pause", headers={"origin": "https://evil.example"}), 403)
    assert stranger.desk.control.orders == []


async def test_forms_from_other_pages_are_refused(stranger: Program) -> None:
    answer = await sign_in(stranger.client, origin="https://evil.example")
    assert is_problem(answer, 403, "another page")
    await sign_in(stranger.client)
    assert is_problem(await stranger.client.post("/logout", headers={"origin": "https://evil.example"}), 403)
    assert is_problem(await stranger.client.post("/logout"), 403)


async def test_the_login_page_makes_the_sixth_try_wait_and_says_how_long(stranger: Program) -> None:
    for _ in range(5):
        assert (await sign_in(stranger.client, "guess")).status_code == 401
    answer = await sign_in(stranger.client)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert "wait" in answer.text


async def test_the_first_password_is_changed_before_anything_else() -> None:
    desk = Desk()
    first = await desk.auth.start("admin")
    assert first is not None
    async with httpx.AsyncClient(transport=httpx.ASGITransport(an_application(desk)), base_url=HOST) as client:
        assert (await sign_in(client, first)).headers["location"] == "/password"
        assert (await client.get("/")).headers["location"] == "/password"
        headers = {"origin": HOST}
        short = {"new": "short", "repeat": "short"}
        assert (await client.post("/password", data=short, headers=headers)).status_code == 422
        differing = {"new": "my own four words", "repeat": "my own five words"}
        assert (await client.post("/password", data=differing, headers=headers)).status_code == 422
        good = {"new": "my own four words", "repeat": "my own four words"}
        assert (await client.post("/password", data=good, headers=headers)).headers["location"] == "/"
        assert (await client.get("/api/v1/status")).status_code == 200


async def test_signing_out_ends_the_session_not_only_the_cookie(stranger: Program) -> None:
    await sign_in(stranger.client)
    stolen = "; ".join(f"{name}={value}" for name, value in stranger.client.cookies.items())
    assert (await stranger.get("status", headers={"cookie": stolen})).status_code == 200
    await stranger.client.post("/logout", headers={"origin": HOST})
    assert is_problem(await stranger.get("status", headers={"cookie": stolen}), 401)


async def test_names_that_are_not_ours_are_not_answered(stranger: Program) -> None:
    assert is_problem(await stranger.client.get("/login", headers={"host": "evil.example"}), 421, "TRADER_PUBLIC_URL")


async def test_every_answer_carries_the_security_headers(stranger: Program) -> None:
    for path in ("/login", "/health", "/api/v1/status", "/"):
        headers = (await stranger.client.get(path)).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


async def test_text_that_comes_back_in_the_form_is_no_markup(stranger: Program) -> None:
    form = {"username": '"><script>alert(1)</script>', "password": "guess"}
    answer = await stranger.client.post("/login", data=form, headers={"origin": HOST})
    assert "<script>" not in answer.text


async def test_an_answer_given_up_because_the_visitor_left_is_ended_in_good_order() -> None:
    """Else the layers outside report a crash each time somebody closes a page while it loads."""
    said: list[dict[str, Any]] = []

    async def gives_up(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def listen(message: Any) -> None:
        said.append(message)

    scope = {"type": "http", "method": "GET", "path": "/health", "headers": [(b"host", b"localhost")]}
    await Edge(gives_up, Desk().doors())(scope, nothing, listen)  # type: ignore[arg-type]
    assert [message["type"] for message in said] == ["http.response.start", "http.response.body"]


# ---------------------------------------------------------------- alerts


async def test_the_status_tells_of_grave_alerts_and_of_channels(program: Program) -> None:
    told = Told(id=7, event=AlertEvent.KILL_SWITCH, text="down 50.12 %", at=NOW)
    broken = ChannelState(name="sms-1", status="revoked", error="Twilio answers 401", changed_at=NOW)
    program.desk.view.set(unseen_alerts=(told,), channels=(broken,))
    row = (await program.get("status")).json()
    at = "2026-03-10T12:00:00.000Z"
    assert row["unseen_alerts"] == [
        {"id": "7", "event": "kill_switch", "title": "Kill switch", "text": "down 50.12 %", "at": at}
    ]
    assert row["channels"] == [
        {"name": "sms-1", "status": "revoked", "error": "Twilio answers 401", "changed_at": at, "sent_at": None}
    ]


@pytest.mark.parametrize(
    ("body", "which"), [(None, "all"), ({}, "all"), ({"ids": ["7", "12"]}, "7 12"), ({"ids": []}, "")]
)
async def test_alerts_are_acknowledged_all_or_by_id(program: Program, body: Any, which: str) -> None:
    answer = await program.post("alerts/acknowledge", **({"json": body} if body is not None else {}))
    assert (answer.status_code, answer.json()) == (200, {"acknowledged": 1})
    assert program.desk.control.orders == [("acknowledge", "admin", which)]


@pytest.mark.parametrize("ids", [["x"], [7], "7", ["-1"], ["9" * 16], ["7"] * 201])
async def test_an_id_that_is_none_is_refused(program: Program, ids: Any) -> None:
    assert is_problem(await program.post("alerts/acknowledge", json={"ids": ids}), 422, "ids")
    assert program.desk.control.orders == []


# ---------------------------------------------------------------- unlocking


async def test_unlocking_over_http(program: Program) -> None:
    body = {"password": PASSWORD, "phrase": "UNLOCK TRADING"}
    assert is_problem(await program.post("unlock", json={"phrase": "UNLOCK TRADING"}), 422, "password")
    assert is_problem(await program.post("unlock", json={**body, "password": "x"}), 403, "the password is not right")
    program.desk.control.refusal = "the kill switch can be unlocked from 13:00 UTC on"
    assert is_problem(await program.post("unlock", json=body), 409, "13:00")
    program.desk.control.refusal = ""
    assert (await program.post("unlock", json=body)).json()["state"] == "TRADING"
    assert program.desk.control.orders == [("unlock", "admin", "")]


# ---------------------------------------------------------------- the go-live list


async def test_the_go_live_list_over_http() -> None:
    desk, lists = Desk(), [None]
    await desk.auth.start("admin", PASSWORD)
    web, doors = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), desk.doors(going_live=lambda: lists[0])
    web.add_middleware(Edge, doors=doors)
    add_api(web, doors)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(web), base_url=HOST) as client:
        assert is_problem(await client.get("/api/v1/live-check"), 401)
        body = {"username": "admin", "password": PASSWORD}
        token = (await client.post("/api/v1/token", json=body)).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        assert (await client.get("/api/v1/live-check")).json() == {"passed": None, "checked_at": None, "items": []}
        lists[0] = a_checklist()  # type: ignore[call-overload]
        said = (await client.get("/api/v1/live-check")).json()
        assert (said["passed"], said["checked_at"]) == (False, "2026-03-10T12:00:00.000Z")
        assert said["items"][1] == {
            "name": "second factor",
            "verdict": "failed",
            "seen": "admin has none",
            "cure": "run: main.py user totp",
        }
