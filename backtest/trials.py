"""One configuration tried on one span of a history, in whatever process: what optimising sends out, and what returns.

Knows neither the settings' files nor the strategies: a `Bench` gives both, made once in each process.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from threading import Lock
from typing import Any, Protocol

import numpy as np

from app.core.errors import ConfigError, DataError
from app.core.model import timeframe_seconds
from app.core.rules import Rules, Simulation, StrategyRule
from backtest import sweep
from backtest.replay import LocalStrategies
from backtest.series import CandleSeries, Floats, resample, rows_of
from backtest.space import Changes
from backtest.sweep import Figures
from backtest.timeline import Timeline
from backtest.votes import Frames, frames_of

FEWEST_TRADES = 20  # below, a ratio is chance
WORST = -1000.0
MOST_HEARD = 16  # histories of opinions kept: each is as long as the candles


class Bench(Protocol):
    """What trials need; built by whoever knows settings and strategies."""

    @property
    def series(self) -> CandleSeries: ...

    @property
    def cash(self) -> Decimal: ...

    @property
    def strategies(self) -> LocalStrategies: ...

    @property
    def config_sha256(self) -> str:
        """Of the settings before anything is changed."""

    def rules(self, changes: Changes) -> tuple[Rules, Simulation]:
        """The configuration with `changes`. Raises ConfigError where one is out of its bounds."""

    def opinions(self, rule: StrategyRule, rows: Floats, timeframe: str) -> tuple[Any, Floats, Callable[[int], str]]:
        """+1 BUY, 0 HOLD, −1 SELL; the confidence at each row of candles (see strategies.base_strategy.rows_of); and
        the words of a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A configuration and the span that it trades: `since` included, `until` not. None: from or to the end."""

    changes: Changes
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of it. `refused` says why where the configuration is not possible; then there are no figures."""

    figures: Figures | None = None
    refused: str = ""


@dataclass(slots=True)
class Trials:
    """Tries one configuration after the other; what several have in common is computed once."""

    bench: Bench
    worded: bool = False  # keep the words of opinions, which takes memory
    _heard: dict[tuple[str, tuple[tuple[str, str], ...], str], Timeline] = field(default_factory=dict)
    _whole: dict[int, Floats] = field(default_factory=dict)

    def __call__(self, task: Task) -> Tried:
        try:
            rules, simulation = self.bench.rules(task.changes)
            figures = self._figures(task, rules, simulation)
        except (ConfigError, DataError) as error:
            return Tried(refused=str(error))
        return Tried(figures=figures)

    def _figures(self, task: Task, rules: Rules, simulation: Simulation) -> Figures:
        part, warmup = cut(self.bench.series, task.since, task.until, rules.voting.timeframe_seconds)
        frames: Frames = frames_of(part, rules.voting.timeframe_seconds)
        return sweep.evaluate(
            part, self.timelines(rules), rules, simulation, self.bench.cash, warmup=warmup, frames=frames
        )

    def timelines(self, rules: Rules) -> Mapping[str, Timeline]:
        """The opinions of all who vote, over the whole history."""
        voters = [rule for rule in rules.voting.strategies if rule.votes and rule.weight > 0]
        return {rule.name: self._timeline(rule, rules.voting.timeframe) for rule in voters}

    def _timeline(self, rule: StrategyRule, timeframe: str) -> Timeline:
        key = (rule.name, rule.settings, timeframe)
        if key not in self._heard:
            seconds = timeframe_seconds(timeframe)
            rows = self._rows(seconds)
            if len(self._heard) >= MOST_HEARD:
                self._heard.pop(next(iter(self._heard)))
            action, confidence, words = self.bench.opinions(rule, rows, timeframe)
            closed = rows[:, 0].astype(np.int64) + seconds * 1000
            self._heard[key] = Timeline(
                name=rule.name,
                given_ms=closed,
                action=action,
                confidence=confidence,
                reasoning=words if self.worded else _no_words,
            )
        return self._heard[key]

    def _rows(self, seconds: int) -> Floats:
        if seconds not in self._whole:
            self._whole[seconds] = rows_of(resample(self.bench.series, seconds))
        return self._whole[seconds]


def cut(series: CandleSeries, since: datetime | None, until: datetime | None, seconds: int) -> tuple[CandleSeries, int]:
    """The candles of a span and a few before it, so that the newest long one is known; and how many those are."""
    before = 2 * seconds // series.seconds
    end = len(series) if until is None else len(series.between(None, until))
    begin = len(series) - len(series.between(since, None)) if since else 0
    first = max(0, begin - before)
    return series[first:end], begin - first


def _no_words(row: int) -> str:
    return ""


_made: dict[object, Trials] = {}
_one_at_a_time = Lock()


def try_here(make: Callable[[Any], Bench], setup: Any, task: Task) -> Tried:
    """In this process, with a bench that is made once and kept for the next task. One at a time, whatever threads a
    worker has."""
    with _one_at_a_time:
        if setup not in _made:
            _made.clear()
            _made[setup] = Trials(make(setup))
        return _made[setup](task)


SCORES: dict[str, Callable[[Figures], float | None]] = {
    "sharpe": lambda figures: figures.sharpe_ratio,
    "return": lambda figures: figures.return_pct,
    "calmar": lambda figures: figures.return_pct / max(figures.max_drawdown_pct, 0.01),
    "profit_factor": lambda figures: figures.profit_factor,
}


def score(objective: str, tried: Tried) -> float:
    """Higher is better. Too few trades, nothing to tell, not possible: far below everything that counts."""
    figures = tried.figures
    if figures is None:
        return WORST
    if figures.trades < FEWEST_TRADES:
        return WORST / 2 + figures.trades
    found = SCORES[objective](figures)
    return WORST / 2 + FEWEST_TRADES if found is None else found
