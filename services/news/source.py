"""What a source of news is, what it tells, and how it fails. Nothing that a server wrote goes into an error's text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

MOST_ITEMS = 100  # stories of one answer that are looked at, the first ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One story as a source told it, not cleaned: any of it may be missing, wrong or hostile.

    `outlet` is the original publisher's name or domain, where the source tells it apart from the address.
    `special`: the source tells of nothing but crypto, so that the story need not say so itself.
    """

    title: Any
    url: Any = ""
    published: Any = None
    outlet: Any = ""
    special: bool = False


class SourceError(Exception):
    """A source did not tell its news. The text is for people, and holds no address and no key."""


class SourceDown(SourceError):
    """Not now; it is asked again by itself, ever more seldom. `after`: not before then, where it said so."""

    def __init__(self, text: str, after: timedelta | None = None) -> None:
        super().__init__(text)
        self.after = after


class SourceRefused(SourceError):
    """A key or a plan is not good enough: a person must look. Asked again each hour only."""


class SourceUsedUp(SourceError):
    """Its quota is used up, for so long."""

    def __init__(self, text: str, after: timedelta | None = None) -> None:
        super().__init__(text)
        self.after = after


class Source(Protocol):
    """One place that news come from. `ask` raises SourceErrors and nothing else, within 20 s."""

    @property
    def name(self) -> str:
        """For people, unique."""

    @property
    def many(self) -> bool:
        """It passes on what many outlets tell; else all it tells is one voice."""

    @property
    def pace(self) -> timedelta:
        """The shortest time between two questions."""

    @property
    def most_a_day(self) -> int | None:
        """Questions in 24 hours that its plan allows."""

    async def ask(self) -> Sequence[Item]: ...


class Classifier(Protocol):
    """What a headline says of the price."""

    def score(self, text: str) -> float:
        """-1 bearish to 1 bullish."""

    def label(self, text: str) -> str:
        """bullish, bearish or neutral."""
