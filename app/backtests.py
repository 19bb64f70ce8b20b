"""Backtests that people ask for: a record of each, its place in the line, its files. None of them runs in this process.

The record outlives a restart: what waited goes on waiting, what ran has failed.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from app.backtest_ports import Busy, Wanted
from app.core.errors import DataError, StoreError
from app.core.money import plain
from app.errands import Errand, Errands
from app.ports import Row, Who
from app.seam import Clock, Tasks

RESTARTED = "the trader was restarted while it ran; start it again"
UNFINISHED = ("queued", "running")
WRITE_AGAIN_SECONDS = 10
RETRY_AFTER_SECONDS = 60

log = logging.getLogger(__name__)


class BacktestRecord(Protocol):
    """Rows in the store. Synchronous; always called beside the loop. Raises StoreError."""

    def add(self, id: str, at: datetime, request: Mapping[str, Any]) -> None: ...

    def began(self, id: str) -> None: ...

    def ended(self, id: str, status: str, at: datetime, error: str, result: Mapping[str, Any]) -> None:
        """Where it has not ended yet."""

    def page(self, limit: int, offset: int) -> tuple[list[Row], int]:
        """`result` is what a list shows of it: see app.backtest_figures."""

    def one(self, id: str) -> Row | None: ...

    def unfinished(self) -> Sequence[Row]:
        """Oldest first."""

    def remove(self, id: str) -> None: ...

    def prune(self, keep: int) -> None:
        """All but the newest, those that have not ended, and the newest that came to its end."""

    def ids(self) -> set[str]: ...


class BacktestFolders(Protocol):
    """A folder for each, with what it is given and what it gives. Synchronous; always called beside the loop."""

    def prepare(self, id: str, wanted: Wanted) -> tuple[Errand, Wanted]:
        """Everything that it reads, as it is now, and what was left open filled in. Unfit where it could not be run,
        and nothing is left."""

    def again(self, id: str) -> Errand:
        """What was prepared before a restart. DataError where it is not there any more."""

    def result(self, id: str) -> Row:
        """What result.json holds. DataError."""

    def files(self, id: str) -> Sequence[str]: ...

    def file(self, id: str, name: str) -> Path | None: ...

    def tidy(self, id: str) -> None:
        """Keep the results alone."""

    def keep_only(self, ids: set[str]) -> None: ...


class Audit(Protocol):
    """Writes one line of the audit trail; beside the loop."""

    def __call__(self, *, actor: str, action: str, target: str, detail: str, address: str, result: str) -> None: ...


class BacktestRuns:
    """Implements app.ports.Backtests."""

    def __init__(
        self,
        record: BacktestRecord,
        folders: BacktestFolders,
        errands: Errands,
        *,
        keep: int,
        audit: Audit,
        new_id: Callable[[], str],
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._record, self._folders, self._errands = record, folders, errands
        self._keep, self._audit, self._new_id = keep, audit, new_id
        self._clock, self._tasks = clock, tasks
        self._one_start = asyncio.Lock()
        self._callbacks: list[Callable[[], None]] = []
        errands.changed = self._tell

    @property
    def errands(self) -> Errands:
        """The line: whoever else has heavy work stands in it, too."""
        return self._errands

    async def open(self) -> None:
        """After a restart."""
        for row in await self._tasks.in_thread(self._record.unfinished):
            id, why = str(row["id"]), RESTARTED
            if row["status"] == "queued":
                why = await self._queue_again(id)
            if why:
                await self._finish(id, "failed", why)
        await self._tidy()

    async def _queue_again(self, id: str) -> str:
        """Why not, or ""."""
        try:
            self._errands.submit(await self._tasks.in_thread(lambda: self._folders.again(id)), self)
        except DataError as error:
            return str(error)
        return ""

    async def start(self, who: Who, wanted: Wanted) -> Row:
        async with self._one_start:  # or two would take the last place in the line
            if self._errands.full:
                raise Busy("enough backtests wait already; cancel one, or wait for it", RETRY_AFTER_SECONDS)
            id = self._new_id()
            errand, exact = await self._tasks.in_thread(lambda: self._folders.prepare(id, wanted))
            request = request_of(exact)
            await self._tasks.in_thread(lambda: self._record.add(id, self._clock.now(), request))
            self._errands.submit(errand, self)
        await self._note(who, "backtest", id, exact.data)
        self._tell()
        row = await self.get(id)
        if row is None:
            raise StoreError("the backtest was started, and its row is not there")
        return row

    async def list(self, limit: int, offset: int) -> tuple[list[Row], int]:
        def read() -> tuple[list[Row], int]:
            rows, total = self._record.page(limit, offset)
            return [self._whole(row) for row in rows], total

        return await self._tasks.in_thread(read)

    async def get(self, id: str) -> Row | None:
        def read() -> Row | None:
            row = self._record.one(id)
            return self._whole(row) if row else None

        return await self._tasks.in_thread(read)

    async def cancel(self, who: Who, id: str) -> None:
        row = await self._tasks.in_thread(lambda: self._record.one(id))
        if row is None:
            raise KeyError(id)
        # To the end, even where whoever asked has gone: else a row would say "running" until the next restart.
        work = self._tasks.start(self._cancel(who, id, row), f"cancel backtest {id}")
        error = await asyncio.shield(work)
        if error is not None:
            raise error

    async def _cancel(self, who: Who, id: str, row: Row) -> StoreError | None:
        try:
            if row["status"] in UNFINISHED:
                if not await self._errands.cancel(id):
                    return None  # it ended this very moment
                await self._finish(id, "cancelled", "")
                await self._note(who, "backtest_cancel", id, str(row["data"]))
            else:
                await self._tasks.in_thread(lambda: self._record.remove(id))
                await self._note(who, "backtest_remove", id, str(row["data"]))
        except StoreError as error:
            return error
        await self._tidy()
        self._tell()
        return None

    async def file(self, id: str, name: str) -> Path | None:
        def look() -> Path | None:
            return self._folders.file(id, name) if self._record.one(id) else None

        return await self._tasks.in_thread(look)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    # ------------------------------------------------------------ what the line says

    async def began(self, id: str) -> None:
        await self._written(lambda: self._record.began(id))
        self._tell()

    async def ended(self, id: str, error: str) -> None:
        result: Row = {}
        if not error:
            try:
                result = await self._tasks.in_thread(lambda: self._folders.result(id))
            except DataError as wrong:
                error = str(wrong)
        await self._finish(id, "failed" if error else "done", error, result)
        await self._tidy()

    # ------------------------------------------------------------ inside

    async def _finish(self, id: str, status: str, error: str, result: Row | None = None) -> None:
        """Tidied first: whoever reads that it has ended finds its folder as it stays."""
        now = self._clock.now()
        await self._tasks.in_thread(lambda: self._folders.tidy(id))
        await self._written(lambda: self._record.ended(id, status, now, error, result or {}))

    async def _written(self, write: Callable[[], None]) -> None:
        """However long the store is away: what became of a backtest is not forgotten."""
        while True:
            try:
                return await self._tasks.in_thread(write)
            except StoreError as error:
                log.warning("a backtest's row waits for the store: %s", error)
                await self._clock.sleep(WRITE_AGAIN_SECONDS)

    async def _tidy(self) -> None:
        """The newest are kept; a folder without a row goes."""

        def work() -> None:
            self._record.prune(self._keep)
            self._folders.keep_only(self._record.ids())

        try:
            async with self._one_start:  # one that is just being prepared has a folder, and no row yet
                await self._tasks.in_thread(work)
        except StoreError as error:
            log.warning("old backtests are removed later: %s", error)

    def _whole(self, row: Row) -> Row:
        """With what only this process and the disk know."""
        per_cent = 100.0 if row["status"] == "done" else self._errands.progress.get(str(row["id"]), 0.0)
        return {**row, "progress_pct": per_cent, "files": list(self._folders.files(str(row["id"])))}

    async def _note(self, who: Who, action: str, target: str, detail: str) -> None:
        await self._tasks.in_thread(
            lambda: self._audit(
                actor=who.username, action=action, target=target, detail=detail, address=who.address, result="ok"
            )
        )

    def _tell(self) -> None:
        for callback in list(self._callbacks):
            callback()


def request_of(wanted: Wanted) -> Row:
    return {
        "data": wanted.data,
        "since": wanted.since.isoformat() if wanted.since else None,
        "until": wanted.until.isoformat() if wanted.until else None,
        "kind": wanted.kind.value,
        "vary": list(wanted.vary),
        "cash": plain(wanted.cash) if wanted.cash is not None else None,
        "changes": {
            path: plain(value) if isinstance(value, Decimal) else value for path, value in wanted.changes.items()
        },
    }
