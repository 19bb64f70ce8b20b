"""Pages of tables and charts beside the report of one run: for studies, sensitivity and comparisons. All text is
escaped here; how such a page travels is report_html's.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any

from backtest.report_html import chart as panel
from backtest.report_html import document, warned

Chart = dict[str, Any]


def page(kind: str, title: str, warnings: Sequence[str], parts: Iterable[str], charts: Sequence[Chart]) -> str:
    """`parts` hold a panel for each of `charts`."""

    def body() -> Iterator[str]:
        yield f'<main>\n<header><p class="kind">{escape(kind)}</p><h1>{escape(title)}</h1></header>\n'
        yield from warned(warnings)
        yield from parts
        yield "</main>\n"

    return document(f"{kind}: {title}", body(), list(charts), "charts.js")


def drawing(chart: Chart, title: str, meaning: str = "") -> str:
    """The place where a chart is drawn."""
    return panel(chart["id"], escape(title), escape(meaning))


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[Any]], meaning: str = "") -> str:
    """The first column names a row."""
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    lines = "".join(
        f'<tr><th scope="row">{escape(cell(first))}</th>'
        + "".join(f'<td class="right">{escape(cell(each))}</td>' for each in rest)
        + "</tr>\n"
        for first, *rest in rows
    )
    said = f'<p class="soft">{escape(meaning)}</p>' if meaning else ""
    return (
        f'<section class="panel"><h2>{escape(title)}</h2>{said}<div class="scroll" tabindex="0">'
        f'<table class="plain"><thead><tr>{head}</tr></thead><tbody>\n{lines}</tbody></table></div></section>\n'
    )


def said(title: str, lines: Iterable[str]) -> str:
    items = "".join(f"<p>{escape(line)}</p>\n" for line in lines)
    return f'<section class="panel"><h2>{escape(title)}</h2>{items}</section>\n'


def cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool | str | int):
        return str(value)
    return f"{value:,.2f}".replace("-", "−")


def text_table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """The same for a terminal: the first column to the left, the others to the right."""
    cells = [list(heads), *([cell(each) for each in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    return [
        "  ".join(
            each.ljust(width) if column == 0 else each.rjust(width)
            for column, (each, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
