"""How strategies have done: gathered each hour, at hand for whoever looks, and told when one is worse than chance."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from app.core.alerts import AlertEvent
from app.scoring import Score, summary
from app.seam import Tasks


class ScoreStore(Protocol):
    """Scores by strategy and day, durable. Synchronous; always called beside the loop. Raises StoreError."""

    def gather(self, now: datetime) -> None:
        """Add what came since the last time."""

    def scores(self, today: datetime) -> Sequence[Score]:
        """The last thirty days and a few more, of every strategy."""


class Judging:
    def __init__(
        self, store: ScoreStore, tasks: Tasks, now: Callable[[], datetime], tell: Callable[[AlertEvent, str], None]
    ) -> None:
        """`now` is market time."""
        self._store, self._tasks, self._now, self._tell = store, tasks, now, tell
        self._summaries: dict[str, dict[str, Any]] = {}
        self._told: set[str] = set()

    def of(self, strategy: str) -> dict[str, Any]:
        """In the API's words; as of the last time that was looked."""
        return self._summaries.get(strategy) or summary((), self._now().date())

    async def run(self) -> None:
        """The job."""
        now = self._now()
        await self._tasks.in_thread(lambda: self._store.gather(now))
        scores = await self._tasks.in_thread(lambda: self._store.scores(now))
        names = sorted({score.strategy for score in scores})
        self._summaries = {
            name: summary((score for score in scores if score.strategy == name), now.date()) for name in names
        }
        for name in names:
            self._point_out(name, self._summaries[name])

    def _point_out(self, name: str, row: dict[str, Any]) -> None:
        """Once, until it has been better in between."""
        if not row["worse_than_chance"]:
            self._told.discard(name)
        elif name not in self._told:
            self._told.add(name)
            right = f"right {row['accuracy_pct']:g} % of the time"
            self._tell(AlertEvent.STRATEGY_WEAK, f"{name} was {right} over {row['judged']} signals in thirty days")
