"""Backtests and candles over HTTP: ask for one, look at it, take its files, cancel it; upload candles.

A report is a document of its own: nothing in it can reach the session of whoever reads it.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, Query, Request, Response
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, JSONResponse

from app.backtest_ports import Backtests, Busy, CandleData, Kind, Wanted
from app.core.errors import DataError, StoreError, TraderError
from app.core.money import decimal
from app.ports import Row, Who
from app.strategy_files import Unfit
from components.api_parts import Gate, Names, Page, Strict, address_of
from components.doors import Doors
from components.edge import TooLarge
from components.multipart import file_in
from components.problems import Problem
from components.wire import wire

T = TypeVar("T")
MOST_CASH = Decimal(10**9)
KINDS = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
}
SANDBOX = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'"
)


def midnight(given: object) -> object:
    """A UTC date, or that day's midnight as a time."""
    if not isinstance(given, str):
        raise ValueError("must be a UTC date such as 2023-03-14")
    day = given.removesuffix("T00:00:00Z").removesuffix("T00:00:00.000Z")
    try:
        if not re.fullmatch(r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}", day, re.ASCII):
            raise ValueError
        at = date.fromisoformat(day)
    except ValueError as error:
        raise ValueError("must be a UTC date such as 2023-03-14") from error
    return datetime(at.year, at.month, at.day, tzinfo=UTC)


def dollars(given: object) -> object:
    """A decimal string, as money is everywhere; a plain number will do."""
    if isinstance(given, bool) or not isinstance(given, str | int | float) or len(str(given)) > 40:
        raise ValueError("must be an amount of dollars such as 10000")
    try:
        return decimal(str(given), "cash")
    except DataError as error:
        raise ValueError("must be an amount of dollars such as 10000") from error


def exact(value: bool | int | float | str) -> Decimal | int | bool | str:
    """As it was written: 0.1 is a tenth."""
    return Decimal(str(value)) if isinstance(value, float) else value


def fair(cash: Decimal) -> Decimal:
    if not 1 <= cash <= MOST_CASH:
        raise ValueError("must be from 1 to 1000000000")
    return cash


Midnight = Annotated[datetime, BeforeValidator(midnight), WithJsonSchema({"type": "string", "format": "date"})]
DOLLARS = {
    "anyOf": [{"type": "number", "minimum": 1, "maximum": 10**9}, {"type": "string", "pattern": r"^[1-9][0-9]{0,8}$"}]
}


class Configuration(Strict):
    """The contents of strategies.yml and risk.yml; what is left out is the trader's own."""

    strategies: dict[str, Any] | None = None
    risk: dict[str, Any] | None = None


class BacktestWanted(Strict):
    data: Annotated[str, Field(min_length=1, max_length=64)]
    since: Midnight | None = None
    until: Midnight | None = None
    cash: Annotated[Decimal, BeforeValidator(dollars), AfterValidator(fair), WithJsonSchema(DOLLARS)] | None = None
    config: Configuration | None = None
    changes: Annotated[dict[str, bool | int | float | str], Field(max_length=64, default_factory=dict)]
    kind: Annotated[Kind, Field(strict=False)] = Kind.BACKTEST
    vary: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=20, default_factory=list)]
    trials: Annotated[int, Field(ge=1, le=5000)] = 100
    walk_forward: Annotated[str, Field(pattern=r"^([1-9][0-9]{0,3}d/[1-9][0-9]{0,3}d)?$")] = ""


class UploadPlace(Names):
    """What the candles are of; the trader's own symbol where it is not said."""

    symbol: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,12}/[A-Za-z0-9]{1,12}$")] | None = None
    timeframe: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}[mhdw]$")] = "1m"


class Testing:
    """Everything at `/v1/backtests` and `/v1/data`."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def add(self, api: FastAPI, gate: Gate) -> None:
        self._gate = gate
        for method, path, work in (
            ("POST", "/v1/backtests", self.start),
            ("GET", "/v1/backtests", self.list),
            ("GET", "/v1/backtests/{id}", self.one),
            ("DELETE", "/v1/backtests/{id}", self.cancel),
            ("GET", "/v1/backtests/{id}/files/{name}", self.file),
            ("GET", "/v1/data", self.data),
            ("POST", "/v1/data", self.upload),
        ):
            needs = [Depends(gate.signed_in)]
            api.add_api_route(path, work, methods=[method], dependencies=needs, response_model=None)

    async def start(self, request: Request, body: BacktestWanted, _: Annotated[Names, Query()]) -> Response:
        given = body.config.model_dump(exclude_none=True) if body.config else None
        wanted = Wanted(
            data=body.data,
            since=body.since,
            until=body.until,
            cash=body.cash,
            config=given or None,
            changes={path: exact(value) for path, value in body.changes.items()},
            kind=body.kind,
            vary=tuple(body.vary),
            trials=body.trials,
            walk_forward=body.walk_forward,
        )
        who = await self._who(request)
        row = backtest_row(await answered(lambda: self._backtests.start(who, wanted)))
        return JSONResponse(row, 202, {"location": f"/api/v1/backtests/{row['id']}"})

    async def list(self, page: Annotated[Page, Query()]) -> Response:
        """Newest first. `result` holds the figures and the first warnings; one alone holds all of it."""
        rows, total = await answered(lambda: self._backtests.list(page.limit, page.offset))
        return JSONResponse({"items": [backtest_row(row) for row in rows], "total": total})

    async def one(self, id: str, _: Annotated[Names, Query()]) -> Response:
        row = await answered(lambda: self._backtests.get(id))
        if row is None:
            raise _no_backtest(id)
        return JSONResponse(backtest_row(row))

    async def cancel(self, request: Request, id: str, _: Annotated[Names, Query()]) -> Response:
        """One that waits or runs is stopped and stays in the list; one that has ended is removed with its files."""
        who = await self._who(request)
        try:
            await answered(lambda: self._backtests.cancel(who, id))
        except KeyError as error:
            raise _no_backtest(id) from error
        return Response(status_code=204)

    async def file(self, id: str, name: str, _: Annotated[Names, Query()]) -> Response:
        path = await answered(lambda: self._backtests.file(id, name))
        if path is None:
            raise Problem(404, f"this backtest has no file {name[:80]!r}; its row lists those that it has")
        ending = path.suffix.removeprefix(".")
        shown = ending == "html"
        headers = {"content-security-policy": SANDBOX, "x-frame-options": "SAMEORIGIN"} if shown else {}
        how = "inline" if shown else "attachment"
        return FileResponse(
            path, media_type=KINDS[ending], headers=headers, filename=path.name, content_disposition_type=how
        )

    async def data(self, _: Annotated[Names, Query()]) -> Response:
        """What candles there are. `missing`: how many are not there between the first and the last."""
        rows = await answered(self._data.list)
        return JSONResponse({"items": wire(list(rows)), "total": len(rows)})

    async def upload(self, request: Request, place: Annotated[UploadPlace, Query()]) -> Response:
        """A form (multipart/form-data) with one `file`: CSV, parquet or feather."""
        who = await self._who(request)
        chunks = file_in(request.stream(), request.headers.get("content-type", ""))
        try:
            row = await answered(lambda: self._data.take(who, chunks, place.symbol, place.timeframe))
        except TooLarge as error:
            most = self._doors.upload_bytes // 2**20
            raise Problem(413, f"at most {most} MB are taken; for more, run: main.py data import FILE") from error
        except ClientDisconnect as error:
            raise Problem(400, "the request ended before its body did") from error
        return JSONResponse(wire(row), 201)

    @property
    def _backtests(self) -> Backtests:
        if self._doors.backtests is None:
            raise Problem(404, "there are no backtests here")
        return self._doors.backtests

    @property
    def _data(self) -> CandleData:
        if self._doors.data is None:
            raise Problem(404, "there are no candles here")
        return self._doors.data

    async def _who(self, request: Request) -> Who:
        who = await self._gate.signed_in(request)
        return Who(username=who.username, address=address_of(request))


async def answered(work: Callable[[], Awaitable[T]]) -> T:
    """What refuses it becomes a problem."""
    try:
        return await work()
    except Unfit as error:
        raise Problem(422, str(error)) from error
    except Busy as error:
        raise Problem(429, str(error), headers={"retry-after": str(error.retry_after_seconds)}) from error
    except StoreError as error:
        raise Problem(503, "the store does not answer; try again", headers={"retry-after": "5"}) from error
    except TraderError as error:
        raise Problem(409, str(error)) from error


def backtest_row(row: Row) -> Row:
    """In the words of the contract. What result.json holds stays as it is: JSON numbers and texts."""
    files = [{"name": name, "url": f"/api/v1/backtests/{row['id']}/files/{name}"} for name in row["files"]]
    told: Row = wire({name: value for name, value in row.items() if name not in ("result", "files")})
    return {**told, "result": row["result"], "files": files}


def _no_backtest(id: str) -> Problem:
    return Problem(404, f"there is no backtest with the id {id[:80]!r}")
