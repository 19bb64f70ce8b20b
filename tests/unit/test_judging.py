"""How strategies have done, at hand for whoever looks; one that is worse than chance is pointed out once."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.core.alerts import AlertEvent
from app.jobs import gather_news
from app.judging import Judging
from app.ports import NewsSourceState
from app.scoring import Score
from app.seam import Tasks
from tests.builders import NOON


class Store:
    """A month of ten signals a day, so many of them right."""

    def __init__(self, right: int) -> None:
        self.right, self.gathered = right, 0

    def gather(self, now: datetime) -> None:
        self.gathered += 1

    def scores(self, today: datetime) -> Sequence[Score]:
        days = [(today - timedelta(days=back)).date() for back in range(30)]
        return [Score(strategy="news", day=day, judged=10, correct=self.right) for day in days]


async def test_a_strategy_that_is_worse_than_chance_is_pointed_out_until_it_is_better() -> None:
    told: list[tuple[AlertEvent, str]] = []
    store = Store(right=4)
    judging = Judging(store, Tasks(), lambda: NOON, lambda event, text: told.append((event, text)))
    assert judging.of("news")["judged"] == 0, "nothing is known before the first look"
    await judging.run()
    await judging.run()
    assert told == [(AlertEvent.STRATEGY_WEAK, "news was right 40 % of the time over 300 signals in thirty days")]
    assert (judging.of("news")["accuracy_pct"], judging.of("other")["judged"], store.gathered) == (40.0, 0, 2)
    store.right = 6
    await judging.run()
    store.right = 4
    await judging.run()
    assert len(told) == 2


class Wire:
    """News whose only source stands as a test says."""

    def __init__(self) -> None:
        self.state, self.polled = NewsSourceState(name="CryptoPanic"), 0

    async def poll(self) -> None:
        self.polled += 1

    def sources(self) -> Sequence[NewsSourceState]:
        return [self.state]


async def test_a_news_source_that_refuses_its_key_is_told_once_until_it_answers_again() -> None:
    told: list[tuple[AlertEvent, str]] = []
    wire = Wire()
    job = gather_news(wire, lambda event, text: told.append((event, text)))
    for status in ("waiting", "failing", "refused", "refused", "ok", "refused"):
        wire.state = NewsSourceState(name="CryptoPanic", status=status, error="paste its key again")
        await job()
    assert told == [(AlertEvent.NEWS_SOURCE, "CryptoPanic: paste its key again")] * 2
    assert wire.polled == 6
