"""What a finished study tells besides its winner: which settings matter, what carries the result, and whether the
winner stands on a plateau or on a peak.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

import optuna
from optuna.importance import PedAnovaImportanceEvaluator

from app.core.rules import VotingRules
from backtest.optimize import Found, Pool
from backtest.space import TECHNICAL, Changes, Space, written
from backtest.trials import WORST, Task, Tried, score

FEWEST = 16  # trials, for the importance of a parameter to mean anything
HOLDS, FALLS = 0.7, 0.3  # parts of the best score that neighbours have on a plateau, and beside a peak
COUNTS = WORST / 4  # scores above it are of configurations that traded enough
SURGE = f"{TECHNICAL}.settings.volume_surge"
OVERSOLD, OVERBOUGHT = f"{TECHNICAL}.settings.rsi_oversold", f"{TECHNICAL}.settings.rsi_overbought"
NOT_SEPARATE = (
    "MACD and the moving averages of technical_indicators cannot be switched off by settings: every setup of it is "
    "built on them"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Without:
    """The best configuration with something switched off. `note`: what is not quite as the name says."""

    name: str
    changes: Changes
    note: str = ""


def importance(found: Found) -> dict[str, float]:
    """Shares that add up to 1, by how much settings tell the good trials from the others; {} after too few trials.

    PED-ANOVA: Watanabe, Bansal and Hutter, IJCAI 2023.
    """
    if len({trial.value for trial in found.study.trials}) < 2 or len(found.study.trials) < FEWEST:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return optuna.importance.get_param_importances(found.study, evaluator=PedAnovaImportanceEvaluator())


def switches(rules: VotingRules, best: Changes) -> list[Without]:
    """What can be switched off, one at a time and then all the parts of the technical strategy together."""
    voters = [rule.name for rule in rules.strategies if rule.votes and rule.weight > 0]
    found = []
    if len(voters) > 1:
        for name in voters:
            found.append(Without(name=f"without {name}", changes=over(best, {f"strategies.{name}.enabled": False})))
            others = {f"strategies.{each}.enabled": False for each in voters if each != name}
            found.append(Without(name=f"{name} alone", changes=over(best, others)))
    if "technical_indicators" in voters:
        volume, extremes = {SURGE: 10}, {OVERSOLD: 5, OVERBOUGHT: 95}
        found += [
            Without(
                name="without volume", changes=over(best, volume),
                note="a candle counts as busy from ten times the usual volume on, which hardly happens",
            ),
            Without(
                name="without RSI extremes", changes=over(best, extremes),
                note="no buying of dips, and no restraint while RSI is high: both hang on the same two settings",
            ),
            Without(name="without either", changes=over(best, {**volume, **extremes}), note="trend following alone"),
        ]  # fmt: skip
    return found


def over(changes: Changes, more: dict[str, Any]) -> Changes:
    return tuple({**dict(changes), **more}.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """Rows as study.json holds them."""

    importance: dict[str, float]
    ablation: list[dict[str, Any]]
    neighbours: list[dict[str, Any]]
    ground: str  # in words


def weigh(
    found: Found, space: Space, rules: VotingRules, pool: Pool, objective: str, since: datetime, until: datetime
) -> Weighed:
    """Tries the neighbours of the best and what is left of it without its parts."""
    best = found.best[0]

    def tried(changes: Sequence[Changes]) -> list[Tried]:
        return pool.try_all([Task(changes=each, since=since, until=until) for each in changes])

    around = space.neighbours(best.places)
    beside = tried([space.at(each) for each in around])
    parts = switches(rules, best.changes)
    left = tried([each.changes for each in parts])
    neighbours = [
        {"changed": _step(space, best.places, each), **row(objective, outcome)}
        for each, outcome in zip(around, beside, strict=True)
    ]
    ablation = [
        {"name": each.name, "note": each.note, **row(objective, outcome)}
        for each, outcome in zip(parts, left, strict=True)
    ]
    return Weighed(
        importance=importance(found),
        ablation=ablation,
        neighbours=neighbours,
        ground=ground(best.score, [score(objective, each) for each in beside]),
    )


def row(objective: str, tried: Tried) -> dict[str, Any]:
    """What a table shows of a trial. `score` is None where there is nothing to compare."""
    value = score(objective, tried)
    figures = tried.figures
    return {
        "score": value if value > COUNTS else None,
        "return_pct": figures.return_pct if figures else None,
        "max_drawdown_pct": figures.max_drawdown_pct if figures else None,
        "sharpe_ratio": figures.sharpe_ratio if figures else None,
        "trades": figures.trades if figures else None,
        "refused": tried.refused,
    }


def ground(best: float, around: Sequence[float]) -> str:
    """Plateau or peak: what is left of the best score one step to the side."""
    if not around:
        return "there is nothing beside it"
    if best <= 0:
        return "it does not earn anything, so what stands beside it tells nothing"
    kept = [max(each, 0.0) / best for each in around]
    middle, least = median(kept), min(kept)
    said = f"half of its {len(kept)} neighbours keep {middle:.0%} of its score or more, the worst {least:.0%}"
    if middle >= HOLDS and least >= FALLS:
        return f"a plateau: {said}"
    if middle >= HOLDS:
        return f"a plateau with an edge: {said}"
    return f"a peak, likely fitted to the past: {said}" if middle < FALLS else f"a slope: {said}"


def _step(space: Space, best: Sequence[int], other: Sequence[int]) -> str:
    which = next(number for number, place in enumerate(best) if other[number] != place)
    parameter = space.parameters[which]
    return f"{parameter.path} {written(parameter.values[best[which]])} → {written(parameter.values[other[which]])}"
