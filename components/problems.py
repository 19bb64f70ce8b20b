"""Errors as `application/problem+json`: a title, the status, and what to do about it. Never a traceback."""

import logging
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Match

log = logging.getLogger(__name__)

TITLES = {
    400: "bad request",
    401: "not signed in",
    403: "not allowed",
    404: "not found",
    405: "method not allowed",
    409: "the state forbids it",
    413: "too large",
    415: "unsupported media type",
    422: "bad input",
    429: "too many requests",
    500: "internal error",
    503: "not ready",
}


class Problem(Exception):
    """An answer that is an error. `detail` says in a sentence what is wrong and what to do."""

    def __init__(self, status: int, detail: str, *, title: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.title, self.headers = status, detail, title or TITLES[status], headers or {}

    def response(self) -> JSONResponse:
        return JSONResponse(
            {"title": self.title, "status": self.status, "detail": self.detail},
            self.status,
            self.headers,
            "application/problem+json",
        )


def add_problems(api: FastAPI) -> None:
    """Every error of this application leaves it in the one form."""
    api.add_exception_handler(Problem, _problem)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(Exception, _unexpected)


async def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return error.response()


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    detail = {
        404: "there is nothing at this address",
        405: f"{request.method} is not possible at this address",
    }.get(error.status_code, str(error.detail))
    title = TITLES.get(error.status_code, "error")
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["allow"] = ", ".join(_methods(request))
    return Problem(error.status_code, detail, title=title, headers=headers).response()


def _methods(request: Request) -> list[str]:
    """What this address takes: the first route that has it knows only its own method."""
    found = (each for each in request.app.routes if each.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for each in found for method in getattr(each, "methods", None) or ()})


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return Problem(422, "; ".join(dict.fromkeys(_said(each) for each in error.errors()[:5]))).response()


def _said(fault: dict[str, Any]) -> str:
    """ "limit: must be at most 1000"."""
    place = [str(each) for each in fault["loc"][1:]]  # the first says where it stands: body, query, path
    text = str(fault["msg"])
    if fault["type"] == "extra_forbidden":
        text = "unknown name; leave it out"
    elif fault["type"] == "json_invalid":
        place, text = [], "the body is not valid JSON"
    elif fault["type"] == "string_pattern_mismatch" and place[-1:] in (["symbol"], ["timeframe"]):
        text = f"write it like {'BTC/USD' if place[-1] == 'symbol' else '1m'}"
    elif text.startswith(("Value error, ", "Input should ")):
        text = text.replace("Value error, ", "").replace("Input should ", "must ")
    return f"{'.'.join(place)}: {text}" if place else text


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return Problem(500, "something went wrong on our side; it is in the log").response()
