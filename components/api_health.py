"""`/api/v1/health/details` and what else the one who runs the trader looks at; `/health` stays one word for anybody."""

from typing import Annotated

from fastapi import Body, Depends, FastAPI, Query, Request, Response
from starlette.responses import JSONResponse

from app.backtest_ports import Busy
from app.channels import ChannelState
from app.ports import Who
from components.api_parts import Gate, Names, Strict
from components.doors import Doors
from components.problems import Problem
from components.wire import wire


class Empty(Strict):
    """No body, or an empty object."""


class Looking:
    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def add(self, api: FastAPI, gate: Gate) -> None:
        self._gate = gate
        for method, path, work in (
            ("GET", "/v1/health/details", self.details),
            ("GET", "/v1/incident", self.incident),
            ("POST", "/v1/channels/{name}/test", self.try_channel),
        ):
            needs = [Depends(gate.signed_in)]
            api.add_api_route(path, work, methods=[method], dependencies=needs, response_model=None)

    async def details(self, _: Annotated[Names, Query()]) -> Response:
        """What works and what does not, when each job ran, memory and uptime."""
        return JSONResponse(wire(await self._doors.vital_signs()))

    async def incident(self, _: Annotated[Names, Query()]) -> Response:
        """The newest report of a kill switch."""
        found = await self._doors.incident()
        if found is None:
            raise Problem(404, "there is no incident report")
        return JSONResponse({"name": found[0], "text": found[1]})

    async def try_channel(
        self, request: Request, name: str, _: Annotated[Names, Query()], __: Annotated[Empty | None, Body()] = None
    ) -> Response:
        """Send a test message by one channel; the answer says how it went."""
        states: list[ChannelState] = []

        async def work(who: Who) -> str:
            states.append(await self._doors.control.test_channel(who, name))
            return ""

        try:
            await self._gate.ordered(request, work)
        except KeyError as error:
            raise Problem(404, f"there is no channel {name[:40]!r}") from error
        except Busy as busy:
            raise Problem(429, str(busy), headers={"retry-after": str(busy.retry_after_seconds)}) from busy
        state = states[0]
        return JSONResponse(wire({"name": state.name, "status": state.status, "error": state.error}))
