"""The compiled kernel trades as the exact engine does: same rows, reasons and quantities, the same equity."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from types import ModuleType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.rules import (
    Asking,
    EntryOrder,
    EntryRules,
    RiskLimits,
    Rules,
    Simulation,
    Trailing,
    Tripwires,
    VotingRules,
)
from app.ports import StrategyFace
from app.seam import seeded
from backtest import sweep
from backtest.kernels import blocks, entering, grid, opening, trading, trailing, watching
from backtest.kernels.terms import REASONS
from backtest.replay import Run
from backtest.running import Plan, run
from backtest.series import CandleSeries, ms_of
from backtest.timeline import Recorded, Timeline
from backtest.votes import frames_of, votes_of
from tests.builders import a_strategy_rule, d

MINUTE = 60_000
NOON = 1_678_449_600_000
KERNELS = (grid, blocks, entering, opening, trading, trailing, watching)


@contextmanager
def interpreted() -> Iterator[None]:
    """The same source run by Python itself: what the compiler made of it must not differ."""
    before: list[tuple[ModuleType, str, object]] = []
    for module in KERNELS:
        for name, value in list(vars(module).items()):
            if hasattr(value, "py_func"):
                before.append((module, name, value))
                setattr(module, name, value.py_func)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def wild(seed: int, count: int, wildness: float) -> CandleSeries:
    """Trends, crashes, gaps in price and in time, equal prices, on the tick of a cent; starts before midnight."""
    dice = seeded(seed)
    rows, at, price, drift = [], NOON + 600 * MINUTE, 20_000.0, 0.0
    for _ in range(count):
        at += MINUTE * (1 if dice.random() > 0.004 else dice.randint(2, 90))
        if dice.random() < 0.02:
            drift = dice.gauss(0, 0.0008) * wildness
        gap = dice.gauss(0, 0.004) * wildness if dice.random() < 0.03 else 0.0
        crash = -abs(dice.gauss(0.03, 0.02)) * wildness if dice.random() < 0.003 else 0.0
        opened = max(price * (1 + gap), 50.0)
        close = opened if dice.random() < 0.1 else max(opened * (1 + drift + dice.gauss(0, 0.0015) + crash), 50.0)
        high = max(opened, close) * (1 + abs(dice.gauss(0, 0.0004)))
        low = min(opened, close) * (1 - abs(dice.gauss(0, 0.0004)))
        o, h, l_, c = (round(each, 2) for each in (opened, high, low, close))
        rows.append((at, o, max(h, o, c), min(l_, o, c), c, 1.0))
        price = close
    columns = np.array(rows).T
    names = ("open", "high", "low", "close", "volume")
    values = {name: np.ascontiguousarray(column) for name, column in zip(names, columns[1:], strict=True)}
    return CandleSeries(symbol="BTC/USD", seconds=60, ts=columns[0].astype(np.int64), **values)


def opinions(seed: int, series: CandleSeries, name: str, every: int, fails: float) -> Timeline:
    """Random ones, a new one with each closed candle of `every` minutes, leaning to one side for hours."""
    dice = seeded(seed)
    given = series.ts[frames_of(series, every * 60).rows] + MINUTE
    lean = 0.5
    action, confidence = [], []
    for _ in given:
        if dice.random() < 0.1:
            lean = dice.choice((0.1, 0.5, 0.9))
        action.append(0 if dice.random() < 0.2 else 1 if dice.random() < lean else -1)
        confidence.append(float("nan") if dice.random() < fails else dice.choice((0.0, 55.0, 70.0, 80.25, 100.0)))
    return Timeline(
        name=name,
        given_ms=given,
        action=np.array(action, np.int8),
        confidence=np.array(confidence),
        reasoning=lambda row: f"row {row}",
    )


@dataclass(frozen=True)
class Case:
    series: CandleSeries
    rules: Rules
    simulation: Simulation
    cash: Decimal
    timelines: Mapping[str, Timeline]
    warmup: int = 120


def exact(case: Case) -> Run:
    faces = [
        StrategyFace(name=rule.name, title="", startup_candles=1, reads_text=rule.reads_text, sha256="", asks=False)
        for rule in case.rules.voting.strategies
    ]
    return run(
        Plan(
            series=case.series,
            data="random",
            warmup=case.warmup,
            rules=case.rules,
            simulation=case.simulation,
            cash=case.cash,
            strategies=Recorded(case.timelines),
            faces=faces,
            timelines=case.timelines,
        )
    )


def compiled(case: Case) -> sweep.Outcome:
    voting = case.rules.voting
    frames = frames_of(case.series, voting.timeframe_seconds)
    votes = votes_of(case.series, frames, case.timelines, voting, case.warmup)
    return sweep.trade_all(
        case.series, votes, case.rules, case.simulation, case.cash, warmup=case.warmup, frames=frames
    )


def curve(done: Run) -> np.ndarray:
    return np.asarray(done.curve.equity)


def check(case: Case, seen: Counter[str]) -> None:
    """Trade for trade, step for step, and equity at each candle to 1e-9."""
    done, ours = exact(case), compiled(case)
    row_at = {int(ts): row for row, ts in enumerate(case.series.ts)}
    entered = {fill.position_id: row_at[ms_of(fill.at)] for fill in done.fills if fill.side == "BUY"}
    step = case.simulation.quantity_step or Decimal(1)
    theirs = [
        (
            entered[trade.id],
            row_at[ms_of(trade.closed_at)],
            trade.exit_reason.value,
            float(trade.quantity / step),
            float(trade.entry_price),
            float(trade.exit_price),
        )
        for trade in done.trades
    ]
    mine = [
        (int(t["entered"]), int(t["exited"]), REASONS[t["reason"]], t["lots"], t["entry_price"], t["exit_price"])
        for t in ours.trades
    ]
    _same(mine, theirs)
    equity = curve(done)
    assert len(ours.equity) == len(equity)
    np.testing.assert_allclose(ours.equity, equity, rtol=1e-9)
    figures = ours.figures
    assert figures.open_positions_at_end == len(done.engine.state.positions)
    profit = [float(trade.profit_loss) for trade in done.trades]
    np.testing.assert_allclose(ours.trades["profit_loss"], profit, rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(ours.trades["fees"], [float(t.fees) for t in done.trades], rtol=1e-9)
    assert figures.candles == len(equity)
    assert figures.exposure_time_pct == pytest.approx(done.exposed_candles / len(equity) * 100)
    highs = np.maximum.accumulate(equity)
    assert figures.max_drawdown_pct == pytest.approx(float(((highs - equity) / highs).max() * 100), rel=1e-6, abs=1e-9)
    seen.update(REASONS[reason] for reason in ours.trades["reason"])
    seen["refused"] += figures.refused
    seen["runaway"] += figures.runaways
    seen["day loss"] += figures.day_latches
    seen["killed"] += figures.killed
    seen["boundary"] += figures.boundary
    seen["days"] += len(ours.daily)
    seen["holes"] += int((np.diff(case.series.ts) > MINUTE).sum())
    seen["several at once"] += bool((ours.trades["entered"][1:] < ours.trades["exited"][:-1]).any())


def _same(mine: list[tuple[object, ...]], theirs: list[tuple[object, ...]]) -> bool:
    for number, (one, other) in enumerate(zip(mine, theirs, strict=False)):
        assert one[:3] == other[:3], f"trade {number}: {one} is not {other}"
        assert one[3:] == pytest.approx(other[3:], rel=1e-12), f"trade {number}"
    assert len(mine) == len(theirs)
    return True


OFF = Tripwires(
    orders_per_minute=None,
    orders_per_hour=None,
    notional_per_day_pct=None,
    trade_loss_pct=None,
    stop_outs_in_a_row=None,
    rejects_in_10_minutes=None,
)


def a_case(seed: int, count: int = 1_500) -> Case:
    """Rules and a market by the dice: each seed another corner."""
    dice = seeded(seed)
    series = wild(seed, count, dice.choice((0.5, 1.0, 2.0)))
    timeframe = dice.choice(("1m", "5m", "15m", "1h"))
    every = {"1m": 1, "5m": 5, "15m": 15, "1h": 60}[timeframe]
    voters = [a_strategy_rule(weight=d(30))]
    if dice.random() < 0.5:
        voters.append(a_strategy_rule("second", weight=d("12.5"), ask=Asking.CYCLE))
    risk = RiskLimits(
        position_size_pct=d(dice.choice(("5", "7.5", "20"))),
        max_open_positions=dice.choice((1, 2, 4)),
        max_exposure_pct=d(dice.choice((20, 60, 100))),
        daily_loss_limit_pct=dice.choice((None, d("0.4"), d(4), d(15))),
        kill_switch_loss_pct=dice.choice((None, d("0.3"), d(50))),
        stop_loss_pct=d(dice.choice(("0.5", "1.25", "5"))),
        trailing=dice.choice(
            (None, Trailing(), Trailing(activate_pct=d("0.4"), distance_pct=d("0.5"), min_step_pct=d("0.1")))
        ),
        entry=EntryRules(
            order=dice.choice((EntryOrder.LIMIT_IOC, EntryOrder.LIMIT_IOC, EntryOrder.MARKET)),
            max_slippage_pct=d(dice.choice(("0.06", "0.3"))),
            cooldown_candles=dice.choice((0, 1, 3)),
            max_entries_per_day=dice.choice((None, 4, 10)),
        ),
        tripwires=dice.choice((OFF, Tripwires(), replace(OFF, stop_outs_in_a_row=2, notional_per_day_pct=d(60)))),
    )
    simulation = Simulation(
        fee_pct=d(dice.choice(("0.1", "0.075"))),
        slippage_pct=d(dice.choice(("0.05", "0"))),
        fee_in=dice.choice(("base", "quote")),
        price_tick=d(dice.choice(("0.01", "0.05"))),
        min_notional=d(dice.choice((10, 480))),
    )
    return Case(
        series=series,
        rules=Rules(
            risk=risk,
            voting=VotingRules(timeframe=timeframe, cycle_seconds=dice.choice((60, 300)), strategies=tuple(voters)),
        ),
        simulation=simulation,
        cash=Decimal(10_000),
        timelines={
            rule.name: opinions(seed + number, series, rule.name, every, dice.choice((0.0, 0.1)))
            for number, rule in enumerate(voters)
        },
    )


NEEDED = (
    "stop",
    "trailing_stop",
    "vote",
    "kill_switch",
    "refused",
    "runaway",
    "day loss",
    "killed",
    "holes",
    "several at once",
)
CHOSEN = (102, 116, 125, 134)  # between them they hold everything that NEEDED names


def test_trades_and_equity_are_the_exact_engines() -> None:
    seen: Counter[str] = Counter()
    for seed in CHOSEN:
        check(a_case(seed), seen)
    assert not [name for name in NEEDED if not seen[name]], dict(seen)
    assert seen["boundary"] == 0


def a_gap_below_what_a_stop_may_be_worth() -> Case:
    """The open after the vote is half the price: the exchange would not take the stop, so the position is sold."""
    case = a_case(116)
    opens = np.full(200, 20_000.0)
    opens[125:] = 9_000.0
    closes = np.full(200, 20_000.0)
    closes[125:] = 9_000.0
    series = replace(case.series[:200], open=opens, high=opens, low=opens, close=closes)
    always = Timeline(
        name="technical",
        given_ms=series.ts[:1],
        action=np.ones(1, np.int8),
        confidence=np.full(1, 100.0),
        reasoning=lambda row: "",
    )
    risk = RiskLimits(stop_loss_pct=d(5), entry=EntryRules(cooldown_candles=0), tripwires=OFF)
    voting = VotingRules(timeframe="1m", strategies=(a_strategy_rule(),))
    return Case(
        series=replace(series, ts=series.ts[0] + np.arange(200) * MINUTE),
        rules=Rules(risk=risk, voting=voting),
        simulation=Simulation(min_notional=d(300)),
        cash=Decimal(10_000),
        timelines={"technical": always},
        warmup=124,
    )


def test_what_the_exchange_takes_no_stop_for_is_sold_at_the_next_open() -> None:
    seen: Counter[str] = Counter()
    case = a_gap_below_what_a_stop_may_be_worth()
    check(case, seen)
    assert seen["emergency"] == 1
    with interpreted():
        check(case, seen)


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(1_000, 10**6))
def test_on_any_market_and_rules(seed: int) -> None:
    check(a_case(seed, 700), Counter())


def test_the_compiler_changed_nothing() -> None:
    for seed in CHOSEN:
        case = a_case(seed)
        ours = compiled(case)
        with interpreted():
            plain = compiled(case)
        np.testing.assert_array_equal(plain.equity, ours.equity)
        np.testing.assert_array_equal(plain.trades, ours.trades)
        assert plain.figures == ours.figures


def test_where_no_rest_is_asked_for_none_is_kept_on_longer_candles_either() -> None:
    case = a_case(106, 700)
    risk = replace(
        case.rules.risk,
        entry=replace(case.rules.risk.entry, cooldown_candles=None),
        daily_loss_limit_pct=None,
        kill_switch_loss_pct=None,
        tripwires=OFF,
    )
    voting = replace(case.rules.voting, timeframe="15m", strategies=case.rules.voting.strategies[:1])
    case = replace(case, rules=Rules(risk=risk, voting=voting))
    row_at = {int(ts): row for row, ts in enumerate(case.series.ts)}
    done = exact(case)
    bought = [row_at[ms_of(fill.at)] for fill in done.fills if fill.side == "BUY"][: len(done.trades)]
    assert len(bought) >= 5
    assert compiled(case).trades["entered"].tolist() == bought
