"""The life of an order as a table, and client order ids as a pure function.

A transition that the table does not have raises InvariantError: never guess. Fills come before status, each is
booked once, and a report may be applied any number of times.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from app.core.errors import InvariantError
from app.core.model import Fill, Order, OrderReport, OrderStatus, Role
from app.core.values import changed

S = OrderStatus

TERMINAL = frozenset({S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED, S.DENIED, S.NOT_SENT, S.NOT_PLACED})
IN_DOUBT = frozenset({S.UNKNOWN, S.CANCEL_UNKNOWN, S.STUCK})
# On the exchange's book as far as we know: it holds balance and may fill.
RESTING = frozenset({S.OPEN, S.PARTIAL, S.CANCELLING, S.CANCEL_UNKNOWN})
# Money may still move through it.
LIVE = frozenset(S) - TERMINAL

_ENDS = frozenset({S.FILLED, S.CANCELED, S.EXPIRED})
_REFUSALS = frozenset({S.REJECTED, S.NOT_PLACED})

NEXT: dict[OrderStatus, frozenset[OrderStatus]] = {
    S.INTENT: frozenset({S.SENDING, S.NOT_SENT, S.DENIED}),
    S.SENDING: frozenset({S.OPEN, S.PARTIAL, S.UNKNOWN, S.NOT_SENT, S.CANCELLING}) | _ENDS | {S.REJECTED},
    S.OPEN: frozenset({S.PARTIAL, S.CANCELLING, S.CANCEL_UNKNOWN, S.UNKNOWN}) | _ENDS,
    S.PARTIAL: frozenset({S.CANCELLING, S.CANCEL_UNKNOWN, S.UNKNOWN}) | _ENDS,
    # An exchange may answer a cancel with "still open": then the order simply is.
    S.CANCELLING: frozenset({S.OPEN, S.PARTIAL, S.CANCEL_UNKNOWN, S.UNKNOWN}) | _ENDS,
    # NOT_SENT: books that began anew while the order waited to leave thought that it might have left.
    S.UNKNOWN: frozenset({S.OPEN, S.PARTIAL, S.CANCELLING, S.CANCEL_UNKNOWN, S.STUCK, S.NOT_SENT}) | _ENDS | _REFUSALS,
    S.CANCEL_UNKNOWN: frozenset({S.OPEN, S.PARTIAL, S.CANCELLING, S.STUCK}) | _ENDS,
    S.STUCK: frozenset({S.OPEN, S.PARTIAL, S.CANCELLING, S.NOT_PLACED}) | _ENDS,
} | {end: frozenset() for end in TERMINAL}


class Orders(dict[str, Order]):
    """By id; `live` holds those once more that money may still move through: few, and asked for at every message.

    Set and taken out one by one.
    """

    def __init__(self, orders: Mapping[str, Order] | None = None) -> None:
        super().__init__(orders or {})
        self.live = {id: order for id, order in self.items() if order.status in LIVE}

    def __setitem__(self, id: str, order: Order) -> None:
        super().__setitem__(id, order)
        if order.status in LIVE:
            self.live[id] = order
        else:
            self.live.pop(id, None)

    def __delitem__(self, id: str) -> None:
        super().__delitem__(id)
        self.live.pop(id, None)

    def pop(self, id: str, *default: Any) -> Any:
        self.live.pop(id, None)
        return super().pop(id, *default)

    def __reduce__(self) -> tuple[type["Orders"], tuple[dict[str, Order]]]:
        return Orders, (dict(self),)


BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
LAST_ATTEMPT = 36**2 - 1  # an id has two digits for it
ROLE_LETTERS = {Role.ENTRY: "E", Role.STOP: "S", Role.EXIT: "C"}


def can_become(order: Order, status: OrderStatus) -> bool:
    return status is order.status or status in NEXT[order.status]


def moved(
    order: Order,
    status: OrderStatus,
    at: datetime,
    reason: str = "",
    *,
    exchange_order_id: str = "",
    sent_at: datetime | None = None,
) -> Order:
    """`order` in its next status; the same order where it is there already."""
    if status is order.status:
        return order
    if status not in NEXT[order.status]:
        raise InvariantError(f"order {order.id}: {order.status} cannot become {status}")
    return changed(
        order,
        status=status,
        updated_at=at,
        reason=reason or order.reason,
        exchange_order_id=exchange_order_id or order.exchange_order_id,
        sent_at=sent_at or order.sent_at,
    )


def with_fill(order: Order, fill: Fill) -> Order:
    """`order` with one new fill booked. More than was ordered is an InvariantError."""
    filled = order.filled_quantity + fill.quantity
    if filled > order.quantity:
        raise InvariantError(f"order {order.id}: filled {filled} of {order.quantity}")
    return changed(
        order,
        filled_quantity=filled,
        filled_notional=order.filled_notional + fill.notional,
        fees=order.fees + fill.fee_quote,
        updated_at=fill.at,
    )


def reported(order: Order, report: OrderReport) -> Order:
    """`order` after the status of `report` (its fills are booked already).

    A report that is older than what we know changes nothing: terminal states stay, a partial order does not
    become open again, and one that is being cancelled stays so while the exchange still says open.
    """
    status = report.status
    if order.status in TERMINAL:
        return order
    if status is S.OPEN and order.filled_quantity:
        status = S.PARTIAL
    if status is order.status or (order.status is S.CANCELLING and status in (S.OPEN, S.PARTIAL)):
        its = report.exchange_order_id or order.exchange_order_id
        return order if its == order.exchange_order_id else changed(order, exchange_order_id=its)
    return moved(order, status, report.at, report.reason, exchange_order_id=report.exchange_order_id)


@lru_cache(maxsize=256)
def base36(number: int, width: int) -> str:
    """`number` in base 36, padded with zeros. InvariantError where it does not fit."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = BASE36[digit] + digits
    if len(digits) > width:
        raise InvariantError(f"{digits} does not fit into {width} digits")
    return digits.rjust(width, "0")


def client_order_id(*, live: bool, tag: str, trade: int, role: Role, attempt: int) -> str:
    """`bt1-<L|P><tag>-<trade>-<role><attempt>-<check>`: unique for ever, the same for the same inputs, 24 long."""
    body = f"bt1-{'L' if live else 'P'}{tag}-{base36(trade, 7)}-{ROLE_LETTERS[role]}{base36(attempt, 2)}"
    return f"{body}-{_check(body)}"


def is_ours(client_id: str) -> bool:
    """Whether an order on the exchange carries an id that this program made."""
    body, _, check = client_id.rpartition("-")
    return body.startswith("bt1-") and check == _check(body)


def position_of(client_id: str) -> str:
    """The position id inside a client order id of ours."""
    _, ledger, trade, *_ = client_id.split("-")
    return position_id(ledger[1:], trade)


def trade_of(client_id: str) -> int:
    """The number of the trade inside a client order id of ours."""
    return int(client_id.split("-")[2], 36)


def tag_of(client_id: str) -> str:
    """The ledger inside a client order id of ours."""
    return client_id.split("-")[1][1:]


def role_of(client_id: str) -> Role:
    letter = client_id.split("-")[3][0]
    return next(role for role, each in ROLE_LETTERS.items() if each == letter)


def attempt_of(client_id: str) -> int:
    """Which of its position's orders it was, from 1 on."""
    return int(client_id.split("-")[3][1:], 36)


def entry_of(client_id: str) -> str:
    """The entry of the position that an order of ours belongs to: always its first."""
    _, ledger, *_ = client_id.split("-")
    return client_order_id(
        live=ledger.startswith("L"), tag=ledger[1:], trade=trade_of(client_id), role=Role.ENTRY, attempt=1
    )


def position_id(tag: str, trade: str) -> str:
    """Position ids are the ledger's tag and the trade's number in base 36."""
    return f"{tag}-{trade}"


def _check(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:2]
