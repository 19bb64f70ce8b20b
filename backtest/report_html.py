"""report.html: one file that needs nothing else, no network and no server.

The chart library travels inside, compressed. All text is escaped here or set as text by the page's own script, and
the page's policy lets no other script run and nothing be fetched, so words from outside stay words.
"""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import plotly

from backtest import report_curves as curves
from backtest import report_words as words
from backtest.report import Finished, Row
from backtest.report_honesty import honesty
from backtest.report_voices import voices
from backtest.series import Floats

ASSETS = Path(__file__).with_name("assets")
SPANS = (  # a finger can scroll past the chart; it zooms with these
    '<div class="spans" role="group" aria-label="Part of the price to show">'
    '<button type="button" data-step="-1" aria-label="Earlier">◀</button>'
    '<button type="button" data-days="0" aria-pressed="true">Whole</button>'
    '<button type="button" data-days="91">Quarter</button><button type="button" data-days="30">Month</button>'
    '<button type="button" data-days="7">Week</button><button type="button" data-days="1">Day</button>'
    '<button type="button" data-step="1" aria-label="Later">▶</button></div>'
)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def page(run: Finished) -> str:
    """The whole document."""
    return document(f"Backtest: {words.title(run)}", body(run), drawn(run), "report.js")


def document(title: str, parts: Iterable[str], drawing: Any, script_name: str) -> str:
    """A page of these parts, whose script, one of ours, draws `drawing`."""
    style = (ASSETS / "report.css").read_text(encoding="utf-8")
    script = (ASSETS / script_name).read_text(encoding="utf-8")
    library = (files(plotly) / "package_data" / "plotly.min.js").read_bytes()
    packed = base64.b64encode(gzip.compress(library, 9, mtime=0)).decode()
    policy = (
        f"default-src 'none'; script-src {allowed(script.encode())} {allowed(library)}; "
        "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    return "".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            '<meta name="color-scheme" content="light dark">\n',
            '<meta name="format-detection" content="telephone=no">\n',
            f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n",
            *parts,
            f'<script type="application/json" id="run">{harmless_json(drawing)}</script>\n',
            f'<script type="application/octet-stream" id="plotly">{packed}</script>\n' if drawing else "",
            f"<script>{script}</script>\n</body>\n</html>\n",
        ]
    )


def allowed(script: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"


def harmless_json(value: Any) -> str:
    """Nothing in it can end the element that it stands in."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def body(run: Finished) -> Iterator[str]:
    yield f'<main>\n<header><p class="kind">Backtest report</p><h1>{escape(words.title(run))}</h1></header>\n'
    yield from warned(words.warnings(run))
    yield from headline(run)
    yield chart(
        "price",
        "Price and trades",
        f"In {escape(words.quote(run))}, times in UTC. Triangles are entries; an exit's sign tells why it was sold.",
        SPANS,
    )
    yield chart(
        "equity",
        "Equity against buy and hold",
        f"In {escape(words.quote(run))}; below: how far the equity stood under its last high, in per cent. "
        "Tap a name to hide its line, and the others have the room.",
    )
    yield from monthly(curves.years(run))
    yield '<div class="pair">\n'
    yield chart("results", "Results of the trades", "How many trades ended with which gain or loss.")
    yield chart("voices", "Contribution by strategy", "Each result shared among the strategies that agreed to buy.")
    yield "</div>\n"
    for group in (*words.groups(run), *voices(run)):
        yield from table(group, "figures")
    if checks := honesty(run):
        yield '<h2 id="honesty">How far to believe it</h2>\n'
        for group in checks:
            yield from table(group, "figures")
    yield from trade_list(run)
    yield from ran(run)
    yield "</main>\n"


def warned(texts: Sequence[str]) -> Iterator[str]:
    yield '<section class="warnings" aria-label="Warnings"><h2>Before you trust it</h2><ul>\n'
    for text in (*texts, words.PLAIN):
        yield f"<li>{escape(text)}</li>\n"
    yield "</ul></section>\n"


def headline(run: Finished) -> Iterator[str]:
    result, risk, _ = words.groups(run)
    yield from cards([*result.figures[1:4], risk.figures[0]])
    yield f'<p class="short">{escape(words.in_short(run))}</p>\n'


def cards(figures: Sequence[words.Figure]) -> Iterator[str]:
    """The few figures that matter most, large."""
    yield '<section class="cards" aria-label="In short">\n'
    for figure in figures:
        yield (
            f'<div class="card"><span class="name">{escape(figure.name)}</span>'
            f'<span class="value {tone(figure.tone)}">{whole(figure.value)}</span></div>\n'
        )
    yield "</section>\n"


def whole(text: str) -> str:
    """Escaped; a figure and its sign stay on one line."""
    return re.sub(r"(?<=\d) (?=%|pts\b)", "\u00a0", escape(text))


def tone(sign: int) -> str:
    return {1: "gain", -1: "loss"}.get(sign, "flat")


def chart(name: str, title: str, meaning: str, tools: str = "") -> str:
    return (
        f'<section class="panel"><h2>{title}</h2><p class="soft">{meaning}</p>{tools}'
        f'<div class="chart" id="{name}" role="img" aria-label="{title}"></div>'
        f'<p class="soft note" id="{name}-note"></p></section>\n'
    )


def table(group: words.Group, kind: str) -> Iterator[str]:
    yield f'<section class="panel"><h2>{escape(group.title)}</h2><table class="{kind}"><tbody>\n'
    for figure in group.figures:
        meaning = f'<td class="soft">{whole(figure.meaning)}</td>' if figure.meaning else ""
        yield (
            f'<tr><th scope="row">{escape(figure.name)}</th>'
            f'<td class="number {tone(figure.tone)}">{whole(figure.value)}</td>{meaning}</tr>\n'
        )
    yield "</tbody></table></section>\n"


def monthly(years: Sequence[curves.Year]) -> Iterator[str]:
    yield '<section class="panel"><h2>Return per month</h2><p class="soft">In per cent of equity, UTC months.</p>'
    yield '<div class="scroll" tabindex="0"><table class="months"><thead><tr>'
    yield "".join(f'<th scope="col">{name}</th>' for name in ("Year", "Whole", *MONTHS))
    yield "</tr></thead><tbody>\n"
    strongest = max((abs(cell) for year in years for cell in year.months if cell is not None), default=0.0)
    for year in years:
        cells = "".join(heat(cell, strongest, 1) for cell in year.months)
        all_of_it = f'<td class="whole {tone(words.tone(year.whole))}">{words.number(year.whole, 1, signed=True)}</td>'
        yield f'<tr><th scope="row">{year.year}</th>{all_of_it}{cells}</tr>\n'
    yield "</tbody></table></div></section>\n"


def heat(cell: float | None, strongest: float, digits: int, *, signed: bool = True) -> str:
    """A cell as strong in colour as its value is large. Without signs every value is one that should be small."""
    if cell is None:
        return '<td class="none">·</td>'
    share = round(8 + 47 * abs(cell) / strongest) if strongest and words.tone(cell) else 0
    kind = tone(words.tone(cell) if signed else -1)
    return f'<td class="heat {kind}" style="--share:{share}%">{words.number(cell, digits, signed=signed)}</td>'


def trade_list(run: Finished) -> Iterator[str]:
    yield '<section class="panel" id="trades"><h2>Trades</h2>'
    if not run.trades:
        yield '<p class="soft">No position was closed in this run.</p></section>\n'
        return
    yield (
        '<div class="tools"><label>Search <input type="search" id="search" placeholder="stop, RSI, 2024-03…" '
        'autocomplete="off"></label><label>Sort by <select id="order"></select></label>'
        '<output id="found"></output></div>'
        '<div class="scroll" tabindex="0"><table class="trades"><thead><tr id="heads"></tr></thead>'
        '<tbody id="rows"></tbody></table></div><button id="more" type="button">Show more</button></section>\n'
    )


def ran(run: Finished) -> Iterator[str]:
    yield from listed("What was run", words.what_was_run(run))


def listed(title: str, pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f'<section class="panel"><h2>{escape(title)}</h2><dl>\n'
    for name, value in pairs:
        yield f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>\n"
    yield "</dl></section>\n"


# ---------------------------------------------------------------- what the page's script draws


def drawn(run: Finished) -> dict[str, Any]:
    """Curves, trades and the figures of result.json as the page's script takes them. Times are ms since 1970."""
    price, bins = run.price, curves.bins(run)
    return {
        "result": run.result,
        "sign": words.currency(run),
        "seconds": price.seconds,
        "price": {
            "at": price.ts.tolist(),
            **{name: shorter(getattr(price, name)) for name in ("open", "high", "low", "close")},
        },
        "equity": line(curves.equity(run)),
        "held": line(curves.held(run)),
        "under": line(curves.underwater(run)),
        "bins": {"edges": bins.edges, "counts": bins.counts},
        "voices": [[name, count, round(value, 2)] for name, count, value in words.contributions(run)],
        "stops": [{"at": stop.at_ms, "price": stop.price} for stop in curves.stops(run)],
        "trades": trades(run.trades),
    }


def line(curve: curves.Line) -> dict[str, list[Any]]:
    return {"at": curve.at_ms.tolist(), "value": shorter(curve.value, 3)}


def shorter(values: Floats, digits: int = 2) -> list[float]:
    rounded: list[float] = values.round(digits).tolist()
    return rounded


def trades(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """By column: the names stand there once."""
    return {
        "opened": [row.opened_ms for row in rows],
        "closed": [row.closed_ms for row in rows],
        "entry": [row.entry_price for row in rows],
        "exit": [row.exit_price for row in rows],
        "quantity": [row.quantity for row in rows],
        "fees": [round(row.fees, 4) for row in rows],
        "gain": [round(row.profit_loss, 4) for row in rows],
        "pct": [row.profit_loss_pct for row in rows],
        "reason": [words.reason(row.exit_reason) for row in rows],
        "why": [words.reason_first(row.reasoning) for row in rows],
    }
