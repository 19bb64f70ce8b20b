"""Closed trades, decisions and an equity curve for the pages, in the store's words."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

from app import codec
from app.core.decisions import Decision, Outcome, RiskCheck
from app.core.model import SignalStatus
from app.core.voting import hold_vote
from app.ports import Row
from services.database import wording
from tests.builders import a_signal, a_strategy_rule, d, some_rules
from tests.fakes_ui import NOW, Desk, a_decision

RULES = some_rules(
    strategies=[a_strategy_rule("technical", weight=d(30)), a_strategy_rule("deepseek", weight=d(50), reads_text=True)]
).voting


def a_trade_row(number: int = 1, result: str = "12.40", reason: str = "trailing_stop", **changes: Any) -> Row:
    """Number 1 is the newest; each is five hours older."""
    closed = NOW - timedelta(hours=5 * number)
    standard = {
        "id": f"t{number}",
        "position_id": f"p{number}",
        "symbol": "BTC/USD",
        "side": "BUY",
        "opened_at": wording.time_text(closed - timedelta(hours=3, minutes=20)),
        "closed_at": wording.time_text(closed),
        "quantity": "0.00771",
        "entry_price": "64120.5",
        "exit_price": str(Decimal("64120.5") + Decimal(result) / Decimal("0.00771")),
        "fees": "0.99",
        "profit_loss": result,
        "profit_loss_pct": round(float(result) / 494.4 * 100, 4),
        "exit_reason": reason,
        "decision_id": "d-buy",
        "exit_decision_id": "d-sell" if reason == "vote" else "",
        "reasoning": "technical BUY 82 × 30, deepseek BUY 74 × 50 → 77.0 ≥ 70, participation 100 %: buy",
        "signals": [
            {"strategy": name, "action": "BUY", "confidence": confidence, "reasoning": reasoning, "status": "ok"}
            for name, confidence, reasoning in (("technical", 82, "RSI 29 is oversold"), ("deepseek", 74, "A floor"))
        ],
    }  # fmt: skip
    return {**standard, **changes}


def a_bought_decision(**changes: Any) -> Decision:
    """A vote that led to an order, as the engine writes it down."""
    at = NOW - timedelta(hours=8)
    signals = (
        a_signal("BUY", 82, at=at, reasoning="RSI 29 is oversold and the price crossed above EMA 20"),
        a_signal("BUY", 74, at=at, strategy="deepseek", reasoning="Support at 63,400 held twice", reads_text=True),
    )
    vote = hold_vote(RULES, {signal.strategy: signal for signal in signals}, at)
    checks = (
        RiskCheck(name="position size", passed=True, value="494.40", limit="500.00", text="5 % of equity at most"),
        RiskCheck(name="daily loss", passed=True, value="0.2 %", limit="15 %", text="lost today"),
    )
    standard = a_decision(
        id="d-buy", at=at, action="BUY", score=vote.score, participation_pct=vote.participation_pct,
        outcome=Outcome.ORDER, reason=vote.text, vote=vote, signals=signals, risk_checks=checks, order_ids=("o1",),
        buy_threshold=RULES.buy_threshold, sell_threshold=RULES.sell_threshold,
        min_participation=RULES.min_participation, program_version="0.1.0",
    )  # fmt: skip
    return standard if not changes else standard.__class__(**{**_fields(standard), **changes})


def decision_row(decision: Decision, **more: Any) -> Row:
    """As `Reader.one` says it."""
    columns = {
        **{name: getattr(decision, name) for name in wording.DECISION},
        "action": decision.action.value,
        "outcome": decision.outcome.value,
        "order_ids": json.dumps(list(decision.order_ids)),
        "record": codec.encode(decision),
    }
    whole, _ = wording.whole_decision(columns)
    return {**whole, "score": float(decision.score), **more}


def fill_history(desk: Desk, trades: int = 120) -> None:
    """So many trades, a decision with its order, and a month of equity."""
    results = ["12.40", "-4.94", "31.02", "-4.97", "0.62", "-5.02", "18.55"]
    reasons = ["trailing_stop", "stop", "vote", "stop", "manual", "stop", "trailing_stop"]
    desk.reader.rows["trades"] = [a_trade_row(n, results[n % 7], reasons[n % 7]) for n in range(1, trades + 1)]
    bought = a_bought_decision()
    held = a_decision(id="d-hold", signals=(a_signal("HOLD", 0, strategy="deepseek", status=SignalStatus.FAILED),))
    desk.reader.decided = [bought, held]
    story = {
        "id": "n1", "title": "Fund inflows reach a record", "url": "https://example.org/a", "source": "cryptopanic",
        "severity": "medium", "sentiment": "bullish", "shown": True,
    }  # fmt: skip
    asked = {"news": [story], "prompt": "You are shown candles …", "answer": '{"signal": "BUY", "confidence": 74}'}
    desk.reader.rows["decisions"] = [decision_row(held), decision_row(bought, **asked)]
    order = {
        "id": "o1", "client_order_id": "o1", "position_id": "p1", "symbol": "BTC/USD", "role": "entry", "side": "BUY",
        "type": "LIMIT", "status": "FILLED", "quantity": "0.00771", "price": "64130", "stop_price": None,
        "average_price": "64120.5",
    }  # fmt: skip
    desk.reader.rows["orders"] = [order]
    equity = [
        {
            "at": wording.time_text(NOW - timedelta(hours=3 * n)),
            "equity": str(d(10_128) - n * d("1.1") + (n * 37 % 29)), "price": str(64_250 - n * 23 + (n * 91 % 700)),
        }
        for n in range(240)
    ]  # fmt: skip
    desk.reader.rows["equity"] = equity


def pay_in(desk: Desk) -> None:
    """A deposit and a withdrawal beside the trades of `fill_history`, and what they did to the curve."""
    rows = desk.reader.rows
    rows["flows"] = [
        {"id": "f1", "at": wording.time_text(NOW - timedelta(days=9)), "kind": "deposit", "amount": "2500",
         "note": "told by the exchange"},
        {"id": "f2", "at": wording.time_text(NOW - timedelta(days=20)), "kind": "withdrawal", "amount": "-400",
         "note": ""},
    ]  # fmt: skip
    both = [*rows["trades"], *rows["flows"]]
    rows["history"] = sorted(both, key=lambda row: str(row.get("closed_at") or row["at"]), reverse=True)
    total = Decimal(0)
    waiting = list(rows["flows"])
    for row in reversed(rows["equity"]):
        moved = Decimal(0)
        while waiting and waiting[-1]["at"] <= row["at"]:
            moved += Decimal(waiting.pop()["amount"])
        total += moved
        row |= {"own": row["equity"], "moved": str(moved), "equity": str(Decimal(row["equity"]) + total)}


def _fields(decision: Decision) -> dict[str, Any]:
    return {name: getattr(decision, name) for name in decision.__slots__}
