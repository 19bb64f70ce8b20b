"""Candles of the exchange: rows → Candle, pages of the past, and a tail that never skips a minute.

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
INTERVALS = {60: "1m", 180: "3m", 300: "5m", 900: "15m", 1800: "30m", 3600: "1h", 7200: "2h", 14400: "4h"}
INTERVALS |= {21600: "6h", 28800: "8h", 43200: "12h", 86400: "1d"}  # weeks begin on Mondays there, not on our grid


def candle(symbol: str, opened: Any, prices: Sequence[Any], seconds: int = 60) -> Candle:
    """From the opening time in ms and open, high, low, close, volume. DataError where it cannot be."""
    numbers = [decimal(value, f"candle of {symbol}") for value in prices]
    return Candle(
        symbol=symbol,
        opened_at=moment(opened, "candle"),
        seconds=seconds,
        open=numbers[0],
        high=numbers[1],
        low=numbers[2],
        close=numbers[3],
        volume=numbers[4],
    )


def candle_of_row(symbol: str, row: Any, seconds: int = 60) -> Candle:
    """A row of the klines list."""
    if not isinstance(row, list) or len(row) < 6:
        raise DataError(f"candle of {symbol}: not what the exchange answers there")
    return candle(symbol, row[0], row[1:6], seconds)


def candle_of_event(symbol: str, event: Any) -> Candle | None:
    """The candle in a kline event; None while it is not closed."""
    body = event.get("k")
    if not isinstance(body, dict) or body.get("s") != market_id(symbol) or body.get("i") != "1m":
        raise DataError(f"candle of {symbol}: an event of another kind")
    if body.get("x") is not True:
        return None
    return candle(symbol, body.get("t"), [body.get(name) for name in "ohlcv"])


def gaps(candles: Sequence[Candle]) -> list[tuple[datetime, datetime]]:
    """(when the first missing candle would open, when the next one does) of each hole."""
    return [(one.closed_at, two.opened_at) for one, two in pairwise(candles) if two.opened_at > one.closed_at]


def told_in(seconds: int) -> int:
    """The longest candles that the exchange makes and that candles of `seconds` can be made of."""
    return max(each for each in INTERVALS if seconds % each == 0)


class CandleReader:
    """Closed candles by asking; of one minute where nothing else is said."""

    def __init__(self, client: Client, symbol: str) -> None:
        self._client, self._symbol = client, symbol

    async def since(self, start: datetime, end: datetime | None = None, seconds: int = 60) -> list[Candle]:
        """Closed candles that open at `start` or later and before `end`, oldest first. Raises ExchangeErrors."""
        found: dict[datetime, Candle] = {}
        length = timedelta(seconds=seconds)
        last = min(end or self._client.time.now(), self._client.time.now())
        at = start
        while at + length + SETTLED <= self._client.time.now() and at < last:
            page = await self.page(at, last, seconds=seconds)
            found |= {each.opened_at: each for each in page if start <= each.opened_at < last}
            if not page or page[-1].opened_at < at:
                break
            at = page[-1].closed_at
        return [found[at] for at in sorted(found)]

    async def past(self, start: datetime, end: datetime | None = None, seconds: int = 60) -> list[Candle]:
        """The same, of `seconds` or of an even part of it. Holes are asked for once more; one that stays is the
        exchange's own."""
        length = told_in(seconds)
        candles = await self.since(start, end, length)
        for first, after in gaps(candles)[:MOST_GAPS]:
            candles += await self.since(first, after, length)
        candles = sorted({each.opened_at: each for each in candles}.values(), key=lambda each: each.opened_at)
        for first, after in gaps(candles):
            log.warning("the exchange has no candles of %s from %s to %s", self._symbol, first, after)
        return candles

    async def page(
        self, start: datetime, end: datetime, urgency: Urgency = Urgency.READING, seconds: int = 60
    ) -> list[Candle]:
        """The first of the closed candles that open at `start` or later and before `end`, as many as one answer has."""
        what = f"reading candles of {self._symbol}"
        params = {
            "symbol": market_id(self._symbol),
            "interval": INTERVALS[seconds],
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
                closed.append(candle_of_row(self._symbol, row, seconds))
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
