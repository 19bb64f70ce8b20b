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

Rows = NDArray[np.float64]  # as `strategies.base_strategy.rows_of` makes them


class History:
    """Rows of candles with their indicators: a window is shown as at the moment when its last candle closed."""

    def __init__(self, rows: Rows, symbol: str, timeframe: str, table: DataFrame) -> None:
        self.rows, self.table = rows, table
        self._symbol, self._timeframe, self._seconds = symbol, timeframe, timeframe_seconds(timeframe)
        self.candle = lru_cache(maxsize=2 * MOST_CANDLES)(self._candle)  # windows overlap

    def shown(self, row: int, count: int) -> Framed:
        candles = Window(self, row + 1 - count, row + 1)
        newest = self.candle(row)
        return Framed(
            symbol=self._symbol,
            timeframe=self._timeframe,
            at=newest.closed_at,
            price=newest.close,
            candles=cast("tuple[Candle, ...]", candles),
            table=self.table.iloc[row + 1 - count : row + 1],
        )

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
