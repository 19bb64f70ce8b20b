"""Table rows → the API's words: decimals as plain strings, times as RFC 3339 with milliseconds, `_pct` as numbers."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app import codec
from app.core.alerts import KINDS
from app.core.decisions import Decision
from app.core.model import Signal
from app.core.money import ZERO, plain
from app.vote_row import number, vote_row

Row = dict[str, Any]


def time_text(at: datetime | None) -> str | None:
    """`2026-11-23T02:30:00.123Z`."""
    if at is None:
        return None
    at = at.astimezone(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def worded(value: Any) -> Any:
    """A column's value as JSON says it."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return time_text(value)
    return value


def renamed(row: Mapping[str, Any], names: Mapping[str, str]) -> Row:
    """The columns `names` (column → API name), worded."""
    return {name: worded(row[column]) for column, name in names.items()}


def same(*columns: str) -> dict[str, str]:
    return {column: column for column in columns}


ORDER = same(
    *"id exchange_order_id position_id decision_id symbol role side type time_in_force status quantity".split(),
    *"filled_quantity price stop_price average_price fees created_at updated_at reason".split(),
)
FILL = same(
    "id",
    "order_id",
    "position_id",
    "exchange_trade_id",
    "side",
    "price",
    "quantity",
    "fee",
    "fee_asset",
    "fee_quote",
    "at",
)
POSITION = same("id", "symbol", "status", "closed_at", "entry_price", "cost", "stop_loss_price", "stop_status") | {
    "entry_time": "opened_at",
    "amount": "quantity",
    "stop_order_id": "stop_order_id",
    "decision_id": "decision_id",
}
TRADE = same("id", "position_id", "symbol", "opened_at", "entry_price", "exit_price", "fees", "profit_loss") | {
    "type": "side",
    "timestamp": "closed_at",
    "amount": "quantity",
    "exit_reason": "exit_reason",
    "decision_id": "decision_id",
    "exit_decision_id": "exit_decision_id",
    "reasoning": "reasoning",
}
DECISION = same("id", "at", "candle_at", "symbol", "action", "score", "participation_pct", "price", "outcome", "reason")
DECISION |= same("program_version", "config_sha256")
DAY = same("date", "total_pnl", "pnl_pct", "fees", "equity_start", "equity_end", "sharpe_ratio") | {
    "total_trades": "trades",
    "winning_trades": "winning_trades",
    "losing_trades": "losing_trades",
    "max_drawdown": "max_drawdown_pct",
}
NEWS = same("id", "published_at", "seen_at", "source", "title", "url", "severity", "sentiment", "score")


def order_row(row: Mapping[str, Any]) -> Row:
    return {"client_order_id": row["id"], **renamed(row, ORDER)}


def review_row(row: Mapping[str, Any]) -> Row:
    """A day against what it should have been."""
    return {
        "date": row["date"],
        "at": time_text(row["at"]),
        "identical": row["identical"],
        "messages": row["messages"],
        "differences": json.loads(row["differences"]),
        "drift": json.loads(row["drift"]),
    }


def voices_row(row: Mapping[str, Any]) -> Row:
    """What each voice was worth on a day."""
    return {"date": row["date"], "voices": json.loads(row["voices"])}


def fill_row(row: Mapping[str, Any]) -> Row:
    return renamed(row, FILL)


def position_row(row: Mapping[str, Any]) -> Row:
    """Current price and unrealised result are the live engine's to fill in."""
    trailing = {"active": row["trailing_active"], "highest_close": plain(row["highest_close"])}
    return {
        **renamed(row, POSITION),
        "side": "BUY",
        "trailing": trailing,
        "current_price": None,
        "unrealized_pnl": None,
        "unrealized_pnl_pct": None,
    }


def trade_row(row: Mapping[str, Any]) -> Row:
    share = row["profit_loss"] / row["cost"] * 100 if row["cost"] else ZERO
    signals = json.loads(row["strategy_signals"])
    return {**renamed(row, TRADE), "profit_loss_pct": round(float(share), 4), "signals": signals}


def decision_row(row: Mapping[str, Any]) -> Row:
    return {**renamed(row, DECISION), "order_ids": json.loads(row["order_ids"])}


def whole_decision(row: Mapping[str, Any]) -> tuple[Row, list[str]]:
    """One decision with everything that led to it, and the SHA-256 of what its opinions rested on."""
    decision: Decision = codec.decode(row["record"])
    shown, vote = decision.shown, decision.vote
    whole = {
        **decision_row(row),
        "candles": {
            "timeframe": shown.timeframe,
            "first_at": time_text(shown.first_at),
            "last_at": time_text(shown.last_at),
            "count": shown.count,
            "sha256": shown.sha256,
        },
        "signals": [signal_row(signal, decision.id, decision) for signal in decision.signals],
        "vote": vote_row(vote, decision.buy_threshold, decision.sell_threshold, decision.min_participation),
        "risk_checks": [
            {"name": check.name, "passed": check.passed, "value": check.value, "limit": check.limit, "text": check.text}
            for check in decision.risk_checks
        ],
    }
    return whole, [signal.evidence for signal in decision.signals]


def signal_row(signal: Signal, decision_id: str, decision: Decision | None = None) -> Row:
    terms = {term.strategy: term for term in decision.vote.terms} if decision else {}
    term = terms.get(signal.strategy)
    return {
        "id": f"{decision_id}:{signal.strategy}",
        "decision_id": decision_id,
        "strategy": signal.strategy,
        "action": signal.action.value,
        "confidence": number(signal.confidence),
        "weight": number(term.weight) if term else None,
        "contribution": number(term.product) if term else None,
        "reasoning": signal.reasoning,
        "asked_at": time_text(signal.asked_at),
        "given_at": time_text(signal.given_at),
        "expires_at": time_text(signal.expires_at),
        "status": (term.status if term else signal.status).value,
        "sha256": signal.sha256,
    }


def log_row(row: Mapping[str, Any]) -> Row:
    return {
        "id": str(row["id"]),
        "at": time_text(row["timestamp"]),
        "level": row["level"],
        "component": row["component"],
        "message": row["message"],
        "details": json.loads(row["details"] or "{}"),
    }


def audit_row(row: Mapping[str, Any]) -> Row:
    names = same("at", "actor", "action", "target", "detail", "address", "result")
    return {"id": str(row["id"]), **renamed(row, names)}


def day_row(row: Mapping[str, Any]) -> Row:
    return renamed(row, DAY)


def news_row(row: Mapping[str, Any]) -> Row:
    lists = {name: json.loads(row[name] or "[]") for name in ("keywords", "sources")}
    return {**renamed(row, NEWS), **lists}


def flow_row(row: Mapping[str, Any]) -> Row:
    """`amount` is negative where money left."""
    kind = "deposit" if row["amount"] > 0 else "withdrawal"
    return {"kind": kind, **renamed(row, same("id", "at", "amount", "note"))}


def curve_row(row: Mapping[str, Any]) -> Row:
    """`own`: equity as trading alone would have moved it; `moved`: what came or went since the row before."""
    return renamed(row, same("at", "equity", "cash", "quantity", "price", "own", "moved"))


def equity_row(row: Mapping[str, Any]) -> Row:
    return renamed(row, same("at", "equity", "cash", "quantity", "price"))


def signals_of(record: str) -> list[Row]:
    """The signals inside a stored decision."""
    decision: Decision = codec.decode(record)
    return [signal_row(signal, decision.id, decision) for signal in decision.signals]


def alert_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """`over_at`: when what it told of had ended."""
    kind = KINDS.get(row["event"])
    return {
        "id": str(row["id"]),
        "at": time_text(row["created_at"]),
        "event": row["event"],
        "level": row["level"],
        "title": kind.title if kind else row["event"],
        "text": row["text"],
        "acknowledged_at": time_text(row["acknowledged_at"]),
        "acknowledged_by": row["acknowledged_by"] or None,
        "over_at": time_text(row["over_at"]),
    }


def letter_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """One channel's part. `round`: 0 first, then repeats; -1 tells of the end."""
    plain_names = ("channel", "round", "status", "attempts", "error")
    times = {name: time_text(row[name]) for name in ("due_at", "sent_at")}
    return {**{name: row[name] for name in plain_names}, **times}
