"""Verbs: the whole language of the core.

Event: it happened. Command: a person asks. Action: the core asks the world. Every message carries `at`,
market time in UTC; the engine knows no other clock. Messages only ever gain optional fields.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from app.core.alerts import AlertEvent, AlertLevel
from app.core.decisions import Shown
from app.core.model import (
    Candle,
    Instrument,
    LatchKind,
    ListedFlow,
    OrderBook,
    OrderReport,
    OrderType,
    Role,
    Side,
    Signal,
)
from app.core.money import ZERO
from app.core.rules import RiskLimits, Rules
from app.core.values import value


@value
class Message:
    at: datetime


# ---------------------------------------------------------------- events: it happened


class Gate(StrEnum):
    """Outside conditions that must all be good before an entry. Their names are `status.reason`s."""

    EXCHANGE_UNREACHABLE = "exchange_unreachable"
    EXCHANGE_REFUSES = "exchange_refuses"
    EXTERNAL_CHANGE = "external_change"
    CLOCK = "clock"
    DISK = "disk"
    DATABASE = "database"
    STALE_PRICE = "stale_price"
    LIVE_CHECK = "live_check"
    MARKET_ENDED = "market_ended"


@value
class Started(Message):
    """The first message of every process: which program, rules and ledger. Trading waits for `AccountSeen`."""

    program_version: str
    ledger: str
    tag: str  # 4 characters of this ledger, part of every id
    live: bool
    candle_fed: bool  # the market is a series of candles: freshness counts from its last delivery
    rules: Rules
    config_sha256: str
    instrument: Instrument
    kill_sealed: str = ""  # the reason in the durable seal, where there is one
    live_check: str = ""  # why the go-live list is not passed: entries stay shut from this message on


@value
class InstrumentChanged(Message):
    """The exchange's rules for our symbol, read again."""

    instrument: Instrument


@value
class PriceSeen(Message):
    """Best bid and ask; only prices that passed the adapter's sanity checks.

    `source`: feed; asked (the answer to ConfirmPrice, another way to the same market); reference (an average)."""

    bid: Decimal
    ask: Decimal
    source: str = "feed"


@value
class CandleClosed(Message):
    """A closed 1-minute candle. `late` marks one that closed while the program was down."""

    candle: Candle
    late: bool = False


@value
class TimePassed(Message):
    """Nothing but time."""


@value
class SignalGiven(Message):
    """One strategy answered, or failed to (see `signal.status`)."""

    signal: Signal


@value
class VoteCalled(Message):
    """Everybody asked has answered or timed out: hold the vote on what was shown.

    `preliminary`: somebody's answer is still awaited. Such a vote may sell, and does nothing else.
    """

    shown: Shown
    book: OrderBook | None = None
    preliminary: bool = False


@value
class OrderSending(Message):
    """The order is about to leave; from now on it may exist on the exchange."""

    client_order_id: str


@value
class OrderNotSent(Message):
    """It never left: trading was paused, or another reason on our side."""

    client_order_id: str
    reason: str


@value
class OrderReported(Message):
    report: OrderReport


class Refusal(StrEnum):
    """Why the exchange definitely did not do it, sorted by cure."""

    RULES = "rules"  # filters, permissions: a bug or stale rules of ours
    FUNDS = "funds"
    WOULD_TRIGGER = "would_trigger"
    MARKET_CLOSED = "market_closed"
    CLOCK = "clock"
    BUSY = "busy"
    ACCESS = "access"
    AUTH = "auth"


@value
class OrderRefused(Message):
    client_order_id: str
    refusal: Refusal
    reason: str


@value
class OrderUncertain(Message):
    """Placing it ended in doubt: it may or may not exist."""

    client_order_id: str
    reason: str


@value
class CancelUncertain(Message):
    """Cancelling ended in doubt, or the exchange knows no such open order: ask what became of it."""

    client_order_id: str
    reason: str


@value
class OrderNotFound(Message):
    """A successful query that found nothing. Network trouble is no evidence and never becomes this message.

    `complete` says that the order list and the trade list were asked too and the balances are unchanged.
    """

    client_order_id: str
    complete: bool


@value
class AccountSeen(Message):
    """The exchange's truth, read whole: balances, our open orders, and reports of orders we had doubts about.

    `complete` reports cover every order of ours that the exchange knows and that was open or recent.
    """

    quote_total: Decimal
    base_total: Decimal
    base_free: Decimal
    reports: tuple[OrderReport, ...] = ()
    open_ids: tuple[str, ...] = ()  # our prefix, open on the exchange
    price: Decimal | None = None
    quote_locked: Decimal = ZERO  # by orders that rest: never one of our entries
    flows: tuple[ListedFlow, ...] | None = ()  # of quote currency, lately; None: the list was asked for in vain


@value
class OrdersListed(Message):
    """Our orders that the exchange lists as open, asked for at `at`; those it confirmed lately are among them."""

    open_ids: tuple[str, ...]


@value
class FlowSeen(Message):
    """A deposit (positive) or withdrawal (negative) of quote currency."""

    id: str
    amount: Decimal
    note: str = ""


@value
class GateClosed(Message):
    gate: Gate
    text: str


@value
class GateOpened(Message):
    gate: Gate


@value
class NoticeGiven(Message):
    """Something outside the engine that people must be told: it becomes an alert, journalled like any other."""

    event: AlertEvent
    text: str


Event = (
    Started
    | InstrumentChanged
    | PriceSeen
    | CandleClosed
    | TimePassed
    | SignalGiven
    | VoteCalled
    | OrderSending
    | OrderNotSent
    | OrderReported
    | OrderRefused
    | OrderUncertain
    | CancelUncertain
    | OrderNotFound
    | AccountSeen
    | OrdersListed
    | FlowSeen
    | GateClosed
    | GateOpened
    | NoticeGiven
)

# ---------------------------------------------------------------- commands: a person asks


@value
class Command(Message):
    """`id` is unique; `actor` is who asked. Authorisation happened in `app.control`."""

    id: str
    actor: str


@value
class Pause(Command):
    pass


@value
class Resume(Command):
    pass


@value
class ClosePosition(Command):
    position_id: str


@value
class CloseAll(Command):
    pass


@value
class ChangeRisk(Command):
    """`limits` at once where they are safer, else from the next 00:00 UTC on.

    `before`: those that the change was made to. Only what differs between the two is changed, so that nothing that
    becomes of the others meanwhile is undone. The newest change of a `name` counts.
    """

    limits: RiskLimits
    name: str
    value: str
    now: bool
    before: RiskLimits | None = None


@value
class TakeBack(Command):
    """Take back a pending change of risk limits."""

    change_id: str


@value
class ChangeVoting(Command):
    """New voting rules: enablement, weights, thresholds."""

    rules: Rules
    note: str


@value
class Unlock(Command):
    """Clear a latch that only a person may clear."""

    kind: LatchKind


AnyCommand = Pause | Resume | ClosePosition | CloseAll | ChangeRisk | TakeBack | ChangeVoting | Unlock

# ---------------------------------------------------------------- actions: the core asks the world


@value
class PlaceOrder:
    """`limit` guards an entry's price; `stop_price` is a stop's trigger."""

    client_order_id: str
    position_id: str
    symbol: str
    role: Role
    side: Side
    type: OrderType
    quantity: Decimal
    price: Decimal | None = None
    stop_price: Decimal | None = None


@value
class CancelOrder:
    client_order_id: str
    position_id: str
    symbol: str


@value
class ReplaceStop:
    """Cancel `old_id` and place `order` in one request; if the cancel fails nothing is placed."""

    old_id: str
    order: PlaceOrder


@value
class QueryOrder:
    """What became of it? `complete` asks for the order list, the trade list and the balances too."""

    client_order_id: str
    position_id: str
    symbol: str
    sent_at: datetime
    complete: bool


@value
class ReadAccount:
    """Read the exchange's truth and answer with `AccountSeen`. `doubtful` are orders to ask for by name."""

    symbol: str
    doubtful: tuple[str, ...] = ()
    reason: str = ""


@value
class ConfirmPrice:
    """Ask for the price by another way than the feed; the answer is a PriceSeen from "asked"."""

    symbol: str


@value
class SealKillSwitch:
    """Make the kill switch durable outside the database before anything is closed."""

    reason: str


@value
class UnsealKillSwitch:
    pass


@value
class Alert:
    """Tell the people: `text` is a sentence without secrets."""

    event: AlertEvent
    level: AlertLevel
    text: str


Action = (
    PlaceOrder
    | CancelOrder
    | ReplaceStop
    | QueryOrder
    | ReadAccount
    | ConfirmPrice
    | SealKillSwitch
    | UnsealKillSwitch
    | Alert
)
