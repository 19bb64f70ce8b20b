"""RSI thresholds swept by an index: candles in blocks of 64, of which a combination skips those that cannot fire.

Only for what a block can tell alone: a stateless signal, one position at a time, no trailing stop, and no limit that
counts or measures over time. Whatever is left is counted by the very functions of the trading kernel.
"""

from typing import Any

import numpy as np

from backtest.kernels.compiling import compiled
from backtest.kernels.entering import buy
from backtest.kernels.indicators import FLAT
from backtest.kernels.opening import live_through_open
from backtest.kernels.terms import CLOSING, VOTE

BLOCK = 64


@compiled
def lowest_by_block(values: Any, out: Any) -> None:
    """The least value of each block of 64."""
    for block in range(len(out)):
        low = np.inf
        for row in range(block * BLOCK, min((block + 1) * BLOCK, len(values))):
            low = min(low, values[row])
        out[block] = low


@compiled
def index_rsi(
    close: Any, period: int, rising: Any, warm_up: int, rsi: Any, entries: Any, lowest: Any, highest: Any
) -> None:
    """RSI as `indicators.rsi` has it, and beside it, while its recursion keeps the processor waiting: into `entries`
    where an entry is possible at all, else infinity; and the extremes of each block."""
    alpha = 1.0 / period
    rises = falls = 0.0
    before = close[0] if len(close) > 0 else 0.0
    for block in range(len(lowest)):
        low, high = np.inf, -np.inf
        for row in range(block * BLOCK, min((block + 1) * BLOCK, len(close))):
            price = close[row]
            move = price - before
            before = price
            rise, fall = max(move, 0.0), max(-move, 0.0)
            weight = alpha if row > 1 else 1.0
            rises = rises + weight * (rise - rises)
            falls = falls + weight * (fall - falls)
            total = rises + falls
            value = 100.0 * rises / total if total > FLAT * price else 50.0
            if row < warm_up or row == 0:
                value = np.nan
            rsi[row] = value
            entry = value if rising[row] and value == value else np.inf
            entries[row] = entry
            low = min(low, entry)
            if value > high:
                high = value
        lowest[block], highest[block] = low, high


@compiled
def next_below(values: Any, by_block: Any, limit: float, row: int) -> int:
    """The first row from `row` on with a value < `limit`; the length where there is none."""
    count = len(values)
    while row < count:
        block = row // BLOCK
        if by_block[block] < limit:
            for each in range(row, min((block + 1) * BLOCK, count)):
                if values[each] < limit:
                    return each
        row = (block + 1) * BLOCK
    return count


@compiled
def next_exit(rsi: Any, highest: Any, upper: float, lows: Any, lowest: Any, stop: float, row: int) -> int:
    """The first row from `row` on whose low reaches `stop`, or whose RSI is above `upper` at its close."""
    count = len(rsi)
    while row < count:
        block = row // BLOCK
        if highest[block] > upper or lowest[block] <= stop:
            for each in range(row, min((block + 1) * BLOCK, count)):
                if lows[each] <= stop or rsi[each] > upper:
                    return each
        row = (block + 1) * BLOCK
    return count


@compiled
def trade_thresholds(
    ts: Any,
    opens: Any,
    lows: Any,
    closes: Any,
    frames: Any,
    rsi: Any,
    entries: Any,
    lowest_entry: Any,
    highest_rsi: Any,
    lowest_low: Any,
    lower: float,
    upper: float,
    terms: Any,
    accounts: Any,
    slots: Any,
    order_times: Any,
    trades: Any,
) -> None:
    """One combination: BUY where `entries` < lower, SELL where `rsi` > upper."""
    t, account = terms[0], accounts[0]
    count = len(ts)
    row = 0
    while True:
        row = next_below(entries, lowest_entry, lower, row)
        if row >= count - 1:
            break
        account.quote = opens[row + 1] if t.at_open != 0 else closes[row]
        buy(row, ts[row] + t.candle_ms, account.quote, frames, t, account, order_times)
        row += 1
        if account.pending != 0:
            row = _hold(
                row,
                ts,
                opens,
                lows,
                closes,
                rsi,
                highest_rsi,
                lowest_low,
                upper,
                t,
                account,
                slots,
                order_times,
                trades,
            )
    account.quote = closes[count - 1]
    account.equity = account.cash + account.held * account.quote


@compiled
def _hold(
    row: int,
    ts: Any,
    opens: Any,
    lows: Any,
    closes: Any,
    rsi: Any,
    highest_rsi: Any,
    lowest_low: Any,
    upper: float,
    t: Any,
    account: Any,
    slots: Any,
    order_times: Any,
    trades: Any,
) -> int:
    """From the entry's fill to the sale; the row at whose close the next vote counts."""
    live_through_open(row, ts[row], opens[row], lows[row], t, account, slots, order_times, trades)
    while account.positions > 0:
        if account.busy == 0 and rsi[row] > upper:
            slots[0].state, slots[0].reason = CLOSING, VOTE
            account.busy = 1
        if account.busy != 0:
            row += 1
        else:
            row = next_exit(rsi, highest_rsi, upper, lows, lowest_low, account.top_stop, row + 1)
        if row >= len(ts):
            break
        if account.busy != 0 or lows[row] <= account.top_stop:
            account.quote = closes[row - 1]
            live_through_open(row, ts[row], opens[row], lows[row], t, account, slots, order_times, trades)
    return row
