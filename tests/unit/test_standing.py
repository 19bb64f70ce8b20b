"""May it trade, and if not, why: one answer for the header, the API and the entry gate. And what is protected."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.core.engine import Engine
from app.core.errors import InvariantError
from app.core.latches import Latch
from app.core.messages import ClosePosition, FlowSeen, Gate, OrdersListed
from app.core.model import LatchKind, OrderStatus, OrderType, Role
from app.core.state import GATE_ORDER, State, liquidated, price_is_stale, protection, standing
from app.core.turn import Turn
from tests.builders import MINUTE, NOON, Desk, d, some_rules
from tests.core_stories import EASY, a_position, order_at, orders_of, words


@pytest.mark.parametrize("gate", GATE_ORDER)
def test_each_gate_is_a_reason(gate: Gate) -> None:
    state = Desk().start().engine.state
    state.gates[gate] = "closed"
    stops = gate is Gate.LIVE_CHECK
    assert standing(state, NOON)[:2] == ("STOPPED" if stops else "PAUSED", gate.value)


@pytest.mark.parametrize("kind", list(LatchKind))
def test_each_latch_is_a_reason(kind: LatchKind) -> None:
    state = Desk().start().engine.state
    state.latches[kind] = Latch(kind=kind, at=NOON, reason="why")
    stops = kind in (LatchKind.KILL_SWITCH, LatchKind.RUNAWAY)
    assert standing(state, NOON)[:2] == ("STOPPED" if stops else "PAUSED", kind.value)


def test_a_live_price_is_stale_after_ten_seconds_and_a_candle_feed_that_delivers_is_fresh() -> None:
    live, fed = Desk(candle_fed=False).start(), Desk().start()
    assert not price_is_stale(live.engine.state, live.now + timedelta(seconds=10))
    assert price_is_stale(live.engine.state, live.now + timedelta(seconds=10, microseconds=1))
    assert standing(live.engine.state, live.now + timedelta(seconds=11))[1] == "stale_price"
    assert not price_is_stale(fed.engine.state, fed.now + timedelta(days=1))


def test_before_the_first_message_there_is_nothing() -> None:
    state = State()
    assert standing(state, NOON) == ("RECONCILING", None, None)
    assert liquidated(state) == 0
    assert protection(state) == (100, 0)
    assert price_is_stale(state, NOON)


def test_protection_counts_confirmed_stops_and_what_they_leave_at_risk() -> None:
    desk = Desk(rules=some_rules(risk=EASY)).start()
    position = desk.bought()
    covered, at_risk = protection(desk.engine.state)
    assert covered == 100
    quantity = position.remaining
    assert at_risk == quantity * 50_000 - quantity * 47_500 * d("0.999")
    bare = a_position(id="test-0000002", quantity=quantity)
    desk.engine.state.positions[bare.id] = bare
    covered, worse = protection(desk.engine.state)
    assert covered == 50
    assert worse == at_risk + quantity * 50_000, "what has no stop counts whole"


def listed(desk: Desk, *ids: str) -> list[str]:
    """The exchange lists these orders of ours as open."""
    desk.wait(seconds=1)
    return words(desk.tell(OrdersListed(at=desk.now, open_ids=ids)))


def test_a_stop_that_the_exchange_does_not_list_protects_nothing() -> None:
    desk = Desk(rules=some_rules(risk=EASY)).start()
    stop_id = desk.bought().stop_order_id
    assert listed(desk, stop_id) == []
    assert not desk.engine.touched, "what says nothing new is not worth a line of the journal"
    assert protection(desk.engine.state)[0] == 100

    assert listed(desk) == ["query S02"]
    assert protection(desk.engine.state)[0] == 0
    assert desk.position().unprotected_since == desk.now
    desk.tell_status(stop_id, "OPEN")  # it only had not been listed yet
    assert protection(desk.engine.state)[0] == 100


def test_a_list_asked_for_before_the_stop_was_confirmed_says_nothing_about_it() -> None:
    desk = Desk(rules=some_rules(risk=EASY)).start()
    desk.bought()
    asked_at = desk.now
    assert words(desk.tell(OrdersListed(at=asked_at, open_ids=()))) == []
    assert protection(desk.engine.state)[0] == 100


def test_an_entry_that_is_not_listed_is_asked_for() -> None:
    desk = Desk(rules=some_rules(risk=EASY)).start()
    desk.vote("BUY")
    entry = desk.place()
    desk.sends(entry)
    desk.reports(entry, "OPEN")
    assert listed(desk) == ["query E01"]


def test_a_stop_being_replaced_still_protects_and_one_taken_back_for_a_sale_does_not() -> None:
    desk = Desk(rules=some_rules(risk=EASY)).start()
    position = desk.bought()
    desk.price("53000", after=MINUTE)
    assert orders_of(desk)["S02"] == "CANCELLING"
    assert protection(desk.engine.state)[0] == 100

    desk = Desk(rules=some_rules(risk=EASY)).start()
    position = desk.bought()
    desk.tell(ClosePosition(at=desk.now, id="c", actor="me", position_id=position.id))
    assert protection(desk.engine.state)[0] == 0


def test_a_stop_for_less_than_is_held_covers_only_that() -> None:
    desk = Desk(rules=some_rules(risk=EASY)).start()
    position = desk.bought()
    desk.engine.state.positions[position.id] = replace(position, quantity=2 * position.quantity)
    covered, at_risk = protection(desk.engine.state)
    assert covered == 50
    assert at_risk == position.quantity * (100_000 - 47_500 * d("0.999"))


def test_money_cannot_move_before_the_exchange_was_read() -> None:
    with pytest.raises(InvariantError, match="before the exchange was read"):
        Engine().handle(FlowSeen(at=NOON, id="f", amount=d(1)))


def test_nothing_is_ordered_before_the_start() -> None:
    with pytest.raises(InvariantError, match="was not started"):
        Turn(State(), NOON).order(a_position(), Role.EXIT, OrderType.MARKET, d(1))


def test_a_report_that_says_nothing_new_changes_nothing() -> None:
    desk = Desk(rules=some_rules(risk=EASY)).start()
    desk.vote("BUY")
    entry = desk.place()
    desk.sends(entry)
    desk.reports(entry, "OPEN")
    desk.reports(entry, "OPEN")
    assert desk.engine.changes == ()


def test_a_close_waits_while_its_stops_fate_is_unknown() -> None:
    desk = Desk(rules=some_rules(risk=EASY)).start()
    position = desk.bought()
    desk.tell(ClosePosition(at=desk.now, id="c", actor="me", position_id=position.id))
    stop = order_at(desk, "S02")

    class Placed:
        client_order_id, side, quantity = stop.id, stop.side, stop.quantity

    desk.reports(Placed(), "UNKNOWN")  # type: ignore[arg-type]
    assert orders_of(desk)["S02"] == OrderStatus.UNKNOWN
    assert "C03" not in orders_of(desk)
