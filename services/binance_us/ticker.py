"""Best bid and ask: as the exchange tells them in its stream, and as it answers when asked. Never impossible ones."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.core.errors import DataError
from app.core.money import positive
from services.binance_us.believing import believed
from services.binance_us.client import Client
from services.binance_us.instrument import market_id
from services.binance_us.reports import row_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticker:
    """Best bid and ask as the exchange tells them: both positive, not crossed."""

    bid: Decimal
    ask: Decimal

    @property
    def middle(self) -> Decimal:
        return (self.bid + self.ask) / 2

    @property
    def spread(self) -> Decimal:
        return (self.ask - self.bid) / self.middle

    def away_from(self, price: Decimal) -> Decimal:
        return abs(self.middle / price - 1)


def ticker(bid: Any, ask: Any) -> Ticker:
    """DataError where such prices cannot be."""
    found = Ticker(bid=positive(bid, "bid"), ask=positive(ask, "ask"))
    if found.bid > found.ask:
        raise DataError(f"bid {found.bid} is above ask {found.ask}")
    return found


async def asked_ticker(client: Client, symbol: str) -> Ticker:
    """By asking. Raises ExchangeErrors."""
    what = "reading the price"
    body = await client.ask("public_get_ticker_bookticker", {"symbol": market_id(symbol)}, what=what)
    with believed(what):
        row = row_of(body, what)
        return ticker(row.get("bidPrice"), row.get("askPrice"))
