"""Candles that a person uploads: written to disk as they come, then imported by a child process, all or nothing.

The file's name is never used, and what is in it is never opened in this process.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from app.backtest_ports import Busy
from app.backtests import Audit
from app.core.errors import ConfigError
from app.ports import Row, Who
from app.seam import Tasks
from app.strategy_files import Unfit
from services.beside import MAIN
from services.children import shelf
from services.children.process import Limits, run_child

NAME = "upload"
SECONDS = 600  # for the whole of it
LIMITS = Limits(seconds=120, memory_mb=700, nice=10)  # a person waits for it
BUFFER = 1 << 20
KEPT_FREE = 200 << 20  # bytes that an upload leaves on the disk, for the trader's books


class Uploads:
    """Implements app.ports.CandleData. One upload at a time."""

    def __init__(
        self,
        root: Path,
        data_dir: Path,
        symbol: str,
        *,
        environment: Mapping[str, str],
        audit: Audit,
        new_id: Callable[[], str],
        tasks: Tasks,
        limits: Limits = LIMITS,
        kept_free: int = KEPT_FREE,
    ) -> None:
        self._root, self._data_dir, self._symbol = root.resolve(), data_dir.resolve(), symbol
        self._environment, self._audit = environment, audit
        self._new_id, self._tasks = new_id, tasks
        self._limits, self._busy, self._kept_free = limits, False, kept_free

    async def list(self) -> Sequence[Row]:
        return [series_row(each) for each in await self._tasks.in_thread(lambda: shelf.series_in(self._data_dir))]

    async def take(self, who: Who, chunks: AsyncIterator[bytes], symbol: str | None, timeframe: str) -> Row:
        if self._busy:
            raise Busy("another file is being taken in; try again when it is done", 10)
        self._busy = True
        try:
            async with asyncio.timeout(SECONDS):
                return await self._take(who, chunks, (symbol or self._symbol).upper(), timeframe)
        except TimeoutError as error:
            raise Unfit(f"file: it did not arrive within {SECONDS // 60} minutes") from error
        except OSError as error:
            raise ConfigError(f"the upload cannot be written ({error.strerror}); free some space") from error
        finally:
            self._busy = False

    async def _take(self, who: Who, chunks: AsyncIterator[bytes], symbol: str, timeframe: str) -> Row:
        home = self._root / self._new_id()
        try:
            await self._tasks.in_thread(lambda: self._make(home))
            await self._save(chunks, home / NAME)
            ended = await run_child(
                (str(MAIN), "data", "import", NAME, f"--symbol={symbol}", f"--timeframe={timeframe}"),
                home=home,
                environment={**self._environment, "TRADER_DATA_DIR": str(home / "data")},
                limits=self._limits,
            )
        finally:
            await self._tasks.in_thread(lambda: shutil.rmtree(home, ignore_errors=True))
        if ended.error:
            raise Unfit(f"file: {ended.error.removeprefix(f'{NAME}: ')}")
        series = await self._tasks.in_thread(lambda: shelf.named(f"{symbol}:{timeframe}", self._data_dir))
        name = f"{symbol}:{timeframe}"
        await self._tasks.in_thread(
            lambda: self._audit(
                actor=who.username, action="upload", target=name, detail="", address=who.address, result="ok"
            )
        )
        notes = [line.removeprefix(f"{NAME}: ") for line in ended.lines]
        return {**(series_row(series) if series else {"name": name}), "notes": notes}

    def _make(self, home: Path) -> None:
        """A data directory that holds nothing but the way to the candles; what a killed upload left is removed."""
        shutil.rmtree(self._root, ignore_errors=True)
        self._require_room()
        (home / "data").mkdir(parents=True)
        (self._data_dir / "candles").mkdir(parents=True, exist_ok=True)
        (home / "data" / "candles").symlink_to(self._data_dir / "candles", target_is_directory=True)

    async def _save(self, chunks: AsyncIterator[bytes], path: Path) -> None:
        def write(part: bytearray) -> None:
            self._require_room()
            file.write(part)

        with path.open("xb") as file:
            waiting = bytearray()
            async for chunk in chunks:
                waiting += chunk
                if len(waiting) >= BUFFER:
                    full, waiting = waiting, bytearray()
                    await self._tasks.in_thread(lambda full=full: write(full))  # type: ignore[misc]
            rest = waiting
            await self._tasks.in_thread(lambda: write(rest))

    def _require_room(self) -> None:
        free = shutil.disk_usage(self._data_dir).free
        if free < self._kept_free:
            raise ConfigError(
                f"the disk of {self._data_dir} has {free >> 20} MB left, and {self._kept_free >> 20} MB are kept for "
                "the books; free some space"
            )


def series_row(series: shelf.Series) -> Row:
    return {
        "name": series.name,
        "symbol": series.symbol,
        "timeframe": series.timeframe,
        "candles": series.candles,
        "first": series.first,
        "last": series.last,
        "missing": series.missing,
        "imported_at": series.imported_at,
    }
