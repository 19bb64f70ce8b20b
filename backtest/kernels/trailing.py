"""Trailing stops at a candle's close, as `app.core.stops` and `app.core.life` move them."""

from typing import Any

from backtest.kernels.compiling import compiled
from backtest.kernels.grid import at_least, down
from backtest.kernels.terms import OPEN
from backtest.kernels.watching import add_order, next_by_number, remember_levels

MOST_ORDERS = 800  # made for a position; the numbers left are for its stops and sales


@compiled
def trail(close: float, closed: int, t: Any, account: Any, slots: Any, order_times: Any) -> bool:
    """Follow the highest close, the oldest position first; whether any stop moved."""
    moved = False
    index = next_by_number(slots, -1)
    while index >= 0:
        slot = slots[index]
        if slot.state == OPEN:
            slot.highest = max(slot.highest, close)
            if slot.orders < MOST_ORDERS and _moves(slot, t):
                slot.moved = 1
                slot.orders += 1
                slot.sequence = account.sequence
                account.sequence += 1
                account.moves += 1
                add_order(closed, account, order_times)
                moved = True
        index = next_by_number(slots, slot.number)
    account.look = 0
    remember_levels(account, slots)
    return moved


@compiled
def _moves(slot: Any, t: Any) -> bool:
    """Move the stop where it is worth it: in profit enough, by the least step or more, and up."""
    if not at_least(slot.highest, slot.entry, t.activate_num, t.activate_den, t.tick_num, t.tick_den):
        return False
    level = down(slot.highest, t.distance_num, t.distance_den, t.tick_num, t.tick_den)
    if level <= slot.stop or not at_least(level, slot.stop, t.move_num, t.move_den, t.tick_num, t.tick_den):
        return False
    slot.stop = level
    return True
