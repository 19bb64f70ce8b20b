"""The rules of bench_rsi_macd as a plug-in that knows no `signals`: asked step by step. For comparison only."""

from collections.abc import Sequence

import numpy as np
from ta.trend import MACD

from strategies.base_strategy import BaseStrategy, DataFrame, MarketData, NewsEvent, Signal, frame
from strategies.technical_indicators import DECIMALS, relative_strength


class BenchSteps(BaseStrategy):
    title = "RSI and MACD of the bench, step by step"

    def indicators(self, candles: DataFrame) -> DataFrame:
        close = candles["close"]
        columns = {
            "rsi": relative_strength(close.to_numpy(), 14),
            "histogram": MACD(close, 26, 12, 9).macd_diff().to_numpy(),
        }
        return DataFrame({name: np.round(values, DECIMALS) for name, values in columns.items()}, index=candles.index)

    def analyze(self, market_data: MarketData, news_events: Sequence[NewsEvent]) -> Signal:
        candles = frame(market_data)
        strength, histogram = candles["rsi"].to_numpy()[-1], candles["histogram"].to_numpy()[-1]
        if strength < 30 and histogram > 0:
            return Signal("BUY", 100, "oversold, and turning")
        return Signal("SELL" if strength > 70 else "HOLD", 100, "")
