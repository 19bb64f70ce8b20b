"""The dashboard as a person uses it, without a browser: what is seen, pressed and asked, and who may."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from nicegui import Client, ui
from nicegui.testing import User
from nicegui.testing.user_simulation import user_simulation

from app.channels import ChannelState
from app.core.alerts import AlertEvent
from app.core.decisions import Outcome
from app.core.errors import StoreError
from app.notices import Told
from components import page
from tests.builders import d
from tests.fakes_ui import NOW, PASSWORD, Desk, a_checklist, a_decision, a_position

pytestmark = [
    pytest.mark.xdist_group("nicegui"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:nicegui.*"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@asynccontextmanager
async def signed_in(desk: Desk, **doors: Any) -> AsyncIterator[User]:
    """A person at `/`, signed in for real."""
    await desk.auth.start("admin", PASSWORD)
    async with user_simulation() as user:
        given = desk.doors(hosts=("test",), **doors)
        live = page.build(given)
        answer = await desk.auth.sign_in("admin", PASSWORD, None, "127.0.0.1")
        user.http_client.cookies.set(given.cookie, answer.secret)
        await user.open("/")
        try:
            yield user
        finally:
            live.end()


def text_of(user: User, mark: str) -> str:
    (element,) = user.find(marker=mark).elements
    return plain(str(element.text))  # type: ignore[attr-defined]


def plain(text: str) -> str:
    """With ordinary spaces: figures keep to their units by narrow and unbreakable ones."""
    return text.replace("\u00a0", " ").replace("\u202f", " ")


async def show(desk: Desk, **changes: Any) -> None:
    """The engine changes; the pages hear of it in the loop's next turn."""
    desk.view.set(**changes)
    await asyncio.sleep(0)


async def test_the_safe_answer_shuts_a_question() -> None:
    desk = Desk()
    desk.control.code = "123456"
    desk.view.set(two_factor=True, state="PAUSED", reason="manual")
    async with signed_in(desk) as user:
        user.find("Resume").click()
        await user.should_see("Resume trading?")
        assert any(dialog.value for dialog in user.find(ui.dialog).elements)
        user.find("Stay paused").click()
        async with asyncio.timeout(2):
            while any(dialog.value for dialog in user.find(ui.dialog).elements):
                await asyncio.sleep(0.005)
        assert desk.control.orders == []


async def test_figures_change_when_the_engine_says_so() -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        await user.should_see("$64,250.50")
        await user.should_see("+$42.18")
        assert "$10,128.40" in text_of(user, "equity")
        await show(
            desk, price=d("65000"), equity=d("9800"), total_pnl=d(-200), day_pnl=d("-3.5"), day_pnl_pct=d("-0.04")
        )
        await user.should_see("$65,000.00")
        assert text_of(user, "equity") == "▼ $9,800.00"
        assert "−$3.50" in text_of(user, "today")


async def test_it_says_how_real_the_money_and_the_market_are() -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        await user.should_see("PAPER")
        await user.should_see("SIMULATED MARKET")
        await show(desk, mode="live", market="binanceus")
        await user.should_see("LIVE")
        await user.should_not_see("SIMULATED MARKET")


async def test_with_nothing_held_it_says_what_it_waits_for() -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        await user.should_see("No open position")
        await user.should_see("first")
        desk.view.decision = a_decision("HOLD", "31.2")
        await show(desk)
        await user.should_see("scored 31.2; it buys from 60")
        refused = a_decision("BUY", "72", outcome=Outcome.REFUSED, reason="exposure would be 62 %, at most 50 %")
        desk.view.decision = refused
        await show(desk)
        await user.should_see("exposure would be")


async def test_a_position_appears_changes_and_goes() -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        desk.view.held = [a_position("p1", entry="62900", quantity="0.01538")]
        await show(desk)
        await user.should_see("0.01538")
        await user.should_not_see("No open position")
        assert "+$19.80" in text_of(user, "result")
        await user.should_not_see("RSI 29 is oversold")
        user.find("details").trigger("toggle")
        await user.should_see("RSI 29 is oversold")
        await user.should_see("$61,642.00")
        await show(desk, price=d(62000))
        assert "▼" in text_of(user, "result")
        desk.view.held = []
        await show(desk)
        await user.should_see("No open position")
        await user.should_not_see("0.01538")


async def test_a_stop_that_the_exchange_has_not_confirmed_is_said_loudly() -> None:
    desk = Desk()
    desk.view.held = [a_position(stop_confirmed=False)]
    async with signed_in(desk) as user:
        await user.should_see("not confirmed")


async def test_closing_is_asked_once_and_done_once() -> None:
    desk = Desk()
    desk.view.held = [a_position()]
    async with signed_in(desk) as user:
        user.find(marker="close").click()
        await user.should_see("Close this position?")
        assert desk.control.orders == []
        user.find("Keep it").click()
        assert desk.control.orders == []
        user.find(marker="close").click()
        user.find("Close position").click()
        await user.should_see("Closing")
        assert desk.control.orders == [("close", "admin", "p1")]


async def test_closing_everything_is_asked_once_and_done_once() -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        await user.should_not_see("Close all")
        desk.view.held = [a_position("p1"), a_position("p2")]
        await show(desk)
        user.find("Close all 2 positions").click()
        await user.should_see("Sells all 2 positions at the market price")
        user.find("Keep them").click()
        assert desk.control.orders == []
        user.find(marker="close-all").click()
        user.find(marker="agree").click()
        await user.should_see("the sell orders are on their way")
        assert desk.control.orders == [("close", "admin", "p1"), ("close", "admin", "p2")]
        await user.should_not_see("Close all 2 positions")


async def test_while_the_exchange_does_not_let_us_nothing_is_said_to_be_done() -> None:
    desk = Desk()
    desk.view.held = [a_position()]
    async with signed_in(desk) as user:
        await show(desk, state="PAUSED", reason="exchange_unreachable", connected=False, open_positions=1)
        said = text_of(user, "protection")
        assert said.startswith("Protected 100 % when the exchange last answered; stops stay there.")
        user.find(marker="close").click()
        await user.should_see("Close this position?")
        user.find("Close position").click()
        await user.should_see("will be sold as soon as the exchange lets us")
        await show(desk, reason="exchange_refuses", connected=True)
        await user.should_see("will be sold as soon as the exchange lets us")
        await show(desk, state="TRADING", reason=None)
        await user.should_see("being sold at the market price")
        assert text_of(user, "protection").startswith("Protected 100 %: if the server dies now")


async def test_pause_and_resume() -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        user.find("Pause").click()
        await user.should_see("paused by hand")
        assert text_of(user, "state") == "● Paused"
        user.find("Resume").click()
        await user.should_see("● Trading")
        assert [order[0] for order in desk.control.orders] == ["pause", "resume"]


async def test_resuming_asks_for_the_code_where_a_second_factor_is_enrolled() -> None:
    desk = Desk()
    desk.control.code = "123456"
    async with signed_in(desk) as user:
        await show(desk, two_factor=True, state="PAUSED", reason="manual")
        user.find("Resume").click()
        await user.should_see("Resume trading?")
        user.find(kind=ui.input).type("000000")
        user.find(marker="agree").click()
        await user.should_see("code is not right")
        user.find(kind=ui.input).type("123456")
        user.find(marker="agree").click()
        await user.should_see("● Trading")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "PAUSED", "reason": "daily_loss", "resumes_at": NOW + timedelta(hours=12)}, "in 12"),
        ({"state": "STOPPED", "reason": "kill_switch"}, "the kill switch closed everything"),
        ({"state": "STOPPED", "reason": "runaway"}, "too many orders, losses or refusals"),
        ({"state": "RECONCILING"}, "exchange"),
        ({"state": "PAUSED", "reason": "exchange_unreachable", "connected": False}, "reached"),
        ({"state": "PAUSED", "reason": "something_new"}, "something new"),
    ],
)
async def test_when_it_does_not_trade_it_says_why_and_until_when(changes: dict[str, Any], words: str) -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        await show(desk, **changes)
        assert words in text_of(user, "reason")
        await user.should_see(text_of(user, "state"))


async def test_it_says_when_no_stream_tells_of_our_orders() -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        await show(desk, mode="live", market="binanceus", user_data="listenKey stream")
        assert "stream" not in text_of(user, "reason")
        await show(desk, mode="live", market="binanceus", user_data="polling every 2 s")
        assert text_of(user, "reason").endswith("no stream of our orders: polling every 2 s")


async def test_the_protection_line_says_what_can_be_lost() -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        assert "no bitcoin" in text_of(user, "protection")
        desk.view.held = [a_position()]
        await show(desk, max_loss_if_server_dies=d("40.2"), protected_pct=d(100))
        said = text_of(user, "protection")
        assert said == "Protected 100 %: if the server dies now you can lose at most $41, plus gaps."


async def test_after_signing_out_elsewhere_no_button_works_any_more() -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        await desk.auth.end_all("admin")
        user.find("Pause").click()
        await user.should_see("signed out")
        assert desk.control.orders == []


async def test_a_page_whose_session_is_over_is_ended() -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        assert user.client is not None
        pages = page.Pages(desk.doors())
        pages.enter(user.client, "a session that is over")
        await pages.sweep()
        assert user.client.id not in Client.instances


async def test_a_page_that_is_gone_is_not_told_any_more() -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        assert user.client is not None
        user.client.delete()
        await show(desk, price=d(1))  # would raise on a deleted page
    assert desk.view.callbacks == []


async def test_hostile_text_is_shown_as_text() -> None:
    desk = Desk()
    desk.view.held = [a_position(reasoning="<img src=x onerror=alert(1)>")]
    async with signed_in(desk) as user:
        user.find("details").trigger("toggle")
        await user.should_see("<img src=x onerror=alert(1)>")
        assert not [each for each in user.find(kind=ui.html).elements if "onerror" in each.content]


async def test_the_last_decision_says_its_arithmetic_once() -> None:
    desk = Desk()
    text = "technical BUY 52 × 30 → 31.2, buys from 60"
    vote = replace(a_decision().vote, text=text)
    desk.view.decision = a_decision(reason=text, vote=vote)
    async with signed_in(desk) as user:
        assert text_of(user, "verdict") == "HOLD: 31.2, buys from 60"
        await user.should_see("Confidence × weight: Technical BUY 52 × 30")
        await user.should_not_see(text)


# ---------------------------------------------------------------- alerts


def a_grave_alert(number: int, event: AlertEvent, text: str) -> Told:
    return Told(id=number, event=event, text=text, at=NOW)


async def test_a_grave_alert_stands_above_everything_until_it_is_seen() -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        await user.should_not_see(marker="grave")
        killed = a_grave_alert(7, AlertEvent.KILL_SWITCH, "down 50.12 % in all, limit 50 %")
        bare = a_grave_alert(6, AlertEvent.STOP_MISSING, "position p1 has had no certain stop for 30 s")
        await show(desk, unseen_alerts=(killed, bare))
        await user.should_see("Kill switch (and 1 more)")
        await user.should_see("down 50.12 % in all, limit 50 %")
        user.find("I have seen it").click()
        await user.should_see("Noted: it is not repeated")
        assert desk.control.orders[-1] == ("acknowledge", "admin", "all")
        await user.should_not_see(marker="grave")


async def test_a_channel_that_fails_is_told_with_its_reason() -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        works = ChannelState(name="email", status="ok")
        await show(desk, channels=(works, ChannelState(name="sms-1", status="revoked", error="Twilio answers 401")))
        await user.should_see("Alerts do not arrive by sms-1: Twilio answers 401")
        await show(desk, channels=(works, ChannelState(name="sms-1", status="ok")))
        await user.should_not_see("Alerts do not arrive")


# ---------------------------------------------------------------- the go-live list


async def test_the_go_live_list_says_why_real_money_is_not_traded() -> None:
    desk, lists = Desk(), [None]
    async with signed_in(desk, going_live=lambda: lists[0]) as user:
        await user.should_not_see(marker="going-live")
        lists[0] = a_checklist()  # type: ignore[call-overload]
        await show(desk, state="STOPPED", reason="live_check", mode="live")
        await user.should_see("Real money is not traded: 1 item of the go-live list fails")
        await user.should_see("✗ second factor")
        await user.should_see("admin has none. Run: main.py user totp")
        await user.should_see("until every item of the go-live list is passed")
        (box,) = user.find(marker="going-live").elements
        assert box.props.get("open") is True
        lists[0] = a_checklist(passed=True)  # type: ignore[call-overload]
        await show(desk, state="TRADING", reason=None)
        await user.should_see("Go-live list passed")
        assert "open" not in box.props


# ---------------------------------------------------------------- unlocking


@pytest.mark.parametrize("reason", ["kill_switch", "runaway", "exchange_refuses"])
async def test_whatever_only_a_person_may_lift_can_be_unlocked_here(reason: str) -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        await user.should_not_see("Unlock …")
        await show(desk, state="STOPPED" if reason != "exchange_refuses" else "PAUSED", reason=reason)
        await user.should_see("Unlock …")


async def test_after_a_kill_switch_a_person_unlocks_with_password_and_phrase() -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        await user.should_not_see("Unlock …")
        await show(desk, state="STOPPED", reason="kill_switch")
        user.find("Unlock …").click()
        await user.should_see("Unlock trading?")
        user.find(marker="unlock-agree").click()
        await user.should_see("Enter your password, and type UNLOCK TRADING exactly.")
        user.find("Your password").type("not it")
        user.find("Type UNLOCK TRADING").type("UNLOCK TRADING")
        user.find(marker="unlock-agree").click()
        await user.should_see("the password is not right")
        assert desk.control.orders == []
        user.find("Your password").type(PASSWORD)
        user.find(marker="unlock-agree").click()
        await user.should_see("Unlocked")
        assert desk.control.orders == [("unlock", "admin", "")]


async def test_while_the_kill_switch_still_sells_it_says_so_and_can_be_kept_from_buying_afterwards() -> None:
    desk = Desk()
    desk.view.held = [a_position()]
    async with signed_in(desk) as user:
        await show(desk, state="STOPPED", reason="kill_switch")
        assert text_of(user, "reason").startswith("the kill switch is selling everything")
        desk.view.held = []
        await show(desk)
        assert text_of(user, "reason").startswith("the kill switch closed everything")
        user.find("Stay paused").click()
        await user.should_see("Paused: nothing is bought")
        assert desk.control.orders == [("pause", "admin", "")]


# ---------------------------------------------------------------- what stands above everything


async def test_pretend_money_is_said_in_capitals() -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        assert text_of(user, "mode") == "PAPER TRADING MODE · pretend money"


async def test_real_money_has_no_such_banner() -> None:
    desk = Desk()
    desk.view.set(mode="live", market="binanceus")
    async with signed_in(desk) as user:
        await user.should_not_see(marker="mode")


async def test_a_reached_daily_limit_says_when_it_goes_on_and_counts_down_in_the_browser() -> None:
    desk = Desk()
    resumes_at = NOW.replace(hour=0) + timedelta(days=1)
    desk.view.set(mode="live", market="binanceus", state="PAUSED", reason="daily_loss", resumes_at=resumes_at)
    async with signed_in(desk) as user:
        assert text_of(user, "daily-limit-words") == "Daily limit reached, resuming at 00:00 UTC"
        (banner,) = user.find(marker="daily-limit").elements
        assert resumes_at.isoformat() in str([child.props for child in banner])
        await show(desk, state="TRADING", reason=None, resumes_at=None)
        await user.should_not_see(marker="daily-limit")


async def test_on_a_pretend_market_the_limit_lasts_for_so_much_of_its_time() -> None:
    desk = Desk()
    resumes_at = NOW.replace(hour=0) + timedelta(days=1)
    desk.view.set(state="PAUSED", reason="daily_loss", resumes_at=resumes_at)
    async with signed_in(desk) as user:
        await user.should_see("(in 12\u00a0h of the market's time)")


async def test_a_lost_exchange_and_a_locked_trader_each_have_a_banner() -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        await show(desk, connected=False)
        await user.should_see("The exchange does not answer; it is tried again every 30 s.")
        await show(desk, connected=True, state="STOPPED", reason="kill_switch")
        await user.should_not_see("The exchange does not answer")
        assert text_of(user, "locked").startswith("Stopped: the kill switch closed everything")


# ---------------------------------------------------------------- what people were told


async def test_the_bell_counts_what_is_new_until_the_list_was_opened() -> None:
    desk = Desk()
    for number in range(25):
        desk.tell("entry_fill", f"number {number}.")
    async with signed_in(desk) as user:
        await user.should_see(marker="bell")
        await until(lambda: bell(user) == "Alerts: 25 new")
        user.find(marker="bell").click()
        await user.should_see("number 24.")
        await user.should_not_see("number 0.")
        user.find(marker="older").click()
        await user.should_see("number 0.")
        await until(lambda: bell(user) == "Alerts: nothing new")
        desk.tell("exit_fill", "sold while it is open")
        await user.should_see("sold while it is open")
        assert desk.looked.seen == {"admin": 26}


async def test_grave_alerts_are_seen_one_by_one_or_all_at_once() -> None:
    desk = Desk()
    for event in ("kill_switch", "stop_missing", "order_stuck"):
        desk.tell(event, f"words of {event}")
    async with signed_in(desk) as user:
        await until(lambda: bell(user) == "Alerts: 3 grave, not seen yet")
        user.find(marker="bell").click()
        await user.should_see(marker="seen-2")
        user.find(marker="seen-2").click()
        await until(lambda: bell(user) == "Alerts: 2 grave, not seen yet")
        await user.should_see("Seen by admin ")
        user.find(marker="seen-all").click()
        await until(lambda: bell(user) == "Alerts: nothing new")
        assert [order for order in desk.control.orders if order[0] == "acknowledge"] == [
            *(("acknowledge", "admin", "2"), ("acknowledge", "admin", "all"))
        ]


async def test_a_store_that_does_not_answer_leaves_the_bell_and_says_so() -> None:
    desk = Desk()
    async with signed_in(desk) as user:
        await user.should_see(marker="bell")
        desk.reader.failing = StoreError("away")
        user.find(marker="bell").click()
        await user.should_see("Alerts could not be read. Try again in a moment.")


def bell(user: User) -> str:
    (element,) = user.find(marker="bell").elements
    return str(element.props["aria-label"])


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.01)
