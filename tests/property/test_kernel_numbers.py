"""Rounding in integers is the instrument's own, and votes in columns are the vote that the engine holds."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.model import Direction, Signal, SignalStatus
from app.core.rules import Asking, VotingRules
from app.core.voting import SIGNS, hold_vote
from app.seam import seeded
from backtest.kernels import grid
from backtest.kernels.terms import NOT_DUE
from backtest.series import at_ms
from backtest.votes import frames_of, votes_of
from tests.builders import a_strategy_rule, an_instrument, d
from tests.property.test_kernel_is_the_engine import MINUTE, opinions, wild

ticks = st.sampled_from([d("0.01"), d("0.05"), d("0.1"), d("0.00001"), d(1)])
pcts = st.decimals(min_value=-20, max_value=20, places=3)


@settings(max_examples=150, deadline=None)
@given(tick=ticks, number=st.integers(1, 9_000_000), pct=pcts)
def test_prices_are_rounded_as_the_instrument_rounds_them(tick: Decimal, number: int, pct: Decimal) -> None:
    instrument = an_instrument(price_tick=tick, quantity_step=tick)
    price = number * tick
    changed = 1 + Fraction(pct) / 100
    exact = price * (100 + pct) / 100
    size = Fraction(tick)
    arguments = (float(price), changed.numerator, changed.denominator, size.numerator, size.denominator)
    for down, up in ((grid.down, grid.up), (grid.down.py_func, grid.up.py_func)):
        assert down(*arguments) == float(instrument.price_down(exact))
        assert up(*arguments) == float(instrument.price_up(exact))
    step = (size.numerator, size.denominator)
    assert grid.lots_down(float(price), *step) == number  # where a floored float loses a step half of the time
    assert grid.quantity_of(float(number), *step) == float(instrument.quantity_down(price))
    for at_least in (grid.at_least, grid.at_least.py_func):
        assert at_least(float(instrument.price_up(exact)), *arguments)
        below = float(instrument.price_up(exact) - tick)
        assert not at_least(below, *arguments)


def test_without_a_grid_nothing_is_rounded() -> None:
    for function in (grid.down, grid.up, grid.down.py_func, grid.up.py_func):
        assert function(100.25, 19, 20, 1, 0) == 100.25 * 19 / 20
    assert grid.lots_down(0.123, 1, 0) == grid.quantity_of(0.123, 1, 0) == 0.123
    assert grid.at_least(95.0, 100.0, 19, 20, 1, 0)
    assert not grid.at_least(94.9, 100.0, 19, 20, 1, 0)


def test_prices_off_the_tick_are_rounded_to_it() -> None:
    assert grid.down(20_000.004, 1, 1, 1, 100) == 20_000.0
    assert grid.up(20_000.004, 1, 1, 1, 100) == 20_000.01
    assert grid.at_least(20_000.004, 20_000.003, 1, 1, 1, 100)
    for whole in (grid.whole, grid.whole.py_func):
        assert (whole(2.9999999999), whole(2.9), whole(3.0)) == (3, 2, 3)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_column_of_votes_is_the_vote_of_each_candle(seed: int) -> None:
    """Every voter asked as `app.cycle` asks, the engine's own vote at each due candle beside ours."""
    dice, series = seeded(seed), wild(seed, 500, 1.0)
    rules = VotingRules(
        timeframe="15m",
        cycle_seconds=dice.choice((60, 300)),
        min_participation=d(dice.choice(("33.5", "60"))),
        buy_threshold=d("41.5"),
        sell_threshold=d(40),
        strategies=(
            a_strategy_rule("one", weight=d("33.3"), opinion_ttl_seconds=600),
            a_strategy_rule("two", weight=d(20), ask=Asking.CYCLE, every_seconds=420),
            a_strategy_rule("text", weight=d("46.7"), reads_text=True, ask=Asking.CYCLE),
            a_strategy_rule("off", enabled=False),
        ),
    )
    timelines = {
        name: opinions(seed + number, series, name, every, 0.2)
        for number, (name, every) in enumerate((("one", 15), ("two", 5), ("text", 1)))
    }
    frames = frames_of(series, 900)
    ours = votes_of(series, frames, timelines, rules, 100)
    asked: dict[str, int] = {}
    signals: dict[str, Signal] = {}
    next_at, compared = 0, []
    for row in range(100, len(series)):
        now = int(series.ts[row]) + MINUTE
        if now < next_at or row < frames.rows[0]:
            assert ours[row] == NOT_DUE
            continue
        next_at = (now // (rules.cycle_seconds * 1000) + 1) * rules.cycle_seconds * 1000
        newest = int(np.searchsorted(frames.rows, row, side="right"))
        for rule in rules.strategies[:3]:
            pause = rules.asking_seconds(rule) * 1000
            by_candle = rule.ask is Asking.CANDLE
            if (asked.get(rule.name) == newest) if by_candle else (now - asked.get(rule.name, 0) < pause):
                continue
            asked[rule.name] = newest if by_candle else now
            signals[rule.name] = _signal(rule.name, timelines[rule.name], now, rules.ttl_seconds(rule))
        compared.append(SIGNS[hold_vote(rules, signals, at_ms(now)).action])
        assert ours[row] == compared[-1], at_ms(now)
    assert set(compared) == {1, 0, -1}


def _signal(name: str, timeline: object, now: int, ttl: int) -> Signal:
    row = timeline.row_at(now)
    failed = row is None or np.isnan(timeline.confidence[row])
    return Signal(
        strategy=name,
        action=Direction.HOLD if failed else {sign: way for way, sign in SIGNS.items()}[int(timeline.action[row])],
        confidence=Decimal(0) if failed else d(timeline.confidence[row]),
        reasoning="",
        asked_at=at_ms(now),
        given_at=at_ms(now),
        expires_at=at_ms(now) + timedelta(seconds=ttl),
        status=SignalStatus.FAILED if failed else SignalStatus.OK,
    )


def test_weights_with_many_digits_are_counted_exactly() -> None:
    series = wild(5, 60, 1.0)
    rules = VotingRules(timeframe="1m", strategies=(a_strategy_rule("one", weight=d("0.12345678901234567")),))
    timelines = {"one": opinions(3, series, "one", 1, 0.0)}
    frames = frames_of(series, 60)
    plain = VotingRules(timeframe="1m", strategies=(a_strategy_rule("one"),))
    ours, simple = (votes_of(series, frames, timelines, each) for each in (rules, plain))
    np.testing.assert_array_equal(ours, simple)
