"""Start-up is recovery: whatever state an order was in when the process died, and whatever the exchange answers."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.core.messages import (
    AccountSeen,
    CancelUncertain,
    ClosePosition,
    OrderNotFound,
    OrderRefused,
    OrderReported,
    OrderUncertain,
    ReadAccount,
    Refusal,
    SealKillSwitch,
    Started,
    TimePassed,
)
from app.core.model import ExitReason, LatchKind, OrderReport, OrderStatus, PositionStatus, Role
from app.core.orders import client_order_id
from app.core.state import standing
from tests.builders import MINUTE, Desk, d, some_rules
from tests.core_stories import EASY, alerts, cash, order_at, orders_of, report_on, words

SECOND = timedelta(seconds=1)


def easy() -> Desk:
    return Desk(rules=some_rules(risk=EASY)).start()


def truth(desk: Desk, *reports: OrderReport, **values: object) -> list:  # type: ignore[type-arg]
    """The exchange's answer: what the books say, unless told otherwise."""
    state = desk.engine.state
    held = sum((position.remaining for position in state.positions.values()), d(0))
    dust = state.account.dust if state.account else d(0)
    said = {"quote_total": cash(desk), "base_total": held + dust, "base_free": d(0), "reports": reports, **values}
    return desk.tell(AccountSeen(at=desk.now, **said))  # type: ignore[arg-type]


def test_a_start_asks_for_the_truth_and_trades_only_after_it() -> None:
    desk = Desk()
    (asked,) = desk.restart()
    assert isinstance(asked, ReadAccount)
    assert standing(desk.engine.state, desk.now)[0] == "RECONCILING"
    truth_of_an_empty_account = AccountSeen(
        at=desk.now, quote_total=d(10_000), base_total=d(0), base_free=d(0), price=d(50_000)
    )
    desk.tell(truth_of_an_empty_account)
    assert standing(desk.engine.state, desk.now)[0] == "TRADING"
    assert desk.engine.state.quote is not None


def test_an_entry_that_never_left_is_not_sent_and_holds_nothing() -> None:
    desk = easy()
    desk.vote("BUY")
    (asked,) = desk.restart()
    assert isinstance(asked, ReadAccount)
    assert orders_of(desk) == {"E01": "NOT_SENT"}
    assert desk.engine.state.positions == {}


def test_an_entry_that_was_being_sent_is_doubtful_until_it_is_found() -> None:
    desk = easy()
    desk.vote("BUY")
    entry = desk.place()
    desk.sends(entry)
    assert words(desk.restart()) == ["ReadAccount"]
    truth(desk)
    assert standing(desk.engine.state, desk.now)[:2] == ("PAUSED", "unknown_order")
    desk.reports(entry, "FILLED", price="50000")
    assert orders_of(desk) == {"E01": "FILLED", "S02": "INTENT"}
    assert desk.position().status is PositionStatus.OPEN


def test_an_entry_that_was_being_sent_is_given_up_only_on_three_complete_answers_after_the_fence() -> None:
    desk = easy()
    desk.vote("BUY")
    desk.sends(desk.place())
    desk.restart()
    truth(desk)
    id = order_at(desk, "E01").id

    def absent(*, complete: bool = True) -> str:
        desk.tell(OrderNotFound(at=desk.now, client_order_id=id, complete=complete))
        return orders_of(desk)["E01"]

    assert absent() == "UNKNOWN", "before the fence it proves nothing"
    desk.wait(seconds=21)
    assert "query E01 completely" in words(desk.tell(TimePassed(at=desk.now)))
    assert absent(complete=False) == "UNKNOWN", "one list alone proves nothing"
    assert absent() == "UNKNOWN"
    assert absent() == "UNKNOWN", "too soon after the last answer"
    desk.wait(seconds=2)
    assert absent() == "UNKNOWN"
    desk.wait(seconds=2)
    assert absent() == "NOT_PLACED"
    assert desk.engine.state.positions == {}
    assert standing(desk.engine.state, desk.now)[0] == "TRADING"
    desk.tell(OrderNotFound(at=desk.now, client_order_id=id, complete=True))
    assert orders_of(desk)["E01"] == "NOT_PLACED"


def test_after_ten_minutes_in_doubt_a_person_is_called() -> None:
    desk = easy()
    desk.vote("BUY")
    entry = desk.place()
    desk.sends(entry)
    desk.tell(OrderUncertain(at=desk.now, client_order_id=entry.client_order_id, reason="no answer"))
    desk.wait(minutes=10)
    assert "order_stuck" in alerts(desk.tell(TimePassed(at=desk.now)))
    assert orders_of(desk)["E01"] == "STUCK"
    desk.reports(entry, "EXPIRED")
    assert desk.engine.state.positions == {}


def test_a_position_whose_stop_was_never_placed_gets_one() -> None:
    desk = easy()
    desk.filled()
    desk.restart()
    assert orders_of(desk)["S02"] == "NOT_SENT"
    assert words(truth(desk)) == ["place stop"]


def test_a_close_that_was_interrupted_goes_on() -> None:
    desk = easy()
    position = desk.bought()
    desk.tell(ClosePosition(at=desk.now, id="c", actor="me", position_id=position.id))
    assert orders_of(desk)["S02"] == "CANCELLING"
    desk.wait(seconds=1)
    assert words(desk.restart()) == ["ReadAccount"]
    truth(desk, report_on(desk, "S02", "CANCELED"))
    assert orders_of(desk) == {"E01": "FILLED", "S02": "CANCELED", "C03": "INTENT"}


def test_a_cancel_that_never_arrived_is_asked_for_again() -> None:
    desk = easy()
    position = desk.bought()
    desk.tell(ClosePosition(at=desk.now, id="c", actor="me", position_id=position.id))
    desk.restart()
    assert words(truth(desk, report_on(desk, "S02", "OPEN"))) == ["cancel S02"]


def test_an_open_order_that_the_exchange_does_not_mention_is_doubtful() -> None:
    desk = easy()
    desk.bought()
    desk.wait(minutes=1)
    assert "query S02 completely" in words(truth(desk))
    assert orders_of(desk)["S02"] == "UNKNOWN"


def test_an_open_order_that_is_mentioned_is_not() -> None:
    desk = easy()
    desk.bought()
    desk.wait(minutes=1)
    assert truth(desk, open_ids=(order_at(desk, "S02").id,)) == []


def test_missing_bitcoin_seen_twice_shuts_entries_and_says_so_once() -> None:
    desk = easy()
    desk.bought()
    ids = (order_at(desk, "S02").id,)

    def seen() -> list[str]:
        desk.wait(seconds=30)
        return alerts(truth(desk, base_total=d("0.001"), open_ids=ids))

    assert seen() == [], "so soon after a fill balances may lag behind"
    assert desk.engine.state.difference == ""
    assert seen() == [], "once may be a fill under way"
    assert seen()[0] == "external_change"
    assert standing(desk.engine.state, desk.now)[:2] == ("PAUSED", "external_change")
    assert "external_change" not in seen()


def test_missing_money_seen_twice_is_a_loss_and_a_surplus_is_not_ours() -> None:
    desk = easy()

    def seen(total: str) -> list[str]:
        desk.wait(seconds=30)
        return alerts(truth(desk, quote_total=d(total)))

    assert seen("9999.50") == [], "within the tolerance"
    assert "external_change" not in seen("9000")
    assert "external_change" in seen("9000")
    desk.wait(minutes=10)
    seen("9000")
    assert cash(desk) == 9000
    seen("12000")
    seen("12000")
    assert cash(desk) == 9000


def test_a_sealed_kill_switch_locks_even_an_empty_database() -> None:
    desk = Desk()
    started = Started(
        at=desk.now,
        program_version="1",
        ledger="test",
        tag="test",
        live=False,
        candle_fed=True,
        rules=desk.rules,
        config_sha256="",
        instrument=desk.instrument,
        kill_sealed="down 50 %",
    )
    desk.tell(started)
    desk.tell(AccountSeen(at=desk.now, quote_total=d(100), base_total=d(0), base_free=d(0)))
    assert standing(desk.engine.state, desk.now)[:2] == ("STOPPED", "kill_switch")


def test_a_kill_that_was_interrupted_is_sealed_again_and_goes_on() -> None:
    desk = easy()
    desk.bought()
    latch = desk.engine.state.latches
    desk.price("50000", after=MINUTE)
    from app.core.latches import Latch

    latch[LatchKind.KILL_SWITCH] = Latch(kind=LatchKind.KILL_SWITCH, at=desk.now, reason="down 50 %")
    assert SealKillSwitch(reason="down 50 %") in desk.restart()
    assert "cancel S02" in words(truth(desk, report_on(desk, "S02", "OPEN")))
    assert desk.position().exit_reason is ExitReason.KILL_SWITCH


# ---------------------------------------------------------------- answers that nobody expected


def orphan(desk: Desk, status: str) -> OrderReport:
    id = client_order_id(live=False, tag="test", trade=99, role=Role.ENTRY, attempt=1)
    return OrderReport(client_order_id=id, exchange_order_id="x", status=OrderStatus(status), at=desk.now)


def test_an_order_with_our_mark_that_is_not_in_the_books_is_cancelled() -> None:
    desk = easy()
    actions = desk.tell(OrderReported(at=desk.now, report=orphan(desk, "OPEN")))
    assert words(actions) == ["alert orphan_order", "cancel E01"]
    assert desk.tell(OrderReported(at=desk.now, report=orphan(desk, "CANCELED"))) == []


def test_an_order_that_had_ended_but_is_open_after_all_is_cancelled() -> None:
    desk = easy()
    desk.vote("BUY")
    entry = desk.place()
    desk.sends(entry)
    desk.reports(entry, "EXPIRED")
    assert "cancel E01" in words(desk.reports(entry, "OPEN"))


def test_a_fill_that_comes_late_is_booked_and_told() -> None:
    desk = easy()
    desk.vote("BUY")
    entry = desk.place()
    desk.sends(entry)
    desk.reports(entry, "EXPIRED")
    before = cash(desk)
    actions = desk.reports(entry, "FILLED", price="50000")
    assert "late_fill" in alerts(actions)
    assert cash(desk) < before


def test_the_same_fill_again_books_nothing() -> None:
    desk = easy()
    entry = desk.filled()
    before = cash(desk)
    state = desk.engine.state
    assert len(state.booked) == 1
    desk._trade_ids -= 1
    desk.reports(entry, "FILLED", price="50000")
    assert cash(desk) == before
    assert len(state.booked) == 1


def test_a_fee_in_a_third_asset_costs_what_it_is_worth() -> None:
    desk = easy()
    desk.vote("BUY")
    entry = desk.place()
    desk.sends(entry)
    desk.reports(entry, "FILLED", price="50000", fee="0.001", fee_asset="BNB")
    position = desk.position()
    assert position.net_quantity == entry.quantity
    assert cash(desk) == 10_000 - entry.quantity * 50_000


@pytest.mark.parametrize("refusal", list(Refusal))
def test_a_refused_entry_leaves_nothing_whatever_the_reason(refusal: Refusal) -> None:
    desk = easy()
    desk.vote("BUY")
    entry = desk.place()
    desk.sends(entry)
    refused = OrderRefused(at=desk.now, client_order_id=entry.client_order_id, refusal=refusal, reason="no")
    assert "order_rejected" in alerts(desk.tell(refused))
    assert desk.engine.state.positions == {}
    assert desk.tell(refused) == [], "said again"
    assert (LatchKind.AUTH in desk.engine.state.latches) == (refusal is Refusal.AUTH)


def test_a_refusal_of_nothing_is_ignored() -> None:
    desk = easy()
    assert desk.tell(OrderRefused(at=desk.now, client_order_id="x", refusal=Refusal.RULES, reason="no")) == []
    assert desk.tell(CancelUncertain(at=desk.now, client_order_id="x", reason="no")) == []


def test_a_cancel_in_doubt_is_asked_for_and_a_fill_in_between_wins() -> None:
    desk = easy()
    position = desk.bought()
    stop = desk.engine.state.orders[position.stop_order_id]
    desk.tell(ClosePosition(at=desk.now, id="c", actor="me", position_id=position.id))
    actions = desk.tell(CancelUncertain(at=desk.now, client_order_id=stop.id, reason="-2011"))
    assert words(actions) == ["query S02"]

    class Placed:
        client_order_id, side, quantity = stop.id, stop.side, stop.quantity

    actions = desk.reports(Placed(), "FILLED", price="47500")  # type: ignore[arg-type]
    assert "place exit" not in words(actions), "the stop has sold it: never sell again"
    assert desk.engine.state.positions == {}


def test_a_stop_of_a_closed_position_that_turns_up_open_is_cancelled() -> None:
    desk = easy()
    position = desk.bought()
    stop = order_at(desk, "S02")
    desk.engine.state.orders[stop.id] = replace(stop, status=OrderStatus.UNKNOWN)
    del desk.engine.state.positions[position.id]
    actions = desk.tell(OrderReported(at=desk.now, report=report_on(desk, "S02", "OPEN")))
    assert "cancel S02" in words(actions)
