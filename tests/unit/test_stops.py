"""Where stops stand. A stop never moves down."""

from decimal import Decimal

import pytest

from app.core import stops
from app.core.rules import RiskLimits, Trailing
from tests.builders import an_instrument, d
from tests.core_stories import a_position

LIMITS, MARKET, TRAILING = RiskLimits(), an_instrument(), Trailing()


def test_the_first_stop_stands_five_per_cent_below_the_average_fill_floored_to_the_tick() -> None:
    assert stops.protective_price(d(50_000), LIMITS, MARKET) == 47_500
    assert stops.protective_price(d("50000.01"), LIMITS, MARKET) == d("47500.00")  # 47500.0095
    assert stops.protective_price(d("50000.33"), LIMITS, MARKET) == d("47500.31")


def test_a_stop_limits_limit_is_two_per_cent_below_its_trigger() -> None:
    assert stops.limit_price(d(47_500), LIMITS, MARKET) == 46_550
    assert stops.limit_price(d("47500.31"), LIMITS, MARKET) == d("46550.30")


def test_below_is_exact() -> None:
    assert stops.below(d(200), d("0.5")) == 199


@pytest.mark.parametrize(("highest", "active"), [("51500", True), ("51499.99", False), ("51500.01", True)])
def test_trailing_starts_exactly_three_per_cent_in_profit(highest: str, active: bool) -> None:
    assert stops.is_activated(a_position(highest_close=d(highest)), TRAILING) is active


def test_a_trailed_stop_stays_three_per_cent_below_the_highest_close() -> None:
    assert stops.trailed_price(a_position(highest_close=d(52_000)), TRAILING, MARKET) == 50_440
    assert stops.trailed_price(a_position(highest_close=d("52000.33")), TRAILING, MARKET) == d("50440.32")


def test_nothing_is_trailed_before_it_is_activated_or_without_a_stop() -> None:
    assert stops.trailed_price(a_position(highest_close=d(51_000)), TRAILING, MARKET) is None
    assert stops.trailed_price(a_position(highest_close=d(60_000), stop_price=None), TRAILING, MARKET) is None


@pytest.mark.parametrize(
    ("standing", "moves"),
    [
        ("50314.21", True),  # × 1.0025 = 50439.995…: a move of just over 0.25 %
        ("50314.22", False),  # × 1.0025 = 50440.005…: just under
        ("50440", False),
        ("60000", False),  # never down
    ],
)
def test_a_move_is_a_quarter_per_cent_up_at_least(standing: str, moves: bool) -> None:
    position = a_position(highest_close=d(52_000), stop_price=d(standing))
    assert stops.trailed_price(position, TRAILING, MARKET) == (50_440 if moves else None)


def test_exactly_the_least_step_is_a_move() -> None:
    one_per_cent = Trailing(activate_pct=d(0), distance_pct=d(0), min_step_pct=d(1))
    position = a_position(highest_close=d(50_500), stop_price=d(50_000))
    assert stops.trailed_price(position, one_per_cent, MARKET) == 50_500


def test_with_no_least_step_the_same_level_is_still_no_move() -> None:
    free = Trailing(activate_pct=d(0), distance_pct=d(0), min_step_pct=d(0))
    assert stops.trailed_price(a_position(highest_close=d(50_000), stop_price=d(50_000)), free, MARKET) is None
    assert stops.trailed_price(a_position(highest_close=d("50000.01"), stop_price=d(50_000)), free, MARKET) == d(
        "50000.01"
    )


@pytest.mark.parametrize(
    ("level", "lost"),
    [
        ("47500", "3014.25"),  # 0.3 × 57,500 − 0.3 × 47,500 × 0.999 = 17,250 − 14,235.75
        ("58000", "0"),  # the stop stands above the price
    ],
)
def test_what_is_lost_if_the_stop_fills_at_its_trigger(level: str, lost: str) -> None:
    assert stops.loss_at_stop(d("0.3"), d(57_500), d(level), d("0.1")) == Decimal(lost)
