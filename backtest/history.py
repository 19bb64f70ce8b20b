"""Stored candles by name, and what there is to know of a series before it is believed."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.core.errors import DataError
from app.core.model import timeframe_seconds
from backtest import store
from backtest.series import COLUMNS, CandleSeries, candles, data_sha256, gaps_between, resample
from backtest.store import Saved, merge

if TYPE_CHECKING:
    from backtest.import_candles import CandleFile

__all__ = [
    "COLUMNS",
    "CandleSeries",
    "CheckReport",
    "candles",
    "check",
    "data_sha256",
    "gaps",
    "load",
    "merge",
    "read_file",
    "resample",
    "save",
    "stored",
]

LARGEST_GAPS = 5


# ---------------------------------------------------------------- reading


def load(
    name: str,
    data_dir: Path,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    symbol: str = "BTC/USD",
    timeframe: str | None = None,
) -> CandleSeries:
    """Candles by the name of what is stored (`BTC/USD`, `BTC/USD:1h`) or from a file (of `symbol`).

    Longer ones than are stored are made of shorter ones, where asked for by name or by `timeframe`.
    """
    path = file_named(name)
    if path:
        whole = read_file(path, symbol=symbol).series
        chosen, held = whole.between(since, until), _range(whole)
    else:
        chosen, held = _stored_candles(name, data_dir, since, until)
    if timeframe is not None:
        chosen = resample(chosen, timeframe_seconds(timeframe))
    if len(chosen) == 0:
        raise DataError(
            f"{name}: no candles between {since or 'the beginning'} and {until or 'the end'}; it holds {held}"
        )
    return chosen


def read_file(path: Path, *, symbol: str, seconds: int | None = None, now: datetime | None = None) -> "CandleFile":
    """`import_candles.read_file`; pandas is loaded only where a file is read."""
    from backtest import import_candles

    return import_candles.read_file(path, symbol=symbol, seconds=seconds, now=now)


def file_named(name: str) -> Path | None:
    """The file of that name, if there is one; whatever was typed is no error yet."""
    try:
        return Path(name) if Path(name).is_file() else None
    except OSError:  # longer than a name can be
        return None


def stored(data_dir: Path) -> list[tuple[str, dict[str, Any]]]:
    """Names and manifests of everything that is stored."""
    with store.alone(data_dir):
        return store.all_stored(data_dir)


def _stored_candles(
    name: str, data_dir: Path, since: datetime | None, until: datetime | None
) -> tuple[CandleSeries, str]:
    symbol, _, timeframe = name.partition(":")
    with store.alone(data_dir):
        folder = store.folder_of(symbol.replace("_", "/"), timeframe or "1m", data_dir)
        wanted = timeframe_seconds(timeframe or "1m")
        if not store.holds(folder):
            folder = _to_make_of(folder.parent, wanted) or folder
        if not store.holds(folder):
            known = ", ".join(each for each, _ in store.all_stored(data_dir)) or "nothing has been imported yet"
            raise DataError(f"{name}: is no file and no imported candles; there are: {known}")
        manifest = store.manifest_in(folder)
        held = " to ".join(f"{datetime.fromisoformat(manifest[each]):%Y-%m-%d %H:%M}" for each in ("first", "last"))
        return resample(store.read(folder, since, until), wanted), f"{held} UTC"


def _to_make_of(folder: Path, seconds: int) -> Path | None:
    """The longest stored candles of which those of `seconds` can be made."""
    found = [each for each in folder.glob("[!.]*") if store.holds(each)]
    fitting = [(length, each) for each in found if seconds % (length := store.manifest_in(each)["seconds"]) == 0]
    return max(fitting)[1] if fitting else None


def absent(name: str, data_dir: Path) -> list[store.Span]:
    """Where the exchange itself has no candles, of what is stored under this very name."""
    symbol, _, timeframe = name.partition(":")
    with store.alone(data_dir):
        folder = store.folder_of(symbol.replace("_", "/"), timeframe or "1m", data_dir)
        return store.absent_in(store.manifest_in(folder)) if store.holds(folder) else []


def save(series: CandleSeries, timeframe: str, data_dir: Path, imported_at: datetime, source: str) -> Saved:
    """Add to what is stored."""
    return store.add([series], series.symbol, timeframe, data_dir, imported_at, source)


# ---------------------------------------------------------------- judging


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What there is to know of a series before it is believed."""

    rows: int
    first: datetime
    last: datetime
    missing: int
    gaps: int
    duplicates: int
    impossible: int
    no_volume_pct: float
    largest_jump_pct: float
    largest_jump_at: datetime
    sha256: str

    @property
    def good(self) -> bool:
        """Fit to trade on; gaps are told of, but markets have them."""
        return self.impossible == 0 and self.duplicates == 0


def check(series: CandleSeries, duplicates: int = 0) -> CheckReport:
    """`duplicates` were dropped while reading."""
    lowest, highest = np.minimum(series.open, series.close), np.maximum(series.open, series.close)
    fine = (series.low > 0) & (series.low <= lowest) & (series.high >= highest) & (series.volume >= 0)
    moves = np.abs(np.concatenate(([series.close[0] / series.open[0] - 1], np.diff(series.close) / series.close[:-1])))
    jump = int(moves.argmax())
    return CheckReport(
        rows=len(series),
        first=series.opened_at(0),
        last=series.opened_at(-1),
        missing=series.missing,
        gaps=len(gaps(series)),
        duplicates=duplicates,
        impossible=int((~fine).sum()),
        no_volume_pct=float((series.volume == 0).mean() * 100),
        largest_jump_pct=float(moves[jump] * 100),
        largest_jump_at=series.opened_at(jump),
        sha256=data_sha256(series),
    )


def gaps(series: CandleSeries) -> list[tuple[datetime, int]]:
    """(Opening time of the first missing candle, how many are missing) of each gap."""
    return gaps_between(series.ts, series.seconds)


def _range(series: CandleSeries) -> str:
    if len(series) == 0:
        return "nothing"
    return f"{series.opened_at(0):%Y-%m-%d %H:%M} to {series.opened_at(-1):%Y-%m-%d %H:%M} UTC"
