"""An answer in doubt is never a no: asked again, proved absent only after the fence, else a person is called."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.core.messages import (
    AccountSeen,
    CancelUncertain,
    OrderNotFound,
    OrderNotSent,
    OrderRefused,
    OrderReported,
    OrderSending,
    OrderUncertain,
    PlaceOrder,
    QueryOrder,
    Refusal,
    TimePassed,
)
from app.core.model import Fill, OrderReport, OrderStatus, Role, Side, Trade
from app.core.orders import client_order_id
from tests.builders import NOON, Desk, d, some_rules
from tests.core_stories import EASY, alerts, changed, orders_of, step_of, words


def doubtful_entry() -> tuple[Desk, PlaceOrder]:
    trader = Desk(rules=some_rules(risk=EASY)).start()
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    trader.tell(OrderUncertain(at=trader.now, client_order_id=entry.client_order_id, reason="timed out"))
    return trader, entry


def not_found(trader: Desk, order: PlaceOrder, *, after: float, complete: bool = True) -> list[str]:
    trader.wait(seconds=after)
    return words(trader.tell(OrderNotFound(at=trader.now, client_order_id=order.client_order_id, complete=complete)))


def at_second(trader: Desk, second: float) -> list[str]:
    trader.now = NOON + timedelta(seconds=second)
    return words(trader.tell(TimePassed(at=trader.now)))


# ---------------------------------------------------------------- asking


def test_a_doubt_is_asked_about_at_once_and_stops_entries() -> None:
    trader, entry = doubtful_entry()
    (query,) = trader.actions
    assert isinstance(query, QueryOrder)
    assert (query.client_order_id, query.sent_at, query.complete) == (entry.client_order_id, NOON, False)
    assert (query.position_id, query.symbol) == (entry.position_id, "BTC/USD")
    assert orders_of(trader) == {"E01": "UNKNOWN"}
    assert not trader.engine.trading


def test_it_is_asked_again_on_a_schedule_and_completely_once_the_fence_has_passed() -> None:
    trader, _ = doubtful_entry()
    asked = {}
    for tenth in range(1, 800):
        if told := at_second(trader, tenth / 10):
            asked[tenth / 10] = told[0]
    seconds = list(asked)
    assert seconds == [0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0, 70.0]
    assert list(asked.values())[:6] == ["query E01"] * 6
    assert set(list(asked.values())[6:]) == {"query E01 completely"}


def test_time_in_which_nothing_is_asked_changes_nothing() -> None:
    trader, _ = doubtful_entry()
    at_second(trader, 0.4)
    assert not trader.engine.touched


def test_a_doubt_that_begins_late_is_asked_about_twice_a_second_until_it_has_caught_up() -> None:
    trader = Desk(rules=some_rules(risk=EASY)).start()
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    trader.wait(seconds=15)  # the request's own time limit
    trader.tell(OrderUncertain(at=trader.now, client_order_id=entry.client_order_id, reason="timed out"))
    asked = [tenth / 10 for tenth in range(151, 260) if at_second(trader, tenth / 10)]
    assert asked == [15.5, 16.0, 16.5, 17.0, 17.5, 18.0, 20.0, 25.0]


def test_the_same_doubt_told_twice_keeps_its_beginning() -> None:
    trader, entry = doubtful_entry()
    since = trader.engine.state.doubts[entry.client_order_id].since
    trader.wait(seconds=5).tell(OrderUncertain(at=trader.now, client_order_id=entry.client_order_id, reason="again"))
    doubt = trader.engine.state.doubts[entry.client_order_id]
    assert (doubt.since, doubt.asked) == (since, 2)


# ---------------------------------------------------------------- answers


def test_found_filled_is_adopted_and_protected_and_there_is_exactly_one_order() -> None:
    trader, entry = doubtful_entry()
    assert words(trader.wait(seconds=2).reports(entry, "FILLED", price="50000")) == ["place stop"]
    assert orders_of(trader) == {"E01": "FILLED", "S02": "INTENT"}
    assert trader.engine.state.doubts == {}
    assert trader.engine.trading


def test_three_complete_not_founds_after_the_fence_two_seconds_apart_prove_that_it_was_not_placed() -> None:
    trader, entry = doubtful_entry()
    assert not_found(trader, entry, after=20) == []
    assert not_found(trader, entry, after=2) == []
    assert orders_of(trader) == {"E01": "UNKNOWN"}
    assert not_found(trader, entry, after=2) == []
    assert orders_of(trader) == {"E01": "NOT_PLACED"}
    assert trader.engine.state.positions == {}
    assert trader.engine.trading
    trader.wait(minutes=15).vote("BUY")
    assert trader.place().client_order_id != entry.client_order_id  # an id is never used twice


def test_evidence_that_counts_is_followed_by_the_next_question_two_seconds_later() -> None:
    """Also long after the doubt began, when questions are ten seconds apart: the exchange answers again at last."""
    trader, entry = doubtful_entry()
    for half in range(1, 200):
        at_second(trader, half / 2)
    assert at_second(trader, 100) == ["query E01 completely"]
    assert not_found(trader, entry, after=0) == []
    assert at_second(trader, 101.9) == []
    assert at_second(trader, 102) == ["query E01 completely"]
    assert not_found(trader, entry, after=0) == []
    assert at_second(trader, 104) == ["query E01 completely"]
    not_found(trader, entry, after=0)
    assert orders_of(trader) == {"E01": "NOT_PLACED"}


@pytest.mark.parametrize(
    ("steps", "counted"),
    [
        ([(19.999, True), (0.0005, True)], 0),  # before the fence nothing counts
        ([(20, True)], 1),
        ([(20, False), (5, False)], 0),  # incomplete answers never count
        ([(20, True), (1.999, True)], 1),  # too close
        ([(20, True), (1.999, True), (0.001, True)], 2),
        ([(20, True), (2, True)], 2),
        ([(20, True), (2, True), (1.9, True)], 2),
    ],
)
def test_what_counts_as_evidence(steps: list[tuple[float, bool]], counted: int) -> None:
    trader, entry = doubtful_entry()
    for after, complete in steps:
        not_found(trader, entry, after=after, complete=complete)
    assert trader.engine.state.doubts[entry.client_order_id].not_found == counted
    assert orders_of(trader) == {"E01": "UNKNOWN"}


def test_evidence_that_does_not_count_is_not_worth_a_journal_row() -> None:
    trader, entry = doubtful_entry()
    not_found(trader, entry, after=1)
    assert not trader.engine.touched
    not_found(trader, entry, after=20)
    assert trader.engine.touched


def test_not_found_about_an_order_that_nobody_doubts_changes_nothing() -> None:
    trader, entry = doubtful_entry()
    trader.reports(entry, "EXPIRED")
    assert not_found(trader, entry, after=60) == []
    assert orders_of(trader) == {"E01": "EXPIRED"}
    trader.tell(OrderNotFound(at=trader.now, client_order_id="nobody", complete=True))
    assert not trader.engine.touched


def test_an_order_that_the_exchange_held_once_and_no_longer_knows_counts_as_cancelled() -> None:
    trader = Desk(rules=some_rules(risk=EASY)).start()
    trader.bought()
    stop = trader.place_of("test-0000001", "S02")
    trader.wait(minutes=10)
    trader.tell(OrderUncertain(at=trader.now, client_order_id=stop.client_order_id, reason="not mentioned"))
    told = [not_found(trader, stop, after=2) for _ in range(3)]
    assert told == [[], [], ["alert stop_missing", "place stop"]]
    assert orders_of(trader)["S02"] == "CANCELED"


def test_a_doubtful_cancel_that_is_proved_absent_is_a_cancel() -> None:
    trader = Desk(rules=some_rules(risk=EASY)).start()
    trader.bought()
    stop = trader.place_of("test-0000001", "S02")
    trader.tell_status(stop.client_order_id, "CANCELLING")
    trader.tell(CancelUncertain(at=trader.now, client_order_id=stop.client_order_id, reason="timed out"))
    assert not trader.engine.trading
    not_found(trader, stop, after=20)
    not_found(trader, stop, after=2)
    not_found(trader, stop, after=2)
    assert orders_of(trader)["S02"] == "CANCELED"


# ---------------------------------------------------------------- no answer


def test_after_ten_minutes_without_an_answer_a_person_is_called_and_asking_goes_on() -> None:
    trader, entry = doubtful_entry()
    for half in range(1, 1200):
        assert "alert order_stuck" not in at_second(trader, half / 2)
    told = at_second(trader, 600)
    assert told == ["alert order_stuck", "query E01 completely"]
    assert orders_of(trader) == {"E01": "STUCK"}
    assert at_second(trader, 605) == []
    assert at_second(trader, 610) == ["query E01 completely"]
    assert not trader.engine.trading
    assert words(trader.reports(entry, "FILLED", price="50000")) == ["place stop"]
    assert trader.engine.trading


def test_a_stuck_order_can_still_be_proved_absent() -> None:
    trader, entry = doubtful_entry()
    at_second(trader, 600)
    for _ in range(3):
        not_found(trader, entry, after=2)
    assert orders_of(trader) == {"E01": "NOT_PLACED"}


def test_just_before_ten_minutes_nobody_is_called() -> None:
    trader, _ = doubtful_entry()
    assert "alert order_stuck" not in at_second(trader, 599.9)


# ---------------------------------------------------------------- messages that come late or twice


def test_a_doubt_about_an_order_that_has_ended_is_no_doubt() -> None:
    trader, entry = doubtful_entry()
    trader.reports(entry, "EXPIRED")
    for late in (
        OrderUncertain(at=trader.now, client_order_id=entry.client_order_id, reason="late"),
        CancelUncertain(at=trader.now, client_order_id=entry.client_order_id, reason="late"),
        OrderSending(at=trader.now, client_order_id=entry.client_order_id),
    ):
        assert trader.tell(late) == []
        assert not trader.engine.touched


def test_a_late_answer_to_an_order_that_is_in_doubt_already_only_asks_again() -> None:
    trader, entry = doubtful_entry()
    told = trader.tell(CancelUncertain(at=trader.now, client_order_id=entry.client_order_id, reason="late"))
    assert (words(told), orders_of(trader)) == (["query E01"], {"E01": "UNKNOWN"})
    trader.wait(minutes=10).tell(TimePassed(at=trader.now))
    trader.tell(OrderUncertain(at=trader.now, client_order_id=entry.client_order_id, reason="very late"))
    assert orders_of(trader) == {"E01": "STUCK"}


def test_an_order_that_was_thought_to_have_left_but_had_not_is_simply_over() -> None:
    trader, entry = doubtful_entry()
    assert trader.tell(OrderNotSent(at=trader.now, client_order_id=entry.client_order_id, reason="shut")) == []
    assert orders_of(trader) == {"E01": "NOT_SENT"}
    assert trader.engine.state.positions == trader.engine.state.doubts == {}


def test_sending_twice_keeps_the_first_time() -> None:
    trader = Desk(rules=some_rules(risk=EASY)).start()
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    trader.wait(seconds=3).sends(entry)
    order = trader.engine.state.orders[entry.client_order_id]
    assert (order.sent_at, order.status) == (NOON, "SENDING")
    assert not trader.engine.touched


def test_a_report_from_the_stream_before_the_requests_own_doubt() -> None:
    trader = Desk(rules=some_rules(risk=EASY)).start()
    trader.filled()
    stop = trader.place()
    trader.sends(stop)
    trader.reports(stop, "OPEN")
    told = trader.tell(OrderUncertain(at=trader.now, client_order_id=stop.client_order_id, reason="timed out"))
    assert words(told) == ["query S02"]
    assert trader.reports(stop, "OPEN") == []
    assert trader.engine.trading


# ---------------------------------------------------------------- orders that had ended, orders nobody knows


def test_an_order_that_had_ended_here_but_is_open_there_is_cancelled() -> None:
    trader, entry = doubtful_entry()
    not_found(trader, entry, after=20)
    not_found(trader, entry, after=2)
    not_found(trader, entry, after=2)
    assert words(trader.tell_status(entry.client_order_id, "OPEN")) == ["cancel E01", "alert late_order"]
    assert words(trader.tell_status(entry.client_order_id, "CANCELED")) == []


def test_an_answer_to_a_question_that_was_put_before_the_orders_end_is_no_late_order() -> None:
    trader = Desk(rules=some_rules(risk=EASY)).start()
    stop_id = trader.bought().stop_order_id
    asked_at = trader.now
    trader.wait(seconds=1)
    trader.tell_status(stop_id, "CANCELED")
    still_open = OrderReport(client_order_id=stop_id, exchange_order_id="x", status=OrderStatus.OPEN, at=asked_at)
    account = AccountSeen(
        at=asked_at,
        quote_total=d(10_000),
        base_total=d(0),
        base_free=d(0),
        reports=(still_open,),
        open_ids=(stop_id,),
    )
    assert "cancel S02" not in words(trader.tell(account))
    trader.wait(seconds=1)
    later = replace(account, at=trader.now)
    assert words(trader.tell(later))[:2] == ["cancel S02", "alert late_order"]


@pytest.mark.parametrize(("status", "cancelled"), [("OPEN", True), ("PARTIAL", True), ("FILLED", False)])
def test_an_order_with_our_mark_that_is_not_in_the_books_is_cancelled_and_told(status: str, cancelled: bool) -> None:
    trader = Desk(rules=some_rules(risk=EASY)).start()
    trader.bought()
    actions = trader.tell(stranger(trader, 9, status))
    assert alerts(actions) == (["orphan_order"] if cancelled else [])
    assert words(actions)[1:] == (["cancel E01"] if cancelled else [])
    assert trader.engine.touched  # at least its number is remembered


def test_a_stop_whose_position_is_closed_must_not_sell_anything_else() -> None:
    trader = Desk(rules=some_rules(risk=EASY)).start()
    trader.bought()
    stop = trader.place_of("test-0000001", "S02")
    trader.price("52000", after=timedelta(minutes=1))
    new = trader.place_of("test-0000001", "S03")
    trader.sends(new)
    trader.tell(OrderUncertain(at=trader.now, client_order_id=new.client_order_id, reason="timed out"))
    trader.reports(stop, "FILLED", price="47500")
    assert len(changed(trader, Trade)) == 1
    assert words(trader.tell_status(new.client_order_id, "OPEN")) == ["cancel S03"]
    assert trader.tell_status(new.client_order_id, "CANCELED") == []


def test_a_second_stop_that_stands_when_the_position_ends_is_taken_back() -> None:
    trader = Desk(rules=some_rules(risk=EASY)).start()
    trader.bought()
    old = trader.place_of("test-0000001", "S02")
    trader.price("52000", after=timedelta(minutes=1))
    new = trader.place_of("test-0000001", "S03")
    trader.sends(new)
    trader.tell(CancelUncertain(at=trader.now, client_order_id=old.client_order_id, reason="timed out"))
    trader.tell_status(old.client_order_id, "OPEN")
    assert words(trader.reports(new, "FILLED", price="50440")) == ["cancel S02"]
    assert trader.engine.state.positions == {}
    assert d(trader.engine.state.account.cash if trader.engine.state.account else 0) > 0


def test_the_same_word_about_a_resting_stop_changes_nothing() -> None:
    trader = Desk(rules=some_rules(risk=EASY)).start()
    trader.bought()
    stop = trader.place_of("test-0000001", "S02")
    trader.reports(stop, "OPEN")
    assert trader.actions == []
    assert not trader.engine.touched


def test_a_refusal_of_an_order_that_has_ended_or_that_nobody_knows_changes_nothing() -> None:
    trader, entry = doubtful_entry()
    trader.reports(entry, "EXPIRED")
    for id in (entry.client_order_id, "nobody"):
        refusal = OrderRefused(at=trader.now, client_order_id=id, refusal=Refusal.RULES, reason="late")
        assert trader.tell(refusal) == []
        assert not trader.engine.touched


@pytest.mark.parametrize("how", ["refused", "not sent"])
def test_a_no_that_comes_after_more_was_heard_is_a_doubt(how: str) -> None:
    trader = Desk(rules=some_rules(risk=EASY)).start()
    stop_id = trader.bought().stop_order_id
    said = {
        "refused": OrderRefused(at=trader.now, client_order_id=stop_id, refusal=Refusal.BUSY, reason="late"),
        "not sent": OrderNotSent(at=trader.now, client_order_id=stop_id, reason="late"),
    }[how]
    assert "query S02" in words(trader.tell(said))
    assert orders_of(trader)["S02"] == "UNKNOWN"
    trader.tell_status(stop_id, "OPEN")
    assert trader.position().stop_confirmed


def test_a_doubtful_order_can_be_refused_after_all() -> None:
    trader, entry = doubtful_entry()
    trader.tell(OrderRefused(at=trader.now, client_order_id=entry.client_order_id, refusal=Refusal.FUNDS, reason="no"))
    assert orders_of(trader) == {"E01": "REJECTED"}
    assert trader.engine.state.doubts == {}


def stranger(trader: Desk, trade: int, status: str, *fills: Fill) -> OrderReported:
    """The report of an order with our mark that the books do not know."""
    id = client_order_id(live=False, tag="test", trade=trade, role=Role.ENTRY, attempt=1)
    report = OrderReport(
        client_order_id=id, exchange_order_id="9", status=OrderStatus(status), at=trader.now, fills=fills
    )
    return OrderReported(at=trader.now, report=report)


def test_numbers_that_an_unknown_order_has_used_up_are_skipped() -> None:
    """As with books restored from a backup: the exchange would take an id of a filled order a second time."""
    trader = Desk(rules=some_rules(risk=EASY)).start()
    trader.tell(stranger(trader, 7, "EXPIRED"))
    assert trader.engine.touched
    trader.tell(stranger(trader, 3, "EXPIRED"))
    assert not trader.engine.touched
    trader.vote("BUY")
    assert trader.place().position_id == "test-0000008"


def test_an_unknown_entry_that_was_filled_is_a_position_of_ours() -> None:
    trader = Desk(rules=some_rules(risk=EASY)).start()
    fill = Fill(
        id="t1",
        client_order_id="",
        side=Side.BUY,
        price=d(50_000),
        quantity=d("0.01"),
        fee=d(0),
        fee_asset="USD",
        at=NOON,
    )
    assert words(trader.tell(stranger(trader, 7, "FILLED", fill))) == ["alert orphan_order", "place stop"]
    assert trader.position().remaining == d("0.01")
    assert trader.engine.state.account is not None
    assert trader.engine.state.account.cash == 9_500
    assert trader.place().stop_price == 47_500
    assert step_of(trader.place().client_order_id) == "S2t"  # ids that may have been used are left out
