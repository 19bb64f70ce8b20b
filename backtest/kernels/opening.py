"""A candle's first three steps: stops, then cancels and what fills at the open, then the stops placed since."""

from typing import Any

from backtest.kernels.compiling import compiled
from backtest.kernels.grid import down, quantity_of, up
from backtest.kernels.terms import CLOSING, EMERGENCY, EXITING, FREE, OPEN, STOP, TRAILING_STOP
from backtest.kernels.watching import (
    add_order,
    after_report,
    hold,
    liquid,
    next_by_sequence,
    remember_levels,
    run_away,
    set_alarm,
    start_day,
)


@compiled
def live_through_open(
    row: int, opened: int, open_: float, low: float, t: Any, account: Any, slots: Any, order_times: Any, trades: Any
) -> None:
    """All that rests on the exchange when the candle opens."""
    _stops(row, opened, open_, low, t, account, slots, order_times, trades)
    _cancels(opened, t, account, slots, order_times)
    _sales(row, opened, open_, t, account, slots, order_times, trades)
    if account.pending != 0:
        _enter(row, opened, open_, low, t, account, slots, order_times, trades)
    remember_levels(account, slots)


@compiled
def _stops(
    row: int,
    opened: int,
    open_: float,
    low: float,
    t: Any,
    account: Any,
    slots: Any,
    order_times: Any,
    trades: Any,
) -> None:
    """Every stop that stood at the open, also one that is being taken back."""
    index, after = next_by_sequence(slots, -1), -1
    while index >= 0:
        slot = slots[index]
        after = slot.sequence
        if slot.state != EXITING and low <= slot.stop:
            reason = TRAILING_STOP if slot.moved != 0 else STOP
            _sell(index, reason, min(open_, slot.stop), row, opened, t, account, slots, order_times, trades)
        index = next_by_sequence(slots, after)


@compiled
def _cancels(opened: int, t: Any, account: Any, slots: Any, order_times: Any) -> None:
    """Stops taken back: what they held is offered at the open; what is too little to sell becomes dust."""
    last = account.sequence
    index, after = next_by_sequence(slots, -1), -1
    while index >= 0 and slots[index].sequence < last:
        slot = slots[index]
        after = slot.sequence
        if slot.state == CLOSING:
            start_day(account, t, opened)
            _offer(slot, opened, t, account, order_times)
            after_report(opened, t, account, order_times)
        index = next_by_sequence(slots, after)


@compiled
def _offer(slot: Any, opened: int, t: Any, account: Any, order_times: Any) -> None:
    worth = quantity_of(slot.lots, t.step_num, t.step_den) * account.quote
    if slot.lots <= 0.0 or worth < t.min_notional:
        account.lots -= slot.lots
        account.dust += slot.lots
        account.dust_num += int(slot.lots) * t.keep_den
        hold(account, t)
        account.positions -= 1
        account.exit_at = opened
        slot.state = FREE
        return
    slot.state = EXITING
    slot.sequence = account.sequence
    account.sequence += 1
    add_order(opened, account, order_times)


@compiled
def _sales(
    row: int, opened: int, open_: float, t: Any, account: Any, slots: Any, order_times: Any, trades: Any
) -> None:
    index, after = next_by_sequence(slots, -1), -1
    while index >= 0:
        after = slots[index].sequence
        if slots[index].state == EXITING:
            _sell(index, slots[index].reason, open_, row, opened, t, account, slots, order_times, trades)
        index = next_by_sequence(slots, after)


@compiled
def _sell(
    index: int,
    reason: int,
    price: float,
    row: int,
    opened: int,
    t: Any,
    account: Any,
    slots: Any,
    order_times: Any,
    trades: Any,
) -> None:
    """Sold whole, less slippage and fee; the trade is booked."""
    start_day(account, t, opened)
    slot = slots[index]
    price = down(price, t.slip_down_num, t.slip_down_den, t.tick_num, t.tick_den)
    notional = quantity_of(slot.lots, t.step_num, t.step_den) * price
    fee = notional * t.fee / 100.0
    profit = notional - fee - slot.cost
    account.cash += notional - fee
    account.lots -= slot.lots
    account.positions -= 1
    if account.positions == 0:
        account.lots = 0.0  # nothing is left over by rounding
    hold(account, t)
    account.day_realised += profit
    account.exit_at = opened
    account.stop_outs = account.stop_outs + 1 if reason == STOP and profit < 0.0 else 0
    slot.state = FREE
    slot.fees += fee
    if -profit / liquid(t, account) * 100.0 > t.trade_loss:
        run_away(opened, account)
    _book(slot, reason, price, profit, row, account, trades)
    after_report(opened, t, account, order_times)


@compiled
def _book(slot: Any, reason: int, price: float, profit: float, row: int, account: Any, trades: Any) -> None:
    number = account.trades
    if number < len(trades):
        trades["decided"][number] = slot.decided
        trades["entered"][number] = slot.entered
        trades["exited"][number] = row
        trades["reason"][number] = reason
        trades["lots"][number] = slot.lots
        trades["entry_price"][number] = slot.entry
        trades["exit_price"][number] = price
        trades["fees"][number] = slot.fees
        trades["profit_loss"][number] = profit
        trades["cost"][number] = slot.cost
    account.trades += 1
    account.stops += reason == STOP
    account.trailing_stops += reason == TRAILING_STOP
    account.fees += slot.fees
    if profit > 0.0:
        account.wins += 1
        account.won += profit
    else:
        account.lost -= profit


@compiled
def _enter(
    row: int, opened: int, open_: float, low: float, t: Any, account: Any, slots: Any, order_times: Any, trades: Any
) -> None:
    """The entry fills at the open plus slippage, or expires where that is past its limit; its stop is tried at once."""
    start_day(account, t, opened)
    account.pending = 0
    price = up(open_, t.slip_up_num, t.slip_up_den, t.tick_num, t.tick_den)
    if t.at_market == 0 and price > account.pending_limit:
        account.expired += 1
        after_report(opened, t, account, order_times)
        return
    index = 0
    while slots[index].state != FREE:
        index += 1
    slot = slots[index]
    _take(slot, price, t, account)
    slot.decided, slot.entered, slot.number = account.decided, row, account.number
    slot.orders, slot.moved, slot.reason = 1, 0, STOP
    slot.entry, slot.highest = price, price
    account.positions += 1
    account.look = t.trails
    slot.stop = down(price, t.stop_num, t.stop_den, t.tick_num, t.tick_den)
    limit = down(slot.stop, t.gap_num, t.gap_den, t.tick_num, t.tick_den)
    if quantity_of(slot.lots, t.step_num, t.step_den) * limit < t.min_notional:
        slot.reason = EMERGENCY
        _offer(slot, opened, t, account, order_times)
        after_report(opened, t, account, order_times)
        return
    slot.state = OPEN
    slot.orders = 2
    slot.sequence = account.sequence
    account.sequence += 1
    add_order(opened, account, order_times)
    after_report(opened, t, account, order_times)
    if low <= slot.stop:
        _sell(index, STOP, min(open_, slot.stop), row, opened, t, account, slots, order_times, trades)


@compiled
def _take(slot: Any, price: float, t: Any, account: Any) -> None:
    """Pay and receive. A fee in base comes off what was bought; what is no whole step joins the dust."""
    gross = account.pending_lots
    notional = quantity_of(gross, t.step_num, t.step_den) * price
    fee = notional * t.fee / 100.0
    account.cash -= notional if t.fee_in_base != 0 else notional + fee
    account.day_notional += notional
    slot.cost = notional if t.fee_in_base != 0 else notional + fee
    slot.fees = fee
    if t.step_den == 0:
        slot.lots = gross * t.keep_num / t.keep_den if t.fee_in_base != 0 else gross
        slot.lots += account.dust
        account.dust = 0.0
    else:
        available = int(gross) * (t.keep_num if t.fee_in_base != 0 else t.keep_den) + account.dust_num
        slot.lots = float(available // t.keep_den)
        account.dust_num = available % t.keep_den
        account.dust = account.dust_num / t.keep_den
    account.lots += slot.lots
    hold(account, t)
    set_alarm(account, t)
