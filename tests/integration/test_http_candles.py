"""Candles over HTTP: the newest first, in the contract's words."""

from collections.abc import Sequence
from datetime import timedelta

import httpx

from app.core.errors import StoreError
from app.core.model import Candle
from tests.fakes_ui import NOW, PASSWORD, Desk
from tests.integration.test_http_api import HOST, Program, an_application, is_problem
from tests.ui_insights import some_candles


async def test_candles_newest_first_in_the_words_of_the_contract() -> None:
    asked: list[tuple[str | None, int]] = []

    async def candles(timeframe: str | None, limit: int) -> Sequence[Candle]:
        asked.append((timeframe, limit))
        if timeframe == "1m":
            raise StoreError("the database is away")
        return some_candles(timeframe, limit, until=NOW + timedelta(minutes=1))

    desk = Desk()
    await desk.auth.start("admin", PASSWORD)
    transport = httpx.ASGITransport(an_application(desk, desk.doors(candles=candles)))
    async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
        program = Program(desk, client)
        answer = await program.post("token", json={"username": "admin", "password": PASSWORD})
        client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        body = (await program.get("candles?timeframe=1h&limit=3")).json()
        assert body["total"] == len(body["items"]) == 3
        newest, before = body["items"][0], body["items"][1]
        assert (newest["opened_at"], newest["seconds"]) == ("2026-03-10T12:00:00.000Z", 3600)
        assert (newest["closed"], before["closed"]) == (False, True)
        assert isinstance(newest["close"], str)
        assert (await program.get("candles")).status_code == 200
        assert asked == [("1h", 3), (None, 100)]
        for query in ("timeframe=often", "limit=0", "limit=1001", "offset=1"):
            assert is_problem(await program.get(f"candles?{query}"), 422)
        assert is_problem(await program.get("candles?timeframe=1m"), 503)
