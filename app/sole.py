"""One engine per account: in front of the exchange, asked before anything is sent. Reading is always allowed.

Where another engine has taken the account over nothing leaves any more, and the process ends: the next start asks the
exchange what is true.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from app.core.errors import ExchangeBusy, InvariantError, StoreError
from app.core.messages import AccountSeen, Event, OrderNotFound, PlaceOrder, PriceSeen
from app.core.model import OrderReport, Role
from app.ports import Exchange
from app.seam import Clock, Tasks

SURE_SECONDS = 2.0  # how long ago the hold may have been looked at when an order leaves
CHECK_SECONDS = 1.0
AGAIN_SECONDS = 5.0


class Hold(Protocol):
    """The account held for this process."""

    def held(self) -> bool:
        """False where somebody else has it, or had it meanwhile. StoreError where that cannot be found out now.
        Blocking."""


class TakenOver(InvariantError):
    """Another engine trades this account."""


class SoleExchange:
    """Implements app.ports.Exchange over another one. Nothing is sent before `take`."""

    def __init__(self, exchange: Exchange, *, clock: Clock, tasks: Tasks) -> None:
        self._exchange, self._clock, self._tasks = exchange, clock, tasks
        self._holds: tuple[Hold, ...] = ()
        self._sure_at = float("-inf")
        self._one_at_a_time = asyncio.Lock()
        self.may_enter: Callable[[], bool] = lambda: True  # asked once more after whatever had to be waited for

    def take(self, *holds: Hold) -> None:
        """An account can be known by more than one name; each is held."""
        self._holds = holds

    async def check(self) -> None:
        """Look at the hold. TakenOver where it is gone; StoreError where that cannot be told."""
        if not self._holds:
            raise TakenOver("this account was never taken; nothing was sent")
        began = self._clock.monotonic()
        if not await self._tasks.in_thread(lambda: all(hold.held() for hold in self._holds)):
            raise TakenOver("another trader has taken over this account; nothing more is sent")
        self._sure_at = began

    async def watch(self) -> None:
        """For ever: so that an order seldom has to wait for a look. Ends with TakenOver."""
        while True:
            with suppress(ExchangeBusy):  # the database is away, and what wants to be sent is told so
                await self._sure(CHECK_SECONDS)
            await self._clock.sleep(CHECK_SECONDS)

    async def _sure(self, seconds: float = SURE_SECONDS) -> None:
        """Nothing leaves on older knowledge than this."""
        if self._looked_within(seconds):
            return
        async with self._one_at_a_time:
            if self._looked_within(seconds):
                return
            try:
                await self.check()
            except StoreError as error:
                text = f"whether this account is still ours cannot be told ({error}); nothing was sent"
                raise ExchangeBusy(text, AGAIN_SECONDS) from None

    def _looked_within(self, seconds: float) -> bool:
        return self._clock.monotonic() - self._sure_at < seconds

    # ------------------------------------------------------------ the port

    def listen(self, post: Callable[[Event], None]) -> None:
        self._exchange.listen(post)

    async def place(self, order: PlaceOrder) -> OrderReport:
        await self._sure()
        if order.role is Role.ENTRY and not self.may_enter():
            raise ExchangeBusy("entries were shut meanwhile; nothing was sent", AGAIN_SECONDS)
        return await self._exchange.place(order)

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport:
        await self._sure()
        return await self._exchange.cancel(symbol, client_order_id)

    async def replace(self, old_id: str, order: PlaceOrder) -> tuple[OrderReport, OrderReport | None]:
        await self._sure()
        return await self._exchange.replace(old_id, order)

    async def find(
        self, symbol: str, client_order_id: str, sent_at: datetime, complete: bool
    ) -> OrderReport | OrderNotFound:
        return await self._exchange.find(symbol, client_order_id, sent_at, complete)

    async def account(self, symbol: str, doubtful: Sequence[str]) -> AccountSeen:
        return await self._exchange.account(symbol, doubtful)

    async def ask_price(self, symbol: str) -> PriceSeen:
        return await self._exchange.ask_price(symbol)
