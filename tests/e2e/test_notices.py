"""From a notice it is one tap to what it is about."""

import pytest
from nicegui.testing import User

from app.core.alerts import AlertEvent
from components.notice_links import TRADES, decision_of, tab_of, words_of
from components.page import TABS
from tests.e2e.test_dashboard_user import signed_in, text_of, until
from tests.fakes_ui import Desk, an_alert_row
from tests.ui_history import a_trade_row, fill_history

pytestmark = [
    pytest.mark.xdist_group("nicegui"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:nicegui.*"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
SOLD = "0.00771 BTC at 65728.80 USD, +12.40 USD (+2.51 %), vote"


def shown(user: User) -> str:
    return next(tab.name for tab in TABS if tab.icon and attribute(user, f"tab-{tab.name}") == "true")


def attribute(user: User, mark: str) -> object:
    (element,) = user.find(marker=mark).elements
    return element.props["aria-selected"]


async def test_a_sale_leads_to_the_decision_behind_it_and_a_limit_to_controls() -> None:
    desk = Desk()
    fill_history(desk, 2)
    desk.reader.rows["trades"].append(a_trade_row(3, "12.40", "vote", decision_id="d-buy", exit_decision_id="d-hold"))
    desk.tell("exit_fill", SOLD)
    desk.tell("daily_loss", "15.2 % today")
    async with signed_in(desk) as user:
        user.find(marker="bell").click()
        await user.should_see("Why it was sold")
        user.find(marker="about-1").click()
        await user.should_see("How the vote went")
        assert shown(user) == "history"
        user.find(marker="receipt-close").click()
        user.find(marker="bell").click()
        await user.should_see(marker="about-2")
        assert text_of(user, "about-2") == "Open Controls"
        user.find(marker="about-2").click()
        await until(lambda: shown(user) == "controls")


async def test_a_purchase_is_found_among_what_is_held_and_what_was_sold_since() -> None:
    desk = Desk()
    bought = an_alert_row(1, "entry_fill", "0.00771 BTC at 64120.50 USD (494.37), stop at 60914.47")
    assert await decision_of(desk.reader, bought) == ""
    desk.reader.rows["trades"] = [a_trade_row(1, entry_price="64000", decision_id="another"), a_trade_row(2)]
    assert await decision_of(desk.reader, bought) == "d-buy"
    held = {"symbol": "BTC/USD", "quantity": "0.00771", "entry_price": "64120.5", "decision_id": "d-held"}
    desk.reader.rows["positions"] = [held]
    assert await decision_of(desk.reader, bought) == "d-held"
    assert await decision_of(desk.reader, {**bought, "event": "disk"}) == ""


@pytest.mark.parametrize("event", AlertEvent)
def test_every_notice_leads_somewhere(event: AlertEvent) -> None:
    assert tab_of(event) in {tab.name for tab in TABS}
    assert words_of(event)
    assert set(TRADES) == {AlertEvent.ENTRY_FILL, AlertEvent.EXIT_FILL}
