"""What the tests of the double share: an unmodified ccxt pointed at it, and requests signed by hand."""

import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp
import ccxt.async_support as ccxt
import ccxt.pro as ccxt_pro

from tests.binance_us_double import BinanceDouble

BTC = "BTC/USDT"


def pointed(client: Any, exchange: BinanceDouble) -> Any:
    for name in ("public", "private"):
        client.urls["api"][name] = f"{exchange.rest_url}/api/v3"
    for name, version in (("sapi", "v1"), ("sapiV2", "v2"), ("sapiV3", "v3")):
        client.urls["api"][name] = f"{exchange.rest_url}/sapi/{version}"
    if "ws" in client.urls["api"]:
        client.urls["api"]["ws"]["spot"] = f"{exchange.ws_url}/ws"
        client.urls["api"]["ws"]["ws-api"]["spot"] = exchange.ws_api_url
    return client


def new_client(exchange: BinanceDouble, *, pro: bool = False) -> Any:
    options = {"apiKey": exchange.key, "secret": exchange.secret, "enableRateLimit": False}
    return pointed((ccxt_pro if pro else ccxt).binanceus(options), exchange)


@asynccontextmanager
async def with_ccxt(*, pro: bool = False, **settings: Any) -> AsyncIterator[tuple[BinanceDouble, Any]]:
    """A double at 60,000 and a client of it."""
    async with BinanceDouble("BTCUSDT", **settings) as exchange:
        exchange.market.move(60_000)
        client = new_client(exchange, pro=pro)
        try:
            yield exchange, client
        finally:
            await client.close()


class Raw:
    """Requests byte by byte, as the documents say that they are signed."""

    def __init__(self, exchange: BinanceDouble, session: aiohttp.ClientSession) -> None:
        self.exchange, self.session = exchange, session

    async def ask(
        self, call: str, params: dict[str, Any] | None = None, *, signed: bool = True, **wrong: Any
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, body, headers. `wrong` replaces key, secret, timestamp or signature."""
        method, path = call.split()
        sent = {name: str(value) for name, value in (params or {}).items()}
        if signed and wrong.get("timestamp", "now") is not None:
            sent["timestamp"] = str(wrong.get("timestamp", int(time.time() * 1000)))
        encoded = urlencode(sent)
        if signed and wrong.get("signature", "") is not None:
            secret = wrong.get("secret", self.exchange.secret)
            made = hmac.new(secret.encode(), encoded.encode(), hashlib.sha256).hexdigest()
            encoded += f"&signature={wrong.get('signature', made)}"
        key = wrong.get("key", self.exchange.key)
        headers = {} if key is None else {"X-MBX-APIKEY": key}
        url = f"{self.exchange.rest_url}{path}"
        body = None
        if method == "POST":
            body = encoded
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif encoded:
            url += f"?{encoded}"
        async with self.session.request(method, url, data=body, headers=headers) as response:
            is_json = response.content_type == "application/json"
            said = await response.json() if is_json else await response.text()
            return response.status, said, {name.lower(): value for name, value in response.headers.items()}


@asynccontextmanager
async def raw(symbol: str = "BTCUSDT", **settings: Any) -> AsyncIterator[tuple[BinanceDouble, Raw]]:
    async with BinanceDouble(symbol, **settings) as exchange, aiohttp.ClientSession() as session:
        exchange.market.move(60_000)
        yield exchange, Raw(exchange, session)


def limit(**changes: Any) -> dict[str, Any]:
    """A limit buy that is right; `None` leaves a parameter out."""
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    order |= {"quantity": "0.01", "price": "59000.00", "newClientOrderId": "mine-1"}
    return {name: value for name, value in (order | changes).items() if value is not None}


def stop(**changes: Any) -> dict[str, Any]:
    order = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS_LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    order |= {"price": "56000.00", "stopPrice": "57000.00", "newClientOrderId": "stop-1"}
    return {name: value for name, value in (order | changes).items() if value is not None}
