"""Walk-forward: what is optimised never sees what is tested, no day counts twice, and only tests are a result."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from app.core.errors import DataError
from backtest.series import ms_of
from backtest.walk_forward import Span, Traded, Window, stitched, walk, windows

BEGIN = datetime(2023, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
YEAR = Span(since=BEGIN, until=BEGIN + 365 * DAY)


def traded(begin: datetime, *returns: float, initial: float = 1000.0, trades: int = 1) -> Traded:
    at_ms = np.array([ms_of(begin + day * DAY) for day in range(1, len(returns) + 1)], dtype=np.int64)
    return Traded(at_ms=at_ms, equity=initial * np.cumprod(1 + np.array(returns)), initial=initial, trades=trades)


@pytest.mark.parametrize("anchored", [False, True])
@pytest.mark.parametrize("purge", [timedelta(0), 5 * DAY])
def test_tests_stand_side_by_side_and_never_in_what_was_trained(anchored: bool, purge: timedelta) -> None:
    parts = windows(YEAR, train=120 * DAY, test=30 * DAY, purge=purge, anchored=anchored)
    assert len(parts) == 8
    for one, next_ in pairwise(parts):
        assert one.test.until == next_.test.since
    for part in parts:
        assert part.test.since - part.train.until == purge
        assert part.train.since >= YEAR.since
        assert part.test.until <= YEAR.until
    lengths = {part.train.until - part.train.since for part in parts}
    assert len(lengths) == (8 if anchored else 1)
    assert {part.train.since for part in parts if anchored} <= {BEGIN}


def test_a_last_test_may_be_short_but_not_below_a_half() -> None:
    ten = windows(Span(since=BEGIN, until=BEGIN + 40 * DAY), train=20 * DAY, test=10 * DAY)
    assert [part.test.until - part.test.since for part in ten] == [10 * DAY, 10 * DAY]
    rest = windows(Span(since=BEGIN, until=BEGIN + 36 * DAY), train=20 * DAY, test=10 * DAY)
    assert [part.test.until - part.test.since for part in rest] == [10 * DAY, 6 * DAY]
    short = windows(Span(since=BEGIN, until=BEGIN + 34 * DAY), train=20 * DAY, test=10 * DAY)
    assert [part.test.until - part.test.since for part in short] == [10 * DAY]


def test_what_cannot_be_split_is_refused() -> None:
    with pytest.raises(DataError, match="too short for 400 days of training and 30 of testing"):
        windows(YEAR, train=400 * DAY, test=30 * DAY)
    with pytest.raises(DataError, match="longer than nothing"):
        windows(YEAR, train=timedelta(0), test=30 * DAY)


@dataclass
class Market:
    """A lucky number that worked in the first half of the year and fails in the second; keeps what was asked."""

    optimised: list[Span] = field(default_factory=list)

    def optimise(self, span: Span) -> str:
        self.optimised.append(span)
        return f"best until {span.until:%m-%d}"

    def trade(self, span: Span, parameters: str) -> Traded:
        assert parameters == f"best until {self.optimised[-1].until:%m-%d}"
        days = (span.until - span.since) // DAY
        daily = 0.002 if span == self.optimised[-1] else -0.001
        return traded(span.since, *[daily] * days, trades=3)


def test_only_what_was_not_seen_is_the_result() -> None:
    market, done = Market(), list[float]()
    parts = windows(YEAR, train=120 * DAY, test=30 * DAY)
    walked = walk(parts, market.optimise, market.trade, done.append)
    assert market.optimised == [part.train for part in parts]
    tested = sum((part.test.until - part.test.since) // DAY for part in parts)
    assert walked.out_of_sample.return_pct == pytest.approx((0.999**tested - 1) * 100)
    assert walked.out_of_sample.trades == 24
    assert len(walked.out_of_sample.equity) == tested
    assert walked.legs[0].in_sample.return_pct == pytest.approx((1.002**120 - 1) * 100)
    assert walked.efficiency == pytest.approx(np.log(0.999) / np.log(1.002))
    assert walked.winning_tests_pct == 0.0
    assert done[-1] == 100.0


def test_what_never_earned_in_training_has_no_efficiency() -> None:
    window = Window(train=Span(since=BEGIN, until=BEGIN + DAY), test=Span(since=BEGIN + DAY, until=BEGIN + 2 * DAY))
    walked = walk([window], lambda span: None, lambda span, _: traded(span.since, -0.1))
    assert walked.efficiency is None


def test_each_test_goes_on_with_what_the_one_before_left() -> None:
    one, two = traded(BEGIN, 0.1, 0.1), traded(BEGIN + 2 * DAY, -0.5, initial=50.0)
    whole = stitched([one, two])
    assert whole.equity.tolist() == pytest.approx([1100, 1210, 605])
    assert (whole.initial, whole.trades) == (1000.0, 2)
    assert whole.return_pct == pytest.approx(-39.5)


def test_a_day_that_would_count_twice_is_refused() -> None:
    with pytest.raises(DataError, match="overlap"):
        stitched([traded(BEGIN, 0.1, 0.1), traded(BEGIN + DAY, 0.1)])
    with pytest.raises(DataError, match="nothing"):
        stitched([])
