"""The HTTP interface: `/health` and `/api/v1`. It reads from the view and the store and gives orders through control.

Must never answer anything but its documented forms: rows, lists, and problems.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import Body, Depends, FastAPI, Query, Request, Response
from pydantic import ConfigDict, Field
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Mount, Route

from app.core.errors import StoreError
from app.core.money import ZERO, pct_of
from app.ports import Row, Status, Who
from components import api_docs
from components.api_backtests import Testing
from components.api_health import Looking
from components.api_limits import Limiting
from components.api_parts import CODE_WANTED, Gate, Moment, Names, Nothing, Page, Strict, address_of
from components.api_push import Pushing
from components.csv_text import csv_lines, with_flows
from components.doors import Doors, HealthWord
from components.idempotency import Bodies
from components.metrics import Metrics
from components.problems import Problem, add_problems
from components.wire import candle_row, checklist_row, status_row, wire

API = "/api"
UNREAD = "the store does not answer; try again"
Timeframe = Literal["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d"]


class Credentials(Strict):
    username: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=1024)]
    otp: Annotated[str, Field(max_length=16)] | None = None


class Resuming(Strict):
    otp: Annotated[str, Field(max_length=16)] | None = None


class Confirmed(Strict):
    confirm: Literal[True]


class Unlocking(Strict):
    password: Annotated[str, Field(min_length=1, max_length=1024)]
    phrase: Annotated[str, Field(max_length=64)]
    otp: Annotated[str, Field(max_length=16)] | None = None


class StrategyChange(Strict):
    """At least one of `enabled` and `weight`."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["enabled"]}, {"required": ["weight"]}]})

    enabled: bool | None = None
    weight: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    otp: Annotated[str, Field(max_length=16)] | None = None


class Acknowledged(Strict):
    ids: Annotated[list[Annotated[str, Field(pattern=r"^[0-9]{1,15}$")]], Field(max_length=200)] | None = None


class PositionsPage(Page):
    status: Literal["all"] | None = None  # without it: those not closed


class TradesPage(Page):
    since: Moment | None = None
    until: Moment | None = None


class NewsPage(Page):
    """By when they were published."""

    since: Moment | None = None
    until: Moment | None = None


class CandlesPage(Names):
    """Without `timeframe`: the one that strategies are shown."""

    timeframe: Timeframe | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class LogsPage(Page):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] | None = None


def add_api(web: FastAPI, doors: Doors, open_pages: Callable[[], int] = lambda: 0) -> FastAPI:
    """Put `/health`, `/metrics` and `/api` on the application; again replaces what was there."""
    api = FastAPI(
        title="bitcoin-autotrader", version=doors.view.status().version, openapi_url=None, docs_url=None, redoc_url=None
    )
    add_problems(api)
    gate = Gate(doors)
    api.add_middleware(Bodies, doors=doors, signed_in=gate.signed_in)
    Reading(doors).add(api, gate)
    Acting(doors).add(api, gate)
    Testing(doors).add(api, gate)
    Pushing(doors).add(api, gate)
    Limiting(doors).add(api, gate)
    Looking(doors).add(api, gate)
    api_docs.add(api, gate.signed_in)
    web.router.routes[:] = [each for each in web.router.routes if not (isinstance(each, Mount) and each.path == API)]
    web.router.routes[:0] = [
        Route("/health", Health(doors.health)),
        Route("/metrics", Metrics(doors, open_pages).__call__, methods=["GET"]),
        Mount(API, api),
    ]
    return api


class Health:
    """ok and degraded are 200: nobody must restart a trader because the exchange is down. Only GET is taken."""

    def __init__(self, word: Callable[[], HealthWord]) -> None:
        self._word = word

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            problem = Problem(405, f"{scope['method']} is not possible at /health", headers={"allow": "GET, HEAD"})
            await problem.response()(scope, receive, send)
            return
        word = self._word()
        await JSONResponse({"status": word}, 503 if word == "starting" else 200)(scope, receive, send)


class Reading:
    """The GETs."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def add(self, api: FastAPI, gate: Gate) -> None:
        needs = [Depends(gate.signed_in)]
        for path, work in (
            ("/v1/status", self.status),
            ("/v1/positions", self.positions),
            ("/v1/positions/{id}", self.position),
            ("/v1/trades", self.trades),
            ("/v1/trades.csv", self.trades_csv),
            ("/v1/orders", self.orders),
            ("/v1/fills", self.fills),
            ("/v1/flows", self.flows),
            ("/v1/decisions", self.decisions),
            ("/v1/decisions/{id}", self.decision),
            ("/v1/signals", self.signals),
            ("/v1/insights", self.insights),
            ("/v1/candles", self.candles),
            ("/v1/reviews", self.reviews),
            ("/v1/reviews/{id}", self.review),
            ("/v1/voices", self.voices),
            ("/v1/news", self.news),
            ("/v1/alerts", self.alerts),
            ("/v1/strategies", self.strategies),
            ("/v1/strategies/{name}", self.strategy),
            ("/v1/live-check", self.live_check),
            ("/v1/logs", self.logs),
            ("/v1/stats/daily", self.days),
            ("/v1/audit", self.audit),
        ):
            api.add_api_route(path, work, methods=["GET"], dependencies=needs, response_model=None)

    async def status(self, _: Annotated[Names, Query()]) -> Response:
        return JSONResponse(status_row(self._doors.view.status()))

    async def positions(self, page: Annotated[PositionsPage, Query()]) -> Response:
        filters = {"status": page.status} if page.status else {}
        rows, total = await self._rows("positions", page, **filters)
        return _listed([self._priced(row) for row in rows], total)

    async def position(self, id: str, _: Annotated[Names, Query()]) -> Response:
        return JSONResponse(wire(self._priced(await self._one("positions", id))))

    async def trades(self, page: Annotated[TradesPage, Query()]) -> Response:
        filters: dict[str, datetime] = {}
        if page.since:
            filters["since"] = page.since
        if page.until:
            filters["until"] = page.until
        return _listed(*await self._rows("trades", page, **filters))

    async def trades_csv(self, _: Annotated[Names, Query()]) -> Response:
        """All trades, oldest first, streamed, with deposits and withdrawals among them."""
        headers = {"content-disposition": 'attachment; filename="trades.csv"'}
        quote = self._doors.view.status().symbol.partition("/")[2]
        return StreamingResponse(
            csv_lines(with_flows(self._doors.reader, quote)), media_type="text/csv; charset=utf-8", headers=headers
        )

    async def orders(self, page: Annotated[Page, Query()]) -> Response:
        return _listed(*await self._rows("orders", page))

    async def fills(self, page: Annotated[Page, Query()]) -> Response:
        return _listed(*await self._rows("fills", page))

    async def flows(self, page: Annotated[Page, Query()]) -> Response:
        """Deposits and withdrawals: no figure of result, loss or drawdown counts them."""
        return _listed(*await self._rows("flows", page))

    async def decisions(self, page: Annotated[Page, Query()]) -> Response:
        return _listed(*await self._rows("decisions", page))

    async def decision(self, id: str, _: Annotated[Names, Query()]) -> Response:
        return JSONResponse(wire(await self._one("decisions", id)))

    async def signals(self, page: Annotated[Page, Query()]) -> Response:
        return _listed(*await self._rows("signals", page))

    async def insights(self, _: Annotated[Names, Query()]) -> Response:
        """Why the trader trades now, or does not."""
        return JSONResponse(wire(await self._doors.insights()))

    async def candles(self, page: Annotated[CandlesPage, Query()]) -> Response:
        """The newest that are known, newest first; the first may not be closed yet. `total` counts these."""
        try:
            found = await self._doors.candles(page.timeframe, page.limit)
        except StoreError as error:
            raise Problem(503, UNREAD, headers={"retry-after": "5"}) from error
        now = self._doors.view.status().market_at
        return _listed([candle_row(each, now) for each in reversed(found)], len(found))

    async def reviews(self, page: Annotated[Page, Query()]) -> Response:
        """Each day against what it should have been: its replay, and the same day in a backtest."""
        return _listed(*await self._rows("reviews", page))

    async def review(self, id: str, _: Annotated[Names, Query()]) -> Response:
        """One day, such as 2026-11-26."""
        return JSONResponse(wire(await self._one("reviews", id)))

    async def voices(self, page: Annotated[Page, Query()]) -> Response:
        """What each voice was worth, day by day."""
        return _listed(*await self._rows("voices", page))

    async def news(self, page: Annotated[NewsPage, Query()]) -> Response:
        filters: dict[str, datetime] = {}
        if page.since:
            filters["since"] = page.since
        if page.until:
            filters["until"] = page.until
        return _listed(*await self._rows("news", page, **filters))

    async def alerts(self, page: Annotated[Page, Query()]) -> Response:
        """What people were told, and by which channels it went."""
        return _listed(*await self._rows("alerts", page))

    async def strategies(self, page: Annotated[Page, Query()]) -> Response:
        """By name: whoever is in strategies.yml, and every file in the folder."""
        rows = list(self._doors.view.strategies())
        return _listed(rows[page.offset :][: page.limit], len(rows))

    async def strategy(self, name: str, _: Annotated[Names, Query()]) -> Response:
        return JSONResponse(strategy_row(self._doors, name))

    async def live_check(self, _: Annotated[Names, Query()]) -> Response:
        """What must be true before real money is traded, as it was last looked at."""
        return JSONResponse(checklist_row(self._doors.going_live()))

    async def logs(self, page: Annotated[LogsPage, Query()]) -> Response:
        return _listed(*await self._rows("logs", page, **({"level": page.level} if page.level else {})))

    async def days(self, page: Annotated[Page, Query()]) -> Response:
        """Each UTC day's trades, result and drawdown."""
        return _listed(*await self._rows("stats/daily", page))

    async def audit(self, page: Annotated[Page, Query()]) -> Response:
        """Who did what, from where: sign-ins, orders, changes, and what was refused."""
        return _listed(*await self._rows("audit", page))

    async def _rows(self, kind: str, page: Page, **filters: Any) -> tuple[list[Row], int]:
        try:
            return await self._doors.reader.list(kind, page.limit, page.offset, **filters)
        except StoreError as error:
            raise Problem(503, UNREAD, headers={"retry-after": "5"}) from error

    async def _one(self, kind: str, id: str) -> Row:
        row = await stored(self._doors, kind, id)
        if row is None:
            raise Problem(404, f"there is no {kind.removesuffix('s')} with the id {id[:80]!r}")
        return row

    def _priced(self, row: Row) -> Row:
        """What an open position is worth changes with each price: it comes from the engine, not from the store."""
        position = next((each for each in self._doors.view.positions() if each.id == row["id"]), None)
        if position is None:
            return {**row, "current_price": None, "unrealized_pnl": None, "unrealized_pnl_pct": None}
        result = self._doors.view.unrealized(position)
        share = position.remaining / position.quantity if position.quantity else ZERO
        return {
            **row,
            "current_price": self._doors.view.status().price,
            "unrealized_pnl": result,
            "unrealized_pnl_pct": pct_of(result, position.cost * share),
        }


class Acting:
    """The POSTs."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def add(self, api: FastAPI, gate: Gate) -> None:
        self._gate = gate
        api.add_api_route("/v1/token", self.token, methods=["POST"], response_model=None)
        for path, work in (
            ("/v1/pause", self.pause),
            ("/v1/resume", self.resume),
            ("/v1/positions/{id}/close", self.close),
            ("/v1/close-all", self.close_all),
            ("/v1/unlock", self.unlock),
            ("/v1/strategies/{name}", self.change_strategy),
            ("/v1/alerts/acknowledge", self.acknowledge),
        ):
            # signed in comes before everything else: strangers learn nothing from how their body is judged
            needs = [Depends(gate.signed_in)]
            api.add_api_route(path, work, methods=["POST"], dependencies=needs, response_model=None)

    async def token(self, request: Request, body: Credentials, _: Annotated[Names, Query()]) -> Response:
        answer = await self._doors.auth.token(body.username, body.password, body.otp or None, address_of(request))
        if answer.outcome == "too_many":
            headers = {"retry-after": str(answer.retry_after_seconds)}
            raise Problem(429, "too many tries to sign in; wait", headers=headers)
        if answer.outcome == "code_needed":
            raise Problem(401, CODE_WANTED, title="second factor needed")
        if answer.outcome == "wrong":
            raise Problem(401, "the user name, password or code is not right")
        return JSONResponse({"access_token": answer.secret, "token_type": "bearer", "expires_in": 86_400})

    async def pause(
        self, request: Request, _: Annotated[Names, Query()], __: Annotated[Nothing | None, Body()] = None
    ) -> Response:
        await self._do(request, self._doors.control.pause)
        return JSONResponse(status_row(self._doors.view.status()))

    async def resume(
        self, request: Request, _: Annotated[Names, Query()], body: Annotated[Resuming | None, Body()] = None
    ) -> Response:
        self._refuse_while_reconciling()
        await self._do(request, self._doors.control.resume, body.otp if body else None)
        return JSONResponse(status_row(self._doors.view.status()))

    async def close(
        self, request: Request, id: str, _: Annotated[Names, Query()], __: Annotated[Nothing | None, Body()] = None
    ) -> Response:
        self._refuse_while_reconciling()
        try:
            command_id = await self._do(request, lambda who: self._doors.control.close(who, id))
        except KeyError as error:
            row = await stored(self._doors, "positions", id)
            if row is not None and str(row.get("status")) == "CLOSED":
                raise Problem(409, "this position is CLOSED already") from error
            raise Problem(404, f"there is no position with the id {id[:80]!r}") from error
        position = next((each for each in self._doors.view.positions() if each.id == id), None)
        status = position.status.value if position else "CLOSED"
        return JSONResponse({"command_id": command_id, "position_id": id, "status": status}, 202)

    async def close_all(self, request: Request, _: Annotated[Names, Query()], body: Confirmed) -> Response:
        self._refuse_while_reconciling()
        ids: list[str] = []

        async def work(who: Who) -> str:
            ids.extend(await self._doors.control.close_all(who))
            return ""

        await self._do(request, work)
        return JSONResponse({"position_ids": ids}, 202)

    async def unlock(self, request: Request, _: Annotated[Names, Query()], body: Unlocking) -> Response:
        """After a kill switch or a tripwire: password, phrase and second factor."""
        self._refuse_while_reconciling()

        async def work(who: Who) -> str:
            await self._doors.control.unlock(who, body.password, body.phrase)
            return ""

        await self._do(request, work, body.otp)
        return JSONResponse(status_row(self._doors.view.status()))

    async def change_strategy(
        self, request: Request, name: str, _: Annotated[Names, Query()], body: StrategyChange
    ) -> Response:
        """On, off, its weight; `sha256` approves the file that was seen."""
        self._refuse_while_reconciling()
        strategy_row(self._doors, name)
        weight = None if body.weight is None else Decimal(str(body.weight))

        async def work(who: Who) -> str:
            change = self._doors.control.change_strategy
            await change(who, name, enabled=body.enabled, weight=weight, sha256=body.sha256)
            return ""

        try:
            await self._do(request, work, body.otp)
        except KeyError as error:
            raise _no_strategy(name) from error
        return JSONResponse(strategy_row(self._doors, name))

    async def acknowledge(
        self, request: Request, _: Annotated[Names, Query()], body: Annotated[Acknowledged | None, Body()] = None
    ) -> Response:
        """Grave alerts are not repeated once somebody has seen them."""
        named = body.ids if body else None
        count = 0

        async def work(who: Who) -> str:
            nonlocal count
            count = await self._doors.control.acknowledge(who, [int(id) for id in named] if named is not None else None)
            return ""

        await self._do(request, work)
        return JSONResponse({"acknowledged": count})

    async def _do(
        self, request: Request, work: Callable[[Who], Awaitable[str | None]], otp: str | None = None
    ) -> str | None:
        """In this caller's name; what refuses it becomes a problem."""
        return await self._gate.ordered(request, work, otp)

    def _refuse_while_reconciling(self) -> None:
        if self._doors.view.status().state == "RECONCILING":
            detail = "RECONCILING: the exchange is being asked what is true; try again in a moment"
            raise Problem(503, detail, headers={"retry-after": "5"})


class Pulse:
    """The health word from the status: starting until the first reconciliation is through, degraded when cut off."""

    def __init__(self, status: Callable[[], Status]) -> None:
        self._status, self._started = status, False

    def __call__(self) -> HealthWord:
        status = self._status()
        self._started = self._started or status.state != "RECONCILING"
        if not self._started:
            return "starting"
        ill = {"exchange_unreachable", "exchange_refuses", "disk", "database", "clock", "stale_price"}
        return "degraded" if not status.connected or status.reason in ill else "ok"


def strategy_row(doors: Doors, name: str) -> Row:
    row: Row | None = next((each for each in doors.view.strategies() if each["name"] == name), None)
    if row is None:
        raise _no_strategy(name)
    found: Row = wire(row)
    return found


def _no_strategy(name: str) -> Problem:
    return Problem(404, f"there is no strategy {name[:80]!r}: neither in strategies.yml nor as a file")


async def stored(doors: Doors, kind: str, id: str) -> Row | None:
    try:
        return await doors.reader.one(kind, id)
    except StoreError as error:
        raise Problem(503, "the store does not answer; try again", headers={"retry-after": "5"}) from error


def _listed(rows: list[Row], total: int) -> Response:
    return JSONResponse({"items": wire(rows), "total": total})
