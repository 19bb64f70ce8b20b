"""The bench's rules: the exact engine and a plain loop that shares nothing with it agree, trade for trade."""

from dataclasses import replace

import numpy as np
import pytest

from backtest.replay import Run
from backtest.running import run
from backtest.series import CandleSeries
from backtest.timeline import Timeline
from tests.benchmarks.bench_plan import planned
from tests.benchmarks.market import bench_candles
from tests.benchmarks.reference import CASES, Case, traded

MINUTES = 7_500


@pytest.fixture(scope="module")
def series() -> CandleSeries:
    return bench_candles()[:MINUTES]


def signs(case: Case, series: CandleSeries) -> np.ndarray:
    """The bench's signals: +1, 0, −1 at each candle's close."""
    entries, exits = case.signals(series.close)
    return np.where(entries, 1, np.where(exits, -1, 0)).astype(np.int8)


def engine_run(case: Case, series: CandleSeries) -> Run:
    plan = planned(case, series)
    opinions = Timeline(
        name=case.strategy,
        given_ms=series.ts + 60_000,
        action=signs(case, series),
        confidence=np.full(len(series), 100.0),
        reasoning=lambda row: f"signal of row {row}",
    )
    return run(replace(plan, timelines={case.strategy: opinions}))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_trades_stops_and_equity_are_those_of_the_plain_loop(case: Case, series: CandleSeries) -> None:
    found, wanted = engine_run(case, series), traded(series, *case.signals(series.close), case.stop_pct)
    stops = [trade for trade in found.trades if trade.exit_reason == "stop"]
    assert (len(found.trades), len(stops)) == (wanted.trades, wanted.stops)
    assert found.curve.equity[-1] == pytest.approx(wanted.final_equity, abs=1e-6)
    assert len(found.trades) >= 4
    assert (len(stops) >= 3) is (case.stop_pct == 1)
