"""What a run goes by, computed once for all runs that trade it: minutes, cycles, and everything that anybody would say.

Strategies are asked here and nowhere later; how dear trading is makes no difference to what they say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from app.core.rules import Asking, StrategyRule, VotingRules
from app.ports import StrategyFace
from backtest.cycles import Cycles, cycles_of
from backtest.replay import LocalStrategies
from backtest.search import NEVER, NOTHING_SAID, Market, Voices
from backtest.series import CandleSeries, Floats, Times, rows_of
from backtest.timeline import Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """`series`: the minutes of trading; `whole`: candles of the strategies' time frame. `opinions` and `first_row`, the
    row at which they begin in the one table that `voices` holds, are by voter.
    """

    series: CandleSeries
    whole: CandleSeries
    market: Market
    voters: Sequence[StrategyRule]
    voices: Voices
    opinions: Sequence[Timeline]
    first_row: Sequence[int]

    def answer(self, who: int, row: int, *, in_words: bool) -> tuple[tuple[str, Decimal, str] | None, str]:
        """Of a voter, by row of the one table; see Timeline.answer."""
        return self.opinions[who].answer(row - self.first_row[who] if row >= 0 else None, in_words=in_words)


def hear(
    series: CandleSeries,
    warmup: int,
    rules: VotingRules,
    faces: Mapping[str, StrategyFace],
    strategies: LocalStrategies,
    recorded: Mapping[str, Timeline],
    *,
    decides_at_open: bool,
) -> Heard:
    """Of a history whose first `warmup` candles are shown only. Strategies without a timeline among `recorded` are
    asked for all their opinions."""
    cycles, traded = cycles_of(series, warmup, rules), series[warmup:]
    closed_ms = traded.ts + traded.seconds * 1000
    voters = [rule for rule in rules.strategies if rule.votes and rule.weight > 0]
    opinions: list[Timeline] = []
    first_row: list[int] = []
    rows = np.full((len(voters), len(closed_ms)), NOTHING_SAID, dtype=np.int32)
    first = 0
    for who, rule in enumerate(voters):
        if rule.name in recorded:
            timeline = recorded[rule.name]
            rows[who] = np.searchsorted(timeline.given_ms, closed_ms, side="right") - 1
        elif rule.name in faces:
            timeline = _asked_for_all(strategies, rule, cycles.whole, rules.timeframe)
            rows[who] = cycles.newest
        else:
            timeline = silent(rule.name)
        if first:
            rows[who][rows[who] >= 0] += first
        opinions.append(timeline)
        first_row.append(first)
        first += len(timeline.given_ms)
    voices = Voices(
        weight=np.array([float(rule.weight) for rule in voters]),
        startup=np.array([_startup(rule, faces) for rule in voters], dtype=np.int64),
        every_ms=np.array([_every_ms(rule, rules) for rule in voters], dtype=np.int64),
        ttl_ms=np.array([rules.ttl_seconds(rule) * 1000 for rule in voters], dtype=np.int64),
        reads_text=np.array([_reads_text(rule, faces) for rule in voters], dtype=np.bool_),
        rows=rows,
        sign=np.concatenate([np.empty(0, dtype=np.int8), *(each.action for each in opinions)]),
        confidence=np.concatenate([np.empty(0), *(each.confidence for each in opinions)]),
    )
    return Heard(
        series=traded,
        whole=cycles.whole,
        market=_market(traded, cycles, closed_ms, decides_at_open=decides_at_open),
        voters=voters,
        voices=voices,
        opinions=opinions,
        first_row=first_row,
    )


def _asked_for_all(strategies: LocalStrategies, rule: StrategyRule, whole: CandleSeries, timeframe: str) -> Timeline:
    action, confidence, words = strategies.opinions(rule.name, rows_of(whole), whole.symbol, timeframe)
    closed = whole.ts + whole.seconds * 1000
    return Timeline(name=rule.name, given_ms=closed, action=action, confidence=confidence, reasoning=words)


def _startup(rule: StrategyRule, faces: Mapping[str, StrategyFace]) -> int:
    """Who is not there is shown nothing."""
    face = faces.get(rule.name)
    return face.startup_candles if face is not None else -NEVER


def _every_ms(rule: StrategyRule, rules: VotingRules) -> int:
    return 0 if rule.ask is Asking.CANDLE else rules.asking_seconds(rule) * 1000


def _reads_text(rule: StrategyRule, faces: Mapping[str, StrategyFace]) -> bool:
    face = faces.get(rule.name)
    return rule.reads_text or (face is not None and face.reads_text)


def _market(series: CandleSeries, cycles: Cycles, closed_ms: Times, *, decides_at_open: bool) -> Market:
    seen = np.append(series.open[1:], series.close[-1:]) if decides_at_open else series.close
    return Market(
        low=np.ascontiguousarray(series.low),
        close=np.ascontiguousarray(series.close),
        seen=np.ascontiguousarray(seen),
        closed_ms=closed_ms,
        due=cycles.due,
        newest=cycles.newest,
        opened=np.ascontiguousarray(cycles.whole.ts),
        complete=cycles.complete,
    )


def silent(name: str) -> Timeline:
    """Of a strategy that cannot be asked."""
    nothing: Floats = np.empty(0)
    return Timeline(
        name=name,
        given_ms=np.empty(0, dtype=np.int64),
        action=np.empty(0, dtype=np.int8),
        confidence=nothing,
        reasoning=lambda row: "",
    )
