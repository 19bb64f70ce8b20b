"""report.pdf: a document to hand on. No browser makes it, and the same folder gives the same bytes.

Charts are vectors. Reasons may hold any script: a sign that no font here has is shown as an empty box.
"""

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import CondPageBreak, Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table

from backtest import report_curves as curves
from backtest import report_words as words
from backtest.report import Finished, Row
from backtest.report_honesty import honesty
from backtest.report_pdf_charts import GAIN, INK, LOSS, MOST_SIGNS, RULE, SOFT, charts_of
from backtest.report_pdf_fonts import BOLD, REGULAR, register, safe
from backtest.report_voices import voices

SIDE, FOOT = 18 * mm, 18 * mm
PAD = 6  # of the page frame, which text keeps and tables would not
WIDTH = A4[0] - 2 * SIDE - 2 * PAD
WARN, WARN_BACK, BAND = HexColor("#8a5a00"), HexColor("#fff6e0"), HexColor("#f4f6f9")
FIRST_TRADES, LAST_TRADES = 15, 25
MOST_WORDS = 110
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def style(name: str, size: float, **more: Any) -> ParagraphStyle:
    return ParagraphStyle(
        name, **{"fontName": REGULAR, "fontSize": size, "leading": size * 1.38, "textColor": INK} | more
    )


BODY = style("body", 9)
SMALL = style("small", 7.2)
QUIET = style("quiet", 7.2, textColor=SOFT)
KIND = style("kind", 9, textColor=SOFT)
TITLE = style("title", 16.5, fontName=BOLD, spaceAfter=8)
HEAD = style("head", 11.5, fontName=BOLD, spaceBefore=10, spaceAfter=3)
VALUE = style("value", 14, fontName=BOLD)
NUMBER = style("number", 8, fontName=BOLD, alignment=TA_RIGHT)
RIGHT = style("right", 7.2, alignment=TA_RIGHT)
WARNING = style("warning", 8.6, leftIndent=9, bulletIndent=0, bulletFontName=REGULAR)


def draw(run: Finished, path: Path) -> None:
    """Write the document."""
    register()
    document = SimpleDocTemplate(
        str(path),
        pagesize=A4,
        leftMargin=SIDE,
        rightMargin=SIDE,
        topMargin=16 * mm,
        bottomMargin=FOOT + 4 * mm,
        title=f"Backtest: {words.title(run)}",
        author="bitcoin-autotrader",
        subject=words.PLAIN,
        invariant=1,
        initialFontName=REGULAR,
    )
    document.build(story(run), canvasmaker=numbered(run))


def story(run: Finished) -> list[Flowable]:
    charts = charts_of(run, WIDTH)
    parts: list[Flowable] = [text("Backtest report", KIND), text(words.title(run), TITLE), cards(run), Spacer(1, 7)]
    parts += [text(words.in_short(run), BODY), Spacer(1, 7), warned(words.warnings(run))]
    parts += section(
        "Equity against buy and hold", f"In {words.quote(run)}, at each candle's close; times in UTC.", charts.equity
    )
    parts += section("Drawdown", "How far the equity stood below its last high, in per cent.", charts.underwater)
    parts += section("Return per month", "In per cent of equity, UTC months.", monthly(curves.years(run)))
    parts += section(
        "Price and trades",
        price_told(run),
        charts.price,
    )
    parts += section(
        "Results of the trades", "How many trades ended with which gain or loss, in per cent.", charts.bins
    )
    parts += section(
        "Contribution by strategy", "Each result shared among the strategies that agreed to buy.", charts.voices
    )
    parts += [CondPageBreak(60 * mm), text("Figures and what they mean", HEAD)]
    parts += [figures(group) for group in (*words.groups(run), *voices(run))]
    if checks := honesty(run):
        parts += [CondPageBreak(60 * mm), text("How far to believe it", HEAD)]
        parts += [figures(group) for group in checks]
    parts += trade_list(run)
    parts += section("What was run", "", table_of_facts(run))
    return parts


def text(words_: str, look: ParagraphStyle, **more: Any) -> Paragraph:
    kept = re.sub(r"(?<=\d) %", "\u00a0%", words_)  # a figure and its sign stay on one line
    return Paragraph(safe(escape(kept, quote=False)), look, **more)


def section(title: str, meaning: str, what: Flowable) -> list[Flowable]:
    head: list[Flowable] = [text(title, HEAD)]
    return [KeepTogether([*head, *([text(meaning, QUIET), Spacer(1, 4)] if meaning else []), what])]


def price_told(run: Finished) -> str:
    told = "Triangles: entries. Blue circles: exits with a gain; orange crosses: with a loss."
    if len(run.trades) > MOST_SIGNS:
        return f"{told} Of {len(run.trades):,} trades the {MOST_SIGNS} with the largest results are drawn."
    return f"{told} Dotted: stops." if run.stops else told


def toned(look: ParagraphStyle, sign: int) -> ParagraphStyle:
    if not sign:
        return look
    return ParagraphStyle(f"{look.name}{sign}", parent=look, textColor=GAIN if sign > 0 else LOSS)


def cards(run: Finished) -> Table:
    result, risk, _ = words.groups(run)
    chosen = [*result.figures[1:4], risk.figures[0]]
    cells = [[[text(each.name, QUIET), text(each.value, toned(VALUE, each.tone))] for each in chosen]]
    return Table(
        cells,
        colWidths=[WIDTH / 4] * 4,
        style=[
            ("BACKGROUND", (0, 0), (-1, -1), BAND),
            ("LINEBEFORE", (1, 0), (-1, -1), 3, HexColor("#ffffff")),
            ("TOPPADDING", (0, 0), (-1, -1), 6),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 8),
        ],
    )


def warned(texts: Sequence[str]) -> Table:
    lines: list[Flowable] = [text("Before you trust it", style("warned", 9.5, fontName=BOLD, textColor=WARN))]
    lines += [text(shortened(each, 400), WARNING, bulletText="•") for each in (*texts[:10], words.PLAIN)]
    if len(texts) > 10:
        lines.append(text(f"{len(texts) - 10} more stand in result.json.", WARNING))
    return Table(
        [[lines]],
        colWidths=[WIDTH],
        style=[
            ("BACKGROUND", (0, 0), (-1, -1), WARN_BACK),
            ("BOX", (0, 0), (-1, -1), 0.6, WARN),
            ("TOPPADDING", (0, 0), (-1, -1), 6),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 7),
        ],
    )


def monthly(years: Sequence[curves.Year]) -> Table:
    head = ["Year", *MONTHS, "Whole"]
    rows: list[list[str]] = [head]
    looks: list[tuple[Any, ...]] = [
        ("FONT", (0, 0), (-1, -1), REGULAR, 7.5),
        ("FONT", (-1, 1), (-1, -1), BOLD, 7.5),
        ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
        ("TEXTCOLOR", (0, 0), (-1, 0), SOFT),
        ("INNERGRID", (0, 1), (-1, -1), 2, HexColor("#ffffff")),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
    ]
    strongest = max((abs(cell) for year in years for cell in year.months if cell is not None), default=0.0)
    for place, year in enumerate(years, 1):
        cells = [words.NONE if cell is None else words.number(cell, 1, signed=True) for cell in year.months]
        rows.append([str(year.year), *cells, words.number(year.whole, 1, signed=True)])
        for month, cell in enumerate(year.months, 1):
            if cell is not None and words.tone(cell):
                looks.append(("BACKGROUND", (month, place), (month, place), heat(cell, strongest)))
    return Table(rows, colWidths=[WIDTH * 0.07, *[WIDTH * 0.0705] * 12, WIDTH * 0.084], style=looks)


def heat(cell: float, strongest: float) -> HexColor:
    """From nearly white to half the full colour: the figure in it stays easy to read."""
    full, share = (GAIN if cell > 0 else LOSS), 0.08 + 0.47 * abs(cell) / strongest
    parts = [round((1 - share + share * part) * 255) for part in (full.red, full.green, full.blue)]
    return HexColor("#{:02x}{:02x}{:02x}".format(*parts))


def figures(group: words.Group) -> Flowable:
    explained = any(each.meaning for each in group.figures)
    rows = [
        [text(each.name, SMALL), text(shortened(each.value, 300), toned(NUMBER, each.tone)), text(each.meaning, QUIET)]
        for each in group.figures
    ]
    table = Table(
        rows or [["", "", ""]],
        colWidths=[WIDTH * 0.23, WIDTH * 0.19, WIDTH * 0.58]
        if explained
        else [WIDTH * 0.5, WIDTH * 0.45, WIDTH * 0.05],
        style=[
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("TOPPADDING", (0, 0), (-1, -1), 1.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            ("LEFTPADDING", (0, 0), (0, -1), 0),
            ("LEFTPADDING", (2, 0), (2, -1), 14),
        ],
    )
    title = text(group.title, style("group", 8.6, fontName=BOLD, spaceBefore=5, spaceAfter=1))
    return KeepTogether([title, table])


def trade_list(run: Finished) -> list[Flowable]:
    rows = run.trades
    parts: list[Flowable] = [CondPageBreak(60 * mm), text("Trades", HEAD)]
    if not rows:
        return [*parts, text("No position was closed in this run.", BODY)]
    left_out = max(0, len(rows) - FIRST_TRADES - LAST_TRADES)
    if left_out:
        parts.append(
            text(
                f"The first {FIRST_TRADES} and the last {LAST_TRADES} of {len(rows):,}; {left_out:,} between them are"
                " left out here and stand in trades.csv and report.html.",
                QUIET,
            )
        )
        chosen = [*rows[:FIRST_TRADES], None, *rows[-LAST_TRADES:]]
    else:
        chosen = [*rows]
    sign = words.currency(run)
    head = [text(name, look) for name, look in zip(TRADE_HEADS, (QUIET, QUIET, *[QUIET_RIGHT] * 4, QUIET), strict=True)]
    lines = [head, *[trade_line(row, sign) if row else gap(left_out) for row in chosen]]
    shares = (0.115, 0.115, 0.105, 0.105, 0.105, 0.075, 0.38)
    return [
        *parts,
        Spacer(1, 3),
        Table(
            lines,
            colWidths=[WIDTH * share for share in shares],
            repeatRows=1,
            style=[
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
                ("LEFTPADDING", (0, 0), (-1, -1), 3),
                ("RIGHTPADDING", (0, 0), (-1, -1), 3),
            ],
        ),
    ]


TRADE_HEADS = ("Opened, UTC", "Closed, UTC", "Entry", "Exit", "Result", "%", "Exit by, and why it was bought")
QUIET_RIGHT = style("quiet_right", 7.2, textColor=SOFT, alignment=TA_RIGHT)


def trade_line(row: Row, sign: str) -> list[Flowable]:
    tone = words.tone(row.profit_loss)
    return [
        text(curves.minute(row.opened_ms), SMALL),
        text(curves.minute(row.closed_ms), SMALL),
        text(words.number(row.entry_price), RIGHT),
        text(words.number(row.exit_price), RIGHT),
        text(words.money(row.profit_loss, sign, signed=True), toned(RIGHT, tone)),
        text(words.number(row.profit_loss_pct, signed=True), toned(RIGHT, tone)),
        text(f"{words.reason(row.exit_reason).capitalize()}. {shortened(why(row.reasoning), MOST_WORDS)}", SMALL),
    ]


def gap(left_out: int) -> list[Flowable]:
    return [text("…", SMALL) for _ in TRADE_HEADS[:-1]] + [text(f"{left_out:,} trades left out", QUIET)]


def shortened(words_: str, most: int) -> str:
    return words_ if len(words_) <= most else f"{words_[: most - 1].rsplit(' ', 1)[0].rstrip()}…"


def why(reasoning: str) -> str:
    """Without the vote's arithmetic, which stands in trades.csv and report.html."""
    return reasoning.partition(": buy; ")[2] or reasoning


def table_of_facts(run: Finished) -> Table:
    rows = [[text(name, QUIET), text(value, SMALL)] for name, value in words.what_was_run(run)]
    return Table(
        rows,
        colWidths=[WIDTH * 0.23, WIDTH * 0.77],
        style=[
            ("TOPPADDING", (0, 0), (-1, -1), 1),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
            ("LEFTPADDING", (0, 0), (0, -1), 0),
        ],
    )


def numbered(run: Finished) -> type[Canvas]:
    """A canvas that knows how many pages there are before it writes the first footer."""
    left = (
        f"Data {run.result['data_sha256'][:16]}  ·  bitcoin-autotrader {run.result['version']}  ·  {words.title(run)}"
    )

    class Numbered(Canvas):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.pages: list[dict[str, Any]] = []

        def showPage(self) -> None:  # noqa: N802
            self.pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for place, page in enumerate(self.pages, 1):
                self.__dict__.update(page)
                self.setFont(REGULAR, 7)
                self.setFillColor(SOFT)
                self.drawString(SIDE + PAD, FOOT - 10, safe(left))
                self.drawRightString(A4[0] - SIDE - PAD, FOOT - 10, f"Page {place} of {len(self.pages)}")
                super().showPage()
            super().save()

    return Numbered
