"""A study: which settings do best on a span of history. Optuna proposes, trials are made wherever there is room.

Configurations are asked for in batches of a fixed size, each with a sampler of its own seed, so that the same seed
gives the same study with one process, many, or a cluster, and a study that was cut short goes on as if it had not been.
"""

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import optuna
from optuna.samplers import TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from backtest.space import Changes, Space
from backtest.trials import Bench, Task, Tried, score, try_here

BATCH = 8
MakeBench = Callable[[Any], Bench]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be optimised, on what span, and how. `stop_after`: trials without a better one, None: never."""

    space: Space
    objective: str = "sharpe"
    trials: int = 200
    seed: int = 1
    since: datetime | None = None
    until: datetime | None = None
    stop_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """A configuration that was tried, as places in the space and as changes, and its score."""

    places: tuple[int, ...]
    changes: Changes
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """`best` first, each configuration once; `tried`: different configurations that were looked at."""

    best: tuple[Best, ...]
    tried: int
    scores: tuple[float, ...]  # of every one of them, in the order of trying


class Pool:
    """Where trials are made: in this process, or on any `concurrent.futures.Executor`."""

    def __init__(self, make: MakeBench, setup: Any, executor: Executor | None = None) -> None:
        self._make, self._setup, self._executor = make, setup, executor

    def try_all(self, tasks: Sequence[Task]) -> list[Tried]:
        if self._executor is None:
            return [try_here(self._make, self._setup, task) for task in tasks]
        waiting = [self._executor.submit(try_here, self._make, self._setup, task) for task in tasks]
        return [each.result() for each in waiting]


def optimise(
    order: Order,
    pool: Pool,
    *,
    study: Study | None = None,
    told: Callable[[int, float | None], None] = lambda done, best: None,
) -> Found:
    """Until so many trials are made. `study` may hold some already; `told` hears how many are, and the best score."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    study = study or optuna.create_study(direction="maximize")
    _forget_unfinished(study)
    known = {_places(each, order.space): _score_of(each) for each in _complete(study)}
    while len(_complete(study)) < order.trials and not _stands_still(study, order.stop_after):
        made = len(_complete(study))
        study.sampler = _sampler(order.seed, made // BATCH)
        asked = [study.ask() for _ in range(min(BATCH, order.trials - made))]
        places = [_suggest(each, order.space) for each in asked]
        new = list(dict.fromkeys(each for each in places if each not in known))
        tasks = [Task(changes=order.space.at(each), since=order.since, until=order.until) for each in new]
        for each, tried in zip(new, pool.try_all(tasks), strict=True):
            known[each] = score(order.objective, tried)
        for trial, each in zip(asked, places, strict=True):
            study.tell(trial, known[each])
        told(len(_complete(study)), max(known.values(), default=None))
    ranked = sorted(known.items(), key=lambda item: (-item[1], item[0]))
    return Found(
        best=tuple(Best(places=each, changes=order.space.at(each), score=value) for each, value in ranked),
        tried=len(known),
        scores=tuple(known.values()),
    )


def _sampler(seed: int, batch: int) -> TPESampler:
    return TPESampler(seed=seed * 1_000_003 + batch, multivariate=True, constant_liar=True)


def _score_of(trial: FrozenTrial) -> float:
    return float("-inf") if trial.value is None else trial.value


def _suggest(trial: Trial, space: Space) -> tuple[int, ...]:
    return tuple(trial.suggest_int(each.path, 0, len(each.values) - 1) for each in space.parameters)


def _places(trial: FrozenTrial, space: Space) -> tuple[int, ...]:
    return tuple(int(trial.params[each.path]) for each in space.parameters)


def _complete(study: Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _forget_unfinished(study: Study) -> None:
    """Those that a dead process was at: they are asked for again."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def _stands_still(study: Study, after: int | None) -> bool:
    trials = _complete(study)
    if after is None or len(trials) <= after:
        return False
    best = max(trials, key=_score_of)
    return len(trials) - 1 - [trial.number for trial in trials].index(best.number) >= after
