"""A changed copy is what dataclasses.replace makes: the same values, the same checks, as frozen as before."""

from dataclasses import FrozenInstanceError, replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.core.changing import changed
from app.core.errors import DataError
from app.core.model import EPOCH, Candle, Quote
from app.core.portfolio import opened


def test_a_changed_copy_equals_what_replace_makes_and_leaves_the_first_alone() -> None:
    account = opened(Decimal(100), EPOCH)
    after = changed(account, cash=Decimal(70), day_entries=1)
    assert after == replace(account, cash=Decimal(70), day_entries=1)
    assert type(after) is type(account)
    assert account == opened(Decimal(100), EPOCH)


def test_a_name_that_it_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match="no field 'money'"):
        changed(opened(Decimal(100), EPOCH), money=Decimal(1))


def test_a_changed_copy_is_frozen() -> None:
    after = changed(Quote(bid=Decimal(1), ask=Decimal(2), at=EPOCH), at=EPOCH + timedelta(seconds=1))
    with pytest.raises(FrozenInstanceError):
        after.bid = Decimal(3)


def test_what_a_thing_checks_of_itself_is_checked_again() -> None:
    one = Decimal(1)
    candle = Candle(symbol="BTC/USD", opened_at=EPOCH, seconds=60, open=one, high=one, low=one, close=one, volume=one)
    with pytest.raises(DataError, match="not positive"):
        changed(candle, low=Decimal(0))
