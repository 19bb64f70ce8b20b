"""Steers a double that runs in its own process, over HTTP on loopback: the same names as in a test, as text.

POST /do  {"call": "market.quote", "with": [59990, 60010]}        calls something
          {"call": "faults.add", "with": ["lost", "POST /api/v3/order"], "named": {"acts": true}}
POST /set {"what": "account.can_withdraw", "to": true}            changes something
GET /get?what=market.last    GET /truth    GET /requests    POST /quit
"""

import asyncio
import dataclasses
import json
from decimal import Decimal
from typing import Any

from aiohttp import web

from tests.binance_us_double.double import BinanceDouble
from tests.binance_us_double.faults import Fault
from tests.binance_us_double.orders import Order
from tests.binance_us_double.refusals import Refused


class Control:
    """One small server beside the exchange's own."""

    def __init__(self, exchange: BinanceDouble, port: int = 0) -> None:
        self._exchange = exchange
        self.port = port
        self.done = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        app = web.Application()
        app.router.add_post("/do", self._do)
        app.router.add_post("/set", self._set)
        app.router.add_get("/get", self._get)
        app.router.add_get("/truth", self._truth)
        app.router.add_get("/requests", self._requests)
        app.router.add_post("/quit", self._quit)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _do(self, request: web.Request) -> web.Response:
        asked = await request.json()
        try:
            found = self._found(str(asked["call"]))
            result = found(*asked.get("with", []), **asked.get("named", {}))
        except Refused as refused:  # an owner's order may be refused like anybody's
            return web.json_response({"refused": refused.body()}, status=409)
        except (LookupError, AttributeError, TypeError, ValueError, AssertionError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)
        return web.json_response({"result": plain(result)})

    async def _set(self, request: web.Request) -> web.Response:
        asked = await request.json()
        place, _, name = str(asked["what"]).rpartition(".")
        try:
            target = self._found(place) if place else self._exchange
            before = getattr(target, _public(name))
            value = asked["to"]
            setattr(target, name, _like(before, value))
        except (LookupError, AttributeError, TypeError, ValueError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)
        return web.json_response({"result": plain(getattr(target, name))})

    async def _get(self, request: web.Request) -> web.Response:
        try:
            return web.json_response({"result": plain(self._found(request.query["what"]))})
        except (LookupError, AttributeError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)

    async def _truth(self, request: web.Request) -> web.Response:
        return web.json_response(plain(self._exchange.settled()))

    async def _requests(self, request: web.Request) -> web.Response:
        log = self._exchange.requests
        return web.json_response(plain({"asked": log.asked, "sockets": log.sockets, "hosts": sorted(log.hosts)}))

    async def _quit(self, request: web.Request) -> web.Response:
        self.done.set()
        return web.json_response({})

    def _found(self, path: str) -> Any:
        """`market.quote`, `markets.BNBUSD.quote`, `streams.user.freeze`: public names and keys only."""
        found: Any = self._exchange
        for name in path.split("."):
            found = found[name] if isinstance(found, dict) else getattr(found, _public(name))
        return found


def _public(name: str) -> str:
    if name.startswith("_"):
        raise AttributeError(f"{name} is nobody's business")
    return name


def _like(before: Any, value: Any) -> Any:
    """The kind of value that stood there: numbers of the exchange are Decimals, lists may be tuples or sets."""
    if isinstance(before, Decimal):
        return Decimal(str(value))
    if isinstance(before, tuple | set):
        return type(before)(value)
    return value


def plain(value: Any) -> Any:
    """As JSON can carry it."""
    if isinstance(value, Order):
        return value.row()
    if isinstance(value, Fault):
        return {"kind": value.kind, "call": value.call, "struck": len(value.struck)}
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(each) for each in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    try:
        json.dumps(value)
    except TypeError:
        return str(value)
    return value
