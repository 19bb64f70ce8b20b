"""jesse's backtest from Python in its fast mode, signals computed beforehand by TA-Lib (its own indicators, asked bar
by bar, take several times as long). No slippage and fills at the close: a fee of 0.15 % stands in.
"""

import os
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

FROM = Path.cwd()
os.chdir(tempfile.mkdtemp())  # it leaves files where it runs

import numpy as np  # noqa: E402
import talib  # noqa: E402
from jesse import research  # noqa: E402
from jesse.strategies import Strategy  # noqa: E402
from timing import CASH, FEE, SHARE, SLIPPAGE, STOP, asked, candles, tell  # noqa: E402

EXCHANGE, SYMBOL = "Bench", "BTC-USDT"


class Bench(Strategy):
    """Signals by the number of the candle; a stop is given when a position opens."""

    entries: np.ndarray
    exits: np.ndarray
    stop: float

    def should_long(self) -> bool:
        return bool(self.entries[self.index])

    def should_short(self) -> bool:
        return False

    def should_cancel_entry(self) -> bool:
        return True

    def go_long(self) -> None:
        self.buy = SHARE * self.balance / self.price, self.price

    def on_open_position(self, order: object) -> None:
        self.stop_loss = self.position.qty, self.position.entry_price * (1 - self.stop)

    def update_position(self) -> None:
        if self.exits[self.index]:
            self.liquidate()


def signals(close: np.ndarray, case: str) -> tuple[np.ndarray, np.ndarray]:
    if case == "sma":
        lead = talib.SMA(close, 10) - talib.SMA(close, 50)
        before = np.concatenate(([np.nan], lead[:-1]))
        return (lead > 0) & (before <= 0), (lead < 0) & (before >= 0)
    strength, histogram = talib.RSI(close, 14), talib.MACD(close, 12, 26, 9)[2]
    return (strength < 30) & (histogram > 0), strength > 70


def main() -> None:
    path, case, runs = FROM / sys.argv[1], *asked()[1:]
    columns = candles(str(path))
    rows = np.column_stack([columns[name] for name in ("ts", "open", "close", "high", "low", "volume")])
    Bench.entries, Bench.exits = signals(columns["close"], case)
    Bench.stop = STOP[case]
    config = {
        "starting_balance": CASH,
        "fee": FEE + SLIPPAGE,
        "type": "spot",
        "exchange": EXCHANGE,
        "warm_up_candles": 0,
    }
    routes = [{"exchange": EXCHANGE, "strategy": Bench, "symbol": SYMBOL, "timeframe": "1m"}]
    history = {f"{EXCHANGE}-{SYMBOL}": {"exchange": EXCHANGE, "symbol": SYMBOL, "candles": rows}}

    def once() -> dict[str, object]:
        began = time.perf_counter()
        found = research.backtest(config, routes, [], history, fast_mode=True)
        taken = time.perf_counter() - began
        figures = found["metrics"]
        equity = float(figures["finishing_balance"])
        return {"trades": int(figures["total"]), "stops": None, "final_equity": equity, "seconds": taken}

    tell(once, runs, warm=runs > 1, version=version("jesse"))


if __name__ == "__main__":
    main()
