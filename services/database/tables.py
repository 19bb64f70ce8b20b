"""The tables. They keep the first design's column names; the API's words are made in `rows`.

`orders, fills, positions, trades, decisions, equity, flows, latches` are projections of the journal, written with it in
one transaction; every trading table carries its ledger.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Text
from sqlmodel import Field, SQLModel, col

from services.database.columns import Money, Name, Utc, Words

BIG = BigInteger().with_variant(Integer, "sqlite")


def money(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(Money, nullable=nullable))


def utc(*, nullable: bool = False, index: bool = False) -> Any:
    return Field(default=None, sa_column=Column(Utc, nullable=nullable, index=index))


def name(*, primary_key: bool = False, index: bool = False) -> Any:
    return Field(default="", sa_column=Column(Name, primary_key=primary_key, nullable=False, index=index))


def text(*, nullable: bool = False) -> Any:
    return Field(default="", sa_column=Column(Words, nullable=nullable))


class LedgerTable(SQLModel, table=True):
    __tablename__ = "ledgers"
    name: str = Field(primary_key=True)
    tag: str = Field(unique=True)
    mode: str
    market: str
    symbol: str
    opened_at: datetime = utc()
    current: bool = True


class JournalTable(SQLModel, table=True):
    __tablename__ = "journal"
    ledger: str = Field(primary_key=True)
    seq: int = Field(primary_key=True, sa_type=BIG)
    at: datetime = utc(index=True)
    recorded_at: datetime = utc()
    version: str
    message: str = Field(sa_type=Text)  # the bytes that were hashed, never mended
    actions: str = Field(sa_type=Text)
    hash: str


class JournalPackTable(SQLModel, table=True):
    """Journal rows of long ago, compressed: the same bytes, the same chain, a tenth of the room."""

    __tablename__ = "journal_packs"
    ledger: str = Field(primary_key=True)
    first_seq: int = Field(primary_key=True, sa_type=BIG)
    last_seq: int = Field(sa_type=BIG)
    first_at: datetime = utc()
    last_at: datetime = utc()
    last_hash: str  # of the chain, at `last_seq`
    packed: bytes = Field(sa_type=LargeBinary)


class CheckpointTable(SQLModel, table=True):
    __tablename__ = "checkpoints"
    ledger: str = Field(primary_key=True)
    seq: int = Field(primary_key=True, sa_type=BIG)
    schema_number: int
    state: str = text()


class OrderTable(SQLModel, table=True):
    __tablename__ = "orders"
    id: str = Field(primary_key=True)
    ledger: str = Field(index=True)
    exchange_order_id: str
    position_id: str = Field(index=True)
    decision_id: str
    symbol: str
    role: str
    side: str
    type: str
    time_in_force: str
    status: str = Field(index=True)
    quantity: Decimal = money()
    filled_quantity: Decimal = money()
    price: Decimal | None = money(nullable=True)
    stop_price: Decimal | None = money(nullable=True)
    average_price: Decimal | None = money(nullable=True)
    fees: Decimal = money()
    created_at: datetime = utc(index=True)
    updated_at: datetime = utc()
    reason: str = text()


class FillTable(SQLModel, table=True):
    __tablename__ = "fills"
    id: str = Field(primary_key=True)
    ledger: str = Field(index=True)
    order_id: str = Field(index=True)
    position_id: str
    exchange_trade_id: str
    side: str
    price: Decimal = money()
    quantity: Decimal = money()
    fee: Decimal = money()
    fee_asset: str
    fee_quote: Decimal = money()
    at: datetime = utc(index=True)


class PositionTable(SQLModel, table=True):
    __tablename__ = "positions"
    id: str = Field(primary_key=True)
    ledger: str = Field(index=True)
    symbol: str
    entry_time: datetime = utc(index=True)
    closed_at: datetime | None = utc(nullable=True)
    entry_price: Decimal = money()
    amount: Decimal = money()
    cost: Decimal = money()
    current_price: Decimal | None = money(nullable=True)
    unrealized_pnl: Decimal | None = money(nullable=True)
    stop_loss_price: Decimal | None = money(nullable=True)
    stop_order_id: str
    stop_status: str
    trailing_active: bool
    highest_close: Decimal = money()
    status: str = Field(index=True)
    decision_id: str


class TradeTable(SQLModel, table=True):
    __tablename__ = "trades"
    id: str = Field(primary_key=True)
    ledger: str = Field(index=True)
    position_id: str
    timestamp: datetime = utc(index=True)  # when it was closed
    opened_at: datetime = utc()
    symbol: str
    type: str  # the side of its entry
    amount: Decimal = money()
    entry_price: Decimal = money()
    exit_price: Decimal = money()
    cost: Decimal = money()
    fees: Decimal = money()
    profit_loss: Decimal = money()
    exit_reason: str
    decision_id: str
    exit_decision_id: str
    strategy_signals: str = text()
    reasoning: str = text()


class DecisionTable(SQLModel, table=True):
    __tablename__ = "decisions"
    id: str = Field(primary_key=True)
    ledger: str = Field(index=True)
    at: datetime = utc(index=True)
    candle_at: datetime = utc()
    symbol: str
    action: str
    score: float
    participation_pct: float
    price: Decimal = money()
    outcome: str
    reason: str = text()
    order_ids: str = text()
    program_version: str = ""
    config_sha256: str = ""
    signal_count: int = 0
    record: str = text()  # the whole decision: vote, signals, risk checks, candles shown


class EquityTable(SQLModel, table=True):
    __tablename__ = "equity"
    ledger: str = Field(primary_key=True)
    at: datetime = Field(sa_column=Column(Utc, primary_key=True))
    equity: Decimal = money()
    cash: Decimal = money()
    quantity: Decimal = money()
    price: Decimal = money()
    minutes: int = Field(default=1, sa_column=Column(Integer, nullable=False, server_default="1"))  # it stands for


class MarketCandleTable(SQLModel, table=True):
    """The market's 1-minute candles as the trader was given them, an hour a row."""

    __tablename__ = "market_candles"
    ledger: str = Field(primary_key=True)
    hour: datetime = Field(sa_column=Column(Utc, primary_key=True))
    candles: str = text()  # JSON: [minute, open, high, low, close, volume] each


class ReviewTable(SQLModel, table=True):
    """What a day was against what it should have been: its replay, the same day in a backtest, what each voice is
    worth. `seq`, `schema_number` and `state` are where the newest replay ended: the next one goes on from there."""

    __tablename__ = "reviews"
    ledger: str = Field(primary_key=True)
    date: str = Field(primary_key=True)
    at: datetime = utc()
    identical: bool
    messages: int
    differences: str = text()  # JSON: the first of them
    drift: str = text()  # JSON
    voices: str = text()  # JSON
    seq: int = Field(default=0, sa_type=BIG)
    schema_number: int = 0
    state: str = text()


class FlowTable(SQLModel, table=True):
    __tablename__ = "flows"
    id: str = Field(primary_key=True)
    ledger: str = Field(primary_key=True)
    at: datetime = utc()
    amount: Decimal = money()
    note: str = text()


class LatchTable(SQLModel, table=True):
    __tablename__ = "latches"
    ledger: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    at: datetime = Field(sa_column=Column(Utc, primary_key=True))
    reason: str = text()
    lifts_at: datetime | None = utc(nullable=True)
    cleared_at: datetime | None = utc(nullable=True)


class OutboxTable(SQLModel, table=True):
    __tablename__ = "outbox"
    id: int | None = Field(default=None, primary_key=True)
    ledger: str = Field(index=True)
    event: str
    level: str
    text: str = text()
    created_at: datetime = utc()
    status: str = "waiting"  # posted: its letters are written; over: what it told of has ended
    acknowledged_at: datetime | None = utc(nullable=True)
    acknowledged_by: str = name()
    over_at: datetime | None = utc(nullable=True)
    repeated: int = 0
    repeated_at: datetime | None = utc(nullable=True)


class LetterTable(SQLModel, table=True):
    """One alert on its way through one channel. `round`: 0 first, 1, 2, … repeats, -1 its end."""

    __tablename__ = "letters"
    id: int | None = Field(default=None, primary_key=True)
    outbox_id: int = Field(index=True)
    ledger: str
    channel: str
    round: int
    silent: bool
    due_at: datetime = utc()
    status: str = "waiting"  # sending, sent, delivered, refused, expired
    attempts: int = 0
    sent_at: datetime | None = utc(nullable=True)
    reference: str = ""
    provider_id: str = name()
    error: str = text()


class ChannelTable(SQLModel, table=True):
    """How a channel for alerts stands: untested, ok, failing, revoked."""

    __tablename__ = "channels"
    name: str = Field(primary_key=True)
    status: str
    error: str = text()
    changed_at: datetime | None = utc(nullable=True)
    sent_at: datetime | None = utc(nullable=True)


class SystemLogTable(SQLModel, table=True):
    __tablename__ = "system_logs"
    id: int | None = Field(default=None, primary_key=True)
    timestamp: datetime = utc(index=True)
    level: str
    level_number: int
    component: str = name()
    message: str = text()
    details: str = text()


class DailyStatsTable(SQLModel, table=True):
    __tablename__ = "daily_stats"
    ledger: str = Field(primary_key=True)
    date: str = Field(primary_key=True)
    total_trades: int
    winning_trades: int
    losing_trades: int
    total_pnl: Decimal = money()
    pnl_pct: float | None = None
    fees: Decimal = money()
    equity_start: Decimal | None = money(nullable=True)
    equity_end: Decimal | None = money(nullable=True)
    max_drawdown: float
    sharpe_ratio: float | None = None


class StrategyPerformanceTable(SQLModel, table=True):
    __tablename__ = "strategy_performance"
    ledger: str = Field(primary_key=True)
    strategy_name: str = Field(primary_key=True)
    date: str = Field(primary_key=True)
    signals_generated: int
    accuracy: float | None = None
    avg_confidence: float | None = None
    contribution_to_pnl: Decimal = money()
    judged: int = 0  # BUY and SELL signals whose horizon has passed
    correct: int = 0  # of these
    calibration: str = text()  # JSON: lowest confidence of a group of ten → [judged, correct, sum of confidence]


class EvidenceTable(SQLModel, table=True):
    """What opinions rest on beside candles; the journal holds the SHA-256, so that rows can be removed later."""

    __tablename__ = "evidence"
    sha256: str = Field(primary_key=True)
    at: datetime = utc(index=True)
    strategy: str
    template: str = name()
    model: str = name()
    prompt: str = text()
    answer: str = text()
    news: str = text()  # JSON: ids of the stories that were shown
    withheld: str = text()  # JSON: ids of those that wait for a second source


class NewsEventTable(SQLModel, table=True):
    __tablename__ = "news_events"
    id: str = Field(primary_key=True)
    published_at: datetime = utc(index=True)
    seen_at: datetime = utc(index=True)
    source: str = name()
    title: str = text()
    url: str = text()
    severity: str
    sentiment: str
    score: float
    keywords: str = text()
    sources: str = text()


class ModelCallTable(SQLModel, table=True):
    """Calls of a language model: one key and one budget, whatever ledger they were made for."""

    __tablename__ = "model_calls"
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = utc(index=True)
    model: str = name()
    template: str = name()
    cached_tokens: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal = money()
    outcome: str


class UserTable(SQLModel, table=True):
    __tablename__ = "users"
    username: str = name(primary_key=True)
    password_hash: str
    must_change: bool = False
    epoch: int = 0
    totp_secret: str = ""
    totp_step: int = 0
    recovery_codes: str = text()  # JSON: the hashes of those not used yet


class LoginSessionTable(SQLModel, table=True):
    __tablename__ = "login_sessions"
    id: str = Field(primary_key=True)  # SHA-256 of what the browser holds
    username: str = name(index=True)
    epoch: int
    created_at: datetime = utc()
    expires_at: datetime = utc()
    address: str = name()
    agent: str = name()


class ReadTokenTable(SQLModel, table=True):
    """Tokens that may read and nothing else."""

    __tablename__ = "read_tokens"
    id: str = Field(primary_key=True)
    username: str = name(index=True)
    name: str = Field(default="", sa_column=Column(Name, nullable=False))
    sha256: str = Field(unique=True)  # of its text
    created_at: datetime = utc()
    expires_at: datetime | None = utc(nullable=True)
    used_at: datetime | None = utc(nullable=True)


class PushSubscriptionTable(SQLModel, table=True):
    __tablename__ = "push_subscriptions"
    id: int | None = Field(default=None, primary_key=True)
    username: str = name()
    endpoint: str = Field(default="", sa_column=Column(Name, unique=True, nullable=False))
    p256dh: str = ""
    auth: str = ""
    agent: str = text()
    created_at: datetime = utc()
    sent_at: datetime | None = utc(nullable=True)
    error: str = text()


class BacktestTable(SQLModel, table=True):
    __tablename__ = "backtests"
    id: str = Field(primary_key=True)
    status: str
    kind: str = "backtest"
    created_at: datetime = utc()
    finished_at: datetime | None = utc(nullable=True)
    request: str = text()
    result: str = text()
    figures: str = text()
    error: str = text()


class AuditTable(SQLModel, table=True):
    __tablename__ = "audit"
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = utc(index=True)
    actor: str = name()
    action: str
    target: str = name()
    detail: str = text()
    address: str = name()
    result: str


class AnswerTable(SQLModel, table=True):
    __tablename__ = "idempotency_keys"
    username: str = name(primary_key=True)
    key: str = name(primary_key=True)
    body_sha256: str
    status: int
    answer: str = text()
    created_at: datetime = utc(index=True)


class SettingTable(SQLModel, table=True):
    """Facts that the program decided once and keeps, such as which market `auto` chose."""

    __tablename__ = "kept"
    name: str = Field(primary_key=True)
    value: str = text()


class PaperStateTable(SQLModel, table=True):
    __tablename__ = "paper_state"
    ledger: str = Field(primary_key=True)
    state: str = text()


class PaperReportTable(SQLModel, table=True):
    __tablename__ = "paper_reports"
    ledger: str = Field(primary_key=True)
    client_order_id: str = Field(primary_key=True)
    report: str = text()


Index("ix_letters_channel_status", LetterTable.channel, LetterTable.status)
Index("ix_positions_ledger_status", PositionTable.ledger, PositionTable.status)
Index("ix_decisions_ledger_at", col(DecisionTable.ledger), col(DecisionTable.at))
Index("ix_trades_ledger_timestamp", col(TradeTable.ledger), col(TradeTable.timestamp))
