"""Pages of tables and charts beside the report of one run: for studies, sensitivity and comparisons. All text is
escaped here; how such a page travels is report_html's.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any

from backtest.report_html import chart as panel
from backtest.report_html import document, heat, warned
from backtest.report_words import MINUS, number

Chart = dict[str, Any]
LONG = 40  # from here on a cell is read, not compared


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
        + "".join(
            f'<td class="{"words" if len(cell(each)) > LONG else "right"}">{escape(cell(each))}</td>' for each in rest
        )
        + "</tr>\n"
        for first, *rest in rows
    )
    return scrolled(
        title, f'<table class="plain"><thead><tr>{head}</tr></thead><tbody>\n{lines}</tbody></table>', meaning
    )


def heat_map(
    title: str, corner: str, across: Sequence[str], rows: Iterable[tuple[str, Sequence[float | None]]], *,
    signed: bool, meaning: str = "",
) -> str:  # fmt: skip
    """A value in each cell, coloured by its size: a gain blue, a loss orange; all orange where less is better.

    `corner` names what stands down and across.
    """
    lines = [*rows]
    strongest = max((abs(each) for _, line in lines for each in line if each is not None), default=0.0)
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in across)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(heat(each, strongest, 2, signed=signed) for each in line)
        + "</tr>\n"
        for name, line in lines
    )
    heads = f"<thead><tr><th>{escape(corner)}</th>{head}</tr></thead>"
    return scrolled(title, f'<table class="months map">{heads}<tbody>\n{body}</tbody></table>', meaning)


def scrolled(title: str, drawn: str, meaning: str) -> str:
    """A table too wide for a phone moves inside its panel; the page does not."""
    told = f'<p class="soft">{escape(meaning)}</p>' if meaning else ""
    return (
        f'<section class="panel"><h2>{escape(title)}</h2>{told}<div class="scroll" tabindex="0" role="region" '
        f'aria-label="{escape(title)}">{drawn}</div></section>\n'
    )


def said(title: str, lines: Iterable[str]) -> str:
    items = "".join(f"<p>{escape(line)}</p>\n" for line in lines)
    return f'<section class="panel"><h2>{escape(title)}</h2>{items}</section>\n'


def cell(value: Any) -> str:
    """1,234 and −1,234.50; a dash where there is nothing to tell."""
    if value is None:
        return "–"
    if isinstance(value, bool | str):
        return str(value)
    return f"{value:,}".replace("-", MINUS) if isinstance(value, int) else number(value)


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
