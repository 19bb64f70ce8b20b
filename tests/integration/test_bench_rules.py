"""The bench's rules: the exact engine and a plain loop that shares nothing with it agree, trade for trade."""

import pytest

from backtest.running import run
from backtest.series import CandleSeries
from tests.benchmarks.bench_plan import final_equity, planned
from tests.benchmarks.market import bench_candles
from tests.benchmarks.reference import CASES, Case, traded

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
