"""Candles survive the way through a file and the store digit by digit; longer candles lose nothing."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from app.core.errors import DataError
from backtest import data_commands, history
from backtest.series import COLUMNS, CandleSeries, at_ms

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JANUARY = 1_704_067_200_000  # 2024-01-01, in ms
HEADER = "ts,open,high,low,close,volume\n"
Prices = tuple[Decimal, Decimal, Decimal, Decimal, Decimal]


@some.composite
def a_candle(draw: some.DrawFn) -> Prices:
    """Open, high, low, close of up to 8 decimals, and a volume that may be nothing."""
    places = draw(some.sampled_from((0, 2, 8)))
    prices = sorted(draw(some.lists(some.decimals("0.00000001", 200_000, places=8), min_size=4, max_size=4)))
    low, one, other, high = (max(round(price, places), Decimal(1).scaleb(-places)) for price in prices)
    open_, close = draw(some.permutations((one, other)))
    return open_, high, low, close, draw(some.decimals(0, 100_000, places=8))


@some.composite
def a_day(draw: some.DrawFn) -> dict[int, Prices]:
    """Some minutes with holes between them; two neighbours tell that they are minutes."""
    rows = draw(some.sets(some.integers(2, 1439), max_size=30)) | {0, 1}
    return {JANUARY + row * 60_000: draw(a_candle()) for row in sorted(rows)}


def text_of(candles: dict[int, Prices]) -> str:
    lines = (",".join((str(ts), *(format(price, "f") for price in row))) for ts, row in candles.items())
    return HEADER + "\n".join(lines) + "\n"


@settings(max_examples=40, deadline=None)
@given(day=a_day(), order=some.randoms(use_true_random=False))
def test_what_goes_in_comes_out(day: dict[int, Prices], order: object) -> None:
    with TemporaryDirectory() as folder:
        path, data = Path(folder) / "day.csv", Path(folder) / "data"
        path.write_text(text_of(day))
        data_commands.import_file(path, "BTC/USD", "1m", data, NOW)
        series = history.load("BTC/USD", data)
        assert series.ts.tolist() == list(day)
        for candle, row in zip(history.candles(series), day.values(), strict=True):
            assert (candle.open, candle.high, candle.low, candle.close, candle.volume) == row
        shuffled = list(day.items())
        order.shuffle(shuffled)  # type: ignore[attr-defined]
        path.write_text(text_of(dict(shuffled)))
        again = history.load(str(path), data)
        assert history.data_sha256(again) == history.data_sha256(series)


@settings(max_examples=60, deadline=None)
@given(day=a_day(), minutes=some.sampled_from((1, 5, 15, 60)))
def test_longer_candles_lose_nothing(day: dict[int, Prices], minutes: int) -> None:
    columns = np.array([[float(price) for price in row] for row in day.values()]).T
    series = CandleSeries(
        symbol="BTC/USD", seconds=60, ts=np.array(list(day)), **dict(zip(COLUMNS, columns, strict=True))
    )
    long = history.resample(series, minutes * 60)
    step = minutes * 60_000
    assert not (long.ts % step).any()
    for row, start in enumerate(long.ts.tolist()):
        part = series.between(at_ms(start), at_ms(start + step))
        assert (long.open[row], long.close[row]) == (part.open[0], part.close[-1])
        assert (long.high[row], long.low[row]) == (part.high.max(), part.low.min())
        assert long.volume[row] == pytest.approx(part.volume.sum(), abs=1e-7)
    left_out = series[int(np.searchsorted(series.ts, long.ts[-1] + step)) if len(long) else 0 :]
    assert len(left_out) == 0 or series.ts[-1] + 60_000 < left_out.ts[0] // step * step + step


@settings(max_examples=150, deadline=None)
@given(day=a_day(), at=some.integers(0, 10_000), junk=some.binary(min_size=1, max_size=6))
def test_a_spoilt_file_is_read_or_refused_in_one_line(day: dict[int, Prices], at: int, junk: bytes) -> None:
    raw = text_of(day).encode()
    at %= len(raw)
    with TemporaryDirectory() as folder:
        path, data = Path(folder) / "day.csv", Path(folder) / "data"
        path.write_bytes(raw[:at] + junk + raw[at + len(junk) :])
        refused = ""
        try:
            data_commands.import_file(path, "BTC/USD", "1m", data, NOW)
        except DataError as error:
            refused = str(error)
        if refused:
            assert "day.csv" in refused
            assert "\n" not in refused
            assert not data.exists()
        else:
            assert history.check(history.load("BTC/USD", data)).good
