"""The bench's candles: two years of invented minutes, the same on every machine.

Three kinds of weather (calm, usual, wild), busier and quieter hours, fat tails, a jump or two a day, ticks of a
cent, a small gap between one close and the next open. Nobody's prices, so that anybody can make them again.
"""

import hashlib
from bisect import bisect_left
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from backtest.series import COLUMNS, CandleSeries

MINUTES = 1_051_200  # two years
SEED = 20261123
FIRST_MS = 1_704_067_200_000  # 2024-01-01
FOLDER = Path(__file__).resolve().parents[2] / ".bench"  # made when it is needed, never committed

SIGMA = np.array([0.00035, 0.00075, 0.0018])  # of a minute's return, by weather
STAYS = np.array([[0.9995, 0.0005, 0.0], [0.0004, 0.9992, 0.0004], [0.0, 0.002, 0.998]])

Floats = NDArray[np.float64]


@cache
def bench_candles() -> CandleSeries:
    """All of them. The order of the draws decides the prices: change nothing here without a new reference."""
    dice = np.random.default_rng(SEED)
    weather = _weather(dice.random(MINUTES))
    hour = np.arange(MINUTES) % 1440
    busy = 1 + 0.35 * np.sin(2 * np.pi * (hour - 780) / 1440)
    moves = SIGMA[weather] * busy * (dice.standard_t(5, MINUTES) / np.sqrt(5 / 3)) * 0.75
    jumps = dice.random(MINUTES) < 1.5 / 1440
    moves = moves + jumps * dice.normal(0, 0.0045, MINUTES)
    moves = moves - 0.5 * moves.var() + 2e-7
    close = np.round(np.exp(np.log(60_000.0) + np.cumsum(moves)), 2)
    gap = dice.normal(0, 0.00002, MINUTES)
    opened = np.concatenate(([60_000.0], np.round(close[:-1] * (1 + gap[1:]), 2)))
    above, below = np.maximum(opened, close), np.minimum(opened, close)
    reach = SIGMA[weather] * busy * 0.75
    high = above * (1 + np.abs(dice.normal(0, 1, MINUTES)) * reach * 0.6)
    low = below * (1 - np.abs(dice.normal(0, 1, MINUTES)) * reach * 0.6)
    volume = np.exp(dice.normal(1.2, 0.9, MINUTES)) * (1 + np.abs(moves) / 0.0006)
    return CandleSeries(
        symbol="BTC/USD",
        seconds=60,
        ts=FIRST_MS + 60_000 * np.arange(MINUTES, dtype=np.int64),
        open=opened,
        high=np.maximum(np.round(high, 2), above),
        low=np.minimum(np.round(low, 2), below),
        close=close,
        volume=np.round(volume, 5),
    )


def _weather(draws: Floats) -> NDArray[np.int64]:
    """A chain of three states, from the usual one on."""
    steps = STAYS.cumsum(1).tolist()
    state, states = 1, []
    for draw in draws.tolist():
        state = min(bisect_left(steps[state], draw), 2)
        states.append(state)
    return np.array(states)


def repeated(series: CandleSeries, times: int) -> CandleSeries:
    """The same prices again and again, time going on: for years that the market does not have."""
    count = len(series)
    columns = {name: np.tile(getattr(series, name), times) for name in COLUMNS}
    ts = series.ts[0] + 60_000 * np.arange(count * times, dtype=np.int64)
    return CandleSeries(symbol=series.symbol, seconds=series.seconds, ts=ts, **columns)


def read(path: Path) -> CandleSeries:
    """What `parquet` wrote."""
    table = pq.read_table(path)
    ts = table["ts"].cast(pa.int64()).to_numpy()
    return CandleSeries(symbol="BTC/USD", seconds=60, ts=ts, **{name: table[name].to_numpy() for name in COLUMNS})


def parquet(series: CandleSeries, name: str) -> Path:
    """The file of that name in the bench's folder, written anew where other candles stand in it."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.parquet"
    digest = hashlib.sha256(b"".join(getattr(series, column).tobytes() for column in COLUMNS)).hexdigest()
    if path.exists() and (pq.read_schema(path).metadata or {}).get(b"sha256") == digest.encode():
        return path
    columns = {"ts": pa.array(series.ts, pa.timestamp("ms", tz="UTC"))}
    columns |= {column: pa.array(getattr(series, column)) for column in COLUMNS}
    table = pa.table(columns).replace_schema_metadata({"sha256": digest})
    pq.write_table(table, path, compression="none")
    return path
