"""Every event that a page listens for, on every tab, sent by somebody whose sign-in has ended: nothing happens."""

import asyncio
import json
from collections import Counter

import pytest
from nicegui.testing import User

from components.page import TABS
from tests.e2e.test_dashboard_user import pytestmark as pytestmark  # noqa: PLC0414 - the same group and warnings
from tests.e2e.test_dashboard_user import show, signed_in
from tests.fakes_ui import Desk, a_position
from tests.ui_backtests import FakeBacktests, FakeCandles, a_run
from tests.ui_history import fill_history
from tests.ui_settings import with_settings

STATES = (
    {"state": "TRADING", "reason": None},
    {"state": "PAUSED", "reason": "manual"},
    {"state": "STOPPED", "reason": "kill_switch"},
)


async def everything_pressed(user: User) -> Counter[str]:
    """Each listener of each element gets its event, dialogs' own buttons too; twice, for what the first has opened."""
    assert user.client is not None
    pressed: Counter[str] = Counter()
    for _ in range(2):
        for element in list(user.client.elements.values()):
            for id, listener in list(element._event_listeners.items()):
                pressed[listener.type] += 1
                argument = json.dumps("1" if listener.type.startswith("update:") else {})
                user.client.handle_event({"id": element.id, "listener_id": id, "args": [argument]})
            await asyncio.sleep(0)
        for _ in range(20):  # whatever that started
            await asyncio.sleep(0.005)
    return pressed


async def opened_everywhere(user: User, desk: Desk, first: str) -> None:
    """Every tab of the navigation, on the page that the address `first` leads to."""
    await user.open(first)
    for tab in TABS:
        if tab.icon:
            user.find(marker=f"tab-{tab.name}").click()
            await asyncio.sleep(0.02)
    user.find(marker="tab-positions").click()
    await show(desk)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("ended", [True, False], ids=["signed out", "signed in"])
async def test_no_handler_does_anything_for_somebody_who_is_signed_out(ended: bool) -> None:
    """The settings, which no button of the navigation leads to, come first."""
    desk = Desk()
    fill_history(desk, 3)
    desk.view.held = [a_position("p1"), a_position("p2")]
    tests = FakeBacktests(a_run("b1"), a_run("b2", "running"))
    settings = with_settings(desk)
    async with signed_in(desk, backtests=tests, data=FakeCandles(), settings=settings) as user:
        await opened_everywhere(user, desk, "/?tab=settings")
        if ended:
            await desk.auth.end_all("admin")
        pressed: Counter[str] = Counter()
        for state in STATES:
            await show(desk, **state)
            pressed += await everything_pressed(user)
        assert pressed["click"] > 20
        assert bool(desk.control.orders) is not ended, desk.control.orders
        if ended:
            assert settings.orders == []
            assert [(row["id"], row["status"]) for row in tests.rows] == [("b1", "done"), ("b2", "running")]
