"""Minutes that a script lays down, as the klines endpoint and the kline stream tell them. Longer intervals are made of
minutes; a minute that was never laid down is a gap, as on a market that was down.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.binance_us_double.amounts import ZERO, Number, exact, text
from tests.binance_us_double.refusals import Refused

MINUTE = 60_000
INTERVALS = {"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "6h": 360, "8h": 480}
INTERVALS |= {"12h": 720, "1d": 1440}


@dataclass(frozen=True)
class Minute:
    opened: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    trades: int = 1
    interval: str = "1m"

    @property
    def closed(self) -> int:
        return self.opened + INTERVALS[self.interval] * MINUTE - 1

    @property
    def worth(self) -> Decimal:
        return self.volume * (self.open + self.high + self.low + self.close) / 4

    def row(self) -> list[Any]:
        prices = [text(each) for each in (self.open, self.high, self.low, self.close, self.volume)]
        half, worth = text(self.volume / 2), text(self.worth)
        return [self.opened, *prices, self.closed, worth, self.trades, half, text(self.worth / 2), "0"]

    def event(self, symbol: str, at: int, *, closed: bool) -> dict[str, Any]:
        k = {"t": self.opened, "T": self.closed, "s": symbol, "i": self.interval, "f": 100, "L": 99 + self.trades}
        prices = {"o": self.open, "c": self.close, "h": self.high, "l": self.low, "v": self.volume}
        k |= {name: text(value) for name, value in prices.items()}
        k |= {"n": self.trades, "x": closed, "q": text(self.worth), "V": text(self.volume / 2)}
        k |= {"Q": text(self.worth / 2), "B": "0"}
        return {"e": "kline", "E": at, "s": symbol, "k": k}


class Candles:
    """`add` closes a minute and tells the stream, `forming` tells of one that still runs, `fill` only stores."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self._minutes: dict[int, Minute] = {}
        self.on_candle: list[Callable[[Candles, Minute, bool], None]] = []

    def __len__(self) -> int:
        return len(self._minutes)

    @property
    def newest(self) -> int:
        """When the newest minute opened."""
        return max(self._minutes)

    def add(self, opened: int, open: Number, high: Number, low: Number, close: Number, volume: Number = 1) -> Minute:
        return self._say(_minute(opened, open, high, low, close, volume), closed=True)

    def forming(
        self, opened: int, open: Number, high: Number, low: Number, close: Number, volume: Number = 1
    ) -> Minute:
        return self._say(_minute(opened, open, high, low, close, volume), closed=False)

    def fill(self, rows: Iterable[tuple[int, Number, Number, Number, Number, Number]]) -> None:
        """A past that nobody listened to."""
        for row in rows:
            minute = _minute(*row)
            self._minutes[minute.opened] = minute

    def remove(self, opened: int) -> None:
        """A gap."""
        self._minutes.pop(opened, None)

    def say_again(self, opened: int) -> None:
        """The same closed candle once more on the stream."""
        self._say(self._minutes[opened], closed=True)

    def _say(self, minute: Minute, *, closed: bool) -> Minute:
        self._minutes[minute.opened] = minute
        for heir in self.on_candle:
            heir(self, minute, closed)
        return minute

    def rows(self, interval: str, start: int | None, end: int | None, limit: int) -> list[list[Any]]:
        """As the endpoint pages: from `start` on where it is given, else the newest."""
        if interval not in INTERVALS:
            raise Refused(-1120, "Invalid interval.")
        found = [
            each
            for each in self._of(interval)
            if (start is None or each.opened >= start) and (end is None or each.opened <= end)
        ]
        return [each.row() for each in (found[:limit] if start is not None else found[-limit:])]

    def _of(self, interval: str) -> list[Minute]:
        minutes = [self._minutes[at] for at in sorted(self._minutes)]
        if interval == "1m":
            return minutes
        length, made = INTERVALS[interval] * MINUTE, dict[int, list[Minute]]()
        for each in minutes:
            made.setdefault(each.opened // length * length, []).append(each)
        return [_joined(at, each, interval) for at, each in made.items()]


def _minute(opened: int, open: Number, high: Number, low: Number, close: Number, volume: Number) -> Minute:
    if opened % MINUTE:
        raise ValueError(f"{opened} is not the beginning of a minute")
    return Minute(opened, exact(open), exact(high), exact(low), exact(close), exact(volume))


def _joined(opened: int, minutes: list[Minute], interval: str) -> Minute:
    return Minute(
        opened=opened,
        open=minutes[0].open,
        high=max(each.high for each in minutes),
        low=min(each.low for each in minutes),
        close=minutes[-1].close,
        volume=sum((each.volume for each in minutes), ZERO),
        trades=sum(each.trades for each in minutes),
        interval=interval,
    )
