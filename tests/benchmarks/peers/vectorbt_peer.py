"""vectorbt in its best form: a plain index, TA-Lib's indicators, single columns. `VECTORBT_ENGINE`: rust or numba."""

import os
import warnings

warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import talib  # noqa: E402
import vectorbt as vbt  # noqa: E402
from timing import CASH, FEE, LOWER, PERIODS, SHARE, SHOWN, SLIPPAGE, STOP, asked, candles, tell  # noqa: E402
from vectorbt.portfolio.enums import StopEntryPrice, StopExitPrice  # noqa: E402

ENGINE = os.environ.get("VECTORBT_ENGINE", "rust")


def main() -> None:
    path, case, runs = asked()
    series = {name: pd.Series(values) for name, values in candles(path).items()}
    close = series["close"].to_numpy()

    def one() -> dict[str, object]:
        entries, exits = averages(close) if case == "sma" else oscillators(close)
        portfolio = traded(series, entries, exits, STOP[case])
        return summary(portfolio)

    def hundred() -> dict[str, object]:
        rising = talib.MACD(close, 12, 26, 9)[2] > 0
        equity, trades = [], 0
        for period in PERIODS:
            strength = talib.RSI(close, period)
            for low in LOWER:
                entries, exits = later((strength < low) & rising), later(strength > 100 - low)
                entries[: SHOWN + 1] = False
                portfolio = traded(series, entries, exits, STOP[case])
                equity.append(float(portfolio.final_value()))
                trades += closed(portfolio)
        return {"trades": trades, "stops": None, "final_equity": sum(equity)}

    tell(hundred if case == "sweep" else one, runs, version=vbt.__version__)


def traded(series: dict[str, pd.Series], entries: np.ndarray, exits: np.ndarray, stop: float) -> vbt.Portfolio:
    return vbt.Portfolio.from_signals(
        series["close"],
        entries,
        exits,
        open=series["open"],
        high=series["high"],
        low=series["low"],
        price=series["open"],
        size=SHARE * (1 + FEE),
        size_type="percent",
        fees=FEE,
        slippage=SLIPPAGE,
        sl_stop=stop,
        stop_entry_price=StopEntryPrice.FillPrice,
        stop_exit_price=StopExitPrice.StopMarket,
        init_cash=CASH,
        direction="longonly",
        accumulate=False,
        engine=ENGINE,
    )


def summary(portfolio: vbt.Portfolio) -> dict[str, object]:
    return {"trades": closed(portfolio), "stops": None, "final_equity": float(portfolio.final_value())}


def closed(portfolio: vbt.Portfolio) -> int:
    return int((portfolio.exit_trades.records["status"] == 1).sum())


def oscillators(close: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    strength, histogram = talib.RSI(close, 14), talib.MACD(close, 12, 26, 9)[2]
    return later((strength < 30) & (histogram > 0)), later(strength > 70)


def averages(close: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    fast, slow = talib.SMA(close, 10), talib.SMA(close, 50)
    known = later(~np.isnan(slow))
    return tuple(later(side & ~later(side) & known) for side in (fast > slow, fast < slow))


def later(flags: np.ndarray) -> np.ndarray:
    """What a close says is done at the next open."""
    moved = np.zeros_like(flags)
    moved[1:] = flags[:-1]
    return moved


if __name__ == "__main__":
    main()
