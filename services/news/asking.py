"""When a source is asked: at its own pace, within its quota, ever more seldom while it fails. Keeps how it stands."""

import logging
from collections import deque
from datetime import datetime, timedelta

from app.news_ports import NewsSourceState
from app.seam import Clock
from services.news.source import Source, SourceError, SourceRefused, SourceUsedUp
from services.news.web import LONGEST_WAIT

log = logging.getLogger(__name__)

A_DAY = timedelta(days=1)
REFUSED_PAUSE = timedelta(hours=1)
LONGEST_PAUSE = timedelta(hours=1)


class Asking:
    """One source, its pauses and its state. Times are this machine's."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self.source, self.busy = source, False
        self.state = NewsSourceState(name=source.name)
        self._clock = clock
        self._failures = 0
        self._asked: deque[datetime] = deque()

    def due(self) -> bool:
        """Whether to ask now. Where the plan's questions of a day are used up, the state says so."""
        now = self._clock.now()
        if self.busy or (self.state.next_at is not None and now < self.state.next_at):
            return False
        most = self.source.most_a_day
        while self._asked and now - self._asked[0] >= A_DAY:
            self._asked.popleft()
        if most is not None and len(self._asked) >= most:
            self._stands("used_up", f"its {most} questions a day are used up", self._asked[0] + A_DAY - now)
            return False
        return True

    def asks(self) -> None:
        self.busy = True
        if self.source.most_a_day is not None:
            self._asked.append(self._clock.now())

    def told(self) -> None:
        """It answered."""
        self._failures = 0
        if self.state.status not in ("ok", "waiting"):
            log.info("news of %s come again", self.source.name)
        now = self._clock.now()
        self.state = NewsSourceState(name=self.source.name, status="ok", fetched_at=now, next_at=now + self.source.pace)

    def failed(self, error: SourceError) -> None:
        pace = self.source.pace
        if isinstance(error, SourceRefused):
            self._stands("refused", str(error), max(REFUSED_PAUSE, pace))
            return
        if isinstance(error, SourceUsedUp):
            self._stands("used_up", str(error), max(error.after or REFUSED_PAUSE, pace))
            return
        self._failures = min(self._failures + 1, 20)
        pause = max(pace, min(pace * 2 ** (self._failures - 1), LONGEST_PAUSE))
        after = getattr(error, "after", None)
        self._stands("failing", str(error), max(pause, after) if after else pause)

    def _stands(self, status: str, error: str, pause: timedelta) -> None:
        pause = min(pause, max(LONGEST_WAIT, self.source.pace))
        if (status, error) != (self.state.status, self.state.error):
            log.warning("news: %s %s; asked again in %d min", self.source.name, error, pause.total_seconds() // 60)
        self.state = NewsSourceState(
            name=self.source.name,
            status=status,
            error=error,
            fetched_at=self.state.fetched_at,
            next_at=self._clock.now() + pause,
        )
