"""From a BUY vote to an entry order: the checks of `app.core.risk.review` that a candle feed can fail."""

from typing import Any

from backtest.kernels.compiling import compiled
from backtest.kernels.grid import down, lots_down, on_boundary, quantity_of, up, whole
from backtest.kernels.terms import OFF
from backtest.kernels.watching import DAY_MS, add_order, liquid

NOTIONAL_MARGIN = 1.02


@compiled
def buy(row: int, closed: int, close: float, frames: Any, t: Any, account: Any, order_times: Any) -> None:
    """Send an entry for the next open, or count a refusal."""
    frame = _newest_frame(frames, account.frame, row)
    account.frame = frame
    if not _may_enter(frames[frame, 1], frames[frame, 2], t, account):
        account.refused += 1
        return
    if t.at_market != 0:
        cap = up(close, t.bound_num, t.bound_den, t.tick_num, t.tick_den)
    else:
        cap = down(close, t.bound_num, t.bound_den, t.tick_num, t.tick_den)
    equity = liquid(t, account)
    if equity <= 0.0:
        account.refused += 1
        return
    budget = equity * t.part / 100.0
    lots = lots_down(budget / cap, t.step_num, t.step_den)
    if t.step_den != 0 and on_boundary(budget / cap * t.step_den / t.step_num):
        account.boundary += 1
    if not _fits(lots, cap, equity, budget, close, t, account):
        account.refused += 1
        return
    account.pending, account.busy = 1, 1
    account.pending_lots, account.pending_limit, account.decided = lots, cap, row
    account.entry_frame = frames[frame, 1]
    account.day_entries += 1
    account.number += 1
    add_order(closed, account, order_times)


@compiled
def _newest_frame(frames: Any, known: int, row: int) -> int:
    """The newest closed candle of the strategies' time frame at `row`; `known` is one before it, or it."""
    if row < len(frames) and frames[row, 0] == row:  # they are the minutes themselves
        return row
    low, high = known, min(known + 2, len(frames))
    while high < len(frames) and frames[high - 1, 0] <= row:
        low, high = high - 1, min(high + (high - known), len(frames))
    while high - low > 1:
        middle = (low + high) // 2
        if frames[middle, 0] <= row:
            low = middle
        else:
            high = middle
    return low


@compiled
def _may_enter(frame_at: int, frame_whole: int, t: Any, account: Any) -> bool:
    if account.positions >= t.most_positions or account.entry_frame == frame_at or frame_whole == 0:
        return False
    if t.day_entries != OFF and account.day_entries >= t.day_entries:
        return False
    if t.cooldown == OFF or account.exit_at < 0:
        return True
    return bool((frame_at - _frame_of(account.exit_at, t)) // t.frame_ms > t.cooldown)


@compiled
def _frame_of(at: int, t: Any) -> int:
    """When the strategies' candle that holds `at` opened, counted from its midnight."""
    midnight = at // DAY_MS * DAY_MS
    return int(midnight + (at - midnight) // t.frame_ms * t.frame_ms)


@compiled
def _fits(lots: float, cap: float, equity: float, budget: float, close: float, t: Any, account: Any) -> bool:
    """Enough cash, above the exchange's minimum with its stop too, below the exposure limit."""
    if lots <= 0.0 or account.cash < budget:
        return False
    notional = quantity_of(lots, t.step_num, t.step_den) * cap
    stop = down(cap, t.stop_num, t.stop_den, t.tick_num, t.tick_den)
    limit = down(stop, t.gap_num, t.gap_den, t.tick_num, t.tick_den)
    kept = float(whole(lots) * t.keep_num // t.keep_den) if t.step_den != 0 else lots * t.keep_num / t.keep_den
    least = NOTIONAL_MARGIN * t.min_notional
    if notional < least or quantity_of(kept, t.step_num, t.step_den) * limit < least:
        return False
    return bool((account.held * close + notional) / equity * 100.0 <= t.exposure)
