"""The settings page as a person uses it, without a browser: found, understood, changed with care."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from nicegui.testing import User
from nicegui.testing.user_interaction import UserInteraction

from components.parts import Text
from tests.e2e.test_controls_tab import put, until
from tests.e2e.test_dashboard_user import signed_in, text_of
from tests.fakes_ui import Desk
from tests.ui_settings import FakeSettings, with_settings

pytestmark = [
    pytest.mark.xdist_group("nicegui"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:nicegui.*"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
VALUE = "cAnArY-4f1d9e7b2c"


@asynccontextmanager
async def at_the_settings(*folds: str, code: str = "") -> AsyncIterator[tuple[User, FakeSettings, Desk]]:
    desk = Desk()
    settings = with_settings(desk)
    settings.code = code
    desk.view.set(two_factor=bool(code))
    async with signed_in(desk, settings=settings) as user:
        await user.open("/?tab=settings")
        await user.should_see(marker="settings-secrets")
        for name in folds:
            user.find(marker=f"settings-{name}").trigger("toggle", True)
        yield user, settings, desk


def entry(user: User, name: str, text: str) -> UserInteraction[Text]:
    """An entry of a list, to be tapped."""
    found = {each for each in user.find(Text, marker=f"entry-{name}").elements if each.text == text}
    return UserInteraction(user, found, None)


def everything(user: User) -> str:
    """All that the server keeps of the page."""
    assert user.client is not None
    return "".join(f"{element.props} {vars(element)}" for element in user.client.elements.values())


async def test_a_key_says_what_it_is_what_it_takes_and_when_it_counts() -> None:
    async with at_the_settings("vote", "limits", "simulation") as (user, _, _):
        await user.should_see("how often a vote is held; 5 to 3600; usual 60")
        await user.should_see("saved; it runs with 60 until the next start")
        await user.should_see("1 from the next start on")
        await user.should_see("of equity, for each entry; 0.5 to 10; changed in Controls, while it trades")
        await user.should_not_see(marker="setting-position_size_pct")
        await user.should_see("changed in a backtest's own settings only")


async def test_a_search_finds_keys_wherever_they_are_and_opens_their_cards() -> None:
    async with at_the_settings() as (user, _, _):
        put(user, "settings-search", "kill switch")
        await user.should_see("the total loss reached its limit")
        put(user, "settings-search", "quiet")
        await user.should_see(marker="setting-alerts.quiet_hours.start")
        await user.should_not_see(marker="settings-environment")
        put(user, "settings-search", "no such thing")
        await user.should_see("Nothing is called so. Try another word.")
        put(user, "settings-search", "")
        await user.should_see(marker="settings-environment")


async def test_changes_are_seen_before_they_are_saved_and_saved_with_one_code() -> None:
    async with at_the_settings("vote", "news", code="123456") as (user, settings, _):
        await user.should_not_see(marker="settings-told")
        put(user, "setting-cycle_seconds", "4")
        await user.should_see("A whole number from 5 to 3600, please")
        await user.should_not_see(marker="settings-save")
        put(user, "setting-cycle_seconds", "120")
        put(user, "entry-of-news.keywords.high", "black swan")
        user.find(marker="add-to-news.keywords.high").click()
        await user.should_see("black swan", marker="entry-news.keywords.high")
        entry(user, "news.keywords.high", "hack").click()
        assert text_of(user, "settings-told") == "Not saved: 2 changes"
        user.find(marker="settings-save").click()
        await user.should_see("Seconds between votes: 90 → 120; Grave words:")
        await user.should_see("+ black swan, − hack. It counts after the next start.")
        user.find(marker="agree").click()
        await user.should_see("Enter the six digits.")
        assert settings.orders == []
        put(user, "question-code", "123456")
        user.find(marker="agree").click()
        await until(lambda: len(settings.orders) == 2)
        assert settings.orders[0] == ("admin", "cycle_seconds", "90 → 120")
        await user.should_see("Saved: it counts after the next start")
        await user.should_not_see(marker="settings-told")


async def test_what_the_reader_of_the_files_refuses_is_said_and_stays_typed() -> None:
    async with at_the_settings("alerts") as (user, settings, _):
        settings.refusal = "alerts.timezone is 'Mars'; it must be a time zone such as UTC"
        put(user, "setting-alerts.timezone", "Mars")
        user.find(marker="settings-save").click()
        await user.should_see("Not saved: alerts.timezone is 'Mars'; it must be a time zone")
        await user.should_not_see("Save these settings?")
        assert text_of(user, "settings-told") == "Not saved: 1 change"
        user.find(marker="settings-discard").click()
        await user.should_not_see(marker="settings-told")
        assert settings.orders == []


async def test_lists_and_tables_take_new_names_and_let_old_ones_go() -> None:
    async with at_the_settings("news", "model", "strategies") as (user, settings, _):
        put(user, "entry-of-news.keywords.high", "x")
        user.find(marker="add-to-news.keywords.high").click()
        await user.should_see("news.keywords.high: the entry 'x' cannot be: it must be a word of 2 to 60 characters")
        put(user, "entry-of-news.keywords.high", "sec, again")
        user.find(marker="add-to-news.keywords.high").click()
        await user.should_see("sec, again", marker="entry-news.keywords.high")
        put(user, "entry-of-news.feeds", "https://news.example/rss?only=bitcoin,sec")
        user.find(marker="add-to-news.feeds").click()
        await user.should_see("https://news.example/rss?only=bitcoin,sec", marker="entry-news.feeds")
        entry(user, "news.keywords.high", "hack").click()

        put(user, "new-name-deepseek.prices", "my model")
        for column, price in (("cached_usd", "0.1"), ("input_usd", "0,2"), ("output_usd", "2000")):
            put(user, f"new-value-deepseek.prices.*.{column}", price)
        user.find(marker="new-add-deepseek.prices").click()
        await user.should_see("my model, Text out: A number from 0 to 1000, please")
        put(user, "new-value-deepseek.prices.*.output_usd", "0.3")
        user.find(marker="new-add-deepseek.prices").click()
        await user.should_see("deepseek.prices: the name 'my model' cannot be: it must be a model's name")
        put(user, "new-name-deepseek.prices", "my-model:8b")
        user.find(marker="new-add-deepseek.prices").click()
        await user.should_see(marker="setting-deepseek.prices.my-model:8b.input_usd")
        user.find(marker="remove-deepseek.prices.deepseek-v4-pro.cached_usd").click()

        put(user, "new-name-strategies.news_analyzer.settings", "words")
        put(user, "new-value-strategies.news_analyzer.settings.*", '["a, b", 2]')
        user.find(marker="new-add-strategies.news_analyzer.settings").click()
        await user.should_see(marker="entry-of-strategies.news_analyzer.settings.words")

        assert text_of(user, "settings-told") == "Not saved: 9 changes"
        assert settings.orders == []
        user.find(marker="settings-save").click()
        await user.should_see("+ sec, again, − hack; ")
        await user.should_see("deepseek-v4-pro: Text out: $3.96 → removed")
        user.find(marker="agree").click()
        await user.should_see("Saved: it counts after the next start")
        rows = {name: row.value for name, row in settings.rows.items()}
        assert rows["news.keywords.high"].endswith("\nsec, again")
        assert rows["news.feeds"].endswith("\nhttps://news.example/rss?only=bitcoin,sec")
        assert rows["deepseek.prices.my-model:8b.input_usd"] == "0.2"
        assert rows["deepseek.prices.deepseek-v4-pro.input_usd"] == ""
        assert rows["strategies.news_analyzer.settings.words"] == '["a, b", 2]'


async def test_what_was_taken_out_is_kept_after_all() -> None:
    async with at_the_settings("news", "strategies") as (user, _, _):
        out = "remove-strategies.technical_indicators.settings.rsi_period"
        user.find(marker=out).click()
        entry(user, "news.feeds", "https://cointelegraph.com/rss").click()
        await user.should_see("removed after the next start")
        assert text_of(user, "settings-told") == "Not saved: 2 changes"
        user.find(marker=out).click()
        entry(user, "news.feeds", "https://cointelegraph.com/rss").click()
        await user.should_not_see(marker="settings-told")


async def test_the_matrix_says_how_each_event_arrives_and_a_tap_changes_it() -> None:
    async with at_the_settings("alerts") as (user, settings, _):
        level, event = "cell-alerts.levels.warning.email", "cell-alerts.events.disk.email"
        assert (text_of(user, level), text_of(user, event)) == ("on", "on")
        user.find(marker=level).click()
        assert (text_of(user, level), text_of(user, event)) == ("silent", "silent")
        user.find(marker=event).click()
        user.find(marker="cell-alerts.levels.warning.sms").click()
        assert text_of(user, "cell-alerts.levels.warning.sms") == "on"
        (cell,) = user.find(marker=event).elements
        assert cell.props["aria-label"].endswith("by Email: on")
        user.find(marker="settings-save").click()
        await user.should_see("Warnings by Email on → silent; ")
        await user.should_see("by Email as its level → on; Warnings by Text off → on.")
        user.find(marker="agree").click()
        await until(lambda: len(settings.orders) == 3)
        assert ("admin", "alerts.events.disk.email", " → on") in settings.orders


async def test_alerts_on_this_device_stand_beside_the_matrix_and_quiet_hours_below_it() -> None:
    desk = Desk()
    async with signed_in(desk, settings=with_settings(desk), push=desk.a_push("push.example")) as user:
        await user.open("/?tab=settings")
        await user.should_see(marker="settings-alerts")
        user.find(marker="settings-alerts").trigger("toggle", True)
        await user.should_see("Alerts on this device")
        await user.should_see("Get alerts on this device")
        await user.should_see(marker="cell-alerts.levels.warning.push")
        await user.should_see(marker="setting-alerts.quiet_hours.start")


async def test_each_channel_takes_a_test_message() -> None:
    async with at_the_settings("alerts") as (user, _, desk):
        await user.should_see("does not work: Twilio answers 401")
        user.find(marker="test-email").click()
        await until(lambda: desk.control.orders)
        assert desk.control.orders == [("test_channel", "admin", "email")]


async def test_a_secret_goes_in_and_is_nowhere_on_the_page_afterwards() -> None:
    async with at_the_settings("secrets", code="123456") as (user, settings, _):
        assert text_of(user, "state-SMTP_URL") == "✓ set: .env line 4"
        assert text_of(user, "state-NEWSAPI_API_KEY") == "not set"
        user.find(marker="set-NEWSAPI_API_KEY").click()
        await user.should_see("Set NEWSAPI_API_KEY")
        put(user, "secret-value", VALUE)
        user.find(marker="secret-save").click()
        await user.should_see("Enter the six digits.")
        put(user, "secret-code", "000000")
        user.find(marker="secret-save").click()
        await user.should_see("That code is not right")
        put(user, "secret-code", "123456")
        user.find(marker="secret-save").click()
        await until(lambda: settings.orders)
        assert settings.orders == [("admin", "NEWSAPI_API_KEY", "set to 17 characters")]
        await user.should_see("NEWSAPI_API_KEY is sealed. It counts after the next start.")
        await user.should_see("✓ set: sealed store")
        assert VALUE not in everything(user)


async def test_a_secret_that_was_typed_and_not_saved_goes_with_its_dialog() -> None:
    async with at_the_settings("secrets") as (user, settings, _):
        user.find(marker="set-SMTP_URL").click()
        await user.should_see("Replace SMTP_URL")
        put(user, "secret-value", VALUE)
        assert VALUE in everything(user)
        user.find("Leave it").click()
        await until(lambda: VALUE not in everything(user))
        assert settings.orders == []


async def test_only_what_is_in_the_store_can_be_removed() -> None:
    async with at_the_settings("secrets") as (user, settings, _):
        await user.should_not_see(marker="remove-SMTP_URL")
        user.find(marker="remove-DEEPSEEK_API_KEY").click()
        await user.should_see("Remove DEEPSEEK_API_KEY?")
        user.find(marker="agree").click()
        await until(lambda: settings.orders)
        assert settings.orders == [("admin", "DEEPSEEK_API_KEY", "removed")]
        await user.should_not_see(marker="remove-DEEPSEEK_API_KEY")


async def test_the_environment_is_shown_with_where_it_comes_from() -> None:
    async with at_the_settings("environment") as (user, _, _):
        await user.should_see("Port the dashboard listens on")
        await user.should_see(".env line 1")
        await user.should_not_see("setting-TRADER_PORT")


async def test_it_is_reached_from_the_menu_and_from_controls() -> None:
    async with at_the_settings() as (user, _, _):
        user.find(marker="tab-controls").click()
        user.find(marker="section-admin").trigger("toggle", True)
        user.find(marker="admin-settings").click()
        await user.should_see("Risk limits, weights and thresholds are changed in Controls")
        links = [element for element in user.find("Settings").elements if element.props.get("href") == "/?tab=settings"]
        assert len(links) == 1
