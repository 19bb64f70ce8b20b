"""Real money on Binance.US: the exchange and its market as one ground."""

from collections.abc import Sequence
from datetime import datetime

from app.core.model import Candle, Instrument, OrderBook
from app.past import Past, PastWanted
from app.ports import Exchange, Inbox
from services.binance_us.exchange import BinanceUs
from services.binance_us.market import LiveMarket


class LiveGround:
    """Implements app.ports.Ground. `exchange` is where orders go: `account` itself, or something in front of it."""

    candle_fed = False
    name = "Binance.US"

    def __init__(self, account: BinanceUs, market: LiveMarket, exchange: Exchange) -> None:
        self.exchange, self._account, self._market = exchange, account, market
        self._missed: Sequence[Candle] = ()

    @property
    def user_data(self) -> str | None:
        return self._account.user_data

    def now(self) -> datetime:
        return self._account.now()

    async def open(self) -> Instrument:
        return await self._account.open()

    async def past(self, wanted: PastWanted) -> Past:
        past = await self._market.past(wanted)
        self._missed = past.missed(wanted.lived_until)
        if wanted.lived_until.year > 1970:
            self._account.look_back_to(wanted.lived_until)
        return past

    def missed(self) -> Sequence[Candle]:
        return self._missed

    async def order_book(self) -> OrderBook | None:
        return await self._market.order_book()

    async def run(self, inbox: Inbox) -> None:
        self._account.start()
        await self._market.run(inbox)

    async def close(self) -> None:
        await self._account.close()
