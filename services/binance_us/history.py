"""What the exchange can be asked about orders and trades, page by page. Rows as they come, each page looked at.

Reads only. Raises ExchangeErrors; a list that is no list is a doubt, never "nothing there".
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from app.core.errors import ExchangeRefused, ExchangeUnreachable
from services.binance_us.believing import believed
from services.binance_us.client import Client
from services.binance_us.errors import NO_SUCH_ORDER
from services.binance_us.instrument import Listing
from services.binance_us.limits import Urgency
from services.binance_us.reports import Row, identity, row_of, rows_of
from services.binance_us.server_time import EPOCH

PAGE = 1000
MOST_PAGES = 200


class History:
    def __init__(self, client: Client, listing: Callable[[], Listing]) -> None:
        self._client, self._listing = client, listing

    async def order(self, client_order_id: str) -> Row | None:
        """One order by our id; None where the exchange answers that it has none."""
        return await self._order({"origClientOrderId": client_order_id}, f"asking for order {client_order_id}")

    async def order_of(self, exchange_order_id: str) -> Row | None:
        """One order by the exchange's number."""
        return await self._order({"orderId": exchange_order_id}, f"asking for order number {exchange_order_id}")

    async def _order(self, by: dict[str, str], what: str) -> Row | None:
        params = {"symbol": self._listing().market_id, **by}
        try:
            body = await self._client.ask("private_get_order", params, what=what, urgency=Urgency.CLOSING)
        except ExchangeRefused as refused:
            if refused.code == NO_SUCH_ORDER:
                return None
            raise
        with believed(what):
            return row_of(body, what)

    async def open_orders(self) -> list[Row]:
        what = "reading the open orders"
        params = {"symbol": self._listing().market_id}
        body = await self._client.ask("private_get_openorders", params, what=what, urgency=Urgency.CLOSING)
        with believed(what):
            return rows_of(body, what)

    async def orders_since(self, since: datetime) -> list[Row]:
        """Every order, in whatever state, that was made at `since` or later."""
        first = {"startTime": str(_milliseconds(since))}
        return await self._pages("private_get_allorders", first, "orderId", "orderId", "reading the list of orders")

    async def trades_since(self, since: datetime) -> list[Row]:
        first = {"startTime": str(_milliseconds(since))}
        return await self._pages("private_get_mytrades", first, "fromId", "id", "reading the list of trades")

    async def trades_from(self, trade_id: int) -> list[Row]:
        """Our trades with this number and later ones."""
        first = {"fromId": str(trade_id)}
        return await self._pages("private_get_mytrades", first, "fromId", "id", "reading our trades")

    async def newest_trades(self) -> list[Row]:
        """One page of the newest trades, oldest first."""
        return await self._page("private_get_mytrades", {}, "reading our trades")

    async def trades_of(self, exchange_order_id: str) -> list[Row]:
        """Every trade of one order."""
        what = f"reading the trades of order number {exchange_order_id}"
        rows = await self._page("private_get_mytrades", {"orderId": exchange_order_id}, what, Urgency.CLOSING)
        with believed(what):
            return [row for row in rows if identity(row.get("orderId"), what) == exchange_order_id]

    async def account(self) -> Row:
        what = "reading the balances"
        body = await self._client.ask("private_get_account", what=what)
        with believed(what):
            return row_of(body, what)

    async def _page(
        self, call: str, params: dict[str, str], what: str, urgency: Urgency = Urgency.READING
    ) -> list[Row]:
        params = {"symbol": self._listing().market_id, "limit": str(PAGE), **params}
        body: Any = await self._client.ask(call, params, what=what, urgency=urgency)
        with believed(what):
            return rows_of(body, what)

    async def _pages(self, call: str, first: dict[str, str], next_by: str, id: str, what: str) -> list[Row]:
        """All pages; each begins after the highest number of the one before. None twice."""
        rows: dict[int, Row] = {}
        params = first
        for _ in range(MOST_PAGES):
            page = await self._page(call, params, what)
            with believed(what):
                rows |= {int(identity(row.get(id), what)): row for row in page}
            if len(page) < PAGE:
                return [rows[number] for number in sorted(rows)]
            params = {next_by: str(max(rows) + 1)}
        raise ExchangeUnreachable(f"{what}: more than {MOST_PAGES} pages")


def _milliseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)
