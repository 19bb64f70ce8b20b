"""The budget: no call is made that could cost more than what is left of the month, or that is one too many in a day.

A call is written down at what it may cost at most before it is made, and at what it did cost afterwards.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from app.core.errors import StoreError
from app.core.money import plain
from app.model_calls import CallBook, ModelCall, Spent
from app.seam import Clock, Tasks
from services.deepseek.prices import Prices, Tokens

MOST_CALLS = 500  # a day

log = logging.getLogger(__name__)


class UsedUp(Exception):
    """Until when, in words."""


class Purse:
    def __init__(self, book: CallBook, prices: Prices, budget_usd: Decimal, *, clock: Clock, tasks: Tasks) -> None:
        self._book, self._prices, self.budget_usd = book, prices, budget_usd
        self._clock, self._tasks = clock, tasks
        self._spent, self._at = Spent(), clock.now()
        self._refused_at: datetime | None = None

    async def look(self) -> None:
        """What was spent so far. Raises StoreError."""
        now = self._clock.now()
        self._spent = await self._tasks.in_thread(lambda: self._book.spent(month_of(now), day_of(now)))
        self._at = now

    @property
    def spent(self) -> Spent:
        """This month's dollars and this day's calls, as far as is known."""
        now = self._clock.now()
        usd = self._spent.usd if month_of(now) == month_of(self._at) else Decimal(0)
        calls = self._spent.calls if day_of(now) == day_of(self._at) else 0
        return Spent(usd=usd, calls=calls)

    @property
    def used_up(self) -> str:
        """Why nothing may be asked; "" where something may."""
        now, spent = self._clock.now(), self.spent
        if self._refused_at and month_of(now) == month_of(self._refused_at):
            return self._over_budget(now)
        return self._why_not(now, spent, Decimal(0))

    async def take(self, model: str, template: str, most: Tokens) -> "Taken":
        """Room for one call. Raises UsedUp, StoreError."""
        now = self._clock.now()
        call = ModelCall(
            at=now,
            model=model,
            template=template,
            cached_tokens=most.cached,
            input_tokens=most.input,
            output_tokens=most.output,
            cost_usd=self._prices.cost(most),
        )
        await self.look()
        why_not = self._why_not(now, self._spent, call.cost_usd)
        self._refused_at = now if why_not and self._spent.calls < MOST_CALLS else None
        if why_not:
            raise UsedUp(why_not)
        number = await self._tasks.in_thread(lambda: self._book.begin(call))
        self._spent = Spent(usd=self._spent.usd + call.cost_usd, calls=self._spent.calls + 1)
        return Taken(number, call)

    async def settle(self, taken: "Taken", tokens: Tokens, outcome: str) -> Decimal:
        """What it cost. Where the book does not take it, the call stays written down at its most."""
        cost = self._prices.cost(tokens)
        call = replace(
            taken.call,
            cached_tokens=tokens.cached,
            input_tokens=tokens.input,
            output_tokens=tokens.output,
            cost_usd=cost,
            outcome=outcome,
        )
        try:
            await self._tasks.in_thread(lambda: self._book.settle(taken.number, call))
        except StoreError as error:
            log.warning("a call of the language model stays written down at its most: %s", error)
            return taken.call.cost_usd
        self._spent = replace(self._spent, usd=self._spent.usd + cost - taken.call.cost_usd)
        return cost

    def _why_not(self, now: datetime, spent: Spent, cost: Decimal) -> str:
        if spent.calls >= MOST_CALLS:
            return f"{MOST_CALLS} calls were made today, and no more are until 00:00 UTC"
        if spent.usd + cost > self.budget_usd or spent.usd >= self.budget_usd:
            return self._over_budget(now)
        return ""

    def _over_budget(self, now: datetime) -> str:
        until = month_of(month_of(now) + timedelta(days=31))
        return f"the budget of ${plain(self.budget_usd)} a month is used up until {until.day} {until:%B}"


class Taken:
    """A call that is written down and not settled yet."""

    def __init__(self, number: int, call: ModelCall) -> None:
        self.number, self.call = number, call


def month_of(at: datetime) -> datetime:
    """Its beginning, in UTC."""
    return day_of(at).replace(day=1)


def day_of(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
