"""The real program on a replayed market: traded, watched and steered over HTTP, stopped, audited, replayed."""

import csv
import io
import time
from decimal import Decimal
from pathlib import Path

import pytest

from tests.trader_process import TraderProcess, write_market

pytestmark = pytest.mark.xdist_group("sigkill")


@pytest.fixture
def trader(tmp_path: Path) -> TraderProcess:
    market = write_market(tmp_path / "market.csv", days=20)
    return TraderProcess(tmp_path, f"replay:{market}", speed="20000")


def test_a_day_with_the_trader(trader: TraderProcess) -> None:
    with trader.running(), trader.signed_in() as api:
        trades = trader.until(lambda: _items(api, "trades", 3), "three trades")
        trade = trades[-1]
        decision = api.get(f"/api/v1/decisions/{trade['decision_id']}").json()
        assert decision["outcome"] == "order"
        assert decision["candles"]["count"] == 200
        assert decision["signals"][0]["reasoning"]
        assert all(check["passed"] for check in decision["risk_checks"])
        orders = {order["id"]: order for order in api.get("/api/v1/orders?limit=1000").json()["items"]}
        entry = orders[decision["order_ids"][0]]
        assert (entry["role"], entry["position_id"]) == ("entry", trade["position_id"])

        assert api.get("/api/v1/backtests").json() == api.get("/api/v1/data").json() == {"items": [], "total": 0}
        refused = api.post("/api/v1/backtests", json={"data": "BTC/USD"})
        assert "upload a file first" in refused.json()["detail"]

        paused = api.post("/api/v1/pause").json()
        assert (paused["state"], paused["reason"]) == ("PAUSED", "manual")
        entries = _entries(api)
        before = api.get("/api/v1/status").json()["market_at"]
        trader.until(lambda: api.get("/api/v1/status").json()["market_at"][:10] > before[:10], "a day to pass")
        assert _entries(api) == entries, "nothing is bought while paused"
        assert api.post("/api/v1/resume").json()["state"] == "TRADING"

        position = trader.until(
            lambda: [each for each in _items(api, "positions", 1) or [] if each["stop_status"] == "confirmed"],
            "a position with its stop",
        )[0]
        closing = api.post(f"/api/v1/positions/{position['id']}/close")
        assert closing.status_code in (202, 404, 409)  # its stop may have been quicker
        trader.until(lambda: api.get(f"/api/v1/positions/{position['id']}").json()["status"] == "CLOSED", "the close")
        assert api.post("/api/v1/close-all", json={"confirm": True}).status_code == 202
        file = csv.DictReader(io.StringIO(api.get("/api/v1/trades.csv").text))
        assert {row["id"] for row in file} >= {each["id"] for each in trades}
        day = api.get("/api/v1/trades?limit=1").json()["items"][0]["closed_at"][:10]
        _check_money(api)
    assert "the chain is whole" in trader.command("audit", "verify").stdout
    replayed = trader.command("replay", day)
    assert replayed.returncode == 0, replayed.stdout
    again = trader.command("replay", trade["decision_id"])
    assert again.returncode == 0
    assert "the same actions again" in again.stdout
    assert "market.csv" in trader.command("ledger", "list").stdout


def test_when_the_file_ends_the_trader_stays_up_and_says_so(tmp_path: Path) -> None:
    market = write_market(tmp_path / "market.csv", days=1)
    trader = TraderProcess(tmp_path, f"replay:{market}")
    with trader.running(), trader.signed_in() as api:
        ended = trader.until(
            lambda: (status := api.get("/api/v1/status").json())["reason"] == "market_ended" and status, "the end"
        )
        assert ended["state"] == "PAUSED"
        assert api.get("/health").status_code == 200
        second = trader.command("run")
        assert second.returncode == 2
        assert "another trader is running" in second.stderr


def _items(api, kind: str, at_least: int) -> list | None:  # type: ignore[no-untyped-def, type-arg]
    items = api.get(f"/api/v1/{kind}").json()["items"]
    return items if len(items) >= at_least else None


def _entries(api) -> int:  # type: ignore[no-untyped-def]
    return sum(order["role"] == "entry" for order in api.get("/api/v1/orders?limit=1000").json()["items"])


def _check_money(api) -> None:  # type: ignore[no-untyped-def]
    """Cash, fills and fees add up to the cent. The engine is ahead of the store by what is being written down."""
    end = time.monotonic() + 20
    while (off := _money_off(api)) >= Decimal("0.01"):
        assert time.monotonic() < end, f"books and fills differ by {off}"


def _money_off(api) -> Decimal:  # type: ignore[no-untyped-def]
    cash = Decimal(api.get("/api/v1/status").json()["cash"]) - Decimal(10_000)
    for fill in api.get("/api/v1/fills?limit=1000").json()["items"]:
        notional = Decimal(fill["price"]) * Decimal(fill["quantity"])
        cash -= notional - Decimal(fill["fee"]) if fill["side"] == "SELL" else -notional
    return abs(cash)
