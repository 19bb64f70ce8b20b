"""The scriptable market of one pair: other people's book, the last price, the prints. What a taker eats is gone until
the script quotes again; the owner of the account is no part of it (that is the engine's).
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.binance_us_double.amounts import ZERO, Number, exact, text
from tests.binance_us_double.clock import ServerClock

DEEP = Decimal(20)
AVERAGE_SECONDS = 300


@dataclass
class Level:
    price: Decimal
    quantity: Decimal


@dataclass(frozen=True)
class Print:
    """One trade on the market, whoever made it."""

    id: int
    price: Decimal
    quantity: Decimal
    ms: int
    elapsed: float
    maker_is_buyer: bool
    buyer_order: int = 0
    seller_order: int = 0


class Market:
    """`quote` and `book` set what others offer, `trade` prints, `move` does both around a price."""

    def __init__(self, symbol: str, clock: ServerClock, first_trade_id: int) -> None:
        self.symbol, self._clock = symbol, clock
        self.bids: list[Level] = []
        self.asks: list[Level] = []
        self.prints: list[Print] = []
        self._recent: deque[Print] = deque()  # of the last five minutes, with their sums
        self._volume = self._worth = ZERO
        self.last = ZERO
        self.average: Decimal | None = None  # what /avgPrice says; None: of the prints of five minutes
        self.update_id = 98_494_969_448
        self.lies: dict[str, str] = {}
        self._next_trade_id = first_trade_id
        self.on_book: list[Callable[[Market], None]] = []
        self.on_print: list[Callable[[Market, Print], None]] = []

    # ---------------------------------------------------------------- what scripts say

    def quote(self, bid: Number, ask: Number, bid_quantity: Number = DEEP, ask_quantity: Number = DEEP) -> None:
        """One level on each side."""
        self.book([(bid, bid_quantity)], [(ask, ask_quantity)])

    def book(self, bids: Iterable[tuple[Number, Number]], asks: Iterable[tuple[Number, Number]]) -> None:
        self.bids = sorted((Level(exact(p), exact(q)) for p, q in bids), key=lambda level: -level.price)
        self.asks = sorted((Level(exact(p), exact(q)) for p, q in asks), key=lambda level: level.price)
        self.say()

    def trade(self, price: Number, quantity: Number = "0.01", taker: str = "BUY") -> None:
        """Somebody else's trade: it moves the last price, may trigger stops and fill what rests at that price. The book
        stays where the script put it: a stop that wakes meets those quotes.
        """
        self.printed(exact(price), exact(quantity), maker_is_buyer=taker == "SELL")

    def move(self, price: Number, spread_bps: Number = 2, quantity: Number = "0.01") -> None:
        """The whole market goes there: a quote around the price, and a trade at it."""
        at = exact(price)
        half = (at * exact(spread_bps) / 20_000).quantize(Decimal("0.01"))
        self.quote(at - half, at + half)
        self.trade(at, quantity)

    def lie(self, **texts: str) -> None:
        """Say these texts (bid, ask, last) instead of the truth until `truth()`: a bad tick. Matching stays honest."""
        self.lies = texts
        self.say()

    def truth(self) -> None:
        self.lies = {}
        self.say()

    def say(self) -> None:
        """Publish the book again (a frozen feed with fresh update ids is this in a loop)."""
        self.update_id += 1
        for heir in self.on_book:
            heir(self)

    # ---------------------------------------------------------------- what the exchange does with it

    def printed(
        self, price: Decimal, quantity: Decimal, *, maker_is_buyer: bool, buyer_order: int = 0, seller_order: int = 0
    ) -> Print:
        self._next_trade_id += 1
        done = Print(
            id=self._next_trade_id,
            price=price,
            quantity=quantity,
            ms=self._clock.ms(),
            elapsed=self._clock.elapsed(),
            maker_is_buyer=maker_is_buyer,
            buyer_order=buyer_order,
            seller_order=seller_order,
        )
        self.prints.append(done)
        self._recent.append(done)
        self._volume, self._worth = self._volume + quantity, self._worth + quantity * price
        self.last = price
        for heir in self.on_print:
            heir(self, done)
        return done

    def take(self, side: str, quantity: Decimal) -> None:
        """A taker of this side ate from the best level."""
        levels = self.asks if side == "BUY" else self.bids
        levels[0].quantity -= quantity
        if levels[0].quantity <= 0:
            levels.pop(0)

    def best(self, side: str) -> Level | None:
        """Where a taker of this side would meet others."""
        levels = self.asks if side == "BUY" else self.bids
        return levels[0] if levels else None

    @property
    def price(self) -> Decimal:
        """The last price, else the middle of the book, else 0."""
        if self.last or not (self.bids and self.asks):
            return self.last
        return (self.bids[0].price + self.asks[0].price) / 2

    def averaged(self) -> Decimal:
        if self.average is not None:
            return self.average
        since = self._clock.elapsed() - AVERAGE_SECONDS
        while self._recent and self._recent[0].elapsed < since:
            old = self._recent.popleft()
            self._volume, self._worth = self._volume - old.quantity, self._worth - old.quantity * old.price
        return self._worth / self._volume if self._volume else self.price

    def ticker(self, own: tuple[list[Level], list[Level]] = ([], [])) -> dict[str, str]:
        """Best bid and ask with quantities, the account's own resting orders among them."""
        (bids, asks) = self.depth(1, own)
        told = {"bid": "0.00000000", "bid_quantity": "0.00000000", "ask": "0.00000000", "ask_quantity": "0.00000000"}
        if bids:
            told |= {"bid": bids[0][0], "bid_quantity": bids[0][1]}
        if asks:
            told |= {"ask": asks[0][0], "ask_quantity": asks[0][1]}
        return told | {name: said for name, said in self.lies.items() if name in told}

    def depth(self, levels: int, own: tuple[list[Level], list[Level]] = ([], [])) -> tuple[list[Any], list[Any]]:
        return (
            _rows(_merged(self.bids, own[0], rising=False)[:levels]),
            _rows(_merged(self.asks, own[1], rising=True)[:levels]),
        )


def _merged(levels: list[Level], own: list[Level], *, rising: bool) -> list[Level]:
    if not own:
        return levels
    at: dict[Decimal, Decimal] = {}
    for level in [*levels, *own]:
        at[level.price] = at.get(level.price, ZERO) + level.quantity
    return [Level(price, at[price]) for price in sorted(at, reverse=not rising)]


def _rows(levels: list[Level]) -> list[list[str]]:
    return [[text(level.price), text(level.quantity)] for level in levels]
