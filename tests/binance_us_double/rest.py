"""REST over HTTP: a request becomes an answer, and a fault stands between the two where a script put one."""

import asyncio
import json
import os
import signal
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

import tests.binance_us_double.rest_account
import tests.binance_us_double.rest_market
import tests.binance_us_double.rest_orders  # noqa: F401 - the three fill the table of routes
from tests.binance_us_double.asking import Asked, Params, Wire
from tests.binance_us_double.core import Core
from tests.binance_us_double.faults import Fault
from tests.binance_us_double.refusals import Gateway, Refused
from tests.binance_us_double.routes import PUBLIC, ROUTES, TRADE

JSON = "application/json;charset=UTF-8"
ORDER_CALLS = ("POST /api/v3/order", "POST /api/v3/order/cancelReplace")


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]

    @classmethod
    def json(cls, body: Any, status: int = 200, headers: dict[str, str] | None = None) -> "Answer":
        return cls(status, json.dumps(body, separators=(",", ":")).encode(), {"Content-Type": JSON} | (headers or {}))

    @classmethod
    def page(cls, page: Gateway) -> "Answer":
        return cls(page.status, page.page().encode(), {"Content-Type": "text/html"})

    def response(self) -> web.Response:
        return web.Response(status=self.status, body=self.body, headers={"Server": "nginx"} | self.headers)


Distortion = Callable[[web.Request, Fault, Answer], Awaitable[web.StreamResponse]]


class Rest:
    def __init__(self, core: Core, closing: asyncio.Event) -> None:
        self._core, self._closing = core, closing
        self._distort: dict[str, Distortion] = {
            "cut": self._cut,
            "broken": self._broken,
            "typed": self._typed,
            "drip": self._drip,
            "edit": self._edit,
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        wire = await _wire(request)
        asked = self._logged(wire)
        if self._core.blackhole:
            return await self._nothing(request, self._core.blackhole)
        fault = self._core.faults.strike(asked)
        if fault is None:
            answer = self._answer(wire, asked)
            asked.status = answer.status
            return answer.response()
        return await self._faulty(request, wire, asked, fault)

    def _logged(self, wire: Wire) -> Asked:
        core = self._core
        try:
            params = wire.params()
        except Refused:
            params = {}
        shown = {name: value for name, value in params.items() if name != "signature"}
        asked = Asked(wire.method, wire.path, shown, wire.host, "X-MBX-APIKEY" in wire.headers, "signature" in params)
        asked.ms = core.clock.ms()
        core.requests.asked.append(asked)
        core.requests.hosts.add(wire.host)
        return asked

    # ---------------------------------------------------------------- honest answers

    def _answer(self, wire: Wire, asked: Asked) -> Answer:
        """What the exchange says, having done what was asked where it was right."""
        core = self._core
        try:
            if core.maintenance and wire.path != "/sapi/v1/system/status":
                raise Gateway(503)
            answer = Answer.json(self._with_news(self._do(wire)))
            if asked.call in ORDER_CALLS:
                answer.headers |= core.weights.order_headers()
        except Refused as refused:
            asked.code = refused.code
            answer = Answer.json(refused.body(), refused.status, refused.headers)
        except Gateway as page:
            answer = Answer.page(page)
        answer.headers |= core.weights.headers()
        return answer

    def _with_news(self, body: Any) -> Any:
        """Objects carry a field that no document knows, as they do from time to time."""
        if not self._core.unknown_fields:
            return body
        if isinstance(body, dict):
            news = {"fieldOfTomorrow": [{"of": "tomorrow"}]} if body else {}
            return {name: self._with_news(each) for name, each in body.items()} | news
        if isinstance(body, list):
            return [self._with_news(each) for each in body]
        return body

    def _do(self, wire: Wire) -> Any:
        core, route = self._core, ROUTES.get(f"{wire.method} {wire.path}")
        if route is None:
            core.weights.charge(1)
            raise Gateway(404)
        params = Params(wire.params())
        core.weights.charge(route.weight(params))
        if route.security != PUBLIC:
            core.keys.check_key(wire.headers.get("X-MBX-APIKEY"))
        if route.is_signed:
            core.keys.check_time(params.values)
            core.keys.check_signature(params.values.get("signature"), wire.signed_part())
        if route.security == TRADE and not core.keys.may_trade:
            raise Refused(-2015)
        params.check_known(route.known)
        return route.endpoint(core, params)

    # ---------------------------------------------------------------- faults

    async def _faulty(self, request: web.Request, wire: Wire, asked: Asked, fault: Fault) -> web.StreamResponse:
        kind, options = fault.kind, fault.options
        if kind in self._distort:
            return await self._distort[kind](request, fault, self._answer(wire, asked))
        answer = self._answer(wire, asked) if fault.acts else None
        if kind in ("late", "hold"):
            fault.reached.set()
            await self._wait(request, fault, float(options["seconds"]) if kind == "late" else None)
            honest = answer or self._answer(wire, asked)
            asked.status = honest.status
            return honest.response()
        if kind == "kill":
            return await self._kill(request, fault, answer)
        if kind in ("lost", "silent"):
            fault.reached.set()
            return await self._nothing(request, "reset" if kind == "lost" else "silent")
        wrong = self._wrong(fault)
        asked.status, asked.code = wrong.status, int(options.get("code", 0))
        return wrong.response()

    def _wrong(self, fault: Fault) -> Answer:
        """An answer that has nothing to do with what happened."""
        options = fault.options
        if fault.kind == "html":
            return Answer.page(Gateway(int(options.get("status", 502))))
        if fault.kind == "huge":
            return Answer(200, b'{"a":"' + b"x" * int(options.get("size", 50_000_000)) + b'"}', {"Content-Type": JSON})
        if fault.kind == "raw":
            body = options.get("body", "")
            body = body.encode() if isinstance(body, str) else bytes(body)
            headers = {"Content-Type": str(options.get("content_type", JSON))} | dict(options.get("headers", {}))
            return Answer(int(options.get("status", 200)), body, headers)
        refused = fault.refusal()
        return Answer.json(refused.body(), refused.status, self._core.weights.headers() | refused.headers)

    async def _wait(self, request: web.Request, fault: Fault, seconds: float | None) -> None:
        """Until the script says so, the seconds are over, or the exchange closes."""
        waits = [asyncio.create_task(each.wait()) for each in (fault.released, self._closing)]
        with self._core.keeping(request):
            _, left = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()

    async def _nothing(self, request: web.Request, how: str) -> web.StreamResponse:
        if how == "silent":
            with self._core.keeping(request):
                await self._closing.wait()
        reset(request)
        return web.Response(status=500)

    async def _kill(self, request: web.Request, fault: Fault, answer: Answer | None) -> web.StreamResponse:
        if fault.options.get("middle") and answer is not None:
            await self._part(request, answer, len(answer.body) // 2)
        fault.reached.set()
        os.kill(int(fault.options["pid"]), signal.SIGKILL)
        return await self._nothing(request, "reset")

    # ---------------------------------------------------------------- distorted answers

    async def _cut(self, request: web.Request, fault: Fault, answer: Answer) -> web.StreamResponse:
        answer.status, answer.body = 200, answer.body[: int(fault.options.get("keep", len(answer.body) // 2))]
        return answer.response()

    async def _broken(self, request: web.Request, fault: Fault, answer: Answer) -> web.StreamResponse:
        await self._part(request, answer, int(fault.options.get("keep", len(answer.body) // 2)))
        return await self._nothing(request, "reset")

    async def _typed(self, request: web.Request, fault: Fault, answer: Answer) -> web.StreamResponse:
        answer.headers["Content-Type"] = str(fault.options.get("content_type", "text/html"))
        return answer.response()

    async def _edit(self, request: web.Request, fault: Fault, answer: Answer) -> web.StreamResponse:
        changed = fault.options["change"](json.loads(answer.body))
        return Answer.json(changed, answer.status, answer.headers).response()

    async def _drip(self, request: web.Request, fault: Fault, answer: Answer) -> web.StreamResponse:
        response = await self._begun(request, answer)
        fault.reached.set()
        for byte in answer.body:
            await self._wait(request, fault, float(fault.options.get("seconds", 1)))
            if self._closing.is_set() or request.transport is None:
                reset(request)
                break
            await response.write(bytes([byte]))
        return response

    async def _part(self, request: web.Request, answer: Answer, keep: int) -> None:
        response = await self._begun(request, answer)
        await response.write(answer.body[:keep])

    async def _begun(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        response.content_length = len(answer.body)
        await response.prepare(request)
        return response


async def _wire(request: web.Request) -> Wire:
    """The bytes as they came, before anybody decodes them."""
    body = await request.read()
    return Wire(
        method=request.method,
        path=request.rel_url.raw_path,
        query=request.rel_url.raw_query_string,
        body=body.decode("utf-8", "replace"),
        headers=request.headers,
        host=request.host,
    )


def reset(request: web.Request) -> None:
    if request.transport is not None:
        reset_line(request.transport)


def reset_line(transport: asyncio.Transport) -> None:
    """A reset instead of a farewell, as when a machine on the way dies."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
