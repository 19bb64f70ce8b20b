"""The Controls tab as a person uses it, without a browser: nothing counts before it is saved."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from nicegui import ui
from nicegui.testing import User

from app.channels import ChannelState
from app.core.rules import RiskLimits
from app.faces import Proposal
from tests.builders import d
from tests.e2e.test_dashboard_user import show, signed_in, text_of
from tests.fakes_ui import Desk, a_checklist, a_position
from tests.ui_controls import FakeWhatIf, a_log_row, limits_of, vital_signs, with_controls

pytestmark = [
    pytest.mark.xdist_group("nicegui"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:nicegui.*"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def controls(user: User, *sections: str) -> None:
    user.find(marker="tab-controls").click()
    for name in sections:
        user.find(marker=f"section-{name}").trigger("toggle", True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


def put(user: User, mark: str, value: object) -> None:
    (field,) = user.find(marker=mark).elements
    field.set_value(value)  # type: ignore[attr-defined]


# ---------------------------------------------------------------- stop and go


async def test_pause_resume_and_close_all_stand_first() -> None:
    desk = with_controls(Desk())
    desk.view.held = [a_position("p1"), a_position("p2")]
    async with signed_in(desk) as user:
        controls(user)
        user.find(marker="controls-close-all").click()
        await user.should_see("Close everything?")
        assert desk.control.orders == []
        user.find(marker="agree").click()
        await until(lambda: len(desk.control.orders) == 2)
        assert [order[0] for order in desk.control.orders] == ["close", "close"]
        await show(desk, state="PAUSED", reason="manual")
        assert text_of(user, "controls-state") == "● Paused"


# ---------------------------------------------------------------- strategies


async def test_each_strategy_says_how_it_stands_and_what_is_wrong_with_it() -> None:
    async with signed_in(with_controls(Desk())) as user:
        controls(user)
        assert text_of(user, "state-deepseek_analyzer") == "fails"
        assert text_of(user, "error-deepseek_analyzer") == "the answer did not come within 20 s"
        assert text_of(user, "error-broken").startswith("loads: SyntaxError")
        assert text_of(user, "weight-technical_indicators") == "weight 30 · 30 % of the vote"
        await user.should_see("reads text")
        await user.should_see("Right about the next 24 h")
        await user.should_see("2 of 5 vote, 1 new, 2 fail")


async def test_the_vote_is_seen_before_anything_is_saved() -> None:
    desk = with_controls(Desk())
    async with signed_in(desk) as user:
        controls(user)
        assert text_of(user, "preview-now") == "HOLD: it would wait"
        await user.should_see("While DeepSeek fails, opinions weigh at most 50 % of all")
        user.find(marker="switch-deepseek_analyzer").click()
        assert text_of(user, "preview-then") == "BUY: it would buy"
        assert "Technical indicators BUY 90 × 30" in text_of(user, "preview-text")
        assert text_of(user, "votes-told").startswith("1 change not saved; last vote HOLD 41 → ")
        assert desk.control.orders == []
        put(user, "limit-buy_threshold", "95")
        assert text_of(user, "preview-then") == "HOLD: it would wait"
        user.find(marker="votes-discard").click()
        await user.should_not_see(marker="preview-then")
        await user.should_not_see(marker="votes-told")


async def test_who_is_not_set_up_has_no_share_of_the_vote() -> None:
    desk = with_controls(Desk())
    desk.view.strategy_rows[0].update(configured=False, status="not_configured")
    async with signed_in(desk) as user:
        controls(user)
        assert text_of(user, "weight-deepseek_analyzer") == "weight 50 · outside the vote until it is set up"
        assert text_of(user, "weight-technical_indicators") == "weight 30 · 60 % of the vote"
        assert text_of(user, "weight-news_analyzer") == "weight 20 · 40 % of the vote"


async def test_weights_are_moved_together_and_saved_with_one_code() -> None:
    desk = with_controls(Desk())
    desk.control.code = "123456"
    desk.view.set(two_factor=True)
    async with signed_in(desk) as user:
        controls(user)
        user.find(marker="more-technical_indicators").click()
        user.find(marker="more-news_analyzer").click()
        await user.should_see("weight 35 · 32 % of the vote")
        user.find(marker="votes-save").click()
        await user.should_see(
            "technical_indicators weight 35; news_analyzer weight 25. It counts from the next vote on."
        )
        user.find(marker="agree").click()
        await user.should_see("Enter the six digits.")
        assert desk.control.orders == []
        put(user, "question-code", "123456")
        user.find(marker="agree").click()
        await user.should_see("Saved: it counts from the next vote on")
        told = [order[2] for order in desk.control.orders]
        assert told == ["technical_indicators None 35 None", "news_analyzer None 25 None"]
        await user.should_not_see(marker="votes-told")


async def test_a_new_file_is_enabled_in_exactly_the_version_that_was_shown() -> None:
    desk = with_controls(Desk())
    async with signed_in(desk) as user:
        controls(user)
        await user.should_see("A file that you have not enabled yet passed its proof")
        await user.should_not_see(marker="switch-mine")
        user.find(marker="enable-mine").click()
        await user.should_see(f"SHA-256 {'ab' * 32}. It is code that runs on your server")
        user.find(marker="agree").click()
        await until(lambda: desk.control.orders)
        assert desk.control.orders == [("change_strategy", "admin", f"mine True None {'ab' * 32}")]


async def test_what_is_refused_stays_in_the_dialog_and_in_the_fields() -> None:
    desk = with_controls(Desk())
    desk.control.refusal = "news_analyzer is being proved; try again in a moment"
    async with signed_in(desk) as user:
        controls(user)
        user.find(marker="switch-news_analyzer").click()
        user.find(marker="votes-save").click()
        user.find(marker="agree").click()
        await user.should_see("Not done: news_analyzer is being proved")
        assert text_of(user, "votes-told").startswith("1 change not saved")


async def test_a_harder_threshold_asks_for_no_code() -> None:
    desk = with_controls(Desk())
    desk.view.set(two_factor=True)
    async with signed_in(desk) as user:
        controls(user)
        put(user, "limit-buy_threshold", "80")
        user.find(marker="votes-save").click()
        await user.should_see("Buys from a score of 80")
        await user.should_not_see(marker="question-code")
        user.find(marker="agree").click()
        await until(lambda: desk.control.orders)
        assert desk.control.orders[0][0] == "change_thresholds"


# ---------------------------------------------------------------- risk


async def test_a_limit_says_what_it_means_and_when_its_change_counts() -> None:
    desk = with_controls(Desk())
    desk.view.set(two_factor=True)
    async with signed_in(desk) as user:
        controls(user, "limits")
        await user.should_see("of equity, for each entry. 0.5 to 10; usual 5\u00a0%")
        assert text_of(user, "limits-used").startswith("Now: 9.6 % of equity in 2 positions, 3 purchases today")
        await user.should_not_see(marker="limits-told")
        put(user, "limit-max_open_positions", "3")
        put(user, "limit-position_size_pct", "8")
        await user.should_see("now 4 → 3 · safer: at once")
        await user.should_see("now 5\u00a0% → 8\u00a0% · waits for 00:00 UTC")
        assert text_of(user, "limits-told") == "Not saved: 1 at once, 1 from 00:00 UTC on"
        put(user, "limit-position_size_pct", "80")
        await user.should_see("A number from 0.5 to 10, please")
        await user.should_not_see(marker="limits-save")
        put(user, "limit-position_size_pct", "8")
        user.find(marker="limits-save").click()
        await user.should_see("Change the limits?")
        await user.should_see(marker="question-code")
        put(user, "question-code", "123456")
        user.find(marker="agree").click()
        wish = "{'max_open_positions': 3, 'position_size_pct': Decimal('8')}"
        await until(lambda: desk.control.orders)
        assert desk.control.orders == [("change_limits", "admin", wish)]


async def test_tighter_asks_for_no_code_and_warns_where_it_acts_this_moment() -> None:
    desk = with_controls(Desk())
    desk.view.set(two_factor=True)
    desk.view.limits_now = limits_of(None, total_loss_pct=d("12.5"))
    async with signed_in(desk) as user:
        controls(user, "limits")
        put(user, "limit-kill_switch_loss_pct", "12")
        user.find(marker="limits-save").click()
        await user.should_see("You are down 12.5\u00a0% already: this closes everything at once and stops trading.")
        await user.should_not_see(marker="question-code")


async def test_what_waits_is_shown_and_taken_back() -> None:
    desk = with_controls(Desk())
    async with signed_in(desk) as user:
        controls(user, "limits")
        await user.should_see("Position size: 8\u00a0% from")
        user.find(marker="take-back-position_size_pct").click()
        await until(lambda: desk.control.orders)
        assert desk.control.orders == [("take_back", "admin", "w1")]
        desk.view.limits_now = limits_of(replace(RiskLimits(), position_size_pct=d(3)))
        await show(desk)
        await user.should_not_see("Position size: 8\u00a0% from")
        (field,) = user.find(marker="limit-position_size_pct").elements
        assert isinstance(field, ui.input)
        assert field.value == "3"


async def test_what_was_typed_stays_when_another_limit_comes_into_force() -> None:
    desk = with_controls(Desk())
    async with signed_in(desk) as user:
        controls(user, "limits")
        put(user, "limit-max_open_positions", "2")
        put(user, "limit-buy_threshold", "80")
        user.find(marker="switch-news_analyzer").click()
        desk.view.limits_now = limits_of(replace(RiskLimits(), position_size_pct=d(8)))
        desk.view.strategy_rows = [row for row in desk.view.strategy_rows if row["name"] != "broken"]
        await show(desk)
        assert text_of(user, "limits-told") == "Not saved: 1 at once"
        assert text_of(user, "votes-told").startswith("2 changes not saved")
        values = [
            str(field.value)  # type: ignore[attr-defined]
            for mark in ("limit-position_size_pct", "limit-max_open_positions", "limit-buy_threshold")
            for field in user.find(marker=mark).elements
        ]
        assert values == ["8", "2", "80"]
        user.find(marker="limits-discard").click()
        await user.should_not_see(marker="limits-told")


async def test_before_saving_the_last_30_days_are_seen_with_and_without() -> None:
    desk, what_if = with_controls(Desk()), FakeWhatIf()
    async with signed_in(desk, what_if=what_if) as user:
        controls(user, "limits")
        put(user, "limit-position_size_pct", "3")
        user.find(marker="limits-what-if").click()
        await user.should_see("Both are being traded again, beside the trader … 40 %")
        assert what_if.found.proposal == Proposal(place="limits", limits={"position_size_pct": d(3)})
        what_if.finish()
        await show(desk)
        assert text_of(user, "now-Return") == "▼ −1.24 %"
        assert text_of(user, "limits-brief") == "Last days: ▼ −1.24 % now, ▲ +0.61 % with your changes"
        assert text_of(user, "new-Return") == "▲ +0.61 %"
        assert text_of(user, "now-Deepest fall") == "−3.10 %"
        assert text_of(user, "new-Trades") == "9"
        assert text_of(user, "new-Worst day") == "−0.60 %"
        put(user, "limit-position_size_pct", "4")
        await user.should_see("This was for other values than those above: run it again.")
        assert desk.control.orders == []
        what_if.refusal = "too little history: the strategies are shown 83 days before their first trade"
        user.find(marker="limits-what-if").click()
        await user.should_see("too little history")


async def test_a_comparison_of_weights_can_be_cancelled() -> None:
    desk, what_if = with_controls(Desk()), FakeWhatIf()
    async with signed_in(desk, what_if=what_if) as user:
        controls(user)
        user.find(marker="switch-news_analyzer").click()
        user.find(marker="votes-what-if").click()
        await user.should_see("Both are being traded again")
        user.find(marker="what-if-cancel-votes").click()
        await user.should_not_see("Both are being traded again")


# ---------------------------------------------------------------- logs, health, administration


async def test_logs_are_filtered_by_level_and_come_by_themselves() -> None:
    desk = with_controls(Desk())
    async with signed_in(desk) as user:
        controls(user, "logs")
        await user.should_see("the exchange answered late")
        assert desk.reader.asked[-1] == ("logs", 100, 0, {"level": "INFO"})
        user.find(marker="choose-ERROR").click()
        await until(lambda: desk.reader.asked[-1] == ("logs", 100, 0, {"level": "ERROR"}))
        desk.reader.rows["logs"].insert(0, a_log_row("9", "ERROR", "something new broke"))
        desk.clock.forward(seconds=4)
        await show(desk)
        await user.should_see("something new broke")


async def test_health_says_what_does_not_work_first_and_when_each_job_ran() -> None:
    desk = with_controls(Desk())
    async with signed_in(desk, vital_signs=vital_signs) as user:
        controls(user, "health")
        await user.should_see("does not answer: disk full")
        await user.should_see("Version 0.1.0, 212 MB of memory, up for 2\u00a0h\u00a05\u00a0min")
        await user.should_see("StoreError: disk full")
        names = [str(each.props.get("aria-label")) for each in user.find(content="✗").elements]
        assert names == ["does not work"]


async def test_a_locked_trader_shows_its_incident_report_beside_unlocking() -> None:
    desk = with_controls(Desk())

    async def incident() -> tuple[str, str]:
        return "2026-03-10T11-58-00Z-kill-switch.md", "# Kill switch\n\ndown 50.12 % in all"

    async with signed_in(desk, incident=incident, going_live=a_checklist) as user:
        await show(desk, state="STOPPED", reason="kill_switch")
        controls(user, "admin")
        await user.should_see("Trading is locked. Read what happened, then unlock it.")
        await user.should_see("Incident report 2026-03-10T11-58-00Z-kill-switch")
        assert "down 50.12 % in all" in text_of(user, "incident")
        await user.should_see("admin has none")


async def test_a_channel_is_tried_by_a_test_message() -> None:
    desk = with_controls(Desk())
    desk.view.set(channels=(ChannelState(name="email", status="ok"), ChannelState(name="sms-1")))
    async with signed_in(desk) as user:
        controls(user, "admin")
        await user.should_see("not tried yet")
        user.find(marker="test-email").click()
        await until(lambda: desk.control.orders)
        assert desk.control.orders == [("test_channel", "admin", "email")]
        await show(desk, channels=())
        await user.should_see("No channel is set up, so nobody is told of trouble while this page is closed.")
