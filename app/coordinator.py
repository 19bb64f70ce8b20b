"""Asks the strategies, off the trading path, and posts what they say. Never decides, never waits inside the loop.

While trading is not open nobody is asked and no vote is held; the window of candles goes on.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol

from app.core.errors import ExchangeError, StrategyError
from app.core.messages import AnyCommand, CandleClosed, ChangeVoting, Event, SignalGiven, VoteCalled
from app.core.model import NewsEvent, OrderBook, Signal
from app.core.rules import StrategyRule
from app.cycle import Cycle, Due
from app.ports import Strategies
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
        self, floor: Floor, cycle: Cycle, strategies: Strategies, tasks: Tasks, order_book: BookReader = no_book
    ) -> None:
        self._floor, self._cycle, self._strategies, self._tasks = floor, cycle, strategies, tasks
        self._order_book = order_book
        self._asking = False

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
        if due is None or self._asking or not self._floor.may_enter():
            return
        self._asking = True
        self._floor.busy(1)
        self._tasks.start(self._ask_all(due, message.at), "asking strategies")

    async def _ask_all(self, due: Due, at: datetime) -> None:
        """Everybody due is asked at once; their signals and the vote are posted together when all have answered."""
        try:
            book = await self._book()
            signals = await asyncio.gather(*(self._ask(rule, at, book, ()) for rule in due.ask))
            for signal in [given for rule, given in zip(due.ask, signals, strict=True) if self._cycle.stands(rule)]:
                self._floor.post(SignalGiven(at=signal.given_at, signal=signal))
            self._floor.post(VoteCalled(at=self._floor.now(), shown=due.shown, book=book))
        finally:
            self._asking = False
            self._floor.busy(-1)

    async def _book(self) -> OrderBook | None:
        """A book that cannot be had in time is no reason to wait: nothing is shown in its place."""
        try:
            async with asyncio.timeout(BOOK_SECONDS):
                return await self._order_book()
        except (ExchangeError, TimeoutError) as error:
            log.info("no order book in this cycle: %s", error or "no answer in time")
            return None

    async def _ask(self, rule: StrategyRule, at: datetime, book: OrderBook | None, news: Sequence[NewsEvent]) -> Signal:
        data = self._cycle.market_data(rule, at, book)
        try:
            answer, error = await self._strategies.ask(rule, data, news), ""
        except StrategyError as failure:
            log.warning("strategy %s: %s", rule.name, failure)
            answer, error = None, str(failure)
        return self._cycle.signal(rule, at, self._floor.now(), answer, error)
