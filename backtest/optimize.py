"""A study: which settings do best on a span of history. Optuna proposes, trials are made wherever there is room.

Configurations are asked for in batches of a fixed size, each with a sampler of its own seed, so that the same seed
gives the same study with one process, many, or a cluster, and a study that was cut short goes on as if it had not been.
"""

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import optuna
from optuna.samplers import TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from backtest.space import Changes, Space
from backtest.sweep import Figures
from backtest.trials import Bench, Task, Tried, score, try_here

BATCH = 8
CAME_TO = "came to"
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
    """A configuration that was tried, as places in the space and as changes, its score, and what it came to."""

    places: tuple[int, ...]
    changes: Changes
    score: float
    tried: Tried


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """`best` first, each configuration once. `study`: all trials, for whoever weighs parameters."""

    best: tuple[Best, ...]
    scores: tuple[float, ...]  # of every configuration, in the order of trying
    study: Study

    @property
    def tried(self) -> int:
        """Different configurations that were looked at."""
        return len(self.best)


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
    before: Sequence[FrozenTrial] = (),
    keep: Callable[[Sequence[FrozenTrial]], None] = lambda trials: None,
    told: Callable[[int, float | None], None] = lambda done, best: None,
) -> Found:
    """Until so many trials are made. `before`: what an earlier run kept; `keep` is given all trials after each batch;
    `told` hears how many are made, and the best score.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    study = optuna.create_study(direction="maximize")
    study.add_trials(before[: len(before) // BATCH * BATCH])  # a batch that was cut short is made again, the same
    known = {_places(each, order.space): _tried(each) for each in _trials(study)}
    while len(_trials(study)) < order.trials and not _stands_still(study, order.stop_after):
        made = len(_trials(study))
        study.sampler = _sampler(order.seed, made // BATCH)
        asked = [study.ask() for _ in range(min(BATCH, order.trials - made))]
        places = [_suggest(each, order.space) for each in asked]
        new = list(dict.fromkeys(each for each in places if each not in known))
        tasks = [Task(changes=order.space.at(each), since=order.since, until=order.until) for each in new]
        known |= dict(zip(new, pool.try_all(tasks), strict=True))
        for trial, each in zip(asked, places, strict=True):
            trial.set_user_attr(CAME_TO, _told(known[each]))
            study.tell(trial, score(order.objective, known[each]))
        keep(_trials(study))
        told(len(_trials(study)), study.best_value)
    scores = {each: score(order.objective, tried) for each, tried in known.items()}
    ranked = sorted(scores, key=lambda each: (-scores[each], each))
    return Found(
        best=tuple(
            Best(places=each, changes=order.space.at(each), score=scores[each], tried=known[each]) for each in ranked
        ),
        scores=tuple(scores.values()),
        study=study,
    )


def _sampler(seed: int, batch: int) -> TPESampler:
    return TPESampler(seed=seed * 1_000_003 + batch, multivariate=True, constant_liar=True)


def _suggest(trial: Trial, space: Space) -> tuple[int, ...]:
    return tuple(trial.suggest_int(each.path, 0, len(each.values) - 1) for each in space.parameters)


def _places(trial: FrozenTrial, space: Space) -> tuple[int, ...]:
    return tuple(int(trial.params[each.path]) for each in space.parameters)


def _told(tried: Tried) -> dict[str, Any]:
    """As JSON can hold it."""
    return {"refused": tried.refused, "figures": asdict(tried.figures) if tried.figures else None}


def _tried(trial: FrozenTrial) -> Tried:
    told = trial.user_attrs[CAME_TO]
    return Tried(refused=told["refused"], figures=Figures(**told["figures"]) if told["figures"] else None)


def _trials(study: Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _stands_still(study: Study, after: int | None) -> bool:
    """Looks at whole batches only, so that whoever goes on stops where whoever was not interrupted stops."""
    trials = _trials(study)
    return after is not None and len(trials) > after and len(trials) - 1 - study.best_trial.number >= after
