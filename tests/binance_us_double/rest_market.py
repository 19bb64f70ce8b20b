"""What everybody may ask: time, rules, candles, book, prices."""

import json
from typing import TYPE_CHECKING, Any

from tests.binance_us_double.amounts import ZERO, text
from tests.binance_us_double.asking import Params
from tests.binance_us_double.market import Market, Print
from tests.binance_us_double.refusals import Refused
from tests.binance_us_double.routes import route, symbol_of

if TYPE_CHECKING:
    from tests.binance_us_double.core import Core

DAY_SECONDS = 86_400


@route("GET /api/v3/ping")
def ping(core: "Core", params: Params) -> Any:
    return {}


@route("GET /api/v3/time")
def time(core: "Core", params: Params) -> Any:
    return {"serverTime": core.clock.ms()}


@route("GET /api/v3/exchangeInfo", "symbol symbols permissions showPermissionSets symbolStatus", weight=20)
def exchange_info(core: "Core", params: Params) -> Any:
    wanted = list(core.listings)
    if params.maybe("symbol"):
        wanted = [symbol_of(core, params)]
    elif (many := params.maybe("symbols")) is not None:
        wanted = [core.engine.listing(name).symbol for name in _names(many)]
    return {
        "timezone": "UTC",
        "serverTime": core.clock.ms(),
        "rateLimits": core.weights.told(),
        "exchangeFilters": [],
        "symbols": [core.listings[name].told() for name in wanted],
        "sors": [],
    }


def _names(many: str) -> list[str]:
    try:
        found = json.loads(many)
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise Refused(
            -1100, "Illegal characters found in parameter 'symbols'; legal range is '^\\[\"[A-Z0-9-_.]{1,20}\"'."
        )
    return found


@route("GET /api/v3/klines", "symbol interval startTime endTime timeZone limit", weight=2)
def klines(core: "Core", params: Params) -> Any:
    candles = core.all_candles[symbol_of(core, params)]
    start, end = params.whole("startTime"), params.whole("endTime")
    return candles.rows(params.text("interval"), start, end, params.limit(500, 1000))


@route("GET /api/v3/depth", "symbol limit", weight=lambda params: _depth_weight(params.limit(100, 5000)))
def depth(core: "Core", params: Params) -> Any:
    name, levels = symbol_of(core, params), params.limit(100, 5000)
    market = core.markets[name]
    bids, asks = market.depth(levels, core.engine.own_levels(name))
    return {"lastUpdateId": market.update_id, "bids": bids, "asks": asks}


def _depth_weight(limit: int) -> int:
    return next((weight for most, weight in ((100, 5), (500, 25), (1000, 50)) if limit <= most), 250)


@route("GET /api/v3/trades", "symbol limit", weight=25)
def trades(core: "Core", params: Params) -> Any:
    market, limit = core.markets[symbol_of(core, params)], params.limit(500, 1000)
    return [_trade(each) for each in market.prints[-limit:]]


def _trade(done: Print) -> dict[str, Any]:
    body: dict[str, Any] = {"id": done.id, "price": text(done.price), "qty": text(done.quantity)}
    body |= {"quoteQty": text(done.price * done.quantity), "time": done.ms}
    return body | {"isBuyerMaker": done.maker_is_buyer, "isBestMatch": True}


@route("GET /api/v3/aggTrades", "symbol fromId startTime endTime limit", weight=4)
def agg_trades(core: "Core", params: Params) -> Any:
    market, limit = core.markets[symbol_of(core, params)], params.limit(500, 1000)
    first, start, end = params.whole("fromId"), params.whole("startTime"), params.whole("endTime")
    found = [
        each
        for each in market.prints
        if (first is None or each.id >= first)
        and (start is None or each.ms >= start)
        and (end is None or each.ms <= end)
    ]
    chosen = found[-limit:] if first is None and start is None else found[:limit]
    return [_agg_trade(each) for each in chosen]


def _agg_trade(done: Print) -> dict[str, Any]:
    body = {"a": done.id, "p": text(done.price), "q": text(done.quantity), "f": done.id, "l": done.id, "T": done.ms}
    return body | {"m": done.maker_is_buyer, "M": True}


@route("GET /api/v3/ticker/bookTicker", "symbol symbols", weight=2)
def book_ticker(core: "Core", params: Params) -> Any:
    if params.maybe("symbol") is None:
        return [_book_ticker(core, name) for name in core.markets]
    return _book_ticker(core, symbol_of(core, params))


def _book_ticker(core: "Core", name: str) -> dict[str, Any]:
    told = core.markets[name].ticker(core.engine.own_levels(name))
    prices = {"bidPrice": told["bid"], "bidQty": told["bid_quantity"]}
    return {"symbol": name} | prices | {"askPrice": told["ask"], "askQty": told["ask_quantity"]}


@route("GET /api/v3/ticker/price", "symbol symbols", weight=2)
def price(core: "Core", params: Params) -> Any:
    if params.maybe("symbol") is None:
        return [_price(market) for market in core.markets.values()]
    return _price(core.markets[symbol_of(core, params)])


def _price(market: Market) -> dict[str, Any]:
    return {"symbol": market.symbol, "price": market.lies.get("last", text(market.price))}


@route("GET /api/v3/avgPrice", "symbol", weight=2)
def average(core: "Core", params: Params) -> Any:
    market = core.markets[symbol_of(core, params)]
    closed = market.prints[-1].ms if market.prints else core.clock.ms()
    return {"mins": 5, "price": text(market.averaged()), "closeTime": closed}


@route("GET /api/v3/ticker/24hr", "symbol symbols type", weight=2)
def day(core: "Core", params: Params) -> Any:
    if params.maybe("symbol") is None:
        return [_day(core, market) for market in core.markets.values()]
    return _day(core, core.markets[symbol_of(core, params)])


def _day(core: "Core", market: Market) -> dict[str, Any]:
    told, done = market.ticker(core.engine.own_levels(market.symbol)), day_of(core.clock.elapsed(), market)
    first = done[0].price if done else market.price
    volume = sum((each.quantity for each in done), ZERO)
    worth = sum((each.quantity * each.price for each in done), ZERO)
    change, now = market.price - first, core.clock.ms()
    return {
        "symbol": market.symbol,
        "priceChange": text(change),
        "priceChangePercent": f"{change / first * 100 if first else ZERO:.3f}",
        "weightedAvgPrice": text(worth / volume if volume else market.price),
        "prevClosePrice": text(first),
        "lastPrice": market.lies.get("last", text(market.price)),
        "lastQty": text(done[-1].quantity if done else ZERO),
        "bidPrice": told["bid"],
        "bidQty": told["bid_quantity"],
        "askPrice": told["ask"],
        "askQty": told["ask_quantity"],
        "openPrice": text(first),
        "highPrice": text(max((each.price for each in done), default=first)),
        "lowPrice": text(min((each.price for each in done), default=first)),
        "volume": text(volume),
        "quoteVolume": text(worth),
        "openTime": now - DAY_SECONDS * 1000,
        "closeTime": now,
        "firstId": done[0].id if done else -1,
        "lastId": done[-1].id if done else -1,
        "count": len(done),
    }


def day_of(elapsed: float, market: Market) -> list[Print]:
    """The prints of the last 24 hours, as far as the newest ten thousand reach."""
    return [each for each in market.prints[-10_000:] if each.elapsed >= elapsed - DAY_SECONDS]
