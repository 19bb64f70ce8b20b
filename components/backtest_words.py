"""What a backtest's result.json says, in words that need no dictionary."""

from dataclasses import dataclass
from decimal import Decimal

from app.backtest_figures import shortened
from app.backtest_warnings import in_words
from app.ports import Row
from components import format as words

STATUS = {
    "queued": "Waiting",
    "running": "Running",
    "done": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """`tone` is up, down or flat; `better` says which end is the better one where runs are compared."""

    name: str
    value: str
    meaning: str
    tone: str = "flat"
    raw: float | None = None
    better: int = 0


def figures(result: Row) -> list[Figure]:
    """The figures that matter first."""
    honest = result.get("honesty") or {}
    return [
        _pct(result, "return_pct", "Return", "What the money became, after all fees", signed=True, better=1),
        _pct(result, "buy_and_hold_return_pct", "Bitcoin held", "Buying at the start and keeping it", signed=True),
        _figure("Held, same exposure", honest.get("buy_and_hold_same_exposure_pct"), "%",
                "Holding only as much bitcoin as this run held on average: the fair rival", signed=True),
        _pct(result, "max_drawdown_pct", "Deepest fall", "From a high of the account to the low after it", better=-1),
        _pct(result, "cagr_pct", "Return a year", "The return, as if each year had been alike", signed=True, better=1),
        _figure("Sharpe ratio", result.get("sharpe_ratio"), "",
                "Return for the ups and downs endured; above 1 is good, above 4 hardly true", better=1),
        _figure("Trades", result.get("trades"), "", "Bought and sold again. Below 30, chance has the last word"),
        _pct(result, "win_rate_pct", "Trades won", "Per cent of trades that earned something", better=1),
        _figure("Profit factor", result.get("profit_factor"), "", "Dollars won for each dollar lost", better=1),
        _pct(result, "exposure_time_pct", "Time in the market", "Per cent of the time with bitcoin held"),
        _dollars(result, "fees_paid", "Fees", "Paid to the exchange"),
        _dollars(result, "final_equity", "At the end", "What the account was worth", better=1),
    ]  # fmt: skip


KINDS = {"backtest": "Backtest", "optimize": "Search", "sensitivity": "Sensitivity"}


def headline(row: Row) -> tuple[str, str]:
    """(+12.3 % in 41 trades, tone), or what else came out."""
    result = row["result"]
    if row.get("kind") == "sensitivity":
        return f"{result.get('combinations') or len(result.get('rows') or ())} combinations", "flat"
    if row.get("kind") == "optimize":
        result = result.get("headline") or {}
    gain = Decimal(str(result.get("return_pct") or 0))
    trades = result.get("trades") or 0
    return f"{words.arrow(gain)} {words.signed_pct(gain, 1)} in {trades} trades".strip(), words.tone(gain)


def in_short(figures: Row) -> str:
    """+12.3 %, deepest fall 4.10 %, 41 trades."""
    gain, fall = Decimal(str(figures.get("return_pct") or 0)), Decimal(str(figures.get("max_drawdown_pct") or 0))
    return f"{words.signed_pct(gain, 1)}, deepest fall {words.pct(fall, 1)}, {figures.get('trades') or 0} trades"


def span(row: Row) -> str:
    """BTC/USD:1m · 2023-01-01 to 2023-12-31."""
    result = row.get("result") or {}
    first, last = result.get("start"), result.get("end")
    if first and last:
        return f"{row['data']} · {str(first)[:10]} to {str(last)[:10]}"
    since, until = row.get("since"), row.get("until")
    asked = [f"from {since:%Y-%m-%d}" if since else "", f"until {until:%Y-%m-%d}" if until else ""]
    return " · ".join([str(row["data"]), " ".join(filter(None, asked)) or "everything there is"])


def changes(row: Row) -> str:
    """buy_threshold 55, risk.stop_loss_pct 2.5; or whose settings it ran with."""
    told = ", ".join(f"{path} {value}" for path, value in (row.get("changes") or {}).items())
    if row.get("vary"):
        return f"tried: {', '.join(row['vary'])}"
    return f"changed: {told}" if told else "the trader's own settings"


def best(result: Row) -> list[tuple[str, Row]]:
    """Of a search: settings in words, and what they brought by the exact engine; the best first."""
    found = result.get("best") or ()
    return [(settings(each["changes"]), each) for each in found]


def settings(changes: Row) -> str:
    """rsi_period 14, stop_loss_pct 2.5"""
    names = shortened(list(changes))
    return ", ".join(f"{names[path]} {value}" for path, value in changes.items())


def importance(result: Row) -> list[tuple[str, float]]:
    """How much each setting that was tried matters, 0 to 1, the heaviest first."""
    told = result.get("importance") or {}
    names = shortened(list(told))
    return sorted(((names[path], float(share)) for path, share in told.items()), key=lambda pair: -pair[1])


def warnings(result: Row) -> list[str]:
    """As the report says them."""
    return in_words(str(each) for each in result.get("warnings") or ())


def _pct(result: Row, name: str, title: str, meaning: str, *, signed: bool = False, better: int = 0) -> Figure:
    return _figure(title, result.get(name), "%", meaning, signed=signed, better=better)


def _figure(
    title: str, value: float | int | None, unit: str, meaning: str, *, signed: bool = False, better: int = 0
) -> Figure:
    if value is None:
        return Figure(title, "–", meaning, better=better)
    exact = Decimal(str(value))
    if unit:
        text = words.signed_pct(exact) if signed else words.pct(exact)
    else:
        text = f"{value:,}" if isinstance(value, int) else f"{exact:,.2f}".replace("-", words.MINUS)
    return Figure(title, text, meaning, words.tone(exact) if signed else "flat", float(value), better)


def _dollars(result: Row, name: str, title: str, meaning: str, *, better: int = 0) -> Figure:
    value = result.get(name)
    if value is None:
        return Figure(title, "–", meaning)
    return Figure(title, words.money(Decimal(str(value))), meaning, "flat", float(value), better)
