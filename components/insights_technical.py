"""The indicators as a person reads them: each value with its meaning, a drawing, and what the word means."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from app.core.model import Candle
from app.ports import Row
from components import format as words
from components.insights_parts import (
    Card,
    Drawn,
    Reading,
    Scale,
    bars,
    drawing,
    moment_line,
    next_candle,
    shown,
    signed,
)
from components.parts import Text, box

RSI = (
    "Relative strength index, 0 to 100: how much of the recent movement went up. Low values mean that it fell fast and "
    "may be due for a rebound (oversold), high ones that it rose fast (overbought)."
)
MACD = (
    "Moving average convergence/divergence: a fast average less a slow one, compared with its own average. Bars above "
    "the line mean upward momentum, below it downward; growing bars mean that it gets stronger."
)
AVERAGES = (
    "Moving averages: the mean price of the last candles. When the price stands above the short one, that above the "
    "medium one and that above the long one, the market rises; the other way round it falls."
)
VOLUME = "How much was traded in the last candle, beside the usual. A move on much volume counts for more."
LEVELS = (
    "Support: a price where falls have ended; resistance: one where rises have ended. The regime says whether the "
    "market moves in one direction (trending) or between two prices (ranging). DeepSeek names them; lowest and highest "
    "price are those of the candles themselves."
)
USUAL = 0.7  # of the mean volume, below which it is little
RECENT = 30  # candles, for their lowest and highest price


class Technical:
    """Made once the first readings are there, and then changed in place."""

    def __init__(self) -> None:
        self._card = Card("Technical indicators", "technical")
        self._readings: dict[str, Reading] = {}
        self._when: Drawn | None = None

    def update(self, row: Row, candles: Sequence[Candle]) -> None:
        readings = row.get("indicators") or {}
        known = readings.get("rsi") is not None
        self._card.draw(known or row.get("next_candle_at"), lambda: self._build(row, known=known))
        if known:
            self._show(row, readings)
        seen = candles[-RECENT:]
        span = (min(each.low for each in seen), max(each.high for each in seen)) if seen else None
        levels(self._readings["levels"], row, span)

    def _build(self, row: Row, *, known: bool) -> None:
        self._readings = {}
        if known:
            self._when = Drawn("when")
            names = {"rsi": ("RSI", RSI), "macd": ("MACD", MACD), "averages": ("Averages", AVERAGES)}
            names["volume"] = ("Volume", VOLUME)
            self._readings = {name: Reading(*words_of) for name, words_of in names.items()}
        else:
            Text("No readings yet: the indicators need their first candles.", "soft", "p")
            next_candle(row.get("next_candle_at"))
        self._readings["levels"] = Reading("Support and resistance", LEVELS)

    def _show(self, row: Row, readings: Row) -> None:
        at, price = row.get("candle_at"), row.get("price")
        if self._when is not None:
            self._when.draw(at, lambda: moment_line("As of the candle that opened at ", at))
        rsi(self._readings["rsi"], readings)
        macd(self._readings["macd"], readings)
        averages(self._readings["averages"], readings, float(price) if price is not None else None)
        volume(self._readings["volume"], readings)


def rsi(place: Reading, readings: Row) -> None:
    value, lines = float(readings["rsi"]), readings["settings"]
    low, high = float(lines.get("rsi_oversold", 30)), float(lines.get("rsi_overbought", 70))
    meaning, tone = rsi_words(value, low, high)
    place.say(f"{shown(value, 1)} · {meaning}", tone)
    place.draw((value, low, high), lambda: Scale(0, 100, value, (low, high), ("zone-buy", "zone-sell")))


def rsi_words(rsi: float, low: float, high: float) -> tuple[str, str]:
    """(in words, tone), by the lines that the strategy's owner set."""
    if rsi <= low:
        return f"oversold: may rebound (from {shown(low)} down)", "up"
    if rsi >= high:
        return f"overbought: do not chase (from {shown(high)} up)", "down"
    return f"neutral, between {shown(low)} and {shown(high)}", ""


def macd(place: Reading, readings: Row) -> None:
    values = readings["curves"].get("macd_histogram") or []
    if not values or values[-1] is None:
        place.say("not known")
        return
    meaning, tone = macd_words(values)
    place.say(meaning, tone)
    place.draw(values, lambda: drawing(bars(values), f"MACD histogram of the last {len(values)} candles; {meaning}"))


def macd_words(values: Sequence[float | None]) -> tuple[str, str]:
    now, before = values[-1] or 0.0, next((each for each in values[-2:-1] if each is not None), 0.0)
    if not now:
        return "on its line: no momentum", ""
    side, tone = ("▲ upward", "up") if now > 0 else ("▼ downward", "down")
    if now * before <= 0:
        return f"{side} momentum begins", tone
    return f"{side} momentum {'grows' if abs(now) > abs(before) else 'fades'}", tone


def averages(place: Reading, readings: Row, price: float | None) -> None:
    known = {name: float(value) for name, value in readings["averages"].items() if value is not None}
    place.say(*(alignment(known, price) if known else ("not known", "")))
    lines = {name: (f"{name} average{_candles(readings, name)}", value) for name, value in known.items()}
    if price is not None:
        lines["price"] = ("price now", price)
    place.draw(lines, lambda: _ladder(lines))


def _ladder(lines: dict[str, tuple[str, float]]) -> None:
    """The highest stands on top."""
    with box("ladder", "ol"):
        for name, (label, value) in sorted(lines.items(), key=lambda each: -each[1][1]):
            with box(f"rung rung-{name}", "li"):
                Text(label, "rung-name")
                Text(words.money(Decimal(str(value))), "rung-value")


def _candles(readings: Row, name: str) -> str:
    count = readings["settings"].get(f"average_{name}")
    return f" ({shown(count)} candles)" if count else ""


def alignment(averages: dict[str, float], price: float | None) -> tuple[str, str]:
    """Which is above which, in words, and the tone."""
    order = [averages[name] for name in ("short", "medium", "long") if name in averages]
    if price is not None:
        order.insert(0, price)
    if all(upper > lower for upper, lower in pairwise(order)):
        return "▲ in order: a rising market", "up"
    if all(upper < lower for upper, lower in pairwise(order)):
        return "▼ in reverse order: a falling market", "down"
    long = averages.get("long")
    if long is None or price is None:
        return "mixed: no clear direction", ""
    return f"mixed; the price is {'above' if price > long else 'below'} the long average", ""


def volume(place: Reading, readings: Row) -> None:
    ratio = readings.get("volume_ratio")
    if ratio is None:
        place.say("not known")
        return
    surge = float(readings["settings"].get("volume_surge", 1.5))
    much = "much" if ratio >= surge else "normal" if ratio >= USUAL else "little"
    place.say(f"{shown(ratio, 1)} × the usual · {much}")
    most = max(3.0, surge * 1.5)
    place.draw((ratio, surge), lambda: Scale(0, most, float(ratio), (0, surge), ("zone-none", "zone-much")))


def levels(place: Reading, row: Row, span: tuple[Decimal, Decimal] | None) -> None:
    regime, price = row.get("regime"), row.get("price")
    place.say(f"regime: {regime}" if regime else "")
    named = {name: row.get(name) for name in ("resistance", "support")}

    def build() -> None:
        with box("levels", "ul"):
            for name, level in named.items():
                known = Decimal(str(level)) if level is not None else None
                _level(name.capitalize(), known, price, "not named by DeepSeek")
            if span is not None:
                _level(f"Highest of the last {RECENT} candles", span[1], price)
                _level(f"Lowest of the last {RECENT} candles", span[0], price)

    place.draw((named, span, price), build)


def _level(name: str, level: Decimal | None, price: Any, none: str = "") -> None:
    with box("level", "li"):
        Text(name, "soft")
        if level is None:
            Text(none, "soft")
            return
        away = f" ({signed(float((level - price) / price * 100))} %)" if price else ""
        Text(f"{words.money(level)}{away}")
