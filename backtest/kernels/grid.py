"""Prices on the tick and quantities on the step, in integers: the kernel's form of `app.core.model.Instrument`.

0.29 / 0.01 is 28.999999999999996 in binary: flooring floats loses a step on half of all grid values. A price that lies
on the tick is therefore counted in ticks, and a percentage is a ratio of integers. `den` 0 means no grid.
"""

import math

from backtest.kernels.compiling import compiled

NEAR = 1e-6  # of a tick: float64 is exact to 1e-8 of it where bitcoin trades
EVEN = 1e-9  # relative distance from a whole number below which float64 cannot tell which side it is on


@compiled
def whole(number: float) -> int:
    """Floor; a whole number, or its binary neighbour, is that number."""
    nearest = round(number)
    if abs(number - nearest) <= EVEN * max(1.0, abs(number)):
        return nearest
    return math.floor(number)


@compiled
def on_boundary(number: float) -> bool:
    """Whether float64 cannot tell on which side of a whole number it lies."""
    return abs(number - round(number)) <= EVEN * max(1.0, abs(number))


@compiled
def down(price: float, num: int, den: int, tick_num: int, tick_den: int) -> float:
    """`price` × num / den, to the tick, never up."""
    if tick_den == 0:
        return price * num / den
    ticks = price * tick_den / tick_num
    nearest = round(ticks)
    below = (nearest * num) // den if abs(ticks - nearest) < NEAR else whole(ticks * num / den)
    return below * tick_num / tick_den


@compiled
def up(price: float, num: int, den: int, tick_num: int, tick_den: int) -> float:
    """`price` × num / den, to the tick, never down."""
    if tick_den == 0:
        return price * num / den
    ticks = price * tick_den / tick_num
    nearest = round(ticks)
    above = -((-nearest * num) // den) if abs(ticks - nearest) < NEAR else -whole(-ticks * num / den)
    return above * tick_num / tick_den


@compiled
def at_least(price: float, other: float, num: int, den: int, tick_num: int, tick_den: int) -> bool:
    """Whether `price` ≥ `other` × num / den, exactly where both lie on the tick."""
    if tick_den != 0:
        a, b = price * tick_den / tick_num, other * tick_den / tick_num
        if abs(a - round(a)) < NEAR and abs(b - round(b)) < NEAR:
            return round(a) * den >= round(b) * num
    return price * den >= other * num


@compiled
def lots_down(quantity: float, step_num: int, step_den: int) -> float:
    """How many whole steps `quantity` has; `quantity` itself where there is no step."""
    if step_den == 0:
        return quantity
    return float(whole(quantity * step_den / step_num))


@compiled
def quantity_of(lots: float, step_num: int, step_den: int) -> float:
    """Steps as a quantity."""
    return lots if step_den == 0 else lots * step_num / step_den
