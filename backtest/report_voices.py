"""The block `voices` of result.json in words: the same days traded otherwise. There only where it was asked for."""

from collections.abc import Mapping
from typing import Any

from backtest.report import Finished
from backtest.report_words import Figure, Group, currency, money, tone

TITLE = "What each voice was worth"
NAMES = {
    "as_it_was": ("As it was", "with all voices"),
    "equal_weights": ("Equal weights", "every voice counts the same"),
    "buy_and_hold": ("Buy and hold", "everything in bitcoin from the start to the end"),
    "buy_and_hold_same_exposure": ("Holding as much", "as large a share in bitcoin as was there on average"),
}


def voices(run: Finished) -> list[Group]:
    rows = run.result.get("voices") or []
    return [Group(title=TITLE, figures=[figure(row, currency(run)) for row in rows])] if rows else []


def figure(row: Mapping[str, Any], sign: str) -> Figure:
    """What that way of trading brought, after fees, slippage and what a language model cost."""
    name, meaning = told(row)
    trades = "" if row["trades"] is None or row["name"].startswith("buy_and_hold") else counted(row["trades"])
    worth = "" if row["name"] == "as_it_was" else versus(float(row["worth_usd"]), sign)
    said = "; ".join(part for part in (meaning, worth, trades) if part)
    value = float(row["after_cost_usd"])
    return Figure(name=name, value=money(value, sign, signed=True), meaning=said, tone=tone(value))


def told(row: Mapping[str, Any]) -> tuple[str, str]:
    if row["name"] == "without":
        return f"Without {str(row['strategy']).replace('_', ' ')}", ""
    if row["name"] == "random":
        spread = row.get("spread") or {}
        draws = (
            f"mean of {spread['draws']} draws; what was done beats {spread['beaten_pct']:.0f} % of them"
            if spread
            else ""
        )
        return "Bought at random", draws
    return NAMES.get(row["name"], (str(row["name"]).replace("_", " ").capitalize(), ""))


def versus(worth: float, sign: str) -> str:
    if abs(worth) < 0.005:
        return "no more and no less than as it was"
    return f"{money(abs(worth), sign)} {'less' if worth > 0 else 'more'} than as it was"


def counted(trades: int) -> str:
    return f"{trades:,} trade" if trades == 1 else f"{trades:,} trades"
