"""The real program with TRADER_MODE=live as a process against the double of Binance.US as another: real HTTP, real
WebSockets, real candles of real minutes. Its one strategy reads the volume of the newest candle: the exchange says
what it thinks.
"""

import hashlib
from dataclasses import dataclass, field

from tests.exchange_process import ExchangeProcess
from tests.one_time_codes import OneTimeCodes
from tests.trader_process import TraderProcess

TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
HOLD, BUY, SELL = 1, 2, 3  # volumes
STRATEGY = '''"""Says what the newest candle's volume says: 2 BUY, 3 SELL, anything else HOLD."""

from collections.abc import Sequence

from strategies.base_strategy import BaseStrategy, MarketData, NewsEvent, Signal


class Told(BaseStrategy):
    startup_candles = 2

    def analyze(self, market_data: MarketData, news_events: Sequence[NewsEvent]) -> Signal:
        volume = int(market_data.candles[-1].volume)
        action = {2: "BUY", 3: "SELL"}.get(volume, "HOLD")
        return Signal(action, 100, f"The volume is {volume}.")
'''
STRATEGIES = (
    "cycle_seconds: 5\ntimeframe: 1m\nstrategies:\n"
    f"  told: {{enabled: true, weight: 1, sha256: {hashlib.sha256(STRATEGY.encode()).hexdigest()}}}\n"
)
RISK = (
    "position_size_pct: 1\nstop_loss_pct: 1\nstop_limit_gap_pct: 5\n"
    "trailing: {activate_pct: 0.1, distance_pct: 0.3, min_step_pct: 0.01}\n"
    "entry: {cooldown_candles: 0, max_entries_per_day: 200}\n"
    "tripwires: {orders_per_minute: 60, orders_per_hour: 1000, notional_per_day_pct: 5000, stop_outs_in_a_row: 100,"
    " rejects_in_10_minutes: 100}\n"
)


@dataclass
class LiveTrader(TraderProcess):
    """`market` is unused: a live trader goes to `exchange`."""

    market: str = "binanceus"
    exchange: ExchangeProcess = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        (self.folder / "config/strategies.yml").write_text(STRATEGIES)
        (self.folder / "config/risk.yml").write_text(RISK)
        strategies = self.folder / "strategies"
        strategies.mkdir(exist_ok=True)
        (strategies / "told.py").write_text(STRATEGY)
        self.settings = {
            "TRADER_MODE": "live",
            "TRADER_STRATEGIES_DIR": str(strategies),
            "TRADER_ADMIN_TOTP_SECRET": TOTP,
            **self.exchange.settings,
            **self.settings,
        }
        self.codes = OneTimeCodes(TOTP)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"
