"""What the app needs of news: the stories that are known, the places that they come from, and where they are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.core.model import NewsEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsSourceState:
    """What is known of one place that news come from.

    `status`: waiting (not asked yet), ok, failing (tried again), refused (a key or plan: a person must look),
    used_up (its quota; asked again at `next_at`).
    """

    name: str
    status: str = "waiting"
    error: str = ""
    fetched_at: datetime | None = None
    next_at: datetime | None = None


class News(Protocol):
    """The stories that are known. Cheap; called on the loop."""

    @property
    def configured(self) -> bool:
        """Whether any source is set up for this market."""

    def events(self, at: datetime) -> Sequence[NewsEvent]:
        """Those seen up to `at` and not older than 72 h then, the newest first."""

    def sources(self) -> Sequence[NewsSourceState]: ...


class NewsStore(Protocol):
    """Stories, durable. Synchronous; always called beside the loop. Raises StoreError."""

    def since(self, at: datetime) -> Sequence[NewsEvent]:
        """Those seen since then, oldest first."""

    def save(self, events: Sequence[NewsEvent]) -> None:
        """New ones are added, known ones (by id) brought up to date, as one transaction."""
