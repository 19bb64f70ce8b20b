"""One finished backtest: warnings first, then figures with their meaning, its files, and its charts on demand."""

from app.ports import Row
from components import backtest_words as told
from components.parts import Button, Text, box

FILES = {
    "report.pdf": "PDF",
    "trades.csv": "Trades CSV",
    "equity.csv": "Equity CSV",
    "result.json": "JSON",
    "study.json": "JSON",
    "sensitivity.json": "JSON",
}
REPORTS = ("report.html", "optimize.html", "sensitivity.html")
MOST_WARNINGS = 8


class Result:
    """The charts are Plotly, some megabytes: they are fetched when they are wanted, shut in a frame of their own."""

    def __init__(self, row: Row) -> None:
        self._row, result = row, row["result"]
        with box("run-result"):
            _warnings(result)
            {"optimize": _search, "sensitivity": _neighbours}.get(str(row.get("kind")), _run)(result)
            files = {str(name) for name in row["files"]}
            with box("row-buttons"):
                self._report = next((name for name in REPORTS if name in files), "")
                if self._report:
                    self._charts = Button("Show charts", self._show, "").mark("show-charts")
                    _link("Open the report", self._at(self._report), new=True)
                for name, title in FILES.items():
                    if name in files:
                        _link(title, self._at(name))
            self._frame = box("run-charts")
        self._shown = False

    def _at(self, name: str) -> str:
        return f"/api/v1/backtests/{self._row['id']}/files/{name}"

    def _show(self) -> None:
        self._shown = not self._shown
        self._charts.say("Hide charts" if self._shown else "Show charts")
        self._frame.clear()
        if self._shown:
            with self._frame:
                page = box("", "iframe").props('title="Charts of this backtest" loading=lazy sandbox="allow-scripts"')
                page.props["src"] = self._at(self._report)


def _run(result: Row, *, known: bool = False) -> None:
    """`known`: only what there is something to tell of."""
    with box("run-figures"):
        for figure in told.figures(result):
            if known and figure.raw is None:
                continue
            with box("cell"):
                Text(figure.name, "caption").props["title"] = figure.meaning
                Text(figure.value, f"figure {figure.tone}")
                Text(figure.meaning, "meaning")


def _search(result: Row) -> None:
    """What was found, by the exact engine, and what it hangs on."""
    headline = result.get("headline") or {}
    Text(f"{headline.get('what', '')}".capitalize(), "soft", "p")
    _run(headline, known=True)
    Text("Best settings found", "caption", "h3")
    for settings, figures in told.best(result):
        with box("found"):
            Text(settings, "verdict", "p")
            Text(told.in_short(figures), "soft", "p")
    weights = told.importance(result)
    if weights:
        Text("What the result hangs on", "caption", "h3").props["title"] = IMPORTANCE
        for path, share in weights:
            with box("hangs-on"):
                Text(path)
                with box("bar-track"):
                    box("bar-fill").style(f"width: {share * 100:.0f}%")
                Text(f"{share * 100:.0f}\u00a0%", "soft")


def _neighbours(result: Row) -> None:
    rows = [row for row in result.get("rows") or () if row.get("return_pct") is not None]
    if not rows:
        return
    best, worst = max(rows, key=_return), min(rows, key=_return)
    earned = sum(_return(row) > 0 for row in rows)
    Text(f"{earned} of {len(rows)} combinations earned something.", "verdict", "p")
    for name, row in (("Best", best), ("Worst", worst)):
        Text(f"{name}: {told.settings(row['settings'])}: {told.in_short(row)}", "soft", "p")


def _return(row: Row) -> float:
    return float(row["return_pct"])


IMPORTANCE = "Which part of the differences between the configurations this setting explains"


def _warnings(result: Row) -> None:
    warnings = told.warnings(result)
    if not warnings:
        return
    with box("run-warnings"):
        Text("Read this first", "caption", "h3")
        with box("", "ul"):
            for text in warnings[:MOST_WARNINGS]:
                Text(text, tag="li")
        if len(warnings) > MOST_WARNINGS:
            Text(f"and {len(warnings) - MOST_WARNINGS} more in the report", "soft", "p")


def _link(title: str, address: str, *, new: bool = False) -> None:
    link = Text(title, "button quiet link", "a")
    link.props["href"] = address
    if new:
        link.props("target=_blank rel=noopener")
