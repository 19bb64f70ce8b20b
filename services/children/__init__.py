"""Heavy work beside the trader, in child processes of this very program: backtests, and the import of uploaded candles.

Nothing of it is computed in the trader's process, and no child is given a secret.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from app.backtest_ports import Wanted
from app.backtests import Audit, BacktestRuns
from app.errands import Errands
from app.ports import Row
from app.seam import Clock, Tasks
from app.what_if import Facts, WhatIfDesk
from services.beside import MAIN
from services.children import shelf
from services.children.folders import RunFolders, Sources, backtest_arguments
from services.children.process import Children, Limits
from services.children.uploads import LIMITS as UPLOAD
from services.children.uploads import Uploads, series_row
from services.database import Database
from services.database.backtests import Backtests
from services.settings import Settings

__all__ = ["BacktestRuns", "Limits", "Uploads", "backtests_of", "shelf_rows", "uploads_of", "what_if_of"]

BACKTEST = Limits(seconds=2 * 3600, memory_mb=1024)


def backtests_of(
    settings: Settings,
    database: Database,
    *,
    approved: Callable[[], Mapping[str, str]],
    kept: Callable[[str], Path],
    audit: Audit,
    new_id: Callable[[], str],
    clock: Clock,
    tasks: Tasks,
    limits: Limits = BACKTEST,
    program: Path = MAIN,
) -> BacktestRuns:
    """`approved`: SHA-256 of each strategy that may run, by name; `kept`: where its bytes are."""
    sources = _sources(settings, approved, kept)
    root = settings.data_dir / "backtests"
    return BacktestRuns(
        Backtests(database),
        RunFolders(root, sources),
        Errands(Children(_environment(settings), limits, program), tasks),
        keep=settings.backtests_kept,
        audit=audit,
        new_id=new_id,
        clock=clock,
        tasks=tasks,
    )


def what_if_of(
    settings: Settings,
    errands: Errands,
    *,
    approved: Callable[[], Mapping[str, str]],
    kept: Callable[[str], Path],
    facts: Facts,
    new_id: Callable[[], str],
    tasks: Tasks,
) -> WhatIfDesk:
    """Comparisons of rules, in the same line as backtests."""

    def arguments(wanted: Wanted, given: Path, results: Path) -> tuple[str, ...]:
        return (*backtest_arguments(wanted, given, results), "--no-report")

    folders = RunFolders(settings.data_dir / "what-if", _sources(settings, approved, kept), arguments)
    return WhatIfDesk(folders, errands, facts, new_id=new_id, tasks=tasks)


def shelf_rows(settings: Settings) -> list[Row]:
    """Candles that are stored, with what their manifests say."""
    return [series_row(each) for each in shelf.series_in(settings.data_dir)]


def _sources(settings: Settings, approved: Callable[[], Mapping[str, str]], kept: Callable[[str], Path]) -> Sources:
    return Sources(
        data_dir=settings.data_dir,
        config_dir=settings.config_dir,
        approved=approved,
        kept=kept,
        cash=settings.paper_cash,
    )


def uploads_of(
    settings: Settings, *, audit: Audit, new_id: Callable[[], str], tasks: Tasks, limits: Limits = UPLOAD
) -> Uploads:
    return Uploads(
        settings.data_dir / "uploads",
        settings.data_dir,
        settings.symbol,
        environment=_environment(settings),
        audit=audit,
        new_id=new_id,
        tasks=tasks,
        limits=limits,
    )


def _environment(settings: Settings) -> dict[str, str]:
    """Of every child: what its command has to know, and where compiled code is kept from one to the next."""
    return {"TRADER_SYMBOL": settings.symbol, "NUMBA_CACHE_DIR": str(settings.data_dir.resolve() / "compiled")}
