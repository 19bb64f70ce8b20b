"""The statistics of a run, each against a figure worked out by hand; what cannot be told is null."""

from dataclasses import replace
from datetime import timedelta
from math import isclose, sqrt

import pytest

from app.core import performance
from app.core.performance import Curve, Drawdown
from tests.builders import NOON, d
from tests.core_stories import a_trade

YEAR = timedelta(days=365)
UP_AND_DOWN = [0.02, -0.01] * 20  # mean 0.005, sample deviation 0.015·√(40/39), downside 0.01/√2


def a_curve(**changes: object) -> Curve:
    standard = Curve(
        start=NOON,
        end=NOON + YEAR,
        candles=1000,
        exposed_candles=250,
        initial_cash=10_000.0,
        final_equity=12_000.0,
        first_open=100.0,
        last_close=150.0,
        fee_pct=0.1,
        daily=[10_000.0 * 1.001**day for day in range(1, 41)],
        drawdown=Drawdown(max_pct=8.0, max_days=12.5, recovery_days=3.0),
    )
    return replace(standard, **changes)  # type: ignore[arg-type]


TRADES = [
    a_trade(profit_loss=d(30), cost=d(500), fees=d(1)),
    a_trade(profit_loss=d(10), cost=d(500), fees=d(2)),
    a_trade(profit_loss=d(-20), cost=d(500), fees=d(3)),
    a_trade(profit_loss=d(0), cost=d(500), fees=d(4)),
]


def test_a_report_of_four_trades() -> None:
    report = performance.report(TRADES, a_curve())
    assert report.trades == 4
    assert (report.win_rate_pct, report.avg_win, report.avg_loss) == (50.0, 20.0, -20.0)
    assert (report.profit_factor, report.expectancy) == (2.0, 5.0)
    assert (report.best_trade_pct, report.worst_trade_pct, report.fees_paid) == (6.0, -4.0, 10.0)
    assert isclose(report.return_pct, 20.0)
    assert isclose(report.cagr_pct or 0, 20.0)
    assert isclose(report.calmar_ratio or 0, 2.5)
    assert (report.max_drawdown_pct, report.max_drawdown_days, report.recovery_days) == (8.0, 12.5, 3.0)
    assert report.exposure_time_pct == 25.0
    assert isclose(report.buy_and_hold_return_pct, (1.5 * 0.999**2 - 1) * 100)
    assert report.sharpe_ratio is not None
    assert report.volatility_pct is not None
    assert report.sortino_ratio is None  # it never fell


def test_a_run_without_trades_tells_nothing_about_them() -> None:
    report = performance.report([], a_curve(candles=0, drawdown=Drawdown(max_pct=0.0, max_days=0, recovery_days=None)))
    assert report.trades == 0
    assert report.fees_paid == 0.0
    assert report.exposure_time_pct == 0.0
    assert report.calmar_ratio is None
    for name in ("win_rate_pct", "avg_win", "avg_loss", "profit_factor", "expectancy", "best_trade_pct"):
        assert getattr(report, name) is None
    assert report.worst_trade_pct is None


def test_winners_alone_have_no_profit_factor_and_losers_alone_one_of_zero() -> None:
    assert performance.report(TRADES[:2], a_curve()).profit_factor is None
    losers = performance.report(TRADES[2:3], a_curve())
    assert (losers.profit_factor, losers.avg_win, losers.win_rate_pct) == (0.0, None, 0.0)


def test_daily_returns_skip_days_that_began_with_nothing() -> None:
    assert performance.daily_returns([100.0, 110.0, 55.0]) == [pytest.approx(0.1), -0.5]
    assert performance.daily_returns([0.0, 5.0, 10.0]) == [1.0]
    assert performance.daily_returns([5.0]) == []


def test_ratios_by_hand() -> None:
    deviation = 0.015 * sqrt(40 / 39)
    assert isclose(performance.volatility_pct(UP_AND_DOWN) or 0, deviation * sqrt(365) * 100)
    assert isclose(performance.sharpe(UP_AND_DOWN) or 0, 0.005 / deviation * sqrt(365))
    assert isclose(performance.sortino(UP_AND_DOWN) or 0, 0.005 / (0.01 / sqrt(2)) * sqrt(365))


def test_thirty_days_are_enough_and_fewer_tell_nothing() -> None:
    for ratio in (performance.volatility_pct, performance.sharpe, performance.sortino):
        assert ratio(UP_AND_DOWN[:30]) is not None
        assert ratio(UP_AND_DOWN[:29]) is None
        assert ratio([]) is None


def test_a_flat_line_has_no_ratio() -> None:
    assert performance.sharpe([0.0] * 40) is None
    assert performance.sortino([0.0] * 40) is None
    assert performance.volatility_pct([0.0] * 40) == 0.0


def test_growth_is_on_calendar_time() -> None:
    assert isclose(performance.annual_growth_pct(100, 121, 2 * YEAR) or 0, 10.0)
    assert isclose(performance.annual_growth_pct(100, 90, YEAR) or 0, -10.0)
    assert performance.annual_growth_pct(100, 110, timedelta(days=30)) is not None
    assert performance.annual_growth_pct(100, 110, timedelta(days=30) - timedelta(seconds=1)) is None
    assert performance.annual_growth_pct(0, 110, YEAR) is None
    assert performance.annual_growth_pct(100, 0, YEAR) is None


def test_holding_pays_a_fee_each_side() -> None:
    assert isclose(performance.buy_and_hold_pct(100, 100, 0.0), 0.0, abs_tol=1e-12)
    assert isclose(performance.buy_and_hold_pct(100, 100, 10.0), -19.0)
    assert performance.buy_and_hold_pct(0, 100, 0.1) == 0.0
