"""What the app needs from outside, as Protocols, and the read-only face that it shows to pages.

Implementations live in services/ (the real world) and backtest/ (a pretend one); fakes in tests/fakes.py.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from app.analyst import Question
from app.channels import ChannelState
from app.core.decisions import Decision
from app.core.messages import AccountSeen, Event, OrderNotFound, PlaceOrder, PriceSeen
from app.core.model import (
    Candle,
    Fill,
    Flow,
    Instrument,
    Latch,
    MarketData,
    NewsEvent,
    Order,
    OrderBook,
    OrderReport,
    Position,
    Signal,
    Trade,
)
from app.core.rules import StrategyRule
from app.faces import LimitsFace, VoteFace, Wish
from app.notices import Told
from app.past import Past, PastWanted

Row = dict[str, Any]
Changed = Order | Fill | Position | Trade | Decision | Latch | Flow

# ---------------------------------------------------------------- the market and the exchange


class Inbox(Protocol):
    """Where everything that happens is put."""

    def post(self, event: Event) -> None:
        """Hand an event over; returns at once."""

    async def drained(self) -> None:
        """Until the inbox is empty, every action performed and every asked strategy answered."""


class Exchange(Protocol):
    """Where orders go. Every method may raise the ExchangeErrors of app.core.errors and nothing else."""

    def listen(self, post: Callable[[Event], None]) -> None:
        """Where reports that nobody asked for (fills, stops, expiries) are put."""

    async def place(self, order: PlaceOrder) -> OrderReport:
        """Raises ExchangeUnreachable when in doubt, ExchangeRefused/Busy when definitely not placed."""

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport:
        """The order's report after the cancel; CANCELLING where the answer comes later as a report.

        Raises ExchangeRefused where no such order is open (already filled? ask)."""

    async def replace(self, old_id: str, order: PlaceOrder) -> tuple[OrderReport, OrderReport | None]:
        """Cancel and place at once: (report of the old, report of the new or None where it was not placed).

        The old one is CANCELLING where what became of it has to be asked for."""

    async def find(
        self, symbol: str, client_order_id: str, sent_at: datetime, complete: bool
    ) -> OrderReport | OrderNotFound:
        """What became of an order. OrderNotFound only after successful answers that do not have it."""

    async def account(self, symbol: str, doubtful: Sequence[str]) -> AccountSeen:
        """The whole truth at one moment, with reports of our open orders and of the doubtful ones."""

    async def ask_price(self, symbol: str) -> PriceSeen:
        """Best bid and ask, asked for beside the feed (source "asked"). ExchangeRefused where only the feed knows."""


class MarketFeed(Protocol):
    """A live market. It posts PriceSeen and CandleClosed, candles in order, no minute skipped or told twice."""

    name: str

    async def past(self, wanted: PastWanted) -> Past:
        """What was before now; `run` goes on after the last minute. Raises ExchangeErrors."""

    async def order_book(self) -> OrderBook:
        """The best 20 levels of each side, now. Raises ExchangeErrors."""

    async def run(self, inbox: Inbox) -> None:
        """For ever: a lost connection is no reason to end."""


class Ground(Protocol):
    """Where a trader trades: a market, an exchange, and the time that both live in."""

    @property
    def name(self) -> str: ...

    @property
    def candle_fed(self) -> bool:
        """The market is a series of candles, and waits for the trader."""

    @property
    def exchange(self) -> Exchange: ...

    @property
    def user_data(self) -> str | None:
        """How the exchange's word on our orders reaches us; None where no real account is traded."""

    def now(self) -> datetime:
        """Market time."""

    async def open(self) -> Instrument:
        """Connect and read the rules. ConfigError where they cannot be traded by; ExchangeErrors: try again."""

    async def past(self, wanted: PastWanted) -> Past:
        """What was before, up to where the market goes on. The exchange is brought up to there, too."""

    def missed(self) -> Sequence[Candle]:
        """The minutes that passed while nobody looked, oldest first. Empty where the market waited."""

    async def order_book(self) -> OrderBook | None:
        """The best levels now; None where the market has none."""

    async def run(self, inbox: Inbox) -> None:
        """The market goes on, until its end."""

    async def close(self) -> None: ...


# ---------------------------------------------------------------- the store


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRow:
    """One journalled message. `message` and `actions` are canonical JSON; `hash` chains to the row before."""

    seq: int
    at: datetime
    recorded_at: datetime
    version: str
    message: str
    actions: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one handled message adds to the store, to be committed as one."""

    at: datetime
    recorded_at: datetime
    message: str
    actions: str
    changes: tuple[Changed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPoint:
    at: datetime
    equity: Decimal
    cash: Decimal
    quantity: Decimal  # bitcoin of ours, dust included
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """A ledger belongs to one (mode, market, symbol). `tag` is 4 characters, unique, part of every id."""

    name: str
    tag: str
    mode: str
    market: str
    symbol: str
    opened_at: datetime


class Journal(Protocol):
    """The writing side: synchronous, one writer (the session calls it on one thread)."""

    def commit(self, entries: Sequence[Entry], equity: Sequence[EquityPoint]) -> int:
        """Append to the chain and project the changes in one transaction; returns the last sequence number."""

    def rows(self, after_seq: int = 0, limit: int = 1000) -> Sequence[JournalRow]: ...

    def save_checkpoint(self, seq: int, schema: int, state: str) -> None: ...

    def load_checkpoint(self) -> tuple[int, int, str] | None:
        """The newest (seq, schema number, state), if any."""

    def verify(self) -> str | None:
        """None if the chain is whole, else a sentence saying where it breaks."""


class Reader(Protocol):
    """The reading side, over connections of its own. Rows are in the API's words (design 7.4), newest first."""

    async def list(self, kind: str, limit: int, offset: int, **filters: Any) -> tuple[list[Row], int]:
        """`kind`: positions, trades, orders, fills, decisions, signals, logs, news, equity, audit, reviews, voices,
        flows (deposits and withdrawals), history (trades and flows together; a flow has a `kind`).

        Filters: positions `status`; trades `since`, `until` (closed_at); orders `position` (its id); decisions
        `outcome`; logs `level`; equity, flows and history `since`; news `since`, `until` (published_at),
        `severity` (those of a few).
        Returns the page and the total number that match.
        """

    async def one(self, kind: str, id: str) -> Row | None: ...

    def trades(self) -> AsyncIterator[Row]:
        """All trades, oldest first, streamed."""

    async def decision(self, id: str) -> Decision | None:
        """One decision as the engine wrote it down."""

    async def sums(self, since: datetime | None = None) -> Row:
        """Of the trades closed since then: {trades, won, profit_loss, fees, best, worst}; the last two None without."""

    async def curve(self, since: datetime | None = None, points: int = 300) -> Sequence[Row]:
        """Equity rows, oldest first: about so many, evenly spread over the time, the newest among them, and the first
        after each flow. `own` is what trading alone made of the money; `moved` what came or went since the row before.
        """


class PaperStore(Protocol):
    """The paper exchange's own books, committed by itself before it answers."""

    def load(self) -> str | None: ...

    def save(self, state: str, reports: Sequence[tuple[str, str]]) -> None:
        """The new state and the (client order id, report) texts that changed, as one transaction."""

    def report(self, client_order_id: str) -> str | None: ...


# ---------------------------------------------------------------- strategies


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyFace:
    """What is known of a loaded strategy."""

    name: str
    title: str
    startup_candles: int
    reads_text: bool
    sha256: str
    status: str = "running"
    error: str = ""
    asks: bool = False  # wants an answer from an Analyst before it can give an opinion


class Strategies(Protocol):
    """The strategy process. Both questions raise StrategyError when the strategy fails or runs out of time."""

    async def start(self, rules: Sequence[StrategyRule]) -> Sequence[StrategyFace]: ...

    async def question(self, rule: StrategyRule, data: MarketData, news: Sequence[NewsEvent]) -> Question | None:
        """What a strategy that `asks` wants to know; None: nothing this time. `ask` comes next, with the answer."""

    async def ask(
        self, rule: StrategyRule, data: MarketData, news: Sequence[NewsEvent], answer: str | None = None
    ) -> tuple[str, Decimal, str]:
        """(BUY, SELL or HOLD, confidence 0-100, reasoning)."""

    async def readings(self, rule: StrategyRule, data: MarketData, count: int) -> dict[str, list[float | None]]:
        """What the strategy computes from candles, for people to look at: each column's newest values, oldest first."""

    async def stop(self) -> None: ...


# ---------------------------------------------------------------- durable extras


class KillSeal(Protocol):
    """The kill switch outside the database (`KILLED` in the data directory), fsynced."""

    def seal(self, reason: str, at: datetime) -> None: ...

    def sealed(self) -> str | None:
        """Why, or None; never an empty text."""

    def unseal(self) -> None: ...


class IncidentFiles(Protocol):
    """Where reports of what went wrong are kept. Raises ConfigError where they cannot be written."""

    def has(self, name: str) -> bool: ...

    def write(self, name: str, text: str) -> str:
        """Returns where it is."""


# ---------------------------------------------------------------- the face for people


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The row of `GET /api/v1/status` (design 7.4 and details C), still typed."""

    mode: str
    market: str
    symbol: str
    ledger: str
    state: str  # RECONCILING, TRADING, PAUSED, STOPPED
    reason: str | None
    resumes_at: datetime | None
    price: Decimal | None
    price_at: datetime | None
    market_at: datetime | None
    connected: bool
    equity: Decimal
    cash: Decimal
    day_pnl: Decimal
    day_pnl_pct: Decimal
    total_pnl: Decimal
    total_pnl_pct: Decimal
    open_positions: int
    trades_today: int
    protected_pct: Decimal
    max_loss_if_server_dies: Decimal
    two_factor: bool
    version: str
    user_data: str | None = None  # how a real account's orders are heard of: a stream's name, or "polling every …"
    channels: tuple[ChannelState, ...] = ()  # those for alerts that are set up
    unseen_alerts: tuple[Told, ...] = ()  # grave ones that nobody has acknowledged, the newest first
    latest_alert: str = ""  # the id of the newest of all that people were told since the start
    last_replay: Row | None = None  # {day, identical, at, difference} of the newest day that was replayed


class EngineView(Protocol):
    """The read-only face of the running engine. Cheap; called on the loop."""

    def status(self) -> Status: ...

    def positions(self) -> Sequence[Position]:
        """Those not closed, oldest first."""

    def order(self, id: str) -> Order | None: ...

    def unrealized(self, position: Position) -> Decimal:
        """quantity × price − cost, of what is left."""

    def latest_decision(self) -> Decision | None: ...

    def latest_signals(self) -> Sequence[Signal]: ...

    def strategies(self) -> Sequence[Row]:
        """One row for each name in strategies.yml and each file (details C), by name."""

    def limits(self) -> LimitsFace:
        """Those that can be changed while it trades."""

    def vote(self) -> VoteFace:
        """The rules of the vote, and what was said when it was last held."""

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after anything visible has changed (on the loop, at most 5 times a second; first at once).

        Returns the function that ends the subscription.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who asks, and from where; `otp` is a fresh second factor where one was given."""

    username: str
    address: str = ""
    otp: str | None = None


class Control(Protocol):
    """The only door for people: authorisation, second factor, audit, then the inbox.

    Each returns when the command has been handled and journalled. Raises NotAuthorized for a missing or wrong
    second factor, and Conflict/Missing below.
    """

    async def pause(self, who: Who) -> None: ...

    async def resume(self, who: Who) -> None: ...

    async def close(self, who: Who, position_id: str) -> str:
        """Returns the command's id; the same one while the position is being closed. KeyError: no such position."""

    async def close_all(self, who: Who) -> Sequence[str]:
        """Returns the ids of the positions that are now closing."""

    async def unlock(self, who: Who, password: str, phrase: str) -> None:
        """Lift what only a person may lift. Conflict: nothing is locked, or the kill switch fired within the hour."""

    async def acknowledge(self, who: Who, ids: Sequence[int] | None) -> int:
        """Grave alerts that this person has seen (None: all), so that they are not repeated; returns how many."""

    async def test_channel(self, who: Who, name: str) -> ChannelState:
        """Send a test message by one channel. KeyError: there is none of this name. Busy: one was sent just now."""

    async def change_strategy(
        self,
        who: Who,
        name: str,
        *,
        enabled: bool | None = None,
        weight: Decimal | None = None,
        sha256: str | None = None,
    ) -> None:
        """From the next cycle on, and after a restart. KeyError: nothing is known by this name. Unfit: bad input."""

    async def change_votes(self, who: Who, wishes: Sequence[Wish], thresholds: Mapping[str, object]) -> None:
        """Several strategies and thresholds, all or none, with one code."""

    async def change_limits(self, who: Who, wanted: Mapping[str, object]) -> None:
        """Limits by their dotted names. Safer ones count at once, the others from 00:00 UTC on. Unfit: bad input."""

    async def take_back(self, who: Who, change_id: str) -> None:
        """A limit that waits for 00:00 UTC. KeyError: none does by this id. Conflict: others do not go without it."""


class Conflict(Exception):
    """The state forbids it; the text says which state and what to do."""
