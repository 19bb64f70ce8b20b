"""Studies that outlive the process: what was tried, and what was asked for, in Optuna's own tables.

They are never those of the trader's books: a file of their own, or a schema of their own.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import optuna
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from app.core.errors import ConfigError

ABOUT = "about"
T = TypeVar("T")


class Studies:
    """All that are kept at `url`. Close it."""

    def __init__(self, url: str, connect_args: Mapping[str, Any] | None = None) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        arguments = {"connect_args": dict(connect_args)} if connect_args else None
        self._storage = _reached(lambda: RDBStorage(url, engine_kwargs=arguments))

    def begin(self, name: str, about: dict[str, Any]) -> "Kept":
        """ConfigError where there is one of that name."""
        try:
            study = optuna.create_study(storage=self._storage, study_name=name, direction="maximize")
        except optuna.exceptions.DuplicatedStudyError:
            raise ConfigError(f"study {name}: is there already; go on with --resume {name}, or name another") from None
        study.set_user_attr(ABOUT, json.dumps(about))
        return Kept(study, self._storage)

    def resume(self, name: str) -> "Kept":
        """ConfigError where there is none of that name."""
        try:
            return Kept(optuna.load_study(study_name=name, storage=self._storage), self._storage)
        except KeyError:
            known = ", ".join(sorted(each for each in self.names() if "#" not in each)[-5:]) or "none"
            raise ConfigError(f"study {name}: there is none of that name; there are {known}") from None

    def names(self) -> list[str]:
        return optuna.get_all_study_names(self._storage)

    def close(self) -> None:
        self._storage.remove_session()
        self._storage.engine.dispose()


class Kept:
    """One study. `about`: what was asked for when it was begun."""

    def __init__(self, study: Study, storage: RDBStorage) -> None:
        self._study, self._storage = study, storage
        self.about: dict[str, Any] = json.loads(study.user_attrs.get(ABOUT, "{}"))

    @property
    def name(self) -> str:
        return self._study.study_name

    def part(self, number: int) -> "Kept":
        """A study below this one: one window of a walk-forward."""
        name = f"{self.name}#{number}"
        study = optuna.create_study(storage=self._storage, study_name=name, direction="maximize", load_if_exists=True)
        return Kept(study, self._storage)

    def trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))

    def keep(self, trials: Sequence[FrozenTrial]) -> None:
        """All of a study so far; what is here already stays."""
        self._study.add_trials(trials[len(self.trials()) :])


def _reached(make: Callable[[], T]) -> T:
    try:
        return make()
    except (OSError, RuntimeError, ImportError) as error:
        raise ConfigError(f"studies cannot be opened: {' '.join(str(error).split())[:300]}") from None
