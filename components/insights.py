"""The Insights tab: why the trader trades now or does not, and everything that this rests on. It only shows."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from app.ports import Row, Status
from components.frame import Frame
from components.insights_analysis import Analysis
from components.insights_news import News
from components.insights_performance import Performance
from components.insights_technical import Technical
from components.insights_why import Opinions, VoteTable, Why
from components.parts import Loader, box
from components.price_chart import PriceChart

AGAIN_SECONDS = 5.0  # what changes with each price (spread, exposure) is looked at so often
REST_SECONDS = 0.5  # between two looks
FIRST_SECONDS = 0.4  # by which the answer and the chart go ahead of the rest
NEWS_SECONDS = 60.0
STORIES = 200
MARKED = ("high", "medium")  # stories with a mark in the chart


class Insights:
    """Asks only while it is shown, and not more often than a person can read."""

    def __init__(self, frame: Frame) -> None:
        self._doors = doors = frame.doors
        self._key: Any = None
        self._asked_at = self._news_at = float("-inf")
        self._row: Row = {}
        self._news_days = 1
        self._stories: tuple[Sequence[Row], int] | None = None
        with box("insights"):
            with box("insights-side"):  # columns of a wide screen; on a phone all stand below each other
                with box("insights-why"):
                    self._why = Why()
                    self._loader = Loader(doors.tasks, self._load, "the current opinions")
                self._vote, self._analysis = VoteTable(), Analysis()
            with box("insights-main"):
                self._chart = PriceChart(doors, self._show_technical)
                self._opinions, self._technical = Opinions(), Technical()
            with box("insights-news"):
                self._news = News(self._look_back)
                self._news_loader = Loader(doors.tasks, self._load_news, "the news")
            self._performance = Performance()

    def update(self, status: Status) -> None:
        now = self._doors.clock.monotonic()
        key = self._changes(status)
        if key != self._key or now - self._asked_at >= AGAIN_SECONDS:
            self._key, self._asked_at = key, now
            self._loader.want()
        if now - self._news_at >= NEWS_SECONDS:
            self._news_at = now
            self._news_loader.want()
        self._chart.update(status)

    def _look_back(self, days: int) -> None:
        self._news_days = days
        self._news_loader.want()

    def _changes(self, status: Status) -> Any:
        """What makes another answer likely."""
        view = self._doors.view
        decision = view.latest_decision()
        given = [(each.strategy, each.given_at, each.status) for each in view.latest_signals()]
        return status.state, status.reason, status.open_positions, decision.id if decision else None, given

    async def _load(self) -> None:
        fresh = not self._row
        if not fresh:
            await self._doors.clock.sleep(REST_SECONDS)
        before = self._row.get("candle_at")
        self._row = await self._doors.insights() or {"signals": [], "vote": None, "why_not": []}
        view = self._doors.view
        status, rows = view.status(), view.strategies()
        self._why.update(self._row, status, rows)
        if fresh:
            await self._doors.clock.sleep(FIRST_SECONDS)
        self._vote.update(self._row, rows)
        self._opinions.update(self._row)
        self._analysis.update(self._row, status, rows)
        self._show_technical()
        self._performance.update(rows)
        self._show_news()
        self._chart.insights = self._row
        if self._row.get("candle_at") != before:
            self._chart.redraw()  # a candle has closed, and the averages have moved on

    async def _load_news(self) -> None:
        now = self._doors.view.status().market_at or self._doors.clock.now()
        if self._stories is None:
            await self._doors.clock.sleep(FIRST_SECONDS)
        self._stories = await self._doors.reader.list(
            "news", STORIES, 0, since=now - timedelta(days=self._news_days), until=now
        )
        self._show_news()
        marked = [each for each in self._stories[0] if each["severity"] in MARKED]
        if [each["id"] for each in marked] != [each["id"] for each in self._chart.news]:
            self._chart.news = marked
            self._chart.redraw()

    def _show_technical(self) -> None:
        if self._row:
            self._technical.update(self._row, self._chart.candles)

    def _show_news(self) -> None:
        if self._stories is not None:
            rows = self._doors.view.strategies()
            votes = any(each["reads_text"] and each["enabled"] and each["configured"] for each in rows)
            self._news.update(*self._stories, self._row, votes)
