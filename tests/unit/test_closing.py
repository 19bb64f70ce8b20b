"""Getting out: the stop holds the balance, so it is taken back first, and only what is proved left is sold."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.core.messages import (
    CancelUncertain,
    CloseAll,
    ClosePosition,
    OrderNotSent,
    OrderRefused,
    OrderUncertain,
    PlaceOrder,
    Refusal,
    TimePassed,
)
from app.core.model import ExitReason, LatchKind, OrderType, PositionStatus, Side, Trade
from app.core.rules import RiskLimits, Tripwires
from tests.builders import MINUTE, NOON, Desk, d, some_rules
from tests.core_stories import EASY, NO_WIRES, alerts, cash, changed, orders_of, words


def desk(limits: RiskLimits = EASY, **changes: object) -> Desk:
    return Desk(rules=some_rules(risk=limits), **changes).start()  # type: ignore[arg-type]


def close(trader: Desk, id: str = "c1", position: str = "test-0000001") -> list[str]:
    return words(trader.tell(ClosePosition(at=trader.now, id=id, actor="me", position_id=position)))


def close_all(trader: Desk, id: str = "all") -> list[str]:
    return words(trader.tell(CloseAll(at=trader.now, id=id, actor="me")))


def closing(limits: RiskLimits = EASY) -> tuple[Desk, PlaceOrder]:
    """A position whose stop was taken back, and the sale that was asked for."""
    trader = desk(limits)
    trader.bought()
    close(trader)
    trader.tell_status(trader.position().stop_order_id, "CANCELED")
    return trader, trader.place()


def refused(trader: Desk, order: PlaceOrder, refusal: Refusal) -> list[str]:
    trader.sends(order)
    id = order.client_order_id
    return words(trader.tell(OrderRefused(at=trader.now, client_order_id=id, refusal=refusal, reason="no")))


def tick(trader: Desk, **later: float) -> list[str]:
    trader.wait(**later)
    return words(trader.tell(TimePassed(at=trader.now)))


# ---------------------------------------------------------------- the plain way


def test_a_close_takes_the_stop_back_sells_what_is_left_and_books_the_trade() -> None:
    trader = desk()
    position = trader.bought()
    assert close(trader) == ["cancel S02"]
    assert (trader.position().status, trader.position().close_command_id) == (PositionStatus.CLOSING, "c1")
    trader.wait(minutes=3)
    assert words(trader.tell_status(position.stop_order_id, "CANCELED")) == ["place exit"]
    sale = trader.place()
    assert (sale.side, sale.type, sale.quantity) == (Side.SELL, OrderType.MARKET, d("0.00996"))
    assert (sale.price, sale.stop_price) == (None, None)
    trader.sends(sale)
    assert words(trader.wait(seconds=1).reports(sale, "FILLED", price="51000")) == []

    (trade,) = changed(trader, Trade)
    assert (trade.exit_reason, trade.entry_price, trade.exit_price) == (ExitReason.MANUAL, 50_000, 51_000)
    assert (trade.id, trade.position_id, trade.symbol) == (position.id, position.id, "BTC/USD")
    assert (trade.opened_at, trade.closed_at) == (NOON, trader.now)
    assert (trade.quantity, trade.cost) == (d("0.00996"), d("498.5"))
    assert trade.fees == d("0.00000997") * 50_000 + d("0.507960")
    assert trade.profit_loss == d("507.96") - d("0.50796") - d("498.5")
    assert (trade.decision_id, trade.exit_decision_id) == ("test-d0000001", "")
    assert trade.signals == position.signals
    assert trade.reasoning == position.reasoning
    account = trader.engine.state.account
    assert account is not None
    assert account.cash == 10_000 - d("498.5") + d("507.96") - d("0.50796")
    assert account.dust == d("0.00997") - d("0.00000997") - d("0.00996")
    assert (account.day_trades, account.day_realised, account.day_notional) == (1, trade.profit_loss, d("498.5"))
    assert trader.engine.state.exit_at == trader.now
    assert trader.engine.state.positions == {}


def test_a_trade_closed_by_a_vote_names_its_decision() -> None:
    trader = desk()
    stop_id = trader.bought().stop_order_id
    trader.wait(minutes=15).vote("SELL", 90)
    trader.tell_status(stop_id, "CANCELED")
    sale = trader.place()
    trader.sends(sale)
    trader.reports(sale, "FILLED", price="51000")
    (trade,) = changed(trader, Trade)
    assert (trade.exit_reason, trade.exit_decision_id) == (ExitReason.VOTE, "test-d0000002")
    assert trader.engine.state.orders[sale.client_order_id].decision_id == "test-d0000002"


def test_twenty_clicks_are_one_close() -> None:
    trader = desk()
    trader.bought()
    told = [close(trader, f"c{click}") for click in range(20)]
    assert told == [["cancel S02"], *[[]] * 19]
    assert trader.position().close_command_id == "c0"
    assert close_all(trader) == []


def test_closing_what_is_not_there_changes_nothing() -> None:
    trader = desk()
    assert close(trader, position="test-0000009") == []
    assert close_all(trader) == []


def test_close_all_closes_everything_and_takes_back_entries_that_have_not_left() -> None:
    trader = desk()
    trader.bought()
    trader.wait(minutes=15).vote("BUY")
    assert close_all(trader) == ["cancel S02"]
    assert list(trader.engine.state.positions) == ["test-0000001"]
    assert trader.position().close_command_id == "all"
    assert [order.status for order in trader.engine.state.orders.values()] == ["FILLED", "CANCELLING", "NOT_SENT"]


def test_an_entry_on_its_way_is_closed_when_it_has_its_answer() -> None:
    trader = desk()
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    assert close_all(trader) == []
    assert trader.position().status is PositionStatus.ENTERING
    assert words(trader.reports(entry, "FILLED", price="50000")) == ["place exit"]
    assert trader.position().status is PositionStatus.CLOSING


def test_an_entry_that_is_to_be_closed_but_bought_nothing_is_simply_over() -> None:
    trader = desk()
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    close_all(trader)
    assert words(trader.tell_status(entry.client_order_id, "EXPIRED")) == []
    assert trader.engine.state.positions == {}


# ---------------------------------------------------------------- races with the stop


def test_the_stop_fills_while_it_is_being_taken_back() -> None:
    trader = desk()
    stop = trader.place_of("test-0000001", "S02") if trader.bought() else None
    assert stop is not None
    close(trader)
    actions = trader.tell(CancelUncertain(at=trader.now, client_order_id=stop.client_order_id, reason="-2011"))
    assert words(actions) == ["query S02 completely"] or words(actions) == ["query S02"]
    assert words(trader.reports(stop, "FILLED", price="47400")) == []
    (trade,) = changed(trader, Trade)
    assert trade.exit_reason is ExitReason.STOP
    assert trader.engine.state.positions == {}


def test_the_stop_fills_in_part_while_it_is_being_taken_back() -> None:
    trader = desk()
    stop = trader.place_of("test-0000001", "S02") if trader.bought() else None
    assert stop is not None
    close(trader)
    assert words(trader.reports(stop, "CANCELED", price="47400", quantity="0.00400")) == ["place exit"]
    sale = trader.place()
    assert sale.quantity == d("0.00596")
    trader.sends(sale)
    trader.reports(sale, "FILLED", price="47000")
    (trade,) = changed(trader, Trade)
    assert trade.quantity == d("0.00996")
    assert trade.exit_price == (d("0.004") * 47_400 + d("0.00596") * 47_000) / d("0.00996")
    assert trade.exit_reason is ExitReason.MANUAL


@pytest.mark.parametrize("status", ["OPEN", "PARTIAL"])
def test_a_cancel_that_failed_is_asked_for_again(status: str) -> None:
    trader = desk()
    stop = trader.place_of("test-0000001", "S02") if trader.bought() else None
    assert stop is not None
    if status == "PARTIAL":
        trader.reports(stop, "PARTIAL", price="47500", quantity="0.001")
    close(trader)
    trader.tell(CancelUncertain(at=trader.now, client_order_id=stop.client_order_id, reason="timed out"))
    assert words(trader.tell_status(stop.client_order_id, status)) == []
    assert tick(trader, seconds=0.9) == []
    assert tick(trader, seconds=0.1) == ["cancel S02"]
    assert words(trader.tell_status(stop.client_order_id, "CANCELED")) == ["place exit"]
    assert trader.engine.state.cancel_asked == {}


def test_a_cancel_that_keeps_failing_is_asked_for_once_a_second() -> None:
    """The failure and the answer that it is still open may come back at once, each time."""
    trader = desk()
    stop_id = trader.bought().stop_order_id
    close(trader)
    asked = 1
    for _ in range(100):
        trader.tell(CancelUncertain(at=trader.now, client_order_id=stop_id, reason="busy"))
        asked += words(trader.tell_status(stop_id, "OPEN")).count("cancel S02")
        asked += tick(trader, seconds=0.1).count("cancel S02")
    assert asked == 11
    assert tick(trader, seconds=0) == []


def test_the_cancel_of_an_old_stop_is_not_called_stuck_at_once() -> None:
    """The ten minutes begin with the doubt, not with the order."""
    trader = desk()
    stop_id = trader.bought().stop_order_id
    trader.wait(hours=5)
    close(trader)
    trader.tell(CancelUncertain(at=trader.now, client_order_id=stop_id, reason="timed out"))
    assert "alert order_stuck" not in tick(trader, seconds=599)
    assert "alert order_stuck" in tick(trader, seconds=1)


def test_the_stop_still_open_after_the_cancel_was_asked_for_is_waited_for() -> None:
    trader = desk()
    stop_id = trader.bought().stop_order_id
    close(trader)
    assert words(trader.tell_status(stop_id, "OPEN")) == []
    assert orders_of(trader)["S02"] == "CANCELLING"


def test_a_stop_that_has_not_left_is_taken_back_without_asking_the_exchange() -> None:
    trader = desk()
    trader.filled()
    assert close(trader) == ["place exit"]
    assert orders_of(trader) == {"E01": "FILLED", "S02": "NOT_SENT", "C03": "INTENT"}


@pytest.mark.parametrize("ending", ["CANCELED", "REJECTED", "EXPIRED"])
def test_a_stop_on_its_way_is_waited_for_and_then_cancelled_or_found_ended(ending: str) -> None:
    trader = desk()
    trader.filled()
    stop = trader.place()
    trader.sends(stop)
    assert close(trader) == []
    if ending == "CANCELED":
        assert words(trader.tell_status(stop.client_order_id, "OPEN")) == ["cancel S02"]
    assert words(trader.tell_status(stop.client_order_id, ending)) == ["place exit"]
    assert trader.position().exit_reason is ExitReason.MANUAL


@pytest.mark.parametrize("refusal", list(Refusal))
def test_a_stop_refused_while_closing_frees_the_way_for_the_sale(refusal: Refusal) -> None:
    trader = desk()
    trader.filled()
    stop = trader.place()
    trader.sends(stop)
    close(trader)
    actions = trader.tell(
        OrderRefused(at=trader.now, client_order_id=stop.client_order_id, refusal=refusal, reason="no")
    )
    assert words(actions)[-1] == "place exit"
    assert trader.position().status is PositionStatus.CLOSING


def test_a_close_during_a_trailing_move_takes_the_new_half_back_and_waits_for_the_old_one() -> None:
    trader = desk()
    old = trader.bought().stop_order_id
    trader.price("52000", after=MINUTE)
    assert close(trader) == []
    assert orders_of(trader) == {"E01": "FILLED", "S02": "CANCELLING", "S03": "NOT_SENT"}
    trader.tell(CancelUncertain(at=trader.now, client_order_id=old, reason="the new stop was taken back"))
    assert words(trader.tell_status(old, "OPEN")) == ["cancel S02"]
    assert words(trader.tell_status(old, "CANCELED")) == ["place exit"]


def test_a_trailed_stop_that_fills_says_so() -> None:
    trader = desk()
    old = trader.bought().stop_order_id
    trader.price("52000", after=MINUTE)
    trader.tell_status(old, "CANCELED")
    new = trader.place_of("test-0000001", "S03")
    trader.sends(new)
    trader.reports(new, "OPEN")
    trader.reports(new, "FILLED", price="50440")
    (trade,) = changed(trader, Trade)
    assert (trade.exit_reason, trade.profit_loss > 0) == (ExitReason.TRAILING_STOP, True)


def test_the_old_stop_that_fills_before_it_was_moved_is_a_plain_stop() -> None:
    trader = desk()
    trader.bought()
    trader.price("52000", after=MINUTE)
    assert words(trader.reports(trader.place_of("test-0000001", "S02"), "FILLED", price="47500")) == []
    (trade,) = changed(trader, Trade)
    assert trade.exit_reason is ExitReason.STOP
    assert orders_of(trader)["S03"] == "NOT_SENT"  # the move has nothing to protect any more


# ---------------------------------------------------------------- the sale fails


def test_a_sale_that_fills_in_part_is_followed_by_another_for_the_rest() -> None:
    trader, sale = closing()
    trader.sends(sale)
    assert words(trader.reports(sale, "PARTIAL", price="50000", quantity="0.00400")) == []
    assert words(trader.tell_status(sale.client_order_id, "EXPIRED")) == ["place exit"]
    assert trader.place().quantity == d("0.00596")


def unsold(trader: Desk, sale: PlaceOrder) -> list[str]:
    """The sale met no buyer at all; what that and the next ten seconds bring."""
    trader.sends(sale)
    said = words(trader.tell_status(sale.client_order_id, "EXPIRED"))
    return said or tick(trader, seconds=10)


@pytest.mark.parametrize("ending", ["EXPIRED", "CANCELED"])
def test_a_sale_that_meets_no_buyer_is_followed_by_another_after_ten_seconds(ending: str) -> None:
    """Five tries in the same instant would all meet the same empty book."""
    trader, sale = closing()
    trader.sends(sale)
    assert words(trader.tell_status(sale.client_order_id, ending)) == []
    assert tick(trader, seconds=9.9) == []
    assert tick(trader, seconds=0.1) == ["place exit"]


def test_after_five_sales_a_person_must_look_and_what_is_left_stays_under_a_stop() -> None:
    trader, sale = closing()
    for _ in range(4):
        assert unsold(trader, sale) == ["place exit"]
        sale = trader.place()
    assert unsold(trader, sale) == ["alert position_stuck", "place stop"]
    stop = trader.place()
    assert (stop.stop_price, stop.quantity) == (47_500, d("0.00996"))
    assert trader.position().status is PositionStatus.QUARANTINE
    trader.sends(stop)
    assert words(trader.tell_status(stop.client_order_id, "OPEN")) == []  # and it stays
    assert trader.position().stop_confirmed


def quarantined() -> Desk:
    trader, sale = closing()
    for _ in range(5):
        unsold(trader, sale)
        sale = trader.place()
    stop = sale
    trader.sends(stop)
    trader.reports(stop, "OPEN")
    return trader


def test_a_position_in_quarantine_is_left_alone_by_votes_trailing_and_time() -> None:
    trader = quarantined()
    assert trader.price("55000", after=MINUTE).actions == []
    assert trader.wait(minutes=15).vote("SELL", 90) == []
    assert tick(trader, hours=1) == []


def test_its_stop_is_put_back_when_it_is_lost_and_fills_like_any_other() -> None:
    trader = quarantined()
    lost = trader.position().stop_order_id
    assert words(trader.wait(minutes=2).tell_status(lost, "CANCELED")) == ["alert stop_missing", "place stop"]
    assert trader.position().status is PositionStatus.QUARANTINE
    stop = trader.place()
    trader.sends(stop)
    assert words(trader.reports(stop, "FILLED", price="47500")) == []
    (trade,) = changed(trader, Trade)
    assert trade.exit_reason is ExitReason.STOP


def test_its_stop_that_cannot_be_put_back_is_told_once_and_tried_again_until_it_stands() -> None:
    trader = quarantined()
    lost = trader.position().stop_order_id
    assert words(trader.wait(minutes=2).tell_status(lost, "CANCELED")) == ["alert stop_missing", "place stop"]
    for _ in range(7):
        stop = trader.place()
        assert refused(trader, stop, Refusal.WOULD_TRIGGER) == ["alert order_rejected"]
        assert tick(trader, seconds=9.9) == []
        assert tick(trader, seconds=0.1) == ["place stop"]
    stop = trader.place()
    trader.sends(stop)
    trader.reports(stop, "OPEN")
    assert (trader.position().status, trader.position().stop_confirmed) == (PositionStatus.QUARANTINE, True)


def test_what_nobody_buys_and_no_stop_may_hold_yet_is_told_to_be_bare_and_held_once_the_price_is_back() -> None:
    trader, sale = closing()
    for _ in range(5):
        unsold(trader, sale)
        sale = trader.place()
    assert refused(trader, sale, Refusal.WOULD_TRIGGER) == ["alert order_rejected", "alert stop_missing"]
    assert tick(trader, seconds=10) == ["place stop"]


def test_the_kill_switch_sells_what_waits_for_a_person() -> None:
    trader = quarantined()
    trader.engine.state.account = replace(trader.engine.state.account, cash=d(100))  # type: ignore[type-var]
    for _ in range(2):
        trader.price("48000", after=MINUTE)
    assert "cancel S08" in words(trader.actions)
    assert words(trader.tell_status(trader.position().stop_order_id, "CANCELED")) == ["place exit"]
    assert trader.position().exit_reason is ExitReason.KILL_SWITCH


def test_its_stop_refused_by_a_busy_exchange_is_tried_again() -> None:
    trader = quarantined()
    trader.wait(minutes=2).tell_status(trader.position().stop_order_id, "CANCELED")
    stop = trader.place()
    trader.sends(stop)
    trader.tell(OrderRefused(at=trader.now, client_order_id=stop.client_order_id, refusal=Refusal.BUSY, reason="no"))
    assert tick(trader, seconds=10) == ["place stop"]


@pytest.mark.parametrize("command", [close, close_all])
def test_a_person_gets_it_out_of_quarantine_with_five_new_tries(command: object) -> None:
    trader = quarantined()
    assert command(trader) == ["cancel S08"]  # type: ignore[operator]
    assert words(trader.tell_status(trader.position().stop_order_id, "CANCELED")) == ["place exit"]
    sale = trader.place()
    trader.sends(sale)
    trader.reports(sale, "FILLED", price="50000")
    (trade,) = changed(trader, Trade)
    assert trade.exit_reason is ExitReason.MANUAL
    assert trader.engine.state.exits == {}


@pytest.mark.parametrize("refusal", [Refusal.MARKET_CLOSED, Refusal.BUSY, Refusal.ACCESS, Refusal.AUTH])
def test_while_the_market_is_closed_the_sale_is_tried_every_ten_seconds_and_no_try_is_used_up(
    refusal: Refusal,
) -> None:
    trader, sale = closing()
    for _ in range(12):
        trader.sends(sale)
        actions = trader.tell(
            OrderRefused(at=trader.now, client_order_id=sale.client_order_id, refusal=refusal, reason="closed")
        )
        assert "place exit" not in words(actions)
        assert tick(trader, seconds=9) == []
        assert tick(trader, seconds=1) == ["place exit"]
        sale = trader.place()
    trader.sends(sale)
    trader.reports(sale, "FILLED", price="50000")
    assert len(changed(trader, Trade)) == 1
    assert trader.engine.state.reject_times == []


@pytest.mark.parametrize("refusal", [Refusal.FUNDS, Refusal.RULES, Refusal.CLOCK, Refusal.WOULD_TRIGGER])
def test_a_sale_refused_for_its_own_fault_has_five_tries_ten_seconds_apart(refusal: Refusal) -> None:
    trader, sale = closing()
    for attempt in range(5):
        trader.sends(sale)
        actions = trader.tell(
            OrderRefused(at=trader.now, client_order_id=sale.client_order_id, refusal=refusal, reason="no")
        )
        truth = ["ReadAccount"] if refusal is Refusal.FUNDS else []
        assert words(actions) == [*truth, "alert order_rejected"]
        expected = ["place exit"] if attempt < 4 else ["alert position_stuck", "place stop"]
        assert tick(trader, seconds=10) == expected
        sale = trader.place()
    assert len(trader.engine.state.reject_times) == 5


def test_a_sale_that_was_not_sent_is_asked_for_again() -> None:
    trader, sale = closing()
    trader.sends(sale)
    actions = trader.tell(OrderNotSent(at=trader.now, client_order_id=sale.client_order_id, reason="start over"))
    assert words(actions) == ["place exit"]


def test_a_doubtful_sale_is_not_repeated_before_it_has_an_answer() -> None:
    trader, sale = closing()
    trader.sends(sale)
    trader.tell(OrderUncertain(at=trader.now, client_order_id=sale.client_order_id, reason="timed out"))
    assert close(trader) == []
    assert "place exit" not in tick(trader, seconds=15)
    assert words(trader.reports(sale, "FILLED", price="50000")) == []
    assert len(changed(trader, Trade)) == 1


# ---------------------------------------------------------------- dust


def test_what_is_worth_less_than_the_minimum_is_kept_as_dust() -> None:
    trader, sale = closing()
    trader.sends(sale)
    trader.reports(sale, "PARTIAL", price="50000", quantity="0.00980")
    assert words(trader.tell_status(sale.client_order_id, "EXPIRED")) == []  # 0.00016 × 50,000 is $8
    (trade,) = changed(trader, Trade)
    assert trade.quantity == d("0.00980")
    account = trader.engine.state.account
    assert account is not None
    assert account.dust == d("0.00016") + d("0.00000003")


def test_what_is_worth_exactly_the_minimum_is_sold() -> None:
    trader, sale = closing()
    trader.sends(sale)
    trader.reports(sale, "PARTIAL", price="50000", quantity="0.00976")
    assert words(trader.tell_status(sale.client_order_id, "EXPIRED")) == ["place exit"]  # 0.0002 × 50,000 is $10


def test_without_a_price_what_is_left_is_offered_all_the_same() -> None:
    trader = desk()
    stop_id = trader.bought().stop_order_id
    close(trader)
    trader.engine.state.quote = None
    assert words(trader.tell_status(stop_id, "CANCELED")) == ["place exit"]


# ---------------------------------------------------------------- what a bad end sets off


def buy_again(trader: Desk) -> None:
    """One more position half an hour later, while the others are gone."""
    trader.wait(minutes=30)
    trader.bought()


def sell_at(trader: Desk, price: object) -> list[str]:
    stop = trader.place_of(trader.position().id, "S02")
    return alerts(trader.reports(stop, "FILLED", price=price))


def test_one_trade_that_loses_too_much_stops_trading_until_a_person_looks() -> None:
    trader = desk(replace(EASY, tripwires=replace(NO_WIRES, trade_loss_pct=d(1))))
    trader.bought()
    assert sell_at(trader, 40_500) == []  # about 0.96 % of equity
    buy_again(trader)
    assert sell_at(trader, 39_000)[0] == "runaway"
    assert trader.engine.state.latches[LatchKind.RUNAWAY].reason.startswith("one trade lost 1.1")


def test_stop_outs_in_a_row_are_counted_and_a_win_ends_the_row() -> None:
    trader = desk(replace(EASY, tripwires=replace(NO_WIRES, stop_outs_in_a_row=2)))
    trader.bought()
    sell_at(trader, 47_500)
    assert trader.engine.state.stop_outs == 1
    buy_again(trader)
    sell_at(trader, 52_000)
    assert trader.engine.state.stop_outs == 0
    for expected in ([], ["runaway"]):
        buy_again(trader)
        assert sell_at(trader, 47_500) == expected


def test_a_loss_by_hand_is_no_stop_out() -> None:
    trader, sale = closing(replace(EASY, tripwires=Tripwires()))
    trader.sends(sale)
    trader.reports(sale, "FILLED", price="47500")
    assert trader.engine.state.stop_outs == 0
    assert cash(trader) < 10_000 - 20


def test_books_of_closed_positions_do_not_grow_for_ever() -> None:
    trader = desk(replace(EASY, max_open_positions=4))
    for _ in range(260):
        buy_again(trader)
        sell_at(trader, 50_000)
    state = trader.engine.state
    assert len(state.orders) <= 502
    assert len(state.booked) <= 502
    assert set(state.booked.values()) <= set(state.orders)
    newest = max(state.orders)
    assert state.orders[newest].position_id == "test-0000078"  # 260 in base 36
    assert len(state.order_times) <= 2 * 2 + 2
    assert timedelta(hours=1) > trader.now - min(state.order_times)


def test_a_stop_that_the_exchange_is_cancelling_already_is_waited_for() -> None:
    trader = desk()
    trader.filled()
    stop = trader.place()
    trader.sends(stop)
    close(trader)
    assert words(trader.tell_status(stop.client_order_id, "CANCELLING")) == []
    assert words(trader.tell_status(stop.client_order_id, "CANCELED")) == ["place exit"]
