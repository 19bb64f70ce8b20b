"""Our own checks: what fails here is never sent. And the exact form in which the rest leaves."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import ExchangeRefused
from app.core.model import OrderType, Role, Side
from services.binance_us.checks import NUMBER, number, problem, request_for
from tests.builders import d
from tests.unit.binance_us_cases import ENTRY, EXIT, LISTING, STOP


def test_an_entry_is_a_limit_order_that_does_not_rest() -> None:
    assert request_for(ENTRY, LISTING) == {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "quantity": "0.001",
        "price": "50000.01",
        "timeInForce": "IOC",
        "newClientOrderId": ENTRY.client_order_id,
        "newOrderRespType": "FULL",
    }


def test_a_stop_limit_stays_until_it_is_cancelled() -> None:
    request = request_for(STOP, LISTING)
    assert (request["type"], request["timeInForce"]) == ("STOP_LOSS_LIMIT", "GTC")
    assert (request["stopPrice"], request["price"]) == ("47500", "46550")


def test_a_real_stop_names_no_limit() -> None:
    request = request_for(replace(STOP, type=OrderType.STOP_LOSS, price=None), LISTING)
    assert (request["type"], request["stopPrice"]) == ("STOP_LOSS", "47500")
    assert not {"price", "timeInForce"} & set(request)


def test_an_exit_names_a_quantity_and_nothing_else() -> None:
    request = request_for(EXIT, LISTING)
    assert (request["type"], request["side"], request["quantity"]) == ("MARKET", "SELL", "0.001")
    assert not {"price", "stopPrice", "timeInForce", "quoteOrderQty"} & set(request)


@pytest.mark.parametrize("field", ["quantity", "price"])
@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity", "0", "-0", "-1", "1e30", "0.000001234"])
def test_numbers_that_cannot_be_are_not_sent(field: str, value: str) -> None:
    with pytest.raises(ExchangeRefused) as caught:
        request_for(replace(ENTRY, **{field: Decimal(value)}), LISTING)  # type: ignore[arg-type]
    assert caught.value.code == "unsent"


@pytest.mark.parametrize(
    ("order", "changes", "why"),
    [
        (ENTRY, {"symbol": "DOGE/USDT"}, "symbol"),
        (ENTRY, {"symbol": "BTC/USD"}, "symbol"),
        (ENTRY, {"client_order_id": "x-TKT5PX2F1"}, "id"),
        (ENTRY, {"client_order_id": ENTRY.client_order_id[:-1] + "!"}, "id"),
        (ENTRY, {"client_order_id": ""}, "id"),
        (ENTRY, {"side": Side.SELL}, "no entry is a SELL"),
        (STOP, {"side": Side.BUY}, "no stop is a BUY"),
        (EXIT, {"side": Side.BUY}, "no exit is a BUY"),
        (STOP, {"type": OrderType.LIMIT, "stop_price": None}, "no stop is a SELL LIMIT"),
        (ENTRY, {"price": None}, "price"),
        (EXIT, {"price": d(50000)}, "price"),  # the exchange library would turn it into an amount of money
        (STOP, {"stop_price": None}, "stop price"),
        (ENTRY, {"stop_price": d(50000)}, "stop price"),
        (STOP, {"price": d(47600)}, "above its stop price"),
        (ENTRY, {"quantity": d("0.001001")}, "step"),
        (ENTRY, {"price": d("50000.001")}, "tick"),
        (STOP, {"stop_price": d("47500.001")}, "tick"),
        (ENTRY, {"quantity": d("0.0001")}, "less than the exchange's minimum"),
        (STOP, {"quantity": d("0.0002"), "price": d(40000)}, "less than the exchange's minimum"),
        (ENTRY, {"quantity": d(9001)}, "above the exchange's"),
        (EXIT, {"quantity": d(25)}, "above the exchange's"),
        (ENTRY, {"price": d(1_000_001)}, "above the exchange's"),
    ],
)
def test_what_is_wrong_is_said_and_not_sent(order: Any, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ExchangeRefused, match=why):
        request_for(replace(order, **changes), LISTING)


def test_a_kind_that_the_symbol_does_not_list_is_not_sent() -> None:
    listing = replace(LISTING, instrument=replace(LISTING.instrument, order_types=(OrderType.LIMIT,)))
    assert "lists no MARKET" in problem(EXIT, listing)


@given(st.decimals(min_value=Decimal("1e-20"), max_value=Decimal("1e19"), allow_nan=False, allow_infinity=False))
def test_a_number_leaves_in_plain_digits_or_not_at_all(value: Decimal) -> None:
    try:
        text = number(value)
    except ExchangeRefused:
        return
    assert NUMBER.fullmatch(text)
    assert Decimal(text) == value


def test_exponents_are_written_out() -> None:
    assert number(Decimal("1E+1")) == "10"
    assert number(Decimal("1e-05")) == "0.00001"
    assert number(Decimal("6.2e-05")) == "0.000062"


def test_every_role_has_its_own_orders() -> None:
    assert {Role.ENTRY, Role.STOP, Role.EXIT} == set(Role)
