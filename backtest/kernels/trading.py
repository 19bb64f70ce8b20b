"""The trading kernel: one run over one series of candles, by the product's rules, in float64.

A candle is lived through as the dense replay does it: the new day and resting stops first, cancels, then what fills at
the open, stops placed since, the close (losses, trailing), the vote. It decides nothing that the engine does not.
"""

from typing import Any

from backtest.kernels.compiling import compiled
from backtest.kernels.entering import buy
from backtest.kernels.grid import quantity_of
from backtest.kernels.opening import live_through_open
from backtest.kernels.terms import BUY, CLOSING, KILL_SWITCH, NOT_DUE, OPEN, SELL, VOTE
from backtest.kernels.trailing import trail
from backtest.kernels.watching import (
    DAY_MS,
    after_report,
    check_day_loss,
    check_tripwires,
    liquid,
    start_day,
    trading,
)


@compiled
def trade(
    ts: Any,
    opens: Any,
    lows: Any,
    closes: Any,
    votes: Any,
    frames: Any,
    first: int,
    terms: Any,
    accounts: Any,
    slots: Any,
    order_times: Any,
    trades: Any,
    equity: Any,
    daily: Any,
) -> int:
    """Trade on rows `first` to the end; returns the row after the last one lived through.

    `votes`: int8 by row. `frames`: (closed row, opened at ms, whole) by closed candle of the strategies' time frame.
    `accounts`: one record with the cash in it. `trades`, `equity`, `daily` are filled as far as they reach: pass empty
    ones where only the account's figures are wanted.
    """
    t, account = terms[0], accounts[0]
    count = len(ts)
    row = first
    while row < count:
        if account.positions == 0 and account.pending == 0:
            row = skip(row, ts, closes, votes, t, account, equity, first)
            if row >= count:
                break
        opened = ts[row]
        closed = opened + t.candle_ms
        if account.runaway != 0 and opened >= account.runaway_until:
            start_day(account, t, opened)
            account.runaway, account.stop_outs, account.orders = 0, 0, 0
        if account.busy != 0 or (account.positions > 0 and lows[row] <= account.top_stop):
            live_through_open(row, opened, opens[row], lows[row], t, account, slots, order_times, trades)
        close = closes[row]
        _close(close, closed, t, account, slots, order_times)
        vote = votes[row]
        if vote == BUY and t.at_open != 0 and row + 1 < count:
            close = account.quote = opens[row + 1]
        if vote != NOT_DUE and trading(account):
            if vote == SELL:
                _sell_all(account, slots)
            elif vote == BUY:
                buy(row, closed, close, frames, t, account, order_times)
            check_tripwires(closed, liquid(t, account), t, account, order_times)
        _mark(row, closed, closes[row], t, account, equity, daily, first)
        row += 1
        if account.killed != 0 and account.positions == 0:
            break
    if account.days < len(daily):
        daily[account.days] = account.equity
    account.days += 1
    return row


@compiled
def skip(row: int, ts: Any, closes: Any, votes: Any, t: Any, account: Any, equity: Any, first: int) -> int:
    """While nothing is held but dust, only a new day, a BUY or a limit can change anything: the next such row."""
    if not _calm(t, account):
        return row
    cash = account.cash
    until = min(account.next_day, account.bucket_end + 1) - t.candle_ms
    dust = quantity_of(account.dust, t.step_num, t.step_den)
    count, kept = len(ts), len(equity)
    begin = row
    if dust == 0.0:
        while row < count and votes[row] != BUY and ts[row] < until:
            row += 1
        if row > begin:
            for each in range(min(begin - first, kept), min(row - first, kept)):
                equity[each] = cash
            _figure(cash, account)
    else:
        while row < count and votes[row] != BUY and ts[row] < until:
            value = cash + dust * closes[row]
            if row - first < kept:
                equity[row - first] = value
            if value > account.peak or value < account.floor:
                _figure(value, account)
            row += 1
        if row > begin:
            account.equity = cash + dust * closes[row - 1]
    if row > begin:
        account.quote = closes[row - 1]
    return row


@compiled
def _calm(t: Any, account: Any) -> bool:
    """No latch, and no limit within reach: what dust is worth only adds to the cash, which alone reaches none."""
    if account.runaway != 0 or account.day_latched != 0 or account.kill_seen != 0 or account.killed != 0:
        return False
    marked = (1.0 - account.cash / account.units / account.day_nav) * 100.0
    realised = -account.day_realised / account.day_equity * 100.0
    if max(marked, realised) >= t.day_loss or (1.0 - account.cash / account.units) * 100.0 >= t.total_loss:
        return False
    tripping = account.day_notional * 100.0 >= t.day_notional * account.cash
    return not tripping


@compiled
def _close(close: float, closed: int, t: Any, account: Any, slots: Any, order_times: Any) -> None:
    """The closed candle: the price, a new day, losses, the kill switch, trailing."""
    account.quote = close
    if closed >= account.next_day:
        start_day(account, t, closed)
    value = liquid(t, account)
    check_day_loss(closed, value, t, account)
    if account.killed == 0:
        if (1.0 - value / account.units) * 100.0 >= t.total_loss:
            account.kill_seen += 1
            if account.kill_seen >= 2:
                account.killed = 1
                _close_all(account, slots, KILL_SWITCH)
        else:
            account.kill_seen = 0
    may_trail = account.positions > 0 and t.trails != 0 and (account.look != 0 or close > account.least_high)
    if may_trail and trail(close, closed, t, account, slots, order_times):
        after_report(closed, t, account, order_times)


@compiled
def _sell_all(account: Any, slots: Any) -> None:
    _close_all(account, slots, VOTE)


@compiled
def _close_all(account: Any, slots: Any, reason: int) -> None:
    """Take back the stops of open positions; what they do not sell first is sold at the next open."""
    for index in range(len(slots)):
        slot = slots[index]
        if slot.state == OPEN:
            slot.state, slot.reason = CLOSING, reason
            account.busy = 1


@compiled
def _mark(row: int, closed: int, close: float, t: Any, account: Any, equity: Any, daily: Any, first: int) -> None:
    """Equity at the candle's close, and the day that ended before it."""
    if closed > account.bucket_end:
        if account.days < len(daily) and row > first:
            daily[account.days] = account.equity
        account.days += row > first
        account.bucket_end = -(-closed // DAY_MS) * DAY_MS
    value = account.cash + quantity_of(account.lots + account.dust, t.step_num, t.step_den) * close
    if row - first < len(equity):
        equity[row - first] = value
    _figure(value, account)
    account.exposed += account.positions > 0 or account.pending != 0


@compiled
def _figure(value: float, account: Any) -> None:
    account.equity = value
    if value > account.peak:
        account.peak = value
        account.floor = value * (1.0 - account.drawdown)
    elif value < account.floor:
        account.drawdown = (account.peak - value) / account.peak
        account.floor = value
