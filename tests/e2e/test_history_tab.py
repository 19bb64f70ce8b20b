"""The History tab and the receipts of decisions, as a person uses them."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from nicegui.testing import User

from app.ports import Row
from components.equity_chart import held_instead, in_words, options
from components.history import began
from tests.builders import d
from tests.e2e.test_dashboard_user import pytestmark as pytestmark  # noqa: PLC0414 - the same group and warnings
from tests.e2e.test_dashboard_user import show, signed_in, text_of
from tests.fakes_ui import NOW, Desk, a_position
from tests.ui_history import a_bought_decision, fill_history, pay_in


async def opened(user: User) -> None:
    user.find(marker="tab-history").click()
    await user.should_see(marker="trade-t1")


async def test_closed_trades_are_told_with_their_sums() -> None:
    desk = Desk()
    fill_history(desk)
    async with signed_in(desk) as user:
        await opened(user)
        assert text_of(user, "sum-trades") == "120"
        assert text_of(user, "sum-won").startswith("68 (57 %)")
        assert text_of(user, "sum-result").startswith("▲ +$")
        await user.should_see("its stop was hit")
        assert text_of(user, "where") == "1–50 of 120"


async def test_a_tap_tells_why_it_was_bought_and_sold() -> None:
    desk = Desk()
    fill_history(desk, 3)
    async with signed_in(desk) as user:
        await opened(user)
        user.find(marker="trade-t2-details").trigger("toggle")
        await user.should_see("RSI 29 is oversold")
        await user.should_see("Result after fees")
        await user.should_see("The vote said sell.")
        user.find(marker="receipt-buy").click()
        await user.should_see("How the vote went")


async def test_pages_turn_and_end() -> None:
    desk = Desk()
    fill_history(desk)
    async with signed_in(desk) as user:
        await opened(user)
        user.find(marker="older").click()
        await user.should_see("51–100 of 120")
        user.find(marker="older").click()
        await user.should_see("101–120 of 120")
        user.find(marker="older").click()
        await asyncio.sleep(0)
        assert text_of(user, "where") == "101–120 of 120", "there is nothing older"
        user.find(marker="newer").click()
        await user.should_see("51–100 of 120")


async def test_a_span_of_time_is_asked_for_from_its_utc_beginning() -> None:
    desk = Desk()
    fill_history(desk)
    async with signed_in(desk) as user:
        await opened(user)
        user.find(marker="choose-today").click()
        await asyncio.sleep(0)
        await user.should_see(marker="trade-t1")
        assert desk.reader.asked[-1][3] == {"since": NOW.replace(hour=0)}


@pytest.mark.parametrize(
    ("span", "begins"),
    [
        ("today", NOW.replace(hour=0)),
        ("week", (NOW - timedelta(days=1)).replace(hour=0)),
        ("month", NOW.replace(day=1, hour=0)),
        ("all", None),
    ],
)
def test_where_a_span_begins(span: str, begins: object) -> None:
    assert NOW.isoweekday() == 2
    assert began(span, NOW) == begins


async def test_a_fresh_trader_says_that_there_is_nothing_yet() -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        user.find(marker="tab-history").click()
        await user.should_see("No closed trade yet")
        user.find(marker="choose-decisions").click()
        await user.should_see("No decision yet")


async def test_a_store_that_does_not_answer_is_said_and_tried_again() -> None:
    desk = Desk()
    fill_history(desk)
    async with signed_in(desk) as user:
        await opened(user)
        desk.reader.failing = RuntimeError("disk")
        user.find(marker="older").click()
        await user.should_see("History could not be read. Try again in a moment.")
        desk.reader.failing = None
        user.find(marker="newer").click()
        await user.should_see("1–50 of 120")


async def test_a_trade_that_is_closed_meanwhile_appears_by_itself() -> None:
    desk = Desk()
    fill_history(desk, 2)
    async with signed_in(desk) as user:
        await opened(user)
        desk.reader.rows["trades"].insert(0, {**desk.reader.rows["trades"][0], "id": "t0"})
        await show(desk, trades_today=4)
        await user.should_see(marker="trade-t0")


async def test_what_was_opened_stays_open_while_newer_trades_come_above_it() -> None:
    desk = Desk()
    fill_history(desk, 2)
    async with signed_in(desk) as user:
        await opened(user)
        user.find(marker="trade-t2-details").trigger("toggle")
        await user.should_see("Result after fees")
        desk.reader.rows["trades"].insert(0, {**desk.reader.rows["trades"][0], "id": "t0"})
        await show(desk, trades_today=4)
        await user.should_see(marker="trade-t0")
        await user.should_see("Result after fees")
        (newest,) = user.find(marker="trade-t0").elements
        assert newest.parent_slot is not None
        assert [each._markers for each in newest.parent_slot.children] == [["trade-t0"], ["trade-t1"], ["trade-t2"]]


async def test_a_decision_opens_as_a_receipt_and_its_vote_is_held_again() -> None:
    desk = Desk()
    fill_history(desk)
    async with signed_in(desk) as user:
        await opened(user)
        user.find(marker="choose-decisions").click()
        await user.should_see(marker="decision-d-buy")
        user.find(marker="decision-d-buy").click()
        await user.should_see("5 % of equity at most")
        await user.should_see("Buy 0.00771\u00a0BTC, limit $64,130.00: filled at $64,120.50")
        await user.should_see("Fund inflows reach a record")
        user.find(marker="again").click()
        await user.should_see("✓ Held again from the record: the same, BUY with a score of 77.")
        desk.reader.decided = [replace(a_bought_decision(), score=d(90))]
        user.find(marker="again").click()
        await user.should_see("✗ Not the same: score: 90 then, 77 now")


async def test_a_position_shows_its_orders_and_leads_to_its_decision() -> None:
    desk = Desk()
    fill_history(desk)
    desk.view.held = [a_position("p1", decision_id="d-buy")]
    async with signed_in(desk) as user:
        user.find(marker="details").trigger("toggle")
        await user.should_see("Buy 0.00771\u00a0BTC, limit $64,130.00: filled at $64,120.50")
        user.find(marker="receipt").click()
        await user.should_see("How the vote went")


async def test_money_paid_in_or_out_stands_among_the_trades_and_is_no_result() -> None:
    desk = Desk()
    fill_history(desk, 2)
    pay_in(desk)
    async with signed_in(desk) as user:
        user.find(marker="tab-history").click()
        await user.should_see(marker="flow-f1")
        await user.should_see("Money paid in")
        await user.should_see("+$2,500.00")
        await user.should_see(marker="trade-t1")
        assert text_of(user, "equity-words").endswith("without $2,500.00 paid in and $400.00 taken out")
        user.find(marker="choose-flows").click()
        await user.should_not_see(marker="trade-t1")
        await user.should_see(marker="flow-f2")


async def test_where_nothing_was_paid_in_nothing_is_said_of_it() -> None:
    desk = Desk()
    fill_history(desk, 2)
    async with signed_in(desk) as user:
        await opened(user)
        await user.should_not_see("Paid in, taken out")
        await user.should_not_see("paid in or taken out")
        assert "without" not in text_of(user, "equity-words")


def test_the_curve_marks_what_was_paid_in_and_holds_it_in_bitcoin_too() -> None:
    def row(hour: int, equity: int, own: int, price: int, moved: int) -> Row:
        at = f"2026-11-24T{hour:02}:00:00.000Z"
        values = {"equity": equity, "own": own, "price": price, "moved": moved}
        return {"at": at, **{name: str(value) for name, value in values.items()}}

    rows = [row(1, 1000, 1000, 100, 0), row(2, 2000, 1000, 200, 1000), row(3, 2200, 1100, 400, 0)]
    assert held_instead(rows) == [1000, 3000, 6000]
    assert in_words(rows).replace("\u00a0", " ") == (
        "+$200.00 (+10.00 %) · bitcoin +300.00 % · lowest $1,000.00 · without $1,000.00 paid in"
    )
    (point,) = options(rows)["series"][1]["markPoint"]["data"]
    assert point == {"coord": [rows[1]["at"], 2000.0], "value": "+$1,000.00"}
    assert "markPoint" not in options(rows[2:])["series"][1]
