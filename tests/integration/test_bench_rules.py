"""The bench's rules: the exact engine and a plain loop that shares nothing with it agree, trade for trade."""

import numpy as np
import pytest

from backtest.running import run
from backtest.series import CandleSeries
from backtest.sweep import sweep_thresholds, trade
from tests.benchmarks.bench_plan import final_equity, planned
from tests.benchmarks.market import bench_candles
from tests.benchmarks.reference import CASES, Case, case_of, traded

MINUTES = 36_000


@pytest.fixture(scope="module")
def series() -> CandleSeries:
    return bench_candles()[:MINUTES]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_trades_stops_and_equity_are_those_of_the_plain_loop(case: Case, series: CandleSeries) -> None:
    found, wanted = run(planned(case, series)), traded(series, *case.signals(series.close), case.stop_pct)
    stops = [trade for trade in found.trades if trade.exit_reason == "stop"]
    assert (len(found.trades), len(stops)) == (wanted.trades, wanted.stops)
    assert final_equity(found, series) == pytest.approx(wanted.final_equity, abs=1e-6)
    assert len(found.trades) >= 30
    assert (len(stops) >= 6) is (case.stop_pct == 1)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_so_are_the_kernels(case: Case, series: CandleSeries) -> None:
    plan, wanted = planned(case, series), traded(series, *case.signals(series.close), case.stop_pct)
    entries, exits = case.signals(series.close)
    votes = entries.astype(np.int8) - exits
    found = trade(series, votes, plan.rules, plan.simulation, plan.cash, warmup=plan.warmup)
    assert (found.trades, found.stops) == (wanted.trades, wanted.stops)
    assert found.final_equity == pytest.approx(wanted.final_equity, abs=1e-6)


def test_so_is_the_sweep_by_blocks(series: CandleSeries) -> None:
    case = case_of("tight")
    plan, wanted = planned(case, series), traded(series, *case.signals(series.close), case.stop_pct)
    found = sweep_thresholds(series, [14], [(30.0, 70.0)], plan.rules, plan.simulation, plan.cash, warm_up=plan.warmup)
    assert (found.trades[0, 0], found.stops[0, 0]) == (wanted.trades, wanted.stops)
    assert found.final_equity[0, 0] == pytest.approx(wanted.final_equity, abs=1e-6)
