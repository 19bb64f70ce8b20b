"""What every fill and every close is checked against: the day, loss limits, tripwires. As `app.core.guards` does it."""

from typing import Any

from backtest.kernels.compiling import compiled
from backtest.kernels.grid import quantity_of
from backtest.kernels.terms import FREE, OFF, OPEN

DAY_MS = 86_400_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
MARGIN = 1e-9


@compiled
def liquid(t: Any, account: Any) -> float:
    """Cash, and what is held sold at the last price less the fee: the stricter figure that risk uses."""
    value = account.held * account.quote
    return float(account.cash + value - value * t.fee / 100.0)


@compiled
def hold(account: Any, t: Any) -> None:
    """What positions and dust came to, after either has changed."""
    account.held = quantity_of(account.lots + account.dust, t.step_num, t.step_den)


@compiled
def set_alarm(account: Any, t: Any) -> None:
    """Above this liquidation value no limit is reached, so that a quiet candle needs one comparison. With a margin:
    whoever is below looks closer."""
    alarm = 0.0
    if t.day_loss == t.day_loss:
        alarm = account.units * account.day_nav * (1.0 - t.day_loss / 100.0)
    if t.total_loss == t.total_loss:
        alarm = max(alarm, account.units * (1.0 - t.total_loss / 100.0))
    if t.day_notional == t.day_notional:
        alarm = max(alarm, account.day_notional * 100.0 / t.day_notional)
    account.alarm = alarm * (1.0 + MARGIN)


@compiled
def trading(account: Any) -> bool:
    """Whether votes are held."""
    return bool(account.runaway == 0 and account.day_latched == 0 and account.killed == 0)


@compiled
def start_day(account: Any, t: Any, at: int) -> None:
    """The base of the UTC day of `at`, if it is a later one, on the last price."""
    if at < account.next_day:
        return
    account.next_day = (at // DAY_MS + 1) * DAY_MS
    account.day_nav = liquid(t, account) / account.units
    account.day_equity = account.cash + account.held * account.quote
    account.day_realised, account.day_notional = 0.0, 0.0
    account.day_entries, account.day_latched = 0, 0
    set_alarm(account, t)


@compiled
def check_day_loss(at: int, value: float, t: Any, account: Any) -> None:
    """The worse of marked and realised loss of the day pauses until 00:00 UTC."""
    if account.day_latched != 0:
        return
    marked = (1.0 - value / account.units / account.day_nav) * 100.0 if account.day_nav > 0.0 else 0.0
    realised = -account.day_realised / account.day_equity * 100.0 if account.day_equity > 0.0 else 0.0
    if max(marked, realised, 0.0) >= t.day_loss:
        account.day_latched = 1
        account.day_latches += 1


@compiled
def run_away(at: int, account: Any) -> None:
    """Entries and votes rest until the next UTC day."""
    if account.runaway == 0:
        account.runaway = 1
        account.runaways += 1
        account.runaway_until = (at // DAY_MS + 1) * DAY_MS


@compiled
def check_tripwires(at: int, value: float, t: Any, account: Any, order_times: Any) -> None:
    if account.runaway != 0:
        return
    if (
        _too_many(account.orders, t.per_minute, order_times, at - MINUTE_MS)
        or _too_many(account.orders, t.per_hour, order_times, at - HOUR_MS)
        or (t.stop_outs != OFF and account.stop_outs >= t.stop_outs)
        or (value != 0.0 and account.day_notional / value * 100.0 > t.day_notional)
    ):
        run_away(at, account)


@compiled
def _too_many(orders: int, limit: int, order_times: Any, since: int) -> bool:
    """Whether more than `limit` orders were made after `since`. The newest are kept, in a ring."""
    return limit != OFF and orders > limit and order_times[(orders - 1 - limit) % len(order_times)] > since


@compiled
def after_report(at: int, t: Any, account: Any, order_times: Any) -> None:
    """What the engine looks at after each word from the exchange."""
    value = liquid(t, account)
    check_day_loss(at, value, t, account)
    check_tripwires(at, value, t, account, order_times)


@compiled
def add_order(at: int, account: Any, order_times: Any) -> None:
    order_times[account.orders % len(order_times)] = at
    account.orders += 1


@compiled
def next_by_number(slots: Any, after: int) -> int:
    """The slot of the oldest position younger than number `after`; -1 where none is left."""
    found = -1
    for index in range(len(slots)):
        slot = slots[index]
        if slot.state != FREE and slot.number > after and (found < 0 or slot.number < slots[found].number):
            found = index
    return found


@compiled
def next_by_sequence(slots: Any, after: int) -> int:
    """The slot whose order was placed first after `after`, as the exchange keeps them; -1 where none is left."""
    found = -1
    for index in range(len(slots)):
        slot = slots[index]
        if slot.state != FREE and slot.sequence > after and (found < 0 or slot.sequence < slots[found].sequence):
            found = index
    return found


@compiled
def remember_levels(account: Any, slots: Any) -> None:
    """The highest stop, the lowest high, and whether anything waits for the next open: what a quiet candle is not."""
    account.top_stop, account.least_high, account.busy = 0.0, 1e300, account.pending
    for index in range(len(slots)):
        slot = slots[index]
        if slot.state == FREE:
            continue
        if slot.state != OPEN:
            account.busy = 1
        else:
            account.least_high = min(account.least_high, slot.highest)
        account.top_stop = max(account.top_stop, slot.stop)
