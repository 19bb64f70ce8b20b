"""The equity curve, beside what the same money would be worth in bitcoin."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from nicegui import ui

from app.ports import Row
from components import format as words
from components.parts import Text, box

SOFT, LINE, ACCENT = "var(--soft)", "var(--line)", "var(--accent)"  # of the page: light and dark need nothing more
LABELLED = 6  # more marks than these are not written beside each other


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
                self._moved = Text("◆ paid in or taken out", "key").mark("equity-moved")
        self.root.set_visibility(False)

    def show(self, rows: Sequence[Row]) -> None:
        """Rows of equity, oldest first. One point is no curve."""
        self.root.set_visibility(len(rows) > 1)
        if len(rows) < 2:
            return
        self._words.say(in_words(rows))
        self._moved.set_visibility(any(map(moved_in, rows)))
        self._chart.options.clear()
        self._chart.options.update(options(rows))
        self._chart.update()


def in_words(rows: Sequence[Row]) -> str:
    """+$128.40 (+1.28 %); bitcoin +3.10 %; lowest $9,950.00. What was paid in or taken out is no part of the result."""
    moves = [moved for row in rows if (moved := moved_in(row))]
    result = Decimal(rows[-1]["equity"]) - Decimal(rows[0]["equity"]) - sum(moves)
    held = _change(Decimal(rows[0]["price"]), Decimal(rows[-1]["price"]))
    lowest = min(Decimal(row["equity"]) for row in rows)
    share = _change(own_of(rows[0]), own_of(rows[-1]))
    text = f"{words.signed_money(result)} ({words.signed_pct(share)}) · bitcoin {words.signed_pct(held)}"
    text += f" · lowest {words.money(lowest)}"
    return f"{text} · without {paid_words(moves)}" if moves else text


def paid_words(moves: Sequence[Decimal]) -> str:
    """$500.00 paid in and $20.00 taken out."""
    paid = sum(moved for moved in moves if moved > 0)
    taken = -sum(moved for moved in moves if moved < 0)
    parts = ((paid, "paid in"), (taken, "taken out"))
    return " and ".join(f"{words.money(Decimal(amount))} {how}" for amount, how in parts if amount)


def moved_in(row: Row) -> Decimal:
    """What came or went since the row before."""
    return Decimal(row.get("moved") or 0)


def own_of(row: Row) -> Decimal:
    """What trading alone made of the money."""
    return Decimal(row.get("own") or row["equity"])


def options(rows: Sequence[Row]) -> dict[str, Any]:
    """For ECharts: two lines over time, and a mark where money came or went."""
    own = [[row["at"], round(float(row["equity"]), 2)] for row in rows]
    held = [[row["at"], round(worth, 2)] for row, worth in zip(rows, held_instead(rows), strict=True)]
    plain = {"type": "line", "showSymbol": False, "animation": False}
    return {
        ":useUTC": "window.traderTimes.utc",
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
            {
                **plain, "name": "equity", "data": own, "lineStyle": {"width": 2}, "color": ACCENT,
                **({"markPoint": marks(rows)} if any(map(moved_in, rows)) else {}),
            },
        ],
    }  # fmt: skip


def held_instead(rows: Sequence[Row]) -> list[float]:
    """The same money in bitcoin: what was paid in bought some at that time's price, what was taken out sold some."""
    quantity, worths = 0.0, []
    for number, row in enumerate(rows):
        price = float(row["price"])
        money = float(row["equity"]) if not number else float(moved_in(row))
        quantity += money / price if price else 0.0
        worths.append(quantity * price)
    return worths


def marks(rows: Sequence[Row]) -> dict[str, Any]:
    """Where money came or went, and how much."""
    found = [
        {"coord": [row["at"], round(float(row["equity"]), 2)], "value": words.signed_money(moved)}
        for row in rows
        if (moved := moved_in(row))
    ]
    label = {"show": len(found) <= LABELLED, "position": "top", "color": SOFT, "fontSize": 11, "formatter": "{c}"}
    return {"symbol": "diamond", "symbolSize": 10, "animation": False, "label": label, "data": found}


def _change(then: Decimal, now: Decimal) -> Decimal:
    return (now - then) / then * 100 if then else Decimal(0)
