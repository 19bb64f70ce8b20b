"""`/api/v1/risk` and `/api/v1/thresholds`: what may be risked, and what it takes to buy and to sell."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Body, Depends, FastAPI, Query, Request, Response
from starlette.responses import JSONResponse

from app.core.limits import Limit
from app.faces import LimitKey, LimitsFace, VoteFace
from app.ports import Row, Who
from components.api_parts import Gate, Names
from components.doors import Doors
from components.problems import Problem
from components.wire import number, wire

MOST_KEYS = 64
Changes = Annotated[dict[str, Any], Body(description="what is to change, and `otp` where a second factor is wanted")]


class Limiting:
    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def add(self, api: FastAPI, gate: Gate) -> None:
        self._gate = gate
        for method, path, work in (
            ("GET", "/v1/risk", self.risk),
            ("POST", "/v1/risk", self.change_risk),
            ("DELETE", "/v1/risk/pending/{id}", self.take_back),
            ("GET", "/v1/thresholds", self.thresholds),
            ("POST", "/v1/thresholds", self.change_thresholds),
        ):
            needs = [Depends(gate.signed_in)]
            api.add_api_route(path, work, methods=[method], dependencies=needs, response_model=None)

    async def risk(self, _: Annotated[Names, Query()]) -> Response:
        """Limits nested as in risk.yml, with bounds, what waits for 00:00 UTC, and how much of them is used."""
        return JSONResponse(risk_row(self._doors.view.limits()))

    async def change_risk(self, request: Request, body: Changes, _: Annotated[Names, Query()]) -> Response:
        """The part of risk.yml that is to change. What is safer counts at once and needs no code; the rest waits for
        00:00 UTC."""
        self._refuse_while_reconciling()
        otp, wanted = taken_apart(body)

        async def work(who: Who) -> str:
            await self._doors.control.change_limits(who, wanted)
            return ""

        await self._gate.ordered(request, work, otp)
        return JSONResponse(risk_row(self._doors.view.limits()))

    async def take_back(self, request: Request, id: str, _: Annotated[Names, Query()]) -> Response:
        async def work(who: Who) -> str:
            await self._doors.control.take_back(who, id)
            return ""

        try:
            await self._gate.ordered(request, work)
        except KeyError as error:
            raise Problem(404, f"no limit waits with the id {id[:80]!r}") from error
        return Response(status_code=204)

    async def thresholds(self, _: Annotated[Names, Query()]) -> Response:
        return JSONResponse(thresholds_row(self._doors.view.vote()))

    async def change_thresholds(self, request: Request, body: Changes, _: Annotated[Names, Query()]) -> Response:
        """They count from the next vote on. What makes buying harder needs no code."""
        self._refuse_while_reconciling()
        otp, wanted = taken_apart(body)

        async def work(who: Who) -> str:
            await self._doors.control.change_votes(who, [], wanted)
            return ""

        await self._gate.ordered(request, work, otp)
        return JSONResponse(thresholds_row(self._doors.view.vote()))

    def _refuse_while_reconciling(self) -> None:
        if self._doors.view.status().state == "RECONCILING":
            detail = "RECONCILING: the exchange is being asked what is true; try again in a moment"
            raise Problem(503, detail, headers={"retry-after": "5"})


def taken_apart(body: dict[str, Any]) -> tuple[str | None, dict[str, object]]:
    """The code, and values by their dotted names."""
    otp = body.pop("otp", None)
    if otp is not None and (not isinstance(otp, str) or len(otp) > 16):
        raise Problem(422, "otp: must be a text of at most 16 characters")
    wanted: dict[str, object] = {}
    for name, value in body.items():
        if isinstance(value, dict):
            wanted |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            wanted[name] = value
    if not wanted or len(wanted) > MOST_KEYS:
        raise Problem(422, "send at least one key of risk.yml, such as position_size_pct" if not wanted else "too many")
    return otp, wanted


def nested(values: Mapping[str, Any]) -> Row:
    """{"entry.order": …} → {"entry": {"order": …}}"""
    row: Row = {}
    for name, value in values.items():
        section, _, key = name.rpartition(".")
        (row.setdefault(section, {}) if section else row)[key] = value
    return row


def bounds(key: LimitKey) -> list[Any]:
    return list(key.options) or [number(key.low), number(key.high)]


def risk_row(face: LimitsFace) -> Row:
    pending = [wire({"id": each.id, "name": each.name, "value": each.value, "effective_at": each.effective_at})
               for each in face.pending]  # fmt: skip
    return {
        "limits": nested({key.name: _json(face.values[key.name]) for key in face.keys}),
        "bounds": nested({key.name: bounds(key) for key in face.keys}),
        "defaults": nested({key.name: _json(key.default) for key in face.keys}),
        "meaning": nested({key.name: key.meaning for key in face.keys}),
        "pending": pending,
        "used": wire(dict(face.used)),
    }


def thresholds_row(face: VoteFace) -> Row:
    return {
        "thresholds": {key.name: _json(getattr(face.rules, key.name)) for key in face.keys},
        "bounds": {key.name: bounds(key) for key in face.keys},
        "defaults": {key.name: _json(key.default) for key in face.keys},
        "meaning": {key.name: key.meaning for key in face.keys},
    }


def _json(value: Limit) -> Any:
    return value if value is None or isinstance(value, (int, str)) else number(str(value))
