"""The price as candles, with averages, entries, exits, the stops of open positions and marks where news came.

Only numbers and words of our own go into the chart: no text from outside.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from nicegui import ui

from app.core.errors import StoreError
from app.core.model import Candle, Position
from app.ports import Row, Status
from components import format as words
from components.doors import Doors
from components.insights_parts import at_of, shown
from components.parts import Choice, Loader, Text, box

CANDLES = 240  # asked for, and kept in the browser
SHOWN = 90  # of them at first
TRADES = 200
AGAIN_SECONDS = 10.0  # at most so often a chart is sent anew
REST_SECONDS = 1.0  # between two pictures, however much happens
PRICE_SECONDS = 1.0  # and its price line moved
AVERAGES = {"short": "var(--line-a)", "medium": "var(--line-b)", "long": "var(--line-c)"}
HINT = "Drag to move, pinch or Ctrl and wheel to zoom; tap a candle for its figures."


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What is drawn upon the candles: (when, price) of entries and exits, stops, and news as (when, how grave)."""

    entries: Sequence[tuple[datetime, Decimal]] = ()
    exits: Sequence[tuple[datetime, Decimal]] = ()
    stops: Sequence[Decimal] = ()
    news: Sequence[tuple[datetime, str]] = ()
    averages: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    averages_end: datetime | None = None  # the candle of their newest value


class PriceChart:
    def __init__(self, doors: Doors, told: Callable[[], None]) -> None:
        """`told` hears that `candles` are newer ones."""
        self._doors, self._told, self._timeframe = doors, told, ""
        self.candles: Sequence[Candle] = ()  # of the strategies' own time frame, where those are shown
        self.insights: Row = {}
        self.news: Sequence[Row] = ()
        self._minute: datetime | None = None
        self._loaded_at = self._priced_at = float("-inf")
        self._price: Decimal | None = None
        self._stops: list[Decimal] = []
        self._stands = False
        with box("insight insight-chart", "section").props('aria-label="Price chart"').mark("insight-chart"):
            with box("chart-head"):
                Text("Price", "caption", "h2")
                choices = {"": "As voted on", "1m": "1 m", "1h": "1 h", "4h": "4 h"}
                Choice("Length of a candle", choices, "", self._choose)
            self._place = box("chart-place")
            self._make()
            self._said = Text(classes="soft chart-words", tag="p").mark("chart-words")
            _legend()
            self._loader = Loader(doors.tasks, self._load, "the price chart")

    def update(self, status: Status) -> None:
        """A new minute is a new picture; a new price moves its line."""
        now = self._doors.clock.monotonic()
        minute = status.market_at.replace(second=0, microsecond=0) if status.market_at else None
        if minute != self._minute and now - self._loaded_at >= AGAIN_SECONDS:
            self._minute, self._loaded_at = minute, now
            self._loader.want()
        elif self._stands and status.price != self._price and now - self._priced_at >= PRICE_SECONDS:
            self._price, self._priced_at = status.price, now
            line = {"id": "candles", "markLine": {"data": _lines(status.price, self._stops)}}
            self._chart.run_chart_method("setOption", {"series": [line]})

    def redraw(self) -> None:
        """Something else than the market has changed."""
        self._loader.want()

    def _choose(self, timeframe: str) -> None:
        self._timeframe = timeframe
        self._make()
        self._loader.want()

    def _make(self) -> None:
        """At once, still empty: the browser fetches what it draws with while the candles are read."""
        self._stands = False
        self._place.clear()
        with self._place:
            self._chart = ui.echart(options([], Marks(), None), renderer="svg").classes("price-chart")
            self._chart.props("role=img")
        self._chart.on("chart:finished", self._standing, [], throttle=1.0)

    def _standing(self) -> None:
        self._stands = True

    async def _load(self) -> None:
        if self._stands:
            await self._doors.clock.sleep(REST_SECONDS)
        timeframe = self._timeframe
        candles = list(await self._doors.candles(timeframe or None, CANDLES))
        if not timeframe:
            self.candles = candles
            self._told()
        trades = await self._trades(candles)
        if timeframe != self._timeframe:
            return
        status, held = self._doors.view.status(), self._doors.view.positions()
        marks = self._marks(trades, held, own=not timeframe)
        self._stops = [each.stop_price for each in held if each.stop_price is not None]
        drawn = options(candles, marks, status.price)
        if self._stands and self._chart.options["xAxis"][0]["data"]:
            del drawn["dataZoom"]  # a person may have zoomed: what is not said again stays
        self._chart.options.clear()
        self._chart.options.update(drawn)
        self._chart.update()
        said = chart_words(candles)
        self._said.say(said)
        self._chart.props["aria-label"] = said

    async def _trades(self, candles: Sequence[Candle]) -> Sequence[Row]:
        if not candles:
            return ()
        try:
            return (await self._doors.reader.list("trades", TRADES, 0, since=candles[0].opened_at))[0]
        except StoreError:
            return ()  # the candles are worth showing without them

    def _marks(self, trades: Sequence[Row], held: Sequence[Position], *, own: bool) -> Marks:
        curves = (self.insights.get("indicators") or {}).get("curves", {}) if own else {}
        return Marks(
            entries=[
                *((when, Decimal(each["entry_price"])) for each in trades if (when := at_of(each["opened_at"]))),
                *((each.opened_at, each.entry_price) for each in held),
            ],
            exits=[(when, Decimal(each["exit_price"])) for each in trades if (when := at_of(each["closed_at"]))],
            stops=[each.stop_price for each in held if each.stop_price is not None],
            news=[(when, each["severity"]) for each in self.news if (when := at_of(each["published_at"]))],
            averages={name: curves[f"average_{name}"] for name in AVERAGES if f"average_{name}" in curves},
            averages_end=at_of(self.insights.get("candle_at")),
        )


def chart_words(candles: Sequence[Candle]) -> str:
    """The picture in a sentence."""
    if not candles:
        return "No candles are known yet."
    low, high = min(each.low for each in candles), max(each.high for each in candles)
    change = (candles[-1].close - candles[0].open) / candles[0].open * 100
    span = words.duration(candles[-1].closed_at - candles[0].opened_at)
    return (
        f"{span}: {words.signed_pct(change, 1)}, lowest {words.money(low)}, highest {words.money(high)}, "
        f"candles of {words.duration(candles[-1].closed_at - candles[-1].opened_at)}. {HINT}"
    )


def _legend() -> None:
    with box("legend", "ul").props('aria-label="Legend"'):
        for kind, text in (
            ("key-entry", "bought"),
            ("key-exit", "sold"),
            ("key-stop", "stop"),
            ("key-news", "news"),
            ("key-short", "short average"),
            ("key-medium", "medium"),
            ("key-long", "long"),
        ):
            with box("", "li"):
                box(f"mark-key {kind}", "span").props("aria-hidden=true")
                Text(text)


# ---------------------------------------------------------------- what ECharts is told


def options(candles: Sequence[Candle], marks: Marks, price: Decimal | None) -> dict[str, Any]:
    times = [each.opened_at for each in candles]
    names = [_name(at) for at in times]
    seconds = candles[-1].seconds if candles else 0
    return {
        "animation": False,
        "grid": [
            {"left": 4, "right": 58, "top": 8, "height": "68%"},
            {"left": 4, "right": 58, "top": "78%", "height": "12%"},
        ],
        "axisPointer": {"link": [{"xAxisIndex": "all"}], "label": {"show": False}},
        "tooltip": _tooltip(),
        "xAxis": [_times(names, 0, seconds), _times(names, 1, seconds)],
        "yAxis": _prices(marks.stops),
        "dataZoom": [_zoom(len(candles))],
        "series": [
            _candles(candles, _lines(price, marks.stops)),
            *(_average(name, marks, times) for name in AVERAGES),
            _volume(candles),
            _points("entries", "triangle", 0, "var(--up)", _placed(marks.entries, times, names)),
            _points("exits", "triangle", 180, "var(--accent)", _placed(marks.exits, times, names)),
            _news(marks.news, times, names),
        ],
    }


def _name(at: datetime) -> str:
    return str(int(at.timestamp() * 1000))


def _tooltip() -> dict[str, Any]:
    return {
        "trigger": "axis",
        "confine": True,
        "transitionDuration": 0,
        "axisPointer": {"type": "line", "lineStyle": {"color": "var(--soft)"}},
        "backgroundColor": "var(--raised)",
        "borderColor": "var(--line)",
        "textStyle": {"color": "var(--text)", "fontSize": 13},
        ":formatter": "(points) => window.traderChart.tip(points)",
        ":position": "(at, _, __, ___, size) => window.traderChart.beside(at, size)",
    }


def _times(names: Sequence[str], grid: int, seconds: int) -> dict[str, Any]:
    label = {"show": grid == 1, "color": "var(--soft)", "hideOverlap": True}
    return {
        "type": "category",
        "gridIndex": grid,
        "data": list(names),
        "boundaryGap": True,
        "axisLine": {"lineStyle": {"color": "var(--line)"}},
        "axisTick": {"show": False},
        "axisLabel": {**label, ":formatter": f"(name) => window.traderChart.time(name, {seconds})"},
    }


def _prices(stops: Sequence[Decimal]) -> list[dict[str, Any]]:
    """Prices on the right; the volume and the news have scales of their own, unseen."""
    wanted = [float(stop) for stop in stops]
    return [
        {
            "scale": True,
            "position": "right",
            "axisLabel": {"color": "var(--soft)", "showMinLabel": False, ":formatter": "(at) => at.toLocaleString()"},
            "splitLine": {"lineStyle": {"color": "var(--line)", "opacity": 0.5}},
            ":min": f"(seen) => window.traderChart.lowest(seen, {wanted})",
        },
        {"gridIndex": 1, "show": False},
        {"gridIndex": 0, "show": False, "min": 0, "max": 1},
    ]


def _zoom(count: int) -> dict[str, Any]:
    return {
        "type": "inside",
        "xAxisIndex": [0, 1],
        "start": max(0, 100 - 100 * SHOWN / count) if count else 0,
        "end": 100,
        "minValueSpan": 12,
        "zoomOnMouseWheel": "ctrl",
        "moveOnMouseWheel": False,
        "preventDefaultMouseMove": False,
    }


def _candles(candles: Sequence[Candle], lines: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "candles",
        "type": "candlestick",
        "data": [[float(each.open), float(each.close), float(each.low), float(each.high)] for each in candles],
        "itemStyle": {
            "color": "var(--card)",  # a rise is hollow, a fall filled: told apart without colours too
            "borderColor": "var(--up)",
            "color0": "var(--down)",
            "borderColor0": "var(--down)",
        },
        "emphasis": {"disabled": True},
        "markLine": {"symbol": "none", "silent": True, "animation": False, "data": lines},
    }


def _lines(price: Decimal | None, stops: Sequence[Decimal]) -> list[dict[str, Any]]:
    drawn = [_line(float(price), "var(--accent)", "dotted", "var(--ink)")] if price is not None else []
    return [*(_line(float(stop), "var(--danger)", "dashed", "#fff") for stop in stops), *drawn]


def _line(at: float, color: str, kind: str, ink: str) -> dict[str, Any]:
    """With its price on the scale at the right."""
    label = {"formatter": shown(at), "position": "end", "distance": 2, "fontSize": 12, "padding": [3, 4]}
    return {
        "yAxis": at,
        "lineStyle": {"color": color, "type": kind, "width": 1},
        "label": {**label, "color": ink, "backgroundColor": color, "borderRadius": 3},
    }


def _average(name: str, marks: Marks, times: Sequence[datetime]) -> dict[str, Any]:
    values = marks.averages.get(name, ())
    end = times.index(marks.averages_end) if marks.averages_end in times else -1
    first = end + 1 - len(values)
    data = [values[at - first] if end >= at >= max(first, 0) else None for at in range(len(times))] if values else []
    return {
        "id": f"average-{name}",
        "name": f"{name} average",
        "type": "line",
        "data": data,
        "showSymbol": False,
        "lineStyle": {"width": 1.3, "color": AVERAGES[name]},
        "itemStyle": {"color": AVERAGES[name]},
        "emphasis": {"disabled": True},
        "silent": True,
    }


def _volume(candles: Sequence[Candle]) -> dict[str, Any]:
    return {
        "id": "volume",
        "type": "bar",
        "xAxisIndex": 1,
        "yAxisIndex": 1,
        "data": [float(each.volume) for each in candles],
        "itemStyle": {"color": "var(--soft)", "opacity": 0.55},
        "emphasis": {"disabled": True},
    }


def _points(id: str, symbol: str, turned: int, color: str, data: list[list[Any]]) -> dict[str, Any]:
    return {
        "id": id,
        "name": {"entries": "bought", "exits": "sold"}[id],
        "type": "scatter",
        "symbol": symbol,
        "symbolSize": 12,
        "symbolRotate": turned,
        "data": data,
        "itemStyle": {"color": color, "borderColor": "var(--back)", "borderWidth": 1},
        "emphasis": {"disabled": True},
        "z": 5,
    }


def _news(news: Sequence[tuple[datetime, str]], times: Sequence[datetime], names: Sequence[str]) -> dict[str, Any]:
    """One mark a candle, with how many stories; grave ones are filled."""
    found: dict[int, list[str]] = {}
    for at, severity in news:
        place = bisect_right(times, at) - 1
        if place >= 0:
            found.setdefault(place, []).append(severity)
    return {
        "id": "news",
        "name": "news",
        "type": "scatter",
        "yAxisIndex": 2,
        "symbol": "circle",
        "symbolSize": 8,
        "data": [
            {
                "value": [names[place], 0.02, len(each)],
                "itemStyle": {"color": "var(--warn)" if "high" in each else "var(--card)"},
            }
            for place, each in sorted(found.items())
        ],
        "itemStyle": {"borderColor": "var(--warn)", "borderWidth": 1.5},
        "emphasis": {"disabled": True},
        "z": 4,
    }


def _placed(
    points: Sequence[tuple[datetime, Decimal]], times: Sequence[datetime], names: Sequence[str]
) -> list[list[Any]]:
    """On the candle in which each happened; what was before the first is left out."""
    placed = []
    for at, price in points:
        place = bisect_right(times, at) - 1
        if place >= 0:
            placed.append([names[place], float(price)])
    return placed
