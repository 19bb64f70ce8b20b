"""A run over time, as arrays that grow: the account at each candle's close, and the positions that were open then.

A position changes rarely, so it is kept as spans of candles over which nothing about it changed.
"""

from array import array
from collections.abc import Collection
from decimal import Decimal

import numpy as np

from app.core.model import Position
from app.core.money import ZERO
from app.core.values import changed, value
from backtest.series import Floats, Times

ROOM = 4096


class EquityCurve:
    """One point per candle: closed at (ms since 1970), cash, bitcoin of ours, close. Oldest first.

    `over`: when all the candles that may come close, and at what price, where that is known: it is not copied then.
    Cash and bitcoin change rarely, so they are kept as steps.
    """

    def __init__(self, over: tuple[Times, Floats] | None = None) -> None:
        self._count = self._first = 0
        self._known = over is not None
        self._at, self._close = over or (np.empty(0, dtype=np.int64), np.empty(0))
        self._lengths, self._cash, self._quantity = array("q"), array("d"), array("d")
        self._equity: Floats | None = None  # counted once, for all who ask

    def __len__(self) -> int:
        return self._count

    @property
    def at_ms(self) -> Times:
        return self._at[self._first : self._first + self._count]

    @property
    def cash(self) -> Floats:
        return np.repeat(np.array(self._cash), np.array(self._lengths))

    @property
    def quantity(self) -> Floats:
        return np.repeat(np.array(self._quantity), np.array(self._lengths))

    @property
    def close(self) -> Floats:
        return self._close[self._first : self._first + self._count]

    @property
    def equity(self) -> Floats:
        """Cash and bitcoin at the close."""
        if self._equity is None:
            self._equity = self.quantity
            self._equity *= self.close
            self._equity += self.cash
        return self._equity

    def add(self, at_ms: Times, cash: Decimal, quantity: Decimal, close: Floats) -> None:
        """Candles over which cash and bitcoin stayed the same."""
        if not self._known:
            self._copy(at_ms, close)
        elif not self._count:
            self._first = int(np.searchsorted(self._at, at_ms[0]))
        self._count += len(at_ms)
        self._equity = None
        step = float(cash), float(quantity)
        if self._lengths and step == (self._cash[-1], self._quantity[-1]):
            self._lengths[-1] += len(at_ms)
            return
        self._lengths.append(len(at_ms))
        self._cash.append(step[0])
        self._quantity.append(step[1])

    def _copy(self, at_ms: Times, close: Floats) -> None:
        first, end = self._count, self._count + len(at_ms)
        if end > len(self._at):
            room = max(end, 2 * len(self._at), ROOM)
            self._at, self._close = np.resize(self._at, room), np.resize(self._close, room)
        self._at[first:end] = at_ms
        self._close[first:end] = close


def average_exposure_pct(curve: EquityCurve) -> float:
    """Share of equity that is in bitcoin, averaged over all candles' closes."""
    equity = curve.equity
    shares: Floats = curve.quantity
    shares *= curve.close
    np.divide(shares, equity, out=shares, where=equity > 0)
    shares[equity <= 0] = 0.0
    return float(shares.mean() * 100) if len(shares) else 0.0


@value
class Span:
    """A position over the candles `first` to `end` (not included) of the curve, while nothing about it changed.

    `cost` is that of what is left of it."""

    position_id: str
    first: int
    end: int
    quantity: float
    entry_price: float
    stop_price: float | None
    cost: float


class PositionSpans:
    """Every open position of a run, candle by candle, kept small."""

    def __init__(self) -> None:
        self._done: list[Span] = []
        self._running: dict[str, tuple[Position, Span]] = {}

    def add(self, positions: Collection[Position], first: int, end: int) -> bool:
        """These were open over the candles `first` to `end`; True where one of them held something."""
        if not positions and not self._running:
            return False
        running: dict[str, tuple[Position, Span]] = {}
        for position in positions:
            if position.remaining > ZERO:
                running[position.id] = position, self._going_on(position, first, end)
        self._done += [span for id, (_, span) in self._running.items() if id not in running]
        self._running = running
        return bool(running)

    def _going_on(self, position: Position, first: int, end: int) -> Span:
        before = self._running.get(position.id)
        if before is not None and before[0] is position:
            return changed(before[1], end=end)
        span = _span(position, first, end)
        if before is None or before[1].end != first:
            return span
        if _figures(span) == _figures(before[1]):
            return changed(before[1], end=end)
        self._done.append(before[1])
        return span

    def all(self) -> list[Span]:
        """In the order in which they began."""
        return sorted([*self._done, *(span for _, span in self._running.values())], key=_by_beginning)


def _by_beginning(span: Span) -> tuple[int, str]:
    return span.first, span.position_id


def _figures(span: Span) -> tuple[float | None, ...]:
    return span.quantity, span.entry_price, span.stop_price, span.cost


def _span(position: Position, first: int, end: int) -> Span:
    left = position.remaining / position.quantity
    return Span(
        position_id=position.id,
        first=first,
        end=end,
        quantity=float(position.remaining),
        entry_price=float(position.entry_price),
        stop_price=float(position.stop_price) if position.stop_price is not None else None,
        cost=float(position.cost * left),
    )
