"""Start-up is recovery: what a new process makes of the books it finds, in every status an order can be left in."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.core import orders
from app.core.messages import (
    AccountSeen,
    ClosePosition,
    Gate,
    GateClosed,
    OrderNotFound,
    OrderRefused,
    OrderReported,
    OrderUncertain,
    PlaceOrder,
    ReadAccount,
    Refusal,
    Resume,
    SealKillSwitch,
    SignalGiven,
    Started,
    TimePassed,
)
from app.core.model import (
    ExitReason,
    Fill,
    Latch,
    LatchKind,
    OrderReport,
    OrderStatus,
    PositionStatus,
    Role,
    Side,
    Trade,
)
from app.core.portfolio import Account
from app.core.state import KillEvidence, held, liquidated, protection, standing
from tests.builders import MINUTE, NOON, Desk, a_signal, d, some_rules
from tests.core_stories import EASY, alerts, cash, changed, order_at, orders_of, report_on, words


def desk(**changes: Any) -> Desk:
    return Desk(rules=some_rules(risk=EASY), **changes).start()


def crashed(trader: Desk) -> list[str]:
    """The process dies and comes back a minute later."""
    return words(trader.wait(minutes=1).restart())


def account(trader: Desk) -> Account:
    assert trader.engine.state.account is not None
    return trader.engine.state.account


def truth(trader: Desk, *reports: OrderReport, open_ids: tuple[str, ...] = (), **changes: Any) -> list[str]:
    """The exchange's whole truth; balances agree with the books unless said otherwise."""
    account = trader.engine.state.account
    facts: dict[str, Any] = {
        "quote_total": account.cash if account else d(10_000),
        "base_total": held(trader.engine.state),
        "base_free": d(0),
        **changes,
    }
    return words(trader.tell(AccountSeen(at=trader.now, reports=reports, open_ids=open_ids, **facts)))


def standing_of(trader: Desk) -> str:
    return standing(trader.engine.state, trader.now)[0]


# ---------------------------------------------------------------- the beginning


def test_the_first_start_asks_for_the_truth_and_trades_once_it_has_it() -> None:
    trader = Desk(rules=some_rules(risk=EASY))
    actions = trader.restart()
    assert actions == [ReadAccount(symbol="BTC/USD", doubtful=(), reason="start")]
    assert standing_of(trader) == "RECONCILING"
    assert trader.price("50000").vote("BUY") == []
    assert truth(trader) == []
    assert standing_of(trader) == "TRADING"
    assert cash(trader) == 10_000
    assert words(trader.vote("BUY")) == ["place entry"]


def test_a_restart_forgets_opinions_and_gates_but_not_what_a_person_must_see() -> None:
    trader = desk()
    trader.tell(SignalGiven(at=NOON, signal=a_signal()))
    trader.tell(GateClosed(at=NOON, gate=Gate.DISK, text="full"))
    trader.tell(GateClosed(at=NOON, gate=Gate.EXTERNAL_CHANGE, text="0.1 BTC are missing"))
    trader.engine.state.kill = KillEvidence(feed=(NOON,), ask_at=NOON)
    crashed(trader)
    assert trader.engine.state.signals == {}
    assert trader.engine.state.gates == {"external_change": "0.1 BTC are missing"}
    assert trader.engine.state.kill is None
    truth(trader)
    assert standing_of(trader) == "PAUSED"
    trader.tell(Resume(at=trader.now, id="r", actor="me"))
    assert standing_of(trader) == "TRADING"


def test_the_accounts_own_price_will_do_until_the_feed_has_one() -> None:
    trader = Desk(rules=some_rules(risk=EASY))
    trader.restart()
    truth(trader, price=d(41_000))
    assert trader.engine.state.quote is not None
    assert trader.engine.state.quote.price == 41_000
    truth(trader, price=d(42_000))
    assert trader.engine.state.quote.price == 41_000


# ---------------------------------------------------------------- an entry in each status


def entry_left(trader: Desk, status: str) -> PlaceOrder:
    trader.vote("BUY")
    entry = trader.place()
    if status == "INTENT":
        return entry
    trader.sends(entry)
    if status == "UNKNOWN":
        trader.tell(OrderUncertain(at=trader.now, client_order_id=entry.client_order_id, reason="?"))
    if status == "PARTIAL":
        trader.reports(entry, "PARTIAL", price="50000", quantity="0.004")
    if status == "OPEN":
        trader.reports(entry, "OPEN")
    return entry


def test_an_entry_that_had_not_left_never_will() -> None:
    trader = desk()
    entry_left(trader, "INTENT")
    assert crashed(trader) == ["ReadAccount"]
    assert orders_of(trader) == {"E01": "NOT_SENT"}
    assert trader.engine.state.positions == {}
    assert truth(trader) == []
    assert standing_of(trader) == "TRADING"


@pytest.mark.parametrize("status", ["SENDING", "UNKNOWN"])
def test_an_entry_that_may_have_left_is_found_filled_and_protected(status: str) -> None:
    trader = desk()
    entry = entry_left(trader, status)
    assert crashed(trader) == ["ReadAccount"]
    (read,) = [action for action in trader.actions if isinstance(action, ReadAccount)]
    assert read.doubtful == (entry.client_order_id,)
    assert orders_of(trader) == {"E01": "UNKNOWN"}
    assert words(trader.reports(entry, "FILLED", price="50000")) == ["place stop"]
    assert truth(trader) == []
    assert orders_of(trader) == {"E01": "FILLED", "S02": "INTENT"}


def test_an_entry_that_may_have_left_keeps_entries_out_until_it_is_proved_absent() -> None:
    trader = desk()
    entry_left(trader, "SENDING")
    crashed(trader)
    assert truth(trader) == []
    assert standing_of(trader) == "PAUSED"
    assert standing(trader.engine.state, trader.now)[1] == "unknown_order"


@pytest.mark.parametrize("status", ["PARTIAL", "UNKNOWN"])
def test_an_entry_filled_in_part_waits_for_its_end_before_it_is_protected(status: str) -> None:
    trader = desk()
    entry = entry_left(trader, "PARTIAL")
    if status == "UNKNOWN":
        trader.tell(OrderUncertain(at=trader.now, client_order_id=entry.client_order_id, reason="?"))
    crashed(trader)
    assert truth(trader, open_ids=(entry.client_order_id,)) == []
    assert "S02" not in orders_of(trader)
    assert words(trader.tell_status(entry.client_order_id, "EXPIRED")) == ["place stop"]
    assert trader.place().quantity == d("0.00399")


def test_an_open_entry_that_the_exchange_does_not_mention_is_doubted() -> None:
    trader = desk()
    entry = entry_left(trader, "OPEN")
    crashed(trader)
    assert truth(trader) == ["query E01 completely"]
    assert orders_of(trader) == {"E01": "UNKNOWN"}
    assert words(trader.reports(entry, "FILLED", price="50000")) == ["place stop"]


# ---------------------------------------------------------------- a stop in each status


def test_a_stop_that_stands_goes_on_standing() -> None:
    trader = desk()
    stop_id = trader.bought().stop_order_id
    assert crashed(trader) == ["ReadAccount"]
    assert truth(trader, open_ids=(stop_id,)) == []
    assert trader.position().stop_confirmed


def test_a_stop_that_had_not_left_is_placed_anew() -> None:
    trader = desk()
    trader.filled()
    crashed(trader)
    assert orders_of(trader) == {"E01": "FILLED", "S02": "NOT_SENT"}
    assert truth(trader) == ["place stop"]
    assert orders_of(trader)["S03"] == "INTENT"


def test_a_stop_that_may_have_left_is_asked_about_and_no_second_one_is_placed() -> None:
    trader = desk()
    trader.filled()
    stop = trader.place()
    trader.sends(stop)
    assert crashed(trader) == ["ReadAccount"]
    assert truth(trader, report_on(trader, "S02", "OPEN"), open_ids=(stop.client_order_id,)) == []
    assert trader.position().stop_confirmed


def test_a_stop_that_filled_while_the_program_was_down() -> None:
    trader = desk()
    trader.bought()
    stop = trader.place_of("test-0000001", "S02")
    crashed(trader)
    trader.reports(stop, "FILLED", price="47400")
    assert [trade.exit_reason for trade in changed(trader, Trade)] == [ExitReason.STOP]
    assert truth(trader) == []
    assert trader.engine.state.positions == {}


def test_a_stop_that_the_exchange_cancelled_while_the_program_was_down_is_put_back() -> None:
    trader = desk()
    trader.bought()
    crashed(trader)
    assert truth(trader, report_on(trader, "S02", "CANCELED")) == ["alert stop_missing", "place stop"]


def test_a_stop_that_the_exchange_does_not_mention_is_doubted() -> None:
    trader = desk()
    trader.bought()
    crashed(trader)
    assert truth(trader) == ["query S02 completely"]
    assert orders_of(trader)["S02"] == "UNKNOWN"
    assert words(trader.tell_status(trader.position().stop_order_id, "OPEN")) == []
    assert standing_of(trader) == "TRADING"


def test_an_account_that_was_read_before_the_stop_stood_raises_no_doubt() -> None:
    trader = desk()
    read_at = trader.now
    trader.wait(seconds=1)
    trader.bought()
    trader.tell(AccountSeen(at=read_at, quote_total=cash(trader), base_total=held(trader.engine.state), base_free=d(0)))
    assert trader.actions == []
    assert orders_of(trader)["S02"] == "OPEN"


# ---------------------------------------------------------------- in the middle of a trailing move


@pytest.mark.parametrize("sent", [False, True])
def test_a_trailing_move_that_was_not_carried_out_leaves_the_old_stop(sent: bool) -> None:
    trader = desk()
    old = trader.bought().stop_order_id
    trader.price("52000", after=MINUTE)
    new = trader.place_of("test-0000001", "S03")
    if sent:
        trader.sends(new)
    crashed(trader)
    told = truth(trader, report_on(trader, "S02", "OPEN"), open_ids=(old,))
    assert "place stop" not in told
    if sent:
        trader.tell_status(new.client_order_id, "REJECTED")
    position = trader.position()
    assert (position.stop_order_id, position.stop_price, position.stop_confirmed) == (old, 47_500, True)
    assert words(trader.tell(TimePassed(at=trader.now))) == []
    rest = 10 * MINUTE if sent else MINUTE  # a move that failed is not tried again at once
    assert words(trader.price("52000", after=rest).actions) == ["replace S02 by S04"]


def test_a_trailing_move_that_was_carried_out_is_found() -> None:
    trader = desk()
    trader.bought()
    trader.price("52000", after=MINUTE)
    new = trader.place_of("test-0000001", "S03")
    trader.sends(new)
    crashed(trader)
    told = truth(
        trader,
        report_on(trader, "S02", "CANCELED"),
        report_on(trader, "S03", "OPEN"),
        open_ids=(new.client_order_id,),
    )
    assert told == []
    assert (trader.position().stop_order_id, trader.position().stop_confirmed) == (new.client_order_id, True)


# ---------------------------------------------------------------- in the middle of a close


def closing() -> Desk:
    trader = desk()
    trader.bought()
    trader.tell(ClosePosition(at=trader.now, id="c", actor="me", position_id="test-0000001"))
    return trader


def test_a_cancel_that_was_under_way_is_asked_about_and_then_asked_for_again() -> None:
    trader = closing()
    stop_id = trader.position().stop_order_id
    assert crashed(trader) == ["ReadAccount"]
    assert words(trader.tell(TimePassed(at=trader.now))) == []  # nothing by name, and no order, before the truth
    assert orders_of(trader)["S02"] == "CANCEL_UNKNOWN"
    assert truth(trader, report_on(trader, "S02", "OPEN"), open_ids=(stop_id,)) == ["cancel S02"]
    assert words(trader.tell_status(stop_id, "CANCELED")) == ["place exit"]


def test_a_cancel_that_was_carried_out_is_followed_by_the_sale() -> None:
    trader = closing()
    crashed(trader)
    assert truth(trader, report_on(trader, "S02", "CANCELED")) == ["place exit"]


@pytest.mark.parametrize(("sent", "told"), [(False, ["place exit"]), (True, [])])
def test_a_sale_that_had_not_left_is_asked_for_again_and_one_that_may_have_is_not(sent: bool, told: list[str]) -> None:
    trader = closing()
    trader.tell_status(trader.position().stop_order_id, "CANCELED")
    sale = trader.place()
    if sent:
        trader.sends(sale)
    crashed(trader)
    assert truth(trader) == told
    assert orders_of(trader)["C03"] == ("UNKNOWN" if sent else "NOT_SENT")


def test_a_position_in_quarantine_keeps_its_stop_over_a_restart() -> None:
    trader = desk()
    stop_id = trader.bought().stop_order_id
    state = trader.engine.state
    state.positions["test-0000001"] = replace(
        trader.position(), status=PositionStatus.QUARANTINE, exit_reason=ExitReason.VOTE
    )
    crashed(trader)
    assert truth(trader, open_ids=(stop_id,)) == []
    assert orders_of(trader)["S02"] == "OPEN"


def test_what_waited_for_its_next_try_is_protected_at_once_and_only_once() -> None:
    trader = desk()
    stop_id = trader.bought().stop_order_id
    trader.wait(minutes=2)
    trader.engine.state.retry_at["test-0000001"] = trader.now + timedelta(minutes=2)
    trader.engine.state.orders[stop_id] = replace(order_at(trader, "S02"), status=OrderStatus.REJECTED)
    crashed(trader)
    assert truth(trader) == ["place stop"]
    told = words(trader.wait(minutes=5).tell(TimePassed(at=trader.now)))
    assert told == ["alert stop_missing"]  # not confirmed for five minutes, but never placed a second time


# ---------------------------------------------------------------- the kill switch


def test_what_waits_for_a_person_is_protected_while_the_kill_switch_locks() -> None:
    trader = desk()
    stop_id = trader.bought().stop_order_id
    state = trader.engine.state
    state.positions["test-0000001"] = replace(trader.position(), status=PositionStatus.QUARANTINE)
    state.orders[stop_id] = replace(order_at(trader, "S02"), status=OrderStatus.CANCELED)
    state.latches[LatchKind.KILL_SWITCH] = Latch(kind=LatchKind.KILL_SWITCH, at=NOON, reason="down 50 % in all")
    crashed(trader)
    assert truth(trader) == ["place stop"]
    assert trader.position().status is PositionStatus.QUARANTINE


def test_a_seal_from_outside_the_books_locks_and_closes_everything() -> None:
    """A database restored from an older backup does not know; the seal does."""
    trader = desk()
    stop_id = trader.bought().stop_order_id
    started = replace(_started(trader), kill_sealed="down 50 % in all")
    actions = trader.wait(minutes=1).tell(started)
    assert alerts(actions) == ["kill_switch"]
    assert not [action for action in actions if isinstance(action, SealKillSwitch)]
    assert truth(trader, open_ids=(stop_id,)) == ["cancel S02"]
    assert trader.position().exit_reason is ExitReason.KILL_SWITCH
    assert standing_of(trader) == "STOPPED"


def test_a_kill_that_was_not_sealed_before_the_crash_is_sealed_now() -> None:
    trader = desk()
    crashed(trader)
    trader.tell(replace(_started(trader), kill_sealed="why"))
    truth(trader)
    actions = trader.wait(minutes=1).restart()
    assert actions[0] == SealKillSwitch(reason="why")
    assert LatchKind.KILL_SWITCH in trader.engine.state.latches


def _started(trader: Desk) -> Started:
    assert trader.engine.state.started is not None
    return replace(trader.engine.state.started, at=trader.now)


# ---------------------------------------------------------------- balances against books


def test_balances_that_agree_say_nothing() -> None:
    trader = desk()
    stop_id = trader.bought().stop_order_id
    trader.wait(minutes=1)
    assert truth(trader, open_ids=(stop_id,)) == []
    assert not trader.engine.touched


def test_bitcoin_that_is_missing_stops_entries_until_a_person_has_seen_it() -> None:
    trader = desk()
    stop_id = trader.bought().stop_order_id
    missing = held(trader.engine.state) - d("0.00002")
    trader.wait(minutes=1)
    assert truth(trader, open_ids=(stop_id,), base_total=missing) == []  # perhaps a fill on its way
    assert trader.engine.touched
    trader.wait(seconds=9)
    assert truth(trader, open_ids=(stop_id,), base_total=missing) == []
    trader.wait(seconds=1)
    assert truth(trader, open_ids=(stop_id,), base_total=missing) == ["alert external_change"]
    trader.wait(seconds=30)
    assert truth(trader, open_ids=(stop_id,), base_total=missing) == ["cancel S02"]
    assert held(trader.engine.state) == missing
    assert standing(trader.engine.state, trader.now)[:2] == ("PAUSED", "external_change")
    assert trader.engine.state.gates == {"external_change": "0.00002 BTC of ours are missing on the exchange"}
    assert trader.position().status is PositionStatus.QUARANTINE
    assert words(trader.tell_status(stop_id, "CANCELED")) == ["alert stop_missing", "place stop"]
    smaller = trader.place()
    assert smaller.quantity == trader.instrument.quantity_down(missing)
    trader.sends(smaller)
    trader.reports(smaller, "OPEN")
    trader.wait(seconds=1)
    assert truth(trader, open_ids=(smaller.client_order_id,), base_total=missing) == []  # told once
    trader.tell(Resume(at=trader.now, id="r", actor="me"))
    assert standing_of(trader) == "TRADING"
    assert trader.position().status is PositionStatus.OPEN
    less = missing - d("0.001")
    assert truth(trader, open_ids=(smaller.client_order_id,), base_total=less) == []
    trader.wait(seconds=40)
    told = truth(trader, open_ids=(smaller.client_order_id,), base_total=less)
    assert told == ["alert external_change", "cancel S03"]


def test_a_position_that_is_gone_altogether_ends_without_a_sale() -> None:
    trader = desk()
    stop_id = trader.bought().stop_order_id
    trader.wait(minutes=1)
    trader.tell_status(stop_id, "CANCELED")  # the owner took the stop back and sold everything by hand
    put_back = trader.place()
    trader.sends(put_back)
    refused = OrderRefused(
        at=trader.now, client_order_id=put_back.client_order_id, refusal=Refusal.BUSY, reason="not now"
    )
    trader.tell(refused)
    worth = liquidated(trader.engine.state)
    assert truth(trader, base_total=d(0)) == []
    trader.wait(seconds=40)
    assert truth(trader, base_total=d(0)) == ["alert external_change", "alert daily_loss_warning"]
    assert trader.engine.state.positions == {}
    assert held(trader.engine.state) == 0
    assert liquidated(trader.engine.state) < worth * d("0.96"), "what is gone counts as lost"
    assert changed(trader, Trade) == []


def test_what_is_left_of_a_position_without_a_stop_is_put_under_one_of_its_size() -> None:
    trader = desk()
    stop_id = trader.bought().stop_order_id
    trader.wait(minutes=1)
    trader.tell_status(stop_id, "CANCELED")
    put_back = trader.place()
    trader.sends(put_back)
    refused = OrderRefused(
        at=trader.now, client_order_id=put_back.client_order_id, refusal=Refusal.BUSY, reason="not now"
    )
    trader.tell(refused)
    assert truth(trader, base_total=d("0.004")) == []
    trader.wait(seconds=40)
    assert "place stop" in truth(trader, base_total=d("0.004"))
    assert trader.place().quantity == d("0.004")


def test_the_newest_positions_give_up_what_is_missing_and_dust_goes_first() -> None:
    trader = desk()
    trader.bought()
    trader.wait(minutes=15)
    trader.filled()
    stop = trader.place()
    trader.sends(stop)
    trader.reports(stop, "OPEN")
    trader.engine.state.account = replace(account(trader), dust=d("0.002"))
    ids = tuple(each.stop_order_id for each in trader.engine.state.positions.values())
    trader.wait(minutes=1)
    left = held(trader.engine.state) - d("0.005")
    before = [each.remaining for each in trader.engine.state.positions.values()]
    for _ in range(2):
        truth(trader, open_ids=ids, base_total=left)
        trader.wait(seconds=40)
    one, two = trader.engine.state.positions.values()
    assert (one.remaining, one.status) == (before[0], PositionStatus.OPEN)
    assert two.status is PositionStatus.QUARANTINE
    assert account(trader).dust == 0
    assert two.remaining == before[1] - d("0.003")


def test_a_difference_that_was_only_a_fill_on_its_way_raises_no_alarm() -> None:
    trader = desk()
    trader.bought()
    stop = trader.place_of("test-0000001", "S02")
    trader.wait(minutes=1)
    assert truth(trader, open_ids=(stop.client_order_id,), base_total=d(0), quote_total=d(9_970)) == []
    trader.reports(stop, "FILLED", price="47500")
    before = cash(trader)
    assert truth(trader) == []
    assert cash(trader) == before
    assert standing_of(trader) == "TRADING"


def test_both_differences_are_told_in_one_sentence_once() -> None:
    trader = desk()
    stop_id = trader.bought().stop_order_id
    trader.wait(minutes=1)
    facts = {"base_total": d(0), "quote_total": d(99_999)}
    told = [truth(trader.wait(seconds=40), open_ids=(stop_id,), **facts) for _ in range(4)]
    assert told == [[], ["alert external_change", "cancel S02", "alert daily_loss_warning"], [], []]
    assert "missing on the exchange; cash differs by 90497.50 USD" in trader.engine.state.gates["external_change"]


def test_a_step_more_or_less_is_no_difference_and_the_owners_own_coins_are_not_ours() -> None:
    trader = desk()
    stop_id = trader.bought().stop_order_id
    trader.wait(minutes=1)
    ours = held(trader.engine.state)
    assert truth(trader, open_ids=(stop_id,), base_total=ours - d("0.00001")) == []
    assert truth(trader, open_ids=(stop_id,), base_total=ours + 5) == []
    assert held(trader.engine.state) == ours


@pytest.mark.parametrize(("difference", "told"), [("-9.99", False), ("-10", False), ("-10.01", True)])
def test_money_that_is_missing_is_a_loss(difference: str, told: bool) -> None:
    """A tenth of a per cent of 10,000 is let pass; more is a loss once the list of withdrawals would have it."""
    trader = desk()
    trader.wait(minutes=1)
    assert truth(trader, quote_total=10_000 + d(difference)) == []
    assert cash(trader) == 10_000
    trader.wait(minutes=9)
    actions = truth(trader, quote_total=10_000 + d(difference))
    assert actions == (["alert external_change"] if told else [])
    assert cash(trader) == 10_000
    trader.wait(minutes=1)
    assert truth(trader, quote_total=10_000 + d(difference)) == []
    assert cash(trader) == 10_000 + (d(difference) if told else 0)
    assert truth(trader, quote_total=10_000 + d(difference)) == []


def test_a_small_account_lets_a_dollar_pass() -> None:
    trader = Desk(rules=some_rules(risk=EASY)).start(cash=100)
    trader.wait(minutes=1)
    assert [truth(trader.wait(seconds=10), quote_total=d(99)) for _ in range(2)] == [[], []]
    told = [truth(trader.wait(seconds=10), quote_total=d("98.99")) for _ in range(2)]
    assert told == [[], ["alert external_change"]]


def test_money_from_nowhere_is_not_ours_and_is_told() -> None:
    trader = desk()
    trader.wait(minutes=1)
    told = [truth(trader.wait(seconds=10), quote_total=d(10_500)) for _ in range(2)]
    assert told == [[], ["alert external_change"]]
    assert cash(trader) == 10_000
    trader.tell(Resume(at=trader.now, id="r", actor="me"))
    assert truth(trader, quote_total=d(10_500)) == []
    assert standing_of(trader) == "TRADING"


def test_while_an_order_is_under_way_balances_are_not_compared() -> None:
    trader = desk()
    trader.vote("BUY")
    trader.wait(seconds=1)
    assert [truth(trader, quote_total=d(1)) for _ in range(2)] == [[], []]
    assert cash(trader) == 10_000
    entry = trader.place_of("test-0000001", "E01")
    trader.sends(entry)
    trader.reports(entry, "OPEN")
    told = [truth(trader, quote_total=d(1), open_ids=(entry.client_order_id,)) for _ in range(2)]
    assert told == [[], []]


def test_reports_that_come_with_the_account_are_booked_before_it_is_compared() -> None:
    trader = desk()
    trader.bought()
    stop = trader.place_of("test-0000001", "S02")
    filled = trader.place_of("test-0000001", "S02")
    trader.reports(stop, "PARTIAL", price="47500", quantity="0.001")
    trader.wait(minutes=1)
    report = replace(report_on(trader, "S02", "CANCELED"), client_order_id=filled.client_order_id)
    assert truth(trader, report) == ["alert stop_missing", "place stop"]


def test_a_stop_whose_entry_the_exchange_does_not_have_is_cancelled() -> None:
    trader = desk()
    id = orders.client_order_id(live=False, tag="test", trade=9, role=Role.STOP, attempt=2)
    stranger = OrderReport(
        client_order_id=id,
        exchange_order_id="9",
        status=OrderStatus.OPEN,
        at=trader.now,
    )
    assert truth(trader, stranger) == ["alert orphan_order", "query E01 completely"]
    assert truth(trader, stranger) == ["query E01 completely"]  # told once, asked for each time
    not_there = OrderNotFound(at=trader.now, client_order_id=orders.entry_of(id), complete=True)
    for answer in (not_there, replace(not_there, complete=False), not_there):
        assert words(trader.tell(answer)) == []
    assert words(trader.tell(not_there)) == ["cancel S02", "alert orphan_order"]
    assert trader.tell(OrderReported(at=trader.now, report=replace(stranger, status=OrderStatus.CANCELED))) == []
    assert trader.tell(not_there) == []


def bought_elsewhere(trade: int) -> tuple[OrderReport, OrderReport]:
    """An entry and its stop that these books know nothing of."""
    entry, stop = (
        orders.client_order_id(live=False, tag="test", trade=trade, role=role, attempt=attempt)
        for role, attempt in ((Role.ENTRY, 1), (Role.STOP, 2))
    )
    fill = Fill(
        id="t900",
        client_order_id=entry,
        side=Side.BUY,
        price=d(50_000),
        quantity=d("0.01"),
        fee=d("0.00001"),
        fee_asset="BTC",
        at=NOON,
    )
    bought = OrderReport(
        client_order_id=entry, exchange_order_id="1", status=OrderStatus.FILLED, at=NOON, fills=(fill,)
    )
    standing_stop = OrderReport(
        client_order_id=stop,
        exchange_order_id="2",
        status=OrderStatus.OPEN,
        at=NOON,
        quantity=d("0.00999"),
        stop_price=d("47400"),
    )
    return bought, standing_stop


@pytest.mark.parametrize("first", ["entry", "stop", "stop alone"])
def test_a_position_that_was_lost_with_the_books_is_found_with_its_stop(first: str) -> None:
    trader = desk()
    bought, stop = bought_elsewhere(9)
    found = {"entry": (bought, stop), "stop": (stop, bought), "stop alone": (stop,)}[first]
    told = truth(trader, *found, open_ids=(stop.client_order_id,), quote_total=d(9_500), base_total=d("0.00999"))
    if first == "stop alone":
        assert told == ["alert orphan_order", "query E01 completely"]
        told = words(trader.tell(OrderReported(at=trader.now, report=bought)))
    assert told.count("alert orphan_order") >= 1
    assert not any(each.startswith(("cancel", "place exit")) for each in told)
    position = trader.position()
    assert (position.remaining, position.stop_confirmed, position.stop_price) == (d("0.00999"), True, d("47400"))
    assert position.stop_order_id == stop.client_order_id
    assert protection(trader.engine.state)[0] == 100
    left = [order for order in trader.engine.state.orders.values() if order.status is OrderStatus.INTENT]
    assert left == [], "no second stop is on its way"
    assert (cash(trader), trader.engine.state.trade_number) == (9_500, 9)
    trader.wait(minutes=2)
    seen = truth(trader, open_ids=(stop.client_order_id,), quote_total=d(9_500), base_total=d("0.00999"))
    assert (seen, standing_of(trader)) == ([], "TRADING")
    trader.reports(trader.place_of(position.id, "S02"), "FILLED", price="47400")
    assert [trade.exit_reason for trade in changed(trader, Trade)] == [ExitReason.STOP]


def test_a_stop_that_was_moved_after_the_books_were_kept_is_found_and_its_id_not_given_out_again() -> None:
    trader = desk()
    position = trader.bought()
    ids = [
        orders.client_order_id(live=False, tag="test", trade=1, role=Role.STOP, attempt=attempt)
        for attempt in (2, 3, 4)
    ]
    moved = [
        OrderReport(
            client_order_id=id,
            exchange_order_id=str(number),
            status=OrderStatus.OPEN if id == ids[-1] else OrderStatus.CANCELED,
            at=trader.now,
            quantity=position.remaining,
            stop_price=d("48000"),
        )
        for number, id in enumerate(ids, 5)
    ]
    crashed(trader)
    told = truth(trader, *moved, open_ids=(ids[-1],))
    assert "alert orphan_order" in told
    after = trader.position()
    assert (after.stop_order_id, after.stop_confirmed, after.stop_price) == (ids[-1], True, d("48000"))
    assert orders_of(trader)["S05"] == "NOT_SENT", "the next number that is free, and another stop stands already"
    assert standing_of(trader) == "TRADING"


def test_a_stop_found_for_a_position_that_has_its_own_is_one_too_many() -> None:
    trader = desk()
    trader.bought()
    extra = orders.client_order_id(live=False, tag="test", trade=1, role=Role.STOP, attempt=7)
    report = OrderReport(
        client_order_id=extra, exchange_order_id="9", status=OrderStatus.OPEN, at=NOON, quantity=d("0.00996")
    )
    assert words(trader.tell(OrderReported(at=trader.now, report=report))) == ["alert orphan_order", "cancel S07"]
    assert trader.position().attempts == 7


def test_a_sale_that_the_books_do_not_know_ends_the_position() -> None:
    trader = desk()
    position = trader.bought()
    sale = orders.client_order_id(live=False, tag="test", trade=1, role=Role.EXIT, attempt=3)
    fill = Fill(
        id="t901",
        client_order_id=sale,
        side=Side.SELL,
        price=d(51_000),
        quantity=position.remaining,
        fee=d(0),
        fee_asset="USD",
        at=NOON,
    )
    trader.tell_status(position.stop_order_id, "CANCELED")
    report = OrderReport(client_order_id=sale, exchange_order_id="9", status=OrderStatus.FILLED, at=NOON, fills=(fill,))
    trader.tell(OrderReported(at=trader.now, report=report))
    assert [trade.exit_reason for trade in changed(trader, Trade)] == [ExitReason.EMERGENCY]
    assert trader.engine.state.positions == {}
    assert orders_of(trader)["S03"] == "NOT_SENT", "what was to protect it never leaves"


def test_an_entry_found_resting_is_taken_back_and_what_it_bought_is_protected() -> None:
    trader = desk()
    bought, _ = bought_elsewhere(9)
    resting = replace(bought, status=OrderStatus.PARTIAL, quantity=d("0.02"))
    assert words(trader.tell(OrderReported(at=trader.now, report=resting))) == ["alert orphan_order", "cancel E01"]
    ended = replace(resting, status=OrderStatus.CANCELED)
    assert words(trader.tell(OrderReported(at=trader.now, report=ended))) == ["place stop"]


@pytest.mark.parametrize("tag", ["else", "test"])
def test_orders_of_other_books_and_sales_of_nothing_we_know_are_left_alone(tag: str) -> None:
    trader = desk()
    id = orders.client_order_id(live=False, tag=tag, trade=5, role=Role.EXIT, attempt=3)
    fill = replace(bought_elsewhere(5)[0].fills[0], side=Side.SELL, client_order_id=id)
    report = OrderReport(client_order_id=id, exchange_order_id="9", status=OrderStatus.FILLED, at=NOON, fills=(fill,))
    told = words(trader.tell(OrderReported(at=trader.now, report=report)))
    assert told == (["alert orphan_order"] if tag == "test" else [])
    assert (trader.engine.state.positions, cash(trader)) == ({}, 10_000)


def test_an_entry_that_bought_nothing_takes_its_stops_with_it() -> None:
    trader = desk()
    bought, stop = bought_elsewhere(9)
    truth(trader, stop)
    nothing = replace(bought, status=OrderStatus.EXPIRED, fills=())
    assert words(trader.tell(OrderReported(at=trader.now, report=nothing))) == ["cancel S02", "alert orphan_order"]


def a_standing_stop(trade: int, tag: str = "test", **changes: Any) -> OrderReport:
    """A stop with our mark on the exchange's book."""
    id = orders.client_order_id(live=False, tag=tag, trade=trade, role=Role.STOP, attempt=2)
    standard = OrderReport(
        client_order_id=id, exchange_order_id=str(trade), status=OrderStatus.OPEN, at=NOON, quantity=d("0.00999")
    )
    return replace(standard, **changes)


def test_orders_of_other_books_are_told_of_once_and_never_touched() -> None:
    trader = desk()
    theirs = OrderReported(at=trader.now, report=a_standing_stop(5, tag="else"))
    assert [words(trader.tell(theirs)) for _ in range(3)] == [["alert orphan_order"], [], []]
    assert truth(trader, theirs.report) == []
    assert trader.engine.state.orphans == {}


def test_no_more_strangers_than_fifty_are_asked_about_at_once() -> None:
    trader = desk()
    for trade in range(10, 61):
        trader.tell(OrderReported(at=trader.now, report=a_standing_stop(trade)))
    assert len(trader.engine.state.orphans) == 50


def test_an_entry_takes_in_its_own_stop_and_no_other() -> None:
    trader = desk()
    bought, _ = bought_elsewhere(9)
    for trade in (8, 9):
        trader.tell(OrderReported(at=trader.now, report=a_standing_stop(trade)))
    trader.tell(OrderReported(at=trader.now, report=bought))
    assert [orders.trade_of(id) for id in trader.engine.state.orphans] == [8]
    assert trader.position().stop_confirmed


def test_a_stop_found_while_another_is_being_sent_is_the_positions_and_the_other_is_one_too_many() -> None:
    trader = desk()
    trader.filled()
    sent = trader.place()
    trader.sends(sent)
    found = a_standing_stop(
        1,
        client_order_id=orders.client_order_id(live=False, tag="test", trade=1, role=Role.STOP, attempt=7),
        quantity=trader.position().remaining,
    )
    trader.tell(OrderReported(at=trader.now, report=found))
    assert trader.position().stop_order_id == found.client_order_id
    assert words(trader.reports(sent, "OPEN")) == ["cancel S02"]


def test_a_stop_that_sold_what_nobody_knows_is_told() -> None:
    trader = desk()
    stop = a_standing_stop(9)
    trader.tell(OrderReported(at=trader.now, report=stop))
    fill = replace(bought_elsewhere(9)[0].fills[0], side=Side.SELL, client_order_id=stop.client_order_id)
    sold = replace(stop, status=OrderStatus.FILLED, fills=(fill,))
    assert words(trader.tell(OrderReported(at=trader.now, report=sold))) == ["alert orphan_order"]
    assert trader.engine.state.orphans == {}
