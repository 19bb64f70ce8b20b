"""The same run with dearer trading: what earns only at the hoped-for price earns nothing."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from app.core.rules import Simulation

TIMES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Stressed:
    """What was left when fees and slippage were `times` as high."""

    times: int
    fee_pct: float
    slippage_pct: float
    return_pct: float
    trades: int


def dearer(simulation: Simulation, times: int = TIMES) -> Simulation:
    return replace(simulation, fee_pct=simulation.fee_pct * times, slippage_pct=simulation.slippage_pct * times)


def stressed(
    simulation: Simulation, cash: float, run_again: Callable[[Simulation], tuple[float, int]], times: int = TIMES
) -> Stressed:
    """`run_again` trades the same plan on another simulation and returns its final equity and number of trades."""
    changed = dearer(simulation, times)
    equity, trades = run_again(changed)
    return Stressed(
        times=times,
        fee_pct=float(changed.fee_pct),
        slippage_pct=float(changed.slippage_pct),
        return_pct=(equity / cash - 1) * 100,
        trades=trades,
    )
