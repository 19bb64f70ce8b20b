"""Fast-forward = the dense replay: same trades, fills, curve and warnings, to the last digit, on wild markets."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import numpy as np
import pytest

from app.core.decisions import Outcome
from app.core.errors import StrategyError
from app.core.model import Fill, MarketData, Position, Trade
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
from backtest import history
from backtest.replay import Run
from backtest.running import Plan, run
from backtest.timeline import Timeline
from strategies.runtime import LocalStrategies
from tests.builders import NOON, some_rules
from tests.fakes import Answer, ScriptedStrategies
from tests.histories import Scripted, random_walk, series_of
from tests.trading_day import LIVELY, Day, random_candles, swings

DAYS = 3
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
    limits = RiskLimits(
        position_size_pct=Decimal(dice.choice((5, 8, 10))),
        max_open_positions=dice.choice((1, 2, 4)),
        max_exposure_pct=Decimal(dice.choice((20, 40))),
        daily_loss_limit_pct=Decimal("0.15") if seed % 4 == 3 else Decimal("0.6"),
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


def same_fates(trades: Iterable[Trade]) -> list[Trade]:
    """Decisions are numbered as they are kept, and fast-forward keeps fewer."""
    return [replace(trade, decision_id="", exit_decision_id="") for trade in trades]


def same_positions(run: Run) -> list[Position]:
    positions = run.engine.state.positions.values()
    return [replace(position, decision_id="", exit_decision_id="") for position in positions]


def assert_same(dense: Run, fast: Run) -> None:
    assert same_fates(fast.trades) == same_fates(dense.trades)
    assert fast.fills == dense.fills
    assert fast.warnings == dense.warnings
    for name in ("at_ms", "cash", "quantity", "close"):
        assert np.array_equal(getattr(fast.curve, name), getattr(dense.curve, name)), name
    assert fast.positions.all() == dense.positions.all()
    assert (fast.exposed_candles, fast.ended_early) == (dense.exposed_candles, dense.ended_early)
    ours, theirs = fast.engine.state, dense.engine.state
    assert ours.latches == theirs.latches
    assert ours.account == theirs.account
    assert ours.quote == theirs.quote
    assert same_positions(fast) == same_positions(dense)
    chosen = {(each.at, each.action) for each in dense.decisions if each.outcome is Outcome.ORDER}
    assert {(each.at, each.action) for each in fast.decisions if each.outcome is Outcome.ORDER} == chosen


def both(plan: Plan) -> tuple[Run, int]:
    """The dense run, proved to be the same as the fast one; and how many candles that one was fed."""
    dense, fast = run(plan, dense=True), run(plan)
    assert_same(dense, fast)
    assert dense.fed_candles == len(dense.curve)
    return dense, fast.fed_candles


def what_happened(plan: Plan, dense: Run) -> Counter[str]:
    seen: Counter[str] = Counter(trade.exit_reason.value for trade in dense.trades)
    seen.update(warning[17:].partition(":")[0] for warning in dense.warnings)
    seen["refused"] = sum(decision.outcome is Outcome.REFUSED for decision in dense.decisions)
    seen["moved stops"] = len({(span.position_id, span.stop_price) for span in dense.positions.all()}) - len(
        dense.trades
    )
    seen["days"] = len(np.unique(dense.curve.at_ms // 86_400_000))
    seen["gaps"] = int((np.diff(plan.series.ts) > 60_000).sum())
    seen["equal prices"] = int((plan.series.open == plan.series.close).sum())
    seen["no volume"] = int((plan.series.volume == 0).sum())
    return seen


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5, 7, 8])
def test_a_wild_market_gives_the_same_run_in_fewer_candles(seed: int) -> None:
    plan = a_plan(seed)
    dense, fed = both(plan)
    seen = what_happened(plan, dense)
    print(seed, fed, dict(seen))
    for what, least in {"stop": 2, "moved stops": 2, "refused": 2, "days": 3, "gaps": 8, "no volume": 50}.items():
        assert seen[what] >= least, what
    assert len(dense.trades) >= 4
    assert fed < len(dense.curve) / 3


@pytest.mark.parametrize("seed", [18, 27])
def test_a_daily_limit_a_day_s_rest_and_a_runaway_are_the_same(seed: int) -> None:
    plan = a_plan(seed)
    tight = replace(plan.rules.risk, daily_loss_limit_pct=Decimal("0.12"), position_size_pct=Decimal(10))
    dense, _ = both(replace(plan, rules=replace(plan.rules, risk=tight)))
    seen = what_happened(plan, dense)
    assert seen["daily_loss"] >= 1
    assert seen["daily_loss_warning"] >= 1
    assert seen["runaway"] >= 1


def test_the_kill_switch_ends_both_runs_at_the_same_candle() -> None:
    plan = a_plan(6)
    deadly = replace(plan.rules.risk, daily_loss_limit_pct=None, kill_switch_loss_pct=Decimal("0.3"))
    dense, _ = both(replace(plan, rules=replace(plan.rules, risk=deadly)))
    assert dense.ended_early
    assert what_happened(plan, dense)["kill_switch"] >= 1
    assert len(dense.curve) < len(plan.series) - WARMUP


def always(plan: Plan, name: str, sign: int) -> Timeline:
    """One opinion, of the beginning."""
    return Timeline(
        name=name,
        given_ms=plan.series.ts[:1],
        action=np.array([sign], dtype=np.int8),
        confidence=np.array([100.0]),
        reasoning=lambda row: "as ever",
    )


def test_when_one_voice_has_grown_old_the_other_buys() -> None:
    """Against 30 that sell, asked once an hour and good for ten minutes, 70 that buy are too few."""
    plan = a_plan(2)
    seller = StrategyRule(name="seller", enabled=True, weight=Decimal(30), opinion_ttl_seconds=600)
    buyer = StrategyRule(name="buyer", enabled=True, weight=Decimal(70), ask=Asking.CYCLE)
    rules = replace(plan.rules, voting=replace(plan.rules.voting, cycle_seconds=60, strategies=(seller, buyer)))
    timelines = {"seller": always(plan, "seller", -1), "buyer": always(plan, "buyer", 1)}
    dense, _ = both(replace(plan, rules=rules, timelines=timelines))
    bought = [trade.opened_at.minute for trade in dense.trades]
    assert len(bought) >= 3
    assert bought.count(10) >= 2


def test_a_position_that_is_still_open_knows_its_highest_close() -> None:
    series = random_walk(1, 3000)
    way = np.concatenate((np.full(1000, 20_000.0), np.linspace(20_000, 20_060, 1000), np.full(1000, 20_010.0)))
    way = np.round(way, 2)
    flat = replace(series, open=way, high=way, low=way, close=way)
    plan = replace(a_plan(0), series=flat)
    rule = StrategyRule(name="buyer", enabled=True, weight=Decimal(70))
    rules = replace(plan.rules, voting=VotingRules(timeframe="5m", strategies=(rule,)))
    calm = replace(rules.risk, max_open_positions=1, max_exposure_pct=Decimal(100))
    plan = replace(plan, rules=replace(rules, risk=calm), timelines={"buyer": always(plan, "buyer", 1)})
    dense, fed = both(plan)
    (position,) = dense.engine.state.positions.values()
    assert position.highest_close == 20_060
    assert fed < 20


@pytest.mark.parametrize("name", ["", "_thin"], ids=["BTC/USD", "BTC/USDC, thin"])
def test_real_minutes_of_march_2023_give_the_same_run(name: str, shared_candles: Callable[[str], Path]) -> None:
    symbol = "BTCUSDC" if name else "BTCUSD"
    path = shared_candles(f"binanceus_{symbol}_1m_2023-03-01_2023-03-21{name}.parquet")
    plan = replace(a_plan(1), series=history.load(str(path), path.parent)[9 * 1440 : 14 * 1440], timelines={})
    dense, fed = both(plan)
    assert len(dense.trades) >= 5
    assert fed < len(dense.curve) / 3


def test_the_shipped_strategy_says_the_same_at_once_and_asked_candle_by_candle(
    shared_candles: Callable[[str], Path],
) -> None:
    path = shared_candles("binanceus_BTCUSD_1m_2023-03-01_2023-03-21.parquet")
    rule = StrategyRule(name="technical_indicators", enabled=True, weight=Decimal(30))
    local = LocalStrategies()
    faces = local.load([rule])
    standard = a_plan(1)
    plan = replace(
        standard,
        series=history.load(str(path), path.parent)[7 * 1440 : 11 * 1440],
        warmup=faces[0].startup_candles * 5,
        rules=replace(standard.rules, voting=VotingRules(timeframe="5m", strategies=(rule,))),
        strategies=local,
        faces=faces,
        timelines={},
    )
    dense, _ = both(plan)
    assert len(dense.trades) >= 3


async def test_a_paper_session_over_the_same_candles_fills_as_fast_forward_does() -> None:
    candles = random_candles(2, 1200)
    rules = some_rules(risk=LIVELY)
    rules = replace(rules, voting=replace(rules.voting, timeframe="5m"))
    day = Day(rules, candles[:200], candles[200:], strategies=ScriptedStrategies(swings))
    await day.run()
    asked = Scripted(swings)
    plan = replace(
        a_plan(0), series=series_of(candles), warmup=200, rules=rules, simulation=Simulation(), strategies=asked
    )
    finished = run(replace(plan, faces=[asked.face()]))
    fills = [change for change in day.journal.changes if isinstance(change, Fill)]
    assert len(fills) >= 6
    assert finished.fills == fills
