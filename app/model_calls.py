"""What calls of a language model cost, and where that is written down: the port of the book that keeps a budget."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """One call. `outcome`: asked (not known yet), answered, unusable, refused, busy, failed or late.

    `cached_tokens` were read from the model's cache, `input_tokens` were not. Where nobody counted, tokens and cost are
    what they can be at most.
    """

    at: datetime
    model: str
    template: str
    cached_tokens: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    outcome: str = "asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Dollars of a month, and calls of a day."""

    usd: Decimal = Decimal(0)
    calls: int = 0


class CallBook(Protocol):
    """Every call, durable. Synchronous; always called beside the loop. Raises StoreError.

    A call is written down before it is made, at what it may cost at most: whoever dies in the middle has paid for it.
    """

    def spent(self, month_at: datetime, day_at: datetime) -> Spent:
        """Dollars since `month_at`, calls since `day_at`."""

    def begin(self, call: ModelCall) -> int:
        """Returns the number by which it is settled."""

    def settle(self, number: int, call: ModelCall) -> None:
        """What it really was."""
