"""Every opinion of one strategy over a history, as arrays: computed once, or recorded while it traded.

Fast-forward, the sweep and the ledger of voices read these; the dense replay is answered from them by `Recorded`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from app.core.errors import StrategyError
from app.core.model import MarketData, NewsEvent
from app.core.rules import StrategyRule
from app.core.voting import DIRECTIONS
from backtest.replay import LocalStrategies
from backtest.series import Floats, Times, ms_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Oldest first; row i holds from `given_ms[i]` until the next row.

    `given_ms`: ms since 1970. `action`: +1 BUY, 0 HOLD, −1 SELL. `confidence`: 0–100 in steps of 0.01, NaN where the
    strategy failed. `reasoning` gives the words of a row; it is asked only for rows that led to something.
    """

    name: str
    given_ms: Times
    action: NDArray[np.int8]
    confidence: Floats
    reasoning: Callable[[int], str]

    def row_at(self, ms: int) -> int | None:
        """The newest row given at `ms` or before."""
        row = int(np.searchsorted(self.given_ms, ms, side="right")) - 1
        return row if row >= 0 else None

    def answer(self, row: int | None, *, in_words: bool = True) -> tuple[tuple[str, Decimal, str] | None, str]:
        """(action, confidence, words) of a row, and ""; or None, and why there is no answer."""
        if row is None:
            return None, f"{self.name}: gave no answer"
        if np.isnan(self.confidence[row]):
            return None, self.reasoning(row)
        confidence = Decimal(repr(round(float(self.confidence[row]), 2)))
        words = self.reasoning(row) if in_words else ""
        return (DIRECTIONS[int(self.action[row])].value, confidence, words), ""


class Recorded:
    """Implements backtest.replay.LocalStrategies: answers what a timeline says; who has none is asked, if anybody can
    be."""

    def __init__(self, timelines: Mapping[str, Timeline], others: LocalStrategies | None = None) -> None:
        self._timelines, self._others = timelines, others

    def ask(self, rule: StrategyRule, data: MarketData, news: Sequence[NewsEvent]) -> tuple[str, Decimal, str]:
        """Raises StrategyError where it failed then, or had said nothing yet."""
        timeline = self._timelines.get(rule.name)
        if timeline is None:
            return self._asked(rule.name).ask(rule, data, news)
        answer, error = timeline.answer(timeline.row_at(ms_of(data.at)))
        if answer is None:
            raise StrategyError(error)
        return answer

    def opinions(
        self, name: str, rows: Floats, symbol: str, timeframe: str
    ) -> tuple[NDArray[np.int8], Floats, Callable[[int], str]]:
        """Of those who are asked."""
        return self._asked(name).opinions(name, rows, symbol, timeframe)

    def _asked(self, name: str) -> LocalStrategies:
        if self._others is None:
            raise StrategyError(f"{name}: gave no answer")
        return self._others
