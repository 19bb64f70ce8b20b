"""Days whose minutes were thinned out say of themselves what they said before, with and without money moved."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.growth import change_pct, fall_pct, grown
from app.thinning import staying

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
DAYS = 3


def lived(dice: Random, flows_a_day: int) -> tuple[list, list]:  # type: ignore[type-arg]
    """Some days of minutes with gaps, and money that came and went, now and then all of it."""
    points, flows, worth, at = [], [], Decimal(10_000), FIRST + MINUTE * dice.randrange(700)
    chance = flows_a_day / 360
    while at < FIRST + DAY * DAYS:
        if dice.random() < chance:
            amount = (
                Decimal(dice.choice((500, -400, 9000))) if worth and dice.random() < 0.8 else -worth or Decimal(750)
            )
            amount = max(amount, -worth)
            flows.append((at - timedelta(seconds=dice.randrange(1, 60)), amount))
            worth += amount
        worth = (worth * (1 + Decimal(dice.randrange(-60, 61)) / 10_000)).quantize(Decimal("0.01"))
        points.append((at, worth))
        at += MINUTE * dice.choice((1, 3, 5, 5, 7, 90 if dice.random() < 0.02 else 4))
    return points, flows


def thinned(points: list, flows: list) -> list:  # type: ignore[type-arg]
    kept: list = []  # type: ignore[type-arg]
    for number in range(DAYS):
        begin = FIRST + DAY * number
        day = [point for point in points if begin <= point[0] < begin + DAY]
        moved = [flow for flow in flows if flow[0] < begin + DAY and (not kept or flow[0] > kept[-1][0])]
        kept += [day[at] for at in staying(kept[-1] if kept else None, day, moved)]
    return kept


def figures(points: list, flows: list, number: int) -> tuple:  # type: ignore[type-arg]
    """Of one day, with the last equity before it, as the books count it."""
    begin = FIRST + DAY * number
    before = [point for point in points if point[0] < begin][-1:]
    own = [point for point in points if begin <= point[0] < begin + DAY]
    values, worths = grown([*before, *own], flows), [worth for _, worth in own]
    ends = (own[0], own[-1]) if own else None
    return ends, max(worths, default=0), min(worths, default=0), change_pct(values), fall_pct(values)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**9), flows_a_day=st.sampled_from((0, 0, 1, 6)))
def test_every_figure_is_the_same_before_and_after(seed: int, flows_a_day: int) -> None:
    points, flows = lived(Random(seed), flows_a_day)
    kept = thinned(points, flows)
    for number in range(DAYS):
        assert figures(kept, flows, number) == figures(points, flows, number)
    whole, left = grown(points, flows), grown(kept, flows)
    assert (change_pct(left), fall_pct(left)) == (change_pct(whole), fall_pct(whole)), "of all days together"
    stays = set(kept)
    assert [value for point, value in zip(points, whole, strict=True) if point in stays] == left
    assert thinned(kept, flows) == kept, "a second time changes nothing"
    assert len(kept) <= DAYS * (24 + 12) + 2 * len(flows)


def test_an_hour_leaves_its_last_minute_and_a_day_what_its_figures_rest_on() -> None:
    points = [(FIRST + MINUTE * minute, Decimal(1000)) for minute in range(120)]
    for minute, worth in ((20, 1100), (40, 900), (70, 1050)):
        points[minute] = (points[minute][0], Decimal(worth))
    assert staying((FIRST - MINUTE, Decimal(1000)), points, []) == [0, 20, 40, 59, 119]
    assert staying((FIRST - MINUTE, Decimal(1000)), points, [(points[70][0], Decimal(50))]) == [
        0,
        20,
        40,
        59,
        69,
        70,
        119,
    ]
    assert staying(None, [], []) == []


def test_a_deposit_is_no_gain_and_a_withdrawal_no_fall() -> None:
    def values(*worths: int, moved: dict[int, int]) -> list[Decimal]:
        points = [(FIRST + MINUTE * number, Decimal(worth)) for number, worth in enumerate(worths)]
        return grown(points, [(FIRST + MINUTE * number, Decimal(amount)) for number, amount in moved.items()])

    assert values(100, 110, 220, 198, moved={2: 110}) == [100, 110, 110, 99]
    assert values(100, 50, 55, moved={1: -50}) == [100, 100, 110]
    assert values(100, 0, 0, 300, 330, moved={1: -100, 3: 300}) == [100, 100, 100, 100, 110], "empty in between"
    assert values(0, 0, 200, 220, moved={2: 200}) == [200, 200, 200, 220], "it begins with the first money"
    assert fall_pct(values(100, 50, 55, moved={1: -50})) == 0
