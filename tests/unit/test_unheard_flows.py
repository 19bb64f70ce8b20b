"""Deposits and withdrawals that nobody heard of: only what the exchange lists makes up a difference."""

from datetime import timedelta
from decimal import Decimal

import pytest

from app.core.messages import AccountSeen, FlowSeen
from app.core.model import Flow, ListedFlow
from app.core.portfolio import nav
from app.core.state import liquidated
from tests.builders import Desk, d
from tests.core_stories import alerts, changed


def listed(*amounts: object, fee: str = "0") -> tuple[ListedFlow, ...]:
    return tuple(ListedFlow(id=f"listed-{amount}", amount=d(amount), fee=d(fee)) for amount in amounts)


def sees(trader: Desk, cash: object, flows: tuple[ListedFlow, ...] | None = ()) -> list[str]:
    """Ten minutes later: whatever lags has arrived."""
    trader.wait(minutes=10)
    return alerts(
        trader.tell(
            AccountSeen(at=trader.now, quote_total=d(cash), base_total=d(0), base_free=d(0), flows=flows),
        )
    )


def booked(trader: Desk) -> tuple[Decimal, Decimal, Decimal]:
    """(cash, flows, NAV)."""
    account = trader.engine.state.account
    assert account is not None
    return account.cash, account.flows, nav(account, liquidated(trader.engine.state))


@pytest.mark.parametrize("amount", [4_000, -9_000])
def test_what_is_listed_and_makes_up_the_difference_is_booked_once(amount: int) -> None:
    trader = Desk().start()
    for _ in range(3):
        assert sees(trader, 10_000 + amount, listed(amount)) == []
        assert booked(trader) == (10_000 + amount, amount, 1)
    assert trader.engine.state.difference == ""


def test_each_listed_flow_becomes_a_row_that_says_where_it_is_from() -> None:
    trader = Desk().start()
    sees(trader, 10_300, listed(1_000, -700))
    assert [(flow.amount, flow.note) for flow in changed(trader, Flow)] == [
        (1_000, "listed by the exchange"),
        (-700, "listed by the exchange"),
    ]


def test_what_is_listed_while_books_and_balance_agree_is_in_the_books_already() -> None:
    trader = Desk().start()
    sees(trader, 10_000, listed(-4_000))
    sees(trader, 6_000, listed(-4_000))
    assert "external_change" in sees(trader, 6_000, listed(-4_000))
    assert booked(trader)[:2] == (6_000, 0), "a loss, not a withdrawal"


def test_a_difference_that_nothing_listed_makes_up_is_no_flow() -> None:
    trader = Desk().start()
    sees(trader, 8_000, listed(-1_000))
    assert "external_change" in sees(trader, 8_000, listed(-1_000))
    assert booked(trader)[:2] == (8_000, 0)


def test_while_the_list_cannot_be_read_a_withdrawal_is_no_loss_yet_but_entries_are_shut() -> None:
    trader = Desk().start()
    sees(trader, 4_000, None)
    assert sees(trader, 4_000, None) == ["external_change"]
    assert booked(trader) == (10_000, 0, 1)
    assert sees(trader, 4_000, listed(-6_000)) == []
    assert booked(trader) == (4_000, -6_000, 1)


@pytest.mark.parametrize("gone", [-1_002, -1_000])
def test_a_fee_may_be_in_the_listed_amount_or_beside_it(gone: int) -> None:
    trader = Desk().start()
    sees(trader, 10_000 + gone, listed(-1_000, fee="2"))
    assert booked(trader) == (10_000 + gone, gone, 1)


def test_a_small_difference_of_old_does_not_hide_a_listed_flow_and_is_not_booked_with_it() -> None:
    trader = Desk().start()
    sees(trader, "10000.30")
    sees(trader, "12000.30", listed(2_000))
    assert booked(trader)[:2] == (12_000, 2_000)


def test_the_newest_few_of_many_are_looked_at_together() -> None:
    trader = Desk().start()
    many = listed(*range(1_001, 1_013))
    sees(trader, 10_000 + sum(range(1_005, 1_013)), many)
    assert booked(trader)[1] == sum(range(1_005, 1_013))


def test_the_stream_that_tells_later_of_what_the_list_had_told_adds_nothing() -> None:
    trader = Desk().start()
    then = trader.now
    trader.wait(seconds=60)
    sees(trader, 10_500, listed(500))
    told = FlowSeen(at=then, id="USD-1", amount=d(500))
    for _ in range(2):
        trader.tell(told)
        assert booked(trader)[:2] == (10_500, 500)
    trader.tell(FlowSeen(at=then, id="USD-2", amount=d(500)))
    assert booked(trader)[:2] == (11_000, 1_000), "one more of the same size"


def test_a_flow_after_the_listed_one_is_another_one() -> None:
    trader = Desk().start()
    sees(trader, 10_500, listed(500))
    trader.tell(FlowSeen(at=trader.now + timedelta(seconds=1), id="USD-1", amount=d(500)))
    assert booked(trader)[:2] == (11_000, 1_000)


def test_while_an_order_is_under_way_nothing_is_compared() -> None:
    trader = Desk().start()
    trader.vote("BUY")
    sees(trader, 9_500, listed(-500))
    assert booked(trader)[:2] == (10_000, 0)
