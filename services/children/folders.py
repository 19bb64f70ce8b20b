"""Folders of backtests: what each is given (configuration, strategies), where it works, and what it gives.

What stands outside a run's own folder is never handed out, whatever it is called by; links are not followed.
"""

import json
import re
import shutil
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.backtest_ports import Kind, Wanted
from app.core.errors import ConfigError, DataError
from app.core.money import plain
from app.errands import Errand
from app.ports import Row
from app.strategy_files import Unfit
from services.children import shelf
from services.children.configuration import checked, texts_of, with_changes

FILES = (
    *("result.json", "trades.csv", "equity.csv", "equity.parquet", "positions.parquet", "candles.parquet"),
    *("report.html", "report.pdf"),
    *("optimize.html", "study.json", "trials.csv", "sensitivity.html", "sensitivity.json"),
)
SHORT = ("result.json", "study.json", "sensitivity.json")  # what came out, by kind
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
LARGEST_RESULT = 4 << 20
GIVEN, WORK, RESULTS, ARGUMENTS, MINUTES = "given", "work", "results", "arguments.json", "minutes.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where a backtest's things come from. `approved`: SHA-256 of each strategy that may run; `kept`: its bytes."""

    data_dir: Path
    config_dir: Path
    approved: Callable[[], Mapping[str, str]]
    kept: Callable[[str], Path]
    cash: Decimal


def backtest_arguments(wanted: Wanted, given: Path, results: Path) -> tuple[str, ...]:
    """Of `main.py backtest`, `optimize` or `sensitivity`. Whatever a person typed stands behind an equals sign: it can
    be no option."""
    chosen: dict[str, Any] = {"data": wanted.data, "config": given, "out": results}
    if wanted.since:
        chosen["since"] = f"{wanted.since:%Y-%m-%d}"
    if wanted.until:
        chosen["until"] = f"{wanted.until:%Y-%m-%d}"
    if wanted.cash is not None:
        chosen["cash"] = plain(wanted.cash)
    options = [f"--{name}={value}" for name, value in chosen.items()]
    options += [f"--vary={each}" for each in wanted.vary]
    if wanted.kind is Kind.BACKTEST:
        return ("backtest", *options, "--progress", "--no-record")
    options += ["--workers=1", "--progress"]  # the other processor is the trader's
    if wanted.kind is Kind.OPTIMIZE:
        options.append(f"--trials={wanted.trials}")
        options += [f"--walk-forward={wanted.walk_forward}"] if wanted.walk_forward else []
    return (wanted.kind.value, *options)


class RunFolders:
    """Implements app.backtests.BacktestFolders in `root`."""

    def __init__(
        self,
        root: Path,
        sources: Sources,
        arguments: Callable[[Wanted, Path, Path], tuple[str, ...]] = backtest_arguments,
    ) -> None:
        self._root, self._sources, self._arguments = root.resolve(), sources, arguments

    def prepare(self, id: str, wanted: Wanted, minutes: Callable[[Path], None] | None = None) -> tuple[Errand, Wanted]:
        """`minutes` writes the candles themselves into a file; else they are stored, by the name that is wanted."""
        folder = self._folder(id)
        data = str(folder / GIVEN / MINUTES) if minutes else fitting(wanted, self._sources.data_dir).name
        wanted = _exact(wanted, data, self._sources.cash)
        texts = with_changes(texts_of(wanted.config, self._sources.config_dir), wanted.changes)
        approved = dict(self._sources.approved())
        rules = checked(texts, approved)
        try:
            given = folder / GIVEN
            (given / "strategies").mkdir(parents=True)
            for name, text in texts.items():
                if text is not None:
                    (given / name).write_text(text, encoding="utf-8")
            for rule in rules.voting.strategies:
                if rule.name in approved:
                    shutil.copyfile(self._sources.kept(approved[rule.name]), given / "strategies" / f"{rule.name}.py")
            if minutes is not None:
                minutes(folder / GIVEN / MINUTES)
            home = self._home(folder)
            arguments = self._arguments(wanted, given, folder / RESULTS)
            (folder / ARGUMENTS).write_text(json.dumps(arguments), encoding="utf-8")
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise ConfigError(f"{folder}: cannot be written ({error.strerror}); check space and permissions") from error
        return Errand(id=id, arguments=arguments, home=home), wanted

    def again(self, id: str) -> Errand:
        folder = self._folder(id)
        try:
            arguments = json.loads((folder / ARGUMENTS).read_text(encoding="utf-8"))
            return Errand(id=id, arguments=tuple(map(str, arguments)), home=self._home(folder))
        except (OSError, ValueError) as error:
            raise DataError("its folder is not there any more; start it again") from error

    def _home(self, folder: Path) -> Path:
        """With a data directory that holds nothing but the way to the candles: no books, no keys."""
        home, candles = folder / WORK, self._sources.data_dir.resolve() / "candles"
        (home / "data").mkdir(parents=True, exist_ok=True)
        for link, target in ((home / "data/candles", candles), (home / "strategies", folder / GIVEN / "strategies")):
            if not link.is_symlink():
                link.symlink_to(target, target_is_directory=True)
        return home

    def result(self, id: str) -> Row:
        path = next((found for name in SHORT if (found := self.file(id, name)) is not None), None)
        try:
            if path is None or path.stat().st_size > LARGEST_RESULT:
                raise DataError("it left no result that could be read")
            result = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise DataError("its result cannot be read") from error
        if isinstance(result, list):  # of sensitivity: a row for each combination
            result = {"rows": result}
        if not isinstance(result, dict):
            raise DataError("its result holds nothing of the kind")
        return result

    def files(self, id: str) -> Sequence[str]:
        return [name for name in FILES if self.file(id, name) is not None]

    def file(self, id: str, name: str) -> Path | None:
        if name not in FILES or not ID.fullmatch(id):
            return None
        path = self._root / id / RESULTS / name
        try:
            return path if stat.S_ISREG(path.lstat().st_mode) and path.parent.resolve() == path.parent else None
        except OSError:
            return None

    def tidy(self, id: str) -> None:
        shutil.rmtree(self._folder(id) / WORK, ignore_errors=True)

    def keep_only(self, ids: set[str]) -> None:
        if not self._root.is_dir():
            return
        for folder in self._root.iterdir():
            if folder.name not in ids:
                shutil.rmtree(folder, ignore_errors=True)

    def _folder(self, id: str) -> Path:
        if not ID.fullmatch(id):
            raise DataError(f"{id[:80]!r} is the id of no backtest")
        return self._root / id


def fitting(wanted: Wanted, data_dir: Path) -> shelf.Series:
    """The candles that are meant. Unfit where there are none, by that name or in that range."""
    series = shelf.named(wanted.data, data_dir)
    if series is None:
        known = ", ".join(each.name for each in shelf.series_in(data_dir)) or "nothing yet: upload a file first"
        raise Unfit(f"data: {wanted.data[:80]!a} was not imported; there is {known}")
    if wanted.since and wanted.until and wanted.since >= wanted.until:
        raise Unfit(f"since: {wanted.since:%Y-%m-%d} must be before until, {wanted.until:%Y-%m-%d}")
    holds = f"{series.name} holds {series.first:%Y-%m-%d} to {series.last:%Y-%m-%d}"
    if wanted.since and wanted.since > series.last:
        raise Unfit(f"since: {wanted.since:%Y-%m-%d} is after the last candle; {holds}")
    if wanted.until and wanted.until <= series.first:
        raise Unfit(f"until: {wanted.until:%Y-%m-%d} is before the first candle; {holds}")
    return series


def _exact(wanted: Wanted, name: str, cash: Decimal) -> Wanted:
    """With what was left open filled in: after a restart it is still the same backtest."""
    return replace(wanted, data=name, cash=wanted.cash if wanted.cash is not None else cash)
