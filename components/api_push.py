"""Web push over HTTP: the key to subscribe with, a person's own devices, one more, one less, a test.

An endpoint is a secret of the browser's: it is taken, and never answered.
"""

import hashlib
from typing import Annotated

from fastapi import Body, Depends, FastAPI, Query, Request, Response
from pydantic import Field
from starlette.responses import JSONResponse

from app.core.errors import ConfigError
from app.ports import Conflict, Row, Who
from app.push import Device, Push, Subscription
from components.api_backtests import answered
from components.api_parts import Gate, Names, Nothing, Strict, address_of
from components.doors import Doors
from components.problems import Problem
from components.wire import time_text

NumberedId = Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]


class Keys(Strict):
    p256dh: Annotated[str, Field(min_length=1, max_length=200)]
    auth: Annotated[str, Field(min_length=1, max_length=100)]


class Subscribed(Strict):
    """As a browser's PushSubscription writes itself."""

    endpoint: Annotated[str, Field(min_length=1, max_length=1024)]
    keys: Keys
    expirationTime: float | None = None  # noqa: N815  # the browser's word


class Pushing:
    """Everything at `/v1/push`."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def add(self, api: FastAPI, gate: Gate) -> None:
        self._gate = gate
        for method, path, work in (
            ("GET", "/v1/push", self.list),
            ("POST", "/v1/push", self.subscribe),
            ("DELETE", "/v1/push/{id}", self.remove),
            ("POST", "/v1/push/{id}/test", self.test),
        ):
            needs = [Depends(gate.signed_in)]
            api.add_api_route(path, work, methods=[method], dependencies=needs, response_model=None)

    async def list(self, request: Request, _: Annotated[Names, Query()]) -> Response:
        who = await self._who(request)
        try:
            key = await answered(self._push.public_key)
        except Problem as problem:
            if isinstance(problem.__cause__, ConfigError):
                raise Problem(503, str(problem.__cause__)) from problem
            raise
        rows = [device_row(device) for device in self._push.devices(who.username)]
        return JSONResponse({"public_key": key, "items": rows, "total": len(rows)})

    async def subscribe(self, request: Request, body: Subscribed, _: Annotated[Names, Query()]) -> Response:
        """A browser subscribes for itself, in its own session; a token is not enough."""
        if request.scope.get("signed_in") is None or "authorization" in request.headers:
            raise Problem(403, "a browser subscribes for itself, signed in on the dashboard")
        who = await self._who(request)
        subscription = Subscription(endpoint=body.endpoint, p256dh=body.keys.p256dh, auth=body.keys.auth)
        agent = request.headers.get("user-agent", "")
        try:
            device = await answered(lambda: self._push.add(who, subscription, agent))
        except Conflict as error:
            raise Problem(409, str(error)) from error
        return JSONResponse(device_row(device))

    async def remove(self, request: Request, id: NumberedId, _: Annotated[Names, Query()]) -> Response:
        who = await self._who(request)
        try:
            await answered(lambda: self._push.remove(who, int(id)))
        except KeyError as error:
            raise _no_device(id) from error
        return Response(status_code=204)

    async def test(
        self,
        request: Request,
        id: NumberedId,
        _: Annotated[Names, Query()],
        __: Annotated[Nothing | None, Body()] = None,
    ) -> Response:
        """`sent`: its push service took the message."""
        who = await self._who(request)
        try:
            error = await answered(lambda: self._push.test(who, int(id)))
        except KeyError as missing:
            raise _no_device(id) from missing
        return JSONResponse({"sent": not error, "error": error or None})

    @property
    def _push(self) -> Push:
        if self._doors.push is None:
            raise Problem(404, "there is no web push here")
        return self._doors.push

    async def _who(self, request: Request) -> Who:
        who = await self._gate.signed_in(request)
        return Who(username=who.username, address=address_of(request))


def device_row(device: Device) -> Row:
    """`endpoint_sha256`: by it a browser finds itself in the list."""
    return {
        "id": str(device.id),
        "name": device.name,
        "agent": device.agent,
        "created_at": time_text(device.created_at),
        "sent_at": time_text(device.sent_at) if device.sent_at else None,
        "error": device.error or None,
        "endpoint_sha256": digest(device),
    }


def digest(device: Device) -> str:
    return hashlib.sha256(device.subscription.endpoint.encode()).hexdigest()


def _no_device(id: str) -> Problem:
    return Problem(404, f"there is no device of yours with the id {id[:20]!r}")
