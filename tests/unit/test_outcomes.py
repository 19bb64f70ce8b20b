"""What the exchange's answers mean. Doubt is never turned into a no."""

import pytest

from app.core.errors import ExchangeBusy, ExchangeError, ExchangeRefused, ExchangeUnreachable
from app.core.messages import CancelUncertain, OrderRefused, OrderUncertain, Refusal
from app.outcomes import cancelling_failed, placing_failed
from tests.builders import NOON


@pytest.mark.parametrize(
    ("text", "code", "refusal"),
    [
        ("Filter failure: LOT_SIZE", "-1013", Refusal.RULES),
        ("Account has insufficient balance for requested action.", "-2010", Refusal.FUNDS),
        ("Order would trigger immediately.", "-2010", Refusal.WOULD_TRIGGER),
        ("Market is closed.", "-2010", Refusal.MARKET_CLOSED),
        ("Timestamp for this request is outside of the recvWindow.", "-1021", Refusal.CLOCK),
        ("Invalid API-key, IP, or permissions for action.", "-2015", Refusal.AUTH),
        ("API-key format invalid.", "-2014", Refusal.AUTH),
        ("You are not authorized to execute this request.", "-1002", Refusal.AUTH),
        ("Signature for this request is not valid.", "-1022", Refusal.AUTH),
        ("no", "401", Refusal.AUTH),
        ("no", "403", Refusal.ACCESS),
        ("no", "451", Refusal.ACCESS),
        ("anything else", "", Refusal.RULES),
    ],
)
def test_a_refusal_is_sorted_by_its_cure(text: str, code: str, refusal: Refusal) -> None:
    event = placing_failed("id", ExchangeRefused(text, code), NOON)
    assert event == OrderRefused(at=NOON, client_order_id="id", refusal=refusal, reason=text)


def test_a_busy_exchange_has_not_done_it() -> None:
    event = placing_failed("id", ExchangeBusy("too many requests", 7.0), NOON)
    assert event == OrderRefused(at=NOON, client_order_id="id", refusal=Refusal.BUSY, reason="too many requests")


@pytest.mark.parametrize(
    "error",
    [
        ExchangeUnreachable("timed out"),
        ExchangeError("what?"),
        ExchangeRefused("Duplicate order sent.", "-2010"),  # its twin is open: ask for it
        ExchangeRefused("DUPLICATE order", "-2010"),
    ],
)
def test_everything_else_is_doubt(error: ExchangeError) -> None:
    assert placing_failed("id", error, NOON) == OrderUncertain(at=NOON, client_order_id="id", reason=str(error))


@pytest.mark.parametrize(
    "error", [ExchangeRefused("Unknown order sent.", "-2011"), ExchangeBusy("wait", 1), ExchangeUnreachable("gone")]
)
def test_a_cancel_that_failed_for_whatever_reason_is_asked_about(error: ExchangeError) -> None:
    assert cancelling_failed("id", error, NOON) == CancelUncertain(at=NOON, client_order_id="id", reason=str(error))
