"""Asks the strategies, off the trading path, and posts what they say. Never decides, never waits inside the loop.

While trading is not open nobody is asked and no vote is held; the window of candles goes on. Who waits for an answer
from outside is waited for before something is bought, and never before something is sold.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from app.asking import Asking
from app.core.decisions import Shown
from app.core.errors import ExchangeError
from app.core.messages import AnyCommand, CandleClosed, ChangeVoting, Event, SignalGiven, VoteCalled
from app.core.model import OrderBook, Signal
from app.core.rules import StrategyRule
from app.cycle import Cycle, Due
from app.seam import Tasks

log = logging.getLogger(__name__)


class Floor(Protocol):
    """What the coordinator needs of the session."""

    def now(self) -> datetime: ...

    def post(self, event: Event) -> None: ...

    def may_enter(self) -> bool: ...

    def busy(self, count: int) -> None: ...


BookReader = Callable[[], Awaitable[OrderBook | None]]
BOOK_SECONDS = 3.0


async def no_book() -> None:
    """The market has none."""


class Coordinator:
    def __init__(
        self, floor: Floor, cycle: Cycle, asking: Asking, tasks: Tasks, order_book: BookReader = no_book
    ) -> None:
        self._floor, self._cycle, self.asking, self._tasks = floor, cycle, asking, tasks
        self._order_book = order_book
        self._round = False  # those who answer at once are being asked
        self._awaited: set[str] = set()  # those who wait for an answer from outside
        self.latest_book: OrderBook | None = None

    def hear(self, message: Event | AnyCommand) -> None:
        """An observer of the session: a closed candle may make a cycle due."""
        if isinstance(message, ChangeVoting):
            self._cycle.change(message.rules.voting)
        if not isinstance(message, CandleClosed):
            return
        self._cycle.remember(message.candle)
        if message.late:
            return
        due = self._cycle.due(message.at)
        if due is None or self._round or not self._floor.may_enter():
            return
        self._round = True
        self._floor.busy(1)
        self._tasks.start(self._hold_round(due, message.at), "asking strategies")

    async def _hold_round(self, due: Due, at: datetime) -> None:
        """Those who answer at once are asked together; the others begin, and go on by themselves."""
        try:
            book = await self._book()
            asked = [rule for rule in due.ask if self._cycle.stands(rule)]  # a person may have changed it meanwhile
            quick = [rule for rule in asked if not self._cycle.faces[rule.name].asks]
            for rule in asked:
                if rule not in quick and rule.name not in self._awaited:
                    self._begin(rule, due.shown, at, book)
            signals = await asyncio.gather(*(self.asking.ask(rule, at, book) for rule in quick))
            for rule, signal in zip(quick, signals, strict=True):
                self._give(rule, signal)
            self._call(due.shown, book)
        finally:
            self._round = False
            self._floor.busy(-1)

    def _begin(self, rule: StrategyRule, shown: Shown, at: datetime, book: OrderBook | None) -> None:
        self._awaited.add(rule.name)
        self._floor.busy(1)
        self._tasks.start(self._await(rule, shown, at, book), f"asking {rule.name}")

    async def _await(self, rule: StrategyRule, shown: Shown, at: datetime, book: OrderBook | None) -> None:
        """A vote of its own when the answer is there, with a book that is fresh then."""
        try:
            self._give(rule, await self._answered(rule, at, book))
            if not self._round:
                self._call(shown, await self._book())
        finally:
            self._floor.busy(-1)

    async def _answered(self, rule: StrategyRule, at: datetime, book: OrderBook | None) -> Signal:
        try:
            return await self.asking.ask(rule, at, book)
        finally:
            self._awaited.discard(rule.name)

    def _give(self, rule: StrategyRule, signal: Signal) -> None:
        """Unless it was switched off or replaced while it thought."""
        if self._cycle.stands(rule):
            self._floor.post(SignalGiven(at=signal.given_at, signal=signal))

    def _call(self, shown: Shown, book: OrderBook | None) -> None:
        preliminary = bool(self._awaited)
        self._floor.post(VoteCalled(at=self._floor.now(), shown=shown, book=book, preliminary=preliminary))

    async def _book(self) -> OrderBook | None:
        """A book that cannot be had in time is no reason to wait: nothing is shown in its place."""
        try:
            async with asyncio.timeout(BOOK_SECONDS):
                self.latest_book = await self._order_book()
        except (ExchangeError, TimeoutError) as error:
            log.info("no order book in this cycle: %s", error or "no answer in time")
            self.latest_book = None
        return self.latest_book
