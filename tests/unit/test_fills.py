"""Every fill is booked once, in cash, bitcoin and fees, whichever asset the fee was taken in."""

from dataclasses import replace
from decimal import Decimal

import pytest

from app.core.errors import InvariantError
from app.core.messages import ClosePosition, OrderNotFound, OrderReported, OrderUncertain, PlaceOrder
from app.core.model import Fill, OrderReport, OrderStatus, Side, Trade
from app.core.portfolio import Account
from app.core.state import held, liquidated
from tests.builders import NOON, Desk, d, some_rules
from tests.core_stories import EASY, cash, changed, orders_of, words


def desk() -> Desk:
    return Desk(rules=some_rules(risk=EASY)).start()


def account(trader: Desk) -> Account:
    assert trader.engine.state.account is not None
    return trader.engine.state.account


def sent_entry(trader: Desk) -> PlaceOrder:
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    return entry


def a_report(order: PlaceOrder, status: str, *fills: tuple[str, str, str], **fee: str) -> OrderReported:
    """A report with fills given as (id, price, quantity)."""
    booked = tuple(
        Fill(
            id=id,
            client_order_id=order.client_order_id,
            side=order.side,
            price=Decimal(price),
            quantity=Decimal(quantity),
            fee=Decimal(fee.get("fee", "0")),
            fee_asset=fee.get("asset", "USD"),
            fee_quote=Decimal(fee.get("worth", "0")),
            at=NOON,
        )
        for id, price, quantity in fills
    )
    report = OrderReport(
        client_order_id=order.client_order_id,
        exchange_order_id="x",
        status=OrderStatus(status),
        at=NOON,
        fills=booked,
    )
    return OrderReported(at=NOON, report=report)


def test_the_same_report_five_times_is_booked_once() -> None:
    trader = desk()
    entry = sent_entry(trader)
    report = a_report(entry, "FILLED", ("1", "50000", "0.00997"))
    trader.tell(report)
    before = cash(trader)
    for _ in range(4):
        assert trader.tell(report) == []
        assert not trader.engine.touched
    assert cash(trader) == before == 10_000 - d("498.5")
    assert orders_of(trader) == {"E01": "FILLED", "S02": "INTENT"}


def test_fills_that_come_out_of_order_and_twice_add_up() -> None:
    trader = desk()
    entry = sent_entry(trader)
    two, one = ("2", "50100", "0.004"), ("1", "50000", "0.005")
    trader.tell(a_report(entry, "PARTIAL", two))
    trader.tell(a_report(entry, "PARTIAL", two))
    trader.tell(a_report(entry, "EXPIRED", one, two))
    position = trader.position()
    assert (position.entry_quantity, position.entry_notional) == (d("0.009"), d("450.4"))
    assert cash(trader) == 10_000 - d("450.4")
    assert trader.engine.state.booked == {"1": entry.client_order_id, "2": entry.client_order_id}


def test_each_fill_is_a_row_that_knows_its_position_and_the_worth_of_its_fee() -> None:
    trader = desk()
    entry = sent_entry(trader)
    trader.tell(a_report(entry, "FILLED", ("1", "50000", "0.00997"), fee="0.00001", asset="BTC"))
    (fill,) = changed(trader, Fill)
    assert (fill.position_id, fill.fee_quote) == ("test-0000001", d("0.5"))
    assert trader.engine.state.orders[entry.client_order_id].fees == d("0.5")


@pytest.mark.parametrize(
    ("fee", "asset", "worth", "paid", "net", "entry_fees", "cost"),
    [
        ("0.00001", "BTC", "0", "500", "0.00999", "0.5", "500"),  # in bitcoin: less of it
        ("0.5", "USD", "0", "500.5", "0.01", "0.5", "500.5"),  # in dollars: on top
        ("0.001", "BNB", "0.4", "500", "0.01", "0.4", "500.4"),  # in a third asset: its worth
        ("0", "USD", "0", "500", "0.01", "0", "500"),
    ],
)
def test_the_fee_of_a_buy(fee: str, asset: str, worth: str, paid: str, net: str, entry_fees: str, cost: str) -> None:
    trader = Desk(rules=some_rules(risk=replace(EASY, position_size_pct=d(6)))).start()
    entry = sent_entry(trader)
    trader.tell(a_report(entry, "EXPIRED", ("1", "50000", "0.01"), fee=fee, asset=asset, worth=worth))
    position = trader.position()
    assert cash(trader) == 10_000 - d(paid)
    assert (position.net_quantity, position.entry_fees, position.cost) == (d(net), d(entry_fees), d(cost))
    assert position.entry_price == 50_000
    assert account(trader).day_notional == 500


@pytest.mark.parametrize(
    ("fee", "asset", "worth", "got", "fees", "profit", "dust"),
    [
        ("0.5", "USD", "0", "519.5", "0.5", "19.5", "0"),
        ("0.001", "BNB", "0.4", "520", "0.4", "19.6", "0"),
        ("0.00001", "BTC", "0", "520", "0.52", "19.48", "-0.00001"),  # paid with bitcoin that the position never had
        ("0", "USD", "0", "520", "0", "20", "0"),
    ],
)
def test_the_fee_of_a_sale(fee: str, asset: str, worth: str, got: str, fees: str, profit: str, dust: str) -> None:
    trader = Desk(rules=some_rules(risk=replace(EASY, position_size_pct=d(6)))).start()
    entry = sent_entry(trader)
    trader.tell(a_report(entry, "EXPIRED", ("1", "50000", "0.01")))
    stop = trader.place()
    trader.sends(stop)
    before = cash(trader)
    trader.tell(a_report(stop, "FILLED", ("2", "52000", "0.01"), fee=fee, asset=asset, worth=worth))
    (trade,) = changed(trader, Trade)
    assert cash(trader) - before == d(got)
    assert (trade.fees, trade.profit_loss, trade.exit_price) == (d(fees), d(profit), 52_000)
    assert account(trader).dust == d(dust)
    assert account(trader).day_notional == 500  # only what was bought counts


def test_more_than_was_ordered_is_a_bug() -> None:
    trader = desk()
    entry = sent_entry(trader)
    with pytest.raises(InvariantError, match=r"of 0\.00997"):
        trader.tell(a_report(entry, "FILLED", ("1", "50000", "0.00998")))


# ---------------------------------------------------------------- late fills


def proved_absent(trader: Desk, order: PlaceOrder) -> None:
    trader.tell(OrderUncertain(at=trader.now, client_order_id=order.client_order_id, reason="timed out"))
    for after in (20, 2, 2):
        trader.wait(seconds=after).tell(
            OrderNotFound(at=trader.now, client_order_id=order.client_order_id, complete=True)
        )


def test_a_buy_that_fills_after_it_was_proved_absent_is_ours_all_the_same() -> None:
    trader = desk()
    entry = sent_entry(trader)
    proved_absent(trader, entry)
    actions = trader.tell(a_report(entry, "FILLED", ("1", "50000", "0.00997"), fee="0.00000997", asset="BTC"))
    assert words(actions) == ["alert late_fill", "place stop"]
    assert cash(trader) == 10_000 - d("498.5")
    assert held(trader.engine.state) == d("0.00996003")
    assert trader.position().remaining == trader.place().quantity == d("0.00996")
    assert abs(liquidated(trader.engine.state) - 10_000) < 2
    trader.tell(a_report(entry, "FILLED", ("1", "50000", "0.00997"), fee="0.00000997", asset="BTC"))
    assert not trader.engine.touched


def test_dust_below_zero_takes_nothing_from_the_next_position() -> None:
    trader = desk()
    trader.engine.state.account = replace(account(trader), dust=d("-0.005"))
    entry = sent_entry(trader)
    trader.tell(a_report(entry, "FILLED", ("1", "50000", str(entry.quantity))))
    assert trader.place().quantity == entry.quantity
    assert account(trader).dust == d("-0.005")


def test_a_late_fill_of_the_entry_widens_the_stop() -> None:
    trader = desk()
    entry = sent_entry(trader)
    trader.tell(a_report(entry, "EXPIRED", ("1", "50000", "0.005"), fee="0.000005", asset="BTC"))
    stop = trader.place()
    trader.sends(stop)
    trader.reports(stop, "OPEN")
    assert stop.quantity == d("0.00499")
    actions = trader.tell(a_report(entry, "EXPIRED", ("9", "50000", "0.004"), fee="0.000005", asset="BTC"))
    assert words(actions) == ["alert late_fill", "cancel S02"]
    assert trader.position().quantity == d("0.00499") + d("0.003995")
    assert held(trader.engine.state) == d("0.004995") + d("0.003995")
    assert words(trader.tell_status(stop.client_order_id, "CANCELED")) == ["alert stop_missing", "place stop"]
    assert trader.place().quantity == d("0.00898")


def test_a_late_fill_that_changes_no_whole_step_leaves_the_stop() -> None:
    trader = desk()
    entry = sent_entry(trader)
    trader.tell(a_report(entry, "EXPIRED", ("1", "50000", "0.005")))
    stop = trader.place()
    trader.sends(stop)
    trader.reports(stop, "OPEN")
    assert words(trader.tell(a_report(entry, "EXPIRED", ("9", "50000", "0.000001")))) == ["alert late_fill"]


def test_a_late_fill_while_closing_is_sold_with_the_rest() -> None:
    trader = desk()
    entry = sent_entry(trader)
    trader.tell(a_report(entry, "EXPIRED", ("1", "50000", "0.005")))
    stop = trader.place()
    trader.sends(stop)
    trader.reports(stop, "OPEN")
    trader.tell(ClosePosition(at=trader.now, id="c", actor="me", position_id=trader.position().id))
    assert words(trader.tell(a_report(entry, "EXPIRED", ("9", "50000", "0.004")))) == ["alert late_fill"]
    trader.tell_status(stop.client_order_id, "CANCELED")
    assert trader.place().quantity == d("0.009")


def test_a_late_fill_of_a_stop_that_had_been_replaced_ends_the_position() -> None:
    trader = desk()
    trader.bought()
    old = trader.place_of("test-0000001", "S02")
    trader.wait(minutes=2).tell_status(old.client_order_id, "CANCELED")
    new = trader.place()
    trader.sends(new)
    trader.reports(new, "OPEN")
    actions = trader.reports(old, "FILLED", price="47500")
    assert words(actions) == ["alert late_fill", "cancel S03"]
    assert words(trader.tell_status(new.client_order_id, "CANCELED")) == []
    assert len(changed(trader, Trade)) == 1
    assert trader.engine.state.positions == {}


def test_a_late_sale_after_the_position_ended_is_taken_from_what_is_ours() -> None:
    trader = desk()
    trader.bought()
    stop = trader.place_of("test-0000001", "S02")
    trader.wait(minutes=2).tell_status(stop.client_order_id, "CANCELED")
    second = trader.place()
    trader.sends(second)
    trader.reports(second, "FILLED", price="47500")
    dust, before = account(trader).dust, cash(trader)
    actions = trader.reports(stop, "FILLED", price="47500", quantity="0.001")
    assert words(actions) == ["alert late_fill"]
    assert account(trader).dust == dust - d("0.001")
    assert cash(trader) - before == d("47.5") - d("0.0475")
    assert [fill.side for fill in changed(trader, Fill)] == [Side.SELL]
