"""From a vote to an order: held, judged, and kept with everything that led there."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.core import entries
from app.core.decisions import Decision, Outcome
from app.core.engine import Engine
from app.core.errors import InvariantError
from app.core.messages import (
    AccountSeen,
    CandleClosed,
    ClosePosition,
    Gate,
    GateClosed,
    OrderNotSent,
    OrderRefused,
    OrderUncertain,
    Pause,
    PriceSeen,
    Refusal,
    SignalGiven,
    VoteCalled,
)
from app.core.model import Order, OrderType, PositionStatus, Role, Side
from app.core.risk import Approved, Refused
from app.core.rules import EntryOrder, EntryRules, RiskLimits
from tests.builders import MINUTE, NOON, Desk, a_candle, a_signal, a_strategy_rule, d, shown, some_rules
from tests.core_stories import EASY, changed, orders_of, step_of, words


def desk(limits: RiskLimits = EASY, **changes: object) -> Desk:
    return Desk(rules=some_rules(risk=limits), **changes).start()  # type: ignore[arg-type]


def decision(a_desk: Desk) -> Decision:
    (only,) = changed(a_desk, Decision)
    return only


# ---------------------------------------------------------------- buying


def test_a_buy_becomes_a_limit_order_of_five_per_cent_and_a_decision_that_says_why() -> None:
    trader = desk()
    actions = trader.vote("BUY", 80)
    entry = trader.place()
    assert words(actions) == ["place entry"]
    assert (entry.side, entry.type, entry.role) == (Side.BUY, OrderType.LIMIT, Role.ENTRY)
    assert (entry.quantity, entry.price, entry.stop_price) == (d("0.00997"), d("50150"), None)
    assert entry.client_order_id.startswith("bt1-Ptest-0000001-E01-")
    assert entry.position_id == "test-0000001"

    made = decision(trader)
    assert (made.id, made.action, made.outcome) == ("test-d0000001", "BUY", Outcome.ORDER)
    assert made.order_ids == (entry.client_order_id,)
    assert (made.score, made.participation_pct, made.price) == (80, 100, 50_000)
    assert (made.buy_threshold, made.sell_threshold, made.min_participation) == (70, 70, 60)
    assert (made.candle_at, made.at, made.symbol) == (NOON - timedelta(minutes=15), NOON, "BTC/USD")
    assert (made.program_version, made.config_sha256) == ("1", "")
    assert [signal.strategy for signal in made.signals] == ["technical"]
    assert all(check.passed for check in made.risk_checks)
    assert made.reason == made.vote.text

    position = trader.position()
    assert position.status is PositionStatus.ENTERING
    assert position.reasoning == f"{made.vote.text}; technical: technical says BUY"
    assert (position.candle_at, position.decision_id, position.attempts) == (made.candle_at, made.id, 1)
    (order,) = changed(trader, Order)
    assert (order.status, order.created_at, order.decision_id) == ("INTENT", NOON, made.id)


def test_live_ids_say_so() -> None:
    trader = desk(live=True)
    trader.vote("BUY")
    assert trader.place().client_order_id.startswith("bt1-Ltest-")


def test_a_market_order_can_be_chosen() -> None:
    trader = desk(replace(EASY, entry=EntryRules(order=EntryOrder.MARKET)))
    trader.vote("BUY")
    assert (trader.place().type, trader.place().price) == (OrderType.MARKET, d("50150"))


def test_numbers_of_trades_and_decisions_go_on() -> None:
    trader = desk()
    trader.bought()
    trader.wait(minutes=30).vote("BUY")
    assert trader.place().position_id == "test-0000002"
    assert decision(trader).id == "test-d0000002"


def test_only_strategies_that_voted_stand_in_the_decision() -> None:
    trader = desk()
    trader.tell(SignalGiven(at=NOON, signal=a_signal(strategy="retired")))
    trader.vote("BUY")
    assert [signal.strategy for signal in decision(trader).signals] == ["technical"]


def test_only_those_who_agree_give_the_reasoning() -> None:
    voters = [a_strategy_rule("technical", weight=d(90)), a_strategy_rule("grumpy", weight=d(10))]
    trader = Desk(rules=some_rules(risk=EASY, strategies=voters)).start()
    trader.tell(SignalGiven(at=NOON, signal=a_signal("SELL", 10, strategy="grumpy")))
    trader.vote("BUY", 90)
    assert trader.position().reasoning.endswith("; technical: technical says BUY")
    assert [signal.strategy for signal in decision(trader).signals] == ["grumpy", "technical"]


# ---------------------------------------------------------------- refusing


def test_a_refused_entry_is_kept_with_its_checks_and_sends_nothing() -> None:
    trader = desk()
    trader.bought()
    actions = trader.wait(minutes=1).vote("BUY", candle_at=NOON - timedelta(minutes=15))
    made = decision(trader)
    assert actions == []
    assert (made.outcome, made.reason) == (Outcome.REFUSED, "this candle already had its entry")
    assert made.order_ids == ()


def test_one_candle_opens_one_position_and_the_next_candle_may_open_another() -> None:
    trader = desk()
    trader.bought()
    assert trader.wait(minutes=1).vote("BUY", candle_at=NOON - timedelta(minutes=15)) == []
    assert words(trader.wait(minutes=14).vote("BUY")) == ["place entry"]


def test_the_candle_is_used_even_if_the_entry_bought_nothing() -> None:
    trader = desk()
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    trader.reports(entry, "EXPIRED")
    assert trader.engine.state.positions == {}
    trader.vote("BUY", candle_at=NOON - timedelta(minutes=15))
    assert decision(trader).reason == "this candle already had its entry"


def test_entries_are_counted_by_day() -> None:
    trader = desk(replace(EASY, entry=EntryRules(max_entries_per_day=1, cooldown_candles=0)))
    trader.bought()
    trader.wait(minutes=15).vote("BUY")
    assert decision(trader).reason == "1 entries today, at most 1"
    assert words(trader.wait(hours=12).vote("BUY")) == ["place entry"]


def test_an_entry_without_its_answer_keeps_the_next_one_out() -> None:
    trader = desk()
    trader.vote("BUY")
    trader.wait(minutes=15).vote("BUY")
    failed = [check.name for check in decision(trader).risk_checks if not check.passed]
    assert failed == ["entry_in_flight"]
    reserved = d("0.00997") * d("50150")
    free = {check.name: check.value for check in decision(trader).risk_checks}["balance"]
    assert Decimal(free) == 10_000 - reserved - reserved / 1000


def test_after_an_exit_newer_candles_are_wanted() -> None:
    trader = desk(replace(EASY, entry=EntryRules(cooldown_candles=1)))
    trader.bought()
    trader.tell(ClosePosition(at=trader.now, id="c", actor="me", position_id=trader.position().id))
    _sold(trader)
    exit_candle = NOON  # 12:00 to 12:15, in which the exit fell
    for newer, refused in ((0, True), (1, True), (2, False)):
        trader.wait(minutes=15).vote("BUY", candle_at=exit_candle + newer * timedelta(minutes=15))
        assert (decision(trader).outcome is Outcome.REFUSED) is refused
        assert not refused or decision(trader).reason == "resting 1 candle(s) after an exit"


def _sold(trader: Desk, price: object = 50_000) -> None:
    """The stop is taken back and the market sell fills."""
    stop = next(order for order in trader.engine.state.orders.values() if order.role is Role.STOP)
    trader.tell_status(stop.id, "CANCELED")
    sale = trader.place()
    trader.sends(sale)
    trader.reports(sale, "FILLED", price=price)


@pytest.mark.parametrize(("exit_at", "candles"), [("12:14:59", 1), ("12:15:00", 0), ("12:00:00", 1), ("11:59:59", 2)])
def test_candles_since_an_exit_are_counted_on_the_grid_of_the_time_frame(exit_at: str, candles: int) -> None:
    trader = desk(replace(EASY, entry=EntryRules(cooldown_candles=5)))
    hour, minute, second = map(int, exit_at.split(":"))
    trader.engine.state.exit_at = NOON.replace(hour=hour, minute=minute, second=second)
    trader.vote("BUY", candle_at=NOON + timedelta(minutes=15))
    value = {check.name: check.value for check in decision(trader).risk_checks}["cooldown"]
    assert value == str(candles)


# ---------------------------------------------------------------- holding and selling


def test_a_hold_is_kept_once_for_each_candle_and_said_anew_when_somebody_changed_their_mind() -> None:
    trader = desk()
    assert trader.vote("HOLD", 50) == []
    first = decision(trader)
    assert (first.outcome, first.reason) == (Outcome.HOLD, first.vote.text)
    candle = first.candle_at
    trader.wait(minutes=1).vote("HOLD", 50, candle_at=candle)
    assert changed(trader, Decision) == []
    trader.wait(minutes=1).vote("HOLD", 60, candle_at=candle)
    assert decision(trader).id == "test-d0000002"
    trader.wait(minutes=1).vote("HOLD", 60, candle_at=candle + timedelta(minutes=15))
    assert decision(trader).id == "test-d0000003"


def test_the_same_refusal_is_kept_once_and_another_one_again() -> None:
    trader = desk()
    trader.bought()
    candle = NOON - timedelta(minutes=15)
    trader.vote("BUY", candle_at=candle)
    assert changed(trader, Decision) != []
    trader.wait(seconds=60).vote("BUY", candle_at=candle)
    assert changed(trader, Decision) == []
    trader.engine.state.account = replace(trader.engine.state.account, cash=d(1))  # type: ignore[type-var]
    trader.wait(seconds=60).vote("BUY", candle_at=candle)
    assert [check.name for check in decision(trader).risk_checks if not check.passed] == [
        "new_candle",
        "balance",
        "exposure",
    ]


def test_a_sell_closes_every_position_by_taking_its_stop_back_first() -> None:
    trader = desk()
    trader.bought()
    trader.wait(minutes=15)
    trader.filled()
    trader.sends(trader.place())
    trader.reports(trader.place_of("test-0000002", "S02"), "OPEN")
    actions = trader.wait(minutes=15).vote("SELL", 90)
    assert words(actions) == ["cancel S02", "cancel S02"]
    made = decision(trader)
    assert (made.action, made.outcome) == ("SELL", Outcome.ORDER)
    assert [step_of(id) for id in made.order_ids] == ["S02", "S02"]
    assert all(each.exit_decision_id == made.id for each in trader.engine.state.positions.values())


def test_a_sell_of_an_entry_on_its_way_waits_for_its_answer() -> None:
    trader = desk()
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    assert trader.wait(minutes=1).vote("SELL", 90) == []
    assert decision(trader).outcome is Outcome.ORDER
    assert words(trader.reports(entry, "FILLED", price="50000")) == ["place exit"]
    assert orders_of(trader) == {"E01": "FILLED", "C02": "INTENT"}


def test_a_sell_with_nothing_to_sell_says_so() -> None:
    trader = desk()
    assert trader.vote("SELL", 90) == []
    assert decision(trader).outcome is Outcome.HOLD
    assert decision(trader).reason.endswith("; nothing to sell")


def test_while_an_answer_is_awaited_a_vote_may_sell_and_do_nothing_else() -> None:
    trader = desk()
    trader.tell(SignalGiven(at=NOON, signal=a_signal("BUY", 90)))
    assert trader.tell(VoteCalled(at=NOON, shown=shown(), preliminary=True)) == []
    assert changed(trader, Decision) == []
    trader.bought()
    trader.wait(minutes=15)
    trader.tell(SignalGiven(at=trader.now, signal=a_signal("SELL", 90, at=trader.now)))
    assert words(trader.tell(VoteCalled(at=trader.now, shown=shown(), preliminary=True))) == ["cancel S02"]
    assert trader.tell(VoteCalled(at=trader.now, shown=shown(), preliminary=True)) == [], "nothing left to sell"
    assert changed(trader, Decision) == [], "a vote that may not act is not kept"


def test_what_is_closing_already_is_not_closed_twice() -> None:
    trader = desk()
    trader.bought()
    trader.vote("SELL", 90)
    assert trader.wait(minutes=15).vote("SELL", 90) == []
    assert decision(trader).reason.endswith("; nothing to sell")


# ---------------------------------------------------------------- when no vote is held


@pytest.mark.parametrize(
    "closed",
    [
        Pause(at=NOON, id="1", actor="me"),
        GateClosed(at=NOON, gate=Gate.DISK, text="full"),
    ],
)
def test_while_trading_is_not_open_no_vote_is_held(closed: Pause | GateClosed) -> None:
    trader = desk()
    trader.tell(closed)
    assert not trader.engine.trading
    assert trader.vote("BUY") == []
    assert trader.engine.state.last_decision is None
    assert not trader.engine.touched


def test_a_doubtful_order_pauses_votes_until_its_answer() -> None:
    trader = desk()
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    trader.tell(OrderUncertain(at=trader.now, client_order_id=entry.client_order_id, reason="timed out"))
    assert not trader.engine.trading
    assert trader.wait(minutes=15).vote("BUY") == []
    trader.reports(entry, "EXPIRED")
    assert words(trader.vote("BUY")) == ["place entry"]


def test_a_live_price_is_fresh_for_ten_seconds() -> None:
    trader = desk(candle_fed=False)
    trader.tell(PriceSeen(at=NOON, bid=d(50_000), ask=d(50_000), source="reference"))
    assert trader.engine.trading
    assert words(trader.wait(seconds=10).vote("BUY")) == ["place entry"]
    trader = desk(candle_fed=False)
    trader.tell(PriceSeen(at=NOON, bid=d(50_000), ask=d(50_000), source="reference"))
    assert trader.wait(seconds=10.001).vote("BUY") == []


# ---------------------------------------------------------------- ends of an entry


@pytest.mark.parametrize("refusal", [Refusal.RULES, Refusal.BUSY, Refusal.MARKET_CLOSED])
def test_a_refused_entry_is_forgotten(refusal: Refusal) -> None:
    trader = desk()
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    actions = trader.tell(
        OrderRefused(at=trader.now, client_order_id=entry.client_order_id, refusal=refusal, reason="no")
    )
    assert words(actions) == ["alert order_rejected"]
    assert trader.engine.state.positions == {}
    assert orders_of(trader) == {"E01": "REJECTED"}


def test_an_entry_that_never_left_is_forgotten() -> None:
    trader = desk()
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    actions = trader.tell(OrderNotSent(at=trader.now, client_order_id=entry.client_order_id, reason="paused"))
    assert actions == []
    assert trader.engine.state.positions == {}
    assert orders_of(trader) == {"E01": "NOT_SENT"}
    assert trader.tell(OrderNotSent(at=trader.now, client_order_id=entry.client_order_id, reason="again")) == []


# ---------------------------------------------------------------- why not


def test_people_can_ask_what_would_happen_now_without_anything_happening() -> None:
    trader = desk()
    trader.tell(SignalGiven(at=NOON, signal=a_signal("BUY", 80)))
    vote, verdict = entries.preview(trader.engine.state, shown())
    assert vote.action == "BUY"
    assert isinstance(verdict, Approved)
    trader.tell(Pause(at=NOON, id="1", actor="me"))
    before = trader.engine.state.trade_number
    vote, verdict = entries.preview(trader.engine.state, shown())
    assert isinstance(verdict, Refused)
    assert verdict.reason == "paused: manual"
    assert trader.engine.state.trade_number == before


def test_before_there_is_a_price_the_preview_refuses() -> None:
    trader = Desk(rules=some_rules(risk=EASY), candle_fed=False)
    trader.start()
    trader.engine.state.quote = None
    _, verdict = entries.preview(trader.engine.state, shown())
    assert isinstance(verdict, Refused)
    assert verdict.reason == "paused: stale_price"


def test_an_engine_that_was_not_started_knows_no_market() -> None:
    engine = Engine()
    assert engine.handle(VoteCalled(at=NOON, shown=shown())) == []
    assert engine.handle(CandleClosed(at=NOON, candle=a_candle())) == []
    assert not engine.trading
    with pytest.raises(InvariantError, match="was not started"):
        entries.preview(engine.state, shown())


def test_votes_of_other_minutes_do_not_disturb() -> None:
    trader = desk()
    trader.price("50100", after=MINUTE)
    trader.vote("BUY")
    assert trader.place().price == d("50250.30")


def test_money_that_orders_of_somebody_else_hold_is_not_counted_on() -> None:
    trader = desk()
    for locked, outcome in (("9600", Outcome.REFUSED), ("0", Outcome.ORDER)):
        trader.tell(
            AccountSeen(at=trader.now, quote_total=d(10_000), quote_locked=d(locked), base_total=d(0), base_free=d(0))
        )
        trader.vote("BUY", 80)
        assert changed(trader, Decision)[-1].outcome is outcome


def test_an_opinion_that_fades_a_little_is_no_new_decision() -> None:
    trader = desk()
    kept = []
    for confidence in ("64", "63.9", "62", "61", "59", "58"):
        trader.vote("BUY", confidence, candle_at=NOON - timedelta(minutes=15))
        kept += [str(each.vote.terms[0].confidence) for each in changed(trader, Decision)]
    assert kept == ["64", "59"]
