"""nautilus_trader's BacktestEngine on 1-minute bars with its own compiled indicators. It has no proportional slippage
and fills at the close: a fee of 0.15 % stands in, and some dollars differ.
"""

import time
from decimal import Decimal

import nautilus_trader
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig, StrategyConfig
from nautilus_trader.indicators import (
    ExponentialMovingAverage,
    MovingAverageConvergenceDivergence,
    MovingAverageType,
    RelativeStrengthIndex,
    SimpleMovingAverage,
)
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide, TimeInForce
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy
from timing import CASH, FEE, SHARE, SLIPPAGE, STOP, asked, candles, tell

VENUE = Venue("BENCH")
ID = InstrumentId(Symbol("BTCUSDT"), VENUE)
BARS = BarType.from_str("BTCUSDT.BENCH-1-MINUTE-LAST-EXTERNAL")
PAIR = CurrencyPair(
    instrument_id=ID,
    raw_symbol=Symbol("BTCUSDT"),
    base_currency=BTC,
    quote_currency=USDT,
    price_precision=2,
    size_precision=8,
    price_increment=Price.from_str("0.01"),
    size_increment=Quantity.from_str("0.00000001"),
    maker_fee=Decimal(str(FEE + SLIPPAGE)),
    taker_fee=Decimal(str(FEE + SLIPPAGE)),
    ts_event=0,
    ts_init=0,
)


class Settings(StrategyConfig, frozen=True):
    stop: float
    averages: bool


class Bench(Strategy):
    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.strength = RelativeStrengthIndex(14, MovingAverageType.WILDER)
        self.macd = MovingAverageConvergenceDivergence(12, 26, MovingAverageType.EXPONENTIAL)
        self.line = ExponentialMovingAverage(9)
        self.fast, self.slow = SimpleMovingAverage(10), SimpleMovingAverage(50)
        self.inside, self.quantity, self.standing, self.lead = False, None, None, None
        self.trades = self.stops = self.seen = 0

    def on_start(self) -> None:
        own = (self.fast, self.slow) if self.config.averages else (self.strength, self.macd)
        for indicator in own:
            self.register_indicator_for_bars(BARS, indicator)
        self.subscribe_bars(BARS)

    def on_bar(self, bar: Bar) -> None:
        self.seen += 1
        enters, leaves = self.crossed() if self.config.averages else self.stretched()
        if self.inside and leaves:
            if self.standing is not None:
                self.cancel_order(self.standing)
                self.standing = None
            self.inside = False
            self.submit_order(self.order_factory.market(ID, OrderSide.SELL, self.quantity, TimeInForce.GTC))
        elif not self.inside and enters:
            equity = self.portfolio.account(VENUE).balance_total(USDT).as_double()
            self.inside, self.quantity = True, PAIR.make_qty(SHARE * equity / bar.close.as_double())
            self.submit_order(self.order_factory.market(ID, OrderSide.BUY, self.quantity, TimeInForce.GTC))

    def stretched(self) -> tuple[bool, bool]:
        if not self.macd.initialized:
            return False, False
        self.line.update_raw(self.macd.value)
        return self.strength.value < 0.30 and self.macd.value > self.line.value, self.strength.value > 0.70

    def crossed(self) -> tuple[bool, bool]:
        if not self.slow.initialized:
            return False, False
        before, self.lead = self.lead, self.fast.value - self.slow.value
        if before is None:
            return False, False
        return self.lead > 0 >= before, self.lead < 0 <= before

    def on_order_filled(self, event: OrderFilled) -> None:
        if not self.cache.order(event.client_order_id).is_closed:
            return  # it fills in parts, as the bar's volume allows
        if event.order_side == OrderSide.BUY:
            price = PAIR.make_price(event.last_px.as_double() * (1 - self.config.stop))
            self.standing = self.order_factory.stop_market(
                ID, OrderSide.SELL, self.quantity, price, time_in_force=TimeInForce.GTC
            )
            self.submit_order(self.standing)
            return
        self.trades += 1
        if self.standing is not None and event.client_order_id == self.standing.client_order_id:
            self.stops, self.standing, self.inside = self.stops + 1, None, False


def main() -> None:
    path, case, runs = asked()
    columns = candles(path)
    frame = pd.DataFrame(columns, index=pd.to_datetime(columns.pop("ts"), unit="ms", utc=True))
    last = float(frame["close"].iloc[-1])
    bars = BarDataWrangler(BARS, PAIR).process(frame[["open", "high", "low", "close", "volume"]])

    def once() -> dict[str, object]:
        quiet = LoggingConfig(bypass_logging=True)
        engine = BacktestEngine(
            BacktestEngineConfig(
                trader_id="BENCH-001", logging=quiet, risk_engine=RiskEngineConfig(bypass=True), run_analysis=False
            )
        )
        engine.add_venue(
            venue=VENUE,
            oms_type=OmsType.NETTING,
            account_type=AccountType.CASH,
            base_currency=None,
            starting_balances=[Money(CASH, USDT), Money(0, BTC)],
        )
        engine.add_instrument(PAIR)
        engine.add_data(bars)
        strategy = Bench(Settings(stop=STOP[case], averages=case == "sma"))
        engine.add_strategy(strategy)
        began = time.perf_counter()
        engine.run()
        taken = time.perf_counter() - began
        held = {
            str(key): value.as_double() for key, value in engine.cache.account_for_venue(VENUE).balances_total().items()
        }
        told = {
            "trades": strategy.trades,
            "stops": strategy.stops,
            "final_equity": held.get("USDT", 0.0) + held.get("BTC", 0.0) * last,
            "seconds": taken,
        }
        if strategy.seen != len(frame):
            raise RuntimeError(f"stopped after {strategy.seen} of {len(frame)} bars")
        engine.dispose()
        return told

    tell(once, runs, warm=runs > 1, version=nautilus_trader.__version__)


if __name__ == "__main__":
    main()
