"""What is done around a run so that it may be believed: cheats are refused before it, dearer trading is tried after it.

Strategies are asked through a function: this room does not know them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from app.core.errors import StrategyError
from app.core.rules import Simulation
from backtest.honesty.costs import Stressed, stressed
from backtest.honesty.judging import Background
from backtest.running import Plan, hear, run_on
from backtest.series import Floats, resample, rows_of

if TYPE_CHECKING:
    from backtest.hearing import Heard


class Seen(Protocol):
    """What was found in a history, in words; "" where nothing was."""

    @property
    def peek(self) -> str: ...

    @property
    def cold(self) -> str: ...


def refuse_look_ahead(plan: Plan, seen_ahead: Callable[[str, Floats], Seen]) -> list[str]:
    """StrategyError where a strategy of the plan knows what comes later. Returns what remembers more than its warm-up.

    `seen_ahead` looks at a strategy by name over rows of (opened at in ms, open, high, low, close, volume).
    """
    voting = plan.rules.voting
    asked = [rule.name for rule in voting.strategies if rule.votes and rule.name not in plan.timelines]
    if not asked:
        return []
    series = resample(plan.series, voting.timeframe_seconds)
    rows = rows_of(series)
    cold = []
    for name in asked:
        seen = seen_ahead(name, rows)
        if seen.peek:
            raise StrategyError(f"strategy {name} looks ahead, so its backtest would prove nothing: {seen.peek}")
        if seen.cold:
            cold.append(f"strategy {name}: {seen.cold}")
    return cold


def background(
    plan: Plan,
    *,
    cold: Sequence[str] = (),
    trials: int = 1,
    trial_variance: float | None = None,
    models: Sequence[str] = (),
    cutoffs: Mapping[str, str] | None = None,
    heard: "Heard | None" = None,
) -> Background:
    """Everything that a plain run does not know of itself. Trades the plan once more, at doubled costs, on what the
    plain run `heard`."""
    expected = len(plan.series) + plan.series.missing
    return Background(
        trials=trials,
        trial_variance=trial_variance,
        models=models,
        cutoffs=cutoffs or {},
        missing_pct=plan.series.missing / expected * 100 if expected else 0.0,
        cold=cold,
        stressed=dearer_run(plan, heard),
    )


def dearer_run(plan: Plan, heard: "Heard | None" = None) -> Stressed:
    """The same plan with fees and slippage doubled."""
    before = heard or hear(plan)

    def run_again(simulation: Simulation) -> tuple[float, int]:
        again = run_on(before, replace(plan, simulation=simulation), in_words=False)
        return float(again.curve.equity[-1]), len(again.trades)

    return stressed(plan.simulation, float(plan.cash), run_again)
