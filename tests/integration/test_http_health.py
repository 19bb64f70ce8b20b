"""What the one who runs the trader looks at, over HTTP: health in detail, the incident report, a test message."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.backtest_ports import Busy
from app.channels import ChannelState
from tests.fakes_ui import PASSWORD, Desk
from tests.integration.test_http_api import HOST, Program, an_application, is_problem, stranger
from tests.ui_controls import vital_signs

__all__ = ["stranger"]


@pytest.fixture
async def looking() -> AsyncIterator[Program]:
    desk = Desk()

    async def incident() -> tuple[str, str]:
        return "2026-03-10T11-58-00Z-kill-switch.md", "# Kill switch"

    desk.view.set(channels=(ChannelState(name="email", status="failing", error="535 authentication failed"),))
    await desk.auth.start("admin", PASSWORD)
    transport = httpx.ASGITransport(an_application(desk, desk.doors(vital_signs=vital_signs, incident=incident)))
    async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
        answer = await client.post("/api/v1/token", json={"username": "admin", "password": PASSWORD})
        client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        yield Program(desk, client)


async def test_health_in_detail_names_each_part_and_each_job(looking: Program) -> None:
    row = (await looking.get("health/details")).json()
    assert {"name": "database", "status": "failed", "text": "does not answer: disk full"} in row["items"]
    assert row["started_at"] == "2026-03-10T09:55:00.000Z"
    job = next(each for each in row["jobs"] if each["name"] == "system log")
    assert (job["outcome"], job["error"], job["last_at"]) == (
        *("failed", "StoreError: disk full"),
        "2026-03-10T11:59:40.000Z",
    )


async def test_the_newest_incident_report(looking: Program) -> None:
    answer = (await looking.get("incident")).json()
    assert answer == {"name": "2026-03-10T11-58-00Z-kill-switch.md", "text": "# Kill switch"}


async def test_a_test_message_says_how_it_went(looking: Program) -> None:
    answer = await looking.post("channels/email/test")
    assert answer.json() == {"name": "email", "status": "failing", "error": "535 authentication failed"}
    assert looking.desk.control.orders == [("test_channel", "admin", "email")]
    assert is_problem(await looking.post("channels/pigeon/test"), 404, "pigeon")
    looking.desk.control.busy = Busy("a test message was sent a moment ago", 30)
    answer = await looking.post("channels/email/test", json={})
    assert is_problem(answer, 429, "a moment ago")
    assert answer.headers["retry-after"] == "30"


@pytest.mark.parametrize("path", ["health/details", "incident"])
async def test_strangers_see_nothing_of_it(stranger: Program, path: str) -> None:
    assert is_problem(await stranger.get(path), 401)
    assert is_problem(await stranger.post("channels/email/test"), 401)
