"""All trading state in one object, and the figures that follow from it. Only `app.core.engine` changes it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from app.core import orders, portfolio, stops
from app.core.decisions import Decision
from app.core.messages import Gate, Message, Started
from app.core.model import (
    EPOCH,
    Flow,
    Instrument,
    Latch,
    LatchKind,
    Order,
    OrderReport,
    OrderStatus,
    Position,
    PositionStatus,
    Quote,
    Role,
    Signal,
)
from app.core.money import ZERO
from app.core.orders import Orders
from app.core.portfolio import Account
from app.core.rules import RiskLimits, Rules
from app.core.values import value

SCHEMA = 2  # of a stored state; a checkpoint with another number is ignored in favour of the journal
STALE_AFTER = timedelta(seconds=10)


@value
class Doubt:
    """An order whose fate is being found out: when it left, since when and how often it is asked for, what is known."""

    since: datetime
    began: datetime | None = None
    asked: int = 0
    next_at: datetime
    not_found: int = 0
    not_found_at: datetime | None = None


@value
class PendingChange:
    """A looser limit that waits for 00:00 UTC and can be taken back until then."""

    id: str
    name: str
    value: str
    limits: RiskLimits
    effective_at: datetime
    before: RiskLimits | None = None


@value
class KillEvidence:
    """Prices in a row at which the total loss was reached: of the feed, and those that were asked for elsewhere."""

    feed: tuple[datetime, ...] = ()
    asked: tuple[datetime, ...] = ()
    ask_at: datetime  # not before then another price is asked for

    @property
    def span(self) -> timedelta:
        times = (*self.feed, *self.asked)
        return max(times) - min(times)


@dataclass(slots=True, kw_only=True)
class State:
    """What the engine knows. Orders and positions are kept while something can still happen to them."""

    started: Started | None = None
    rules: Rules = field(default_factory=Rules)
    instrument: Instrument | None = None
    now: datetime = EPOCH
    quote: Quote | None = None
    reference_price: Decimal | None = None  # a second, independent price of a live market
    reconciled: bool = False
    paused: bool = False
    account: Account | None = None
    gates: dict[str, str] = field(default_factory=dict)
    latches: dict[str, Latch] = field(default_factory=dict)
    orders: Orders = field(default_factory=Orders)
    positions: dict[str, Position] = field(default_factory=dict)
    doubts: dict[str, Doubt] = field(default_factory=dict)
    booked: dict[str, str] = field(default_factory=dict)  # fill id → client order id
    signals: dict[str, Signal] = field(default_factory=dict)
    trade_number: int = 0
    decision_number: int = 0
    last_decision: Decision | None = None
    last_candle_at: datetime | None = None  # opening time of the newest journalled 1-minute candle
    entry_candle_at: datetime | None = None  # the strategies' candle that the last entry was decided on
    exit_at: datetime | None = None
    stop_outs: int = 0
    order_times: list[datetime] = field(default_factory=list)
    reject_times: list[datetime] = field(default_factory=list)
    exits: dict[str, int] = field(default_factory=dict)  # position id → market sells tried since its close began
    retry_at: dict[str, datetime] = field(default_factory=dict)  # position id → when a refused order is tried again
    refusals: dict[str, int] = field(default_factory=dict)  # position id → refused orders in a row
    trail_at: dict[str, datetime] = field(default_factory=dict)  # position id → no move of its stop before then
    cancel_asked: dict[str, datetime] = field(default_factory=dict)  # live order id → when its cancel was asked for
    jumped: dict[str, datetime] = field(default_factory=dict)  # stop id → since when the price is past it
    kill: KillEvidence | None = None  # while prices say that the total loss is reached
    warned: list[str] = field(default_factory=list)  # warnings already given today
    bare: list[str] = field(default_factory=list)  # positions whose missing stop was told
    locked_elsewhere: Decimal = ZERO  # quote currency that orders of somebody else hold
    difference: str = ""  # between balances and books, as it was last seen
    difference_at: datetime | None = None  # since when it is seen
    flow_at: datetime | None = None  # when the last deposit or withdrawal was booked
    acknowledged: str = ""  # the difference that a person has seen and let pass
    flow_ids: list[str] = field(default_factory=list)  # deposits and withdrawals that are in the books
    listed_flows: list[Flow] = field(default_factory=list)  # of these, those that the stream did not tell of
    orphans: dict[str, OrderReport] = field(default_factory=dict)  # stops of ours whose entry is being looked for
    entries_missed: dict[str, int] = field(default_factory=dict)  # that entry → how often the exchange did not have it
    others: list[str] = field(default_factory=list)  # tags of other books whose orders were told of
    pending: list[PendingChange] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.orders = Orders(self.orders)  # a stored state has a plain dictionary of them


# ---------------------------------------------------------------- derived figures


def price_of(state: State) -> Decimal:
    """The price that money is shown at; 0 before the first one, when nothing is held."""
    return state.quote.price if state.quote else ZERO


def held(state: State) -> Decimal:
    """Bitcoin of ours."""
    return portfolio.held(state.account, state.positions.values()) if state.account else ZERO


def equity(state: State) -> Decimal:
    """Cash and bitcoin at the price, no exit fee taken off."""
    return portfolio.equity(state.account, held(state), price_of(state)) if state.account else ZERO


def liquidated(state: State) -> Decimal:
    """Cash and bitcoin sold at the bid less the taker fee: the stricter figure that risk uses."""
    if state.account is None:
        return ZERO
    quantity = portfolio.held(state.account, state.positions.values())
    bid = state.quote.bid if state.quote else ZERO
    fee = state.instrument.taker_fee_pct if state.instrument else ZERO
    return portfolio.liquidation(state.account, quantity, bid, fee)


def live_orders(state: State, role: Role | None = None) -> list[Order]:
    """Orders that money may still move through. By id: a stored state does not keep the order of its dictionaries."""
    found = [order for order in state.orders.live.values() if role is None or order.role is role]
    return sorted(found, key=_by_id) if len(found) > 1 else found


def _by_id(each: Order | Position) -> str:
    return each.id


def open_positions(state: State) -> list[Position]:
    """Positions that hold bitcoin or may yet, the oldest first."""
    found = list(state.positions.values())
    return sorted(found, key=_by_id) if len(found) > 1 else found


def in_doubt(state: State) -> list[Order]:
    return [order for order in state.orders.live.values() if order.status in orders.IN_DOUBT]


def price_is_stale(state: State, now: datetime) -> bool:
    """A candle feed that delivers is fresh; a live price is stale after 10 seconds."""
    if state.started is not None and state.started.candle_fed:
        return state.quote is None
    return state.quote is None or now - state.quote.at > STALE_AFTER


STOPPED_BY = (LatchKind.KILL_SWITCH, LatchKind.RUNAWAY)
GATE_ORDER = (
    Gate.LIVE_CHECK,
    Gate.DATABASE,
    Gate.EXCHANGE_REFUSES,
    Gate.EXCHANGE_UNREACHABLE,
    Gate.EXTERNAL_CHANGE,
    Gate.CLOCK,
    Gate.DISK,
    Gate.MARKET_ENDED,
    Gate.STALE_PRICE,
)


def standing(state: State, now: datetime) -> tuple[str, str | None, datetime | None]:
    """(RECONCILING | TRADING | PAUSED | STOPPED, reason, when it resumes by itself). TRADING ⇔ no reason."""
    if not state.reconciled:
        return "RECONCILING", None, None
    for kind in STOPPED_BY:
        if kind in state.latches:
            return "STOPPED", kind.value, state.latches[kind].lifts_at
    if Gate.LIVE_CHECK in state.gates:
        return "STOPPED", Gate.LIVE_CHECK.value, None
    if state.paused:
        return "PAUSED", "manual", None
    for kind in (LatchKind.DAILY_LOSS, LatchKind.AUTH):
        if kind in state.latches:
            return "PAUSED", kind.value, state.latches[kind].lifts_at
    for gate in GATE_ORDER:
        if gate in state.gates:
            return "PAUSED", gate.value, None
    if in_doubt(state):
        return "PAUSED", "unknown_order", None
    if price_is_stale(state, now):
        return "PAUSED", Gate.STALE_PRICE.value, None
    return "TRADING", None, None


def protection(state: State) -> tuple[Decimal, Decimal]:
    """(per cent of held bitcoin under stops that the exchange says it holds, what is lost if the server dies now).

    The loss is Σ quantity × (price − stop) + fees, gaps aside; what is under no stop counts whole.
    """
    total = safe = at_risk = ZERO
    fee = state.instrument.taker_fee_pct if state.instrument else ZERO
    price = price_of(state)
    for position in open_positions(state):
        bare = position.remaining
        total += bare
        for stop in _standing_stops(state, position):
            under = min(bare, stop.quantity - stop.filled_quantity)
            bare -= under
            at_risk += stops.loss_at_stop(under, price, stop.stop_price or ZERO, fee)
        safe += position.remaining - bare
        at_risk += bare * price
    return (safe / total * 100 if total else Decimal(100)), at_risk


def _standing_stops(state: State, position: Position) -> list[Order]:
    """On the exchange's book by its own last word. One that is being cancelled counts only while another replaces it:
    before a sale nothing follows if the server dies."""
    moving = position.status is PositionStatus.OPEN
    standing_ = {OrderStatus.OPEN, OrderStatus.PARTIAL} | ({OrderStatus.CANCELLING} if moving else set())
    return [
        order
        for order in live_orders(state, Role.STOP)
        if order.position_id == position.id and order.status in standing_
    ]


def cash_locked(entries: Iterable[Order]) -> Decimal:
    """Quote currency that entries without a final answer may still take."""
    return sum(((order.quantity - order.filled_quantity) * (order.price or ZERO) for order in entries), ZERO)


def at_of(message: Message, state: State) -> datetime:
    """Market time never runs backward."""
    return max(message.at, state.now)
