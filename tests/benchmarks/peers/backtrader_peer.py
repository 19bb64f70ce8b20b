"""backtrader in its fastest form: everything preloaded, indicators in one go, no observers. It sizes an entry at the
signal's close, and a stop is live one candle later: a few cents differ.
"""

from datetime import datetime

import backtrader as bt
import numpy as np
from timing import CASH, FEE, SHARE, SLIPPAGE, STOP, asked, candles, tell

FIELDS = ("open", "high", "low", "close", "volume")


class Columns(bt.feed.DataBase):
    """Candles from lists; its own reader of pandas takes longer than the work that is measured."""

    rows: list[list[float]]

    def start(self) -> None:
        super().start()
        self._next = 0

    def _load(self) -> bool:
        row = self._next
        if row >= len(self.rows[0]):
            return False
        self._next = row + 1
        self.lines.datetime[0] = self.rows[0][row]
        for name, column in zip(FIELDS, self.rows[1:], strict=True):
            getattr(self.lines, name)[0] = column[row]
        self.lines.openinterest[0] = 0.0
        return True


class Oscillators(bt.Strategy):
    params = (("stop", STOP["rsi"]),)

    def __init__(self) -> None:
        self.waiting = self.standing = None
        self.trades = self.stops = 0
        self.prepare()

    def prepare(self) -> None:
        self.strength = bt.ind.RSI(self.data.close, period=14, safediv=True)
        self.macd = bt.ind.MACDHisto(self.data.close, period_me1=12, period_me2=26, period_signal=9)

    def enters(self) -> bool:
        return self.strength[0] < 30 and self.macd.histo[0] > 0

    def leaves(self) -> bool:
        return self.strength[0] > 70

    def next(self) -> None:
        if self.waiting is not None:
            return
        if self.position.size and self.leaves():
            if self.standing is not None:
                self.cancel(self.standing)
                self.standing = None
            self.waiting = self.close()
        elif not self.position.size and self.enters():
            price = self.data.close[0] * (1 + SLIPPAGE)
            self.waiting = self.buy(size=SHARE * self.broker.getvalue() / price)

    def notify_order(self, order: bt.Order) -> None:
        if order.status == order.Completed:
            self._filled(order)
        if self.waiting is not None and order.ref == self.waiting.ref and not order.alive():
            self.waiting = None

    def _filled(self, order: bt.Order) -> None:
        if order.isbuy():
            price = order.executed.price * (1 - self.p.stop)
            self.standing = self.sell(size=order.executed.size, exectype=bt.Order.Stop, price=price)
            return
        self.trades += 1
        if self.standing is not None and order.ref == self.standing.ref:
            self.stops, self.standing = self.stops + 1, None


class Averages(Oscillators):
    def prepare(self) -> None:
        fast, slow = (bt.ind.SMA(self.data.close, period=period) for period in (10, 50))
        self.cross = bt.ind.CrossOver(fast, slow)

    def enters(self) -> bool:
        return self.cross[0] > 0

    def leaves(self) -> bool:
        return self.cross[0] < 0


def main() -> None:
    path, case, runs = asked()
    columns = candles(path)
    days = bt.date2num(datetime(1970, 1, 1)) + columns["ts"] / 86_400_000
    rows = [np.asarray(column).tolist() for column in (days, *(columns[name] for name in FIELDS))]

    def once() -> dict[str, object]:
        cerebro = bt.Cerebro(stdstats=False, preload=True, runonce=True)
        feed = Columns(timeframe=bt.TimeFrame.Minutes)
        feed.rows = rows
        cerebro.adddata(feed)
        cerebro.addstrategy(Averages if case == "sma" else Oscillators, stop=STOP[case])
        cerebro.broker.setcash(CASH)
        cerebro.broker.setcommission(commission=FEE)
        cerebro.broker.set_slippage_perc(SLIPPAGE, slip_open=True, slip_match=True, slip_out=True)
        done = cerebro.run()[0]
        return {"trades": done.trades, "stops": done.stops, "final_equity": cerebro.broker.getvalue()}

    tell(once, runs, warm=runs > 1, version=bt.__version__)


if __name__ == "__main__":
    main()
