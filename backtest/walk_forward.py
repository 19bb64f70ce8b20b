"""Optimise on one window, trade the next one with what was found, move on. Only what was traded unseen is a result.

Knows neither strategies nor an optimiser: both are passed as functions.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import numpy as np

from app.core.errors import DataError
from backtest.series import Floats, Times

Parameters = TypeVar("Parameters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From `since`, included, to `until`, not included."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What may be looked at, and what comes after it."""

    train: Span
    test: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """A span as it was traded. `equity` at each of `at_ms` (ms since 1970), begun with `initial`."""

    at_ms: Times
    equity: Floats
    initial: float
    trades: int

    @property
    def return_pct(self) -> float:
        return float(self.equity[-1] / self.initial - 1) * 100 if len(self.equity) else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg(Generic[Parameters]):
    """One window with what was found in it, and how that did: where it was found, and where it was new."""

    window: Window
    parameters: Parameters
    in_sample: Traded
    out_of_sample: Traded


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked(Generic[Parameters]):
    """`out_of_sample` is the headline: the tests one after the other, each with the money of the one before."""

    legs: Sequence[Leg[Parameters]]
    out_of_sample: Traded

    @property
    def efficiency(self) -> float | None:
        """Growth a day in the tests over growth a day in training; near 1 it holds, near 0 it was fitted to the past.

        Walk-forward efficiency: Pardo, "The Evaluation and Optimization of Trading Strategies" (2008). None where
        training earned nothing.
        """
        found = sum(_growth(leg.in_sample) for leg in self.legs) / _days(leg.window.train for leg in self.legs)
        held = sum(_growth(leg.out_of_sample) for leg in self.legs) / _days(leg.window.test for leg in self.legs)
        return held / found if found > 0 else None

    @property
    def winning_tests_pct(self) -> float:
        return sum(leg.out_of_sample.return_pct > 0 for leg in self.legs) / len(self.legs) * 100


def windows(
    whole: Span,
    *,
    train: timedelta,
    test: timedelta,
    purge: timedelta = timedelta(0),
    anchored: bool = False,
) -> list[Window]:
    """Tests side by side up to the end, each after its training; the last may be shorter, but not below a half.

    Rolling: training has always the same length; `anchored`: it always begins at the begin. `purge` is left out
    between both, so that no trade and no reading of the training reaches into the test: at least the warm-up of the
    strategies. DataError where not even one window fits.
    """
    if min(train, test) <= timedelta(0) or purge < timedelta(0):
        raise DataError(f"training {train} and test {test} must be longer than nothing, and {purge} not be below it")
    found = []
    since = whole.since + train + purge
    while since + test / 2 <= whole.until:
        until = min(since + test, whole.until)
        learned = since - purge
        begin = whole.since if anchored else learned - train
        found.append(Window(train=Span(since=begin, until=learned), test=Span(since=since, until=until)))
        since += test
    if not found:
        raise DataError(
            f"{whole.since:%Y-%m-%d} to {whole.until:%Y-%m-%d} is too short for {train.days} days of training and "
            f"{test.days} of testing"
        )
    return found


def walk(
    parts: Sequence[Window],
    optimise: Callable[[Span], Parameters],
    trade: Callable[[Span, Parameters], Traded],
    progress: Callable[[float], None] = lambda done: None,
) -> Walked[Parameters]:
    """`optimise` sees the training alone; `trade` trades a span from the first candle on, warmed up before it."""
    legs: list[Leg[Parameters]] = []
    for number, window in enumerate(parts):
        parameters = optimise(window.train)
        legs.append(
            Leg(
                window=window,
                parameters=parameters,
                in_sample=trade(window.train, parameters),
                out_of_sample=trade(window.test, parameters),
            )
        )
        progress((number + 1) / len(parts) * 100)
    return Walked(legs=legs, out_of_sample=stitched([leg.out_of_sample for leg in legs]))


def stitched(parts: Sequence[Traded]) -> Traded:
    """One after the other as one curve: each goes on with what the one before left, as shares of it.

    What is still open at the end of a test counts at its price there.
    """
    if not parts:
        raise DataError("there is nothing to put together")
    money, curves = parts[0].initial, []
    for part in parts:
        curves.append(part.equity * (money / part.initial))
        money = float(curves[-1][-1]) if len(part.equity) else money
    at_ms = np.concatenate([part.at_ms for part in parts])
    if np.any(np.diff(at_ms) <= 0):
        raise DataError("tests overlap: no day may count twice")
    return Traded(
        at_ms=at_ms,
        equity=np.concatenate(curves),
        initial=parts[0].initial,
        trades=sum(part.trades for part in parts),
    )


def _growth(traded: Traded) -> float:
    """Logarithmic, so that spans of different length add up; a total loss counts as nearly one."""
    return float(np.log(max(1 + traded.return_pct / 100, 1e-9)))


def _days(spans: Iterable[Span]) -> float:
    return sum((span.until - span.since) / timedelta(days=1) for span in spans)
