"""How much of a run may be luck: bands, deflated Sharpe ratio, dearer trading, what a model knew. Figures of papers."""

import math
from datetime import UTC, date, datetime

import numpy as np
import pytest
from scipy import stats

from app.core.rules import Simulation
from backtest.honesty import bootstrap, luck
from backtest.honesty.bootstrap import bands, rows
from backtest.honesty.costs import stressed
from backtest.honesty.knowledge import split
from tests.builders import d
from tests.core_stories import a_trade


def some_returns(days: int = 500, mean: float = 0.001, spread: float = 0.02, seed: int = 3) -> np.ndarray:
    return np.random.RandomState(seed).normal(mean, spread, days)


# ---------------------------------------------------------------- bands


def test_the_same_seed_draws_the_same_days_and_another_one_others() -> None:
    returns = some_returns()
    assert bands(returns) == bands(returns)
    assert bands(returns) != bands(returns, seed=2)


def test_blocks_are_whole_and_as_long_as_they_should_be() -> None:
    drawn = rows(300, 400, 8.0, 1)
    follows = (drawn[:, 1:] - drawn[:, :-1]) % 300 == 1
    assert drawn.min() == 0
    assert drawn.max() == 299
    assert follows.mean() == pytest.approx(1 - 1 / 8, abs=0.01)  # a new block begins with a chance of 1/8
    assert np.bincount(drawn.ravel(), minlength=300).std() / 400 < 0.25  # no day is preferred


@pytest.mark.parametrize("block", [1.0, 5.0, 20.0])
def test_the_mean_scatters_as_politis_and_romano_worked_out(block: float) -> None:
    """Their closed form for the variance of a resampled mean, computed from the autocovariances of the data."""
    noise = some_returns(200)
    returns = noise + 0.6 * np.roll(noise, 1)  # a day resembles the day before
    n, p = len(returns), 1 / block
    away = returns - returns.mean()
    covariance = [float(away[: n - lag] @ away[lag:]) / n for lag in range(n)]
    weights = [(1 - lag / n) * (1 - p) ** lag + lag / n * (1 - p) ** (n - lag) for lag in range(n)]
    variance = (covariance[0] + 2 * sum(w * c for w, c in zip(weights[1:], covariance[1:], strict=True))) / n
    means = returns[rows(n, 4000, block, 7)].mean(axis=1)
    assert means.var() == pytest.approx(variance, rel=0.08)


def test_bands_hold_what_came_and_tell_how_often_it_would_have_lost() -> None:
    returns = some_returns(mean=0.002)
    found = bands(returns)
    assert found is not None
    total = (np.prod(1 + returns) - 1) * 100
    assert found.return_pct_5 < total < found.return_pct_95
    assert found.max_drawdown_pct_5 < found.max_drawdown_pct_50 < found.max_drawdown_pct_95 < 100
    middle, spread = np.log1p(returns).sum(), np.log1p(returns).std() * math.sqrt(len(returns))
    assert found.return_pct_50 == pytest.approx(np.expm1(middle) * 100, rel=0.15)
    assert found.loss_probability_pct == pytest.approx(stats.norm.cdf(-middle / spread) * 100, abs=4)


def test_a_steady_gain_has_no_band_and_few_days_none_at_all() -> None:
    steady = bands(np.full(40, 0.01))
    assert steady is not None
    assert steady.return_pct_5 == steady.return_pct_95 == pytest.approx((1.01**40 - 1) * 100)
    assert (steady.max_drawdown_pct_95, steady.loss_probability_pct) == (0.0, 0.0)
    assert bands(np.full(29, 0.01)) is None


def test_the_deepest_fall_counts_from_the_money_that_was_brought() -> None:
    assert bootstrap.deepest_pct(np.array([[0.9, 1.2, 0.6], [1.1, 1.2, 1.3]])).tolist() == pytest.approx([50.0, 0.0])


# ---------------------------------------------------------------- luck


def test_the_example_of_the_deflated_sharpe_ratio_comes_out_as_printed() -> None:
    """Bailey and López de Prado 2014: 5 years of 250 days, Sharpe 2.5 a year, the best of 100 trials whose ratios
    have a variance of 1/2 a year; skewness -3, kurtosis 10. They print 0.1132 and 0.9004."""
    hoped = luck.expected_best(100, 0.5 / 250)
    assert round(hoped, 4) == 0.1132
    daily = 2.5 / math.sqrt(250)
    assert luck.probability_above(hoped, daily, 1250, -3, 10) == pytest.approx(0.9004, abs=0.0001)
    few = luck.expected_best(46, 0.5 / 250)  # after 46 trials it would have been 0.9505, or after 88 of normal returns
    assert luck.probability_above(few, daily, 1250, -3, 10) == pytest.approx(0.9505, abs=0.0001)
    some = luck.expected_best(88, 0.5 / 250)
    assert luck.probability_above(some, daily, 1250, 0, 3) == pytest.approx(0.9505, abs=0.0001)


def test_moments_and_probabilities_are_those_of_scipy() -> None:
    returns = np.random.RandomState(5).standard_t(4, 700) * 0.02 + 0.001
    skew, kurtosis = luck.moments(returns)
    assert skew == pytest.approx(stats.skew(returns))
    assert kurtosis == pytest.approx(stats.kurtosis(returns, fisher=False))
    found = luck.luck(returns)
    assert found is not None
    ratio = returns.mean() / returns.std(ddof=1)
    error = math.sqrt((1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2) / 699)
    assert found.probabilistic == pytest.approx(stats.norm.cdf(ratio / error))
    assert found.deflated == found.probabilistic  # one trial: nothing to deflate


def test_the_best_of_many_without_skill_is_as_good_as_expected_and_is_seen_through() -> None:
    chance = np.random.RandomState(9)
    trials, days = 200, 500
    tried = chance.normal(0, 0.02, (40, trials, days))
    ratios = tried.mean(axis=2) / tried.std(axis=2, ddof=1)
    assert ratios.max(axis=1).mean() == pytest.approx(luck.expected_best(trials, 1 / (days - 1)), rel=0.05)
    best = tried[0, ratios[0].argmax()]
    plain, deflated = luck.luck(best), luck.luck(best, trials=trials)
    assert plain is not None
    assert deflated is not None
    assert plain.deflated > 0.99  # it looks like skill
    assert deflated.deflated < 0.8


def test_no_ratio_no_verdict() -> None:
    assert luck.luck(np.full(50, 0.0)) is None
    assert luck.luck(np.full(50, 0.01)) is None  # not even where rounding leaves a trace of a deviation
    assert luck.luck(some_returns(29)) is None


# ---------------------------------------------------------------- costs


def test_the_run_again_is_charged_twice() -> None:
    seen: list[Simulation] = []

    def run_again(simulation: Simulation) -> tuple[float, int]:
        seen.append(simulation)
        return 9_500.0, 12

    found = stressed(Simulation(fee_pct=d("0.1"), slippage_pct=d("0.05"), fee_in="quote"), 10_000.0, run_again)
    assert seen == [Simulation(fee_pct=d("0.2"), slippage_pct=d("0.1"), fee_in="quote")]
    assert (found.return_pct, found.trades, found.fee_pct, found.slippage_pct) == (pytest.approx(-5.0), 12, 0.2, 0.1)


# ---------------------------------------------------------------- what the model knew

DAYS = np.arange(np.datetime64("2025-06-01"), np.datetime64("2025-08-30"))
EQUITY = np.concatenate((np.linspace(101, 150, 45), np.linspace(149, 120, 45)))


def bought(day: int, profit: int) -> object:
    return a_trade(opened_at=datetime(2025, 7, day, 12, tzinfo=UTC), profit_loss=d(profit))


def test_days_that_the_model_knows_are_told_apart_from_those_it_does_not() -> None:
    trades = [bought(1, 50), bought(15, 7), bought(16, -30)]
    found = split(["chat"], {"chat": "2025-07-15"}, DAYS, EQUITY, 100.0, trades)  # type: ignore[arg-type]
    assert found is not None
    assert (found.known_until, found.within.days, found.after.days) == ("2025-07-15", 45, 45)
    assert (found.within.return_pct, found.after.return_pct) == (pytest.approx(50.0), pytest.approx(-20.0))
    assert (found.within.trades, found.within.profit_loss) == (2, 57.0)
    assert (found.after.trades, found.after.profit_loss) == (1, -30.0)
    assert found.after.max_drawdown_pct == pytest.approx(20.0)
    assert found.within.sharpe_ratio is not None


def test_of_several_models_the_one_that_knows_most_counts_and_an_unlisted_one_knows_all() -> None:
    known = {"old": "2024-01-01", "new": "2025-08-01"}
    both = split(["old", "new"], known, DAYS, EQUITY, 100.0, [])
    assert both is not None
    assert both.known_until == "2025-08-01"
    assert both.within.days == (date(2025, 8, 1) - date(2025, 6, 1)).days + 1
    stranger = split(["new", "other"], known, DAYS, EQUITY, 100.0, [bought(20, 5)])  # type: ignore[list-item]
    assert stranger is not None
    assert (stranger.known_until, stranger.unlisted) == (None, ["other"])
    assert (stranger.within.days, stranger.after.days, stranger.after.return_pct) == (90, 0, 0.0)
    assert (stranger.within.trades, stranger.after.trades) == (1, 0)


def test_where_no_model_was_asked_there_is_nothing_to_split() -> None:
    assert split([], {"chat": "2025-07-15"}, DAYS, EQUITY, 100.0, []) is None
