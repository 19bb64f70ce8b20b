"""Is the Sharpe ratio more than luck? Ratios here are of one day, not annualised.

Bailey and López de Prado: "The Sharpe Ratio Efficient Frontier", Journal of Risk 15 (2012), for the probabilistic,
and "The Deflated Sharpe Ratio", Journal of Portfolio Management 40 (2014), for the deflated one.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from app.core.performance import MIN_DAYS
from backtest.series import Floats

EULER = 0.5772156649015329  # Euler and Mascheroni's constant
NORMAL = NormalDist()
STILL = 1e-12  # a deviation that is only rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Luck:
    """`probabilistic`: probability that the true Sharpe ratio is above 0. `deflated`: that it is above
    `expected_of_luck`, the best that so many trials without any skill may be expected to show."""

    trials: int
    sharpe_daily: float
    expected_of_luck: float
    probabilistic: float
    deflated: float


def luck(returns: Floats, trials: int = 1, variance: float | None = None) -> Luck | None:
    """Of daily returns, after `trials` configurations were tried. None below 30 days or where nothing moved.

    `variance`: of the trials' daily Sharpe ratios. Where it is not known it is taken as 1 / (days − 1): the variance
    of the estimate where there is no skill.
    """
    days = len(returns)
    if days < MIN_DAYS or not (deviation := float(np.std(returns, ddof=1))) > STILL:
        return None
    ratio = float(np.mean(returns)) / deviation
    skew, kurtosis = moments(returns)
    hoped = expected_best(trials, 1 / (days - 1) if variance is None else variance)
    return Luck(
        trials=trials,
        sharpe_daily=ratio,
        expected_of_luck=hoped,
        probabilistic=probability_above(0.0, ratio, days, skew, kurtosis),
        deflated=probability_above(hoped, ratio, days, skew, kurtosis),
    )


def probability_above(benchmark: float, ratio: float, days: int, skew: float, kurtosis: float) -> float:
    """Probability that the true daily Sharpe ratio is above `benchmark`. The normal distribution's `kurtosis` is 3."""
    spread = 1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2
    if spread <= 0:  # possible only with very few, very odd days
        return 1.0 if ratio > benchmark else 0.0
    return NORMAL.cdf((ratio - benchmark) * math.sqrt(days - 1) / math.sqrt(spread))


def expected_best(trials: int, variance: float) -> float:
    """Expected highest daily Sharpe ratio among so many trials that have no skill; 0 for one trial."""
    if trials <= 1:
        return 0.0
    first = NORMAL.inv_cdf(1 - 1 / trials)
    second = NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - EULER) * first + EULER * second)


def moments(returns: Floats) -> tuple[float, float]:
    """Skewness and kurtosis (3 for the normal distribution) with population moments."""
    away = returns - returns.mean()
    second = float((away**2).mean())
    return float((away**3).mean()) / second**1.5, float((away**4).mean()) / second**2
