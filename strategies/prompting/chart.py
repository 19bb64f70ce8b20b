"""A chart in lines of words and numbers, as one trader would tell it to another over the phone."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from pandas import DataFrame, Series

from strategies.prompting.measures import (
    CLUSTER,
    Level,
    direction,
    efficiency,
    levels,
    macd_histogram,
    rsi,
    swings,
    true_range,
    wilder,
)

LATEST = 8  # candles that are told one by one
USUAL = 20  # candles whose volume is the usual one
NEAREST = 3  # levels on each side
TURNS = 3  # swing points of each kind
GAP = 0.5  # true ranges between a close and the next open


def chart_lines(candles: DataFrame, price: float, timeframe: str, spans: Sequence[int]) -> list[str]:
    """What is to be seen, the large before the small. `spans`: over how many candles the past is told."""
    close = candles["close"]
    span = max(float(wilder(true_range(candles)).iloc[-1]), 1e-9 * price)
    usual = (true_range(candles) / close).rolling(100, min_periods=1).median().iloc[-1]
    highs, lows = swings(candles)
    return [
        *(_span_line(candles, price, length) for length in spans if length < len(candles)),
        _regime_line(candles),
        _averages_line(close, price),
        _momentum_line(close),
        f"VOLATILITY average true range {span / price * 100:.2f} % a candle, "
        f"{_times(span / price, float(usual))} the usual",
        _volume_line(candles, timeframe),
        _swing_line(highs, lows),
        *_level_lines(highs + lows, price, span),
        _gap_line(candles, span),
        *_candle_lines(candles, span),
    ]


def number(price: float) -> str:
    return f"{price:.0f}" if price >= 1000 else f"{price:.2f}"


def _signed(value: float, digits: int = 1) -> str:
    return f"{round(value, digits) + 0.0:+.{digits}f}"  # + 0.0: no minus before nothing


def _times(value: float, usual: float) -> str:
    return f"{value / usual:.1f}x" if usual > 1e-12 else "1.0x"


def _span_line(candles: DataFrame, price: float, length: int) -> str:
    """Where the price came from and where it stands in the range of these candles."""
    part = candles.iloc[-length:]
    before = float(candles["close"].iloc[-length - 1])
    high, low = float(part["high"].max()), float(part["low"].min())
    place = (price - low) / (high - low) * 100 if high > low else 50.0
    straight = efficiency(candles["close"].to_numpy()[-length - 1 :])
    return (
        f"LAST {length} {_signed((price / before - 1) * 100)} %, straightness {straight:.2f}, "
        f"high {number(high)} ({_signed((high / price - 1) * 100)} %), "
        f"low {number(low)} ({_signed((low / price - 1) * 100)} %), "
        f"price at {min(max(place, 0), 100):.0f} % of the range"
    )


def _regime_line(candles: DataFrame) -> str:
    found = direction(candles)
    side = ""
    if found.regime == "trending":
        side = " up" if found.up > found.down else " down"
    return (
        f"REGIME {found.regime}{side}: ADX {found.adx:.0f} (+DI {found.up:.0f}, -DI {found.down:.0f}), "
        f"efficiency ratio of 20 candles {found.efficiency:.2f}"
    )


def _averages_line(close: "Series[Any]", price: float) -> str:
    means = {length: float(close.iloc[-length:].mean()) for length in (20, 50, 200)}
    told = ", ".join(
        f"{length}: {number(mean)} ({_signed((price / mean - 1) * 100)} %)" for length, mean in means.items()
    )
    short, medium, long = means.values()
    order = "rising order" if short > medium > long else "falling order" if short < medium < long else "mixed order"
    return f"AVERAGES {told}; {order} (in brackets: price against the average)"


def _momentum_line(close: "Series[Any]") -> str:
    strength, histogram = rsi(close), macd_histogram(close) / close * 100
    now, before = float(histogram.iloc[-1]), float(histogram.iloc[-4])
    crossing = next((ago for ago in range(1, 10) if histogram.iloc[-ago - 1] * now < 0), None)
    crossed = f", crossed its signal {crossing} candles ago" if crossing else ""
    way = "rising" if now > before else "falling" if now < before else "flat"
    before_that = f"3 candles ago {strength.iloc[-4]:.0f}, 12 ago {strength.iloc[-13]:.0f}"
    return f"MOMENTUM RSI {strength.iloc[-1]:.0f} ({before_that}); MACD histogram {now:+.3f} % of price, {way}{crossed}"


def _volume_line(candles: DataFrame, timeframe: str) -> str:
    volume = candles["volume"]
    usual = float(volume.iloc[-USUAL - 1 : -1].mean())
    recent, before = float(volume.iloc[-6:].mean()), float(volume.iloc[-30:-6].mean())
    day = candles.iloc[-24:]
    rising = float(day["volume"].where(day["close"] > day["open"], 0.0).sum())
    total = float(day["volume"].sum())
    share = f"{rising / total * 100:.0f} %" if total else "none"
    return (
        f"VOLUME last {timeframe} candle {_times(float(volume.iloc[-1]), usual)} the usual; last 6 candles "
        f"{_times(recent, before)} the 24 before; on rising candles {share} of the last 24"
    )


def _swing_line(highs: list[Level], lows: list[Level]) -> str:
    def told(turns: list[Level]) -> str:
        return ", ".join(f"{number(turn.price)} ({turn.ago} ago)" for turn in turns[:TURNS]) or "none"

    return f"SWINGS newest first: highs {told(highs)}; lows {told(lows)}; {_structure(highs, lows)}"


def _structure(highs: list[Level], lows: list[Level]) -> str:
    if len(highs) < 2 or len(lows) < 2:
        return "too few to tell"
    high = "higher highs" if highs[0].price > highs[1].price else "lower highs"
    low = "higher lows" if lows[0].price > lows[1].price else "lower lows"
    return f"{high} and {low}"


def _level_lines(turns: list[Level], price: float, span: float) -> list[str]:
    """The nearest levels; those touched more than once are worth more."""
    found = levels(turns, CLUSTER * span)
    below = sorted((each for each in found if each.price < price), key=lambda each: -each.price)[:NEAREST]
    above = sorted((each for each in found if each.price > price), key=lambda each: each.price)[:NEAREST]
    return [f"SUPPORT {_levels(below, price)}", f"RESISTANCE {_levels(above, price)}"]


def _levels(found: list[Level], price: float) -> str:
    told = (
        f"{number(each.price)} ({(each.price / price - 1) * 100:+.1f} %, {each.touches} "
        f"touch{'es' if each.touches > 1 else ''}, last {each.ago} ago)"
        for each in found
    )
    return ", ".join(told) or "none in sight"


def _gap_line(candles: DataFrame, span: float) -> str:
    part = candles.iloc[-25:]
    jumps = (part["open"].to_numpy()[1:] / part["close"].to_numpy()[:-1] - 1) * 100
    limit = GAP * span / float(part["close"].iloc[-1]) * 100
    found = [
        f"{'up' if jump > 0 else 'down'} {abs(jump):.1f} % {len(jumps) - 1 - place} ago"
        for place, jump in enumerate(jumps)
        if abs(jump) > limit
    ]
    return f"GAPS in 24 candles: {', '.join(found[-3:]) or 'none'}"


def _candle_lines(candles: DataFrame, span: float) -> list[str]:
    """The newest candles one by one: change, size, where they closed, how busy they were."""
    usual = candles["volume"].shift(1).rolling(USUAL, min_periods=1).mean()
    lines = [
        f"LATEST {LATEST} CANDLES oldest first: change %, range in true ranges, close at % of range, volume, shape"
    ]
    for place in range(len(candles) - LATEST, len(candles)):
        row = candles.iloc[place]
        change = (row["close"] / candles["close"].iloc[place - 1] - 1) * 100
        size = row["high"] - row["low"]
        closed = (row["close"] - row["low"]) / size * 100 if size else 50.0
        busy = _times(float(row["volume"]), float(usual.iloc[place]))
        lines.append(f"{_signed(change, 2)} | {size / span:.1f} | {closed:.0f} | {busy} | {_shape(candles, place)}")
    return lines


def _shape(candles: DataFrame, place: int) -> str:
    """The usual names of candles, where one fits."""
    row, before = candles.iloc[place], candles.iloc[place - 1]
    size = row["high"] - row["low"]
    body = row["close"] - row["open"]
    if not size or abs(body) < 0.1 * size:
        return "doji" if size else "flat"
    upper, lower = row["high"] - max(row["open"], row["close"]), min(row["open"], row["close"]) - row["low"]
    side = "rising" if body > 0 else "falling"
    last = before["close"] - before["open"]
    if body * last < 0 and abs(body) > abs(last) and _covers(row, before):
        return f"{side}, engulfs the one before"
    if lower > 2 * abs(body) and upper < abs(body):
        return f"{side}, long lower shadow"
    if upper > 2 * abs(body) and lower < abs(body):
        return f"{side}, long upper shadow"
    return f"{side}, full body" if abs(body) > 0.8 * size else side


def _covers(row: "pd.Series[Any]", before: "pd.Series[Any]") -> bool:
    top, bottom = max(row["open"], row["close"]), min(row["open"], row["close"])
    return bool(top >= max(before["open"], before["close"]) and bottom <= min(before["open"], before["close"]))
