"""The life of one order: every row of the transition table, fills before status, ids as a pure function."""

import pickle
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from app import codec
from app.core import orders
from app.core.errors import InvariantError
from app.core.model import Fill, OrderReport, OrderStatus, Role, Side
from app.core.orders import Orders
from app.core.state import State
from tests.builders import NOON, d
from tests.core_stories import an_order

S = OrderStatus
LATER = NOON + timedelta(seconds=5)

# Written out once more by hand: where an order may go from each status.
ALLOWED = {
    "INTENT": "SENDING NOT_SENT DENIED",
    "SENDING": "OPEN PARTIAL UNKNOWN NOT_SENT CANCELLING FILLED CANCELED EXPIRED REJECTED",
    "OPEN": "PARTIAL CANCELLING CANCEL_UNKNOWN UNKNOWN FILLED CANCELED EXPIRED",
    "PARTIAL": "CANCELLING CANCEL_UNKNOWN UNKNOWN FILLED CANCELED EXPIRED",
    "CANCELLING": "OPEN PARTIAL CANCEL_UNKNOWN UNKNOWN FILLED CANCELED EXPIRED",
    "UNKNOWN": "OPEN PARTIAL CANCELLING CANCEL_UNKNOWN STUCK FILLED CANCELED EXPIRED REJECTED NOT_PLACED NOT_SENT",
    "CANCEL_UNKNOWN": "OPEN PARTIAL CANCELLING STUCK FILLED CANCELED EXPIRED",
    "STUCK": "OPEN PARTIAL CANCELLING NOT_PLACED FILLED CANCELED EXPIRED",
    "FILLED": "",
    "CANCELED": "",
    "EXPIRED": "",
    "REJECTED": "",
    "DENIED": "",
    "NOT_SENT": "",
    "NOT_PLACED": "",
}
PAIRS = [(one, other) for one, other in product(S, S) if one is not other]
MAY = [(one, other) for one, other in PAIRS if other in ALLOWED[one].split()]
MAY_NOT = [(one, other) for one, other in PAIRS if other not in ALLOWED[one].split()]


@pytest.mark.parametrize(("before", "after"), MAY)
def test_an_order_moves_by_the_table(before: OrderStatus, after: OrderStatus) -> None:
    moved = orders.moved(an_order(status=before, reason="old"), after, LATER, "why")
    assert (moved.status, moved.updated_at, moved.reason) == (after, LATER, "why")
    assert orders.moved(an_order(status=before, reason="old"), after, LATER).reason == "old"


@pytest.mark.parametrize(("before", "after"), MAY_NOT)
def test_every_other_move_is_a_bug(before: OrderStatus, after: OrderStatus) -> None:
    with pytest.raises(InvariantError, match=f"{before} cannot become {after}$"):
        orders.moved(an_order(status=before), after, LATER)


@pytest.mark.parametrize("status", list(S))
def test_staying_where_one_is_changes_nothing(status: OrderStatus) -> None:
    order = an_order(status=status)
    assert orders.moved(order, status, LATER, "why") is order


def test_the_table_says_which_orders_money_may_move_through() -> None:
    assert {status for status in S if not ALLOWED[status]} == orders.TERMINAL
    assert set(S) - orders.TERMINAL == orders.LIVE
    assert {"UNKNOWN", "CANCEL_UNKNOWN", "STUCK"} == orders.IN_DOUBT
    assert {"OPEN", "PARTIAL", "CANCELLING", "CANCEL_UNKNOWN"} == orders.RESTING


# ---------------------------------------------------------------- fills


def a_fill(quantity: str = "0.4", price: str = "50000", **changes: object) -> Fill:
    standard = Fill(
        id="t1",
        client_order_id="x",
        side=Side.BUY,
        price=d(price),
        quantity=d(quantity),
        fee=d(1),
        fee_asset="USD",
        at=LATER,
        fee_quote=d(1),
    )
    return replace(standard, **changes)  # type: ignore[arg-type]


def test_fills_add_up_to_the_last_step() -> None:
    order = orders.with_fill(orders.with_fill(an_order(), a_fill("0.4")), a_fill("0.6", "60000"))
    assert (order.filled_quantity, order.filled_notional, order.fees, order.updated_at) == (1, 56000, 2, LATER)
    assert order.average_price == 56000


def test_more_than_was_ordered_is_a_bug() -> None:
    order = orders.with_fill(an_order(), a_fill("1"))
    with pytest.raises(InvariantError, match=r"filled 1\.00001 of 1"):
        orders.with_fill(order, a_fill("0.00001"))


# ---------------------------------------------------------------- reports


def report(status: str, exchange_id: str = "77") -> OrderReport:
    return OrderReport(
        client_order_id="x", exchange_order_id=exchange_id, status=OrderStatus(status), at=LATER, reason="said so"
    )


@pytest.mark.parametrize("status", sorted(orders.TERMINAL))
def test_an_ended_order_stays_as_it_ended(status: OrderStatus) -> None:
    order = an_order(status=status)
    assert orders.reported(order, report("OPEN")) is order


def test_a_report_brings_status_number_and_reason() -> None:
    order = orders.reported(an_order(status=S.SENDING), report("OPEN"))
    assert (order.status, order.exchange_order_id, order.reason, order.updated_at) == (S.OPEN, "77", "said so", LATER)
    assert orders.reported(order, report("FILLED", "")).exchange_order_id == "77"


def test_open_with_something_filled_is_partial() -> None:
    part = orders.with_fill(an_order(status=S.SENDING), a_fill("0.4"))
    assert orders.reported(part, report("OPEN")).status is S.PARTIAL
    assert orders.reported(replace(part, status=S.PARTIAL), report("OPEN")).status is S.PARTIAL


@pytest.mark.parametrize("said", ["OPEN", "PARTIAL"])
def test_what_is_being_cancelled_stays_so_while_the_exchange_still_says_open(said: str) -> None:
    order = orders.reported(an_order(status=S.CANCELLING), report(said))
    assert (order.status, order.exchange_order_id, order.updated_at) == (S.CANCELLING, "77", NOON)
    kept = orders.reported(replace(order), report(said, ""))
    assert kept.exchange_order_id == "77"


def test_a_report_of_the_same_status_teaches_only_the_number() -> None:
    order = orders.reported(an_order(status=S.OPEN), report("OPEN"))
    assert (order.exchange_order_id, order.reason, order.updated_at) == ("77", "", NOON)
    assert orders.reported(order, report("OPEN", "")).exchange_order_id == "77"


def test_a_cancelled_order_ends() -> None:
    assert orders.reported(an_order(status=S.CANCELLING), report("CANCELED")).status is S.CANCELED


# ---------------------------------------------------------------- ids


def test_ids_are_the_same_for_the_same_inputs_and_different_for_any_other() -> None:
    ids = {
        orders.client_order_id(live=live, tag=tag, trade=trade, role=role, attempt=attempt)
        for live, tag, trade, role, attempt in product(
            (True, False), ("aaaa", "bbbb"), (0, 1, 36**7 - 1), Role, (0, 1, 35, 36, 1295)
        )
    }
    assert len(ids) == 2 * 2 * 3 * 3 * 5
    assert all(len(id) == 24 and orders.is_ours(id) for id in ids)


def test_an_id_can_be_read_by_eye() -> None:
    id = orders.client_order_id(live=False, tag="t0k3", trade=71, role=Role.STOP, attempt=37)
    assert id.startswith("bt1-Pt0k3-000001z-S11-")
    assert orders.client_order_id(live=True, tag="t0k3", trade=71, role=Role.ENTRY, attempt=1).startswith("bt1-Lt0k3-")
    assert "-C01-" in orders.client_order_id(live=True, tag="t0k3", trade=71, role=Role.EXIT, attempt=1)
    assert orders.position_of(id) == orders.position_id("t0k3", "000001z") == "t0k3-000001z"


@pytest.mark.parametrize("id", ["", "x", "web_123", "bt1-Pt0k3-000001z-S11-zz", "bt2-Pt0k3-000001z-S11-00"])
def test_other_peoples_orders_are_not_ours(id: str) -> None:
    assert not orders.is_ours(id)


def test_a_forged_prefix_needs_the_right_check() -> None:
    body = "xx1-Pt0k3-0000001-S01"
    assert not orders.is_ours(f"{body}-{orders._check(body)}")


def test_numbers_that_do_not_fit_are_a_bug() -> None:
    assert orders.base36(35, 1) == "z"
    assert orders.base36(0, 2) == "00"
    with pytest.raises(InvariantError, match="100 does not fit into 2"):
        orders.base36(36**2, 2)


# ---------------------------------------------------------------- the orders of a book


def test_live_orders_are_found_without_looking_at_those_that_ended() -> None:
    books = Orders({"a": an_order(id="a", status=S.OPEN), "b": an_order(id="b", status=S.FILLED)})
    assert list(books.live) == ["a"]
    books["c"] = an_order(id="c", status=S.UNKNOWN)
    books["a"] = an_order(id="a", status=S.CANCELED)
    assert (list(books), list(books.live)) == (["a", "b", "c"], ["c"])
    del books["c"]
    assert books.pop("a").status is S.CANCELED
    assert books.pop("a", None) is None
    assert (list(books), list(books.live)) == (["b"], [])


def test_the_orders_of_a_book_travel_with_it() -> None:
    books = Orders({"a": an_order(id="a", status=S.OPEN), "b": an_order(id="b", status=S.FILLED)})
    for other in (
        deepcopy(books),
        pickle.loads(pickle.dumps(books)),
        codec.decode(codec.encode(State(orders=books))).orders,
    ):
        assert other == books
        assert other.live == books.live
