"""A pretend bitcoin market: the same seed and start always give the same 1-minute candles.

Volatility comes in clusters, jumps have fat tails, and trends last for hours. It must never be taken for a forecast.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import numpy as np

from app.core.errors import DataError
from app.core.model import Candle
from app.seam import seeded
from backtest.series import COLUMNS, CandleSeries, Floats, ms_of

BLOCK = 1440  # candles made at once
MINUTE = timedelta(minutes=1)
BASE_VOLATILITY = 0.00045  # of one minute’s return; some 50 to 60 % a year with trends and jumps
FAST_MEMORY, FAST_SHOCK = 0.97, 0.13  # clusters of half an hour
SLOW_MEMORY, SLOW_SHOCK = 0.9996, 0.0085  # calm and wild days
JUMPS_A_MINUTE = 3 / 1440
LARGEST_JUMP = 0.025
TREND_MINUTES = (90, 420)
TREND_MOVE = 0.012  # a strong trend's whole move
HOMESICK = 0.7 / (180 * 1440)  # pulls the price back over half a year, so that years do not run away
MEAN_VOLUME = 0.35


@dataclass(slots=True)
class _Weather:
    """What one block hands on to the next."""

    price: float
    fast: float = 0.0
    slow: float = 0.0
    drift: float = 0.0
    trend_left: int = 0


class SimulatedMarket:
    """Successive candles from `start_at`. Making them again from the start is how a restart finds its place."""

    def __init__(
        self, seed: int, start_at: datetime, start_price: Decimal = Decimal(60000), *, symbol: str = "BTC/USDT"
    ) -> None:
        if start_price <= 0:
            raise DataError(f"simulated market: start price {start_price} must be greater than zero")
        self._seed, self._symbol, self._home = seed, symbol, float(start_price)
        self.start_at = start_at.astimezone(UTC).replace(second=0, microsecond=0)
        self._before: dict[int, _Weather] = {}  # what each block began with, as far as the market was ever made

    def candles(self, since: datetime | None = None) -> Iterator[Candle]:
        """Without end, the first one opening at `since` or the next full minute (default: the start)."""
        number, offset = divmod(self._minutes_to(since), BLOCK)
        while True:
            yield from self._exact(number, self._block(number).tolist(), offset)
            number, offset = number + 1, 0

    def series(self, since: datetime, until: datetime) -> CandleSeries:
        """The same as arrays, as far as `until`."""
        first, end = self._minutes_to(since), self._minutes_to(until)
        if end <= first:
            return CandleSeries.empty(self._symbol, 60)
        blocks = range(first // BLOCK, (end - 1) // BLOCK + 1)
        rows = np.concatenate([self._block(number) for number in blocks])[first - blocks[0] * BLOCK :][: end - first]
        ts = ms_of(self.start_at) + 60_000 * np.arange(first, end, dtype=np.int64)
        columns = {name: np.ascontiguousarray(rows[:, at]) for at, name in enumerate(COLUMNS)}
        return CandleSeries(symbol=self._symbol, seconds=60, ts=ts, **columns)

    def _minutes_to(self, since: datetime | None) -> int:
        if since is None:
            return 0
        return max(0, math.ceil((since - self.start_at) / MINUTE))

    def _exact(self, number: int, rows: list[list[float]], offset: int) -> Iterator[Candle]:
        at = self.start_at + MINUTE * (number * BLOCK + offset)
        for open_, high, low, close, volume in rows[offset:]:
            yield Candle(
                symbol=self._symbol,
                opened_at=at,
                seconds=60,
                open=Decimal(repr(open_)),
                high=Decimal(repr(high)),
                low=Decimal(repr(low)),
                close=Decimal(repr(close)),
                volume=Decimal(repr(volume)),
            )
            at += MINUTE

    # ------------------------------------------------------------ one block of minutes

    def _block(self, number: int) -> Floats:
        """Rows of open, high, low, close, volume, rounded. Made of what the block before it handed on."""
        known = max((each for each in self._before if each <= number), default=0)
        weather = replace(self._before.get(known, _Weather(self._home)))
        for earlier in range(known, number):
            self._made(earlier, weather)
            self._before[earlier + 1] = replace(weather)
        rows = self._made(number, weather)
        self._before[number + 1] = weather
        return rows

    def _made(self, number: int, weather: _Weather) -> Floats:
        """`weather` is moved on to the block's end."""
        random = seeded((self._seed << 32) ^ number)
        normals = _normals(random, 7)
        jumps = _jumps(random)
        volatility = self._volatility(weather, normals, jumps, number)
        pull = HOMESICK * math.log(self._home / weather.price)
        returns = _trends(random, weather) + pull + volatility * normals[0] + jumps
        closes = np.round(weather.price * np.exp(np.cumsum(returns)), 2)
        opens = np.concatenate(([weather.price], closes[:-1]))
        opens = np.round(opens * (1 + 0.03 * volatility * normals[1]), 2)
        highs = np.round(np.maximum(opens, closes) * (1 + 0.45 * volatility * np.abs(normals[2])), 2)
        lows = np.round(np.minimum(opens, closes) * (1 - 0.45 * volatility * np.abs(normals[3])), 2)
        stir = 0.5 + 0.5 * volatility / BASE_VOLATILITY + np.abs(returns) / BASE_VOLATILITY
        volumes = np.round(MEAN_VOLUME * stir * np.exp(0.7 * normals[4]), 5)
        weather.price = float(closes[-1])
        return np.column_stack((opens, highs, lows, closes, volumes))

    def _volatility(self, weather: _Weather, normals: Floats, jumps: Floats, number: int) -> Floats:
        """One minute's standard deviation: two memories of different length, the hour of day, jumps that stir."""
        fast, slow = weather.fast, weather.slow
        logs = []
        for shock, drift, jump in zip(normals[5].tolist(), normals[6].tolist(), jumps.tolist(), strict=True):
            logs.append(fast + slow)
            fast = FAST_MEMORY * fast + FAST_SHOCK * shock + (0.7 if jump else 0.0)
            slow = SLOW_MEMORY * slow + SLOW_SHOCK * drift
        weather.fast, weather.slow = min(fast, 2.0), slow
        first = self.start_at.hour * 60 + self.start_at.minute + number * BLOCK
        hours = ((first + np.arange(BLOCK)) % 1440) / 60
        busy = 0.2 * np.cos((hours - 15) / 24 * 2 * np.pi)  # busiest while America trades
        return np.asarray(BASE_VOLATILITY * np.exp(np.clip(np.asarray(logs) + busy, -1.8, 1.8)))


def _normals(random: Random, rows: int) -> Floats:
    """Normal numbers made of the seeded stream's bytes (Box and Muller)."""
    count = rows * BLOCK
    raw = np.frombuffer(random.randbytes(count * 8), dtype="<u4").astype(np.float64)
    uniform = (raw + 0.5) / 2**32
    radius = np.sqrt(-2 * np.log(uniform[:count]))
    return np.asarray(radius * np.cos(2 * np.pi * uniform[count:])).reshape(rows, BLOCK)


def _jumps(random: Random) -> Floats:
    """A few leaps a day, most of them small, a rare one of some per cent."""
    jumps = np.zeros(BLOCK)
    minute = random.expovariate(JUMPS_A_MINUTE)
    while minute < BLOCK:
        size = min(LARGEST_JUMP, 0.0012 * random.paretovariate(2.2))
        jumps[int(minute)] = size if random.random() < 0.5 else -size
        minute += 1 + random.expovariate(JUMPS_A_MINUTE)
    return jumps


def _trends(random: Random, weather: _Weather) -> Floats:
    """Drift of each minute: up, down and sideways stretches of an hour and a half to seven hours."""
    drifts = np.zeros(BLOCK)
    minute = 0
    while minute < BLOCK:
        if weather.trend_left == 0:
            weather.trend_left = random.randint(*TREND_MINUTES)
            way = random.choice((-1, -1, 0, 1, 1))
            weather.drift = way * TREND_MOVE * random.uniform(0.4, 1.3) / weather.trend_left
        length = min(weather.trend_left, BLOCK - minute)
        drifts[minute : minute + length] = weather.drift
        weather.trend_left -= length
        minute += length
    return drifts
