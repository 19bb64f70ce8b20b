"""A plan and what comes of it: the one way in which a history is traded, whoever asks for it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from app.core.errors import DataError
from app.core.model import Candle
from app.core.rules import Rules, Simulation
from app.ports import StrategyFace
from app.seam import clock
from backtest.replay import LocalStrategies, Replay, Run
from backtest.series import CandleSeries, candles
from backtest.simulator import instrument_for
from backtest.timeline import Recorded, Timeline

if TYPE_CHECKING:
    from backtest.hearing import Heard

Progress = Callable[[float], None]  # per cent done
Player = TypeVar("Player", bound=Replay)
TOLD_EVERY = 0.2  # seconds
COUNTED = 500  # candles


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


def run(plan: Plan, progress: Progress | None = None, *, dense: bool = False) -> Run:
    """Trade the plan, fast-forward or, `dense`, candle by candle, which gives the same and takes long.

    `progress` is told a few times a second. DataError where the history is too short.
    """
    if not dense:
        return run_on(hear(plan), plan, progress)
    _check(plan)
    past, present = plan.series[: plan.warmup], plan.series[plan.warmup :]
    told = sparing(progress) if progress else None
    return _ready(plan, Replay).live_through(candles(past), _counted(present, told))


def hear(plan: Plan) -> "Heard":
    """What fast-forward goes by: the same for every plan that differs in nothing but cash, risk and what trading costs.

    DataError where the history is too short.
    """
    from backtest import hearing  # its compiler is heavy

    _check(plan)
    return hearing.hear(
        plan.series,
        plan.warmup,
        with_recorded(plan.rules, plan.timelines).voting,
        {face.name: face for face in (*plan.faces, *recorded_faces(plan))},
        plan.strategies,
        plan.timelines,
        decides_at_open=plan.simulation.decides_at == "open",
    )


def run_on(heard: "Heard", plan: Plan, progress: Progress | None = None, *, in_words: bool = True) -> Run:
    """Trade the plan on what was heard of it, or of one like it. Words cost; no figure needs them."""
    from backtest.fast_forward import FastForward

    told = sparing(progress) if progress else None
    return _ready(plan, FastForward).run_through(heard, told, in_words=in_words)


def _check(plan: Plan) -> None:
    length, wanted = plan.series.seconds, plan.rules.voting.timeframe_seconds
    if wanted % length:
        raise DataError(
            f"{plan.data}: has candles of {length // 60} minutes, which cannot be made into the strategies' "
            f"{plan.rules.voting.timeframe}; take 1-minute candles, or a longer timeframe in strategies.yml"
        )
    if len(plan.series) <= plan.warmup:
        raise DataError(
            f"{plan.data}: has {len(plan.series)} candles ({_days(plan, len(plan.series))}), and the strategies need "
            f"{plan.warmup} ({_days(plan, plan.warmup)}) before the first trade; take a longer history, or a shorter "
            "timeframe in strategies.yml"
        )


def _days(plan: Plan, candles: int) -> str:
    return f"{candles * plan.series.seconds / 86_400:,.1f} days"


def _ready(plan: Plan, kind: type[Player]) -> Player:
    return kind(
        rules=with_recorded(plan.rules, plan.timelines),
        simulation=plan.simulation,
        instrument=instrument_for(plan.series.symbol, plan.simulation),
        cash=plan.cash,
        strategies=Recorded(plan.timelines, plan.strategies),
        faces=[*plan.faces, *recorded_faces(plan)],
        version=plan.version,
        config_sha256=plan.config_sha256,
    )


def _counted(series: CandleSeries, progress: Progress | None) -> Iterator[Candle]:
    for number, candle in enumerate(candles(series)):
        if progress and number % COUNTED == 0:
            progress(number / len(series) * 100)
        yield candle


def sparing(progress: Progress) -> Progress:
    """Tell it a few times a second at most."""
    told = clock.monotonic()

    def tell(done: float) -> None:
        nonlocal told
        if clock.monotonic() - told >= TOLD_EVERY:
            told = clock.monotonic()
            progress(done)

    return tell


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
