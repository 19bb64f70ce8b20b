"""Equity as trading alone would have moved it."""

from datetime import timedelta
from decimal import Decimal

from app.core.growth import change_pct, deepest, fall_pct, grown, moved_before
from tests.builders import NOON, d


def at(hour: int) -> object:
    return NOON + timedelta(hours=hour)


def points(*worths: str) -> list[tuple[object, Decimal]]:
    return [(at(hour), d(worth)) for hour, worth in enumerate(worths)]


def test_a_withdrawal_is_no_fall_and_a_deposit_no_profit() -> None:
    assert grown(points("100", "60", "66"), [(at(1), d("-40"))]) == [100, 100, 110]
    assert grown(points("100", "150", "165"), [(at(1), d("50"))]) == [100, 100, 110]


def test_an_account_that_was_empty_for_a_while_goes_on_where_it_was() -> None:
    emptied, filled = (at(1), d("-100")), (at(3), d("50"))
    assert grown(points("100", "0", "0", "50", "55"), [emptied, filled]) == [100, 100, 100, 100, 110]


def test_where_more_came_than_there_is_left_the_loss_cannot_be_told() -> None:
    assert grown(points("100", "40", "44"), [(at(1), d("50"))]) == [100, 100, 110]


def test_it_begins_with_the_first_equity_there_was() -> None:
    assert grown(points("0", "0", "80", "88"), []) == [80, 80, 80, 88]
    assert grown([], []) == []


def test_what_is_older_than_the_first_point_is_in_it_already() -> None:
    assert moved_before(points("100", "105"), [(at(-1), d("100")), (at(1), d("5"))]) == [0, 5]


def test_the_deepest_fall_and_where_it_was() -> None:
    values = [d("0"), d("100"), d("90"), d("120"), d("90"), d("110")]
    assert fall_pct(values) == 25
    assert deepest(values) == (3, 4)
    assert fall_pct([d("0"), d("0")]) == 0, "there was nothing to fall from"
    assert deepest([d("1"), d("2")]) is None


def test_the_change_from_the_first_to_the_last() -> None:
    assert change_pct([d("80"), d("100"), d("88")]) == 10
    assert change_pct([d("0"), d("100")]) is None
    assert change_pct([]) is None
