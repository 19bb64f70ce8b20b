"""What only real money needs."""

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app.core.errors import ConfigError
from app.seam import clock
from wiring.live_check import go_live_list

if TYPE_CHECKING:
    from app.checklist import Checklist
    from app.jobs import Job
    from services.database.account_lock import AccountLock
    from wiring.trader import Trader

FIRST_LOOK_SECONDS = 8
log = logging.getLogger(__name__)


class RealMoney:
    """What only real money needs: one engine per account, and the go-live list with its gate."""

    def __init__(self, trader: "Trader", account: Any) -> None:
        from app.going_live import GoingLive
        from app.sole import SoleExchange

        self._trader, self._account = trader, account
        self._locks: list[AccountLock] = []
        self.exchange = SoleExchange(account, clock=clock, tasks=trader.tasks)
        self.exchange.may_enter = lambda: trader.session.may_enter()  # noqa: PLW0108  # the session is made later
        self.list = GoingLive(self._look, clock)
        self.why_not = ""

    async def begin(self) -> None:
        """Take the account and look at the list, before anything is sent. ExchangeErrors: try again.

        What is held must not wait long for its stops: a list that takes its time is looked at later, shut meanwhile.
        """
        import asyncio

        if not self._locks:
            await self._take((await self._account.rights()).number)
        try:
            async with asyncio.timeout(FIRST_LOOK_SECONDS):
                self.why_not = (await self.list.look()).sentence
        except TimeoutError:
            self.why_not = f"it could not be looked at within {FIRST_LOOK_SECONDS} s; it is looked at again"
        if self.why_not:
            log.warning("the go-live list is not passed: %s", self.why_not)

    async def _take(self, number: str) -> None:
        """By the key, and by the exchange's number of the account where it tells it: an account may have many keys."""
        from services.database.account_lock import AccountLock

        settings, database = self._trader.settings, self._trader.database
        key = settings.binanceus_api_key.reveal() if settings.binanceus_api_key else ""
        played = settings.binanceus_rest_url if settings.pretend_exchange else ""
        for name in (f"live key {key}", *([f"live number {number}"] if number else [])):
            lock = AccountLock(database, name, settings.data_dir, played)
            if not await self._trader.tasks.in_thread(lock.take):
                raise ConfigError("another trader trades this account with real money; stop it first")
            self._locks.append(lock)
        self.exchange.take(*self._locks)

    def watch(self) -> None:
        self._trader.tasks.start(self.exchange.watch(), "hold of the account")
        self.list.watch(self._trader.session)

    def jobs(self) -> "list[Job]":
        from app.going_live import LOOK_EVERY_SECONDS
        from app.jobs import Job

        return [Job(name="go-live list", run=self.list.run, every_seconds=LOOK_EVERY_SECONDS)]

    async def _look(self) -> "Checklist":
        trader = self._trader
        state, loaded = trader.session.engine.state, trader.loaded
        if state.started is not None:  # limits may have been changed since the files were read
            loaded = replace(loaded, rules=replace(loaded.rules, risk=state.rules.risk))
        return await go_live_list(trader.settings, loaded, self._account.client, trader.tasks, trader.database)

    def end(self) -> None:
        for lock in self._locks:
            lock.give()
