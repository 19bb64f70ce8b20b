"""Finished backtests side by side: each figure in a row, the better one marked where they compare."""

from collections.abc import Sequence

from app.ports import Row
from components import backtest_words as told
from components.parts import Text, box

LEAST = 2
DIFFERENT = (
    "⚠ They are not of the same candles and days: their figures do not compare. Longer candles need a longer warm-up: "
    "give all of them one date to begin with, late enough for each."
)


class Comparison:
    def __init__(self) -> None:
        with box("panel", "section").props('aria-label="Comparison"').mark("comparison") as self.root:
            Text("Side by side", "panel-title", "h2")
            self._words = Text(classes="soft", tag="p")
            with box("table-scroll").props("tabindex=0"):
                self._table = box("compare", "table")
        self.root.set_visibility(False)

    def show(self, rows: Sequence[Row]) -> None:
        """Hidden below two."""
        self.root.set_visibility(len(rows) >= LEAST)
        if len(rows) < LEAST:
            return
        same = len({(row["data"], *_ends(row)) for row in rows}) == 1
        self._words.say("" if same else DIFFERENT)
        self._table.clear()
        with self._table:
            _head(rows)
            with box("", "tbody"):
                for line in zip(*(told.figures(row["result"]) for row in rows), strict=True):
                    _line(line, _best(line) if same else None)


def _head(rows: Sequence[Row]) -> None:
    with box("", "thead"), box("", "tr"):
        Text("", tag="td")
        for row in rows:
            with box("", "th").props("scope=col"):
                Text(f"{row['created_at']:%d %b %H:%M}")
                Text(told.changes(row), "soft")


def _line(line: Sequence[told.Figure], best: float | None) -> None:
    with box("", "tr"):
        Text(line[0].name, tag="th").props("scope=row").props["title"] = line[0].meaning
        for figure in line:
            is_best = best is not None and figure.raw == best
            Text(f"{figure.value} ★" if is_best else figure.value, "best" if is_best else "", "td")


def _best(line: Sequence[told.Figure]) -> float | None:
    """None where there is no better one, or all are alike."""
    known = [figure.raw for figure in line if figure.raw is not None]
    better = line[0].better
    if not better or len(set(known)) < LEAST:
        return None
    return max(known) if better > 0 else min(known)


def _ends(row: Row) -> tuple[object, object]:
    result = row["result"]
    return result.get("start"), result.get("end")
