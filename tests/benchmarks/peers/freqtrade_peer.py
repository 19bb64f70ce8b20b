"""freqtrade's Backtesting from Python with no network: the market that it would ask the exchange for is given to it.
It knows no slippage, so its equity is higher.
"""

import logging
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import freqtrade
import pandas as pd
from freqtrade.configuration import TimeRange
from freqtrade.enums import CandleType, RunMode
from freqtrade.exchange.binance import Binance
from freqtrade.exchange.exchange import Exchange
from freqtrade.optimize.backtesting import Backtesting
from timing import CASH, FEE, SHARE, STOP, asked, candles, tell

PAIR = "BTC/USDT"
RSI = 'df["rsi"] = talib.RSI(c, 14); df["h"] = talib.MACD(c, 12, 26, 9)[2]'
RULES = {
    "rsi": (RSI, '(df["rsi"] < 30) & (df["h"] > 0)', 'df["rsi"] > 70'),
    "sma": (
        'df["lead"] = talib.SMA(c, 10) - talib.SMA(c, 50)',
        '(df["lead"] > 0) & (df["lead"].shift() <= 0)',
        '(df["lead"] < 0) & (df["lead"].shift() >= 0)',
    ),
}
RULES["tight"] = RULES["rsi"]
STRATEGY = """
import talib
from freqtrade.strategy import IStrategy
class BenchStrategy(IStrategy):
    INTERFACE_VERSION, timeframe, can_short, startup_candle_count = 3, "1m", False, 0
    stoploss, minimal_roi, use_exit_signal = -{stop}, {{"0": 1000}}, True
    def populate_indicators(self, df, metadata):
        c = df["close"].to_numpy()
        {indicators}
        return df
    def populate_entry_trend(self, df, metadata):
        df["enter_long"] = ({entry}).astype(int)
        return df
    def populate_exit_trend(self, df, metadata):
        df["exit_long"] = ({exit}).astype(int)
        return df
    def custom_stake_amount(self, pair, current_time, current_rate, proposed_stake, *args, **more):
        return {share} * self.wallets.get_total_stake_amount()
"""


def market() -> dict[str, Any]:
    limits = {"min": 1e-8, "max": 1e9}
    return {
        "id": "BTCUSDT",
        "symbol": PAIR,
        "base": "BTC",
        "quote": "USDT",
        "baseId": "BTC",
        "quoteId": "USDT",
        "settle": None,
        "type": "spot",
        "spot": True,
        **dict.fromkeys(("margin", "swap", "future", "option", "contract"), False),
        **dict.fromkeys(("linear", "inverse", "contractSize"), None),
        "active": True,
        "taker": FEE,
        "maker": FEE,
        "precision": {"amount": 1e-8, "price": 0.01, "cost": 1e-8},
        "limits": {"amount": limits, "price": limits, "cost": limits, "leverage": {"min": None, "max": None}},
        "info": {},
    }


async def no_download(self: Exchange, *_: Any, **__: Any) -> dict[str, Any]:
    return {PAIR: market()}


def take_market(self: Exchange, *_: Any, **__: Any) -> None:
    markets = {PAIR: market()}
    self._markets = self._api.markets = self._api_async.markets = markets
    self._api.markets_by_id = {"BTCUSDT": [markets[PAIR]]}
    self._last_markets_refresh = 10**13


def offline(stack: ExitStack) -> None:
    nothing = lambda *_, **__: None  # noqa: E731
    for owner, name, instead in (
        (Exchange, "_load_async_markets", no_download),
        (Exchange, "reload_markets", take_market),
        (Exchange, "validate_config", nothing),
        (Exchange, "additional_exchange_init", nothing),
        (Binance, "additional_exchange_init", nothing),
    ):
        stack.enter_context(patch.object(owner, name, instead))


def configuration(folder: Path) -> dict[str, Any]:
    prices = {"price_side": "other", "use_order_book": False}
    return {
        "runmode": RunMode.BACKTEST,
        "dry_run": True,
        "strategy": "BenchStrategy",
        "strategy_path": str(folder),
        "user_data_dir": folder,
        "datadir": folder,
        "exportdirectory": folder,
        "exportfilename": folder / "result.json",
        "export": "none",
        "timeframe": "1m",
        "stake_currency": "USDT",
        "stake_amount": CASH * SHARE,
        "max_open_trades": 1,
        "dry_run_wallet": CASH,
        "tradable_balance_ratio": 1.0,
        "fee": FEE,
        "trading_mode": "spot",
        "margin_mode": "",
        "candle_type_def": CandleType.SPOT,
        "dataformat_ohlcv": "feather",
        "exchange": {
            "name": "binance",
            "key": "",
            "secret": "",
            "pair_whitelist": [PAIR],
            "pair_blacklist": [],
            "skip_pair_validation": True,
        },
        "entry_pricing": prices,
        "exit_pricing": prices,
        "pairlists": [{"method": "StaticPairList"}],
        "backtest_cache": "none",
        "order_types": {"entry": "market", "exit": "market", "stoploss": "market", "stoploss_on_exchange": False},
        "unfilledtimeout": {"entry": 10, "exit": 10, "unit": "minutes", "exit_timeout_count": 0},
        "original_config": {},
        "verbosity": 0,
        "internals": {},
        "enable_protections": False,
        "progressbar": False,
    }


def main() -> None:
    logging.disable(logging.WARNING)
    path, case, runs = asked()
    columns = candles(path)
    columns["date"] = pd.to_datetime(columns.pop("ts"), unit="ms", utc=True)
    frame = pd.DataFrame(columns)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        indicators, entry, leave = RULES[case]
        source = STRATEGY.format(stop=STOP[case], indicators=indicators, entry=entry, exit=leave, share=SHARE)
        (folder / "bench_strategy.py").write_text(source)
        offline(stack)

        def once() -> dict[str, object]:
            import time

            bench = Backtesting(configuration(folder))
            bench._set_strategy(bench.strategylist[0])
            bench.timerange = TimeRange()
            data = {PAIR: frame.copy()}
            first, last = (frame["date"].iloc[row].to_pydatetime() for row in (0, -1))
            began = time.perf_counter()
            processed = bench.strategy.advise_all_indicators(data)
            found = bench.backtest(processed=processed, start_date=first, end_date=last)
            taken = time.perf_counter() - began
            trades = found["results"]
            Backtesting.cleanup()
            stops = int((trades["exit_reason"] == "stop_loss").sum()) if len(trades) else 0
            equity = CASH + float(trades["profit_abs"].sum()) if len(trades) else CASH
            return {"trades": len(trades), "stops": stops, "final_equity": equity, "seconds": taken}

        tell(once, runs, warm=runs > 1, version=freqtrade.__version__)


if __name__ == "__main__":
    main()
