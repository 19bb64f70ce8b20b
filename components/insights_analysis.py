"""What the language model said of the market last, what it costs, or why it says nothing. Its text is only shown."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from app.core.model import SignalStatus
from app.ports import Row, Status
from components import format as words
from components.insights_parts import Card, at_of, moment_line, shown
from components.parts import Text, box

STANDS = {
    "ok": "answers",
    "failing": "fails; it is asked again",
    "safe_mode": "safe mode: failed again and again, asked rarely; no entry is driven by text meanwhile",
    "refused": "refuses our key, or the balance is used up: a person must look",
    "over_budget": "this month's budget is used up; it is asked again next month",
}
WHAT = (
    "A language model is shown the candles, the indicators and the headlines, and is asked for an opinion in a fixed "
    "form. It never sees your account and can do nothing: its opinion is one of several in the vote, and the risk "
    "rules have the last word.",
    "Each question costs a little. The month's budget is kept here: once used up, nobody asks until the next.",
)


class Analysis:
    def __init__(self) -> None:
        self._card = Card("Market analysis by DeepSeek", "analysis", "What is this?", WHAT)

    def update(self, row: Row, status: Status, rows: Sequence[Row]) -> None:
        asks = _asker(row, rows)
        signal = next((each for each in row.get("signals", ()) if asks and each["strategy"] == asks["name"]), None)
        names = ("analysis", "analysis_at", "support", "resistance", "regime", "analyst")
        key = str([*(row.get(name) for name in names), signal, status.state, asks and asks["error"]])
        self._card.draw(key, lambda: self._build(row, status, asks, signal))

    def _build(self, row: Row, status: Status, asks: Row | None, signal: Row | None) -> None:
        text = row.get("analysis") or (signal["reasoning"] if signal and _answered(signal) else "")
        if text:
            self._said(row, signal, text)
        why = why_silent(row, status, asks, signal)
        if why:
            Text(why, "silent" if not text else "soft", "p").mark("why-silent")
        if not text and not why:
            Text("It has not been asked yet. The first answer comes with the next vote.", "soft", "p")
        self._costs(row.get("analyst"))

    def _said(self, row: Row, signal: Row | None, text: str) -> None:
        action = row.get("analysis_action") or (str(signal["action"]) if signal else "")
        sure: Any = row.get("analysis_confidence") if row.get("analysis") else (signal or {}).get("confidence")
        with box("opinion-head"):
            Text(f"{action}{f' {shown(float(sure))} %' if sure is not None else ''}", f"chip {action.lower()}")
            moment_line(at_of(row.get("analysis_at") or (signal and signal["given_at"])))
        Text(text, "analysis-text", "p").mark("analysis-text")
        with box("levels", "ul"):
            for name in ("regime", "support", "resistance"):
                value = row.get(name)
                if value is not None:
                    with box("level", "li"):
                        Text(name.capitalize(), "soft")
                        Text(value if name == "regime" else words.money(Decimal(str(value))))

    def _costs(self, analyst: Row | None) -> None:
        if analyst is None or not analyst["configured"]:
            return
        spent, budget = Decimal(analyst["spent_usd"]), Decimal(analyst["budget_usd"])
        Text(
            f"This month {words.money(spent)} of {words.money(budget)}; {analyst['calls_today']} questions today. "
            f"{analyst['name']} {STANDS.get(analyst['status'], analyst['status'])}.",
            "soft",
            "p",
        ).mark("analyst-costs")
        share = min(float(spent / budget * 100), 100.0) if budget else 100.0
        with box("sure").props("aria-hidden=true"):
            box("sure-part spent").style(f"width:{share:.1f}%")


def why_silent(row: Row, status: Status, asks: Row | None, signal: Row | None) -> str:
    """Why there is no fresh analysis; "" where there is one."""
    analyst = row.get("analyst")
    if asks is None:
        return "No strategy asks a language model."
    if not asks["enabled"]:
        return f"{asks['title']} is switched off."
    if not asks["configured"]:
        return f"Not set up: {asks['error'] or 'it has no key'}."
    if status.state != "TRADING":
        return "Nobody is asked while trading is not open; it costs nothing meanwhile."
    if signal is not None and signal["status"] in (SignalStatus.FAILED, SignalStatus.ABSTAINS):
        return f"No fresh answer: {signal['reasoning']}."
    if analyst and analyst["status"] != "ok":
        return f"DeepSeek {STANDS.get(analyst['status'], analyst['status'])}{_because(analyst)}."
    return ""


def _because(analyst: Row) -> str:
    return f" ({analyst['error']})" if analyst["error"] else ""


def _asker(row: Row, rows: Sequence[Row]) -> Row | None:
    """The strategy that asks a language model: by who asked last, else by its name."""
    by: Any = row.get("analysis_by")
    return next((each for each in rows if each["name"] in (by, "deepseek_analyzer")), None)


def _answered(signal: Row) -> bool:
    return signal["status"] in (SignalStatus.OK, SignalStatus.STALE) and bool(signal["reasoning"])
