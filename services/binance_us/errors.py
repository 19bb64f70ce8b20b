"""What an answer of Binance.US means, by HTTP status and Binance's own code alone; never by a library's exception.

Only what is definitely not done is called refused or busy. Whatever is not listed here is a doubt.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.errors import ExchangeBusy, ExchangeError, ExchangeRefused, ExchangeUnreachable

TOO_MANY_REQUESTS, TOO_MANY_ORDERS = -1003, -1015
CLOCK, NO_SUCH_ORDER, UNKNOWN_ORDER = "-1021", "-2013", "-2011"
REPLACE_FAILED = frozenset({-2021, -2022})
AUTH = frozenset({-1002, -1022, -2014, -2015})
# The order was looked at and not taken; all of 11xx (a parameter is wrong) belongs here too.
DEFINITE = AUTH | {-1013, -1014, -1020, -1021, -2010, -2011, -2013, -2026}
NO_ACCESS = (401, 403, 451)

BANNED_SECONDS, WEIGHT_SECONDS, ORDERS_SECONDS = 120.0, 60.0, 10.0  # where Retry-After says nothing
LONGEST_SECONDS = 3 * 86_400.0
MOST_SAID = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. Header names are in lower case; `body` is None where there was no readable JSON."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def code(self) -> int | None:
        """Binance's own error code, where the body is a complaint."""
        code = self.body.get("code") if isinstance(self.body, dict) else None
        return code if isinstance(code, int) and not isinstance(code, bool) and code < 0 else None

    @property
    def said(self) -> str:
        """Binance's own words, shortened and without control characters."""
        said = self.body.get("msg") if isinstance(self.body, dict) else None
        return clean(said) if isinstance(said, str) else ""


class HalfDone(ExchangeUnreachable):
    """cancelReplace failed at least in part; the answer says in which."""

    def __init__(self, text: str, answer: Answer) -> None:
        super().__init__(text)
        self.answer = answer


def clean(text: str) -> str:
    """Somebody else's words, fit for a log line."""
    return "".join(mark if mark.isprintable() else " " for mark in text[:MOST_SAID]).strip()


def failure(answer: Answer, what: str, *, acting: bool) -> ExchangeError | None:
    """The error that `answer` to `what` means; None where it is a success.

    `acting`: the request could have changed something at the exchange, so an unlisted refusal is a doubt.
    """
    code = answer.code
    text = f"{what}: {answer.said or 'no readable answer'} (HTTP {answer.status}{f', code {code}' if code else ''})"
    if 200 <= answer.status < 300:
        return None if answer.body is not None and code is None else ExchangeUnreachable(text)
    if answer.status in (418, 429) or code in (TOO_MANY_REQUESTS, TOO_MANY_ORDERS):
        return ExchangeBusy(text, retry_after(answer))
    if 400 <= answer.status < 500:
        if code in REPLACE_FAILED:
            return HalfDone(text, answer)
        if code is not None and is_definite(code, answer.said):
            return ExchangeRefused(text, code=str(code))
        if code is None and (answer.status in NO_ACCESS or not acting):
            return ExchangeRefused(text, code=str(answer.status))
    return ExchangeUnreachable(text)


def is_definite(code: int, said: str) -> bool:
    """Whether this complaint proves that the order was not taken. A duplicate proves that its twin exists."""
    return (code in DEFINITE or -1200 < code <= -1100) and "duplicate" not in said.lower()


def retry_after(answer: Answer) -> float:
    """Seconds of silence that the exchange asks for, or what is customary where it does not say."""
    given = answer.headers.get("retry-after", "")
    if re.fullmatch(r"[0-9]{1,9}", given):
        return min(max(float(given), 1.0), LONGEST_SECONDS)
    if answer.status == 418:
        return BANNED_SECONDS
    return ORDERS_SECONDS if answer.code == TOO_MANY_ORDERS else WEIGHT_SECONDS
