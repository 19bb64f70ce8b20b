"""When what the exchange refused is tried again: often at first, then seldom, and at once when something changed."""

from dataclasses import replace

import pytest

from app.core.messages import (
    Gate,
    GateClosed,
    GateOpened,
    InstrumentChanged,
    OrderRefused,
    PlaceOrder,
    Refusal,
    TimePassed,
    Unlock,
)
from app.core.model import ExitReason, LatchKind, PositionStatus
from tests.builders import Desk, d, some_rules
from tests.core_stories import EASY, words

POSITION = "test-0000001"


def with_a_stop_to_place() -> Desk:
    trader = Desk(rules=some_rules(risk=EASY)).start()
    trader.filled()
    return trader


def refuse(trader: Desk, order: PlaceOrder, refusal: Refusal = Refusal.BUSY) -> list[str]:
    trader.sends(order)
    id = order.client_order_id
    return words(trader.tell(OrderRefused(at=trader.now, client_order_id=id, refusal=refusal, reason="not now")))


def tick(trader: Desk, **later: float) -> list[str]:
    trader.wait(**later)
    return words(trader.tell(TimePassed(at=trader.now)))


def refused_for_ten_minutes(*, exit_reason: ExitReason | None = None) -> Desk:
    """Sixty refusals in a row, ten seconds apart; the sixtieth a moment ago."""
    trader = with_a_stop_to_place()
    if exit_reason is not None:
        trader.engine.state.positions[POSITION] = replace(trader.position(), exit_reason=exit_reason)
    for _ in range(59):
        refuse(trader, trader.place())
        assert "place stop" in tick(trader, seconds=10)
    refuse(trader, trader.place())
    return trader


def test_after_sixty_refusals_in_a_row_it_is_tried_every_ten_minutes() -> None:
    trader = refused_for_ten_minutes()
    assert tick(trader, seconds=599) == []
    assert tick(trader, seconds=1) == ["place stop"]


def test_orders_that_were_taken_are_no_refusals() -> None:
    """As after sixty good moves of a trailing stop, or where a lost position was found again."""
    trader = with_a_stop_to_place()
    trader.engine.state.positions[POSITION] = replace(trader.position(), attempts=700)
    assert refuse(trader, trader.place()) == ["alert order_rejected"]
    assert tick(trader, seconds=10) == ["place stop"]


@pytest.mark.parametrize("status", ["OPEN", "PARTIAL"])
def test_an_order_that_is_taken_ends_the_row(status: str) -> None:
    trader = refused_for_ten_minutes()
    tick(trader, minutes=10)
    stop = trader.place()
    trader.sends(stop)
    trader.reports(stop, status, **({"price": "47500", "quantity": "0.001"} if status == "PARTIAL" else {}))
    assert trader.engine.state.refusals == {}
    trader.wait(minutes=2).tell_status(stop.client_order_id, "CANCELED")
    refuse(trader, trader.place())
    assert tick(trader, seconds=10) == ["place stop"]


def test_a_closed_position_leaves_no_row_behind() -> None:
    trader = with_a_stop_to_place()
    refuse(trader, trader.place())
    tick(trader, seconds=10)
    stop = trader.place()
    trader.sends(stop)
    trader.reports(stop, "FILLED", price="47500")
    assert trader.engine.state.positions == trader.engine.state.refusals == trader.engine.state.retry_at == {}


def test_after_a_thousand_refusals_in_a_row_a_person_must_look() -> None:
    trader = refused_for_ten_minutes()
    trader.engine.state.refusals[POSITION] = 999
    tick(trader, minutes=10)
    assert refuse(trader, trader.place()) == ["alert order_rejected", "alert position_stuck"]
    assert trader.position().status is PositionStatus.QUARANTINE
    assert tick(trader, hours=1) == []


def test_the_kill_switchs_sale_is_never_tried_seldom() -> None:
    trader = refused_for_ten_minutes(exit_reason=ExitReason.KILL_SWITCH)
    assert tick(trader, seconds=60) == ["place stop"]


@pytest.mark.parametrize("gate", [Gate.EXCHANGE_REFUSES, Gate.EXCHANGE_UNREACHABLE])
def test_an_exchange_that_takes_us_again_is_asked_at_once(gate: Gate) -> None:
    trader = refused_for_ten_minutes()
    trader.tell(GateClosed(at=trader.now, gate=gate, text="not now"))
    trader.wait(minutes=2).tell(GateOpened(at=trader.now, gate=gate))
    assert trader.engine.touched
    assert tick(trader, seconds=0) == ["place stop"]


def test_a_gate_that_flaps_does_not_use_up_the_orders_numbers() -> None:
    trader = refused_for_ten_minutes()
    gate = Gate.EXCHANGE_REFUSES
    trader.tell(GateClosed(at=trader.now, gate=gate, text="not now"))
    trader.wait(seconds=10).tell(GateOpened(at=trader.now, gate=gate))
    assert tick(trader, seconds=49) == []
    assert tick(trader, seconds=1) == ["place stop"]


def test_gates_that_are_none_of_the_exchanges_change_nothing() -> None:
    trader = refused_for_ten_minutes()
    trader.tell(GateClosed(at=trader.now, gate=Gate.DISK, text="full"))
    trader.wait(minutes=2).tell(GateOpened(at=trader.now, gate=Gate.DISK))
    assert tick(trader, seconds=0) == []


def test_a_person_who_unlocks_has_it_tried_at_once_and_often_again() -> None:
    trader = refused_for_ten_minutes()
    trader.tell(GateClosed(at=trader.now, gate=Gate.EXCHANGE_REFUSES, text="the key"))
    trader.wait(seconds=2).tell(Unlock(at=trader.now, id="u", actor="me", kind=LatchKind.AUTH))
    assert tick(trader, seconds=0) == ["place stop"]
    refuse(trader, trader.place())
    assert tick(trader, seconds=10) == ["place stop"]


def test_a_market_that_trades_again_is_asked_at_once_and_often() -> None:
    trader = refused_for_ten_minutes()
    trader.tell(InstrumentChanged(at=trader.now, instrument=replace(trader.instrument, trading=False)))
    assert tick(trader, seconds=30) == []
    trader.tell(InstrumentChanged(at=trader.now, instrument=trader.instrument))
    assert tick(trader, seconds=0) == ["place stop"]
    refuse(trader, trader.place())
    assert tick(trader, seconds=10) == ["place stop"]


def test_other_rules_of_a_market_that_trades_are_no_news_to_what_waits() -> None:
    trader = refused_for_ten_minutes()
    finer = replace(trader.instrument, quantity_step=d("0.000001"))
    trader.tell(InstrumentChanged(at=trader.now, instrument=finer))
    assert tick(trader, seconds=30) == []
