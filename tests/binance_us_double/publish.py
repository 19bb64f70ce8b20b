"""What the market streams say, and how connections subscribe to them."""

import json
from typing import TYPE_CHECKING, Any

from tests.binance_us_double.amounts import ZERO, text
from tests.binance_us_double.candles import Candles, Minute
from tests.binance_us_double.channels import Channel, Connection, Streams
from tests.binance_us_double.clock import ServerClock
from tests.binance_us_double.engine import Engine
from tests.binance_us_double.market import Market, Print

if TYPE_CHECKING:
    from tests.binance_us_double.core import Core

STATES = ("bookTicker", "miniTicker", "ticker", "depth5", "depth10", "depth20")
DAY_SECONDS = 86_400
VARIANTS = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"


class Publisher:
    def __init__(
        self,
        clock: ServerClock,
        streams: Streams,
        engine: Engine,
        markets: dict[str, Market],
        candles: dict[str, Candles],
    ) -> None:
        self._clock, self._streams, self._engine, self._markets = clock, streams, engine, markets
        for market in markets.values():
            market.on_book.append(self._book)
            market.on_print.append(self._print)
        for each in candles.values():
            each.on_candle.append(self._candle)

    # ---------------------------------------------------------------- what happens

    def _book(self, market: Market) -> None:
        for kind in ("bookTicker", "depth5", "depth10", "depth20"):
            self._say(market, kind)

    def _print(self, market: Market, done: Print) -> None:
        e = {"E": done.ms, "s": market.symbol}
        money = {"p": text(done.price), "q": text(done.quantity)}
        side = {"T": done.ms, "m": done.maker_is_buyer, "M": True}
        sides = {"b": done.buyer_order, "a": done.seller_order}
        self._publish(market.symbol, "trade", {"e": "trade"} | e | {"t": done.id} | money | sides | side)
        agg = {"e": "aggTrade"} | e | {"a": done.id} | money | {"f": done.id, "l": done.id} | side
        self._publish(market.symbol, "aggTrade", agg)
        self._say(market, "miniTicker")
        self._say(market, "ticker")

    def _candle(self, candles: Candles, minute: Minute, closed: bool) -> None:
        body = minute.event(candles.symbol, self._clock.ms(), closed=closed)
        self._publish(candles.symbol, f"kline_{minute.interval}", body)

    # ---------------------------------------------------------------- saying it

    def _say(self, market: Market, kind: str) -> None:
        if self._wanted(market.symbol, kind):
            self._publish(market.symbol, kind, self._state(market, kind))

    def _wanted(self, symbol: str, kind: str) -> bool:
        name = f"{symbol.lower()}@{kind}"
        return any(_plain(each) == name for _, one in self._listeners() for each in one.names)

    def _publish(self, symbol: str, kind: str, body: dict[str, Any]) -> None:
        wanted = f"{symbol.lower()}@{kind}"
        for channel, connection in self._listeners():
            for name in connection.names:
                if _plain(name) == wanted:
                    channel.event(connection, {"stream": name, "data": body} if connection.combined else body)

    def _listeners(self) -> list[tuple[Channel, Connection]]:
        """A connection may mix a listenKey with market streams."""
        channels = (self._streams.market, self._streams.user)
        return [(channel, connection) for channel in channels for connection in channel.connections]

    def _state(self, market: Market, kind: str) -> dict[str, Any]:
        own = self._engine.own_levels(market.symbol)
        if kind.startswith("depth"):
            bids, asks = market.depth(int(kind.removeprefix("depth")), own)
            return {"lastUpdateId": market.update_id, "bids": bids, "asks": asks}
        if kind == "bookTicker":
            told = market.ticker(own)
            prices = {"b": told["bid"], "B": told["bid_quantity"], "a": told["ask"], "A": told["ask_quantity"]}
            return {"u": market.update_id, "s": market.symbol} | prices
        return self._day(market, own, full=kind == "ticker")

    def _day(self, market: Market, own: Any, *, full: bool) -> dict[str, Any]:
        done = [each for each in market.prints[-2_000:] if each.elapsed >= self._clock.elapsed() - DAY_SECONDS]
        first, now = done[0].price if done else market.price, self._clock.ms()
        volume = sum((each.quantity for each in done), ZERO)
        worth = sum((each.quantity * each.price for each in done), ZERO)
        high, low = (pick((each.price for each in done), default=first) for pick in (max, min))
        last = market.lies.get("last", text(market.price))
        prices = {"c": last, "o": text(first), "h": text(high), "l": text(low)}
        volumes = {"v": text(volume), "q": text(worth)}
        if not full:
            return {"e": "24hrMiniTicker", "E": now, "s": market.symbol} | prices | volumes
        told, change = market.ticker(own), market.price - first
        body: dict[str, Any] = {"e": "24hrTicker", "E": now, "s": market.symbol, "p": text(change)}
        body |= {"P": f"{change / first * 100 if first else ZERO:.3f}", "w": text(worth / volume if volume else ZERO)}
        body |= {"x": text(first), "Q": text(done[-1].quantity if done else ZERO)} | prices | volumes
        body |= {"b": told["bid"], "B": told["bid_quantity"], "a": told["ask"], "A": told["ask_quantity"]}
        ids = {"F": done[0].id if done else -1, "L": done[-1].id if done else -1, "n": len(done)}
        return body | {"O": now - DAY_SECONDS * 1000, "C": now} | ids

    # ---------------------------------------------------------------- subscribing

    def subscribe(self, connection: Connection, names: list[str]) -> None:
        """A busy market would say the present state within a second: it is said at once."""
        for name in names:
            if name in connection.names:
                continue
            connection.names.append(name)
            symbol, _, kind = _plain(name).partition("@")
            market = self._markets.get(symbol.upper())
            if market is not None and (market.bids or market.asks) and kind in STATES:
                body = self._state(market, kind)
                said = {"stream": name, "data": body} if connection.combined else body
                next(at for at, each in self._listeners() if each is connection).event(connection, said)


def _plain(name: str) -> str:
    """The stream without its speed."""
    return name.removesuffix("@100ms").removesuffix("@1000ms")


def converse(core: "Core", channel: Channel, connection: Connection, said: str) -> None:
    """A message of the client on a stream connection."""
    try:
        body = json.loads(said)
    except ValueError:
        channel.reply(connection, {"error": {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}})
        return
    id = body.get("id") if isinstance(body, dict) else None
    method = body.get("method") if isinstance(body, dict) else None
    params = (body.get("params") if isinstance(body, dict) else None) or []
    result: Any = None
    if method == "SUBSCRIBE" and isinstance(params, list):
        channel.reply(connection, {"result": None, "id": id})
        core.subscribe(connection, [str(each) for each in params])
        return
    if method == "UNSUBSCRIBE" and isinstance(params, list):
        connection.names = [name for name in connection.names if name not in params]
    elif method == "LIST_SUBSCRIPTIONS":
        result = connection.names
    elif method == "SET_PROPERTY" and params[:1] == ["combined"]:
        connection.combined = bool(params[1])
    elif method == "GET_PROPERTY" and params[:1] == ["combined"]:
        result = connection.combined
    else:
        msg = f"Invalid request: unknown variant `{method}`, expected one of {VARIANTS}"
        channel.reply(connection, {"error": {"code": 2, "msg": msg}, "id": id})
        return
    channel.reply(connection, {"result": result, "id": id})
