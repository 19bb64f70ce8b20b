"""The bench's crossing averages, for comparison with other programs; nothing to trade on.

Buys where the average of 10 closes crosses that of 50 upward, sells where it crosses downward. A tie belongs to the
side it came from.
"""

from collections.abc import Sequence

import numpy as np

from strategies.base_strategy import BaseStrategy, DataFrame, MarketData, NewsEvent, Signal, frame
from strategies.technical_indicators import DECIMALS


class BenchSmaCross(BaseStrategy):
    title = "SMA 10/50 cross of the bench"
    startup_candles = 51

    def indicators(self, candles: DataFrame) -> DataFrame:
        fast, slow = (candles["close"].rolling(period).mean() for period in (10, 50))
        return DataFrame({"lead": np.round(fast - slow, DECIMALS)}, index=candles.index)

    def signals(self, candles: DataFrame) -> DataFrame:
        now = candles["lead"]
        before = now.shift()
        action = np.where((now > 0) & (before <= 0), 1, np.where((now < 0) & (before >= 0), -1, 0))
        return DataFrame({"action": action, "confidence": 100.0}, index=candles.index)

    def analyze(self, market_data: MarketData, news_events: Sequence[NewsEvent]) -> Signal:
        before, now = frame(market_data)["lead"].to_numpy()[-2:].tolist()
        words = f"the average of 10 leads that of 50 by {now:+.2f}"
        if now > 0 >= before:
            return Signal("BUY", 100, words)
        return Signal("SELL" if now < 0 <= before else "HOLD", 100, words)
