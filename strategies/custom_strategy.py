"""A strategy to copy: buys when the price breaks out above its recent range, sells when it falls out below.

How to make your own:
  1. Copy this file to strategies/my_idea.py. The file's name is the strategy's: small letters, digits and _.
  2. Rename the class (one class derived from BaseStrategy in the file) and change the three parts below.
  3. `main.py strategy check` it, try it on history with `main.py backtest`, then enable it: docs/strategies.md.
A strategy only gives an opinion. How much is bought, where the stop lies and whether anything happens at all
is decided elsewhere; nothing written here can change that.
"""

from collections.abc import Sequence
from typing import ClassVar

from strategies.base_strategy import BaseStrategy, DataFrame, MarketData, NewsEvent, Option, Signal, frame


class CustomStrategy(BaseStrategy):
    title = "Breakout (template)"

    # How many closed candles you are shown: always exactly so many. At most 1,000.
    startup_candles = 200

    # Settings that config/strategies.yml can give: default and bounds. Read them as self.settings["period"].
    options: ClassVar[dict[str, Option]] = {
        "period": Option(48, 5, 150),
        "confidence": Option(75, 1, 100),
    }

    def indicators(self, candles: DataFrame) -> DataFrame:
        """Optional. Columns that `analyze` will find beside open, high, low, close and volume.

        A row may use itself and rows before it, never rows after it: no shift(-1), no centred windows, no
        mean over the whole column. Averages that remember for ever (ewm) must settle within startup_candles.
        """
        period = self.settings["period"]
        before = candles.shift(1)  # the range is that of the candles before this one
        return DataFrame(
            {
                "range_high": before["high"].rolling(period).max(),
                "range_low": before["low"].rolling(period).min(),
            }
        )

    def analyze(self, market_data: MarketData, news_events: Sequence[NewsEvent]) -> Signal:
        """Called at each closed candle. Keep nothing in `self` between calls: all you know is shown.

        `market_data` also has symbol, timeframe, at, price, candles and order_book (None where there is none).
        """
        now = frame(market_data).iloc[-1]  # the newest closed candle
        period, sure = self.settings["period"], self.settings["confidence"]
        if now["close"] > now["range_high"]:
            return Signal("BUY", sure, f"Close {now['close']:.2f} is above the high of the last {period} candles.")
        if now["close"] < now["range_low"]:
            return Signal("SELL", sure, f"Close {now['close']:.2f} is below the low of the last {period} candles.")
        return Signal("HOLD", 50, f"Price is within the range of the last {period} candles.")
