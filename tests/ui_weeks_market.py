"""Six weeks of a made-up market and what a simple rule would have bought and sold on it: the past of scene `full`.

Pure and seeded, so that every picture made of it is the same. It proves nothing about any strategy.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from app.core.model import Candle
from tests.builders import d
from tests.fakes_ui import NOW

AT = NOW - timedelta(minutes=18)  # a look at it in the midst of a candle
SEED = 30_771
FOUR_HOURS, WARM_UP, WEEKS = timedelta(hours=4), 220, 6
COUNT = WARM_UP + WEEKS * 7 * 6
FIRST_PRICE, PRICE = 61_900.0, 64_250.5  # at the end the price that every fake says
REST = 8  # candles between two entries
STOP, TRAIL_FROM, TRAIL, FEE = 0.95, 1.03, 0.97, 0.001


def walk(count: int, first: float, last: float, swing: float, seed: int) -> list[float]:
    """`count` closes from `first` to `last`, by chance in between."""
    chance, path, drift = random.Random(seed), [0.0], 0.0
    for _ in range(count - 1):
        drift = 0.7 * drift + chance.gauss(0, swing / 4)
        path.append(path[-1] + drift + chance.gauss(0, swing))
    bridge = (math.log(last / first) - path[-1]) / (count - 1)
    return [first * math.exp(step + bridge * place) for place, step in enumerate(path)]


def candles_of(seconds: int, closes: Sequence[float], seed: int) -> list[Candle]:
    """The newest is still forming at AT."""
    chance = random.Random(seed)
    newest = datetime.fromtimestamp(AT.timestamp() // seconds * seconds, AT.tzinfo)
    found, opened = [], closes[0]
    for back, close in zip(range(len(closes) - 1, -1, -1), closes, strict=True):
        wick = 0.35 * abs(close - opened) + 0.0008 * close
        low, high = min(opened, close) - chance.random() * wick, max(opened, close) + chance.random() * wick
        numbers = [d(f"{value:.2f}") for value in (opened, high, low, close)]
        volume = d(f"{(3 + 9 * chance.random()) * (1 + 40 * abs(close / opened - 1)):.2f}")
        found.append(
            Candle(
                symbol="BTC/USD",
                opened_at=newest - timedelta(seconds=seconds) * back,
                seconds=seconds,
                open=numbers[0],
                high=numbers[1],
                low=numbers[2],
                close=numbers[3],
                volume=volume,
            )
        )
        opened = close
    return found


MARKET = candles_of(14_400, walk(COUNT, FIRST_PRICE, PRICE, 0.0078, SEED), SEED)


def candles(timeframe: str | None, limit: int) -> list[Candle]:
    """As `Doors.candles`: of the strategies' own length, or of another one that ends at the same price."""
    if timeframe in (None, "4h"):
        return MARKET[-limit:]
    seconds = {"1m": 60, "1h": 3600}[timeframe or "1h"]
    swing = 0.0078 * math.sqrt(seconds / 14_400)
    return candles_of(seconds, walk(limit, PRICE * 0.99, PRICE, swing, SEED + seconds), SEED)


def average(count: int, closes: Sequence[float]) -> list[float | None]:
    return [
        round(sum(closes[at + 1 - count : at + 1]) / count, 2) if at + 1 >= count else None for at in range(len(closes))
    ]


def smooth(count: int, values: Sequence[float]) -> list[float]:
    """An exponential average."""
    found = [values[0]]
    for value in values[1:]:
        found.append(found[-1] + (value - found[-1]) * 2 / (count + 1))
    return found


def strength(count: int, closes: Sequence[float]) -> list[float]:
    """Wilder's RSI."""
    up = down = 0.0
    found = [50.0]
    for before, now in pairwise(closes):
        up += (max(now - before, 0) - up) / count
        down += (max(before - now, 0) - down) / count
        found.append(100 * up / (up + down) if up + down else 50.0)
    return found


@dataclass
class Held:
    """What one entry bought; `out` is where it was sold again."""

    at: int
    price: float
    quantity: float
    highest: float
    stop: float
    trailing: bool = False
    out: int = -1
    out_price: float = 0.0
    reason: str = ""

    @property
    def net(self) -> Decimal:
        """The fee is taken in bitcoin, and the rest floored to the step."""
        return d(math.floor(self.quantity * (1 - FEE) * 1e5) / 1e5)

    @property
    def cost(self) -> Decimal:
        return round(d(self.quantity) * d(self.price), 2)

    def worth(self, price: float) -> Decimal:
        return self.net * d(round(price, 2))

    @property
    def result(self) -> Decimal:
        return round(self.worth(self.out_price) * (1 - d(FEE)) - self.cost, 2)


def traded() -> list[Held]:
    """Buys when the price rises through its short average, one entry a candle and four at most."""
    closes = [float(each.close) for each in MARKET]
    short, held, found = average(10, closes), [], []
    for at in range(WARM_UP, len(MARKET)):
        for each in list(held):
            if _sold(each, at, closes, short):
                held.remove(each)
        crossed = closes[at - 1] > (short[at - 1] or 0) and closes[at - 2] <= (short[at - 2] or 0)
        rested = not found or at - found[-1].at > REST
        if crossed and rested and len(held) < 4:
            price = float(MARKET[at].open) * 1.0005
            held.append(Held(at, price, math.floor(500 / price * 1e5) / 1e5, price, price * STOP))
            found.append(held[-1])
    return found


def _sold(each: Held, at: int, closes: Sequence[float], short: Sequence[float | None]) -> bool:
    low, opened = float(MARKET[at].low), float(MARKET[at].open)
    if low <= each.stop and at > each.at:
        each.reason, each.out_price = "trailing_stop" if each.trailing else "stop", min(opened, each.stop) * 0.9995
    elif at - each.at > 3 and not each.trailing and closes[at - 1] < (short[at - 1] or 0) * 0.985:
        each.reason, each.out_price = "vote", opened * 0.9995
    if each.reason:
        each.out = at
        return True
    each.highest = max(each.highest, closes[at])
    if each.highest >= each.price * TRAIL_FROM:
        each.trailing, each.stop = True, max(each.stop, each.highest * TRAIL)
    return False


TRADED = traded()


def equity_at(place: int) -> Decimal:
    """What the account is worth at a candle's close, 10,000 at first."""
    price, worth = float(MARKET[place].close), d(10_000)
    for each in TRADED:
        if each.at <= place:
            worth += each.result if 0 <= each.out <= place else round(each.worth(price) - each.cost, 2)
    return worth


def opened_at(place: int, minutes: int = 1) -> datetime:
    """So long after a candle has opened."""
    return MARKET[place].opened_at + timedelta(minutes=minutes, seconds=place % 50)
