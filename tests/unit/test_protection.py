"""From the entry's fill to a confirmed stop, and what happens whenever that stop is not there."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.core.messages import (
    AccountSeen,
    CancelUncertain,
    CandleClosed,
    ClosePosition,
    Gate,
    GateClosed,
    GateOpened,
    InstrumentChanged,
    OrderNotFound,
    OrderNotSent,
    OrderRefused,
    OrderUncertain,
    PlaceOrder,
    PriceSeen,
    Refusal,
    ReplaceStop,
    TimePassed,
    Unlock,
)
from app.core.model import ExitReason, LatchKind, OrderType, PositionStatus, Role, Side, Trade
from app.core.orders import Orders
from app.core.rules import RiskLimits
from tests.builders import MINUTE, NOON, Desk, a_candle, d, some_rules
from tests.core_stories import EASY, alerts, cash, changed, order_at, orders_of, words


def desk(limits: RiskLimits = EASY, **changes: object) -> Desk:
    return Desk(rules=some_rules(risk=limits), **changes).start()  # type: ignore[arg-type]


def filled_entry(trader: Desk, price: str = "50000", **fee: str) -> list[object]:
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    return trader.reports(entry, "FILLED", price=price, **fee)  # type: ignore[return-value]


def refuse(trader: Desk, order: PlaceOrder, refusal: Refusal = Refusal.RULES) -> list[str]:
    trader.sends(order)
    return words(
        trader.tell(
            OrderRefused(at=trader.now, client_order_id=order.client_order_id, refusal=refusal, reason=str(refusal))
        )
    )


def tick(trader: Desk, **later: float) -> list[str]:
    trader.wait(**later)
    return words(trader.tell(TimePassed(at=trader.now)))


# ---------------------------------------------------------------- the first stop


def test_the_stop_follows_the_fill_for_what_was_really_bought() -> None:
    trader = desk()
    assert words(filled_entry(trader)) == ["place stop"]
    stop = trader.place()
    assert (stop.role, stop.side, stop.type) == (Role.STOP, Side.SELL, OrderType.STOP_LOSS)
    assert (stop.stop_price, stop.price) == (47_500, None)
    assert stop.quantity == d("0.00996")  # 0.00997 less 0.1 % in bitcoin, floored to the step
    position = trader.position()
    assert (position.status, position.stop_confirmed, position.unprotected_since) == ("OPEN", False, NOON)
    assert position.quantity == d("0.00996")
    trader.sends(stop)
    assert trader.wait(seconds=1).reports(stop, "OPEN") == []
    position = trader.position()
    assert (position.stop_confirmed, position.unprotected_since) == (True, None)
    assert position.stop_order_id == stop.client_order_id


def test_the_stop_stands_below_the_average_fill_not_below_the_quote() -> None:
    trader = desk()
    filled_entry(trader, price="49123.45")
    assert trader.place().stop_price == d("46667.27")


def test_without_real_stops_a_stop_limit_is_used() -> None:
    trader = desk(order_types=(OrderType.LIMIT, OrderType.MARKET, OrderType.STOP_LOSS_LIMIT))
    filled_entry(trader)
    stop = trader.place()
    assert (stop.type, stop.stop_price, stop.price) == (OrderType.STOP_LOSS_LIMIT, 47_500, 46_550)


def test_a_partial_entry_is_protected_for_its_part_once_the_rest_has_expired() -> None:
    trader = desk()
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    assert words(trader.reports(entry, "PARTIAL", price="50000", quantity="0.00400")) == []
    assert trader.position().status is PositionStatus.ENTERING
    assert words(trader.tell_status(entry.client_order_id, "EXPIRED")) == ["place stop"]
    assert trader.place().quantity == d("0.00399")
    assert trader.engine.state.account is not None
    assert trader.engine.state.account.dust == d("0.000006")


def test_what_an_entry_in_doubt_has_bought_is_bare_and_told_after_thirty_seconds() -> None:
    trader = desk()
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    trader.reports(entry, "PARTIAL", price="50000", quantity="0.00400")
    trader.tell(OrderUncertain(at=trader.now, client_order_id=entry.client_order_id, reason="timed out"))
    assert "alert stop_missing" not in tick(trader, seconds=29.9)
    assert "alert stop_missing" in tick(trader, seconds=0.1)
    assert trader.position().status is PositionStatus.ENTERING
    assert "alert stop_missing" not in tick(trader, minutes=1)
    trader.tell_status(entry.client_order_id, "EXPIRED")
    assert trader.position().unprotected_since == NOON


def test_an_entry_that_filled_nothing_leaves_nothing() -> None:
    trader = desk()
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    assert words(trader.tell_status(entry.client_order_id, "EXPIRED")) == []
    assert trader.engine.state.positions == {}


def test_what_is_too_small_for_a_stop_is_sold() -> None:
    """0.00021 BTC: its stop-limit would be worth $9.77, a sale $10.50."""
    trader = desk()
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    trader.reports(entry, "PARTIAL", price="50000", quantity="0.00021", fee="0")
    assert words(trader.tell_status(entry.client_order_id, "EXPIRED")) == ["place exit"]
    assert trader.place().quantity == d("0.00021")
    assert trader.position().exit_reason is ExitReason.EMERGENCY


def test_a_stop_worth_exactly_the_minimum_is_placed() -> None:
    trader = desk(min_notional=d("9.7755"))  # 0.00021 × 46,550
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    trader.reports(entry, "PARTIAL", price="50000", quantity="0.00021", fee="0")
    assert words(trader.tell_status(entry.client_order_id, "EXPIRED")) == ["place stop"]


def test_what_is_too_small_for_anything_becomes_dust_and_is_sold_with_the_next_position() -> None:
    trader = desk()
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    trader.reports(entry, "PARTIAL", price="50000", quantity="0.00005", fee="0")
    assert words(trader.tell_status(entry.client_order_id, "EXPIRED")) == []
    assert trader.engine.state.positions == {}
    assert changed(trader, Trade) == []
    assert trader.engine.state.account is not None
    assert trader.engine.state.account.dust == d("0.00005")
    assert trader.engine.state.exit_at == NOON

    trader.wait(minutes=30)
    filled_entry(trader, fee="0")
    assert trader.place().quantity == d("0.00997") + d("0.00005")
    assert trader.engine.state.account.dust == 0


# ---------------------------------------------------------------- the stop is refused


@pytest.mark.parametrize("refusal", [Refusal.WOULD_TRIGGER, Refusal.RULES])
def test_a_stop_that_is_refused_means_out_at_once(refusal: Refusal) -> None:
    trader = desk()
    filled_entry(trader)
    assert refuse(trader, trader.place(), refusal) == ["alert order_rejected", "alert stop_missing", "place exit"]
    assert trader.place().quantity == d("0.00996")
    assert trader.position().exit_reason is ExitReason.EMERGENCY


def test_a_stop_reported_as_rejected_means_out_at_once_too() -> None:
    trader = desk()
    filled_entry(trader)
    stop = trader.place()
    trader.sends(stop)
    assert words(trader.reports(stop, "REJECTED")) == ["alert stop_missing", "place exit"]


@pytest.mark.parametrize("refusal", [Refusal.FUNDS, Refusal.CLOCK])
def test_a_refusal_that_passes_is_tried_again_at_once_and_three_are_enough(refusal: Refusal) -> None:
    trader = desk()
    filled_entry(trader)
    told = ["ReadAccount"] if refusal is Refusal.FUNDS else []  # what do we really have?
    told += ["alert order_rejected", "alert stop_missing"]
    for attempt in (2, 3):
        assert refuse(trader, trader.place(), refusal) == [*told, "place stop"]
        assert trader.position().stop_failures == attempt - 1
    assert refuse(trader, trader.place(), refusal) == [*told, "place exit"]
    assert orders_of(trader) == {
        "E01": "FILLED",
        "S02": "REJECTED",
        "S03": "REJECTED",
        "S04": "REJECTED",
        "C05": "INTENT",
    }


@pytest.mark.parametrize("refusal", [Refusal.BUSY, Refusal.MARKET_CLOSED, Refusal.ACCESS, Refusal.AUTH])
def test_an_exchange_that_takes_nothing_now_is_tried_every_ten_seconds(refusal: Refusal) -> None:
    trader = desk()
    filled_entry(trader)
    told = refuse(trader, trader.place(), refusal)
    assert told == [*(["alert exchange_refuses"] if refusal is Refusal.AUTH else []), "alert order_rejected"]
    position = trader.position()
    assert (position.exit_reason, position.stop_failures, position.unprotected_since) == (None, 0, NOON)
    assert not position.stop_confirmed
    assert tick(trader, seconds=9.9) == []
    assert tick(trader, seconds=0.1) == ["place stop"]
    assert tick(trader, seconds=60) == ["alert stop_missing"]  # it is on its way, but 30 seconds are too long
    assert tick(trader, seconds=60) == []
    stop = trader.place_of("test-0000001", "S03")
    trader.sends(stop)
    trader.reports(stop, "OPEN")
    assert trader.position().stop_confirmed
    assert trader.engine.state.retry_at == {}


def test_a_stop_that_is_tried_again_after_half_a_minute_of_refusals_is_given_a_moment_to_be_answered() -> None:
    trader = desk()
    filled_entry(trader)
    for _ in range(4):
        refuse(trader, trader.place(), Refusal.MARKET_CLOSED)
        tick(trader, seconds=10)
    trader.sends(trader.place_of("test-0000001", "S06"))
    assert "place exit" not in tick(trader, seconds=1)
    assert trader.position().exit_reason is None
    tick(trader, seconds=4)
    assert trader.position().exit_reason is ExitReason.EMERGENCY


def test_a_person_may_close_while_the_stop_waits_for_its_next_try() -> None:
    trader = desk()
    filled_entry(trader)
    refuse(trader, trader.place(), Refusal.BUSY)
    assert words(trader.tell(ClosePosition(at=trader.now, id="c", actor="me", position_id="test-0000001"))) == [
        "place exit"
    ]
    assert tick(trader, seconds=10) == []
    sale = trader.place_of("test-0000001", "C03")
    trader.sends(sale)
    trader.reports(sale, "FILLED", price="50000")
    assert trader.engine.state.positions == trader.engine.state.retry_at == trader.engine.state.exits == {}


# ---------------------------------------------------------------- the stop is lost


@pytest.mark.parametrize("how", ["CANCELED", "EXPIRED"])
def test_a_stop_lost_on_the_exchange_is_put_back_at_its_level(how: str) -> None:
    trader = desk()
    stop_id = trader.bought().stop_order_id
    trader.wait(minutes=5)
    assert words(trader.tell_status(stop_id, how)) == ["alert stop_missing", "place stop"]
    assert (trader.place().stop_price, trader.place().quantity) == (47_500, d("0.00996"))
    position = trader.position()
    assert (position.unprotected_since, position.stop_confirmed) == (trader.now, False)


def test_a_stop_lost_three_times_in_a_row_means_out() -> None:
    trader = desk()
    stop_id = trader.bought().stop_order_id
    for _ in range(2):
        assert words(trader.wait(seconds=1).tell_status(stop_id, "CANCELED")) == ["alert stop_missing", "place stop"]
        stop = trader.place()
        trader.sends(stop)
        trader.reports(stop, "OPEN")
        stop_id = stop.client_order_id
    assert words(trader.wait(seconds=1).tell_status(stop_id, "CANCELED")) == ["alert stop_missing", "place exit"]


def test_a_stop_that_stood_for_a_minute_makes_earlier_losses_forgotten() -> None:
    trader = desk()
    stop_id = trader.bought().stop_order_id
    for seconds in (1, 59.9):
        trader.wait(seconds=seconds).tell_status(stop_id, "CANCELED")
        stop = trader.place()
        trader.sends(stop)
        trader.reports(stop, "OPEN")
        stop_id = stop.client_order_id
    assert trader.position().stop_failures == 2
    assert words(trader.wait(seconds=60).tell_status(stop_id, "CANCELED")) == ["alert stop_missing", "place stop"]
    assert trader.position().stop_failures == 1


def test_a_partly_filled_stop_that_expires_is_put_back_for_the_rest() -> None:
    trader = desk()
    trader.bought()
    stop = trader.place_of("test-0000001", "S02")
    trader.reports(stop, "PARTIAL", price="47500", quantity="0.00400")
    assert trader.position().stop_confirmed
    assert words(trader.tell_status(stop.client_order_id, "EXPIRED")) == ["alert stop_missing", "place stop"]
    assert trader.place().quantity == d("0.00596")


def test_time_notices_a_position_whose_stop_is_not_there() -> None:
    trader = desk()
    trader.bought()
    state = trader.engine.state
    state.positions["test-0000001"] = replace(trader.position(), stop_order_id="")
    state.orders = Orders({id: order for id, order in state.orders.items() if order.role is Role.ENTRY})
    assert tick(trader, seconds=1) == ["alert stop_missing", "place stop"]
    state.positions["test-0000001"] = replace(trader.position(), sold_quantity=trader.position().quantity)
    state.orders = Orders()
    assert tick(trader, seconds=1) == []


# ---------------------------------------------------------------- the stop is in doubt


def doubtful_stop(trader: Desk) -> PlaceOrder:
    filled_entry(trader)
    stop = trader.place()
    trader.sends(stop)
    trader.tell(OrderUncertain(at=trader.now, client_order_id=stop.client_order_id, reason="timed out"))
    return stop


def test_a_doubtful_stop_that_is_found_protects() -> None:
    trader = desk()
    stop = doubtful_stop(trader)
    assert words(trader.actions) == ["query S02"]
    trader.wait(seconds=2).reports(stop, "OPEN")
    assert trader.position().stop_confirmed
    assert trader.engine.trading


def test_a_stop_that_never_arrived_is_proved_absent_and_put_back_within_thirty_seconds() -> None:
    trader = desk()
    stop = doubtful_stop(trader)
    said = ["query S02"]
    while said != ["alert stop_missing", "place stop"]:
        assert trader.now < NOON + timedelta(seconds=30)
        if said == ["query S02 completely"]:
            answer = OrderNotFound(at=trader.now, client_order_id=stop.client_order_id, complete=True)
            said = words(trader.tell(answer))
        else:
            said = tick(trader, seconds=1)
    assert orders_of(trader) == {"E01": "FILLED", "S02": "NOT_PLACED", "S03": "INTENT"}


def test_after_thirty_seconds_without_a_certain_stop_we_get_out_and_a_cancel_proves_whether_it_is_there() -> None:
    trader = desk()
    stop = doubtful_stop(trader)
    assert "alert stop_missing" not in tick(trader, seconds=29.9)
    assert tick(trader, seconds=0.1) == ["alert stop_missing", "cancel S02"]
    assert trader.position().exit_reason is ExitReason.EMERGENCY
    assert tick(trader, seconds=1) == []  # nothing is sold before that is known
    assert words(trader.tell_status(stop.client_order_id, "CANCELED")) == ["place exit"]


def test_a_probe_that_finds_no_stop_is_followed_by_proof_and_then_by_the_sale() -> None:
    trader = desk()
    stop = doubtful_stop(trader)
    tick(trader, seconds=30)
    actions = trader.tell(CancelUncertain(at=trader.now, client_order_id=stop.client_order_id, reason="-2011"))
    assert words(actions) == ["query S02 completely"]
    for _ in range(2):
        trader.wait(seconds=2).tell(OrderNotFound(at=trader.now, client_order_id=stop.client_order_id, complete=True))
        assert trader.actions == []
    trader.wait(seconds=2)
    actions = trader.tell(OrderNotFound(at=trader.now, client_order_id=stop.client_order_id, complete=True))
    assert words(actions) == ["place exit"]
    assert orders_of(trader)["S02"] == "CANCELED"


@pytest.mark.parametrize("down", [3, 12, 16])
@pytest.mark.parametrize("late", [0.0, 0.08, 0.5, 0.92])
def test_a_stop_that_never_left_is_proved_absent_and_placed_again_within_thirty_seconds(down: int, late: float) -> None:
    """The process was killed while it sent the stop. Answers come in fewer and fewer milliseconds."""
    trader = desk()
    filled_entry(trader)
    trader.sends(stop := trader.place())
    began, answers = trader.now, iter((0.02, 0.01, 0.005, 0.004, 0.003))
    trader.wait(seconds=down).restart()
    trader.tell(AccountSeen(at=trader.now, quote_total=cash(trader), base_total=d("0.01"), base_free=d("0.01")))
    for second in range(down, 30):
        trader.now = began + timedelta(seconds=second + late)
        if "query S02 completely" in words(trader.tell(TimePassed(at=trader.now))):
            trader.wait(seconds=next(answers))
            absent = OrderNotFound(at=trader.now, client_order_id=stop.client_order_id, complete=True)
            if "place stop" in words(trader.tell(absent)):
                break
    assert orders_of(trader) == {"E01": "FILLED", "S02": "NOT_PLACED", "S03": "INTENT"}
    assert trader.now - began < timedelta(seconds=27.1)
    assert trader.position().exit_reason is None


def test_a_stop_still_being_sent_after_thirty_seconds_means_out_too() -> None:
    trader = desk()
    filled_entry(trader)
    stop = trader.place()
    trader.sends(stop)
    assert tick(trader, seconds=30) == ["alert stop_missing"]
    assert words(trader.tell_status(stop.client_order_id, "OPEN")) == ["cancel S02"]
    assert words(trader.tell_status(stop.client_order_id, "CANCELED")) == ["place exit"]


def test_a_confirmed_stop_may_be_asked_about_for_as_long_as_it_takes() -> None:
    trader = desk()
    stop_id = trader.bought().stop_order_id
    trader.tell(OrderUncertain(at=trader.now, client_order_id=stop_id, reason="?"))
    assert tick(trader, minutes=1) == ["query S02 completely"]
    assert trader.position().exit_reason is None


# ---------------------------------------------------------------- trailing


def trailed(trader: Desk) -> ReplaceStop:
    """A position whose close at 52,000 asked for its stop to be moved to 50,440."""
    trader.bought()
    trader.price("52000", after=MINUTE)
    (action,) = trader.actions
    assert isinstance(action, ReplaceStop)
    return action


def test_a_close_three_per_cent_in_profit_moves_the_stop_up() -> None:
    trader = desk()
    move = trailed(trader)
    assert words(trader.actions) == ["replace S02 by S03"]
    assert (move.order.stop_price, move.order.quantity) == (50_440, d("0.00996"))
    position = trader.position()
    assert (position.trailing_active, position.stop_price, position.highest_close) == (True, 47_500, 52_000)
    assert (position.stop_confirmed, position.unprotected_since) == (False, trader.now)
    assert orders_of(trader) == {"E01": "FILLED", "S02": "CANCELLING", "S03": "INTENT"}
    trader.sends(move.order)
    assert words(trader.tell_status(move.old_id, "CANCELED")) == []
    assert words(trader.reports(move.order, "OPEN")) == []
    assert (trader.position().stop_confirmed, trader.position().stop_price) == (True, 50_440)


def test_the_stop_moves_only_up_only_by_enough_and_not_more_than_once_a_minute() -> None:
    trader = desk()
    move = trailed(trader)
    trader.sends(move.order)
    trader.tell_status(move.old_id, "CANCELED")
    trader.reports(move.order, "OPEN")
    assert words(trader.price("53000", after=timedelta(seconds=59)).actions) == []
    assert trader.position().highest_close == 53_000
    assert words(trader.price("53000", after=timedelta(seconds=1)).actions) == ["replace S03 by S04"]
    second = trader.actions[0]
    assert isinstance(second, ReplaceStop)
    trader.sends(second.order)
    trader.tell_status(second.old_id, "CANCELED")
    trader.reports(second.order, "OPEN")
    assert words(trader.price("53100", after=MINUTE).actions) == []  # less than 0.25 %
    assert words(trader.price("52000", after=MINUTE).actions) == []
    assert trader.position().stop_price == 51_410


def test_a_stop_that_is_not_plainly_open_is_not_moved() -> None:
    trader = desk()
    stop = trader.place_of("test-0000001", "S02") if trader.bought() else None
    assert stop is not None
    trader.reports(stop, "PARTIAL", price="47500", quantity="0.001")
    assert trader.price("52000", after=MINUTE).actions == []
    assert trader.position().highest_close == 52_000


def test_without_a_stop_order_there_is_nothing_to_move() -> None:
    trader = desk()
    filled_entry(trader)
    refuse(trader, trader.place(), Refusal.BUSY)
    trader.engine.state.orders.pop(trader.position().stop_order_id)
    assert trader.price("52000", after=timedelta(seconds=5)).actions == []


def test_trailing_can_be_switched_off() -> None:
    trader = desk(replace(EASY, trailing=None))
    trader.bought()
    assert trader.price("60000", after=MINUTE).actions == []
    assert trader.position().highest_close == 50_000


def test_candles_from_while_the_program_was_down_only_mark_the_highest_close() -> None:
    trader = desk()
    trader.bought()
    trader.wait(minutes=1).tell(CandleClosed(at=trader.now, candle=a_candle("52000", at=NOON), late=True))
    assert trader.actions == []
    assert trader.position().highest_close == 52_000
    assert words(trader.price("51000", after=MINUTE).actions) == ["replace S02 by S03"]


@pytest.mark.parametrize("gate", [Gate.EXCHANGE_REFUSES, Gate.EXCHANGE_UNREACHABLE])
def test_while_the_exchange_is_shut_to_us_closes_only_mark(gate: Gate) -> None:
    trader = desk()
    trader.bought()
    trader.tell(GateClosed(at=trader.now, gate=gate, text="not now"))
    assert trader.price("52000", after=MINUTE).actions == []
    assert trader.position().highest_close == 52_000
    trader.tell(GateOpened(at=trader.now, gate=gate))
    if gate is Gate.EXCHANGE_REFUSES:
        assert trader.price("52000", after=MINUTE).actions == [], "a person has yet to look"
        trader.tell(Unlock(at=trader.now, id="u", actor="me", kind=LatchKind.AUTH))
    assert words(trader.price("52000", after=MINUTE).actions) == ["replace S02 by S03"]


def test_the_last_third_of_the_order_numbers_is_kept_for_sales_and_stops() -> None:
    trader = desk()
    trader.bought()
    trader.engine.state.positions["test-0000001"] = replace(trader.position(), attempts=800)
    assert trader.price("52000", after=MINUTE).actions == []
    trader.engine.state.positions["test-0000001"] = replace(trader.position(), attempts=799)
    assert len(trader.price("52000", after=MINUTE).actions) == 1


def test_a_stop_for_which_there_is_no_number_is_left_to_a_person() -> None:
    trader = desk()
    stop_id = trader.bought().stop_order_id
    trader.engine.state.positions["test-0000001"] = replace(trader.position(), attempts=36**2 - 1)
    trader.wait(minutes=5)
    assert words(trader.tell_status(stop_id, "CANCELED")) == ["alert stop_missing", "alert position_stuck"]
    position = trader.position()
    assert (position.status, position.unprotected_since) == (PositionStatus.QUARANTINE, trader.now)
    assert tick(trader, hours=1) == []
    trader.restart()
    trader.tell(AccountSeen(at=trader.now, quote_total=cash(trader), base_total=position.quantity, base_free=d(0)))
    assert words(trader.actions) == []


def test_a_sale_for_which_there_is_no_number_is_left_to_a_person() -> None:
    trader = desk()
    stop_id = trader.bought().stop_order_id
    trader.engine.state.positions["test-0000001"] = replace(trader.position(), attempts=36**2 - 1)
    trader.tell(ClosePosition(at=trader.now, id="c", actor="me", position_id="test-0000001"))
    assert words(trader.tell_status(stop_id, "CANCELED")) == ["alert position_stuck"]
    assert trader.position().status is PositionStatus.QUARANTINE
    assert tick(trader, seconds=30) == ["alert stop_missing"]


def test_a_candle_from_before_the_entry_does_not_count() -> None:
    trader = desk()
    trader.wait(seconds=30)
    trader.bought()
    trader.tell(CandleClosed(at=trader.now, candle=a_candle("60000", at=NOON - MINUTE)))
    assert trader.position().highest_close == 50_000
    trader.tell(CandleClosed(at=trader.now, candle=a_candle("51000", at=NOON)))
    assert trader.position().highest_close == 51_000


# ---------------------------------------------------------------- a replacement that fails


def test_a_refused_replacement_leaves_the_old_stop_and_asks_about_it() -> None:
    trader = desk()
    move = trailed(trader)
    assert refuse(trader, move.order, Refusal.RULES) == ["alert order_rejected"]
    position = trader.position()
    assert (position.stop_order_id, position.stop_price, position.stop_confirmed) == (move.old_id, 47_500, False)
    actions = trader.tell(CancelUncertain(at=trader.now, client_order_id=move.old_id, reason="-2011"))
    assert words(actions) == ["query S02 completely"]
    trader.tell_status(move.old_id, "OPEN")
    assert (trader.position().stop_confirmed, trader.position().stop_price) == (True, 47_500)
    assert words(trader.price("52000", after=9 * MINUTE).actions) == [], "not again at once"
    assert words(trader.price("52000", after=MINUTE).actions) == ["replace S02 by S04"]


def test_a_refused_replacement_whose_old_stop_is_gone_too_brings_the_old_level_back() -> None:
    trader = desk()
    move = trailed(trader)
    refuse(trader, move.order, Refusal.FUNDS)
    trader.tell(CancelUncertain(at=trader.now, client_order_id=move.old_id, reason="timed out"))
    assert words(trader.tell_status(move.old_id, "CANCELED")) == ["alert stop_missing", "place stop"]
    assert trader.place().stop_price == 47_500


def test_a_replacement_refused_by_a_busy_exchange_leaves_the_old_stop_too() -> None:
    trader = desk()
    move = trailed(trader)
    assert refuse(trader, move.order, Refusal.BUSY) == ["alert order_rejected"]
    assert trader.position().stop_order_id == move.old_id
    assert trader.engine.state.retry_at == {}


def test_the_old_stop_filled_while_it_was_to_be_replaced() -> None:
    trader = desk()
    move = trailed(trader)
    refuse(trader, move.order, Refusal.RULES)
    trader.tell(CancelUncertain(at=trader.now, client_order_id=move.old_id, reason="-2011"))
    assert words(trader.reports(trader.place_of("test-0000001", "S02"), "FILLED", price="47400")) == []
    (trade,) = changed(trader, Trade)
    assert trade.exit_reason is ExitReason.STOP
    assert trader.engine.state.positions == {}


def only_the_cancel(trader: Desk, move: ReplaceStop) -> list[str]:
    trader.sends(move.order)
    assert words(trader.tell_status(move.old_id, "CANCELED")) == []
    id = move.order.client_order_id
    return words(trader.tell(OrderNotSent(at=trader.now, client_order_id=id, reason="only the cancel")))


def test_only_the_cancel_was_carried_out_so_the_old_level_comes_back() -> None:
    """The new level was perhaps refused because the price had passed it: placed again it would be refused again."""
    trader = desk()
    move = trailed(trader)
    assert only_the_cancel(trader, move) == ["alert stop_missing", "place stop"]
    assert trader.place().stop_price == 47_500


def test_moves_that_fail_now_and_then_never_add_up_to_a_sale() -> None:
    trader = desk()
    move = trailed(trader)
    for close in ("53000", "54000", "55000"):
        assert only_the_cancel(trader, move) == ["alert stop_missing", "place stop"]
        stop = trader.place()
        trader.sends(stop)
        trader.reports(stop, "OPEN")
        assert trader.position().stop_failures == 1
        assert trader.price(close, after=9 * MINUTE).actions == []
        trader.price(close, after=MINUTE)
        (action,) = trader.actions
        assert isinstance(action, ReplaceStop)
        move = action


def test_a_move_right_after_a_loss_forgets_no_failure() -> None:
    trader = desk()
    trader.bought()
    assert words(trader.tell_status(trader.position().stop_order_id, "CANCELED")) == [
        "alert stop_missing",
        "place stop",
    ]
    stop = trader.place()
    trader.sends(stop)
    trader.reports(stop, "OPEN")
    trader.price("52000", after=MINUTE / 2)
    assert trader.position().stop_failures == 1


def test_both_halves_in_doubt_and_the_old_one_turns_out_to_stand() -> None:
    trader = desk()
    move = trailed(trader)
    new = move.order.client_order_id
    trader.sends(move.order)
    trader.tell(OrderUncertain(at=trader.now, client_order_id=new, reason="timed out"))
    trader.tell(CancelUncertain(at=trader.now, client_order_id=move.old_id, reason="timed out"))
    assert words(trader.tell_status(move.old_id, "OPEN")) == []
    for after in (20, 2, 2):
        trader.wait(seconds=after).tell(OrderNotFound(at=trader.now, client_order_id=new, complete=True))
    position = trader.position()
    assert orders_of(trader)["S03"] == "NOT_PLACED"
    assert (position.stop_order_id, position.stop_confirmed, position.unprotected_since) == (move.old_id, True, None)
    assert tick(trader, minutes=5) == []


def test_while_the_old_half_stands_a_doubt_about_the_new_one_is_no_reason_to_get_out() -> None:
    trader = desk()
    move = trailed(trader)
    trader.sends(move.order)
    trader.tell(OrderUncertain(at=trader.now, client_order_id=move.order.client_order_id, reason="timed out"))
    trader.tell(CancelUncertain(at=trader.now, client_order_id=move.old_id, reason="timed out"))
    trader.tell_status(move.old_id, "OPEN")
    assert tick(trader, seconds=31) == ["query S03 completely"]
    assert trader.position().exit_reason is None


def test_a_partly_filled_old_half_counts_as_standing() -> None:
    trader = desk()
    move = trailed(trader)
    trader.sends(move.order)
    trader.tell(CancelUncertain(at=trader.now, client_order_id=move.old_id, reason="timed out"))
    trader.reports(trader.place_of("test-0000001", "S02"), "PARTIAL", price="47500", quantity="0.001")
    refuse(trader, move.order)
    assert (trader.position().stop_order_id, trader.position().stop_confirmed) == (move.old_id, True)


@pytest.mark.parametrize("first", ["old", "new"])
def test_should_both_halves_stand_the_old_one_is_cancelled(first: str) -> None:
    trader = desk()
    move = trailed(trader)
    trader.sends(move.order)
    trader.tell(CancelUncertain(at=trader.now, client_order_id=move.old_id, reason="timed out"))
    if first == "new":
        trader.tell_status(move.order.client_order_id, "OPEN")
        assert words(trader.tell_status(move.old_id, "OPEN")) == ["cancel S02"]
    else:
        trader.tell_status(move.old_id, "OPEN")
        assert words(trader.tell_status(move.order.client_order_id, "OPEN")) == ["cancel S02"]
    assert words(trader.tell_status(move.old_id, "CANCELED")) == []
    assert trader.position().stop_order_id == move.order.client_order_id


# ---------------------------------------------------------------- the price jumps the stop


def live_desk(**changes: object) -> Desk:
    trader = Desk(rules=some_rules(risk=EASY), candle_fed=False, **changes).start()  # type: ignore[arg-type]
    trader.tell(PriceSeen(at=NOON, bid=d(50_000), ask=d(50_000), source="reference"))
    trader.bought()
    return trader


def test_a_stop_that_should_have_fired_is_taken_back_and_the_rest_sold_after_five_seconds() -> None:
    trader = live_desk()
    assert trader.price("47262.50").actions == []  # half a per cent below the stop
    assert trader.engine.touched
    assert trader.price("47262.50", after=timedelta(seconds=4.9)).actions == []
    assert not trader.engine.touched
    trader.price("47262.50", after=timedelta(seconds=0.1))
    assert words(trader.actions) == ["alert stop_rescued", "cancel S02"]
    assert words(trader.tell_status(trader.position().stop_order_id, "CANCELED")) == ["place exit"]
    sale = trader.place()
    trader.sends(sale)
    trader.reports(sale, "FILLED", price="47000")
    assert trader.engine.state.jumped == {}


def test_above_the_line_the_stop_is_left_alone() -> None:
    trader = live_desk()
    assert trader.price("47262.51").actions == []
    assert not trader.engine.touched
    assert tick(trader, minutes=1) == []


def test_a_price_that_comes_back_starts_the_count_anew() -> None:
    trader = live_desk()
    trader.price("47000")
    trader.price("47300", after=timedelta(seconds=4))
    assert trader.engine.touched
    assert trader.engine.state.jumped == {}
    trader.price("47000", after=timedelta(seconds=4))
    assert trader.price("47000", after=timedelta(seconds=4)).actions == []


def test_one_price_and_then_silence_sells_nothing() -> None:
    """It may have been a wrong one, and the stop may be working: only a later price can tell."""
    trader = live_desk()
    trader.price("47000")
    assert tick(trader, seconds=5) == tick(trader, minutes=5) == []
    assert words(trader.price("47000").actions) == ["alert stop_rescued", "cancel S02"]


def test_the_line_of_a_stop_limit_is_its_limit() -> None:
    trader = live_desk(order_types=(OrderType.LIMIT, OrderType.MARKET, OrderType.STOP_LOSS_LIMIT))
    trader.price("46550.01")
    assert trader.price("46550.01", after=timedelta(seconds=10)).actions == []
    trader.price("46550")
    trader.price("46550", after=timedelta(seconds=5))
    assert words(trader.actions) == ["alert stop_rescued", "cancel S02"]


def test_a_candle_feeds_stops_fire_by_themselves() -> None:
    trader = desk()
    trader.bought()
    trader.price("40000", after=MINUTE)
    assert tick(trader, minutes=1) == []


# ---------------------------------------------------------------- the market's rules change


def test_new_rules_of_the_market_are_used_from_then_on() -> None:
    trader = desk()
    trader.tell(InstrumentChanged(at=trader.now, instrument=replace(trader.instrument, quantity_step=d("0.001"))))
    assert trader.engine.touched
    trader.vote("BUY")
    assert trader.place().quantity == d("0.009")


def test_the_stop_before_the_first_confirmation_can_fill_too() -> None:
    trader = desk()
    filled_entry(trader)
    stop = trader.place()
    trader.sends(stop)
    assert words(trader.reports(stop, "FILLED", price="47400")) == []
    (trade,) = changed(trader, Trade)
    assert (trade.exit_reason, trade.exit_price) == (ExitReason.STOP, 47_400)
    assert order_at(trader, "S02").status == "FILLED"
    assert alerts(trader.actions) == []
