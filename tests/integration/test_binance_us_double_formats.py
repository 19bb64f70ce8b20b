"""The double's payloads beside recorded ones: the same fields, the same kinds of values, number for number as text.

The recordings are not part of the project; without them these tests are skipped.
"""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.binance_us_double import BinanceDouble
from tests.conftest import SHARED
from tests.integration.binance_us_double_cases import Raw, limit, stop
from tests.integration.binance_us_double_cases import raw as with_news

FIXTURES = SHARED / "data/fixtures"
HTTP, USER, WS = "nautilus_spot_http", "nautilus_spot_user_data", "nautilus_ws_messages"
EIGHT_PLACES = re.compile(r"-?\d+\.\d{8}")

pytestmark = pytest.mark.skipif(not FIXTURES.exists(), reason="the recorded payloads are not part of the project")


@asynccontextmanager
async def raw(**settings: Any) -> AsyncIterator[tuple[BinanceDouble, Raw]]:
    """Without the fields that the double invents."""
    async with with_news(**settings) as (exchange, client):
        exchange.unknown_fields = False
        yield exchange, client


def recorded(*path: str) -> Any:
    return json.loads(FIXTURES.joinpath(*path).read_text())


def shape(value: Any) -> Any:
    """Fields and types; lists by their first member; whether text is a number."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    if isinstance(value, str):
        return "number" if re.fullmatch(r"-?\d+(\.\d+)?", value) else "text"
    return type(value).__name__


def same(ours: Any, theirs: Any, *, more: frozenset[str] = frozenset()) -> None:
    """The same shape; `more` are fields that came after the recording."""
    mine = shape({name: each for name, each in ours.items() if name not in more} if isinstance(ours, dict) else ours)
    assert mine == shape(theirs)


async def _get(client: Raw, path: str, params: dict[str, Any] | None = None, *, signed: bool = False) -> Any:
    status, body, _ = await client.ask(f"GET {path}", params, signed=signed)
    assert status == 200, body
    return body


@pytest.mark.parametrize(
    ("path", "params", "name"),
    [
        ("/api/v3/ping", {}, "ping_response"),
        ("/api/v3/time", {}, "server_time_response"),
        ("/api/v3/depth", {"symbol": "BTCUSDT"}, "depth_response"),
        ("/api/v3/trades", {"symbol": "BTCUSDT"}, "trades_response"),
        ("/api/v3/ticker/bookTicker", {"symbol": "BTCUSDT"}, "book_ticker_response"),
        ("/api/v3/ticker/price", {"symbol": "BTCUSDT"}, "ticker_price_response"),
        ("/api/v3/ticker/24hr", {"symbol": "BTCUSDT"}, "ticker_24hr_response"),
        ("/api/v3/avgPrice", {"symbol": "BTCUSDT"}, "avg_price_response"),
        ("/api/v3/klines", {"symbol": "BTCUSDT", "interval": "1m"}, "klines_response"),
    ],
)
async def test_market_data(path: str, params: dict[str, Any], name: str) -> None:
    async with raw() as (exchange, client):
        exchange.candles.add(60_000, 1, 2, 1, 2, 5)
        same(await _get(client, path, params), recorded(HTTP, f"{name}.json"))


async def test_the_kline_of_binance_us_itself() -> None:
    async with raw() as (exchange, client):
        exchange.candles.add(60_000, 1, 2, 1, 2, 5)
        body = await _get(client, "/api/v3/klines", {"symbol": "BTCUSDT", "interval": "1h"})
        methods = recorded("ccxt_static", "response_binanceus.json")["methods"]
        same(body, methods["fetchOHLCV"][0]["httpResponse"])


async def test_the_rules_of_a_pair() -> None:
    async with raw() as (_, client):
        info = await _get(client, "/api/v3/exchangeInfo", {"symbol": "BTCUSDT"})
        listed = recorded(HTTP, "exchange_info_response.json")
        assert set(info) == set(listed)
        [ours], [theirs] = info["symbols"], listed["symbols"]
        assert set(ours) == set(theirs)
        assert (ours["permissions"], ours["permissionSets"]) == ([], [["SPOT"]])
        real = recorded("ccxt_static", "markets_binanceus_BTCUSDT.json")["BTC/USDT"]["info"]
        by_name = {each["filterType"]: each for each in ours["filters"]}
        for each in real["filters"]:  # that recording has whole numbers as text
            told = {
                name: value if isinstance(value, bool) else str(value)
                for name, value in by_name[each["filterType"]].items()
            }
            assert told == each


async def test_the_account() -> None:
    async with raw() as (_, client):
        same(await _get(client, "/api/v3/account", signed=True), recorded(HTTP, "account_response.json"))


async def test_a_new_order_in_full() -> None:
    async with raw() as (_, client):
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
        _, body, _ = await client.ask("POST /api/v3/order", order)
        same(body, recorded(HTTP, "new_order_full_response.json"))


async def test_rows_of_orders_and_trades() -> None:
    async with raw() as (_, client):
        await client.ask("POST /api/v3/order", limit())
        await client.ask(
            "POST /api/v3/order", {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
        )
        pair = {"symbol": "BTCUSDT"}
        one = await _get(client, "/api/v3/order", pair | {"origClientOrderId": "mine-1"}, signed=True)
        same(one, recorded(HTTP, "order_response.json"))
        resting = await _get(client, "/api/v3/openOrders", pair, signed=True)
        same(resting, recorded(HTTP, "open_orders_response.json"))
        same(await _get(client, "/api/v3/allOrders", pair, signed=True), recorded(HTTP, "all_orders_response.json"))
        trades = await _get(client, "/api/v3/myTrades", pair, signed=True)
        same(trades, recorded(HTTP, "account_trades_response.json"))
        assert all(EIGHT_PLACES.fullmatch(trades[0][name]) for name in ("price", "qty", "quoteQty", "commission"))


@pytest.mark.parametrize("without_time", [True, False], ids=["as documented", "as recorded"])
async def test_cancellations(without_time: bool) -> None:
    """The recordings are of the greater Binance, which names a time there; the document of Binance.US has none."""
    unnamed = frozenset({"transactTime"}) if without_time else frozenset[str]()

    def told(name: str) -> Any:
        row = recorded(HTTP, name)
        rows = [row] if isinstance(row, dict) else row[:1]
        return [{key: value for key, value in each.items() if key not in unnamed} for each in rows]

    async with raw() as (exchange, client):
        exchange.engine.cancel_without_time = without_time
        pair = {"symbol": "BTCUSDT"}
        await client.ask("POST /api/v3/order", limit())
        _, body, _ = await client.ask("DELETE /api/v3/order", pair | {"origClientOrderId": "mine-1"})
        same([body], told("cancel_order_response.json"))
        await client.ask("POST /api/v3/order", limit())
        _, body, _ = await client.ask("DELETE /api/v3/openOrders", pair)
        same(body, told("cancel_open_orders_response.json"))


NEWER = frozenset({"F", "g", "I", "M", "Y", "Q", "W", "V"})  # in the real report of Binance.US, not in the others


async def test_execution_reports() -> None:
    async with raw(balances={"BTC": "1"}) as (exchange, client):
        exchange.account.fee_in = "received"
        await client.ask("POST /api/v3/order", limit(side="SELL", price="61000.00"))
        exchange.market.quote(61000, 61001)
        reports = [each for each in exchange.user_data.events if each["e"] == "executionReport"]
        assert [each["x"] for each in reports] == ["NEW", "TRADE"]
        real = recorded(WS, "ws_spot_execution_report_binance_us.json")["data"]
        same(reports[1], real)
        assert list(reports[1]) == list(real)  # in the same order too
        same(reports[0], recorded(USER, "execution_report_wrapped.json")["event"])
        await client.ask("POST /api/v3/order", stop())
        await client.ask("DELETE /api/v3/order", {"symbol": "BTCUSDT", "origClientOrderId": "stop-1"})
        placed, canceled = [each for each in exchange.user_data.events if each["e"] == "executionReport"][2:]
        same(placed, recorded(USER, "execution_report_stop_loss.json"), more=NEWER)
        assert "W" not in placed
        assert (canceled["C"], canceled["x"], canceled["X"]) == ("stop-1", "CANCELED", "CANCELED")
        same(canceled | {"C": ""}, recorded(USER, "execution_report_canceled.json"), more=NEWER)
        ioc = limit(timeInForce="IOC", newClientOrderId="ioc")
        await client.ask("POST /api/v3/order", ioc)
        expired = [each for each in exchange.user_data.events if each["e"] == "executionReport"][-1]
        same(expired, recorded(USER, "execution_report_expired.json"), more=NEWER)


async def test_other_account_events() -> None:
    async with raw() as (exchange, _):
        exchange.account.deposit("USDT", 5)
        update, position = exchange.user_data.events
        same(update, recorded(USER, "balance_update.json"))
        same(position, recorded(USER, "account_position.json"))


async def test_market_streams() -> None:
    async with raw() as (exchange, client):
        names = (
            "btcusdt@bookTicker/btcusdt@miniTicker/btcusdt@trade/btcusdt@ticker/btcusdt@kline_1m/btcusdt@depth20@100ms"
        )
        async with client.session.ws_connect(f"{exchange.ws_url}/stream?streams={names}") as socket:
            while not exchange.streams.market.connections:  # the handshake is answered before the server goes on
                await socket.ping()
            exchange.market.trade(60_001)
            exchange.candles.add(60_000, 1, 2, 1, 2, 5)
            heard: dict[str, Any] = {}
            while len(heard) < 6:
                message = await socket.receive_json()
                heard[message["stream"]] = message["data"]
        known = recorded("ccxt_static", "ws_binance_spot_subset.json")
        same(heard["btcusdt@bookTicker"], known["bookTicker"]["messages"][1])
        same(heard["btcusdt@miniTicker"], known["miniTicker"]["messages"][1])
        same(heard["btcusdt@trade"], recorded(WS, "ws_spot_trade.json")["data"])
        same(heard["btcusdt@ticker"], recorded(WS, "ws_spot_ticker_24hr.json"))
        same(heard["btcusdt@depth20@100ms"], recorded(HTTP, "depth_response.json"))
        assert heard["btcusdt@kline_1m"]["k"]["x"] is True


async def test_fields_that_nobody_knows_come_along() -> None:
    async with with_news() as (_, client):
        _, info, _ = await client.ask("GET /api/v3/exchangeInfo", signed=False)
        assert "fieldOfTomorrow" in info
        assert "fieldOfTomorrow" in info["symbols"][0]["filters"][0]
