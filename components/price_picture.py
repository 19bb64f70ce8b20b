"""The price chart as ECharts is told it: candles, volume, averages and marks in figures. Pure.

Only numbers and words of our own go into it: no text from outside. Colours are the page's variables, so that light and
dark need nothing more.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.core.model import Candle
from components.insights_parts import shown

SHOWN = 90  # candles at first; the others lie to the left
AVERAGES = {"short": "var(--line-a)", "medium": "var(--line-b)", "long": "var(--line-c)"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What is drawn upon the candles: (when, price) of entries and exits, stops, and news as (when, how grave)."""

    entries: Sequence[tuple[datetime, Decimal]] = ()
    exits: Sequence[tuple[datetime, Decimal]] = ()
    stops: Sequence[Decimal] = ()
    news: Sequence[tuple[datetime, str]] = ()
    averages: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    averages_end: datetime | None = None  # the candle of their newest value


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
            _candles(candles, lines(price, marks.stops)),
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


def _candles(candles: Sequence[Candle], drawn: list[dict[str, Any]]) -> dict[str, Any]:
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
        "markLine": {"symbol": "none", "silent": True, "animation": False, "data": drawn},
    }


def lines(price: Decimal | None, stops: Sequence[Decimal]) -> list[dict[str, Any]]:
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
