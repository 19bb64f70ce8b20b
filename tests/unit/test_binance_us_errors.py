"""By status and code alone: a definite no, busy, or a doubt. What is not listed is a doubt."""

from typing import Any

import pytest

from app.core.errors import ExchangeBusy, ExchangeError, ExchangeRefused, ExchangeUnreachable
from services.binance_us.errors import Answer, HalfDone, failure, retry_after
from services.binance_us.replacing import halves_of


def of(status: int, body: Any = None, *, acting: bool = True, **headers: str) -> ExchangeError | None:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return failure(Answer(status=status, headers=names, body=body), "placing", acting=acting)


def complaint(code: int, msg: str = "said") -> dict[str, Any]:
    return {"code": code, "msg": msg}


@pytest.mark.parametrize(
    ("status", "code", "msg"),
    [
        (400, -1013, "Filter failure: LOT_SIZE"),
        (400, -1013, "Stop loss orders are not supported for this symbol."),
        (400, -1014, "Unsupported order combination."),
        (400, -1020, "This operation is not supported."),
        (400, -1021, "Timestamp for this request is outside of the recvWindow."),
        (400, -1022, "Signature for this request is not valid."),
        (401, -1002, "You are not authorized to execute this request."),
        (400, -1100, "Illegal characters found in a parameter."),
        (400, -1104, "Not all sent parameters were read."),
        (400, -1111, "Precision is over the maximum defined for this asset."),
        (400, -1121, "Invalid symbol."),
        (400, -1199, "Whatever parameter."),
        (400, -2010, "Account has insufficient balance for requested action."),
        (400, -2010, "Order would trigger immediately."),
        (400, -2010, "Market is closed."),
        (400, -2011, "Unknown order sent."),
        (400, -2013, "Order does not exist."),
        (401, -2014, "API-key format invalid."),
        (401, -2015, "Invalid API-key, IP, or permissions for action."),
        (403, -2015, "Invalid API-key, IP, or permissions for action."),
    ],
)
def test_a_listed_code_is_a_definite_no(status: int, code: int, msg: str) -> None:
    error = of(status, complaint(code, msg))
    assert isinstance(error, ExchangeRefused)
    assert error.code == str(code)
    assert msg in str(error)


@pytest.mark.parametrize("status", [401, 403, 451])
def test_a_wall_without_a_code_is_a_definite_no_too(status: int) -> None:
    error = of(status)
    assert isinstance(error, ExchangeRefused)
    assert error.code == str(status)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, complaint(-1000)),
        (500, complaint(-1006)),
        (504, complaint(-1007)),
        (408, complaint(-1007)),
        (503, complaint(-1008)),
        (400, complaint(-1000)),
        (400, complaint(-1001)),
        (400, complaint(-1010)),
        (400, complaint(-1016)),
        (400, complaint(-4711)),
        (400, complaint(-1200)),
        (400, complaint(-1099)),
        (500, complaint(-1013)),  # the code of a no, but the status of a breakdown
        (502, None),
        (503, None),
        (504, None),
        (400, None),
        (404, None),
        (302, None),
        (200, None),
        (200, complaint(-1013)),
        (200, complaint(-2010)),
        (400, complaint(-2010, "Duplicate order sent.")),
        (400, {"code": "-1013", "msg": "a text for a number"}),
        (400, {"code": True}),
        (400, {"code": 0}),
        (400, []),
    ],
)
def test_everything_else_is_a_doubt(status: int, body: Any) -> None:
    assert isinstance(of(status, body), ExchangeUnreachable)


def test_a_success_is_no_error() -> None:
    assert of(200, {"orderId": 1}) is None
    assert of(200, []) is None
    assert of(200, {"code": 200}) is None


def test_a_mere_question_is_refused_by_a_missing_page() -> None:
    """Nothing hangs on it: the exchange no longer offers a listenKey, say."""
    for status in (404, 410):
        error = of(status, acting=False)
        assert isinstance(error, ExchangeRefused)
        assert error.code == str(status)


@pytest.mark.parametrize(
    ("status", "code", "header", "seconds"),
    [
        (429, -1003, "7", 7.0),
        (429, -1003, "", 60.0),
        (429, -1015, "", 10.0),
        (418, -1003, "120", 120.0),
        (418, -1003, "", 120.0),
        (418, -1003, "999999999", 3 * 86_400.0),
        (429, -1003, "0", 1.0),
        (429, -1003, "-5", 60.0),
        (429, -1003, "soon", 60.0),
        (400, -1003, "", 60.0),
    ],
)
def test_busy_says_how_long_to_wait(status: int, code: int, header: str, seconds: float) -> None:
    error = of(status, complaint(code), retry_after=header)
    assert isinstance(error, ExchangeBusy)
    assert error.retry_after_seconds == seconds
    assert retry_after(Answer(status=418)) == 120.0


def test_somebody_elses_words_are_cleaned_and_cut() -> None:
    error = of(400, complaint(-1013, "a\x1b[31mb\nc" + "x" * 5_000))
    assert "\n" not in str(error)
    assert "\x1b" not in str(error)
    assert len(str(error)) < 300


# ---------------------------------------------------------------- both halves of a replacement

CANCELLED, PLACED = {"orderId": 1}, {"orderId": 2}


def halves(status: int, code: int | None, cancel: str, new: str, new_answer: Any = PLACED) -> Any:
    body: dict[str, Any] = {
        "cancelResult": cancel,
        "newOrderResult": new,
        "cancelResponse": CANCELLED if cancel == "SUCCESS" else complaint(-2011, "Unknown order sent."),
        "newOrderResponse": new_answer,
    }
    if code is not None:
        body = {"code": code, "msg": "failed", "data": body}
    return halves_of(Answer(status=status, body=body), "replacing")


def test_both_halves_done() -> None:
    found = halves(200, None, "SUCCESS", "SUCCESS")
    assert (found.cancelled, found.placed) == (CANCELLED, PLACED)


def test_cancelled_and_the_new_one_refused() -> None:
    found = halves(409, -2021, "SUCCESS", "FAILURE", complaint(-2010, "Order would trigger immediately."))
    assert (found.cancelled, found.placed) == (CANCELLED, None)
    assert "would trigger" in found.refused


@pytest.mark.parametrize(
    "answer", [complaint(-1006), complaint(-1007), complaint(-2010, "Duplicate order sent."), None]
)
def test_cancelled_and_the_new_one_in_doubt_is_a_doubt(answer: Any) -> None:
    with pytest.raises(ExchangeUnreachable):
        halves(409, -2021, "SUCCESS", "FAILURE", answer)


def test_nothing_done_is_a_no() -> None:
    with pytest.raises(ExchangeRefused, match="Unknown order sent") as caught:
        halves(400, -2022, "FAILURE", "NOT_ATTEMPTED", None)
    assert caught.value.code == "-2022"


@pytest.mark.parametrize(
    ("cancel", "new"), [("FAILURE", "SUCCESS"), ("FAILURE", "FAILURE"), ("", ""), ("SUCCESS", "?")]
)
def test_what_cannot_be_is_a_doubt(cancel: str, new: str) -> None:
    with pytest.raises(ExchangeUnreachable):
        halves(409, -2021, cancel, new)


def test_the_answer_of_a_failed_replacement_is_kept() -> None:
    error = of(409, complaint(-2021))
    assert isinstance(error, HalfDone)
    assert error.answer.code == -2021
    assert not isinstance(of(500, complaint(-2021)), HalfDone)
