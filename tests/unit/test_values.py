"""Values are what frozen dataclasses are, and a changed copy is what dataclasses.replace makes."""

import pickle
from copy import copy, deepcopy
from dataclasses import FrozenInstanceError, replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.core.errors import DataError
from app.core.model import EPOCH, Candle, Flow, Quote
from app.core.portfolio import opened
from app.core.values import changed


def test_a_changed_copy_equals_what_replace_makes_and_leaves_the_first_alone() -> None:
    account = opened(Decimal(100), EPOCH)
    after = changed(account, cash=Decimal(70), day_entries=1)
    assert after == replace(account, cash=Decimal(70), day_entries=1)
    assert type(after) is type(account)
    assert account == opened(Decimal(100), EPOCH)


def test_a_name_that_it_does_not_have_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'money'"):
        changed(opened(Decimal(100), EPOCH), money=Decimal(1))


def test_a_value_is_frozen_and_of_its_own_kind() -> None:
    quote = Quote(bid=Decimal(1), ask=Decimal(2), at=EPOCH)
    assert type(quote) is Quote
    with pytest.raises(FrozenInstanceError):
        quote.bid = Decimal(3)
    with pytest.raises(FrozenInstanceError):
        del quote.bid
    assert not hasattr(quote, "__dict__")


def test_a_value_is_made_by_name_with_its_defaults_and_with_nothing_missing() -> None:
    flow = Flow(id="one", at=EPOCH, amount=Decimal(5))
    assert (flow.note, repr(flow)) == ("", f"Flow(id='one', at={EPOCH!r}, amount=Decimal('5'), note='')")
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'amount'"):
        Flow(id="one", at=EPOCH)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional"):
        Flow("one", EPOCH, Decimal(5))  # type: ignore[misc]


def test_a_value_travels_and_is_copied() -> None:
    quote = Quote(bid=Decimal(1), ask=Decimal(2), at=EPOCH)
    for other in (copy(quote), deepcopy(quote), pickle.loads(pickle.dumps(quote))):
        assert other == quote
        assert type(other) is Quote


def test_what_a_value_checks_of_itself_is_checked() -> None:
    one = Decimal(1)
    with pytest.raises(DataError, match="not positive"):
        Candle(symbol="BTC/USD", opened_at=EPOCH, seconds=60, open=one, high=one, low=one - 1, close=one, volume=one)


def test_a_changed_copy_is_frozen() -> None:
    after = changed(Quote(bid=Decimal(1), ask=Decimal(2), at=EPOCH), at=EPOCH + timedelta(seconds=1))
    with pytest.raises(FrozenInstanceError):
        after.bid = Decimal(3)


def test_what_a_thing_checks_of_itself_is_checked_again() -> None:
    one = Decimal(1)
    candle = Candle(symbol="BTC/USD", opened_at=EPOCH, seconds=60, open=one, high=one, low=one, close=one, volume=one)
    with pytest.raises(DataError, match="not positive"):
        changed(candle, low=Decimal(0))
