"""Dry run: the real account is read, and nothing is ever sent. Every order ends at once as one that found no taker."""

from collections.abc import Callable, Sequence
from datetime import datetime

from app.core.errors import ExchangeRefused
from app.core.messages import AccountSeen, Event, OrderNotFound, PlaceOrder, PriceSeen
from app.core.model import OrderReport, OrderStatus
from app.ports import Exchange

WHY = "dry run: nothing is sent"


class Unsent:
    """Implements app.ports.Exchange over another one, of which only the reading is used."""

    def __init__(self, exchange: Exchange, now: Callable[[], datetime]) -> None:
        self._exchange, self._now = exchange, now

    def listen(self, post: Callable[[Event], None]) -> None:
        self._exchange.listen(post)

    async def place(self, order: PlaceOrder) -> OrderReport:
        return self._ended(order.client_order_id)

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport:
        raise ExchangeRefused(WHY, code="-2011")

    async def replace(self, old_id: str, order: PlaceOrder) -> tuple[OrderReport, OrderReport | None]:
        raise ExchangeRefused(WHY, code="-2011")

    async def find(
        self, symbol: str, client_order_id: str, sent_at: datetime, complete: bool
    ) -> OrderReport | OrderNotFound:
        return self._ended(client_order_id)

    async def account(self, symbol: str, doubtful: Sequence[str]) -> AccountSeen:
        return await self._exchange.account(symbol, ())

    async def ask_price(self, symbol: str) -> PriceSeen:
        return await self._exchange.ask_price(symbol)

    def _ended(self, client_order_id: str) -> OrderReport:
        return OrderReport(
            client_order_id=client_order_id,
            exchange_order_id="",
            status=OrderStatus.EXPIRED,
            at=self._now(),
            reason=WHY,
        )
