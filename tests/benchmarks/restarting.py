"""How soon a new process trades again on books with ten thousand orders, which the exchange knows as well.

The books are made by the real session and engine, which trade through months in seconds: their orders are taken by the
double's own engine, and only the line between the two is left out. The process that is measured leaves nothing out.
"""

import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from app.core.decisions import Shown
from app.core.messages import (
    Action,
    CancelOrder,
    CandleClosed,
    Message,
    OrderReported,
    OrderSending,
    PlaceOrder,
    PriceSeen,
    SignalGiven,
    TimePassed,
    VoteCalled,
)
from app.core.model import Candle, Direction, OrderBook, Signal
from app.session import Handled
from services.binance_us.reports import fills_in, report, told
from services.database import DatabaseJournal, Ledgers, open_database
from tests.benchmarks.crowd import running, trader_settings
from tests.benchmarks.protecting import ROUND_TRIP
from tests.benchmarks.rows import Row
from tests.benchmarks.skipping import SkippingClock
from tests.binance_us_double import BinanceDouble, Order
from tests.binance_us_double.orders import Wish
from tests.live_trader import PRICE, RULES, LiveTrader

STEP = timedelta(minutes=21)  # half a trade
LOT = Decimal("0.005")  # of each level of the book: an order meets several
COMMIT_EVERY = 400  # rows
TIGHT = replace(RULES, risk=replace(RULES.risk, stop_loss_pct=Decimal("0.5"), trailing=None))


@dataclass
class Books:
    """What was made: the exchange with its memory, and how much of it there is."""

    exchange: BinanceDouble
    orders: int
    fills: int
    rows: int
    seconds: float


class LongAgo(SkippingClock):
    """May be carried back: its monotonic seconds began long before this machine did."""

    def monotonic(self) -> float:
        return super().monotonic() + 1e9


class Past:
    """Trades through the past: the trader's real session on one side, the double's real engine on the other."""

    def __init__(self, trader: LiveTrader) -> None:
        self.trader, self.exchange, self.session = trader, trader.exchange, trader.session
        self.handled = Handled()
        self.placed: dict[str, Order] = {}

    def say(self, *messages: Message) -> None:
        """As the session's loop does it, and everything that comes of it, at once."""
        for message in messages:
            self.session.post(message)  # type: ignore[arg-type]
        while self.session._inbox:
            handled = self.session._handle_some()
            self.handled.entries += handled.entries
            for action in handled.actions:
                self.perform(action)

    def perform(self, action: Action) -> None:
        engine, now = self.exchange.engine, self.session.now()
        match action:
            case PlaceOrder(client_order_id=id):
                self.say(OrderSending(at=now, client_order_id=id))
                wish = Wish(
                    symbol=self.exchange.symbol,
                    side=action.side.value,
                    type=action.type.value,
                    client_id=id,
                    tif="IOC" if action.type.value == "LIMIT" else "GTC",
                    quantity=action.quantity,
                    price=action.price,
                    stop_price=action.stop_price,
                )
                self.placed[id] = engine.place(wish)
                self.report(self.placed[id])
            case CancelOrder(client_order_id=id):
                self.report(engine.cancel(self.placed[id], engine.new_id("web_")))

    def report(self, order: Order) -> None:
        """What the adapter makes of the exchange's answer."""
        listing = self.trader.adapter._rules.listing()
        row = order.answer("FULL")
        known = told(row, order.wish.client_id, listing)
        whole = report(known, fills_in(row, known, listing))
        self.say(OrderReported(at=whole.at, report=whole))

    async def commit(self) -> None:
        """As the session does it, a checkpoint now and then."""
        handled, self.handled = self.handled, Handled()
        await self.session._commit(handled)

    # ------------------------------------------------------------ a trade

    def go(self, price: Decimal) -> None:
        """Time passes, a candle closes, and the market stands there, several levels deep."""
        before = self.session.now()
        self.trader.clock.carry(STEP.total_seconds())
        market = self.exchange.market
        levels = range(5)
        market.book([(price - 1 - n, LOT) for n in levels], [(price + n, LOT) for n in levels])
        market.trade(price, "0.01")
        at = self.session.now()
        opened = at.replace(second=0, microsecond=0) - timedelta(minutes=1)
        values = dict.fromkeys(("open", "high", "low", "close"), price)
        candle = Candle(symbol="BTC/USD", opened_at=opened, seconds=60, volume=Decimal(1), **values)
        assert at > before
        self.say(
            PriceSeen(at=at, bid=price, ask=price, source="reference"),
            PriceSeen(at=at, bid=price - 1, ask=price),
            CandleClosed(at=at, candle=candle),
            TimePassed(at=at),
        )

    def vote(self, action: str) -> None:
        at, market = self.session.now(), self.exchange.market
        signal = Signal(
            strategy="technical",
            action=Direction(action),
            confidence=Decimal(90),
            reasoning="the past",
            asked_at=at,
            given_at=at,
            expires_at=at + timedelta(minutes=1),
        )
        last_at = at.replace(second=0, microsecond=0) - timedelta(minutes=1)
        shown = Shown(timeframe="1m", first_at=last_at, last_at=last_at, count=1, sha256="00" * 32)
        bids, asks = (tuple((each.price, each.quantity) for each in side) for side in (market.bids, market.asks))
        self.say(
            SignalGiven(at=at, signal=signal),
            VoteCalled(at=at, shown=shown, book=OrderBook(bids=bids, asks=asks, at=at)),
        )

    def trade(self, number: int) -> None:
        """In and out with a little profit; each fifth falls through its stop."""
        price = PRICE + number % 50
        self.go(price)
        self.vote("BUY")
        held = list(self.session.engine.state.positions.values())
        assert len(held) == 1
        assert held[0].stop_confirmed, "a trade of the past went wrong"
        if number % 5:
            self.go(price * Decimal("1.008"))
            self.vote("SELL")
        else:
            self.go(price * Decimal("0.99"))
            self.report(self.placed[held[0].stop_order_id])
        assert not self.session.engine.state.positions, "a position of the past stayed open"


@asynccontextmanager
async def books(folder: Path, orders: int) -> AsyncIterator[Books]:
    """A SQLite journal in `folder`, the exchange serving, the time the present."""
    began = time.monotonic()
    (folder / "data").mkdir()
    database = open_database(f"sqlite:///{folder}/data/trader.db")
    letters = iter("test")
    clock = LongAgo()
    clock.carry(-STEP.total_seconds() * orders)
    ledger = Ledgers(database, lambda _: next(letters)).open("live", "binanceus", "BTC/USD", clock.now())
    journal = DatabaseJournal(database, ledger.name, "1")
    async with BinanceDouble(now=lambda: clock.now().timestamp()) as exchange:
        exchange.market.move(PRICE)
        trader = LiveTrader(exchange, clock, journal=journal, rules=TIGHT)
        await trader.start()
        await trader.until(lambda: trader.standing == "TRADING", within=30)
        await trader.crash()
        past = Past(trader)
        for number in range(1, orders):
            past.trade(number)
            if len(past.handled.entries) >= COMMIT_EVERY:
                await past.commit()
            if len(exchange.engine.orders) >= orders:
                break
        await past.commit()
        journal.close()
        database.close()
        clock.carry(-clock._ahead)
        exchange.market.move(PRICE)
        fills = sum(len(order.fills) for order in exchange.engine.orders)
        _tell_old_alerts(folder)
        made = Books(exchange, len(exchange.engine.orders), fills, trader.session._seq, time.monotonic() - began)
        yield made


def _tell_old_alerts(folder: Path) -> None:
    """In life they were told when they happened."""
    with sqlite3.connect(folder / "data/trader.db") as file:
        file.execute("UPDATE outbox SET status = 'over'")
    file.close()


def _forget_checkpoints(folder: Path) -> None:
    with sqlite3.connect(folder / "data/trader.db") as file:
        file.execute("DELETE FROM checkpoints")
    file.close()


async def restart(orders: int = 10_000) -> list[Row]:
    """From starting the process to the account being reconciled, with the newest checkpoint and with none at all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with books(folder, orders) as made:
            made.exchange.faults.add("late", "*", times=None, seconds=ROUND_TRIP)
            with_one = await _started(folder, made.exchange)
            _forget_checkpoints(folder)
            without = await _started(folder, made.exchange)
    size = f"{made.orders} orders, {made.fills} fills, {made.rows} rows, RTT {ROUND_TRIP * 1000:.0f} ms"
    rows = []
    for how, (loaded, reconciled, cpu) in (("newest checkpoint", with_one), ("whole journal replayed", without)):
        parts = f"{loaded:.1f} s to the Started event, {reconciled - loaded:.1f} s to the exchange's truth"
        what = f"restart → RECONCILED, {how}"
        rows.append(Row(what=what, value=reconciled, unit="s", target=15, how=f"{size}; {parts}, {cpu:.1f} s of CPU"))
    return rows


async def _started(folder: Path, exchange: BinanceDouble) -> tuple[float, float, float]:
    """Seconds from before the process until it had its books, until it was reconciled, and of CPU until then."""
    addresses = {"rest": exchange.rest_url, "ws": exchange.ws_url, "ws_api": exchange.ws_api_url}
    settings = trader_settings(folder, {**addresses, "key": exchange.key, "secret": exchange.secret})
    began = time.time()
    async with running("tests.benchmarks.whole_trader", **settings) as trader:
        loaded, told = (await trader.said("loaded", 180))["loaded"], await trader.said("reconciled")
        await trader.said("ready")
    return loaded - began, told["reconciled"] - began, told["cpu"]
