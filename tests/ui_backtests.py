"""A line of backtests and a shelf of candles for the pages."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.backtest_figures import figures_of
from app.backtest_ports import Busy, Wanted
from app.ports import Row, Who
from app.strategy_files import Unfit
from tests.fakes_ui import NOW

FILES = ["result.json", "trades.csv", "equity.csv", "report.html", "report.pdf"]


def a_result(return_pct: float = 15.3, **changes: Any) -> Row:
    """What result.json holds, as far as pages read it."""
    standard: Row = {
        "start": "2022-01-01T00:00:00Z",
        "end": "2023-12-31T23:59:00Z",
        "return_pct": return_pct,
        "buy_and_hold_return_pct": -8.4,
        "max_drawdown_pct": 8.52,
        "cagr_pct": 7.1,
        "sharpe_ratio": 0.92,
        "trades": 143,
        "win_rate_pct": 44.1,
        "profit_factor": 1.31,
        "exposure_time_pct": 21.7,
        "fees_paid": 212.4,
        "final_equity": 10_000 * (1 + return_pct / 100),
        "honesty": {"buy_and_hold_same_exposure_pct": -2.1},
        "warnings": [
            "its return may be luck: with blocks of its days drawn anew, one run in twenty loses 3.1 % or more",
            "the best trade earned more than all others together",
        ],
    }
    return {**standard, **changes}


def a_run(id: str = "b1", status: str = "done", **changes: Any) -> Row:
    standard: Row = {
        "id": id,
        "status": status,
        "progress_pct": 100.0 if status == "done" else 0.0,
        "created_at": NOW - timedelta(minutes=12),
        "finished_at": NOW if status == "done" else None,
        "data": "BTC/USD:1m",
        "since": None,
        "until": None,
        "initial_cash": Decimal(10_000),
        "kind": "backtest",
        "vary": [],
        "changes": {},
        "error": None,
        "result": a_result() if status == "done" else None,
        "files": FILES if status == "done" else [],
    }
    return {**standard, **changes}


def a_search(id: str = "s1") -> Row:
    study = {
        "headline": {"what": "out of sample: each test was traded with what was found before it", **a_result(9.1)},
        "best": [{"changes": {"timeframe": "4h", "buy_threshold": 70}, **a_result(21.0)}],
        "importance": {"timeframe": 0.61, "buy_threshold": 0.39},
        "warnings": ["of 100 configurations, the best looks good by luck alone"],
    }
    files = ["study.json", "trials.csv", "optimize.html"]
    return a_run(id, kind="optimize", result=study, files=files)


def a_look_around(id: str = "n1") -> Row:
    rows = [
        {"settings": {"buy_threshold": str(each)}, "return_pct": each - 65.0, "max_drawdown_pct": 5.0, "trades": 40}
        for each in (50, 60, 70, 80)
    ]
    files = ["sensitivity.json", "sensitivity.html"]
    return a_run(id, kind="sensitivity", vary=["buy_threshold=50..80/10"], result={"rows": rows}, files=files)


class FakeBacktests:
    """app.backtest_ports.Backtests over a list."""

    def __init__(self, *rows: Row) -> None:
        self.rows = list(rows)
        self.wanted: list[Wanted] = []
        self.refusal: Exception | None = None
        self._callbacks: list[Callable[[], None]] = []

    async def start(self, who: Who, wanted: Wanted) -> Row:
        if self.refusal:
            raise self.refusal
        self.wanted.append(wanted)
        row = a_run(
            f"b{len(self.rows) + 1}", "queued", data=wanted.data, changes=dict(wanted.changes), kind=wanted.kind
        )
        self.rows.insert(0, row)
        self.changed()
        return row

    async def list(self, limit: int, offset: int) -> tuple[list[Row], int]:
        rows = [{**row, "result": figures_of(row["result"] or {}) or None} for row in self.rows]
        return rows[offset : offset + limit], len(self.rows)

    async def get(self, id: str) -> Row | None:
        return next((row for row in self.rows if row["id"] == id), None)

    async def cancel(self, who: Who, id: str) -> None:
        row = await self.get(id)
        if row is None:
            raise KeyError(id)
        if row["status"] in ("queued", "running"):
            row["status"] = "cancelled"
        else:
            self.rows.remove(row)
        self.changed()

    async def file(self, id: str, name: str) -> Path | None:
        return None

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    @property
    def listeners(self) -> int:
        return len(self._callbacks)

    def set(self, id: str, **changes: Any) -> None:
        next(row for row in self.rows if row["id"] == id).update(changes)
        self.changed()

    def changed(self) -> None:
        for callback in list(self._callbacks):
            callback()


class FakeCandles:
    """app.backtest_ports.CandleData over a list."""

    def __init__(self, *names: str) -> None:
        self.rows: Sequence[Row] = [
            {
                "name": name,
                "symbol": name.partition(":")[0],
                "timeframe": name.partition(":")[2],
                "candles": 1_051_188,
                "first": datetime(2022, 1, 1, tzinfo=UTC),
                "last": datetime(2023, 12, 31, 23, 59, tzinfo=UTC),
                "missing": 12,
                "imported_at": NOW,
            }
            for name in names
        ]

    async def list(self) -> Sequence[Row]:
        return self.rows

    async def take(self, who: Who, chunks: AsyncIterator[bytes], symbol: str | None, timeframe: str) -> Row:
        read = b"".join([chunk async for chunk in chunks])
        if not read.startswith(b"time"):
            raise Unfit("file: line 1 has no column that says when; name one time")
        self.rows = [*self.rows, {**FakeCandles("ETH/USD:1h").rows[0], "name": f"{symbol}:{timeframe}"}]
        return {"name": f"{symbol}:{timeframe}", "notes": ["3 candles"]}


FULL = Busy("enough backtests wait already; cancel one, or wait for it", 60)
