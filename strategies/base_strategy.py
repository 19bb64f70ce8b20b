"""What a strategy is, and what it may say. It only ever gives an opinion: never a size, a symbol or an order.

It keeps no state between calls: all it knows it is shown.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import DataFrame

from app.analyst import Question
from app.core.errors import ConfigError
from app.core.model import Candle, MarketData, NewsEvent

# The same sums whatever else is installed: pandas would use these libraries where it finds them.
pd.set_option("compute.use_bottleneck", False)
pd.set_option("compute.use_numexpr", False)

__all__ = [
    "AskingStrategy",
    "BaseStrategy",
    "DataFrame",
    "MarketData",
    "NewsEvent",
    "Option",
    "Question",
    "Signal",
    "frame",
]

ACTIONS = ("BUY", "SELL", "HOLD")
PRICES = ("open", "high", "low", "close", "volume")
MOST_CANDLES = 1000

SettingValue = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Signal:
    """An opinion: BUY, SELL or HOLD, how sure (0-100; 0 = no opinion), and why, in a sentence.

    Raises ValueError for anything else.
    """

    action: Literal["BUY", "SELL", "HOLD"]
    confidence: float
    reasoning: str = ""

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"action {self.action!r}: use BUY, SELL or HOLD")
        if isinstance(self.confidence, (bool, str)) or not _within(self.confidence, 0, 100):
            raise ValueError(f"confidence {self.confidence!r}: use a number from 0 to 100")
        if not isinstance(self.reasoning, str):
            raise ValueError(f"reasoning {self.reasoning!r}: use a text")


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: its default (which also gives its type) and the bounds that it must keep."""

    default: SettingValue
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed(MarketData):
    """Market data whose candles were already made into a table, indicators included."""

    table: DataFrame


class BaseStrategy:
    """Derive one class from this in a file of its own; the file's name is the strategy's name.

    `startup_candles` closed candles are shown, exactly, or the strategy is not asked. What `indicators`
    computes must have settled to 1e-6 by then, so that a long history and a window give the same opinion.
    """

    title: str = ""  # for people; the file's name where empty
    reads_text: bool = False  # True where it is moved by text (news, a language model)
    startup_candles: int = 500  # at most 1,000
    options: ClassVar[Mapping[str, Option]] = {}

    def __init__(self, settings: Mapping[str, object] | None = None) -> None:
        """`self.settings` holds every option. Raises ConfigError: unknown name, wrong value."""
        given = dict(settings or {})
        unknown = sorted(set(given) - set(self.options))
        if unknown:
            known = ", ".join(self.options) or "none"
            raise ConfigError(f"{self.name}: unknown setting {unknown[0]!r}; known: {known}")
        self.settings: dict[str, Any] = {
            name: self._checked(name, option, given.get(name, option.default)) for name, option in self.options.items()
        }

    @property
    def name(self) -> str:
        return type(self).__module__.rpartition(".")[2]

    def _checked(self, name: str, option: Option, value: object) -> Any:
        kind = type(option.default)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise ConfigError(f"{self.name}: {name} is {value!r}; use {_KINDS[kind]} such as {option.default}")
        low, high = option.low, option.high
        if isinstance(value, (int, float)) and not _within(value, low, high):
            bounds = f"{'any' if low is None else f'{low:g}'} to {'any' if high is None else f'{high:g}'}"
            raise ConfigError(f"{self.name}: {name} is {value!r}; use {bounds} (default {option.default})")
        return value

    def indicators(self, candles: DataFrame) -> DataFrame:
        """Optional: new columns for `candles`, vectorised; a row may only use itself and rows before it."""
        return DataFrame(index=candles.index)

    def analyze(self, market_data: MarketData, news_events: Sequence[NewsEvent]) -> Signal:
        """The opinion on what is shown."""
        raise NotImplementedError(f"{type(self).__name__} has no analyze(market_data, news_events)")

    def signals(self, candles: DataFrame) -> DataFrame | None:
        """Optional, for speed: `action` and `confidence` for every row of `candles`, indicators included.

        An action is its word, or 1 (BUY), 0 (HOLD), -1 (SELL), which is faster still over a long history. Must say
        exactly what `analyze` says. None: there is no such form, ask candle by candle.
        """
        return None


class AskingStrategy(BaseStrategy):
    """A strategy that needs the answer of a language model: two pure steps, and the trader asks in between.

    It never talks to anybody itself. `analyze` is given the answer: JSON, checked; None where there was nothing to ask.
    """

    reads_text = True

    def question(self, market_data: MarketData, news_events: Sequence[NewsEvent]) -> Question | None:
        """What to ask; None: nothing this time."""
        raise NotImplementedError(f"{type(self).__name__} has no question(market_data, news_events)")

    def analyze(self, market_data: MarketData, news_events: Sequence[NewsEvent], answer: str | None = None) -> Signal:
        """The opinion on what is shown and on what was answered."""
        raise NotImplementedError(f"{type(self).__name__} has no analyze(market_data, news_events, answer)")


def frame(market_data: MarketData) -> DataFrame:
    """The candles as a table: open high low close volume and the indicators; index opened_at in UTC."""
    return market_data.table if isinstance(market_data, Framed) else table_of(rows_of(market_data.candles))


def rows_of(candles: Sequence[Candle]) -> NDArray[np.float64]:
    """One row a candle: opened at (milliseconds since 1970), open, high, low, close, volume."""
    return np.array(
        [
            (
                round(c.opened_at.timestamp() * 1000),
                float(c.open),
                float(c.high),
                float(c.low),
                float(c.close),
                float(c.volume),
            )
            for c in candles
        ],
        dtype=np.float64,
    ).reshape(-1, 1 + len(PRICES))


def table_of(rows: NDArray[np.float64]) -> DataFrame:
    """Rows, oldest first, as a table of float64 columns with its index in UTC."""
    opened = pd.DatetimeIndex(rows[:, 0].astype("M8[ms]"), tz="UTC", name="opened_at")
    return DataFrame(rows[:, 1:], index=opened, columns=PRICES)


_KINDS: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def _within(value: Any, low: float | None, high: float | None) -> bool:
    """Finite and inside the bounds; False for what is no number."""
    try:
        return math.isfinite(value) and (low is None or value >= low) and (high is None or value <= high)
    except (TypeError, ValueError, OverflowError):
        return False
