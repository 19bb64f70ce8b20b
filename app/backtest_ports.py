"""What pages and the API are given to make backtests with: the line of backtests, and the candles they are made on."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from app.ports import Row, Who


class Busy(Exception):
    """Enough is waiting already; the text says what to do."""

    def __init__(self, text: str, retry_after_seconds: int) -> None:
        super().__init__(text)
        self.retry_after_seconds = retry_after_seconds


class Kind(StrEnum):
    """What is to be found out."""

    BACKTEST = "backtest"
    OPTIMIZE = "optimize"  # settings that do better
    SENSITIVITY = "sensitivity"  # how the result changes with a few settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A backtest that a person asks for. `data` names imported candles; `since` and `until` are midnights, UTC.

    `config` holds the contents of strategies.yml and risk.yml by `strategies` and `risk`; what is not in it is the
    trader's own. `changes` are single settings on top of that, by their path (`risk.` begins one in risk.yml).
    `vary` holds settings with the values to try, such as buy_threshold=60..80/5; nothing: the usual ones, for a study.
    """

    data: str
    since: datetime | None = None
    until: datetime | None = None
    cash: Decimal | None = None
    config: Mapping[str, Mapping[str, Any]] | None = None
    changes: Mapping[str, Decimal | int | bool | str] = field(default_factory=dict)
    kind: Kind = Kind.BACKTEST
    vary: tuple[str, ...] = ()
    trials: int = 100
    walk_forward: str = ""  # days of training and test, such as 365d/90d


class Backtests(Protocol):
    """Backtests in child processes, one at a time. Rows are those of details C, `files` names only. StoreError."""

    async def start(self, who: Who, wanted: Wanted) -> Row:
        """Its row, queued. Unfit: bad input. Busy: the queue is full."""

    async def list(self, limit: int, offset: int) -> tuple[list[Row], int]:
        """Newest first, and how many there are. `result` holds figures alone, `get` brings all of it."""

    async def get(self, id: str) -> Row | None: ...

    async def cancel(self, who: Who, id: str) -> None:
        """One that has not ended is stopped and stays in the list; another goes, with its files. KeyError: none."""

    async def file(self, id: str, name: str) -> Path | None:
        """Where one of its files is; None for whatever else is asked for."""

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after a row has changed. Returns the function that ends the subscription."""


class CandleData(Protocol):
    """Imported candles, and a way in for a person's own."""

    async def list(self) -> Sequence[Row]:
        """name, symbol, timeframe, candles, first, last, missing, imported_at of each series, by name."""

    async def take(self, who: Who, chunks: AsyncIterator[bytes], symbol: str | None, timeframe: str) -> Row:
        """Write a file to disk and import it, all or nothing: `{name, notes}`. Unfit: bad input. Busy."""
