"""Loss limits, the kill switch, tripwires and what people command, told message by message."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.core.errors import InvariantError
from app.core.messages import (
    AccountSeen,
    Alert,
    CancelOrder,
    CandleClosed,
    ChangeRisk,
    ChangeVoting,
    CloseAll,
    ClosePosition,
    FlowSeen,
    Gate,
    GateClosed,
    GateOpened,
    InstrumentChanged,
    OrderSending,
    Pause,
    PlaceOrder,
    PriceSeen,
    Resume,
    SealKillSwitch,
    TakeBack,
    TimePassed,
    Unlock,
    UnsealKillSwitch,
)
from app.core.model import ExitReason, Flow, Latch, LatchKind, OrderStatus, PositionStatus
from app.core.rules import RiskLimits, Warnings
from app.core.state import liquidated, standing
from tests.builders import MINUTE, NOON, Desk, a_candle, a_strategy_rule, d, some_rules
from tests.core_stories import NO_WIRES

MIDNIGHT = datetime(2023, 3, 11, tzinfo=UTC)
BOLD = RiskLimits(position_size_pct=d(90), max_exposure_pct=d(100), stop_loss_pct=d(90), tripwires=NO_WIRES)


def bold(*, candle_fed: bool = True, **limits: object) -> Desk:
    """90 % of the account in one position, far from its stop: the market alone makes and loses the money."""
    desk = Desk(rules=some_rules(risk=replace(BOLD, **limits)), candle_fed=candle_fed)  # type: ignore[arg-type]
    desk.start()
    if not candle_fed:
        desk.tell(PriceSeen(at=desk.now, bid=d(50000), ask=d(50000), source="reference"))
    desk.bought("50000")
    return desk


def alerts(desk: Desk) -> list[str]:
    return [action.event for action in desk.actions if isinstance(action, Alert)]


def state_of(desk: Desk) -> tuple[str, str | None]:
    return standing(desk.engine.state, desk.now)[:2]


def command(desk: Desk, what: type, /, **fields: object) -> list:  # type: ignore[type-arg]
    return desk.tell(what(at=desk.now, id="c1", actor="me", **fields))


def close_for_day_loss(desk: Desk, loss_pct: str) -> str:
    """The close at which the day's loss is `loss_pct` to the last digit."""
    account = desk.engine.state.account
    assert account is not None
    position = desk.position()
    quantity = position.remaining + account.dust
    wanted = account.day_nav * account.units * (100 - d(loss_pct)) / 100
    return str((wanted - account.cash) / (quantity * d("0.999")))


# ---------------------------------------------------------------- the daily limit


def test_the_daily_limit_pauses_until_midnight_and_does_not_lift_when_prices_recover() -> None:
    desk = bold()
    desk.price(close_for_day_loss(desk, "14.999"), after=MINUTE)
    assert state_of(desk) == ("TRADING", None)
    desk.price(close_for_day_loss(desk, "15.0001"), after=MINUTE)
    assert state_of(desk) == ("PAUSED", "daily_loss")
    assert "daily_loss" in alerts(desk)
    assert standing(desk.engine.state, desk.now)[2] == MIDNIGHT
    desk.price("60000", after=MINUTE)
    assert state_of(desk) == ("PAUSED", "daily_loss")
    assert desk.position().status is PositionStatus.OPEN, "positions and their stops are kept"
    assert desk.vote("BUY") == []

    desk.now = MIDNIGHT - MINUTE
    desk.price("60000", after=MINUTE)
    assert state_of(desk) == ("TRADING", None)
    (lifted,) = [change for change in desk.engine.changes if isinstance(change, Latch)]
    assert lifted.cleared_at == MIDNIGHT


def test_exactly_fifteen_per_cent_is_reached() -> None:
    desk = bold()
    account = desk.engine.state.account
    assert account is not None
    desk.engine.state.account = replace(account, day_realised=-account.day_equity * d("0.15"))
    desk.price("50100", after=MINUTE)
    assert state_of(desk) == ("PAUSED", "daily_loss")


def test_a_realised_loss_counts_even_when_it_is_hidden_by_a_gain() -> None:
    desk = bold()
    account = desk.engine.state.account
    assert account is not None
    desk.engine.state.account = replace(account, day_realised=-account.day_equity * d("0.15"))
    desk.price("70000", after=MINUTE)
    assert state_of(desk) == ("PAUSED", "daily_loss")


def test_a_new_day_marks_everything_once() -> None:
    desk = bold()
    desk.now = MIDNIGHT - MINUTE
    desk.price("45000", after=MINUTE)
    account = desk.engine.state.account
    assert account is not None
    assert account.day == MIDNIGHT
    assert account.day_nav == liquidated(desk.engine.state) / account.units
    assert (account.day_entries, account.day_trades, account.day_realised) == (0, 0, 0)
    desk.tell(TimePassed(at=NOON))
    assert desk.engine.state.account.day == MIDNIGHT, "the day never goes back"  # type: ignore[union-attr]


def test_warnings_come_once_a_day() -> None:
    desk = bold(warnings=Warnings(daily_loss_pct=d(2), total_loss_pct=d(3)))
    desk.price("48500", after=MINUTE)
    assert alerts(desk) == ["daily_loss_warning"]
    desk.price("48200", after=MINUTE)
    assert alerts(desk) == ["total_loss_warning"]
    desk.price("48100", after=MINUTE)
    assert alerts(desk) == []
    desk.now = MIDNIGHT - MINUTE
    desk.price("48100", after=MINUTE)
    assert "total_loss_warning" in alerts(desk)


# ---------------------------------------------------------------- the kill switch


def test_the_kill_switch_seals_first_then_closes_everything_and_stays() -> None:
    desk = bold(daily_loss_limit_pct=None)
    desk.price("20000", after=MINUTE)
    assert state_of(desk) == ("TRADING", None), "one close is no proof"
    desk.price("20000", after=MINUTE)
    first, *rest = [action for action in desk.actions if not isinstance(action, Alert) or action.event == "kill_switch"]
    assert isinstance(first, SealKillSwitch)
    assert any(isinstance(action, CancelOrder) for action in rest)
    assert state_of(desk) == ("STOPPED", "kill_switch")
    assert desk.position().exit_reason is ExitReason.KILL_SWITCH
    desk.price("90000", after=MINUTE)
    desk.price("90000", after=timedelta(days=3))
    assert state_of(desk) == ("STOPPED", "kill_switch")


def test_one_bad_close_between_good_ones_does_not_fire() -> None:
    desk = bold(daily_loss_limit_pct=None)
    for close in ("20000", "50000", "20000", "50000"):
        desk.price(close, after=MINUTE)
    assert state_of(desk) == ("TRADING", None)
    assert desk.engine.state.kill is None


def test_live_prices_fire_only_after_three_of_them_over_ten_seconds() -> None:
    desk = bold(candle_fed=False, daily_loss_limit_pct=None)
    for seconds in (1, 1, 1, 1):
        desk.price("20000", after=timedelta(seconds=seconds))
    assert state_of(desk)[0] == "TRADING"
    desk.price("20000", after=timedelta(seconds=7))
    assert state_of(desk) == ("STOPPED", "kill_switch")


def test_the_kill_switch_takes_back_an_entry_that_has_not_left() -> None:
    desk = bold(daily_loss_limit_pct=None)
    desk.engine.state.rules = some_rules(risk=replace(BOLD, position_size_pct=d(3), daily_loss_limit_pct=None))
    desk.vote("BUY", candle_at=NOON)
    entry = desk.place()
    desk.price("20000", after=MINUTE)
    desk.price("20000", after=MINUTE)
    assert desk.engine.state.orders[entry.client_order_id].status is OrderStatus.NOT_SENT
    assert len(desk.engine.state.positions) == 1


def test_unlocking_the_kill_switch_unseals_and_measures_from_here() -> None:
    desk = bold(daily_loss_limit_pct=None)
    desk.price("20000", after=MINUTE)
    desk.price("20000", after=MINUTE)
    assert UnsealKillSwitch() in command(desk, Unlock, kind=LatchKind.KILL_SWITCH)
    account = desk.engine.state.account
    assert account is not None
    assert account.units == account.first_equity == liquidated(desk.engine.state)
    desk.price("20000", after=MINUTE)
    desk.price("20000", after=MINUTE)
    assert LatchKind.KILL_SWITCH not in desk.engine.state.latches
    assert command(desk, Unlock, kind=LatchKind.RUNAWAY) == [], "nothing to unlock"


def test_money_that_comes_after_an_emptied_account_was_unlocked_is_no_old_loss() -> None:
    desk = Desk(candle_fed=False).start(cash=1000)
    desk.engine.state.account = replace(desk.engine.state.account, cash=d(450))  # type: ignore[type-var]
    prices_for_twelve_seconds(desk)
    assert LatchKind.KILL_SWITCH in desk.engine.state.latches
    desk.tell(FlowSeen(at=desk.now, id="all of it", amount=d(-450)))
    command(desk, Unlock, kind=LatchKind.KILL_SWITCH)
    desk.tell(FlowSeen(at=desk.now, id="a new beginning", amount=d(1000)))
    prices_for_twelve_seconds(desk)
    assert LatchKind.KILL_SWITCH not in desk.engine.state.latches


def prices_for_twelve_seconds(desk: Desk) -> None:
    for _ in range(12):
        desk.price("50000", after=timedelta(seconds=1))


# ---------------------------------------------------------------- runaway


def test_orders_beyond_every_measure_latch_runaway_until_a_person_unlocks() -> None:
    desk = Desk().start()
    desk.engine.state.order_times = [desk.now] * 11
    desk.vote("HOLD")
    assert state_of(desk) == ("STOPPED", "runaway")
    assert "runaway" in alerts(desk)
    desk.vote("HOLD")
    assert alerts(desk) == [], "said once"
    command(desk, Unlock, kind=LatchKind.RUNAWAY)
    assert state_of(desk) == ("TRADING", None)


# ---------------------------------------------------------------- people


def test_pause_stops_entries_at_once_and_resume_lets_them_in_again() -> None:
    desk = Desk().start()
    command(desk, Pause)
    assert desk.engine.touched
    assert desk.vote("BUY") == []
    assert state_of(desk) == ("PAUSED", "manual")
    desk.tell(GateClosed(at=desk.now, gate=Gate.EXTERNAL_CHANGE, text="cash differs"))
    command(desk, Resume)
    assert state_of(desk) == ("TRADING", None)
    assert any(isinstance(action, PlaceOrder) for action in desk.vote("BUY"))


def test_a_close_of_what_is_not_there_changes_nothing() -> None:
    desk = Desk().start()
    assert command(desk, ClosePosition, position_id="nothing") == []
    assert command(desk, CloseAll) == []


def test_a_person_may_close_a_position_in_quarantine() -> None:
    desk = Desk().start()
    position = desk.bought()
    quarantined = replace(position, status=PositionStatus.QUARANTINE, exit_reason=ExitReason.EMERGENCY)
    desk.engine.state.positions[position.id] = quarantined
    actions = command(desk, CloseAll)
    assert any(isinstance(action, CancelOrder) for action in actions)
    assert desk.position().exit_reason is ExitReason.MANUAL


def test_tighter_limits_come_at_once_and_looser_ones_at_midnight() -> None:
    desk = Desk().start()
    tighter = replace(desk.rules.risk, position_size_pct=d(1))
    command(desk, ChangeRisk, limits=tighter, name="position_size_pct", value="1", now=True)
    assert desk.engine.state.rules.risk == tighter
    looser = replace(tighter, position_size_pct=d(7))
    command(desk, ChangeRisk, limits=looser, name="position_size_pct", value="7", now=False)
    assert desk.engine.state.rules.risk == tighter
    desk.tell(TimePassed(at=MIDNIGHT - MINUTE))
    assert desk.engine.state.rules.risk == tighter
    desk.tell(TimePassed(at=MIDNIGHT))
    assert desk.engine.state.rules.risk == looser
    assert desk.engine.state.pending == []


def test_a_looser_limit_can_be_taken_back() -> None:
    desk = Desk().start()
    looser = replace(desk.rules.risk, position_size_pct=d(7))
    command(desk, ChangeRisk, limits=looser, name="position_size_pct", value="7", now=False)
    command(desk, TakeBack, change_id="c1")
    desk.tell(TimePassed(at=MIDNIGHT))
    assert desk.engine.state.rules.risk == desk.rules.risk


def test_voting_rules_change_while_it_trades() -> None:
    desk = Desk().start()
    rules = some_rules(strategies=[a_strategy_rule("technical", weight=d(99))])
    command(desk, ChangeVoting, rules=rules, note="weight 99")
    assert desk.engine.state.rules.voting == rules.voting
    assert desk.engine.state.rules.risk == desk.rules.risk


# ---------------------------------------------------------------- the outside


def test_a_closed_gate_shuts_entries_until_it_opens() -> None:
    desk = Desk().start()
    desk.tell(GateClosed(at=desk.now, gate=Gate.DISK, text="full"))
    assert desk.engine.touched
    desk.tell(GateClosed(at=desk.now, gate=Gate.DISK, text="full"))
    assert not desk.engine.touched, "the same again is no news"
    assert desk.vote("BUY") == []
    desk.tell(GateOpened(at=desk.now, gate=Gate.DISK))
    assert state_of(desk) == ("TRADING", None)
    desk.tell(GateOpened(at=desk.now, gate=Gate.DISK))
    assert not desk.engine.touched


@pytest.mark.parametrize(
    ("bid", "ask"), [("NaN", "1"), ("1", "NaN"), ("0", "1"), ("-1", "1"), ("2", "1"), ("Infinity", "Infinity")]
)
def test_an_impossible_price_changes_nothing(bid: str, ask: str) -> None:
    desk = Desk(candle_fed=False).start()
    before = desk.engine.state.quote
    assert desk.tell(PriceSeen(at=desk.now, bid=Decimal(bid), ask=Decimal(ask))) == []
    assert desk.engine.state.quote == before
    assert not desk.engine.touched


def test_a_reference_price_is_kept_apart() -> None:
    desk = Desk(candle_fed=False).start()
    before = desk.engine.state.quote
    desk.tell(PriceSeen(at=desk.now, bid=d(50100), ask=d(50100), source="reference"))
    assert desk.engine.state.reference_price == 50100
    assert desk.engine.state.quote == before


def test_on_live_prices_a_closed_candle_is_no_price() -> None:
    desk = Desk(candle_fed=False).start()
    desk.tell(CandleClosed(at=desk.now, candle=a_candle("1000", at=desk.now - MINUTE)))
    assert desk.engine.state.quote is not None
    assert desk.engine.state.quote.bid == 50000
    desk.tell(CandleClosed(at=desk.now, candle=a_candle("49000", at=desk.now - MINUTE), late=True))
    assert desk.engine.state.quote.bid == 49000


def test_a_deposit_is_no_profit_and_a_withdrawal_no_loss() -> None:
    desk = bold()
    account = desk.engine.state.account
    assert account is not None
    nav = liquidated(desk.engine.state) / account.units
    for amount in ("5000", "-9000"):
        desk.tell(FlowSeen(at=desk.now, id=f"f{amount}", amount=d(amount)))
        (flow,) = [change for change in desk.engine.changes if isinstance(change, Flow)]
        assert flow.amount == d(amount)
        after = desk.engine.state.account
        assert after is not None
        assert abs(liquidated(desk.engine.state) / after.units - nav) < d("1e-20")
    assert state_of(desk) == ("TRADING", None)


def test_new_rules_of_the_exchange_are_taken_over() -> None:
    desk = Desk().start()
    halted = replace(desk.instrument, trading=False)
    desk.tell(InstrumentChanged(at=desk.now, instrument=halted))
    assert desk.engine.state.instrument == halted
    assert desk.vote("BUY") == []


def test_losses_are_not_judged_before_the_exchange_was_read() -> None:
    desk = bold()
    desk.restart()
    desk.price("10000", after=MINUTE)
    assert desk.engine.state.latches == {}
    assert state_of(desk) == ("RECONCILING", None)
    desk.tell(AccountSeen(at=desk.now, quote_total=d(0), base_total=d(9), base_free=d(0), price=d(10000)))
    assert state_of(desk)[0] != "RECONCILING"


def test_what_concerns_no_order_of_ours_is_ignored() -> None:
    desk = Desk().start()
    assert desk.tell(OrderSending(at=desk.now, client_order_id="nobody's")) == []
    desk.vote("BUY")
    entry = desk.place()
    desk.sends(entry)
    desk.sends(entry)
    assert desk.engine.state.orders[entry.client_order_id].status is OrderStatus.SENDING


def test_a_message_that_nobody_takes_is_a_bug() -> None:
    desk = Desk().start()
    with pytest.raises(InvariantError, match="nobody takes"):
        desk.engine.handle(object.__new__(_Unknown))


class _Unknown:
    at = NOON
