"""The equity curve, beside what the same money would be worth in bitcoin."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from nicegui import ui

from app.ports import Row
from components import format as words
from components.parts import Text, box

SOFT, LINE, ACCENT = "var(--soft)", "var(--line)", "var(--accent)"  # of the page: light and dark need nothing more


class EquityChart:
    """Says in words what it shows: a picture alone is nothing to a screen reader."""

    def __init__(self) -> None:
        with box("equity-chart", "section").props('aria-label="Equity curve"') as self.root:
            with box("chart-head"):
                Text("Equity", "caption", "h2")
                self._words = Text(classes="soft").mark("equity-words")
            self._chart = ui.echart(options([]), renderer="svg").classes("chart").props('aria-hidden="true"')
            with box("chart-key"):
                Text("— yours", "key yours")
                Text("— the same money in bitcoin", "key held")
        self.root.set_visibility(False)

    def show(self, rows: Sequence[Row]) -> None:
        """Rows of equity, oldest first. One point is no curve."""
        self.root.set_visibility(len(rows) > 1)
        if len(rows) < 2:
            return
        self._words.say(in_words(rows))
        self._chart.options.clear()
        self._chart.options.update(options(rows))
        self._chart.update()


def in_words(rows: Sequence[Row]) -> str:
    """+$128.40 (+1.28 %); bitcoin +3.10 %; lowest $9,950.00."""
    first, last = Decimal(rows[0]["equity"]), Decimal(rows[-1]["equity"])
    result, held = last - first, _change(Decimal(rows[0]["price"]), Decimal(rows[-1]["price"]))
    lowest = min(Decimal(row["equity"]) for row in rows)
    own = f"{words.signed_money(result)} ({words.signed_pct(_change(first, last))})"
    return f"{own} · bitcoin {words.signed_pct(held)} · lowest {words.money(lowest)}"


def options(rows: Sequence[Row]) -> dict[str, Any]:
    """For ECharts: two lines over time."""
    own = [[row["at"], round(float(row["equity"]), 2)] for row in rows]
    share = float(rows[0]["equity"]) / float(rows[0]["price"]) if rows and float(rows[0]["price"]) else 0.0
    held = [[row["at"], round(float(row["price"]) * share, 2)] for row in rows]
    plain = {"type": "line", "showSymbol": False, "animation": False}
    return {
        "grid": {"left": 8, "right": 24, "top": 12, "bottom": 4, "containLabel": True},
        "tooltip": {
            "trigger": "axis", "confine": True, "backgroundColor": "var(--raised)", "borderColor": "var(--line)",
            "textStyle": {"color": "var(--text)", "fontSize": 13},
        },
        "xAxis": {"type": "time", "axisLabel": {"color": SOFT, "hideOverlap": True}, "axisLine": {"show": False}},
        "yAxis": {
            "type": "value", "scale": True, "axisLabel": {"color": SOFT}, "splitLine": {"lineStyle": {"color": LINE}},
        },
        "series": [
            {**plain, "name": "in bitcoin", "data": held, "lineStyle": {"width": 1.2, "type": "dashed"}, "color": SOFT},
            {**plain, "name": "equity", "data": own, "lineStyle": {"width": 2}, "color": ACCENT},
        ],
    }  # fmt: skip


def _change(then: Decimal, now: Decimal) -> Decimal:
    return (now - then) / then * 100 if then else Decimal(0)
