"""Fast-forward = the dense replay: same trades, fills, curve and warnings, to the last digit, on wild markets."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

import numpy as np
import pytest

from app.core.errors import StrategyError
from app.core.model import Fill, MarketData, Trade
from app.core.rules import (
    Asking,
    EntryRules,
    RiskLimits,
    Rules,
    Simulation,
    StrategyRule,
    Trailing,
    Tripwires,
    VotingRules,
    Warnings,
)
from backtest.replay import Run
from backtest.running import Plan, run
from backtest.timeline import Timeline
from tests.builders import NOON
from tests.fakes import Answer
from tests.histories import Scripted, series_of
from tests.trading_day import random_candles

DAYS = 4
WARMUP = 300


def with_gaps(dice: Random, candles: list) -> list:  # type: ignore[type-arg]
    """Minutes that are missing: single ones, and whole stretches, some over the ends of larger candles."""
    kept, left = [], 0
    for candle in candles:
        if left == 0 and dice.random() < 0.004:
            left = dice.choice((1, 2, 7, 45, 130))
        if left:
            left -= 1
        else:
            kept.append(candle)
    return kept


def moody(seed: int):  # type: ignore[no-untyped-def]
    """Opinions that hang on the newest candle alone, often strong, sometimes missing."""

    def answer(data: MarketData) -> Answer:
        dice = Random(f"{seed} {data.candles[-1].opened_at}")
        if dice.random() < 0.05:
            raise StrategyError("it was told to fail")
        action = dice.choices(("BUY", "SELL", "HOLD"), (5, 1, 6))[0]
        return action, Decimal(dice.choice((0, 40, 70, 90, 100))), f"at {data.candles[-1].opened_at}"

    return answer


def recorded(dice: Random, plan: Plan, name: str) -> Timeline:
    count = len(plan.series) // 50
    given = np.sort(np.array([dice.randrange(int(plan.series.ts[0]), int(plan.series.ts[-1])) for _ in range(count)]))
    confidence = np.array([dice.choice((60.0, 85.5, 100.0, float("nan"))) for _ in range(count)])
    action = np.array([dice.choice((1, 1, 0, -1)) for _ in range(count)], dtype=np.int8)
    return Timeline(name=name, given_ms=given, action=action, confidence=confidence, reasoning="row {}".format)


def a_plan(seed: int) -> Plan:
    """Everything by the seed: time frame, limits, who votes, what is missing."""
    dice = Random(seed)
    candles = with_gaps(dice, random_candles(seed, DAYS * 1440, start=NOON + timedelta(minutes=dice.randrange(600))))
    timeframe = ("1m", "5m", "1h")[seed % 3]
    who = [StrategyRule(name="technical", enabled=True, weight=Decimal(30))]
    if seed % 2:
        asking = dice.choice((Asking.CANDLE, Asking.CYCLE))
        ttl = dice.choice((None, 61, 1200))
        who.append(
            StrategyRule(
                name="deepseek",
                enabled=True,
                weight=Decimal(20),
                ask=asking,
                every_seconds=300,
                opinion_ttl_seconds=ttl,
            )
        )
    tight = seed % 4 == 3
    limits = RiskLimits(
        position_size_pct=Decimal(dice.choice((5, 8, 10))),
        max_open_positions=dice.choice((1, 2, 4)),
        max_exposure_pct=Decimal(dice.choice((20, 40))),
        daily_loss_limit_pct=Decimal("0.15") if tight else Decimal("0.6"),
        kill_switch_loss_pct=Decimal(2) if tight else Decimal(50),
        stop_loss_pct=Decimal("0.8"),
        trailing=Trailing(activate_pct=Decimal("0.4"), distance_pct=Decimal("0.5"), min_step_pct=Decimal("0.1")),
        entry=EntryRules(cooldown_candles=dice.choice((0, 1, 3)), max_entries_per_day=dice.choice((6, 30, None))),
        warnings=Warnings(daily_loss_pct=Decimal("0.1"), total_loss_pct=Decimal("0.2")),
        tripwires=Tripwires(
            orders_per_hour=None, notional_per_day_pct=Decimal(90), stop_outs_in_a_row=dice.choice((2, 3))
        ),
    )
    voting = VotingRules(
        cycle_seconds=dice.choice((60, 120, 300)), timeframe=timeframe, buy_threshold=Decimal(55), strategies=tuple(who)
    )
    mood = Scripted(moody(seed), startup_candles={"1m": 20, "5m": 20, "1h": 4}[timeframe])
    plan = Plan(
        series=series_of(candles),
        data="invented",
        warmup=WARMUP,
        rules=Rules(risk=limits, voting=voting),
        simulation=Simulation(
            decides_at=dice.choice(("close", "close", "open")), fee_in=dice.choice(("base", "quote"))
        ),
        cash=Decimal(10_000),
        strategies=mood,
        faces=[mood.face("technical")],
    )
    return replace(plan, timelines={"deepseek": recorded(dice, plan, "deepseek")} if len(who) > 1 else {})


def fates(trades: Iterable[Trade]) -> list[Trade]:
    """Decisions are numbered as they are kept, and fast-forward keeps fewer."""
    return [replace(trade, decision_id="", exit_decision_id="") for trade in trades]


def filled(fills: Iterable[Fill]) -> list[Fill]:
    return list(fills)


def assert_same(dense: Run, fast: Run) -> None:
    assert fates(fast.trades) == fates(dense.trades)
    assert fast.fills == dense.fills
    assert fast.warnings == dense.warnings
    for name in ("at_ms", "cash", "quantity", "close"):
        assert np.array_equal(getattr(fast.curve, name), getattr(dense.curve, name)), name
    assert fast.positions.all() == dense.positions.all()
    assert (fast.exposed_candles, fast.ended_early) == (dense.exposed_candles, dense.ended_early)
    ours, theirs = fast.engine.state, dense.engine.state
    assert {**ours.latches} == {**theirs.latches}
    assert ours.account == theirs.account
    assert [replace(each, decision_id="") for each in ours.positions.values()] == [
        replace(each, decision_id="") for each in theirs.positions.values()
    ]


@pytest.mark.parametrize("seed", range(60))
def test_it(seed: int) -> None:
    plan = a_plan(seed)
    dense, fast = run(plan, dense=True), run(plan)
    reasons = Counter(trade.exit_reason.value for trade in dense.trades)
    print(
        seed,
        plan.rules.voting.timeframe,
        len(dense.trades),
        dict(reasons),
        Counter(w[17:].split(":")[0] for w in dense.warnings if "fill" not in w),
        dense.ended_early,
        len(fast.curve),
    )
    assert_same(dense, fast)
