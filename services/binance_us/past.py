"""Long stretches of past candles, asked for with patience: within a small share of the exchange's limit, and again
after an outage. Never asks for what needs a key.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from app.core.errors import ExchangeBusy, ExchangeError, ExchangeRefused, ExchangeUnreachable
from app.core.model import Candle
from app.seam import Clock
from services.binance_us.candles import SETTLED, CandleReader, gaps
from services.binance_us.client import Client
from services.binance_us.instrument import ALTERNATIVE, BAD_SYMBOL, market_id
from services.binance_us.limits import Urgency

log = logging.getLogger(__name__)

CURE = "look at this machine's connection, then run it again"
TRIES = 8  # in a row without an answer: about two minutes
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0
LONGEST_SILENCE_SECONDS = 600.0


class PastCandles:
    """Implements backtest.download.Source. `symbol` may be given as one that the exchange does not list: then
    `open` takes the other usual one, where it may."""

    def __init__(self, client: Client, symbol: str, *, clock: Clock, alternative: bool = False) -> None:
        self.symbol = symbol
        self._client, self._clock, self._alternative = client, clock, alternative
        self._reader = CandleReader(client, symbol)

    async def open(self) -> None:
        """Must be called before anything else. ExchangeRefused where there is no such symbol."""
        await self._client.open()
        await self._patiently(self._client.sync)
        try:
            await self._patiently(self._look)
        except ExchangeRefused as refused:
            if refused.code != BAD_SYMBOL:
                raise
            if not self._alternative or self.symbol == ALTERNATIVE:
                raise ExchangeRefused(
                    f"{self.symbol}: Binance.US does not list it; try --symbol {ALTERNATIVE}", code=BAD_SYMBOL
                ) from None
            self.symbol = ALTERNATIVE
            await self._patiently(self._look)
        self._reader = CandleReader(self._client, self.symbol)

    async def _look(self) -> None:
        """Whether there is such a symbol, and how much may be asked."""
        what = f"reading the listing of {self.symbol}"
        params = {"symbol": market_id(self.symbol)}
        info = await self._client.ask("public_get_exchangeinfo", params, what=what, urgency=Urgency.HISTORY)
        self._client.limits.learn(info.get("rateLimits") if isinstance(info, dict) else None)

    async def close(self) -> None:
        await self._client.close()

    def now(self) -> datetime:
        """Until when candles may be closed, by the exchange's clock."""
        return self._client.time.now() - SETTLED

    async def page(self, start: datetime, end: datetime) -> list[Candle]:
        """The first closed candles from `start` on, before `end`. Where some are missing, or all, the exchange is
        asked once more. ExchangeUnreachable after many tries in vain."""
        found = await self._ask(start, end)
        if found and found[0].opened_at == start and not gaps(found):
            return found
        again = await self._ask(start, found[-1].closed_at if found else end)
        together = {each.opened_at: each for each in (*again, *found)}
        return [together[at] for at in sorted(together)]

    async def _ask(self, start: datetime, end: datetime) -> list[Candle]:
        candles: list[Candle] = []

        async def ask() -> None:
            nonlocal candles
            page = await self._reader.page(start, end, Urgency.HISTORY)
            candles = [each for each in page if start <= each.opened_at < end]

        await self._patiently(ask)
        return candles

    async def _patiently(self, ask: Callable[[], Awaitable[None]]) -> None:
        pause, tries = FIRST_PAUSE_SECONDS, 0
        while True:
            try:
                await ask()
                return
            except ExchangeRefused:
                raise
            except ExchangeError as error:
                waits = error.retry_after_seconds if isinstance(error, ExchangeBusy) else 0.0
                tries += 1
                if tries >= TRIES or waits > LONGEST_SILENCE_SECONDS:
                    raise ExchangeUnreachable(f"{error}; asked {tries} times; {CURE}") from None
                # The first one is worth a warning: without a word two minutes look like a program that hangs.
                log.log(logging.WARNING if tries == 1 else logging.INFO, "%s; asking again", error)
            await self._clock.sleep(max(waits, pause))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
