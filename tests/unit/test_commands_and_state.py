"""What people ask for, what gates say, and the figures that follow from the state."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from app.core.engine import TOLD, Engine
from app.core.errors import InvariantError
from app.core.messages import (
    ChangeRisk,
    ChangeVoting,
    Gate,
    GateClosed,
    GateOpened,
    Message,
    OrderReported,
    Pause,
    PriceSeen,
    Resume,
    TakeBack,
    TimePassed,
)
from app.core.model import Latch, LatchKind, OrderReport, OrderStatus, OrderType, Role
from app.core.state import (
    State,
    cash_locked,
    equity,
    held,
    liquidated,
    price_is_stale,
    price_of,
    protection,
    standing,
)
from app.core.turn import Turn
from tests.builders import MINUTE, NOON, Desk, a_strategy_rule, d, some_rules
from tests.core_stories import EASY, a_position, alerts, an_order, words

MIDNIGHT = NOON + timedelta(hours=12)


def desk(**changes: object) -> Desk:
    return Desk(rules=some_rules(risk=EASY), **changes).start()  # type: ignore[arg-type]


# ---------------------------------------------------------------- commands


def test_pause_and_resume() -> None:
    trader = desk()
    assert trader.tell(Pause(at=NOON, id="1", actor="me")) == []
    assert trader.engine.touched
    assert standing(trader.engine.state, NOON) == ("PAUSED", "manual", None)
    trader.tell(Resume(at=NOON, id="2", actor="me"))
    assert standing(trader.engine.state, NOON) == ("TRADING", None, None)


def test_a_pause_survives_a_restart() -> None:
    trader = desk()
    trader.tell(Pause(at=NOON, id="1", actor="me"))
    trader.restart()
    assert trader.engine.state.paused


def change(trader: Desk, size: object, *, now: bool, id: str = "c1") -> None:
    limits = replace(trader.engine.state.rules.risk, position_size_pct=d(size))
    trader.tell(
        ChangeRisk(at=trader.now, id=id, actor="me", limits=limits, name="position_size_pct", value=str(size), now=now)
    )


def test_a_safer_limit_counts_at_once() -> None:
    trader = desk()
    change(trader, 2, now=True)
    assert trader.engine.state.rules.risk.position_size_pct == 2
    assert trader.engine.state.pending == []
    trader.vote("BUY")
    assert trader.place().quantity == d("0.00398")


def test_a_riskier_limit_waits_for_midnight() -> None:
    trader = desk()
    change(trader, 10, now=False)
    (pending,) = trader.engine.state.pending
    assert (pending.id, pending.name, pending.value, pending.effective_at) == (
        "c1",
        "position_size_pct",
        "10",
        MIDNIGHT,
    )
    trader.now = MIDNIGHT - timedelta(seconds=1)
    trader.tell(TimePassed(at=trader.now))
    assert trader.engine.state.rules.risk.position_size_pct == 5
    voting = trader.engine.state.rules.voting
    trader.wait(seconds=1).tell(TimePassed(at=trader.now))
    assert trader.engine.state.rules.risk.position_size_pct == 10
    assert trader.engine.state.rules.voting == voting
    assert trader.engine.state.pending == []


def test_a_change_asked_for_just_after_midnight_waits_a_whole_day() -> None:
    trader = desk()
    trader.now = MIDNIGHT
    trader.tell(TimePassed(at=trader.now))
    change(trader, 10, now=False)
    trader.wait(hours=23.9).tell(TimePassed(at=trader.now))
    assert trader.engine.state.rules.risk.position_size_pct == 5


def test_a_pending_change_can_be_taken_back_until_then() -> None:
    trader = desk()
    change(trader, 10, now=False)
    change(trader, 9, now=False, id="c2")
    trader.tell(TakeBack(at=trader.now, id="t", actor="me", change_id="c1"))
    assert [pending.id for pending in trader.engine.state.pending] == ["c2"]
    trader.wait(days=1).tell(TimePassed(at=trader.now))
    assert trader.engine.state.rules.risk.position_size_pct == 9


def test_voting_rules_change_at_once_and_leave_the_limits_alone() -> None:
    trader = desk()
    change(trader, 3, now=True)
    rules = some_rules(strategies=[a_strategy_rule("other")])
    trader.tell(ChangeVoting(at=trader.now, id="v", actor="me", rules=rules, note="swap"))
    assert [rule.name for rule in trader.engine.state.rules.voting.strategies] == ["other"]
    assert trader.engine.state.rules.risk.position_size_pct == 3


# ---------------------------------------------------------------- gates and standing


def test_each_gate_pauses_and_is_told_by_its_name() -> None:
    for gate in Gate:
        trader = desk()
        told = alerts(trader.tell(GateClosed(at=NOON, gate=gate, text="why")))
        locks = gate is Gate.EXCHANGE_REFUSES  # it closes a latch too, which tells and which only a person lifts
        assert told == ([gate.value] if gate in TOLD or locks else [])
        assert trader.engine.touched
        name, reason, until = standing(trader.engine.state, NOON)
        assert (name, reason, until) == ("STOPPED" if gate is Gate.LIVE_CHECK else "PAUSED", gate.value, None)
        trader.tell(GateClosed(at=NOON, gate=gate, text="why"))
        assert not trader.engine.touched
        trader.tell(GateClosed(at=NOON, gate=gate, text="another why"))
        assert trader.engine.touched
        trader.tell(GateOpened(at=NOON, gate=gate))
        assert (trader.engine.touched, trader.engine.trading) == (True, not locks)
        trader.tell(GateOpened(at=NOON, gate=gate))
        assert not trader.engine.touched


def test_the_worst_reason_is_told_first() -> None:
    """Taken away one after the other, each uncovers the next."""
    trader = desk(candle_fed=False)
    trader.tell(PriceSeen(at=NOON, bid=d(1), ask=d(1)))
    state, later = trader.engine.state, NOON + timedelta(minutes=1)
    state.reconciled = False
    for kind in LatchKind:
        state.latches[kind] = Latch(kind=kind, at=NOON, reason="", lifts_at=MIDNIGHT)
    state.gates = dict.fromkeys(Gate, "")
    state.paused = True
    state.orders["x"] = an_order(id="x", status=OrderStatus.UNKNOWN)

    def now() -> tuple[str, str | None]:
        return standing(state, later)[:2]

    assert now() == ("RECONCILING", None)
    state.reconciled = True
    for kind in ("kill_switch", "runaway"):
        assert standing(state, later) == ("STOPPED", kind, MIDNIGHT)
        del state.latches[kind]
    assert now() == ("STOPPED", "live_check")
    del state.gates["live_check"]
    assert now() == ("PAUSED", "manual")
    state.paused = False
    for kind in ("daily_loss", "exchange_refuses"):
        assert standing(state, later) == ("PAUSED", kind, MIDNIGHT)
        del state.latches[kind]
    for gate in (
        "database",
        "exchange_refuses",
        "exchange_unreachable",
        "external_change",
        "clock",
        "disk",
        "market_ended",
        "stale_price",
    ):
        assert now() == ("PAUSED", gate)
        del state.gates[gate]
    assert now() == ("PAUSED", "unknown_order")
    del state.orders["x"]
    assert now() == ("PAUSED", "stale_price")
    assert standing(state, NOON) == ("TRADING", None, None)


def test_a_candle_feed_that_delivers_is_fresh() -> None:
    trader = desk()
    assert not price_is_stale(trader.engine.state, NOON + timedelta(days=1))
    trader.engine.state.quote = None
    assert price_is_stale(trader.engine.state, NOON)


# ---------------------------------------------------------------- prices


@pytest.mark.parametrize(
    ("bid", "ask"), [("0", "1"), ("-1", "1"), ("2", "1"), ("NaN", "1"), ("1", "NaN"), ("1", "Infinity")]
)
def test_an_impossible_price_changes_nothing(bid: str, ask: str) -> None:
    trader = desk(candle_fed=False)
    before = trader.engine.state.quote
    trader.tell(PriceSeen(at=NOON + MINUTE, bid=d(bid), ask=d(ask)))
    assert trader.engine.state.quote is before
    assert not trader.engine.touched


def test_a_price_changes_the_quote_and_nothing_that_the_journal_needs() -> None:
    trader = desk(candle_fed=False)
    trader.price("51000", after=MINUTE, ask="51010")
    assert trader.engine.state.quote is not None
    assert (trader.engine.state.quote.bid, trader.engine.state.quote.ask) == (51_000, 51_010)
    assert trader.engine.state.quote.at == trader.now
    assert not trader.engine.touched
    assert trader.engine.changes == ()


def test_a_reference_price_is_kept_beside_it() -> None:
    trader = desk(candle_fed=False)
    trader.tell(PriceSeen(at=NOON, bid=d(49_000), ask=d(49_000), source="reference"))
    assert trader.engine.state.reference_price == 49_000
    assert price_of(trader.engine.state) == 50_000
    assert trader.engine.touched


def test_a_live_markets_candles_are_no_price() -> None:
    from app.core.messages import CandleClosed
    from tests.builders import a_candle

    trader = desk(candle_fed=False)
    trader.tell(CandleClosed(at=NOON, candle=a_candle("1", at=NOON - MINUTE)))
    assert price_of(trader.engine.state) == 50_000
    assert not trader.engine.touched
    trader.tell(CandleClosed(at=NOON, candle=a_candle("49000", at=NOON - MINUTE), late=True))
    assert price_of(trader.engine.state) == 49_000


def test_the_newest_candle_that_counted_is_remembered_by_its_opening() -> None:
    trader = desk()
    trader.bought()
    trader.price("50500", after=MINUTE)
    assert trader.engine.state.last_candle_at == NOON
    trader.price("50400", after=MINUTE)
    assert trader.engine.state.last_candle_at == NOON  # it changed nothing


# ---------------------------------------------------------------- figures


def test_before_anything_is_known_all_figures_are_zero() -> None:
    state = State()
    assert price_of(state) == held(state) == equity(state) == liquidated(state) == 0
    assert protection(state) == (100, 0)


def test_without_a_price_only_cash_counts() -> None:
    trader = desk()
    trader.bought()
    trader.engine.state.quote = None
    assert trader.engine.state.account is not None
    assert liquidated(trader.engine.state) == equity(trader.engine.state) == trader.engine.state.account.cash


def test_protection_says_what_is_covered_and_what_can_be_lost() -> None:
    trader = desk()
    trader.bought()
    quantity = d("0.00996")
    assert protection(trader.engine.state) == (100, quantity * 50_000 - quantity * 47_500 * d("0.999"))
    trader.engine.state.positions["bare"] = a_position(id="bare", quantity=quantity, stop_confirmed=False)
    covered, at_risk = protection(trader.engine.state)
    assert covered == 50
    assert at_risk == 2 * quantity * 50_000 - quantity * 47_500 * d("0.999")
    trader.engine.state.instrument = None
    assert protection(trader.engine.state)[1] == 2 * quantity * 50_000 - quantity * 47_500


def test_cash_is_locked_for_what_entries_may_still_take() -> None:
    orders = [an_order(filled_quantity=d("0.4")), an_order(price=None)]
    assert cash_locked(orders) == 30_000


# ---------------------------------------------------------------- the engine itself


def test_time_never_runs_backward() -> None:
    trader = desk()
    trader.engine.handle(TimePassed(at=NOON + MINUTE))
    trader.engine.handle(Pause(at=NOON, id="1", actor="me"))
    assert trader.engine.state.now == NOON + MINUTE


def test_what_nobody_takes_is_a_bug() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Strange(Message):
        pass

    with pytest.raises(InvariantError, match="nobody takes Strange"):
        Engine().handle(Strange(at=NOON))  # type: ignore[arg-type]


def test_before_the_start_there_is_no_account_market_or_order() -> None:
    turn = Turn(State(), NOON)
    with pytest.raises(InvariantError, match="no account"):
        _ = turn.account
    with pytest.raises(InvariantError, match="not started"):
        _ = turn.instrument
    with pytest.raises(InvariantError, match="not started"):
        turn.order(a_position(), Role.STOP, OrderType.STOP_LOSS, d(1))


def test_a_report_before_the_books_are_open_cancels_nothing_it_does_not_know() -> None:
    engine = Engine()
    report = OrderReport(client_order_id="x", exchange_order_id="1", status=OrderStatus.FILLED, at=NOON)
    assert engine.handle(OrderReported(at=NOON, report=report)) == []


def test_only_the_newest_form_of_each_thing_is_a_change() -> None:
    trader = desk()
    trader.filled()
    kinds = [type(each).__name__ for each in trader.engine.changes]
    assert sorted(kinds) == ["Fill", "Order", "Order", "Position"]
    assert words(trader.actions) == ["place stop"]
