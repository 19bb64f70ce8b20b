"""compare.html: the figures of several reports side by side, in the same words, and their curves over each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from app.backtest_warnings import sentence
from backtest import pages
from backtest import report_curves as curves
from backtest import report_words as words
from backtest.report import Finished
from backtest.report_honesty import honesty
from backtest.report_html import whole
from backtest.report_voices import voices

# Figures of which more, or less, is better, and where result.json has them. Of the others nothing is marked.
BETTER: dict[str, tuple[int, tuple[str, ...]]] = {
    "Return": (1, ("return_pct",)),
    "Yearly growth": (1, ("cagr_pct",)),
    "Deepest drawdown": (-1, ("max_drawdown_pct",)),
    "Longest drawdown": (-1, ("max_drawdown_days",)),
    "Sharpe ratio": (1, ("sharpe_ratio",)),
    "Sortino ratio": (1, ("sortino_ratio",)),
    "Calmar ratio": (1, ("calmar_ratio",)),
    "Average trade": (1, ("expectancy",)),
    "Profit factor": (1, ("profit_factor",)),
    "Return at dearer trading": (1, ("honesty", "cost_stress", "return_pct")),
    "Better than luck": (1, ("honesty", "deflated_sharpe", "deflated")),
}
MOST_WARNINGS = 4  # of one run
HASH_SIGNS = 16  # are enough to tell two apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One figure of every run. `best`: which of them have the better one, none where they do not compare."""

    name: str
    meaning: str
    values: list[str]
    tones: list[int]
    best: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    title: str
    lines: list[Line]
    kind: str = "number"  # or "said", of what is read


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Finished runs and their names. `said`: why they may not be compared as they stand."""

    names: list[str]
    runs: list[Finished]
    said: list[str]

    def tables(self) -> list[Table]:
        """Every figure of their reports; a dash where one of them does not tell it."""
        each = [
            {group.title: group for group in (*words.groups(run), *voices(run), *honesty(run))} for run in self.runs
        ]
        titles = dict.fromkeys(title for groups in each for title in groups)
        empty = words.Group(title="", figures=[])
        return [self._table(title, [groups.get(title, empty) for groups in each]) for title in titles]

    def _table(self, title: str, groups: Sequence[words.Group]) -> Table:
        each = [{figure.name: figure for figure in group.figures} for group in groups]
        names = dict.fromkeys(name for figures in each for name in figures)
        return Table(title=title, lines=[self._line(name, [figures.get(name) for figures in each]) for name in names])

    def _line(self, name: str, figures: Sequence[words.Figure | None]) -> Line:
        meanings = {figure.meaning for figure in figures if figure}
        return Line(
            name=name,
            meaning=meanings.pop() if len(meanings) == 1 else "",  # what is told of one run is not told of all
            values=[figure.value if figure else words.NONE for figure in figures],
            tones=[figure.tone if figure else 0 for figure in figures],
            best=frozenset() if self.said or name not in BETTER else best(self.runs, *BETTER[name]),
        )


def best(runs: Sequence[Finished], sign: int, path: tuple[str, ...]) -> frozenset[int]:
    """Which runs; none where all are alike or one does not tell it."""
    values = [reached(run.result, path) for run in runs]
    known = [value for value in values if value is not None]
    if len(known) < len(values) or len(set(known)) < 2:
        return frozenset()
    top = max(known, key=lambda value: value * sign)
    return frozenset(place for place, value in enumerate(values) if value == top)


def reached(block: Any, path: tuple[str, ...]) -> float | None:
    for name in path:
        block = block.get(name) if isinstance(block, dict) else None
    return block if isinstance(block, int | float) else None


def page(beside: Beside) -> str:
    charts = [growth(beside), falls(beside)]
    parts = [
        pages.drawing(
            charts[0], "Growth", "Equity since each run began, in per cent; dotted: bitcoin bought and held."
        ),
        pages.drawing(charts[1], "Drawdown", "How far each stood under its own last high, in per cent."),
        *(table(each, beside.names) for each in beside.tables()),
        ran(beside),
    ]
    return pages.page("Comparison", " · ".join(beside.names), warned(beside), parts, charts)


def warned(beside: Beside) -> list[str]:
    """What differs between them, then what each report says first; what all say is said once."""
    each = [words.warnings(run) for run in beside.runs]
    common = [text for text in each[0] if all(text in texts for texts in each)]
    own = [
        f"{name}: {text}"
        for name, texts in zip(beside.names, each, strict=True)
        for text in [text for text in texts if text not in common][:MOST_WARNINGS]
    ]
    said = [sentence(text) for text in beside.said]
    return [*said, *(f"All of them: {text}" for text in common[:MOST_WARNINGS]), *own]


def growth(beside: Beside) -> pages.Chart:
    traces = [
        trace(curves.equity(run), name, scale=1 / float(run.result["initial_cash"]))
        for name, run in zip(beside.names, beside.runs, strict=True)
    ]
    spans = {_span(run) for run in beside.runs}
    shown = set()
    for name, run in zip(beside.names, beside.runs, strict=True):
        line = curves.held(run)
        if _span(run) not in shown and len(line.value):
            shown.add(_span(run))
            title = "Buy and hold" if len(spans) == 1 else f"Held in the days of {name}"
            traces.append({**trace(line, title, scale=1 / float(run.result["initial_cash"])), "held": True})
    return {
        "id": "growth", "traces": traces, "hover": "x unified", "x": {"type": "date"},
        "y": {"ticksuffix": " %", "title": {"text": "since the start"}},
    }  # fmt: skip


def _span(run: Finished) -> tuple[str, ...]:
    return tuple(str(run.result.get(each)) for each in ("data_sha256", "start", "end"))


def trace(line: curves.Line, name: str, scale: float) -> dict[str, Any]:
    per_cent = ((line.value * scale - 1) * 100).round(3).tolist()
    return {"x": line.at_ms.tolist(), "y": per_cent, "mode": "lines", "name": name, "hovertemplate": "%{y:+.2f} %"}


def falls(beside: Beside) -> pages.Chart:
    traces = []
    for name, run in zip(beside.names, beside.runs, strict=True):
        line = curves.underwater(run)
        traces.append(
            {"x": line.at_ms.tolist(), "y": line.value.round(3).tolist(), "mode": "lines", "name": name,
             "hovertemplate": "%{y:.2f} %"}
        )  # fmt: skip
    return {
        "id": "falls", "traces": traces, "hover": "x unified", "x": {"type": "date"}, "height": 260,
        "y": {"ticksuffix": " %", "title": {"text": "below its high"}},
    }  # fmt: skip


def table(given: Table, names: Sequence[str]) -> str:
    drawn = "".join(rows(given, names))
    return pages.scrolled(given.title, drawn, "")


def rows(given: Table, names: Sequence[str]) -> Iterator[str]:
    yield f'<table class="beside" style="--runs:{len(names)}"><thead><tr><td></td>'
    yield "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    yield "<td></td></tr></thead><tbody>\n"
    for line in given.lines:
        yield f'<tr><th scope="row">{escape(line.name)}</th>'
        for place, (value, tone) in enumerate(zip(line.values, line.tones, strict=True)):
            kind = {1: " gain", -1: " loss"}.get(tone, "")
            mark = ' <span class="best" title="the best of them">★</span>' if place in line.best else ""
            yield f'<td class="{given.kind}{kind}">{whole(value)}{mark}</td>'
        yield f'<td class="soft">{whole(line.meaning)}</td></tr>\n'
    yield "</tbody></table>"


def ran(beside: Beside) -> str:
    """What each was: only what they do not have in common needs a look."""
    told = [dict(words.what_was_run(run)) for run in beside.runs]
    plain = [0] * len(told)
    lines = [
        Line(name=name, meaning="", values=[short(name, each.get(name, words.NONE)) for each in told], tones=plain)
        for name in told[0]
    ]
    return table(Table(title="What was run", lines=lines, kind="said"), beside.names)


def short(name: str, value: str) -> str:
    return value[:HASH_SIGNS] if "SHA-256" in name else value


def period(run: Finished) -> tuple[str, str]:
    return words.moment(run.result["start"]), words.moment(run.result["end"])
