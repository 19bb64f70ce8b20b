"""The parts of one exchange put together, without any socket: what the endpoints work on and what tests hold."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from aiohttp import web

from tests.binance_us_double.amounts import Number
from tests.binance_us_double.asking import Keys, Log
from tests.binance_us_double.candles import Candles
from tests.binance_us_double.channels import Connection, Streams
from tests.binance_us_double.clock import ServerClock
from tests.binance_us_double.engine import Engine
from tests.binance_us_double.faults import Faults
from tests.binance_us_double.listing import ALL_TYPES, Listing
from tests.binance_us_double.market import Market
from tests.binance_us_double.owner import Owner
from tests.binance_us_double.publish import Publisher
from tests.binance_us_double.replica import Lag, Replica, Stamps
from tests.binance_us_double.user_data import UserData
from tests.binance_us_double.wallet import Wallet
from tests.binance_us_double.weights import Weights

KEY = "DoubleKey0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRS"
SECRET = "DoubleSecret0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"
START: dict[str, Number] = {"USD": "10000", "USDT": "10000", "BTC": "0", "BNB": "0"}
PAIRS = (("BTC", "USD"), ("BTC", "USDT"), ("BNB", "USD"), ("BNB", "USDT"))
FIRST_TRADE_ID = 88_685_052


class Core:
    """`symbol` is the pair that `market` and `candles` speak of; the others are in `markets` and `all_candles`."""

    def __init__(
        self,
        symbol: str = "BTCUSD",
        *,
        balances: dict[str, Number] | None = None,
        stop_loss_orders: bool = True,
        now: Callable[[], float] = time.time,
        key: str = KEY,
        secret: str = SECRET,
        pairs: Iterable[tuple[str, str]] = PAIRS,
    ) -> None:
        self.symbol, self.key, self.secret = symbol, key, secret
        self.clock = ServerClock(now)
        self.listings = {base + quote: Listing(base, quote) for base, quote in pairs}
        if stop_loss_orders:
            for listing in self.listings.values():
                listing.order_types = ALL_TYPES
        self.markets = {name: Market(name, self.clock, FIRST_TRADE_ID) for name in self.listings}
        self.all_candles = {name: Candles(name) for name in self.listings}
        self.keys = Keys(key, secret, self.clock)
        self.weights = Weights(self.clock)
        self.faults, self.requests = Faults(), Log()
        self.maintenance = False
        self.unknown_fields = True  # REST answers carry a field that no document knows
        self.kept: list[web.Request] = []  # answers that are kept back on purpose
        self.blackhole = ""  # "reset" or "silent": no byte of an answer on any connection
        self.streams = Streams(self.clock)
        self.user_data = UserData(self.clock, self.streams)
        stamps = Stamps(self.clock)
        self.account = Wallet(self.clock, stamps, self.user_data.tell, START | (balances or {}))
        self.account.worth_of = self._worth
        self.engine = Engine(self.clock, stamps, self.listings, self.markets, self.account, self.user_data.tell)
        self.lag = Lag(*(Replica(self.clock, stamps) for _ in range(3)))
        self.owner = Owner(self.engine, self.account)
        self.publisher = Publisher(self.clock, self.streams, self.engine, self.markets, self.all_candles)

    @property
    def market(self) -> Market:
        return self.markets[self.symbol]

    @property
    def candles(self) -> Candles:
        return self.all_candles[self.symbol]

    @property
    def unanswered(self) -> int:
        """How many wait for an answer that is kept back; who has given up does not wait any more."""
        return sum(each.transport is not None and not each.transport.is_closing() for each in self.kept)

    @contextmanager
    def keeping(self, request: web.Request) -> Iterator[None]:
        self.kept.append(request)
        try:
            yield
        finally:
            self.kept.remove(request)

    @property
    def listing(self) -> Listing:
        return self.listings[self.symbol]

    def _worth(self, asset: str, quote: str) -> Decimal:
        market = self.markets.get(asset + quote)
        return market.price if market else Decimal(0)

    def subscribe(self, connection: Connection, names: list[str]) -> None:
        """Streams by name; a name without a pair is a listenKey, and an unknown one simply never says anything."""
        if any("@" not in name for name in names) and connection in self.streams.market.connections:
            self.streams.market.connections.remove(connection)
            self.streams.user.connections.append(connection)
            connection.names.extend(name for name in names if "@" not in name)
        self.publisher.subscribe(connection, [name for name in names if "@" in name])

    # ---------------------------------------------------------------- what goes wrong for longer

    def down_for_maintenance(self, down: bool = True) -> None:
        """Streams are told and closed, REST answers 503 until it is over."""
        self.maintenance = down
        if down:
            self.streams.shut_down()

    def cut_off(self, how: str = "reset") -> None:
        """No network: connections are reset ("reset") or swallow everything ("silent"). `""` ends it."""
        self.blackhole = how
        self.streams.cut_off(how)

    def revoke_key(self, revoked: bool = True) -> None:
        """The owner deleted the key, or the address is no longer allowed. Its streams end too."""
        self.keys.revoked = revoked
        if revoked:
            self.user_data.end()

    def settled(self) -> dict[str, Any]:
        """The truth, for an oracle: orders, fills, balances as the engine holds them, however late others see them."""
        assets = sorted(self.account.free)
        return {
            "balances": {each: [str(self.account.free[each]), str(self.account.locked[each])] for each in assets},
            "orders": [order.row() | {"byOwner": order.by_owner} for order in self.engine.orders],
            "trades": [order.trade(fill) for order in self.engine.orders for fill in order.fills],
        }
