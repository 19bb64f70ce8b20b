"""News to the open pages: everybody hears of the last change, and nobody is held up by it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from nicegui import Client

from app.seam import Clock, Tasks
from components.live import Live
from tests.fakes_ui import FakeView


@dataclass
class Page:
    """What Live needs of a page."""

    id: str

    def on_delete(self, ended: Callable[[], None]) -> None:
        self.end = ended

    @property
    def client(self) -> Client:
        return cast("Client", self)


class Following:
    """Pages a, b and c, and in which order they and an order on its way had the loop."""

    def __init__(self) -> None:
        self.turns: list[str] = []
        self.view, self.tasks = FakeView(), Tasks()
        self.pages = {name: Page(name) for name in "abc"}
        self.live = Live(self.view, Clock(), self.tasks)
        for name, page in self.pages.items():
            self.live.follow(page.client, lambda name=name: self.turns.append(name))  # type: ignore[misc]
        self.turns.clear()

    async def trade(self, steps: int) -> None:
        for _ in range(steps):
            self.turns.append("order")
            await asyncio.sleep(0)

    async def settle(self) -> None:
        while self.tasks._running:
            await asyncio.sleep(0.001)


async def test_an_order_has_its_turn_between_two_pages() -> None:
    following = Following()
    following.view.changed()
    await following.trade(6)
    await following.settle()
    turns = "".join("-" if turn == "order" else turn for turn in following.turns)
    assert "-a-" in turns
    assert "-b-" in turns
    assert turns.replace("-", "") == "abc"


async def test_what_changes_meanwhile_is_told_in_one_more_round() -> None:
    following = Following()
    following.view.changed()
    await asyncio.sleep(0)
    following.view.changed()
    following.view.changed()
    await following.settle()
    assert following.turns == [*"abc", *"abc"]


async def test_a_page_that_has_gone_or_fails_keeps_nothing_from_the_others() -> None:
    following = Following()
    following.live.follow(Page("d").client, lambda: following.turns.append("d"))
    following.turns.clear()

    def failing() -> None:
        if following.turns:
            raise RuntimeError("this page is broken")

    following.live.follow(following.pages["b"].client, failing)
    following.view.changed()
    await asyncio.sleep(0)
    following.pages["c"].end()
    await following.settle()
    assert following.turns == ["a", "d"]
