"""Nouns: what the trader knows. Immutable values; quantities in base (BTC), notionals and prices in quote (USD).

Times are aware UTC; money is Decimal; a name ending in `_pct` is 0-100.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache

from app.core.errors import DataError
from app.core.money import ZERO, ceil_to, floor_to
from app.core.values import value

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}


@cache
def timeframe_seconds(timeframe: str) -> int:
    """Seconds of a time frame such as "1m", "15m", "1h", "1d". Raises DataError for anything else."""
    count, unit = timeframe[:-1], timeframe[-1:]
    if unit not in UNITS or not count.isascii() or not count.isdigit() or int(count) < 1:
        raise DataError(f"timeframe {timeframe!r}: use a number and m, h, d or w, such as 15m or 1h")
    return int(count) * UNITS[unit]


def require_utc(at: datetime, what: str) -> None:
    """Raise DataError unless `at` is aware and UTC."""
    if at.tzinfo is not UTC and at.utcoffset() != timedelta(0):
        raise DataError(f"{what}: {at!r} is not in UTC")


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class Direction(StrEnum):
    """What an opinion or a vote says."""

    BUY = "BUY"
    SELL = "SELL"
    HOLD = "HOLD"


class OrderType(StrEnum):
    LIMIT = "LIMIT"  # always immediate-or-cancel here
    MARKET = "MARKET"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"


class Role(StrEnum):
    """What an order is for."""

    ENTRY = "entry"
    STOP = "stop"
    EXIT = "exit"


class OrderStatus(StrEnum):
    INTENT = "INTENT"  # decided and journalled, nothing sent
    SENDING = "SENDING"  # journalled as about to leave: from here on it may exist
    OPEN = "OPEN"
    PARTIAL = "PARTIAL"
    CANCELLING = "CANCELLING"
    UNKNOWN = "UNKNOWN"  # the answer to placing is in doubt
    CANCEL_UNKNOWN = "CANCEL_UNKNOWN"  # the answer to cancelling is in doubt
    STUCK = "STUCK"  # a person must look
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    DENIED = "DENIED"  # our own checks refused it
    NOT_SENT = "NOT_SENT"  # never left
    NOT_PLACED = "NOT_PLACED"  # proved absent from the exchange


class PositionStatus(StrEnum):
    ENTERING = "ENTERING"  # the entry order has no final answer yet
    OPEN = "OPEN"
    CLOSING = "CLOSING"
    QUARANTINE = "QUARANTINE"  # changed from outside; a person must look
    CLOSED = "CLOSED"


class ExitReason(StrEnum):
    STOP = "stop"
    TRAILING_STOP = "trailing_stop"
    VOTE = "vote"
    MANUAL = "manual"
    KILL_SWITCH = "kill_switch"
    EMERGENCY = "emergency"


class SignalStatus(StrEnum):
    OK = "ok"
    FAILED = "failed"  # raised, timed out, or answered no Signal
    STALE = "stale"
    ABSTAINS = "abstains"  # chose not to look: over its budget, or in safe mode
    NOT_CONFIGURED = "not_configured"
    OFF = "off"


@value
class Candle:
    """One candle of `seconds` length. Impossible ones cannot be built: DataError names what is wrong."""

    symbol: str
    opened_at: datetime
    seconds: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    def __post_init__(self) -> None:
        require_utc(self.opened_at, "candle")
        open_, high, low, close = self.open, self.high, self.low, self.close
        for name, number in (("open", open_), ("high", high), ("low", low), ("close", close), ("volume", self.volume)):
            if not number.is_finite():
                raise DataError(f"candle {self.opened_at:%Y-%m-%d %H:%M}: {name} is not a finite number")
        if low <= ZERO:
            raise DataError(f"candle {self.opened_at:%Y-%m-%d %H:%M}: low {low} is not positive")
        if not (low <= open_ <= high and low <= close <= high):
            raise DataError(f"candle {self.opened_at:%Y-%m-%d %H:%M}: open and close must lie within low and high")
        if self.volume < ZERO:
            raise DataError(f"candle {self.opened_at:%Y-%m-%d %H:%M}: volume {self.volume} is negative")

    @property
    def closed_at(self) -> datetime:
        return self.opened_at + timedelta(seconds=self.seconds)


@value
class Quote:
    """Best bid and ask. On a candle feed both are the close."""

    bid: Decimal
    ask: Decimal
    at: datetime

    @property
    def price(self) -> Decimal:
        return (self.bid + self.ask) / 2 if self.bid != self.ask else self.bid


@value
class OrderBook:
    """Price levels as (price, quantity), best first."""

    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    at: datetime


@value
class NewsEvent:
    """One story, cleaned. `score` is -1 (bearish) to 1 (bullish); `severity` high, medium or low.

    `sources` are the outlets that told it, each once, the first included: two are two independent sources.
    """

    id: str
    published_at: datetime
    seen_at: datetime
    source: str
    title: str
    url: str
    severity: str
    sentiment: str
    score: float
    keywords: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


@value
class MarketData:
    """What a strategy is shown: exactly its `startup_candles` newest closed candles, oldest first."""

    symbol: str
    timeframe: str
    at: datetime
    price: Decimal
    candles: tuple[Candle, ...]
    order_book: OrderBook | None = None


@value
class Without:
    """What a strategy says when it is not shown `headline`, the strongest one."""

    headline: str
    action: Direction
    confidence: Decimal


@value
class Signal:
    """One strategy's opinion. Confidence 0 means "no opinion"; a status other than OK or ABSTAINS means "missing".

    `evidence` is the SHA-256 under which prompt, answer and news are stored. `without` is None where no headline was
    shown, and where asking again would cost money.
    """

    strategy: str
    action: Direction
    confidence: Decimal
    reasoning: str
    asked_at: datetime
    given_at: datetime
    expires_at: datetime
    status: SignalStatus = SignalStatus.OK
    reads_text: bool = False
    sha256: str = ""
    evidence: str = ""
    without: Without | None = None

    def __post_init__(self) -> None:
        if not self.confidence.is_finite() or not ZERO <= self.confidence <= 100:
            raise DataError(f"signal of {self.strategy}: confidence {self.confidence} is not within 0 and 100")


@value
class Instrument:
    """One market's rules, read from the exchange. The only place where numbers are rounded to its grid."""

    symbol: str
    base: str
    quote: str
    price_tick: Decimal | None
    quantity_step: Decimal | None
    min_notional: Decimal
    min_quantity: Decimal = ZERO
    max_algo_orders: int = 5
    taker_fee_pct: Decimal = Decimal("0.1")
    order_types: tuple[OrderType, ...] = tuple(OrderType)
    trading: bool = True

    def price_down(self, price: Decimal) -> Decimal:
        """To the tick, never up."""
        return floor_to(price, self.price_tick)

    def price_up(self, price: Decimal) -> Decimal:
        """To the tick, never down."""
        return ceil_to(price, self.price_tick)

    def quantity_down(self, quantity: Decimal) -> Decimal:
        """To the step, never up; 0 where less than the exchange's minimum is left."""
        floored = floor_to(quantity, self.quantity_step)
        return floored if floored >= max(self.min_quantity, ZERO) else ZERO

    @property
    def dust(self) -> Decimal:
        """The largest quantity that can be left over by rounding."""
        return self.quantity_step or ZERO

    @property
    def stop_type(self) -> OrderType:
        """A real stop where the symbol has one, else the stop-limit that a watchdog must guard."""
        return OrderType.STOP_LOSS if OrderType.STOP_LOSS in self.order_types else OrderType.STOP_LOSS_LIMIT


@value
class Fill:
    """One execution. `id` is the exchange's trade id: booked once however often it is reported."""

    id: str
    client_order_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    at: datetime
    position_id: str = ""
    fee_quote: Decimal = ZERO  # the fee's worth in quote currency, set when it is booked

    @property
    def notional(self) -> Decimal:
        return self.price * self.quantity


@value
class OrderReport:
    """What the exchange says of one order, whole: status and every fill so far. Applying it twice is harmless."""

    client_order_id: str
    exchange_order_id: str
    status: OrderStatus
    at: datetime
    fills: tuple[Fill, ...] = ()
    reason: str = ""
    quantity: Decimal | None = None  # as ordered, with its prices, where the exchange repeats them
    price: Decimal | None = None
    stop_price: Decimal | None = None


@value
class Order:
    """One order of ours through its whole life. `id` is its client order id."""

    id: str
    position_id: str
    decision_id: str
    symbol: str
    role: Role
    side: Side
    type: OrderType
    status: OrderStatus
    quantity: Decimal
    price: Decimal | None = None
    stop_price: Decimal | None = None
    exchange_order_id: str = ""
    filled_quantity: Decimal = ZERO
    filled_notional: Decimal = ZERO
    fees: Decimal = ZERO  # in quote currency
    created_at: datetime = EPOCH
    updated_at: datetime = EPOCH
    sent_at: datetime | None = None
    reason: str = ""

    @property
    def average_price(self) -> Decimal | None:
        return self.filled_notional / self.filled_quantity if self.filled_quantity else None

    @property
    def time_in_force(self) -> str:
        return "IOC" if self.type is OrderType.LIMIT else "GTC"


@value
class Position:
    """Bitcoin bought by one entry. `quantity` can be sold (fees in bitcoin taken off, on the step)."""

    id: str
    symbol: str
    status: PositionStatus
    opened_at: datetime
    decision_id: str
    candle_at: datetime  # the closed candle that its entry was decided on
    entry_quantity: Decimal = ZERO  # gross
    entry_notional: Decimal = ZERO
    entry_fees: Decimal = ZERO  # in quote currency
    net_quantity: Decimal = ZERO  # bought, less fees taken in base
    quantity: Decimal = ZERO
    cost: Decimal = ZERO  # what it took out of the account, fees included
    sold_quantity: Decimal = ZERO
    proceeds: Decimal = ZERO
    exit_fees: Decimal = ZERO
    stop_price: Decimal | None = None
    stop_order_id: str = ""
    stop_confirmed: bool = False
    highest_close: Decimal = ZERO
    trailing_active: bool = False
    stop_moved_at: datetime | None = None
    unprotected_since: datetime | None = None
    stop_failures: int = 0
    attempts: int = 0  # orders ever made for this position, over all roles
    exit_reason: ExitReason | None = None
    exit_decision_id: str = ""
    close_command_id: str = ""
    closed_at: datetime | None = None
    signals: tuple[Signal, ...] = ()
    reasoning: str = ""

    @property
    def entry_price(self) -> Decimal:
        """Average fill, fees not in it; 0 before the first fill."""
        return self.entry_notional / self.entry_quantity if self.entry_quantity else ZERO

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.sold_quantity


@value
class Trade:
    """A closed position. A position closed in parts is one trade at its average exit."""

    id: str
    position_id: str
    symbol: str
    opened_at: datetime
    closed_at: datetime
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    cost: Decimal
    fees: Decimal
    profit_loss: Decimal
    exit_reason: ExitReason
    decision_id: str
    exit_decision_id: str = ""
    reasoning: str = ""
    signals: tuple[Signal, ...] = ()

    @property
    def profit_loss_pct(self) -> Decimal:
        return self.profit_loss / self.cost * 100 if self.cost else ZERO


class LatchKind(StrEnum):
    DAILY_LOSS = "daily_loss"
    KILL_SWITCH = "kill_switch"
    RUNAWAY = "runaway"
    AUTH = "exchange_refuses"


@value
class Latch:
    """A lock that trading does not lift by itself. `lifts_at` is None where only a person can."""

    kind: LatchKind
    at: datetime
    reason: str
    lifts_at: datetime | None = None
    cleared_at: datetime | None = None


@value
class Flow:
    """Money that came or went by the owner's hand, in quote currency: neutral to every loss figure."""

    id: str
    at: datetime
    amount: Decimal
    note: str = ""


@value
class ListedFlow:
    """A deposit (positive) or withdrawal (negative) in the exchange's own list, and the fee named beside it."""

    id: str
    amount: Decimal
    fee: Decimal = ZERO
