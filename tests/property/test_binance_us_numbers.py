"""Numbers on their way to the exchange: plain digits, whatever a Decimal looks like inside, and the same value."""

import re
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.errors import ExchangeRefused
from services.binance_us.checks import number

PLAIN = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
ON_A_GRID = st.builds(lambda steps, places: Decimal(steps).scaleb(-places), st.integers(1, 10**15), st.integers(0, 12))
ANYTHING = st.decimals() | st.decimals(allow_nan=False, places=8) | ON_A_GRID


@given(ON_A_GRID)
@example(Decimal("1E-5"))
@example(Decimal("6.2E-5"))
@example(Decimal("1E+1"))
@example(Decimal("0.00100").normalize())
@example(Decimal("1E-20"))
def test_f85_every_quantity_and_price_is_written_in_plain_digits_and_means_the_same(value: Decimal) -> None:
    text = number(value)
    assert PLAIN.fullmatch(text)
    assert Decimal(text) == value


@given(ANYTHING)
@example(Decimal(-1))
@example(Decimal("-0"))
@example(Decimal("NaN"))
@example(Decimal("sNaN"))
@example(Decimal("Infinity"))
@example(Decimal("1E+20"))
@example(Decimal("1E-21"))
@example(Decimal("1E+999999"))
def test_f85_what_cannot_be_written_so_is_never_sent(value: Decimal) -> None:
    try:
        text = number(value)
    except ExchangeRefused:
        return
    assert PLAIN.fullmatch(text)
    assert Decimal(text) == value


@pytest.mark.parametrize("value", ["-1", "NaN", "Infinity", "1E+20", "1E-21"])
def test_f85_the_impossible_is_refused(value: str) -> None:
    with pytest.raises(ExchangeRefused, match="cannot be written"):
        number(Decimal(value))
