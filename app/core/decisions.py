"""What a vote was based on, how it went, and what became of it: the record that each decision keeps."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from app.core.model import Direction, Signal, SignalStatus
from app.core.values import value


class Outcome(StrEnum):
    """What a decision led to."""

    ORDER = "order"
    REFUSED = "refused"
    HOLD = "hold"


@value
class Shown:
    """Which candles a vote was based on: enough to find them again and to prove that they are the same."""

    timeframe: str
    first_at: datetime
    last_at: datetime  # opening time of the newest closed candle
    count: int
    sha256: str
    contiguous: bool = True


@value
class VoteTerm:
    """One strategy's part in a vote: weight × confidence × sign = product."""

    strategy: str
    status: SignalStatus
    weight: Decimal
    confidence: Decimal
    sign: int
    product: Decimal


@value
class Vote:
    """The weighted vote with its arithmetic in `terms` and in words.

    `without_headline` says what it would be without the strongest headline; "" where none was shown.
    """

    action: Direction
    score: Decimal
    participation_pct: Decimal
    terms: tuple[VoteTerm, ...]
    text: str
    without_headline: str = ""


@value
class RiskCheck:
    """One gate: what was measured, what it may be at most (or must be), and whether it let the entry pass."""

    name: str
    passed: bool
    value: str
    limit: str
    text: str


@value
class Decision:
    """One vote and what became of it, with everything that led there."""

    id: str
    at: datetime
    candle_at: datetime
    symbol: str
    action: Direction
    score: Decimal
    participation_pct: Decimal
    price: Decimal
    outcome: Outcome
    reason: str
    vote: Vote
    shown: Shown
    signals: tuple[Signal, ...]
    risk_checks: tuple[RiskCheck, ...] = ()
    order_ids: tuple[str, ...] = ()
    buy_threshold: Decimal | None = None
    sell_threshold: Decimal | None = None
    min_participation: Decimal | None = None
    program_version: str = ""
    config_sha256: str = ""
