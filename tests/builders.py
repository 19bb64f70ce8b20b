"""Small builders: each names only what a test cares about. `desk()` plays the exchange by hand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.core.decisions import Shown
from app.core.engine import Engine
from app.core.messages import (
    AccountSeen,
    Action,
    AnyCommand,
    CandleClosed,
    Event,
    OrderReported,
    OrderSending,
    PlaceOrder,
    PriceSeen,
    SignalGiven,
    Started,
    VoteCalled,
)
from app.core.model import (
    Candle,
    Direction,
    Fill,
    Instrument,
    NewsEvent,
    OrderBook,
    OrderReport,
    OrderStatus,
    Position,
    Side,
    Signal,
    SignalStatus,
)
from app.core.rules import RiskLimits, Rules, StrategyRule, VotingRules

NOON = datetime(2023, 3, 10, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def d(value: object) -> Decimal:
    return Decimal(str(value))


def a_candle(close: str = "50000", *, at: datetime = NOON, seconds: int = 60, **values: str) -> Candle:
    """A flat candle at `close` unless open, high, low or volume say otherwise."""
    number = d(close)
    opened = d(values.get("open", close))
    return Candle(
        symbol="BTC/USD",
        opened_at=at,
        seconds=seconds,
        open=opened,
        high=d(values["high"]) if "high" in values else max(number, opened),
        low=d(values["low"]) if "low" in values else min(number, opened),
        close=number,
        volume=d(values.get("volume", "1")),
    )


def an_instrument(**changes: Any) -> Instrument:
    standard = Instrument(
        symbol="BTC/USD",
        base="BTC",
        quote="USD",
        price_tick=d("0.01"),
        quantity_step=d("0.00001"),
        min_notional=d(10),
    )
    return replace(standard, **changes)


def a_strategy_rule(name: str = "technical", **changes: Any) -> StrategyRule:
    return replace(StrategyRule(name=name, enabled=True, weight=d(30)), **changes)


def some_rules(*, risk: RiskLimits | None = None, strategies: Sequence[StrategyRule] | None = None) -> Rules:
    voters = (a_strategy_rule(),) if strategies is None else tuple(strategies)
    return Rules(risk=risk or RiskLimits(), voting=VotingRules(timeframe="15m", strategies=voters))


def a_signal(
    action: str = "BUY", confidence: object = 80, *, strategy: str = "technical", at: datetime = NOON, **changes: Any
) -> Signal:
    standard = Signal(
        strategy=strategy,
        action=Direction(action),
        confidence=d(confidence),
        reasoning=f"{strategy} says {action}",
        asked_at=at,
        given_at=at,
        expires_at=at + timedelta(minutes=22),
        status=SignalStatus.OK,
    )
    return replace(standard, **changes)


def a_story(title: str, *, score: float = 0.5, severity: str = "medium", **changes: Any) -> NewsEvent:
    """Told a minute ago by one outlet; its id is made of its title."""
    standard = NewsEvent(
        id=title.lower().replace(" ", "-"),
        published_at=NOON - timedelta(minutes=1),
        seen_at=NOON - timedelta(minutes=1),
        source="coindesk.com",
        title=title,
        url=f"https://coindesk.com/{title.replace(' ', '-')}",
        severity=severity,
        sentiment="bullish" if score > 0 else "bearish",
        score=score,
        sources=("coindesk.com",),
    )
    return replace(standard, **changes)


def a_book(price: object = 50_000, quantity: object = 100) -> OrderBook:
    """So much on each side, right at the price."""
    level = (d(price), d(quantity))
    return OrderBook(bids=(level,), asks=(level,), at=NOON)


def shown(last_at: datetime = NOON - timedelta(minutes=15), **changes: Any) -> Shown:
    standard = Shown(
        timeframe="15m", first_at=last_at - timedelta(hours=50), last_at=last_at, count=200, sha256="ab" * 32
    )
    return replace(standard, **changes)


def a_start(**changes: Any) -> Started:
    """A process begins, on a candle feed and with no real money unless said otherwise."""
    standard = Started(
        at=NOON,
        program_version="1",
        ledger="test",
        tag="test",
        live=False,
        candle_fed=True,
        rules=some_rules(),
        config_sha256="",
        instrument=an_instrument(),
    )
    return replace(standard, **changes)


class Desk:
    """An engine and a hand that plays the exchange: `tell` feeds a message, `actions` are what it asked for."""

    def __init__(
        self, *, rules: Rules | None = None, live: bool = False, candle_fed: bool = True, **changes: Any
    ) -> None:
        self.engine = Engine()
        self.now = NOON
        self.actions: list[Action] = []
        self.rules = rules or some_rules()
        self.instrument = an_instrument(**changes)
        self.live, self.candle_fed = live, candle_fed
        self._trade_ids = 0

    def start(self, cash: object = 10_000, price: str = "50000") -> "Desk":
        self.restart()
        self.tell(AccountSeen(at=self.now, quote_total=d(cash), base_total=d(0), base_free=d(0)))
        return self.price(price)

    def restart(self) -> list[Action]:
        return self.tell(
            a_start(
                at=self.now,
                live=self.live,
                candle_fed=self.candle_fed,
                rules=self.rules,
                instrument=self.instrument,
            )
        )

    def tell(self, message: Event | AnyCommand) -> list[Action]:
        self.now = max(self.now, message.at)
        self.actions = self.engine.handle(message)
        return self.actions

    def price(self, price: str, *, after: timedelta = timedelta(0), ask: str | None = None) -> "Desk":
        """A new price: a candle's close on a candle feed, else a quote."""
        self.now += after
        if self.candle_fed:
            self.tell(CandleClosed(at=self.now, candle=a_candle(price, at=self.now - MINUTE)))
        else:
            self.tell(PriceSeen(at=self.now, bid=d(price), ask=d(ask or price)))
        return self

    def wait(self, **how_long: float) -> "Desk":
        self.now += timedelta(**how_long)
        return self

    def vote(self, action: str = "BUY", confidence: object = 80, *, candle_at: datetime | None = None) -> list[Action]:
        self.tell(SignalGiven(at=self.now, signal=a_signal(action, confidence, at=self.now)))
        last_at = candle_at or self.now - timedelta(minutes=15)
        quote = self.engine.state.quote
        book = a_book(quote.price) if quote is not None and not self.candle_fed else None
        return self.tell(VoteCalled(at=self.now, shown=shown(last_at), book=book))

    def sends(self, order: PlaceOrder) -> None:
        self.tell(OrderSending(at=self.now, client_order_id=order.client_order_id))

    def reports(
        self,
        order: PlaceOrder,
        status: str = "FILLED",
        *,
        price: object | None = None,
        quantity: object | None = None,
        **fee: str,
    ) -> list[Action]:
        """The exchange's report of `order`; FILLED and PARTIAL carry one fill."""
        fills: tuple[Fill, ...] = ()
        if price is not None:
            self._trade_ids += 1
            amount = d(quantity) if quantity is not None else order.quantity
            fills = (
                Fill(
                    id=f"t{self._trade_ids}",
                    client_order_id=order.client_order_id,
                    side=order.side,
                    price=d(price),
                    quantity=amount,
                    fee=d(fee["fee"]) if "fee" in fee else self._fee(order.side, d(price), amount),
                    fee_asset=fee.get("fee_asset", "BTC" if order.side is Side.BUY else "USD"),
                    at=self.now,
                ),
            )
        report = OrderReport(
            client_order_id=order.client_order_id,
            exchange_order_id=f"x-{order.client_order_id[-5:]}",
            status=OrderStatus(status),
            at=self.now,
            fills=fills,
        )
        return self.tell(OrderReported(at=self.now, report=report))

    def tell_status(self, client_order_id: str, status: str) -> list[Action]:
        """The exchange's report of an order's status, with no fill in it."""
        report = OrderReport(
            client_order_id=client_order_id, exchange_order_id="x", status=OrderStatus(status), at=self.now
        )
        return self.tell(OrderReported(at=self.now, report=report))

    def place_of(self, position_id: str, step: str) -> PlaceOrder:
        """An order of the books as it was asked for, by its position and its step such as S02."""
        (order,) = [
            order
            for order in self.engine.state.orders.values()
            if order.position_id == position_id and order.id.split("-")[3] == step
        ]
        return PlaceOrder(
            client_order_id=order.id,
            position_id=order.position_id,
            symbol=order.symbol,
            role=order.role,
            side=order.side,
            type=order.type,
            quantity=order.quantity,
            price=order.price,
            stop_price=order.stop_price,
        )

    def _fee(self, side: Side, price: Decimal, quantity: Decimal) -> Decimal:
        return quantity / 1000 if side is Side.BUY else price * quantity / 1000

    # ------------------------------------------------------------ short cuts to a place in the story

    def place(self, index: int = 0) -> PlaceOrder:
        """The order that the last message asked for."""
        return [action for action in self.actions if isinstance(action, PlaceOrder)][index]

    def filled(self, price: str = "50000") -> PlaceOrder:
        """A vote and its entry, filled at `price`; the stop was asked for a moment ago."""
        self.vote("BUY")
        entry = self.place()
        self.sends(entry)
        self.reports(entry, "FILLED", price=price)
        return entry

    def bought(self, price: str = "50000") -> Position:
        """A vote, an entry filled at `price`, and its stop confirmed."""
        self.filled(price)
        stop = self.place()
        self.sends(stop)
        self.reports(stop, "OPEN")
        return self.position()

    def position(self) -> Position:
        (only,) = self.engine.state.positions.values()
        return only
