"""A plan and what comes of it: the one way in which a history is traded, whoever asks for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from app.core.errors import DataError
from app.core.rules import Rules, Simulation
from app.ports import StrategyFace
from backtest.replay import LocalStrategies, Replay, Run
from backtest.series import CandleSeries, candles
from backtest.simulator import instrument_for
from backtest.timeline import Recorded, Timeline

Progress = Callable[[float], None]  # per cent done


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run on what. The first `warmup` minutes of `series` are shown to the strategies only.

    `timelines` holds recorded opinions by strategy; strategies without one are asked. Who has a timeline takes part,
    even where it reads text or could not be asked here.
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
        rules=with_recorded(plan.rules, plan.timelines),
        simulation=plan.simulation,
        instrument=instrument_for(plan.series.symbol, plan.simulation),
        cash=plan.cash,
        strategies=Recorded(plan.timelines, plan.strategies),
        faces=[*plan.faces, *recorded_faces(plan)],
        version=plan.version,
        config_sha256=plan.config_sha256,
    )
    return replay.live_through(candles(plan.series[: plan.warmup]), candles(plan.series[plan.warmup :]))


def with_recorded(rules: Rules, timelines: Mapping[str, Timeline]) -> Rules:
    """Whose opinions are on record is able to answer."""
    voters = tuple(
        replace(rule, configured=True) if rule.name in timelines else rule for rule in rules.voting.strategies
    )
    return replace(rules, voting=replace(rules.voting, strategies=voters))


def recorded_faces(plan: Plan) -> list[StrategyFace]:
    """Of those that are on record and were not loaded. They need to be shown nothing."""
    loaded = {face.name for face in plan.faces}
    rules = [rule for rule in plan.rules.voting.strategies if rule.name in plan.timelines and rule.name not in loaded]
    return [
        StrategyFace(name=rule.name, title=rule.name, startup_candles=1, reads_text=rule.reads_text, sha256=rule.sha256)
        for rule in rules
    ]
