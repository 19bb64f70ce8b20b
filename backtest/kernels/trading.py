"""The trading kernel: one run over one series of candles, by the product's rules, in float64.

A candle is lived through as the dense replay does it: the new day and resting stops first, cancels, then what fills at
the open, stops placed since, the close (losses, trailing), the vote. It decides nothing that the engine does not.
"""

from typing import Any

import numpy as np

from backtest.kernels.compiling import compiled
from backtest.kernels.entering import buy
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
        row = _coast(row, first, ts, lows, closes, votes, t, account, equity)
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
                _close_all(account, slots, VOTE)
            elif vote == BUY:
                buy(row, closed, close, frames, t, account, order_times)
            value = liquid(t, account)
            if vote == BUY or value <= account.alarm:
                check_tripwires(closed, value, t, account, order_times)
        _mark(row, closed, closes[row], t, account, equity, daily, first)
        row += 1
        if account.killed != 0 and account.positions == 0:
            break
    if account.days < len(daily):
        daily[account.days] = account.equity
    account.days += 1
    return row


@compiled
def _coast(row: int, first: int, ts: Any, lows: Any, closes: Any, votes: Any, t: Any, account: Any, equity: Any) -> int:
    """Live through candles in which nothing happens but that equity is marked; returns the first other row."""
    if account.busy != 0 or account.look != 0 or not trading(account) or account.kill_seen != 0:
        return row
    until = min(account.next_day, account.bucket_end + 1) - t.candle_ms
    end = min(len(ts), row + int((until - ts[row]) // t.candle_ms) + 1) if until > ts[row] else row
    while end > row and ts[end - 1] >= until:  # nowhere are candles denser than their length, but they may be missing
        end -= 1
    begin = row
    row = _hold_on(row, end, first, lows, closes, votes, t, account, equity)
    if row > begin:
        account.quote = closes[row - 1]
        account.equity = account.cash + account.held * account.quote
        account.exposed += (row - begin) * (account.positions > 0)
    return row


@compiled
def _hold_on(
    row: int, end: int, first: int, lows: Any, closes: Any, votes: Any, t: Any, account: Any, equity: Any
) -> int:
    """The loop of `_coast`: what it reads stays in registers."""
    cash, held, alarm, keep = account.cash, account.held, account.alarm, 1.0 - t.fee / 100.0
    holding, full = account.positions > 0, account.positions >= t.most_positions
    stop, high = account.top_stop, account.least_high if t.trails != 0 else np.inf
    peak, floor, deepest, refused = account.peak, account.floor, account.drawdown, 0
    marks = len(equity) > 0
    while row < end:
        vote, close = votes[row], closes[row]
        if vote == BUY:
            if not full:
                break
        elif vote == SELL and holding:
            break
        if holding and (lows[row] <= stop or close > high):
            break
        value = cash + held * close
        if cash + held * close * keep <= alarm:
            break
        refused += vote == BUY
        if marks:
            equity[row - first] = value
        if value > peak:
            peak = value
            floor = value * (1.0 - deepest)
        elif value < floor:
            deepest = (peak - value) / peak
            floor = value
        row += 1
    account.peak, account.floor, account.drawdown = peak, floor, deepest
    account.refused += refused
    return row


@compiled
def _close(close: float, closed: int, t: Any, account: Any, slots: Any, order_times: Any) -> None:
    """The closed candle: the price, a new day, losses, the kill switch, trailing."""
    account.quote = close
    if closed >= account.next_day:
        start_day(account, t, closed)
    value = liquid(t, account)
    if value <= account.alarm or account.kill_seen != 0:
        _check_losses(closed, value, t, account, slots)
    may_trail = account.positions > 0 and t.trails != 0 and (account.look != 0 or close > account.least_high)
    if may_trail and trail(close, closed, t, account, slots, order_times):
        after_report(closed, t, account, order_times)


@compiled
def _check_losses(closed: int, value: float, t: Any, account: Any, slots: Any) -> None:
    """The daily limit, and the kill switch, which believes two closes in a row."""
    check_day_loss(closed, value, t, account)
    if account.killed != 0:
        return
    if not (1.0 - value / account.units) * 100.0 >= t.total_loss:
        account.kill_seen = 0
        return
    account.kill_seen += 1
    if account.kill_seen >= 2:
        account.killed = 1
        _close_all(account, slots, KILL_SWITCH)


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
    value = account.cash + account.held * close
    if row - first < len(equity):
        equity[row - first] = value
    _figure(value, account)
    account.exposed += account.positions > 0


@compiled
def _figure(value: float, account: Any) -> None:
    account.equity = value
    if value > account.peak:
        account.peak = value
        account.floor = value * (1.0 - account.drawdown)
    elif value < account.floor:
        account.drawdown = (account.peak - value) / account.peak
        account.floor = value
