"""Each metric beside an independent computation: empyrical's where it has one, else pandas'. Random and real curves.

Where definitions differ: empyrical annualises with 252 days unless told (told 365 here), counts years in returns and
not on the calendar (one return a day makes them equal), gives losses as negative fractions (ours are per cent, a
drawdown positive), and answers NaN where ours is None.
"""

from datetime import UTC, datetime, timedelta

import empyrical
import numpy as np
import pandas as pd
import pytest

from app.core import performance
from app.core.performance import Curve, Drawdown, Report, daily_returns, monthly_returns, report
from backtest.result import drawdown
from backtest.series import Floats, Times
from tests.builders import d
from tests.core_stories import a_trade
from tests.strategy_cases import REAL

BEGIN = datetime(2023, 3, 1, tzinfo=UTC)
YEAR = 365
CASH = 10_000.0
CURVES = ["calm", "wild", "falling", "one crash", "real"]


def daily_equity(name: str) -> "pd.Series[float]":
    if name == "real":
        return real_equity()
    chance = np.random.RandomState(CURVES.index(name))
    days = 400
    mean, spread = {
        "calm": (0.001, 0.004),
        "wild": (0.001, 0.06),
        "falling": (-0.003, 0.02),
        "one crash": (0.002, 0.01),
    }[name]
    returns = chance.normal(mean, spread, days)
    if name == "one crash":
        returns[200] = -0.45
    index = pd.date_range(BEGIN, periods=days, freq="D")
    return pd.Series(CASH * np.cumprod(1 + returns), index=index)


def real_equity() -> "pd.Series[float]":
    """Bitcoin held over ten years of days; where that file is not there, the test says so."""
    file = REAL.parent / "BTCUSD_1d_2011-08_2024-12.parquet"
    if not file.exists():
        pytest.skip("the shared data (../shared/data) is not there")
    table = pd.read_parquet(file)
    closes = table.set_index(pd.DatetimeIndex(pd.to_datetime(table["ts"], utc=True)))["close"].astype(float)
    return (closes / closes.iloc[0] * CASH).iloc[-2000:] * CASH / (closes / closes.iloc[0] * CASH).iloc[-2000]


def ours(equity: "pd.Series[float]") -> Report:
    ends = equity.index[0].to_pydatetime()
    curve = Curve(
        start=ends,
        end=ends + timedelta(days=len(equity)),
        candles=len(equity),
        exposed_candles=0,
        initial_cash=CASH,
        final_equity=float(equity.iloc[-1]),
        first_open=1.0,
        last_close=1.0,
        fee_pct=0.0,
        daily=equity.tolist(),
        drawdown=drawdown(*as_arrays(with_start(equity))),
    )
    return report([], curve)


def as_arrays(equity: "pd.Series[float]") -> tuple[Times, Floats]:
    return pd.DatetimeIndex(equity.index).as_unit("ms").asi8, equity.to_numpy()


def with_start(equity: "pd.Series[float]") -> "pd.Series[float]":
    before = pd.Series([CASH], index=[equity.index[0] - pd.Timedelta(days=1)])
    return pd.concat([before, equity])


@pytest.mark.parametrize("name", CURVES)
def test_ratios_of_a_curve_are_what_empyrical_says(name: str) -> None:
    equity = daily_equity(name)
    returns = with_start(equity).pct_change().dropna()
    got = ours(equity)
    assert len(returns) == len(equity) >= 400
    growth, deepest = empyrical.cagr(returns, annualization=YEAR), empyrical.max_drawdown(returns)
    theirs = {
        "return_pct": empyrical.cum_returns_final(returns) * 100,
        "cagr_pct": growth * 100,
        "volatility_pct": empyrical.annual_volatility(returns, annualization=YEAR) * 100,
        "sharpe_ratio": empyrical.sharpe_ratio(returns, annualization=YEAR),
        "sortino_ratio": empyrical.sortino_ratio(returns, annualization=YEAR),
        "max_drawdown_pct": -deepest * 100,
        "calmar_ratio": empyrical.calmar_ratio(returns, annualization=YEAR),
        "cvar_95_pct": empyrical.conditional_value_at_risk(returns.to_numpy(), cutoff=0.05) * 100,
        "best_day_pct": returns.max() * 100,
        "worst_day_pct": returns.min() * 100,
        "days_won": (returns > 0).sum(),
        "days_even": (returns == 0).sum(),
        "days_lost": (returns < 0).sum(),
    }
    assert {key: pytest.approx(value, rel=1e-9) for key, value in theirs.items()} == {
        key: getattr(got, key) for key in theirs
    }


@pytest.mark.parametrize("name", CURVES)
def test_the_lengths_of_drawdowns_and_the_ulcer_index_are_what_pandas_says(name: str) -> None:
    equity = with_start(daily_equity(name))
    highs = equity.cummax()
    falls = (highs - equity) / highs * 100
    got = ours(equity.iloc[1:])
    assert got.ulcer_index_pct == pytest.approx(float(np.sqrt((falls**2).mean())), rel=1e-9)
    under = falls.groupby((falls == 0).cumsum())  # each stretch begins at its high
    to_recovery = [
        (equity.index[min(equity.index.get_loc(part.index[-1]) + 1, len(equity) - 1)] - part.index[0]).days
        for _, part in under
        if len(part) > 1
    ]
    assert got.max_drawdown_days == pytest.approx(max(to_recovery), abs=1)  # ours ends at the last candle under water
    bottom = falls.idxmax()
    back = equity[bottom:][equity[bottom:] >= highs[bottom]]
    assert got.recovery_days == (None if back.empty else (back.index[0] - bottom).days)


@pytest.mark.parametrize("name", CURVES)
def test_the_monthly_table_is_what_empyrical_says(name: str) -> None:
    equity = daily_equity(name)
    table = monthly_returns(CASH, [(at.date(), value) for at, value in equity.items()])  # type: ignore[attr-defined]
    returns = with_start(equity).pct_change().dropna()
    theirs = empyrical.aggregate_returns(returns, "monthly")
    assert list(table) == [f"{year}-{month:02d}" for year, month in theirs.index]
    assert list(table.values()) == pytest.approx((theirs * 100).tolist(), rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_figures_of_trades_are_what_pandas_says(seed: int) -> None:
    chance = np.random.RandomState(seed)
    results = pd.Series(np.round(chance.normal(1, 30, 250), 2))
    hours = chance.randint(1, 100, 250)
    trades = [
        a_trade(
            profit_loss=d(str(result)),
            cost=d(500),
            fees=d("0.5"),
            opened_at=BEGIN,
            closed_at=BEGIN + timedelta(hours=int(hour)),
        )
        for result, hour in zip(results, hours, strict=True)
    ]
    flat = Curve(
        start=BEGIN, end=BEGIN + timedelta(days=40), candles=1, exposed_candles=0, initial_cash=CASH, final_equity=CASH,
        first_open=1, last_close=1, fee_pct=0, daily=[CASH] * 40,
        drawdown=Drawdown(max_pct=0, max_days=0, recovery_days=None),
    )  # fmt: skip
    got = report(trades, flat)
    wins, losses = results[results > 0], results[results < 0]
    lost = results < 0
    expected = {
        "trades": 250,
        "win_rate_pct": (results > 0).mean() * 100,
        "avg_win": wins.mean(),
        "avg_loss": losses.mean(),
        "profit_factor": wins.sum() / abs(losses.sum()),
        "expectancy": results.mean(),
        "expectancy_ratio": results.mean() / abs(losses.mean()),
        "best_trade_pct": results.max() / 5,
        "worst_trade_pct": results.min() / 5,
        "fees_paid": 125.0,
        "sqn": 10 * results.mean() / results.std(),  # √100: a hundred trades at most
        "longest_losing_streak": lost.groupby((~lost).cumsum()).sum().max(),
        "average_holding_hours": hours.mean(),
    }
    assert {key: pytest.approx(value, rel=1e-9) for key, value in expected.items()} == {
        key: getattr(got, key) for key in expected
    }


def test_what_cannot_be_told_of_trades_and_days_is_null() -> None:
    assert performance.system_quality([5.0]) is None
    assert performance.system_quality([5.0, 5.0]) is None
    assert performance.system_quality([1.0, 3.0]) == pytest.approx(2.0)  # √2 · 2 / √2
    assert performance.longest_losing_streak([]) == 0
    assert performance.longest_losing_streak([-1, 0, -1, -1, 2, -1]) == 2
    assert performance.expected_shortfall_pct([-0.1] * 29) is None
    assert performance.ulcer_index_pct([0.0]) == 0.0
    assert monthly_returns(100.0, []) == {}
    assert performance.daily_returns([]) == daily_returns([100.0]) == []


def test_the_fair_rival_holds_no_more_than_the_run_did() -> None:
    assert performance.same_exposure_pct(80.0, 2.5) == 2.0
    assert performance.same_exposure_pct(-50.0, 100.0) == -50.0
