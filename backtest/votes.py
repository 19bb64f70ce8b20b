"""Opinions over a history → the vote at each candle, as `app.core.voting.hold_vote` holds it, in whole numbers.

Assumes that everybody is asked all the time. After a rest (a loss limit, a tripwire) the trader may ask a strategy of
its own rhythm (`ask: cycle` with `every_seconds`) at other minutes than here. One asked per candle may be asked later
than here, too: that tells where its word has grown old here by then, or where a record has a newer one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import DataError
from app.core.money import ZERO
from app.core.rules import Asking, StrategyRule, VotingRules
from backtest.cycles import Rows, closings_of, due_rows
from backtest.kernels.compiling import compiled
from backtest.kernels.terms import BUY, HOLD, NOT_DUE, SELL
from backtest.series import CandleSeries
from backtest.timeline import Timeline

MOST = 2**62


@dataclass(frozen=True, slots=True)
class Frames:
    """The strategies' candles, by the minute at which each is known. `table`: (closed row, opened at ms, whole)."""

    table: NDArray[np.int64]

    @property
    def rows(self) -> Rows:
        return self.table[:, 0]


def frames_of(series: CandleSeries, seconds: int) -> Frames:
    if seconds == series.seconds:
        table = np.empty((len(series), 3), np.int64)
        if _own_frames(series.ts, seconds * 1000, table):
            return Frames(table)
    closings = closings_of(series, seconds)
    return Frames(np.stack((closings.known, closings.opened_ms, closings.complete.astype(np.int64)), axis=1))


@compiled
def _own_frames(ts: Any, step: int, table: Any) -> bool:
    """Candles that are the strategies' own, each known at its close. False where one is off the grid."""
    for row in range(len(ts)):
        opened = ts[row]
        if opened % step != 0:
            return False
        table[row, 0], table[row, 1], table[row, 2] = row, opened, 1
    return True


def votes_of(
    series: CandleSeries, frames: Frames, timelines: Mapping[str, Timeline], rules: VotingRules, first: int = 0
) -> NDArray[np.int8]:
    """One vote a row: BUY, HOLD, SELL, or NOT_DUE. DataError where a voter has no timeline."""
    votes = np.full(len(series), NOT_DUE, np.int8)
    voters = [rule for rule in rules.strategies if rule.votes and rule.weight > ZERO]
    missing = sorted({rule.name for rule in voters} - set(timelines))
    if missing:
        raise DataError(f"{missing[0]} votes, and has no recorded opinions; record them, or switch it off")
    due = due_rows(series, frames.rows, rules.cycle_seconds, first)
    if not len(due):
        return votes
    closed = series.ts + series.seconds * 1000
    heard = [_heard(closed, frames, due, timelines[rule.name], rules, rule) for rule in voters]
    starts = np.unique(np.concatenate([due[:1], *(each.rows for each in heard)]))
    action = _hold(rules, voters, [each.at(starts) for each in heard])
    lengths = np.diff(np.append(starts, len(series)))
    whole = np.repeat(action, lengths)
    votes[due] = whole[due - starts[0]]
    return votes


@dataclass(frozen=True, slots=True)
class _Heard:
    """What one voter is taken to say from each of `rows` on: +1, 0, −1; confidence in hundredths, −1 where missing."""

    rows: Rows
    sign: NDArray[np.int64]
    confidence: NDArray[np.int64]

    def at(self, rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        which = np.searchsorted(self.rows, rows, side="right") - 1
        known = which >= 0
        return np.where(known, self.sign[which], 0), np.where(known, self.confidence[which], -1)


def _heard(
    closed: Rows, frames: Frames, due: Rows, timeline: Timeline, rules: VotingRules, rule: StrategyRule
) -> _Heard:
    """Every answer, and every moment at which one grew stale before the next came."""
    asked = _asked(closed, frames, due, rules, rule)
    answer = np.searchsorted(timeline.given_ms, closed[asked], side="right") - 1
    given = answer >= 0
    confidence = timeline.confidence[answer] if len(timeline.confidence) else np.full(len(asked), np.nan)
    failed = ~given | np.isnan(confidence)
    hundredths = np.where(failed, -1, np.rint(np.where(failed, 0, confidence) * 100)).astype(np.int64)
    sign = timeline.action[answer].astype(np.int64) if len(timeline.action) else np.zeros(len(asked), np.int64)
    sign = np.where(failed, 0, sign)
    stale = np.searchsorted(closed, closed[asked] + rules.ttl_seconds(rule) * 1000)
    grows = stale < np.append(asked[1:], len(closed))
    rows = np.concatenate((asked, stale[grows]))
    order = np.argsort(rows, kind="stable")
    nothing = np.full(int(grows.sum()), -1)
    return _Heard(rows[order], np.concatenate((sign, nothing * 0))[order], np.concatenate((hundredths, nothing))[order])


def _asked(closed: Rows, frames: Frames, due: Rows, rules: VotingRules, rule: StrategyRule) -> Rows:
    """Rows at which `rule` is asked: the first due one after each new candle, or after each interval."""
    if rule.ask is Asking.CANDLE:
        next_due = np.searchsorted(due, np.maximum(frames.rows, due[0]))
        rows: Rows = due[np.unique(next_due[next_due < len(due)])]
        return rows
    pause = rules.asking_seconds(rule) * 1000
    times = closed[due]
    if len(times) < 2 or pause <= int(np.diff(times).min()):
        return due
    turns, at = [], 0
    while at < len(times):
        turns.append(at)
        at = int(np.searchsorted(times, times[at] + pause))
    chosen: Rows = due[np.array(turns)]
    return chosen


def _hold(
    rules: VotingRules, voters: Sequence[StrategyRule], said: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]
) -> NDArray[np.int8]:
    """The rule of design 5 on columns. Whole numbers: 70 % is 70 %, never 69.999… ."""
    weights = _whole([rule.weight for rule in voters])
    buy, sell, least = (
        Fraction(number) for number in (rules.buy_threshold, rules.sell_threshold, rules.min_participation)
    )
    largest = sum(weights) * 10_000 * max(each.numerator + each.denominator for each in (buy, sell, least)) * 100
    kind: Any = np.int64 if largest < MOST else object  # weights with many digits: slower, still exact
    count = len(said[0][0]) if said else 1
    score, counted, opinions = (np.zeros(count, kind) for _ in range(3))
    plain_buyer = np.zeros(count, bool)
    for rule, weight, (sign, confidence) in zip(voters, weights, said, strict=True):
        opinion = confidence > 0
        score = score + (sign * np.maximum(confidence, 0)).astype(kind) * weight
        counted = counted + np.where(confidence != 0, 1, 0).astype(kind) * weight
        opinions = opinions + opinion.astype(kind) * weight
        plain_buyer |= opinion & (sign > 0) & (not rule.reads_text)
    voted = np.array(counted > 0, bool)
    sold = score * sell.denominator <= -100 * sell.numerator * counted
    bought = score * buy.denominator >= 100 * buy.numerator * counted
    enough = opinions * 100 * least.denominator >= least.numerator * sum(weights)
    if not voters:
        return np.zeros(count, np.int8)
    if sell <= 0 or buy <= 0:  # a score of 0, where nobody counts, reaches them
        voted = np.ones(count, bool)
    action = np.where(np.array(bought & enough, bool) & plain_buyer & voted, BUY, HOLD)
    return np.where(np.array(sold, bool) & voted, SELL, action).astype(np.int8)


def _whole(weights: Sequence[Decimal]) -> list[int]:
    """The same proportions in whole numbers."""
    ratios = [Fraction(weight) for weight in weights]
    scale = lcm(*(ratio.denominator for ratio in ratios)) if ratios else 1
    return [int(ratio * scale) for ratio in ratios]
