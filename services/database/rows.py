"""Domain objects → table rows, in the first design's column names."""

import json
from typing import Any

from app import codec
from app.core.decisions import Decision
from app.core.model import Fill, Flow, Latch, Order, Position, PositionStatus, Trade
from app.ports import Changed
from services.database import tables
from services.database.wording import signal_row

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
        "program_version": decision.program_version,
        "config_sha256": decision.config_sha256,
        "signal_count": len(decision.signals),
        "record": codec.encode(decision),
    }
