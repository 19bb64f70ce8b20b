"""1-minute candles of the exchange: rows → Candle, pages of the past, and a tail that never skips a minute.

A candle that is impossible or not closed yet is never handed on.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from app.core.errors import DataError
from app.core.model import Candle
from app.core.money import decimal
from services.binance_us.believing import believed
from services.binance_us.client import Client
from services.binance_us.instrument import market_id
from services.binance_us.limits import Urgency
from services.binance_us.reports import moment
from services.binance_us.server_time import EPOCH

log = logging.getLogger(__name__)

MINUTE = timedelta(minutes=1)
PAGE = 1000
SETTLED = timedelta(seconds=1)  # after its end a candle may still be written to
MOST_GAPS = 20


def candle(symbol: str, opened: Any, prices: Sequence[Any]) -> Candle:
    """From the opening time in ms and open, high, low, close, volume. DataError where it cannot be."""
    numbers = [decimal(value, f"candle of {symbol}") for value in prices]
    return Candle(
        symbol=symbol,
        opened_at=moment(opened, "candle"),
        seconds=60,
        open=numbers[0],
        high=numbers[1],
        low=numbers[2],
        close=numbers[3],
        volume=numbers[4],
    )


def candle_of_row(symbol: str, row: Any) -> Candle:
    """A row of the klines list."""
    if not isinstance(row, list) or len(row) < 6:
        raise DataError(f"candle of {symbol}: not what the exchange answers there")
    return candle(symbol, row[0], row[1:6])


def candle_of_event(symbol: str, event: Any) -> Candle | None:
    """The candle in a kline event; None while it is not closed."""
    body = event.get("k")
    if not isinstance(body, dict) or body.get("s") != market_id(symbol) or body.get("i") != "1m":
        raise DataError(f"candle of {symbol}: an event of another kind")
    if body.get("x") is not True:
        return None
    return candle(symbol, body.get("t"), [body.get(name) for name in "ohlcv"])


def gaps(candles: Sequence[Candle]) -> list[tuple[datetime, datetime]]:
    """(first missing minute, the minute after the last missing one) of each hole."""
    return [(one.closed_at, two.opened_at) for one, two in pairwise(candles) if two.opened_at > one.closed_at]


class CandleReader:
    """Closed candles by asking."""

    def __init__(self, client: Client, symbol: str) -> None:
        self._client, self._symbol = client, symbol

    async def since(self, start: datetime, end: datetime | None = None) -> list[Candle]:
        """Closed candles that open at `start` or later and before `end`, oldest first. Raises ExchangeErrors."""
        found: dict[datetime, Candle] = {}
        last = min(end or self._client.time.now(), self._client.time.now())
        at = start
        while at + MINUTE + SETTLED <= self._client.time.now() and at < last:
            page = await self.page(at, last)
            found |= {each.opened_at: each for each in page if start <= each.opened_at < last}
            if not page or page[-1].opened_at < at:
                break
            at = page[-1].closed_at
        return [found[at] for at in sorted(found)]

    async def past(self, minutes: int) -> list[Candle]:
        """The newest closed candles. Holes are asked for once more; one that stays is the exchange's own."""
        now = self._client.time.now()
        candles = await self.since(now.replace(second=0, microsecond=0) - minutes * MINUTE)
        for start, end in gaps(candles)[:MOST_GAPS]:
            candles += await self.since(start, end)
        candles = sorted({each.opened_at: each for each in candles}.values(), key=lambda each: each.opened_at)
        for start, end in gaps(candles):
            log.warning("the exchange has no candles of %s from %s to %s", self._symbol, start, end)
        return candles

    async def page(self, start: datetime, end: datetime, urgency: Urgency = Urgency.READING) -> list[Candle]:
        """The first of the closed candles that open at `start` or later and before `end`, as many as one answer has."""
        what = f"reading candles of {self._symbol}"
        params = {
            "symbol": market_id(self._symbol),
            "interval": "1m",
            "startTime": str((start - EPOCH) // timedelta(milliseconds=1)),
            "endTime": str((end - EPOCH) // timedelta(milliseconds=1) - 1),
            "limit": str(PAGE),
        }
        body = await self._client.ask("public_get_klines", params, what=what, urgency=urgency)
        with believed(what):
            if not isinstance(body, list):
                raise DataError("not a list")
        newest, closed, wrong = self._client.time.now() - SETTLED, [], []
        for row in body:
            try:
                closed.append(candle_of_row(self._symbol, row))
            except DataError as error:
                wrong.append(str(error))
        if wrong:
            log.warning("%d impossible candles are passed over, such as: %s", len(wrong), wrong[0])
        return sorted((each for each in closed if each.closed_at <= newest), key=lambda each: each.opened_at)


class Tail:
    """Which minute comes next. Candles pass in order, each once, none skipped."""

    def __init__(self, next_at: datetime) -> None:
        self.next_at = next_at

    def take(self, each: Candle) -> bool:
        """Whether `each` is the next one; then it is counted. An older one is a repetition, a newer one a gap."""
        if each.opened_at != self.next_at:
            return False
        self.next_at = each.closed_at
        return True

    def skip_to(self, at: datetime) -> None:
        """The exchange has no candles before `at`."""
        self.next_at = max(self.next_at, at)
