"""The adapter, open and ready, with a peer that answers like an exchange where nothing else is scripted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from app.core.messages import Event
from app.seam import Clock
from services.binance_us import BinanceUs, Client
from tests.unit.binance_us_peer import Peer, tasks

PLACE, CANCEL, FIND = "POST /api/v3/order", "DELETE /api/v3/order", "GET /api/v3/order"
REPLACE, OPEN, ALL = "POST /api/v3/order/cancelReplace", "GET /api/v3/openOrders", "GET /api/v3/allOrders"
TRADES, ACCOUNT, INFO = "GET /api/v3/myTrades", "GET /api/v3/account", "GET /api/v3/exchangeInfo"
TIME, KEY, KEEP = "GET /api/v3/time", "POST /api/v3/userDataStream", "PUT /api/v3/userDataStream"
GONE = {"code": -2013, "msg": "Order does not exist."}
NOW = 1_700_000_100_000
SYMBOL: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "orderTypes": ["LIMIT", "MARKET", "STOP_LOSS_LIMIT"],
    "cancelReplaceAllowed": True,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
        {"filterType": "MIN_NOTIONAL", "minNotional": "10"},
    ],
}
BALANCES = [{"asset": "BTC", "free": "1.5", "locked": "0.5"}, {"asset": "USDT", "free": "1000", "locked": "0"}]
ACCOUNT_SAYS = {"commissionRates": {"taker": "0.002", "buyer": "0", "seller": "0"}, "balances": BALANCES}
FILLS = [{"price": "50000", "qty": "0.001", "commission": "0.000001", "commissionAsset": "BTC", "tradeId": 5}]


@asynccontextmanager
async def exchange_peer() -> AsyncIterator[Peer]:
    """A peer that knows the time, our symbol and our account."""
    async with Peer() as peer:
        peer.says(TIME, {"serverTime": NOW})
        peer.says(INFO, {"symbols": [SYMBOL]})
        peer.says(ACCOUNT, ACCOUNT_SAYS)
        yield peer


@asynccontextmanager
async def opened(peer: Peer, clock: Clock | None = None) -> AsyncIterator[tuple[BinanceUs, list[Event]]]:
    """The exchange, and what it posts without being asked."""
    clock = clock or Clock()
    client = Client(peer.addresses(), clock=clock, key="the-key-of-a-test", secret="the-secret-of-a-test")
    posted: list[Event] = []
    async with tasks() as running:
        exchange = BinanceUs(client, "BTC/USDT", clock=clock, tasks=running)
        exchange.listen(posted.append)
        try:
            await exchange.open()
            peer.asked.clear()
            yield exchange, posted
        finally:
            await running.stop()
            await exchange.close()


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that is bound to happen."""
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.005)
