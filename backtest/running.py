"""A plan and what comes of it: the one way in which a history is traded, whoever asks for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from app.core.errors import DataError
from app.core.rules import Rules, Simulation
from app.ports import StrategyFace
from backtest.replay import LocalStrategies, Replay, Run
from backtest.series import CandleSeries, candles
from backtest.simulator import instrument_for
from backtest.timeline import Timeline

Progress = Callable[[float], None]  # per cent done


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run on what. The first `warmup` minutes of `series` are shown to the strategies only.

    `timelines` holds recorded opinions by strategy; strategies without one are asked.
    """

    series: CandleSeries
    data: str
    warmup: int
    rules: Rules
    simulation: Simulation
    cash: Decimal
    strategies: LocalStrategies
    faces: Sequence[StrategyFace]
    timelines: Mapping[str, Timeline] = field(default_factory=dict)
    version: str = ""
    config_sha256: str = ""


def run(plan: Plan, progress: Progress | None = None) -> Run:
    """Trade the plan. DataError where the history is too short."""
    if len(plan.series) <= plan.warmup:
        raise DataError(
            f"{plan.data}: has {len(plan.series)} minutes, and the strategies need {plan.warmup} before the first trade"
        )
    replay = Replay(
        rules=plan.rules,
        simulation=plan.simulation,
        instrument=instrument_for(plan.series.symbol, plan.simulation),
        cash=plan.cash,
        strategies=plan.strategies,
        faces=plan.faces,
        version=plan.version,
        config_sha256=plan.config_sha256,
    )
    return replay.live_through(candles(plan.series[: plan.warmup]), candles(plan.series[plan.warmup :]))
