"""Candles that processes share: the same numbers, and what one of them writes no other sees."""

import pickle

import numpy as np

from backtest.mapped import mapped
from backtest.series import data_sha256
from tests.histories import series_of
from tests.trading_day import random_candles


def test_shared_candles_are_the_same_and_nobody_can_change_them_for_others() -> None:
    series = series_of(random_candles(5, 600))
    with mapped(series) as shared:
        there = pickle.loads(pickle.dumps(shared))
        one, other = there.series(), there.series()
        assert data_sha256(one) == data_sha256(series)
        assert (one.symbol, one.seconds) == (series.symbol, series.seconds)
        one.close[3] = 1.0
        assert np.array_equal(other.close, series.close)
        assert np.array_equal(there.series().close, series.close)
        part = one[10:20]
    assert not shared.there
    assert np.array_equal(part.open, series.open[10:20]), "what is open stays, when the file is gone"
