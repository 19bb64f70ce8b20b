"""Real money on Binance.US: the exchange and its market as one ground."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from app.core.model import Candle, Instrument, OrderBook
from app.ports import Exchange, Inbox
from services.binance_us.exchange import BinanceUs
from services.binance_us.market import LiveMarket


class LiveGround:
    """Implements app.ports.Ground. `exchange` is where orders go: `account` itself, or something in front of it."""

    candle_fed = False
    name = "Binance.US"

    def __init__(self, account: BinanceUs, market: LiveMarket, exchange: Exchange) -> None:
        self.exchange, self._account, self._market = exchange, account, market
        self._lived_until: datetime | None = None
        self._past: Sequence[Candle] = ()

    @property
    def user_data(self) -> str | None:
        return self._account.user_data

    def now(self) -> datetime:
        return self._account.now()

    async def open(self) -> Instrument:
        return await self._account.open()

    async def past(self, lived_until: datetime, warmup: int, window: int) -> Iterable[Candle]:
        self._past, self._lived_until = await self._market.past(window), lived_until
        if lived_until.year > 1970:
            self._account.look_back_to(lived_until)
        return self._past

    def missed(self) -> Sequence[Candle]:
        until = self._lived_until
        if until is None or until.year <= 1970:
            return ()
        return [candle for candle in self._past if candle.closed_at > until]

    async def order_book(self) -> OrderBook | None:
        return await self._market.order_book()

    async def run(self, inbox: Inbox) -> None:
        self._account.start()
        await self._market.run(inbox)

    async def close(self) -> None:
        await self._account.close()
