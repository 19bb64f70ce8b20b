"""Compiled: finds the next minute at which the engine might do anything. It decides nothing.

It counts in float64 what the engine counts in Decimal, so it is careful: it may stop for nothing, never too late.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtest.kernels.compiling import compiled
from backtest.series import Floats, Times

CLOSE = 1e-9  # how far float64 may be from the exact figure, on what it is compared with
LARGEST_SLIPPAGE = 1.06
NEVER = -(2**62)
NOTHING_SAID, NEVER_ASKED = -1, -2  # in place of a row of opinions


class Market(NamedTuple):
    """By minute of trading. `seen`: the price that a decision sees when it has closed; `newest`: row of `opened`."""

    low: Floats
    close: Floats
    seen: Floats
    closed_ms: Times
    due: NDArray[np.bool_]
    newest: NDArray[np.int32]
    opened: Times
    complete: NDArray[np.bool_]


class Voices(NamedTuple):
    """By strategy: weight; when it is asked and how long its word counts; and its opinions, one table for all.

    `rows`: by strategy and minute, the row of an opinion given then (NOTHING_SAID: none).
    """

    weight: Floats
    startup: Times  # closed candles that it must be shown
    every_ms: Times  # 0: asked about each candle once
    ttl_ms: Times
    reads_text: NDArray[np.bool_]
    rows: NDArray[np.int32]
    sign: NDArray[np.int8]
    confidence: Floats


class Asked(NamedTuple):
    """By strategy, what it was asked last. This one changes."""

    at_ms: Times
    newest: Times
    row: Times


class Thresholds(NamedTuple):
    buy: float
    sell: float
    participation: float


class Levels(NamedTuple):
    """What would matter, as things stand."""

    stop: float  # a low at or below it
    fall_to: float  # a price at or below it: a loss limit, a warning
    rise_to: float  # a close at or above it and above `high`: a stop would be moved
    high: float
    trading: bool
    sells: bool  # there is something to sell
    buys: bool
    used_ms: int  # the candle that already had its entry
    rested_ms: int  # no entry on candles that opened before
    cash: float
    held: float
    kept: float  # what is left of a sale after its fee, as a part
    size_pct: float
    exposure_pct: float
    least: float  # smallest order
    step: float


NOTHING = Levels(
    stop=0.0,
    fall_to=0.0,
    rise_to=0.0,
    high=0.0,
    trading=False,
    sells=False,
    buys=False,
    used_ms=NEVER,
    rested_ms=NEVER,
    cash=0.0,
    held=0.0,
    kept=0.0,
    size_pct=0.0,
    exposure_pct=0.0,
    least=0.0,
    step=0.0,
)


@compiled
def ahead(
    first: int, end: int, market: Market, levels: Levels, voices: Voices, asked: Asked, thresholds: Thresholds
) -> int:
    """The first minute from `first` on that matters, or `end`. Up to it, `asked` is kept up to date."""
    before = Asked(asked.at_ms.copy(), asked.newest.copy(), asked.row.copy())
    for minute in range(first, end):
        close = market.close[minute]
        if market.low[minute] <= levels.stop or min(close, market.seen[minute]) <= levels.fall_to:
            return minute
        if close >= levels.rise_to and close > levels.high:
            return minute
        if not (levels.trading and market.due[minute]):
            continue
        said = vote(minute, market, voices, asked, thresholds)
        if (said < 0 and levels.sells) or (said > 0 and levels.buys and _may_enter(minute, market, levels)):
            _copy(before, asked)
            return minute
        _copy(asked, before)
    return end


@compiled
def vote(minute: int, market: Market, voices: Voices, asked: Asked, thresholds: Thresholds) -> int:
    """Ask who is to be asked at this minute, and hold the vote: +1 it may say BUY, −1 SELL, 0 neither."""
    newest, now = market.newest[minute], market.closed_ms[minute]
    total = counted = score = opinions = 0.0
    plain_buyer = False
    for who in range(len(voices.weight)):
        wanted = (
            asked.newest[who] != newest
            if voices.every_ms[who] == 0
            else now - max(asked.at_ms[who], 0) >= voices.every_ms[who]
        )
        if wanted and newest + 1 >= voices.startup[who]:
            asked.at_ms[who], asked.newest[who] = now, newest
            asked.row[who] = voices.rows[who, minute]
        weight, row = voices.weight[who], asked.row[who]
        total += weight
        missing = row < 0 or now >= asked.at_ms[who] + voices.ttl_ms[who] or np.isnan(voices.confidence[row])
        if missing:
            counted += weight
            continue
        confidence = voices.confidence[row]
        if confidence > 0:
            counted += weight
            opinions += weight
            score += weight * confidence * voices.sign[row]
            plain_buyer = plain_buyer or (voices.sign[row] > 0 and not voices.reads_text[who])
    if counted == 0:
        return 0
    if score / counted <= -thresholds.sell + CLOSE:
        return -1
    took_part = opinions / total * 100 >= thresholds.participation - CLOSE
    return 1 if score / counted >= thresholds.buy - CLOSE and took_part and plain_buyer else 0


@compiled
def _may_enter(minute: int, market: Market, levels: Levels) -> bool:
    """False only where the entry would be refused for certain."""
    newest, price = market.newest[minute], market.seen[minute]
    opened = market.opened[newest]
    if opened == levels.used_ms or opened < levels.rested_ms or not market.complete[newest]:
        return False
    equity = levels.cash + levels.held * price * levels.kept
    budget = equity * levels.size_pct / 100
    if equity <= 0 or levels.cash < budget * (1 - CLOSE) or budget < levels.least * (1 - CLOSE):
        return False
    exposure = levels.held * price + budget - levels.step * price * LARGEST_SLIPPAGE
    return bool(exposure / equity * 100 <= levels.exposure_pct * (1 + CLOSE) + CLOSE)


@compiled
def _copy(source: Asked, target: Asked) -> None:
    for who in range(len(source.row)):
        target.at_ms[who] = source.at_ms[who]
        target.newest[who] = source.newest[who]
        target.row[who] = source.row[who]
