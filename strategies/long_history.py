"""A long history in rows, shown window by window as at the moment when its last candle closed."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import cast, overload

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame

from app.core.model import EPOCH, Candle, timeframe_seconds
from strategies.base_strategy import MOST_CANDLES, Framed
from strategies.window_frame import LongTable

Rows = NDArray[np.float64]  # as `strategies.base_strategy.rows_of` makes them


class History:
    """Rows of candles with their indicators: a window is shown as at the moment when its last candle closed."""

    def __init__(self, rows: Rows, symbol: str, timeframe: str, table: DataFrame) -> None:
        self.rows, self.table, self._long = rows, table, LongTable(table)
        self._symbol, self._timeframe, self._seconds = symbol, timeframe, timeframe_seconds(timeframe)
        self.candle = lru_cache(maxsize=2 * MOST_CANDLES)(self._candle)  # windows overlap

    def shown(self, row: int, count: int) -> Framed:
        first, end = row + 1 - count, row + 1
        return _AsOf(self._symbol, self._timeframe, Window(self, first, end), self._long.window(first, end))

    def _candle(self, row: int) -> Candle:
        opened, *values = self.rows[row].tolist()
        open_, high, low, close, volume = (Decimal(repr(value)) for value in values)
        return Candle(
            symbol=self._symbol,
            opened_at=EPOCH + timedelta(milliseconds=opened),
            seconds=self._seconds,
            open=open_,
            high=high,
            low=low,
            close=close,
            volume=volume,
        )


class _AsOf(Framed):
    """What is known when the newest candle closes; its time and price are looked up when somebody asks."""

    __slots__ = ()

    def __init__(self, symbol: str, timeframe: str, candles: "Window", table: DataFrame) -> None:
        known = symbol, timeframe, cast("tuple[Candle, ...]", candles), None, table
        for name, value in zip(("symbol", "timeframe", "candles", "order_book", "table"), known, strict=True):
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> object:
        """Of a slot that is empty yet."""
        if name not in ("at", "price"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        newest = self.candles[-1]
        value = newest.closed_at if name == "at" else newest.close
        object.__setattr__(self, name, value)
        return value


class Window(Sequence[Candle]):
    """Candles that are made when somebody looks at them: most strategies only look at their table."""

    def __init__(self, history: History, first: int, end: int) -> None:
        self._history, self._rows = history, range(first, end)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Candle: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Candle, ...]: ...

    def __getitem__(self, index: int | slice) -> Candle | tuple[Candle, ...]:
        if isinstance(index, slice):
            return tuple(self._history.candle(row) for row in self._rows[index])
        return self._history.candle(self._rows[index])
