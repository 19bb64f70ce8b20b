"""Live prices and candles: a stream, and asking where the stream is silent. Needs no key.

A price is handed on only when it is possible and plausible, and no more often than five times a second; the newest
one always arrives. It never pretends that an old price is new.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import aiohttp

from app.core.errors import DataError, ExchangeError
from app.core.messages import CandleClosed, PriceSeen
from app.core.model import Candle, OrderBook
from app.core.money import positive
from app.past import Past, PastWanted
from app.ports import Inbox
from app.seam import Clock, Tasks
from services.binance_us.believing import believed
from services.binance_us.candles import MINUTE, CandleReader, Tail, candle_of_event
from services.binance_us.client import Client, parsed
from services.binance_us.instrument import market_id
from services.binance_us.reports import row_of
from services.binance_us.ticker import Ticker, asked_ticker, ticker

log = logging.getLogger(__name__)

PUBLISH_SECONDS = 0.2
QUIET_SECONDS, ASK_SECONDS = 4.0, 2.0  # a quiet stream is backed by asking, and not more often than that
DEAD_SECONDS = 30.0  # a stream without a word is opened anew
REFERENCE_SECONDS = 30.0
CANDLE_DUE = timedelta(seconds=3)
REPAIR_SECONDS = 5.0
LATE = timedelta(seconds=90)
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0
MOST_SPREAD, MOST_AWAY, FROZEN_AWAY = Decimal("0.01"), Decimal("0.1"), Decimal("0.003")
MOST_TORN = Decimal("0.1")
BELIEVED_AFTER = 3  # answers in a row that say the same implausible thing
LEVELS = 20


class LiveMarket:
    """Implements app.ports.MarketFeed."""

    name = "Binance.US"

    def __init__(self, client: Client, symbol: str, *, clock: Clock, tasks: Tasks) -> None:
        self._client, self._symbol, self._clock, self._tasks = client, symbol, clock, tasks
        self._reader = CandleReader(client, symbol)
        self._tail: Tail | None = None
        self._ticker: Ticker | None = None
        self._is_news = False  # the ticker was not handed on yet
        self._ticked_at = self._asked_at = self._repaired_at = clock.monotonic() - 2 * DEAD_SECONDS
        self._referred_at = self._ticked_at
        self._reference: Decimal | None = None
        self._implausible = 0
        self._strayed = 0
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    @property
    def source(self) -> str:
        """Where prices come from at this moment."""
        return "stream" if self._socket is not None else "asking every 2 s"

    # ------------------------------------------------------------ the port

    async def past(self, wanted: PastWanted) -> Past:
        """Long candles as the exchange made them: a hundred pages of minutes would take its whole patience.

        Where nobody traded in its first minutes, such a one may open with the first trade, not with the price before.
        """
        now = self._client.time.now()
        begins, minutes_from = wanted.begins(now), wanted.minutes_from(now)
        long = await self._reader.past(begins, minutes_from, wanted.seconds) if begins < minutes_from else []
        minutes = await self._reader.past(minutes_from)
        self._tail = Tail(minutes[-1].closed_at if minutes else minutes_from)
        return Past(long=long, minutes=minutes)

    async def order_book(self) -> OrderBook:
        what = "reading the order book"
        params = {"symbol": market_id(self._symbol), "limit": str(LEVELS)}
        body = await self._client.ask("public_get_depth", params, what=what)
        with believed(what):
            row = row_of(body, what)
            bids, asks = _levels(row.get("bids")), _levels(row.get("asks"))
            return OrderBook(bids=bids, asks=asks, at=self._client.time.now())

    async def run(self, inbox: Inbox) -> None:
        """For ever: a lost connection is opened again, and asked around meanwhile."""
        if self._tail is None:
            self._tail = Tail(self._client.time.now().replace(second=0, microsecond=0))
        listening = self._tasks.start(self._listen(inbox), "price stream")
        try:
            while True:
                await self._clock.sleep(PUBLISH_SECONDS)
                await self._guarded(inbox)
        finally:
            listening.cancel()

    async def _guarded(self, inbox: Inbox) -> None:
        self._publish(inbox)
        for ask in (self._ask_reference, self._ask_price, self._repair):
            try:
                await ask(inbox)
            except ExchangeError as error:
                log.info("%s", error)

    # ------------------------------------------------------------ the stream

    async def _listen(self, inbox: Inbox) -> None:
        id = market_id(self._symbol).lower()
        url = f"{self._client.addresses.ws.rstrip('/')}/stream?streams={id}@bookTicker/{id}@kline_1m"
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = self._clock.monotonic()
            try:
                async with self._client.stream(url) as stream:
                    self._socket = stream
                    await self._read(stream, inbox)
            except ExchangeError as error:
                log.warning("price stream: %s", error)
            finally:
                self._socket = None
            lasted = self._clock.monotonic() - began
            pause = FIRST_PAUSE_SECONDS if lasted > DEAD_SECONDS else min(2 * pause, LONGEST_PAUSE_SECONDS)
            await self._clock.sleep(pause)

    async def _read(self, stream: aiohttp.ClientWebSocketResponse, inbox: Inbox) -> None:
        while True:
            try:
                message = await stream.receive(timeout=DEAD_SECONDS)
            except TimeoutError:
                log.warning("price stream: nothing for %d s; opening it anew", DEAD_SECONDS)
                return
            if message.type is not aiohttp.WSMsgType.TEXT:
                return
            try:
                self._event(parsed(message.data), inbox)
            except DataError as error:
                log.warning("price stream: %s", error)

    def _event(self, body: Any, inbox: Inbox) -> None:
        event = body.get("data", body) if isinstance(body, dict) else None
        if not isinstance(event, dict):
            raise DataError("a message that is no event")
        if event.get("e") == "kline":
            closed = candle_of_event(self._symbol, event)
            if closed is not None:
                self._hand_on([closed], inbox)
        elif event.get("s") == market_id(self._symbol) and "b" in event and "a" in event:
            found = ticker(event["b"], event["a"])
            if self._is_plausible(found):
                self._take(found)

    # ------------------------------------------------------------ prices

    def _take(self, found: Ticker) -> None:
        self._ticker, self._ticked_at, self._is_news = found, self._clock.monotonic(), True

    def _is_plausible(self, found: Ticker) -> bool:
        """Not far from the average of the last minutes, as far as that is known, and not torn apart."""
        known = self._reference
        return known is not None and found.away_from(known) <= MOST_AWAY and found.spread <= MOST_SPREAD

    def _publish(self, inbox: Inbox) -> None:
        """The newest price, if it was heard since the last time."""
        if self._ticker is not None and self._is_news:
            self._is_news = False
            inbox.post(PriceSeen(at=self._client.time.now(), bid=self._ticker.bid, ask=self._ticker.ask))

    async def _ask_price(self, inbox: Inbox) -> None:
        """Ask where the stream says nothing. What is implausible must be said three times."""
        now = self._clock.monotonic()
        quiet = QUIET_SECONDS if self._socket is not None else ASK_SECONDS
        if now - self._ticked_at < quiet or now - self._asked_at < ASK_SECONDS:
            return
        self._asked_at = now
        found = await asked_ticker(self._client, self._symbol)
        if found.spread > MOST_TORN:
            return  # nobody offers near the other side: that is no price, however often it is said
        if self._ticked_at > now:
            return  # the stream spoke while we asked, and it knows better
        self._implausible = 0 if self._is_plausible(found) else self._implausible + 1
        if self._implausible in (0, BELIEVED_AFTER):
            self._implausible = 0
            self._take(found)
            self._publish(inbox)

    async def _ask_reference(self, inbox: Inbox) -> None:
        """The exchange's own average, as a second opinion; and whether the stream is frozen."""
        now = self._clock.monotonic()
        if now - self._referred_at < REFERENCE_SECONDS:
            return
        self._referred_at = now
        what = "reading the average price"
        body = await self._client.ask("public_get_avgprice", {"symbol": market_id(self._symbol)}, what=what)
        with believed(what):
            price = positive(row_of(body, what).get("price"), "average price")
        self._reference = price
        inbox.post(PriceSeen(at=self._client.time.now(), bid=price, ask=price, source="reference"))
        await self._is_it_frozen()

    async def _is_it_frozen(self) -> None:
        """A stream that twice says something else than the answer to a question is opened anew."""
        if self._socket is None or self._ticker is None:
            return
        asked = await asked_ticker(self._client, self._symbol)
        self._strayed = self._strayed + 1 if asked.away_from(self._ticker.middle) > FROZEN_AWAY else 0
        if self._strayed >= 2:
            log.warning("price stream: frozen; opening it anew")
            self._strayed = 0
            await self._socket.close()

    # ------------------------------------------------------------ candles

    def _hand_on(self, candles: Sequence[Candle], inbox: Inbox) -> None:
        """Candles that are next in line; the others are repetitions, or wait for the repair of a gap."""
        for each in candles:
            if self._tail is not None and self._tail.take(each):
                now = self._client.time.now()
                inbox.post(CandleClosed(at=max(now, each.closed_at), candle=each, late=now - each.closed_at > LATE))

    async def _repair(self, inbox: Inbox) -> None:
        """Ask for the candle that is overdue, and for all since."""
        now, tail = self._client.time.now(), self._tail
        beat = self._clock.monotonic()
        if tail is None or now < tail.next_at + MINUTE + CANDLE_DUE or beat - self._repaired_at < REPAIR_SECONDS:
            return
        self._repaired_at = beat
        found = await self._reader.since(tail.next_at)
        if found:
            tail.skip_to(found[0].opened_at)
        self._hand_on(found, inbox)


def _levels(rows: Any) -> tuple[tuple[Decimal, Decimal], ...]:
    """Price levels, best first."""
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) >= 2 for row in rows):
        raise DataError("levels: not what the exchange answers there")
    return tuple((positive(row[0], "level"), positive(row[1], "level")) for row in rows[:LEVELS])
