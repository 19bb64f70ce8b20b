"""What every part of the API is built from: strict bodies, query names, pages, and the gate."""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Request
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from app.core.errors import NotAuthorized, SecondFactorNeeded, StoreError, TraderError
from app.ports import Conflict, Who
from app.strategy_files import Unfit
from components.doors import Doors, SignedIn
from components.problems import Problem

CODE_WANTED = "send a fresh code of the second factor as `otp`; each code works once"


class Strict(BaseModel):
    """Unknown names are refused, and nothing is turned into something else."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Nothing(Strict):
    """No body, or an empty object."""


class Names(BaseModel):
    """Query names: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid")


def as_written(given: object) -> object:
    """Times are RFC 3339. A bare number would be taken for seconds since 1970."""
    if not isinstance(given, str) or not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T", given):
        raise ValueError("must be a time such as 2026-11-23T02:30:00Z")
    return given


Moment = Annotated[AwareDatetime, BeforeValidator(as_written)]


class Page(Names):
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    offset: Annotated[int, Field(ge=0, le=10_000_000)] = 0


class Gate:
    """Lets in whoever has a good token, or the browser's own session."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    async def signed_in(self, request: Request) -> SignedIn:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        who: SignedIn | None
        if kind:
            who = await self._doors.auth.bearer(token.strip()) if kind.lower() == "bearer" else None
        else:
            who = request.scope.get("signed_in")
        if who is None:
            headers = {"www-authenticate": "Bearer"}
            raise Problem(401, "get a token at /api/v1/token and send it as `Authorization: Bearer …`", headers=headers)
        if who.read_only and request.method not in ("GET", "HEAD"):
            raise Problem(403, "this token may only read; a program that acts signs in at /api/v1/token")
        if who.must_change:
            raise Problem(403, "change the first password in the browser before anything else")
        return who

    async def ordered(
        self, request: Request, work: Callable[[Who], Awaitable[str | None]], otp: str | None = None
    ) -> str | None:
        """Do it in this caller's name; what refuses it becomes a problem."""
        who = await self.signed_in(request)
        try:
            return await work(Who(username=who.username, address=address_of(request), otp=otp))
        except SecondFactorNeeded as error:
            raise Problem(403, CODE_WANTED, title="second factor missing or wrong") from error
        except NotAuthorized as error:
            raise Problem(403, str(error), title="not authorised") from error
        except Unfit as error:
            raise Problem(422, str(error)) from error
        except Conflict as error:
            if str(error).startswith("RECONCILING"):
                raise Problem(503, str(error), headers={"retry-after": "5"}) from error
            raise Problem(409, str(error)) from error
        except StoreError as error:
            raise Problem(
                503, "it could not be written down; look at the status first", headers={"retry-after": "5"}
            ) from error
        except TraderError as error:
            raise Problem(409, str(error)) from error


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""
