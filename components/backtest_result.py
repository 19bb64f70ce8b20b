"""One finished backtest: warnings first, then figures with their meaning, its files, and its charts on demand."""

from app.ports import Row
from components import backtest_words as told
from components.parts import Button, Text, box

FILES = {
    "report.pdf": "PDF",
    "trades.csv": "Trades CSV",
    "equity.csv": "Equity CSV",
    "result.json": "JSON",
}
MOST_WARNINGS = 8


class Result:
    """The charts are Plotly, some megabytes: they are fetched when they are wanted, shut in a frame of their own."""

    def __init__(self, row: Row) -> None:
        self._row, result = row, row["result"]
        with box("run-result"):
            _warnings(result)
            with box("run-figures"):
                for figure in told.figures(result):
                    with box("cell"):
                        Text(figure.name, "caption").props["title"] = figure.meaning
                        Text(figure.value, f"figure {figure.tone}")
                        Text(figure.meaning, "meaning")
            files = {str(name) for name in row["files"]}
            with box("row-buttons"):
                if "report.html" in files:
                    self._charts = Button("Show charts", self._show, "").mark("show-charts")
                    _link("Open the report", self._at("report.html"), new=True)
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
                page.props["src"] = self._at("report.html")


def _warnings(result: Row) -> None:
    warnings = told.warnings(result)
    if not warnings:
        return
    with box("run-warnings", "section").props('aria-label="Read this first"'):
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
