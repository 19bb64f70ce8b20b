"""The night's job: once for each day, by market time, and never in a hurry."""

from datetime import datetime, timedelta

from app.core.alerts import AlertEvent
from app.ports import Row
from app.reviewing import REST_SECONDS, Nightly
from app.seam import Tasks
from tests.builders import NOON
from tests.fakes_ui import HandClock

MIDNIGHT = NOON.replace(hour=0) + timedelta(days=1)


class Books:
    """Reviews in memory; `looked` are the days that were asked for, `differs` those that do not replay."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.looked: list[str] = []
        self.differs: set[str] = set()
        self.empty, self.began = False, MIDNIGHT - timedelta(days=30)

    def has_lived(self, day: datetime) -> bool:
        return day >= self.began

    def newest(self) -> Row | None:
        return self.rows[-1] if self.rows else None

    async def look(self, day: datetime) -> None:
        name = f"{day:%Y-%m-%d}"
        self.looked.append(name)
        if not self.empty:
            difference = "7 00:03:00 journalled [] but replayed [1]" if name in self.differs else None
            self.rows.append({"day": name, "identical": difference is None, "at": day, "difference": difference})


class Night:
    def __init__(self) -> None:
        self.books, self.clock, self.told = Books(), HandClock(), list[tuple[AlertEvent, str]]()
        self.now = MIDNIGHT
        self.job = Nightly(
            self.books,
            self.books.look,
            lambda event, text: self.told.append((event, text)),
            now=lambda: self.now,
            clock=self.clock,
            tasks=Tasks(),
        )


async def test_a_day_is_looked_at_once_when_it_has_settled() -> None:
    night = Night()
    night.books.rows.append({"day": "2023-03-09", "identical": True, "at": NOON, "difference": None})
    await night.job.run()
    assert night.books.looked == [], "it is midnight: its last rows may still be on their way"
    night.now += timedelta(minutes=11)
    await night.job.run()
    await night.job.run()
    assert night.books.looked == ["2023-03-10"]
    assert night.job.latest == night.books.rows[-1]
    assert night.told == []


async def test_a_difference_is_told_once() -> None:
    night = Night()
    night.books.differs.add("2023-03-10")
    night.now += timedelta(minutes=11)
    await night.job.run()
    night.clock.forward(seconds=2 * REST_SECONDS)
    await night.job.run()
    assert night.told == [
        (AlertEvent.PARITY_MISMATCH, "2023-03-10 replayed: 7 00:03:00 journalled [] but replayed [1]")
    ]


async def test_on_a_market_that_races_the_newest_day_is_looked_at_once_an_hour() -> None:
    night = Night()
    for _ in range(60):
        night.now += timedelta(hours=1)
        await night.job.run()
    assert night.books.looked == ["2023-03-10"]
    night.clock.forward(seconds=REST_SECONDS)
    await night.job.run()
    assert night.books.looked == ["2023-03-10", "2023-03-12"]


async def test_the_day_before_the_first_is_not_looked_at_and_the_first_one_does_not_wait_for_it() -> None:
    night = Night()
    night.books.began = MIDNIGHT
    night.now += timedelta(minutes=11)
    await night.job.run()
    assert (night.books.looked, night.job.busy) == ([], False)
    night.now += timedelta(days=1)
    await night.job.run()
    assert night.books.looked == ["2023-03-11"]


async def test_a_look_that_fails_is_made_again_in_an_hour_and_tells_nothing() -> None:
    night = Night()
    night.books.empty = True
    night.now += timedelta(minutes=11)
    await night.job.run()
    assert (night.job.latest, night.told) == (None, [])
    night.clock.forward(seconds=REST_SECONDS)
    await night.job.run()
    assert night.books.looked == ["2023-03-10", "2023-03-10"]
