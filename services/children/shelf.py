"""What the store of candles says of itself: its manifests alone, without the libraries that read candles.

It never opens a candle. `main.py data` writes what is read here.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One imported series. `first` and `last` are opening times."""

    symbol: str
    timeframe: str
    seconds: int
    candles: int
    first: datetime
    last: datetime
    imported_at: datetime | None

    @property
    def name(self) -> str:
        return f"{self.symbol}:{self.timeframe}"

    @property
    def missing(self) -> int:
        """How many candles are not there between the first and the last."""
        return max(0, int((self.last - self.first).total_seconds()) // self.seconds + 1 - self.candles)


def series_in(data_dir: Path) -> list[Series]:
    """By name; one that is damaged is left out: `main.py data list` says what is wrong with it."""
    return sorted(_series_in(data_dir / "candles"), key=lambda series: series.name)


def named(name: str, data_dir: Path) -> Series | None:
    """`BTC/USD`, `btc_usd` or `BTC/USD:1h`."""
    symbol, _, timeframe = name.partition(":")
    wanted = f"{symbol.replace('_', '/').upper()}:{timeframe or '1m'}"
    return next((series for series in series_in(data_dir) if series.name == wanted), None)


def _series_in(candles: Path) -> Iterator[Series]:
    for path in candles.glob("*/*/manifest.json"):
        if path.parent.name.startswith("."):  # being written
            continue
        try:
            yield _read(json.loads(path.read_text(encoding="utf-8")), path.parent.name)
        except (OSError, ValueError, KeyError, TypeError):
            continue


def _read(manifest: dict[str, Any], timeframe: str) -> Series:
    return Series(
        symbol=str(manifest["symbol"]),
        timeframe=timeframe,
        seconds=int(manifest["seconds"]),
        candles=int(manifest["rows"]),
        first=_time(manifest["first"]),
        last=_time(manifest["last"]),
        imported_at=_time(manifest["imported_at"]) if "imported_at" in manifest else None,
    )


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
