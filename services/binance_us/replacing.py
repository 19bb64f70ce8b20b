"""What an answer to cancelReplace says of its two halves. Only a definite no counts as a no."""

from dataclasses import dataclass
from typing import Any

from app.core.errors import DataError, ExchangeRefused, ExchangeUnreachable
from services.binance_us.errors import REPLACE_FAILED, Answer, failure

SUCCESS, FAILURE, NOT_ATTEMPTED = "SUCCESS", "FAILURE", "NOT_ATTEMPTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Halves:
    """The old order was cancelled. The new one was `refused` for this reason, or else `placed` is its answer."""

    cancelled: Any
    placed: Any = None
    refused: str | None = None


def halves_of(answer: Answer, what: str) -> Halves:
    """The two halves of an answer that cancelled the old order.

    Raises ExchangeRefused where nothing was done at all, ExchangeUnreachable where either half is in doubt.
    """
    outcome = answer.body.get("data") if answer.code in REPLACE_FAILED else answer.body
    if not isinstance(outcome, dict):
        raise DataError("no outcome of the two halves")
    cancel, new = outcome.get("cancelResult"), outcome.get("newOrderResult")
    if (cancel, new) == (SUCCESS, SUCCESS):
        return Halves(cancelled=outcome.get("cancelResponse"), placed=outcome.get("newOrderResponse"))
    if (cancel, new) == (SUCCESS, FAILURE):
        refused = _refusal(outcome.get("newOrderResponse"), what)
        return Halves(cancelled=outcome.get("cancelResponse"), refused=refused)
    if (cancel, new) == (FAILURE, NOT_ATTEMPTED):
        text = Answer(status=400, body=outcome.get("cancelResponse")).said
        raise ExchangeRefused(f"{what}: the old one could not be cancelled: {text}", code=str(answer.code))
    raise ExchangeUnreachable(f"{what}: cancel {cancel}, new order {new}")


def _refusal(body: Any, what: str) -> str:
    """Why the new order was not taken; ExchangeUnreachable where that is not certain."""
    failed = failure(Answer(status=400, body=body), f"{what}: the new one", acting=True)
    if isinstance(failed, ExchangeUnreachable) or failed is None:
        raise ExchangeUnreachable(str(failed))
    return str(failed)
