"""RSI, MACD, moving averages and volume as one opinion. It only reads candles, and never looks ahead.

Two textbook setups are scored for each side, from 0 to 100 points; the better one counts, and the side with
more points gives the opinion. All values are the books' usual ones (Wilder: RSI 14, 30 and 70; Appel: MACD
12, 26, 9; averages 20, 50, 200), not fitted to any data. Points for buying; selling is the mirror:

Following the trend, only while MACD is above its signal line: 15 it is; 20 it crossed within the last 3
candles; 15 close above the long average; 15 medium above long; 10 short above medium; 10 RSI from 50 to 70;
15 a rising candle on 1.5 times the usual volume; less 20 where RSI is 70 or more: do not chase.
Buying the dip, only when RSI was at or below 30 within the last 3 candles: 35 it was; 15 the MACD histogram
rises: the fall slows; 10 a rising candle; 25 close above the long average: a dip, not a downtrend; 15 on
1.5 times the usual volume: sellers give up.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import Series
from ta.trend import MACD, SMAIndicator

from app.core.errors import ConfigError
from strategies.base_strategy import (
    MOST_CANDLES,
    BaseStrategy,
    DataFrame,
    MarketData,
    NewsEvent,
    Option,
    Signal,
    frame,
)

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DECIMALS = 6  # readings are rounded so, before any comparison: a window and a long history then agree
RECENT = 3  # candles, the newest included
WEAKEST = 40  # points below which neither side has a case
SETTLED = 1e-10  # what is left of an average's first value when it counts as forgotten
FLAT = 1e-9  # average move, as part of the price, below which the market stands still


class TechnicalIndicators(BaseStrategy):
    title = "Technical indicators"
    options: ClassVar[dict[str, Option]] = {
        "rsi_period": Option(14, 2, 40),
        "rsi_oversold": Option(30.0, 5, 45),
        "rsi_overbought": Option(70.0, 55, 95),
        "macd_fast": Option(12, 2, 50),
        "macd_slow": Option(26, 3, 60),
        "macd_signal": Option(9, 2, 50),
        "average_short": Option(20, 2, 100),
        "average_medium": Option(50, 3, 200),
        "average_long": Option(200, 4, 400),
        "volume_period": Option(20, 2, 200),
        "volume_surge": Option(1.5, 1, 10),
    }

    def __init__(self, settings: Mapping[str, object] | None = None) -> None:
        super().__init__(settings)
        s = self.settings
        for lower, higher in (
            ("macd_fast", "macd_slow"),
            ("average_short", "average_medium"),
            ("average_medium", "average_long"),
        ):
            if s[lower] >= s[higher]:
                raise ConfigError(f"{self.name}: {lower} is {s[lower]}; use less than {higher}, which is {s[higher]}")
        self.startup_candles = max(type(self).startup_candles, self._warm_up())

    def _warm_up(self) -> int:
        """Candles until the recursive averages have forgotten where they began."""
        s = self.settings
        forgets = [1 / s["rsi_period"], 2 / (s["macd_slow"] + 1)]
        longest = max(math.log(SETTLED) / math.log1p(-alpha) for alpha in forgets)
        longest += math.log(SETTLED) / math.log1p(-2 / (s["macd_signal"] + 1))
        slowest: int = s["average_long"] + RECENT + 1
        return min(MOST_CANDLES, max(math.ceil(longest), slowest))

    def indicators(self, candles: DataFrame) -> DataFrame:
        s = self.settings
        close, volume = candles["close"], candles["volume"]
        macd = MACD(close, s["macd_slow"], s["macd_fast"], s["macd_signal"])
        readings: dict[str, Floats] = {
            "rsi": relative_strength(close.to_numpy(), s["rsi_period"]),
            "macd": macd.macd().to_numpy(),
            "macd_signal": macd.macd_signal().to_numpy(),
            "macd_histogram": macd.macd_diff().to_numpy(),
            "average_short": _average(close, s["average_short"]),
            "average_medium": _average(close, s["average_medium"]),
            "average_long": _average(close, s["average_long"]),
            "volume_ratio": _ratio(volume.to_numpy(), _average(volume, s["volume_period"])),
        }
        readings = {name: np.round(values, DECIMALS) for name, values in readings.items()}
        moves = close.to_numpy() - candles["open"].to_numpy()
        readings["buy_points"] = self._points(readings, close.to_numpy(), moves, up=True)
        readings["sell_points"] = self._points(readings, close.to_numpy(), moves, up=False)
        return DataFrame(readings, index=candles.index)

    def _points(self, readings: dict[str, Floats], close: Floats, moves: Floats, up: bool) -> Floats:
        """Points for buying (`up`) or selling: every comparison turned round, the thresholds mirrored."""
        s, sign = self.settings, 1.0 if up else -1.0
        histogram = sign * readings["macd_histogram"]
        strength = sign * (readings["rsi"] - 50)
        low, high = (s["rsi_oversold"], s["rsi_overbought"]) if up else (s["rsi_overbought"], s["rsi_oversold"])
        stretched = strength >= sign * (high - 50)
        exhausted = _recently(strength <= sign * (low - 50))
        short, medium, long = (sign * readings[f"average_{name}"] for name in ("short", "medium", "long"))
        right_side = sign * close > long
        candle = sign * moves > 0
        busy = readings["volume_ratio"] >= s["volume_surge"]
        trend = (
            15.0
            + 20 * _recently(_crossed(histogram))
            + 15 * right_side
            + 15 * (medium > long)
            + 10 * (short > medium)
            + 10 * ((strength >= 0) & ~stretched)
            + 15 * (candle & busy)
            - 20 * stretched
        )
        turn = 35.0 + 15 * (np.diff(histogram, prepend=np.nan) > 0) + 10 * candle + 25 * right_side + 15 * busy
        return np.maximum(np.where(histogram > 0, trend, 0.0), np.where(exhausted, turn, 0.0))

    def signals(self, candles: DataFrame) -> DataFrame:
        buy, sell = candles["buy_points"].to_numpy(), candles["sell_points"].to_numpy()
        strongest = np.maximum(buy, sell)
        none = (buy == sell) | (strongest < WEAKEST)
        action = np.where(none, 0, np.where(buy > sell, 1, -1))
        confidence = np.where(none, 100 - strongest, strongest)
        return DataFrame({"action": action, "confidence": confidence}, index=candles.index)

    def analyze(self, market_data: MarketData, news_events: Sequence[NewsEvent]) -> Signal:
        recent = frame(market_data).iloc[-RECENT - 1 :]
        rows: list[list[float]] = recent.to_numpy().T.tolist()
        columns = dict(zip(map(str, recent.columns), rows, strict=True))
        now = {name: values[-1] for name, values in columns.items()}
        buy, sell = now["buy_points"], now["sell_points"]
        words = f"{self._words(now, columns)} For buying {buy:.0f} of 100 points, for selling {sell:.0f}."
        strongest = max(buy, sell)
        if buy == sell or strongest < WEAKEST:
            return Signal("HOLD", 100 - strongest, words)
        return Signal("BUY" if buy > sell else "SELL", strongest, words)

    def _words(self, now: dict[str, float], columns: dict[str, list[float]]) -> str:
        """Each reading as a sentence that a person understands."""
        return " ".join(
            (
                self._rsi_words(now["rsi"]),
                _macd_words(columns["macd_histogram"]),
                self._average_words(now),
                self._volume_words(now),
            )
        )

    def _rsi_words(self, rsi: float) -> str:
        s = self.settings
        if rsi <= s["rsi_oversold"]:
            return f"RSI {rsi:.1f}: oversold, sold off fast (at or below {s['rsi_oversold']:g})."
        if rsi >= s["rsi_overbought"]:
            return f"RSI {rsi:.1f}: overbought, bought up fast (at or above {s['rsi_overbought']:g})."
        side = "buyers have the upper hand" if rsi > 50 else "sellers have the upper hand" if rsi < 50 else "balanced"
        return f"RSI {rsi:.1f}: {side}."

    def _average_words(self, now: dict[str, float]) -> str:
        period, long = self.settings["average_long"], now["average_long"]
        distance = (now["close"] / long - 1) * 100
        side = "above" if distance >= 0 else "below"
        short, medium = now["average_short"], now["average_medium"]
        if short > medium > long:
            order = "the averages are in order upward"
        elif short < medium < long:
            order = "the averages are in order downward"
        else:
            order = "the averages are mixed"
        return f"Price {abs(distance):.1f} % {side} its {period}-candle average; {order}."

    def _volume_words(self, now: dict[str, float]) -> str:
        ratio = now["volume_ratio"]
        busy = ratio >= self.settings["volume_surge"]
        candle = "rising" if now["close"] > now["open"] else "falling" if now["close"] < now["open"] else "flat"
        return f"Volume {ratio:.1f} times the usual{f', on a {candle} candle' if busy else ''}."


def relative_strength(close: Floats, period: int) -> Floats:
    """Wilder's RSI, 0-100; 50 where the market stands still. NaN for the first candle."""
    moves = np.diff(close, prepend=np.nan)
    rises, falls = (_wilder(np.where(side > 0, side, 0.0 * side), period) for side in (moves, -moves))
    total = rises + falls
    moving = total > FLAT * close
    rsi = np.divide(100 * rises, total, out=np.full(len(close), 50.0), where=moving)
    return np.where(np.isnan(total), np.nan, rsi)


def _wilder(values: Floats, period: int) -> Floats:
    averaged: Floats = pd.Series(values).ewm(alpha=1 / period, adjust=False).mean().to_numpy()
    return averaged


def _average(values: "Series[Any]", period: int) -> Floats:
    averaged: Floats = SMAIndicator(values, period).sma_indicator().to_numpy()
    return averaged


def _ratio(volume: Floats, usual: Floats) -> Floats:
    """Volume beside its average; 1 where there was none (what a running sum leaves over counts as none)."""
    ratio = np.divide(volume, usual, out=np.ones(len(volume)), where=usual > 1e-9)
    return np.where(np.isnan(usual), np.nan, ratio)


def _crossed(histogram: Floats) -> Flags:
    """Above zero now, and not so one candle before."""
    before = np.concatenate(([np.nan], histogram[:-1]))
    return (histogram > 0) & (before <= 0)


def _recently(flags: Flags) -> Flags:
    """True where it is so, or was within the last candles."""
    seen = flags.copy()
    for back in range(1, RECENT):
        seen[back:] |= flags[:-back]
    return seen


def _macd_words(histogram: list[float]) -> str:
    now = histogram[-1]
    if now == 0:
        return "MACD lies on its signal line: no momentum."
    rising = now > histogram[-2]
    side, way = ("above", "upward") if now > 0 else ("below", "downward")
    ages = [age for age in range(RECENT) if len(histogram) > age + 1 and histogram[-age - 2] * now <= 0]
    if ages:
        when = "with this candle" if ages[0] == 0 else f"{ages[0]} candle{'s' if ages[0] > 1 else ''} ago"
        return f"MACD crossed {side} its signal line {when}: momentum turns {way}."
    grows = "grows" if rising == (now > 0) else "fades"
    return f"MACD {side} its signal line: {way} momentum {grows}."
