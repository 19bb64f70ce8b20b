"""Domain objects → table rows (the first design's column names), and table rows → the API's words.

Decimals leave as plain strings, times as RFC 3339 with milliseconds, `_pct` as numbers.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app import codec
from app.core.model import Decision, Fill, Flow, Latch, Order, Position, PositionStatus, Signal, Trade
from app.core.money import ZERO, plain
from app.ports import Changed
from services.database import tables

Row = dict[str, Any]


def stored(changed: Changed, ledger: str) -> tuple[type, Row] | None:
    """(table, columns) for one changed thing; None for what has no row yet (an entry still on its way)."""
    match changed:
        case Order():
            return tables.OrderTable, _order(changed, ledger)
        case Fill():
            return tables.FillTable, _fill(changed, ledger)
        case Position():
            if changed.status is PositionStatus.ENTERING or not changed.entry_quantity:
                return None
            return tables.PositionTable, _position(changed, ledger)
        case Trade():
            return tables.TradeTable, _trade(changed, ledger)
        case Decision():
            return tables.DecisionTable, _decision(changed, ledger)
        case Latch():
            columns: Row = {"kind": changed.kind.value, "at": changed.at, "reason": changed.reason}
            return tables.LatchTable, {
                "ledger": ledger,
                **columns,
                "lifts_at": changed.lifts_at,
                "cleared_at": changed.cleared_at,
            }
        case Flow():
            flow: Row = {"id": changed.id, "at": changed.at, "amount": changed.amount, "note": changed.note}
            return tables.FlowTable, {"ledger": ledger, **flow}


def _order(order: Order, ledger: str) -> Row:
    return {
        "id": order.id,
        "ledger": ledger,
        "exchange_order_id": order.exchange_order_id,
        "position_id": order.position_id,
        "decision_id": order.decision_id,
        "symbol": order.symbol,
        "role": order.role.value,
        "side": order.side.value,
        "type": order.type.value,
        "time_in_force": order.time_in_force,
        "status": order.status.value,
        "quantity": order.quantity,
        "filled_quantity": order.filled_quantity,
        "price": order.price,
        "stop_price": order.stop_price,
        "average_price": order.average_price,
        "fees": order.fees,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
        "reason": order.reason,
    }


def _fill(fill: Fill, ledger: str) -> Row:
    return {
        "id": f"{ledger}:{fill.id}",
        "ledger": ledger,
        "order_id": fill.client_order_id,
        "position_id": fill.position_id,
        "exchange_trade_id": fill.id,
        "side": fill.side.value,
        "price": fill.price,
        "quantity": fill.quantity,
        "fee": fill.fee,
        "fee_asset": fill.fee_asset,
        "fee_quote": fill.fee_quote,
        "at": fill.at,
    }


def _position(position: Position, ledger: str) -> Row:
    stop_status = "confirmed" if position.stop_confirmed else "pending" if position.stop_order_id else "missing"
    return {
        "id": position.id,
        "ledger": ledger,
        "symbol": position.symbol,
        "entry_time": position.opened_at,
        "closed_at": position.closed_at,
        "entry_price": position.entry_price,
        "amount": position.quantity,
        "cost": position.cost,
        "current_price": None,
        "unrealized_pnl": None,
        "stop_loss_price": position.stop_price,
        "stop_order_id": position.stop_order_id,
        "stop_status": stop_status,
        "trailing_active": position.trailing_active,
        "highest_close": position.highest_close,
        "status": position.status.value,
        "decision_id": position.decision_id,
    }


def _trade(trade: Trade, ledger: str) -> Row:
    return {
        "id": trade.id,
        "ledger": ledger,
        "position_id": trade.position_id,
        "timestamp": trade.closed_at,
        "opened_at": trade.opened_at,
        "symbol": trade.symbol,
        "type": "BUY",
        "amount": trade.quantity,
        "entry_price": trade.entry_price,
        "exit_price": trade.exit_price,
        "cost": trade.cost,
        "fees": trade.fees,
        "profit_loss": trade.profit_loss,
        "exit_reason": trade.exit_reason.value,
        "decision_id": trade.decision_id,
        "exit_decision_id": trade.exit_decision_id,
        "strategy_signals": json.dumps([signal_row(signal, trade.decision_id) for signal in trade.signals]),
        "reasoning": trade.reasoning,
    }


def _decision(decision: Decision, ledger: str) -> Row:
    return {
        "id": decision.id,
        "ledger": ledger,
        "at": decision.at,
        "candle_at": decision.candle_at,
        "symbol": decision.symbol,
        "action": decision.action.value,
        "score": float(decision.score),
        "participation_pct": float(decision.participation_pct),
        "price": decision.price,
        "outcome": decision.outcome.value,
        "reason": decision.reason,
        "order_ids": json.dumps(list(decision.order_ids)),
        "record": codec.encode(decision),
    }


# ---------------------------------------------------------------- the API's words


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
    *"id exchange_order_id position_id decision_id symbol role side type time_in_force status quantity".split(),  # noqa: SIM905
    *"filled_quantity price stop_price average_price fees created_at updated_at reason".split(),  # noqa: SIM905
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


def order_row(row: Mapping[str, Any]) -> Row:
    return {"client_order_id": row["id"], **renamed(row, ORDER)}


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
    record = json.loads(row["record"])["of"]
    facts = {"program_version": record.get("program_version"), "config_sha256": record.get("config_sha256")}
    return {**renamed(row, DECISION), "order_ids": json.loads(row["order_ids"]), **facts}


def whole_decision(row: Mapping[str, Any]) -> Row:
    """One decision with everything that led to it."""
    decision: Decision = codec.decode(row["record"])
    shown, vote = decision.shown, decision.vote
    return {
        **decision_row(row),
        "candles": {
            "timeframe": shown.timeframe,
            "first_at": time_text(shown.first_at),
            "last_at": time_text(shown.last_at),
            "count": shown.count,
            "sha256": shown.sha256,
        },
        "signals": [signal_row(signal, decision.id, decision) for signal in decision.signals],
        "vote": {
            "text": vote.text,
            "buy_threshold": number(decision.buy_threshold),
            "sell_threshold": number(decision.sell_threshold),
            "min_participation": number(decision.min_participation),
            "terms": [
                {
                    "strategy": term.strategy,
                    "status": term.status.value,
                    "weight": number(term.weight),
                    "confidence": number(term.confidence),
                    "sign": term.sign,
                    "product": number(term.product),
                }
                for term in vote.terms
            ],
        },
        "risk_checks": [
            {"name": check.name, "passed": check.passed, "value": check.value, "limit": check.limit, "text": check.text}
            for check in decision.risk_checks
        ],
        "news": [],
        "prompt": None,
        "answer": None,
        "prompt_template": None,
    }


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


def number(value: Decimal | None) -> float | int | None:
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


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


def equity_row(row: Mapping[str, Any]) -> Row:
    return renamed(row, same("at", "equity", "cash", "quantity", "price"))


def signals_of(record: str) -> list[Row]:
    """The signals inside a stored decision."""
    decision: Decision = codec.decode(record)
    return [signal_row(signal, decision.id, decision) for signal in decision.signals]
