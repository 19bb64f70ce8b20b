"""Many configurations over one history: what is refused, and that skipping candles changes nothing."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from io import StringIO

import numpy as np
import pytest

from app.core.errors import DataError
from app.core.rules import EntryRules, RiskLimits, Rules, Simulation, VotingRules
from backtest import sweep
from backtest.kernels import compiling, indicators
from tests.builders import a_strategy_rule, d
from tests.property.test_kernel_is_the_engine import OFF, interpreted, wild

SERIES = wild(11, 6_000, 1.0)
CASH = Decimal(10_000)
STATELESS = Rules(
    risk=RiskLimits(
        max_open_positions=1,
        daily_loss_limit_pct=None,
        kill_switch_loss_pct=None,
        stop_loss_pct=d("0.75"),
        trailing=None,
        entry=EntryRules(max_entries_per_day=None, cooldown_candles=0),
        tripwires=OFF,
    ),
    voting=VotingRules(timeframe="1m"),
)
PERIODS, PAIRS = (7, 14), ((25.0, 75.0), (38.0, 62.0))


def test_thresholds_by_blocks_are_the_plain_kernels_runs() -> None:
    with ThreadPoolExecutor(2) as threads:
        found = sweep.sweep_thresholds(SERIES, PERIODS, PAIRS, STATELESS, Simulation(), CASH, executor=threads)
    rising = indicators.macd(SERIES.close, 12, 26, 9)[2] > 0
    for number, period in enumerate(PERIODS):
        rsi = indicators.rsi(SERIES.close, period)
        for column, (lower, upper) in enumerate(PAIRS):
            votes = np.where((rsi < lower) & rising, 1, np.where(rsi > upper, -1, 0)).astype(np.int8)
            votes[:250] = 0
            plain = sweep.trade(SERIES, votes, STATELESS, Simulation(), CASH)
            assert found.final_equity[number, column] == plain.final_equity
            assert found.trades[number, column] == plain.trades > 0
            assert found.stops[number, column] == plain.stops
    assert found.stops.sum() > 5


def test_thresholds_by_blocks_uncompiled() -> None:
    few = SERIES[:1_500]
    fast = sweep.sweep_thresholds(few, (14,), PAIRS, STATELESS, Simulation(), CASH)
    with interpreted():
        plain = sweep.sweep_thresholds(few, (14,), PAIRS, STATELESS, Simulation(), CASH)
    np.testing.assert_array_equal(plain.final_equity, fast.final_equity)
    np.testing.assert_array_equal(plain.trades, fast.trades)


def test_rules_that_matter_from_candle_to_candle_are_refused() -> None:
    with pytest.raises(DataError, match="max_open_positions matters"):
        sweep.sweep_thresholds(SERIES, PERIODS, PAIRS, Rules(), Simulation(), CASH)


def test_bad_input_is_named() -> None:
    votes = np.zeros(len(SERIES), np.int8)
    with pytest.raises(DataError, match="6000 candles, and 6000 are for"):
        sweep.trade(SERIES, votes, Rules(), Simulation(), CASH, warmup=6_000)
    with pytest.raises(DataError, match="10 votes for 6000"):
        sweep.trade(SERIES, votes[:10], Rules(), Simulation(), CASH)
    with pytest.raises(DataError, match="max_open_positions is 6"):
        sweep.trade(SERIES, votes, Rules(risk=RiskLimits(max_open_positions=6)), Simulation(), CASH)
    fine = Simulation(price_tick=d("0.00000001"), slippage_pct=d("0.0500001"))
    with pytest.raises(DataError, match="too fine"):
        sweep.trade(SERIES, votes, Rules(), fine, CASH)
    rules = Rules(voting=VotingRules(strategies=(a_strategy_rule(),)))
    with pytest.raises(DataError, match="technical votes, and has no recorded"):
        sweep.evaluate(SERIES, {}, rules, Simulation(), CASH)
    hourly = replace(SERIES, seconds=7_200)
    with pytest.raises(DataError, match="timeframe 1h is shorter"):
        sweep.trade(hourly, votes, Rules(), Simulation(), CASH)


def test_what_has_to_be_compiled_is_said_once_and_older_forms_are_gone_then() -> None:
    older = compiling.FOLDER.parent / "kernels-000000000000"
    older.mkdir(parents=True, exist_ok=True)
    sweep.trade(SERIES, np.zeros(len(SERIES), np.int8), Rules(), Simulation(), CASH)
    warm, cold = StringIO(), StringIO()
    compiling.announce("trading", warm)
    assert warm.getvalue() == ""
    compiling.announce("never_written", cold)
    assert cold.getvalue() == "compiling once, this takes some seconds …\n"
    assert not older.exists()
    assert compiling.FOLDER.exists()
