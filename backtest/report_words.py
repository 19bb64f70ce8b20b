"""The words of a report, the same in both documents: figures with their meaning, warnings, and what was run.

Everything is plain text here; whoever draws it escapes it.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from app.backtest_warnings import in_words
from backtest.report import Finished

MINUS = "−"
NONE = "–"
SIGNS = {"USD": "$", "USDT": "$", "USDC": "$", "BUSD": "$", "EUR": "€", "GBP": "£"}
REASONS = {
    "vote": "sold by vote",
    "stop": "stop",
    "trailing_stop": "trailing stop",
    "manual": "closed by hand",
    "kill_switch": "kill switch",
    "emergency": "emergency",
}
PLAIN = "A simulation with pretend money over past prices. What worked once need not work again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure in words. `tone` is 1 for a gain, -1 for a loss, 0 where it is neither."""

    name: str
    value: str
    meaning: str
    tone: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    title: str
    figures: list[Figure]


def number(value: float | None, digits: int = 2, *, signed: bool = False) -> str:
    """1,234.50 with a real minus sign; an en dash where there is nothing to tell."""
    if value is None:
        return NONE
    text = f"{abs(value):,.{digits}f}"
    if not float(text.replace(",", "")):
        return text
    return f"{MINUS if value < 0 else '+' if signed else ''}{text}"


def percent(value: float | None, digits: int = 2, *, signed: bool = False) -> str:
    return NONE if value is None else f"{number(value, digits, signed=signed)} %"


def money(value: float | None, sign: str, *, signed: bool = False, digits: int = 2) -> str:
    """−$12.30; where the currency has no sign of its own, −12.30 XYZ."""
    if value is None:
        return NONE
    text = number(value, digits, signed=signed)
    if len(sign) > 1:
        return f"{text} {sign}"
    lead = text[0] if text[0] in (MINUS, "+") else ""
    return f"{lead}{sign}{text[len(lead) :]}"


def days(value: float | None) -> str:
    """A length of time in the unit that a person would use."""
    if value is None:
        return NONE
    if value and value < 2:
        return f"{value * 24:.1f} hours"
    return f"{value:,.0f} days" if value else "0 days"


def tone(value: float | None) -> int:
    return 0 if value is None or abs(value) < 0.005 else 1 if value > 0 else -1


def quote(run: Finished) -> str:
    return run.price.symbol.partition("/")[2] or "USD"


def currency(run: Finished) -> str:
    return SIGNS.get(quote(run), quote(run))


def reason_first(text: str) -> str:
    """The reasons before the vote's arithmetic, which says little to whoever looks for why."""
    vote, buys, why = text.partition(": buy; ")
    return f"{why} (the vote: {vote})" if buys and why else text


def reason(word: str) -> str:
    return REASONS.get(word, word.replace("_", " "))


def moment(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}"


def title(run: Finished) -> str:
    start = datetime.fromisoformat(run.result["start"])
    end = datetime.fromisoformat(run.result["end"]) - timedelta(microseconds=1)  # midnight ends the day before
    return f"{run.price.symbol or 'Bitcoin'}, {start:%-d %B %Y} to {end:%-d %B %Y}"


def in_short(run: Finished) -> str:
    """What happened, for somebody who reads nothing else."""
    told, sign = run.result, currency(run)
    gap = told["return_pct"] - told["buy_and_hold_return_pct"]
    compared = f"{abs(gap):.2f} percentage points {'better' if gap > 0 else 'worse'} than holding bitcoin"
    parts = [
        f"The bot turned {money(told['initial_cash'], sign)} into {money(told['final_equity'], sign)}"
        f" ({percent(told['return_pct'], signed=True)}), {compared}"
        f" ({percent(told['buy_and_hold_return_pct'], signed=True)}).",
        f"At worst it stood {percent(told['max_drawdown_pct'])} below its highest point."
        if told["max_drawdown_pct"]
        else "It never stood below its highest point.",
        *fair_rival(told.get("honesty") or {}),
    ]
    if not told["trades"]:
        parts.append("It closed no trade.")
    else:
        many = "1 trade" if told["trades"] == 1 else f"{told['trades']:,} trades"
        parts.append(
            f"It closed {many}, of which {percent(told['win_rate_pct'], 1)} made money, and held bitcoin"
            f" {percent(told['exposure_time_pct'], 1)} of the time. All figures are after fees of"
            f" {money(told['fees_paid'], sign)}."
        )
    return " ".join(parts)


def fair_rival(honesty: dict[str, float]) -> list[str]:
    """Nobody who holds a twentieth of his money in bitcoin earns what one earns who holds all of it."""
    held, exposure = honesty.get("buy_and_hold_same_exposure_pct"), honesty.get("average_exposure_pct")
    if held is None or exposure is None:
        return []
    return [
        f"Of its money {percent(exposure, 1)} was in bitcoin on average; just holding as much would have brought"
        f" {percent(held, signed=True)}."
    ]


def warnings(run: Finished) -> list[str]:
    """In plain words."""
    said = in_words(run.result.get("warnings", []))
    if still := run.result.get("open_positions_at_end"):
        many = "1 position was" if still == 1 else f"{still} positions were"
        said.append(f"{many} still open at the end: counted in the equity at the last price, not among the trades.")
    return said


def groups(run: Finished) -> list[Group]:
    """Every key figure of result.json with a short explanation."""
    return [
        Group(title="Result", figures=outcome(run)),
        Group(title="Risk", figures=risk(run)),
        Group(title="Trading", figures=trading(run)),
    ]


def outcome(run: Finished) -> list[Figure]:
    told, sign = run.result, currency(run)
    ahead = told["return_pct"] - told["buy_and_hold_return_pct"]
    return [
        Figure(
            name="Final equity",
            value=money(told["final_equity"], sign),
            meaning=f"cash and bitcoin at the end; {money(told['initial_cash'], sign)} at the start",
        ),
        Figure(
            name="Return",
            value=percent(told["return_pct"], signed=True),
            meaning="the whole gain or loss, after fees and slippage",
            tone=tone(told["return_pct"]),
        ),
        Figure(
            name="Buy and hold",
            value=percent(told["buy_and_hold_return_pct"], signed=True),
            meaning="bitcoin bought once at the start and sold at the end, with fees",
            tone=tone(told["buy_and_hold_return_pct"]),
        ),
        Figure(
            name="Against holding",
            value=f"{number(ahead, signed=True)} pts",
            meaning="return less that of buy and hold, in percentage points",
            tone=tone(ahead),
        ),
        Figure(
            name="Yearly growth",
            value=percent(told["cagr_pct"], signed=True),
            meaning="the same return as if spread evenly over years (CAGR); – under 30 days",
            tone=tone(told["cagr_pct"]),
        ),
        Figure(name="Fees paid", value=money(told["fees_paid"], sign), meaning="to the exchange, already taken off"),
    ]


def risk(run: Finished) -> list[Figure]:
    told = run.result
    return [
        Figure(
            name="Deepest drawdown",
            value=percent(told["max_drawdown_pct"]),
            meaning="largest fall of equity from a high, over every candle's close",
        ),
        Figure(
            name="Longest drawdown",
            value=days(told["max_drawdown_days"]),
            meaning="longest time below an earlier high, or until the end",
        ),
        Figure(
            name="Recovery",
            value=days(told["recovery_days"]),
            meaning="from the deepest point back to the old high; – where it never came back",
        ),
        Figure(
            name="Volatility",
            value=percent(told["volatility_pct"]),
            meaning="how much equity swings in a year; bitcoin itself is often 40 to 80 %",
        ),
        Figure(
            name="Sharpe ratio",
            value=number(told["sharpe_ratio"]),
            meaning="return per unit of swing; above 1 is good, below 0 a loss",
        ),
        Figure(
            name="Sortino ratio",
            value=number(told["sortino_ratio"]),
            meaning="the same, but only downward swings count",
        ),
        Figure(
            name="Calmar ratio",
            value=number(told["calmar_ratio"]),
            meaning="yearly growth divided by the deepest drawdown",
        ),
        Figure(
            name="Time in the market",
            value=percent(told["exposure_time_pct"], 1),
            meaning="part of the time in which bitcoin was held",
        ),
        *days_told(run),
    ]


def days_told(run: Finished) -> list[Figure]:
    """Figures that older results lack."""
    told = run.result
    if "worst_day_pct" not in told:
        return []
    best, worst = told.get("best_day_pct"), told["worst_day_pct"]
    return [
        Figure(
            name="Best and worst day",
            value=f"{percent(best, 1, signed=True)} / {percent(worst, 1, signed=True)}",
            meaning="return of one UTC day",
        ),
        Figure(
            name="A bad day",
            value=percent(told.get("cvar_95_pct"), signed=True),
            meaning="mean of the worst 5 % of days; – under 30 days",
            tone=tone(told.get("cvar_95_pct")),
        ),
        Figure(
            name="Days won and lost",
            value=f"{told.get('days_won', 0):,} / {told.get('days_lost', 0):,}",
            meaning=f"by the sign of their return; {told.get('days_even', 0):,} were even",
        ),
        Figure(
            name="Ulcer index",
            value=percent(told.get("ulcer_index_pct")),
            meaning="how deep and how long it stood below its highs; 0 never, above 10 hard to bear",
        ),
    ]


def trading(run: Finished) -> list[Figure]:
    told, sign = run.result, currency(run)
    return [
        Figure(name="Trades", value=f"{told['trades']:,}", meaning="positions that were opened and closed"),
        Figure(name="Won", value=percent(told["win_rate_pct"], 1), meaning="part of the trades that made money"),
        Figure(
            name="Average trade",
            value=money(told["expectancy"], sign, signed=True),
            meaning="what one trade brought on average, after fees",
            tone=tone(told["expectancy"]),
        ),
        Figure(
            name="Average win",
            value=money(told["avg_win"], sign, signed=True),
            meaning="of the trades that made money",
            tone=tone(told["avg_win"]),
        ),
        Figure(
            name="Average loss",
            value=money(told["avg_loss"], sign, signed=True),
            meaning="of the trades that lost money",
            tone=tone(told["avg_loss"]),
        ),
        Figure(
            name="Profit factor",
            value=number(told["profit_factor"]),
            meaning="all gains divided by all losses; below 1 is a loss",
        ),
        Figure(
            name="Best trade",
            value=percent(told["best_trade_pct"], signed=True),
            meaning="of what it cost",
            tone=tone(told["best_trade_pct"]),
        ),
        Figure(
            name="Worst trade",
            value=percent(told["worst_trade_pct"], signed=True),
            meaning="of what it cost",
            tone=tone(told["worst_trade_pct"]),
        ),
        *patience(run),
    ]


def patience(run: Finished) -> list[Figure]:
    """Figures that older results lack."""
    told = run.result
    if "longest_losing_streak" not in told:
        return []
    hours = told.get("average_holding_hours")
    return [
        Figure(
            name="Longest losing streak",
            value=f"{told['longest_losing_streak']:,}",
            meaning="trades lost one after the other: would you have kept it running?",
        ),
        Figure(
            name="Average holding",
            value=days(None if hours is None else hours / 24),
            meaning="from the entry of a trade to its exit",
        ),
        Figure(
            name="Expectancy ratio",
            value=number(told.get("expectancy_ratio")),
            meaning="what a trade brought on average, for each dollar that a losing one lost",
        ),
        Figure(
            name="System quality",
            value=number(told.get("sqn")),
            meaning="SQN: how sure it is that the trades earn; above 2 is good, below 0 they lose",
        ),
    ]


def what_was_run(run: Finished) -> list[tuple[str, str]]:
    told = run.result
    return [
        ("Period", f"{moment(told['start'])} to {moment(told['end'])} UTC"),
        ("Candles", f"{told['bars']:,} of {length(run)}; strategies were shown {told['timeframe']} candles"),
        ("Data", bare(told["data"])),
        ("Data SHA-256", str(told["data_sha256"])),
        ("Configuration SHA-256", str(told["config_sha256"])),
        ("Program", f"bitcoin-autotrader {told['version']}"),
    ]


def bare(data: object) -> str:
    """A file without its folders, which are nobody else's business; a symbol as it is."""
    name = str(data).replace("\\", "/")
    return name.rsplit("/", 1)[-1] if re.search(r"\.\w+$", name) else name


def entitled(data: object) -> str:
    """For a heading, which has to break somewhere."""
    return re.sub(r"\.\w+$", "", bare(data)).replace("_", " ")


def length(run: Finished) -> str:
    """Of the candles that were traded: the shortest way from one close to the next."""
    minutes = int(np.diff(run.at_ms).min()) // 60_000 if len(run.at_ms) > 1 else 1
    return "one minute" if minutes == 1 else f"{minutes:,} minutes"


def contributions(run: Finished) -> list[tuple[str, int, float]]:
    """Strategy, trades it agreed with, what they brought; the largest first."""
    rows = [
        (name, int(row.get("trades", 0)), float(row.get("contribution", 0.0)))
        for name, row in run.result.get("by_strategy", {}).items()
    ]
    return sorted(rows, key=lambda row: -row[2])
