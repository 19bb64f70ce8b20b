"""The bench's own rules, for comparison with other programs; nothing to trade on.

Buys where RSI (14, Wilder) is below 30 while the MACD (12, 26, 9) stands above its signal line; sells where RSI is
above 70.
"""

from collections.abc import Sequence

import numpy as np
from ta.trend import MACD

from strategies.base_strategy import BaseStrategy, DataFrame, MarketData, NewsEvent, Signal, frame
from strategies.technical_indicators import DECIMALS, relative_strength


class BenchRsiMacd(BaseStrategy):
    title = "RSI and MACD of the bench"

    def indicators(self, candles: DataFrame) -> DataFrame:
        close = candles["close"]
        columns = {
            "rsi": relative_strength(close.to_numpy(), 14),
            "histogram": MACD(close, 26, 12, 9).macd_diff().to_numpy(),
        }
        return DataFrame({name: np.round(values, DECIMALS) for name, values in columns.items()}, index=candles.index)

    def signals(self, candles: DataFrame) -> DataFrame:
        buys, sells = (candles["rsi"] < 30) & (candles["histogram"] > 0), candles["rsi"] > 70
        action = np.where(buys, 1, np.where(sells, -1, 0))
        return DataFrame({"action": action, "confidence": 100.0}, index=candles.index)

    def analyze(self, market_data: MarketData, news_events: Sequence[NewsEvent]) -> Signal:
        candles = frame(market_data)
        strength, histogram = candles["rsi"].to_numpy()[-1], candles["histogram"].to_numpy()[-1]
        words = f"RSI {strength:.1f}, MACD histogram {histogram:+.2f}"
        if strength < 30 and histogram > 0:
            return Signal("BUY", 100, words)
        return Signal("SELL" if strength > 70 else "HOLD", 100, words)
