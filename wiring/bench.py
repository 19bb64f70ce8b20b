"""What trials are made on, in whatever process they are made."""

import argparse
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.core.errors import ConfigError
from app.core.money import positive
from app.core.rules import Rules, Simulation, StrategyRule
from app.ports import StrategyFace
from wiring.voters import configured, with_faces

if TYPE_CHECKING:
    from backtest.mapped import Mapped
    from backtest.series import CandleSeries
    from backtest.space import Changes
    from services.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSetup:
    """What each process that makes trials needs to know; it may be on another machine with the same files."""

    data: str
    data_dir: Path
    config_dir: Path
    strategies_dir: Path
    symbol: str
    cash: Decimal
    data_sha256: str = ""  # of the candles that are meant, where another machine might have others
    config_sha256: str = ""
    mapped: "Mapped | None" = None  # the candles themselves, for processes of this machine


class Workbench:
    """Implements backtest.trials.Bench: settings from files with changes, opinions from the strategies' own files."""

    def __init__(self, setup: TrialSetup, series: "CandleSeries | None" = None) -> None:
        from backtest import history
        from services.settings import Variations
        from strategies.runtime import LocalStrategies

        self.setup, self.cash = setup, setup.cash
        self.series = history.load(setup.data, setup.data_dir, symbol=setup.symbol) if series is None else series
        self._files = Variations(setup.config_dir, backtest=True)
        self.config_sha256 = self._files.rules({}).sha256
        self.strategies = LocalStrategies(setup.strategies_dir)
        self._faces: dict[Any, StrategyFace] = {}

    def rules(self, changes: "Changes") -> "tuple[Rules, Simulation]":
        from backtest.space import by_file

        loaded = self._files.rules(by_file(changes))
        rules = configured(loaded.rules, self.setup.strategies_dir)
        faces = [self._face(rule) for rule in rules.voting.strategies if rule.configured]
        return with_faces(rules, faces), loaded.simulation

    def _face(self, rule: StrategyRule) -> StrategyFace:
        """Of a strategy with these settings; its file is taken not to change while trials are made."""
        key = (rule.name, rule.settings, rule.sha256)
        if key not in self._faces:
            self._faces[key] = self.strategies.load([rule])[0]
        return self._faces[key]

    def opinions(self, rule: StrategyRule, rows: Any, timeframe: str) -> Any:
        self.strategies.load([rule])
        return self.strategies.opinions(rule.name, rows, self.setup.symbol, timeframe)


def bench_of(setup: TrialSetup) -> Workbench:
    """In any process that makes trials, found there by its name. Refuses other candles or settings."""
    from backtest import history

    bench = Workbench(setup, setup.mapped.series() if setup.mapped and setup.mapped.there else None)
    if setup.data_sha256 and history.data_sha256(bench.series) != setup.data_sha256:
        raise ConfigError(f"{setup.data}: has other candles here than where trials are ordered; copy them")
    if setup.config_sha256 and bench.config_sha256 != setup.config_sha256:
        raise ConfigError(f"{setup.config_dir}: says something else here than where trials are ordered; copy it")
    return bench


def trial_setup(arguments: argparse.Namespace, settings: "Settings") -> TrialSetup:
    return TrialSetup(
        data=str(arguments.data),
        data_dir=settings.data_dir.resolve(),
        config_dir=(Path(arguments.config) if arguments.config else settings.config_dir).resolve(),
        strategies_dir=settings.strategies_dir.resolve(),
        symbol=settings.symbol,
        cash=positive(arguments.cash if arguments.cash is not None else settings.paper_cash, "--cash"),
    )
