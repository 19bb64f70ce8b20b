"""backtesting.py with fractions of a coin and TA-Lib's indicators. Its stop hangs below the signal's close, and its
slippage is charged once, as a spread at the entry: a few cents and stops differ.
"""

import os
import warnings

warnings.simplefilter("ignore")
os.environ.setdefault("TQDM_DISABLE", "1")

import backtesting  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import talib  # noqa: E402
from backtesting import Strategy  # noqa: E402
from backtesting.lib import FractionalBacktest  # noqa: E402
from timing import CASH, FEE, SHARE, SLIPPAGE, STOP, asked, candles, tell  # noqa: E402

SATOSHI = 1e8  # FractionalBacktest shows prices of a satoshi; indicators want dollars


class Oscillators(Strategy):
    stop = STOP["rsi"]

    def init(self) -> None:
        close = np.asarray(self.data.Close) * SATOSHI
        self.strength = self.I(lambda: talib.RSI(close, 14), name="rsi")
        self.histogram = self.I(lambda: talib.MACD(close, 12, 26, 9)[2], name="histogram")

    def next(self) -> None:
        if self.position:
            if self.strength[-1] > 70:
                self.position.close()
        elif self.strength[-1] < 30 and self.histogram[-1] > 0:
            self.buy(size=SHARE * (1 + FEE), sl=self.data.Close[-1] * (1 - self.stop))


class TightStop(Oscillators):
    stop = STOP["tight"]


class Averages(Strategy):
    stop = STOP["sma"]

    def init(self) -> None:
        close = np.asarray(self.data.Close) * SATOSHI
        self.fast, self.slow = (self.I(lambda p=p: talib.SMA(close, p), name=f"sma{p}") for p in (10, 50))

    def next(self) -> None:
        fast, slow = self.fast, self.slow
        if self.position:
            if fast[-1] < slow[-1] and fast[-2] >= slow[-2]:
                self.position.close()
        elif fast[-1] > slow[-1] and fast[-2] <= slow[-2]:
            self.buy(size=SHARE * (1 + FEE), sl=self.data.Close[-1] * (1 - self.stop))


STRATEGIES = {"rsi": Oscillators, "tight": TightStop, "sma": Averages}


def main() -> None:
    path, case, runs = asked()
    columns = candles(path)
    index = pd.to_datetime(columns.pop("ts"), unit="ms")
    frame = pd.DataFrame({name.capitalize(): values for name, values in columns.items()}, index=index)
    strategy = STRATEGIES[case]

    def once() -> dict[str, object]:
        found = FractionalBacktest(frame, strategy, cash=CASH, commission=FEE, spread=2 * SLIPPAGE).run()
        trades = found["_trades"]
        stopped = trades.ExitPrice < trades.EntryPrice * (1 - strategy.stop * 0.95)
        return {"trades": len(trades), "stops": int(stopped.sum()), "final_equity": float(found["Equity Final [$]"])}

    tell(once, runs, warm=runs > 1, version=backtesting.__version__)


if __name__ == "__main__":
    main()
