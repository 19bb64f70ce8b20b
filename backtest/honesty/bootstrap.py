"""How different could it have come? The run's own days, drawn again in blocks. The same seed gives the same bands.

The stationary bootstrap of Politis and Romano (Journal of the American Statistical Association 89, 1994): blocks of
random, geometrically distributed length, so that calm and wild weeks stay together; the last day is followed by the
first.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.performance import MIN_DAYS
from backtest.series import Floats

RESAMPLES = 1000
SEED = 1994
LOW, HIGH = 5, 95  # percentiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """Percentiles over the resamples, in per cent; drawdown on daily equity, positive."""

    resamples: int
    block_days: float
    seed: int
    return_pct_5: float
    return_pct_50: float
    return_pct_95: float
    max_drawdown_pct_5: float
    max_drawdown_pct_50: float
    max_drawdown_pct_95: float
    loss_probability_pct: float  # share of the resamples that ended with less than they began with


def bands(
    returns: Floats, *, resamples: int = RESAMPLES, block_days: float | None = None, seed: int = SEED
) -> Bands | None:
    """Bands of total return and deepest drawdown, from daily returns. None where there are fewer than 30 days.

    `block_days` is the mean length of a block; unless given it is the cube root of the number of days, the order at
    which the variance of a mean is estimated best.
    """
    days = len(returns)
    if days < MIN_DAYS:
        return None
    block = block_days or float(round(days ** (1 / 3)))
    growth: Floats = np.cumprod(1 + returns[rows(days, resamples, block, seed)], axis=1, dtype=np.float64)
    totals = (growth[:, -1] - 1) * 100
    falls = deepest_pct(growth)
    low, middle, high = np.percentile(totals, [LOW, 50, HIGH])
    mild, usual, deep = np.percentile(falls, [LOW, 50, HIGH])
    return Bands(
        resamples=resamples,
        block_days=block,
        seed=seed,
        return_pct_5=float(low),
        return_pct_50=float(middle),
        return_pct_95=float(high),
        max_drawdown_pct_5=float(mild),
        max_drawdown_pct_50=float(usual),
        max_drawdown_pct_95=float(deep),
        loss_probability_pct=float((totals < 0).mean() * 100),
    )


def rows(days: int, resamples: int, block_days: float, seed: int) -> NDArray[np.int64]:
    """Which day stands where: `resamples` × `days` numbers of days."""
    chance = np.random.RandomState(seed)  # its numbers are promised never to change
    begins = chance.random_sample((resamples, days)) < 1 / block_days
    begins[:, 0] = True
    firsts = chance.randint(0, days, (resamples, days))
    places = np.arange(days)
    begun = np.maximum.accumulate(np.where(begins, places, 0), axis=1)
    drawn: NDArray[np.int64] = (np.take_along_axis(firsts, begun, axis=1) + places - begun) % days
    return drawn


def deepest_pct(growth: "NDArray[np.floating[Any]]") -> Floats:
    """Deepest fall of each row from its high so far, the beginning (1) included; positive per cent."""
    highs = np.maximum(np.maximum.accumulate(growth, axis=1), 1.0)
    worst: Floats = np.asarray((1 - growth / highs).max(axis=1) * 100, dtype=np.float64)
    return worst
