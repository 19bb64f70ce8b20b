"""When a page or an answer fails: a number to find it in the log by, and nothing of what went wrong."""

import logging

from starlette.responses import HTMLResponse, JSONResponse, Response

from app.seam import token
from components.parts import Text, box
from components.plain import page

log = logging.getLogger(__name__)
TITLE = "Something went wrong on our side"


def noted(what: str, error: Exception) -> str:
    """The number it stands under."""
    number = token(6)
    log.error("%s failed (%s)", what, number, exc_info=error)
    return number


def failed_page(error: Exception) -> None:
    """In place of a page that could not be built."""
    number = noted("a page", error)
    with box("failed"):
        Text(TITLE, tag="h1")
        Text(f"It stands in the log under {number}. The trader goes on; try again in a moment.", tag="p")


def failed_answer(what: str, error: Exception, accepts: str) -> Response:
    number = noted(what, error)
    if "text/html" in accepts:
        answer: HTMLResponse = page(
            TITLE, f"<h2>{TITLE}</h2><p>It stands in the log under {number}. The trader goes on.</p>", 500
        )
        return answer
    problem = {
        "title": "internal error",
        "status": 500,
        "detail": f"something went wrong on our side; it stands in the log under {number}",
    }
    return JSONResponse(problem, 500, media_type="application/problem+json")
