"""One message being handled: the state, the actions it asks for, and what it changed.

Every change of state goes through a Turn, so that "did anything change?" has one answer.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from app.core import orders
from app.core.alerts import KINDS, AlertEvent
from app.core.decisions import Decision
from app.core.errors import InvariantError
from app.core.messages import Action, Alert, PlaceOrder, QueryOrder
from app.core.model import (
    Fill,
    Flow,
    Instrument,
    Latch,
    Order,
    OrderStatus,
    OrderType,
    Position,
    Role,
    Side,
    Trade,
)
from app.core.portfolio import Account
from app.core.rules import RiskLimits
from app.core.state import Doubt, State
from app.core.values import changed

Changed = Order | Fill | Position | Trade | Decision | Latch | Flow
QUERY_AFTER = (0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 20.0, 25.0, 30.0)  # seconds after the doubt began
QUERY_EVERY = timedelta(seconds=10)  # afterwards
KEPT_ORDERS = 400  # ended ones at least, so that a late fill still finds its order
FORGOTTEN_AT_ONCE = 100


@dataclass(slots=True)
class Turn:
    state: State
    now: datetime
    actions: list[Action] = field(default_factory=list)
    changes: dict[tuple[type, object], Changed] = field(default_factory=dict)  # the newest form of each thing
    touched: bool = False

    # ------------------------------------------------------------ reading

    @property
    def instrument(self) -> Instrument:
        if self.state.instrument is None:
            raise InvariantError("the engine was not started")
        return self.state.instrument

    @property
    def account(self) -> Account:
        if self.state.account is None:
            raise InvariantError("there is no account before the exchange was read")
        return self.state.account

    @property
    def limits(self) -> RiskLimits:
        return self.state.rules.risk

    def position(self, id: str) -> Position | None:
        return self.state.positions.get(id)

    # ------------------------------------------------------------ writing

    def touch(self) -> None:
        """Something besides the latest quote has changed: the message belongs into the journal."""
        self.touched = True

    def put(self, form: Order | Position) -> None:
        """Store the new form of an order or position."""
        state = self.state
        if isinstance(form, Order):
            state.orders[form.id] = form
            if form.status in orders.TERMINAL:
                state.cancel_asked.pop(form.id, None)
            if form.status is OrderStatus.OPEN or form.filled_quantity:
                state.refusals.pop(form.position_id, None)
        else:
            state.positions[form.id] = form
        self.note(form)

    def note(self, form: Changed) -> None:
        """Something worth a row of its own: only its newest form, in the place of the newest."""
        self.touched = True
        which = type(form), getattr(form, "id", form)
        self.changes.pop(which, None)
        self.changes[which] = form

    def set_account(self, **changes: Any) -> None:
        self.touch()
        self.state.account = changed(self.account, **changes)

    def do(self, action: Action) -> None:
        self.touch()
        self.actions.append(action)

    def alert(self, event: AlertEvent, text: str) -> None:
        self.do(Alert(event=event, level=KINDS[event].level, text=text))

    # ------------------------------------------------------------ orders

    def order(
        self,
        position: Position,
        role: Role,
        type: OrderType,
        quantity: Decimal,
        *,
        price: Decimal | None = None,
        stop_price: Decimal | None = None,
        decision_id: str = "",
    ) -> tuple[Position, PlaceOrder]:
        """A new order in status INTENT, stored; the caller asks for it to be placed (or put in a replacement)."""
        started = self.state.started
        if started is None:
            raise InvariantError("the engine was not started")
        position = changed(position, attempts=position.attempts + 1)
        side = Side.BUY if role is Role.ENTRY else Side.SELL
        id = orders.client_order_id(
            live=started.live,
            tag=started.tag,
            trade=int(position.id.rpartition("-")[2], 36),
            role=role,
            attempt=position.attempts,
        )
        self.put(
            Order(
                id=id,
                position_id=position.id,
                decision_id=decision_id or position.decision_id,
                symbol=position.symbol,
                role=role,
                side=side,
                type=type,
                status=OrderStatus.INTENT,
                quantity=quantity,
                price=price,
                stop_price=stop_price,
                created_at=self.now,
                updated_at=self.now,
            )
        )
        self.put(position)
        an_hour_ago = self.now - timedelta(hours=1)
        recent = [at for at in self.state.order_times if at > an_hour_ago]
        self.state.order_times = [*recent, self.now]
        place = PlaceOrder(
            client_order_id=id,
            position_id=position.id,
            symbol=position.symbol,
            role=role,
            side=side,
            type=type,
            quantity=quantity,
            price=price,
            stop_price=stop_price,
        )
        return position, place

    def move(self, order: Order, status: OrderStatus, reason: str = "") -> Order:
        """Put `order` in its next status by the table."""
        after = orders.moved(order, status, self.now, reason)
        self.put(after)
        if after.status not in orders.IN_DOUBT:
            self.state.doubts.pop(after.id, None)
        return after

    def doubt(self, order: Order, status: OrderStatus, reason: str, *, ask: bool = True) -> None:
        """The order's fate is uncertain: ask now, and again on a schedule. One doubt is enough for an order."""
        if order.status not in orders.IN_DOUBT:
            order = self.move(order, status, reason)
        if order.id not in self.state.doubts:
            self.state.doubts[order.id] = Doubt(since=order.sent_at or self.now, next_at=self.now)
        if ask:
            self.ask(order)

    def ask(self, order: Order) -> None:
        """Query one order and say when to ask again."""
        doubt = self.state.doubts[order.id]
        step = doubt.asked
        next_at = doubt.since + timedelta(seconds=QUERY_AFTER[step]) if step < len(QUERY_AFTER) else self.now
        if next_at <= self.now:
            next_at = self.now + (QUERY_EVERY if step >= len(QUERY_AFTER) else timedelta(seconds=0.5))
        self.state.doubts[order.id] = changed(doubt, asked=step + 1, next_at=next_at, began=doubt.began or self.now)
        fenced = self.now >= doubt.since + FENCE
        self.do(
            QueryOrder(
                client_order_id=order.id,
                position_id=order.position_id,
                symbol=order.symbol,
                sent_at=order.sent_at or doubt.since,
                complete=fenced,
            )
        )

    def forget_position(self, position: Position) -> None:
        """A closed position leaves the state; its orders stay a while for late fills."""
        self.put(position)
        del self.state.positions[position.id]
        self.state.exits.pop(position.id, None)
        self.state.retry_at.pop(position.id, None)
        self.state.refusals.pop(position.id, None)
        self.state.trail_at.pop(position.id, None)
        self.state.bare = [id for id in self.state.bare if id != position.id]
        its_own = {id for id in self.state.jumped if self._is_of(position, id)}
        self.state.jumped = {id: since for id, since in self.state.jumped.items() if id not in its_own}
        self._forget_orders()

    def _is_of(self, position: Position, order_id: str) -> bool:
        order = self.state.orders.get(order_id)
        return order is not None and order.position_id == position.id

    def _forget_orders(self) -> None:
        """Those that ended long ago, the oldest first."""
        state = self.state
        if len(state.orders) - len(state.orders.live) < KEPT_ORDERS + FORGOTTEN_AT_ONCE:
            return
        ended = [order for order in state.orders.values() if order.status in orders.TERMINAL]
        ended.sort(key=lambda order: (order.updated_at, order.id))
        gone = {order.id for order in ended[:-KEPT_ORDERS]}
        for id in gone:
            del state.orders[id]
        state.booked = {fill: owner for fill, owner in state.booked.items() if owner not in gone}


# recvWindow 5 s, the exchange's own back-end timeout 10 s, and 5 s for its memory to reach its database
FENCE = timedelta(seconds=20)
# How long balances may not know a fill: 30 s at the exchange, and the time that reading them takes.
BALANCES_LAG = timedelta(seconds=40)
