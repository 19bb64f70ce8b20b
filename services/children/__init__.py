"""Heavy work beside the trader, in child processes of this very program: backtests, and the import of uploaded candles.

Nothing of it is computed in the trader's process, and no child is given a secret.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from app.backtests import Audit, BacktestRuns
from app.errands import Errands
from app.seam import Clock, Tasks
from services.beside import MAIN
from services.children.folders import RunFolders, Sources
from services.children.process import Children, Limits
from services.children.uploads import LIMITS as UPLOAD
from services.children.uploads import Uploads
from services.database import Database
from services.database.backtests import Backtests
from services.settings import Settings

__all__ = ["BacktestRuns", "Limits", "Uploads", "backtests_of", "uploads_of"]

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
    sources = Sources(
        data_dir=settings.data_dir,
        config_dir=settings.config_dir,
        approved=approved,
        kept=kept,
        cash=settings.paper_cash,
    )
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
