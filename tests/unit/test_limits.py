"""Loss limits, kill switch, tripwires, warnings and the new day: bug-catchers and last lines."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.core.messages import (
    AccountSeen,
    FlowSeen,
    Gate,
    GateClosed,
    GateOpened,
    OrderRefused,
    PriceSeen,
    Refusal,
    SealKillSwitch,
    TimePassed,
    Unlock,
    UnsealKillSwitch,
)
from app.core.model import ExitReason, Flow, Latch, LatchKind, Trade
from app.core.portfolio import Account
from app.core.rules import RiskLimits, Tripwires, Warnings
from app.core.state import liquidated, standing
from tests.builders import MINUTE, NOON, Desk, d, some_rules
from tests.core_stories import EASY, NO_WIRES, alerts, changed, orders_of, words

NO_WARNINGS = Warnings(daily_loss_pct=d(999), total_loss_pct=d(999))
BOLD = replace(EASY, position_size_pct=d(100), max_exposure_pct=d(100), warnings=NO_WARNINGS)
MIDNIGHT = NOON + timedelta(hours=12)


def desk(limits: RiskLimits = EASY, **changes: object) -> Desk:
    return Desk(rules=some_rules(risk=limits), **changes).start()  # type: ignore[arg-type]


def account(trader: Desk) -> Account:
    assert trader.engine.state.account is not None
    return trader.engine.state.account


def holding(trader: Desk, cash: object, quantity: object = "1", **changes: object) -> Desk:
    """The books as if `quantity` had been bought long ago: losses can be set to the cent."""
    trader.bought()
    position = replace(trader.position(), quantity=d(quantity), net_quantity=d(quantity))
    trader.engine.state.positions[position.id] = position
    trader.engine.state.account = replace(
        account(trader), cash=d(cash), dust=d(0), units=d(1000), day_nav=d(1), day_equity=d(1000), **changes
    )
    return trader


def fee_free(limits: RiskLimits = BOLD, *, candle_fed: bool = True) -> Desk:
    trader = Desk(rules=some_rules(risk=limits), taker_fee_pct=d(0), candle_fed=candle_fed).start()
    if not candle_fed:
        trader.tell(PriceSeen(at=NOON, bid=d(50_000), ask=d(50_000), source="reference"))
    return trader


def latches(trader: Desk) -> list[str]:
    return [str(kind) for kind in trader.engine.state.latches]


# ---------------------------------------------------------------- the daily limit


@pytest.mark.parametrize(("price", "latched"), [("850.00", True), ("850.01", False), ("849.99", True)])
def test_down_fifteen_per_cent_in_a_day_pauses_entries_until_midnight(price: str, latched: bool) -> None:
    trader = holding(fee_free(), cash=0)
    told = alerts(trader.price(price, after=MINUTE).actions)
    assert told == (["daily_loss"] if latched else [])
    assert latches(trader) == (["daily_loss"] if latched else [])
    if latched:
        assert standing(trader.engine.state, trader.now) == ("PAUSED", "daily_loss", MIDNIGHT)
        assert trader.engine.state.latches["daily_loss"].lifts_at == MIDNIGHT
        assert orders_of(trader)["S02"] == "OPEN"  # stops stay


def test_the_daily_latch_does_not_lift_because_the_price_recovers() -> None:
    trader = holding(fee_free(), cash=0)
    trader.price("800", after=MINUTE)
    trader.price("1500", after=MINUTE)
    assert latches(trader) == ["daily_loss"]
    assert trader.vote("BUY") == []


def test_it_lifts_at_midnight_and_the_new_day_starts_from_there() -> None:
    trader = holding(fee_free(), cash=0)
    trader.price("800", after=MINUTE)
    trader.now = MIDNIGHT - timedelta(seconds=1)
    trader.tell(TimePassed(at=trader.now))
    assert latches(trader) == ["daily_loss"]
    trader.wait(seconds=1).tell(TimePassed(at=trader.now))
    assert latches(trader) == []
    (lifted,) = changed(trader, Latch)
    assert lifted.cleared_at == MIDNIGHT
    assert (account(trader).day, account(trader).day_nav, account(trader).day_equity) == (MIDNIGHT, d("0.8"), 800)
    trader.price("681", after=MINUTE)
    assert latches(trader) == []  # 14.9 % of today
    trader.price("680", after=MINUTE)
    assert latches(trader) == ["daily_loss"]


def test_a_realised_loss_counts_though_an_open_gain_hides_it() -> None:
    trader = holding(fee_free(), cash=0, day_realised=d(-150))
    assert alerts(trader.price("2000", after=MINUTE).actions) == ["daily_loss"]


def test_a_limit_that_is_off_never_latches() -> None:
    off = replace(BOLD, daily_loss_limit_pct=None, kill_switch_loss_pct=None)
    trader = holding(fee_free(off), cash=0)
    for _ in range(3):
        trader.price("1", after=MINUTE)
    assert latches(trader) == []


def test_the_price_that_brings_the_new_day_is_measured_against_it() -> None:
    trader = holding(fee_free(), cash=0)
    trader.price("900", after=timedelta(hours=12))
    assert account(trader).day_nav == d("0.9")
    assert latches(trader) == []
    trader = holding(fee_free(candle_fed=False), cash=0)
    trader.price("700", after=timedelta(hours=12))
    assert (account(trader).day_nav, latches(trader)) == (d("0.7"), [])


def test_the_day_never_goes_back() -> None:
    trader = holding(fee_free(), cash=0)
    trader.price("900", after=timedelta(hours=12))
    trader.engine.handle(TimePassed(at=NOON))
    assert account(trader).day == MIDNIGHT
    assert trader.engine.state.now == MIDNIGHT


def test_nothing_is_judged_before_the_books_are_reconciled() -> None:
    trader = holding(fee_free(), cash=0)
    trader.restart()
    assert trader.price("1", after=MINUTE).actions == []
    assert latches(trader) == []


# ---------------------------------------------------------------- the kill switch


def test_two_closes_at_half_fire_the_kill_switch_seal_first_then_everything_is_closed() -> None:
    trader = holding(fee_free(replace(BOLD, daily_loss_limit_pct=None)), cash=0)
    assert trader.price("500", after=MINUTE).actions == []  # one price alone does not
    assert trader.engine.touched
    actions = trader.price("500", after=MINUTE).actions
    assert words(actions) == ["SealKillSwitch", "alert kill_switch", "cancel S02"]
    assert actions[0] == SealKillSwitch(reason="down 50.00 % in all, limit 50 %")
    assert standing(trader.engine.state, trader.now) == ("STOPPED", "kill_switch", None)
    assert trader.position().exit_reason is ExitReason.KILL_SWITCH
    assert trader.price("499", after=MINUTE).actions == []  # once
    assert words(trader.tell_status(trader.position().stop_order_id, "CANCELED")) == ["place exit"]


@pytest.mark.parametrize(("price", "fires"), [("500", True), ("500.01", False)])
def test_half_means_half(price: str, fires: bool) -> None:
    trader = holding(fee_free(), cash=0)
    trader.price(price, after=MINUTE)
    trader.price(price, after=MINUTE)
    assert ("kill_switch" in latches(trader)) is fires


def test_one_bad_close_between_good_ones_does_not_fire() -> None:
    trader = holding(fee_free(), cash=0)
    for price in ("400", "900", "400", "900"):
        trader.price(price, after=MINUTE)
    assert "kill_switch" not in latches(trader)
    assert trader.engine.state.kill is None


def test_live_prices_must_stand_for_ten_seconds_and_be_three() -> None:
    trader = holding(fee_free(candle_fed=False), cash=0)
    trader.price("400")
    trader.price("400", after=timedelta(seconds=10))
    assert "kill_switch" not in latches(trader)  # only two
    trader.price("400")
    assert "kill_switch" in latches(trader)

    trader = holding(fee_free(candle_fed=False), cash=0)
    for _ in range(4):
        trader.price("400", after=timedelta(seconds=3))
    assert "kill_switch" not in latches(trader)  # nine seconds
    trader.price("400", after=timedelta(seconds=1))
    assert "kill_switch" in latches(trader)


def test_reports_and_candles_of_a_live_market_are_no_samples() -> None:
    trader = holding(fee_free(candle_fed=False), cash=0)
    trader.price("400")
    evidence = trader.engine.state.kill
    trader.wait(seconds=1).tell_status(trader.position().stop_order_id, "OPEN")
    assert evidence is not None
    assert trader.engine.state.kill == evidence


def asked(trader: Desk, price: str, *, seconds: float = 0) -> list[str]:
    """The answer to a question for the price, so many seconds later."""
    trader.wait(seconds=seconds)
    return words(trader.tell(PriceSeen(at=trader.now, bid=d(price), ask=d(price), source="asked")))


def test_a_second_source_makes_it_certain_within_two_seconds() -> None:
    trader = holding(fee_free(candle_fed=False), cash=0)
    assert "ConfirmPrice" in words(trader.price("400").actions)
    assert asked(trader, "400", seconds=0.1) == []  # the same moment seen twice is one bad moment
    trader.price("400", after=timedelta(seconds=0.4))
    assert "ConfirmPrice" not in words(trader.actions)  # once a second is enough
    trader.wait(seconds=0.6)
    assert words(trader.tell(TimePassed(at=trader.now))) == ["ConfirmPrice"]
    trader.price("400", after=timedelta(seconds=0.8))
    assert "kill_switch" not in latches(trader)
    trader.price("400", after=timedelta(seconds=0.1))
    assert "kill_switch" in latches(trader)


def test_a_second_source_that_says_otherwise_ends_the_suspicion() -> None:
    trader = holding(fee_free(candle_fed=False), cash=0)
    for _ in range(20):
        trader.price("400", after=timedelta(seconds=1))
        assert "ConfirmPrice" in words(trader.actions)
        asked(trader, "1000", seconds=0.1)
    assert "kill_switch" not in latches(trader)
    assert trader.engine.state.kill is None


def test_the_answer_itself_may_be_what_makes_it_certain() -> None:
    trader = holding(fee_free(candle_fed=False), cash=0)
    trader.price("400")
    assert "SealKillSwitch" in asked(trader, "400", seconds=2)
    assert "kill_switch" in latches(trader)


def test_asked_prices_alone_are_one_source() -> None:
    trader = holding(fee_free(candle_fed=False), cash=0)
    for _ in range(5):
        asked(trader, "400", seconds=3)
    assert "kill_switch" not in latches(trader)


def test_an_entry_that_has_not_left_never_will_and_one_on_its_way_is_closed_on_arrival() -> None:
    trader = fee_free()
    trader.vote("BUY")
    entry = trader.place()
    trader.engine.state.account = replace(account(trader), units=d(100_000))
    trader.price("50000", after=MINUTE)
    trader.price("50000", after=MINUTE)
    assert orders_of(trader) == {"E01": "NOT_SENT"}

    trader = fee_free()
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    trader.engine.state.account = replace(account(trader), units=d(100_000))
    trader.price("50000", after=MINUTE)
    trader.price("50000", after=MINUTE)
    assert words(trader.reports(entry, "FILLED", price="50000")) == ["place exit"]
    sale = trader.place()
    trader.sends(sale)
    trader.reports(sale, "FILLED", price="50000")
    (trade,) = changed(trader, Trade)
    assert trade.exit_reason is ExitReason.KILL_SWITCH


def test_only_a_person_unlocks_it_and_losses_are_measured_from_there() -> None:
    trader = holding(fee_free(), cash=0)
    trader.price("400", after=MINUTE)
    trader.price("400", after=MINUTE)
    trader.price("2000", after=timedelta(days=1))
    assert latches(trader) == ["kill_switch"]
    worth = liquidated(trader.engine.state)
    actions = trader.tell(Unlock(at=trader.now, id="u", actor="me", kind=LatchKind.KILL_SWITCH))
    assert actions == [UnsealKillSwitch()]
    assert latches(trader) == []
    assert (account(trader).units, account(trader).day_nav, account(trader).first_equity) == (worth, 1, worth)
    assert account(trader).flows == 0


def test_unlocking_an_account_that_is_worth_nothing_leaves_it_without_units() -> None:
    trader = fee_free()
    trader.price("50000", after=MINUTE)
    trader.engine.state.account = replace(account(trader), units=d(100_000))
    trader.price("50000", after=MINUTE)
    trader.price("50000", after=MINUTE)
    trader.engine.state.account = replace(account(trader), cash=d(-5))
    trader.tell(Unlock(at=trader.now, id="u", actor="me", kind=LatchKind.KILL_SWITCH))
    assert account(trader).units == 0


def test_unlocking_what_is_not_locked_changes_nothing() -> None:
    trader = holding(fee_free(), cash=0)
    before = account(trader)
    assert trader.tell(Unlock(at=trader.now, id="u", actor="me", kind=LatchKind.KILL_SWITCH)) == []
    assert account(trader) == before


# ---------------------------------------------------------------- deposits and withdrawals


def test_a_deposit_and_a_withdrawal_are_neutral_to_every_loss() -> None:
    trader = holding(fee_free(), cash=0)
    trader.price("900", after=MINUTE)
    trader.tell(FlowSeen(at=trader.now, id="f1", amount=d(900), note="deposit"))
    assert changed(trader, Flow) == [Flow(id="f1", at=trader.now, amount=d(900), note="deposit")]
    assert (account(trader).units, account(trader).flows, account(trader).day_flows) == (2000, 900, 900)
    trader.tell(FlowSeen(at=trader.now, id="f1", amount=d(900), note="deposit"))  # told again after a restart
    assert (account(trader).units, trader.engine.touched) == (2000, False)
    trader.tell(FlowSeen(at=trader.now, id="f2", amount=d(-900)))
    assert (account(trader).units, account(trader).flows) == (1000, 0)
    trader.price("850.01", after=MINUTE)
    assert latches(trader) == []
    trader.price("850", after=MINUTE)
    assert latches(trader) == ["daily_loss"]
    trader.tell(FlowSeen(at=trader.now, id="f3", amount=d(10_000)))
    assert latches(trader) == ["daily_loss"]  # a deposit does not lift it


# ---------------------------------------------------------------- warnings


def test_early_warnings_come_once_a_day() -> None:
    limits = replace(BOLD, warnings=Warnings(daily_loss_pct=d(2), total_loss_pct=d(10)))
    trader = holding(fee_free(limits), cash=0)
    assert alerts(trader.price("980.01", after=MINUTE).actions) == []
    assert alerts(trader.price("980", after=MINUTE).actions) == ["daily_loss_warning"]
    assert alerts(trader.price("970", after=MINUTE).actions) == []
    assert alerts(trader.price("900.01", after=MINUTE).actions) == []
    assert alerts(trader.price("900", after=MINUTE).actions) == ["total_loss_warning"]
    assert alerts(trader.price("890", after=timedelta(hours=12)).actions) == ["total_loss_warning"]  # a new day


# ---------------------------------------------------------------- tripwires


def test_too_many_orders_in_a_minute_latch_runaway() -> None:
    trader = desk(replace(EASY, tripwires=replace(NO_WIRES, orders_per_minute=3)))
    stop = trader.bought()
    assert latches(trader) == []
    for _ in range(2):
        trader.tell_status(trader.position().stop_order_id, "CANCELED")
        trader.sends(trader.place())
        trader.reports(trader.place_of(stop.id, f"S0{trader.position().attempts}"), "OPEN")
    assert latches(trader) == ["runaway"]
    assert standing(trader.engine.state, trader.now) == ("STOPPED", "runaway", None)
    trader.wait(days=1).tell(TimePassed(at=trader.now))
    assert latches(trader) == ["runaway"]
    assert trader.tell(Unlock(at=trader.now, id="u", actor="me", kind=LatchKind.RUNAWAY)) == []
    assert latches(trader) == []
    assert trader.engine.state.order_times == trader.engine.state.reject_times == []


def test_three_definite_rejects_in_ten_minutes_latch_runaway() -> None:
    trader = desk(replace(EASY, tripwires=Tripwires(trade_loss_pct=None)))
    for number in range(3):
        trader.wait(minutes=4).vote("BUY", candle_at=NOON + number * timedelta(minutes=15))
        entry = trader.place()
        trader.sends(entry)
        trader.tell(
            OrderRefused(at=trader.now, client_order_id=entry.client_order_id, refusal=Refusal.RULES, reason="LOT_SIZE")
        )
        assert latches(trader) == (["runaway"] if number == 2 else [])


def test_rejects_are_forgotten_after_ten_minutes() -> None:
    trader = desk(replace(EASY, tripwires=Tripwires(trade_loss_pct=None)))
    for number in range(6):
        trader.wait(minutes=5).vote("BUY", candle_at=NOON + number * timedelta(minutes=15))
        entry = trader.place()
        trader.sends(entry)
        trader.tell(
            OrderRefused(at=trader.now, client_order_id=entry.client_order_id, refusal=Refusal.FUNDS, reason="no")
        )
    assert latches(trader) == []
    assert len(trader.engine.state.reject_times) == 2


def test_buying_more_than_twice_the_equity_in_a_day_latches_runaway() -> None:
    trader = desk(replace(EASY, tripwires=replace(NO_WIRES, notional_per_day_pct=d(200))))
    trader.engine.state.account = replace(account(trader), day_notional=d(19_600))
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    assert "runaway" in alerts(trader.reports(entry, "FILLED", price="50000"))


def test_a_refused_key_latches_until_a_person_has_looked() -> None:
    trader = desk()
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    actions = trader.tell(
        OrderRefused(at=trader.now, client_order_id=entry.client_order_id, refusal=Refusal.AUTH, reason="-2015")
    )
    assert alerts(actions) == ["exchange_refuses", "order_rejected"]
    assert standing(trader.engine.state, trader.now)[:2] == ("PAUSED", "exchange_refuses")
    trader.tell(Unlock(at=trader.now, id="u", actor="me", kind=LatchKind.AUTH))
    assert latches(trader) == []


def test_a_key_that_is_refused_while_asking_latches_too_and_is_told_once() -> None:
    trader = desk()
    closed = GateClosed(at=trader.now, gate=Gate.EXCHANGE_REFUSES, text="the exchange refuses our key")
    assert alerts(trader.tell(closed)) == ["exchange_refuses"]
    assert alerts(trader.tell(closed)) == []
    trader.tell(GateOpened(at=trader.now, gate=Gate.EXCHANGE_REFUSES))
    assert standing(trader.engine.state, trader.now)[:2] == ("PAUSED", "exchange_refuses")
    trader.tell(Unlock(at=trader.now, id="u", actor="me", kind=LatchKind.AUTH))
    assert standing(trader.engine.state, trader.now)[0] == "TRADING"


def test_a_latch_is_a_row_with_its_reason() -> None:
    trader = holding(fee_free(), cash=0)
    trader.price("850", after=MINUTE)
    (latch,) = changed(trader, Latch)
    assert (latch.kind, latch.reason, latch.at) == (
        LatchKind.DAILY_LOSS,
        "down 15.00 % today, limit 15 %",
        trader.now,
    )


def test_what_the_exchange_says_of_the_account_is_judged_too() -> None:
    trader = fee_free()
    for _ in range(2):
        trader.wait(minutes=10)
        trader.tell(AccountSeen(at=trader.now, quote_total=d(8400), base_total=d(0), base_free=d(0)))
    assert "daily_loss" in alerts(trader.actions)
