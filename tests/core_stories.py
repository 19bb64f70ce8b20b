"""What the tests of the core share: ready nouns, and words for what a Desk was asked to do."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

from app.core.alerts import AlertEvent
from app.core.messages import Action, Alert, CancelOrder, PlaceOrder, QueryOrder, ReplaceStop
from app.core.model import (
    ExitReason,
    Order,
    OrderReport,
    OrderStatus,
    OrderType,
    Position,
    PositionStatus,
    Role,
    Side,
    Trade,
)
from app.core.rules import EntryRules, RiskLimits, Tripwires
from tests.builders import NOON, Desk, d

T = TypeVar("T")

NO_WIRES = Tripwires(
    orders_per_minute=None,
    orders_per_hour=None,
    notional_per_day_pct=None,
    trade_loss_pct=None,
    stop_outs_in_a_row=None,
    rejects_in_10_minutes=None,
)
EASY = RiskLimits(entry=EntryRules(cooldown_candles=0, max_entries_per_day=None), tripwires=NO_WIRES)


def an_order(**changes: Any) -> Order:
    standard = Order(
        id="bt1-Ptest-0000001-E01-00",
        position_id="test-0000001",
        decision_id="test-d0000001",
        symbol="BTC/USD",
        role=Role.ENTRY,
        side=Side.BUY,
        type=OrderType.LIMIT,
        status=OrderStatus.INTENT,
        quantity=d(1),
        price=d(50000),
        created_at=NOON,
        updated_at=NOON,
    )
    return replace(standard, **changes)


def a_position(**changes: Any) -> Position:
    """0.3 BTC bought at 50,000, with a confirmed stop 5 % below."""
    standard = Position(
        id="test-0000001",
        symbol="BTC/USD",
        status=PositionStatus.OPEN,
        opened_at=NOON,
        decision_id="test-d0000001",
        candle_at=NOON,
        entry_quantity=d("0.3"),
        entry_notional=d(15000),
        net_quantity=d("0.3"),
        quantity=d("0.3"),
        cost=d(15000),
        stop_price=d(47500),
        stop_confirmed=True,
        highest_close=d(50000),
    )
    return replace(standard, **changes)


def a_trade(**changes: Any) -> Trade:
    standard = Trade(
        id="test-0000001",
        position_id="test-0000001",
        symbol="BTC/USD",
        opened_at=NOON,
        closed_at=NOON,
        quantity=d("0.01"),
        entry_price=d(50000),
        exit_price=d(51000),
        cost=d(500),
        fees=d(1),
        profit_loss=d(9),
        exit_reason=ExitReason.VOTE,
        decision_id="test-d0000001",
    )
    return replace(standard, **changes)


def words(actions: Iterable[Action]) -> list[str]:
    """Actions as short words: "place stop", "cancel S02", "alert stop_missing" … News of a trade is left out."""
    said = []
    for action in actions:
        match action:
            case PlaceOrder(role=role):
                said.append(f"place {role}")
            case CancelOrder(client_order_id=id):
                said.append(f"cancel {step_of(id)}")
            case ReplaceStop(old_id=old, order=order):
                said.append(f"replace {step_of(old)} by {step_of(order.client_order_id)}")
            case QueryOrder(client_order_id=id, complete=complete):
                said.append(f"query {step_of(id)}{' completely' if complete else ''}")
            case Alert(event=AlertEvent.ENTRY_FILL | AlertEvent.EXIT_FILL):
                pass
            case Alert(event=event):
                said.append(f"alert {event}")
            case _:
                said.append(type(action).__name__)
    return said


def step_of(client_order_id: str) -> str:
    """Role letter and attempt: "E01", "S02", "C03"."""
    return client_order_id.split("-")[3]


def orders_of(desk: Desk) -> dict[str, str]:
    """Every order of the books: step → status."""
    return {step_of(order.id): str(order.status) for order in desk.engine.state.orders.values()}


def order_at(desk: Desk, step: str) -> Order:
    (only,) = [order for order in desk.engine.state.orders.values() if step_of(order.id) == step]
    return only


def report_on(desk: Desk, step: str, status: str, **changes: Any) -> OrderReport:
    """A report without fills on one of the desk's orders."""
    standard = OrderReport(
        client_order_id=order_at(desk, step).id, exchange_order_id="x", status=OrderStatus(status), at=desk.now
    )
    return replace(standard, **changes)


def alerts(actions: Iterable[Action]) -> list[str]:
    """What people are told, but for the news of a trade."""
    news = (AlertEvent.ENTRY_FILL, AlertEvent.EXIT_FILL)
    return [action.event for action in actions if isinstance(action, Alert) and action.event not in news]


def changed(desk: Desk, kind: type[T]) -> list[T]:
    """What the last message changed, of one kind."""
    return [change for change in desk.engine.changes if isinstance(change, kind)]


def cash(desk: Desk) -> Decimal:
    account = desk.engine.state.account
    assert account is not None
    return account.cash
