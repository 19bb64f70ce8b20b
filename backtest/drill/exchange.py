"""The pretend exchange with faults to switch on, and a memory of what it was asked. It outlives the trader."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.core.errors import ExchangeRefused, ExchangeUnreachable
from app.core.messages import AccountSeen, Event, OrderNotFound, PlaceOrder, PriceSeen
from app.core.model import OrderReport, Role
from app.core.money import ZERO
from backtest.paper import PaperExchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request that would change something. `sealed`: whether the kill switch was durable at that moment."""

    what: str  # place, cancel, replace
    role: Role | None
    refused: str
    sealed: bool


class DrillExchange(PaperExchange):
    """`silent`: no call is answered, nothing is reported, and stops go on working. `refuse_stops`: none is taken.
    `hold_answer`: the next order of this role is taken, and the answer never arrives; with `lose` it is lost on its
    way (`taken` tells when)."""

    def __init__(self, *, sealed: Callable[[], bool], best: Callable[[], Decimal], **paper: Any) -> None:
        super().__init__(**paper)
        self._sealed, self._best = sealed, best
        self.silent = self.refuse_stops = False
        self.hold_answer: Role | None = None
        self.lose = False
        self.taken = asyncio.Event()
        self.asked: list[Asked] = []

    # ------------------------------------------------------------ what the drill looks at

    @property
    def bitcoin(self) -> Decimal:
        return self._simulator.book.base_total

    @property
    def dollars(self) -> Decimal:
        return self._simulator.book.quote_total

    def holds_more_than_crumbs(self, positions: int) -> bool:
        """Whether more bitcoin is left than so many sold positions leave, each less than a step."""
        return self.bitcoin >= (self._simulator.instrument.quantity_step or ZERO) * positions

    @property
    def resting(self) -> list[PlaceOrder]:
        """Open orders, by their id."""
        return [each.order for _, each in sorted(self._simulator.book.resting.items())]

    @property
    def stops(self) -> list[PlaceOrder]:
        return [order for order in self.resting if order.role is Role.STOP]

    def accepted(self, role: Role) -> int:
        """How many orders of this role were ever taken."""
        return sum(1 for each in self.asked if each.what == "place" and each.role is role and not each.refused)

    def refusals(self) -> list[str]:
        return [each.refused for each in self.asked if each.refused]

    # ------------------------------------------------------------ the port

    def listen(self, post: Callable[[Event], None]) -> None:
        super().listen(lambda event: None if self.silent else post(event))

    def hang_up(self) -> None:
        """Whoever listened is dead."""
        super().listen(lambda event: None)

    async def place(self, order: PlaceOrder) -> OrderReport:
        self._answering("place", order.role)
        if self.lose and self.hold_answer is order.role:
            await self._never_answer()
        try:
            if self.refuse_stops and order.role is Role.STOP:
                raise ExchangeRefused("Filter failure: PERCENT_PRICE_BY_SIDE", code="-1013")
            report = await super().place(order)
        except ExchangeRefused as refusal:
            self._note("place", order.role, str(refusal))
            raise
        self._note("place", order.role)
        if self.hold_answer is order.role:
            await self._never_answer()
        return report

    async def _never_answer(self) -> None:
        """Until the process that asked is dead."""
        self.hold_answer, self.lose = None, False
        self.taken.set()
        await asyncio.Event().wait()

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport:
        self._answering("cancel")
        self._note("cancel", None)
        return await super().cancel(symbol, client_order_id)

    async def replace(self, old_id: str, order: PlaceOrder) -> tuple[OrderReport, OrderReport | None]:
        self._answering("replace", order.role)
        self._note("replace", order.role)
        return await super().replace(old_id, order)

    async def find(
        self, symbol: str, client_order_id: str, sent_at: datetime, complete: bool
    ) -> OrderReport | OrderNotFound:
        self._answering()
        return await super().find(symbol, client_order_id, sent_at, complete)

    async def account(self, symbol: str, doubtful: Sequence[str]) -> AccountSeen:
        self._answering()
        return await super().account(symbol, doubtful)

    async def ask_price(self, symbol: str) -> PriceSeen:
        """What the price really is, asked for beside the feed."""
        self._answering()
        return PriceSeen(at=self._now(), bid=self._best(), ask=self._best(), source="asked")

    def _answering(self, what: str = "", role: Role | None = None) -> None:
        if self.silent:
            if what:
                self._note(what, role, "no answer")
            raise ExchangeUnreachable("no answer")

    def _note(self, what: str, role: Role | None, refused: str = "") -> None:
        self.asked.append(Asked(what=what, role=role, refused=refused, sealed=self._sealed()))
