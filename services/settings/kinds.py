"""Kinds of values: each reads one text strictly and says in words what it takes. Never guesses, never echoes.

`read(text)` raises `Wrong` with the cure; whoever knows place and name puts them before it.
"""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.core.money import plain

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?", re.ASCII)
_SHOWN = 40


class Wrong(Exception):
    """The text is not of this kind; the message is the cure."""


class Kind(Protocol):
    """What one value may be. `bounds` serves a settings page: (low, high) as texts, or None."""

    @property
    def cure(self) -> str: ...

    @property
    def bounds(self) -> tuple[str, str] | None: ...

    def read(self, text: str) -> object: ...


def shown(text: str) -> str:
    """A value as a message may show it: short, and on one line."""
    if len(text) > _SHOWN:
        return f"a text of {len(text)} characters"
    return text if _NUMBER.fullmatch(text) else ascii(text)


def _number(text: str, cure: str) -> Decimal:
    if _NUMBER.fullmatch(text):
        return Decimal(text)
    if text.endswith("%"):
        raise Wrong(f"write {cure}, without the % sign")
    if re.fullmatch(r"-?[0-9]+(,[0-9]+)+", text):
        raise Wrong(f"write {cure}, with a point for decimals and no thousands mark")
    raise Wrong(f"it must be {cure}, in plain digits")


@dataclass(frozen=True, slots=True)
class Number:
    """A Decimal from `low` to `high`, both allowed unless `above`: then `low` itself is not."""

    low: Decimal
    high: Decimal
    above: bool = False

    @property
    def bounds(self) -> tuple[str, str]:
        return plain(self.low), plain(self.high)

    @property
    def cure(self) -> str:
        if self.above:
            return f"a number above {plain(self.low)} and at most {plain(self.high)}"
        return f"a number between {plain(self.low)} and {plain(self.high)}"

    def read(self, text: str) -> Decimal:
        value = _number(text, self.cure)
        if not self.low <= value <= self.high or (self.above and value == self.low):
            raise Wrong(f"it must be {self.cure.removeprefix('a number ')}")
        return value


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number from `low` to `high`."""

    low: int
    high: int

    @property
    def bounds(self) -> tuple[str, str]:
        return str(self.low), str(self.high)

    @property
    def cure(self) -> str:
        return f"a whole number between {self.low} and {self.high}"

    def read(self, text: str) -> int:
        value = _number(text, self.cure)
        if value != value.to_integral_value():
            raise Wrong(f"it must be {self.cure}")
        if not self.low <= value <= self.high:
            raise Wrong(f"it must be between {self.low} and {self.high}")
        return int(value)


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false, nothing that merely looks like it."""

    cure: str = "true or false"
    bounds: None = None

    def read(self, text: str) -> bool:
        if text not in ("true", "false"):
            raise Wrong("it must be true or false")
        return text == "true"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]
    bounds: None = None

    @property
    def cure(self) -> str:
        return f"one of {', '.join(self.options)}"

    def read(self, text: str) -> str:
        if text not in self.options:
            raise Wrong(f"it must be {self.cure}")
        return text


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a shape; `check`, where given, raises `Wrong` for what a pattern cannot say."""

    pattern: str
    cure: str
    check: Callable[[str], None] | None = None
    bounds: None = None

    def read(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text, re.ASCII):
            raise Wrong(f"it must be {self.cure}")
        if self.check:
            self.check(text)
        return text


@dataclass(frozen=True, slots=True)
class ListOf:
    """Several values of one kind, in one text separated by commas (a YAML file gives them one by one)."""

    item: Kind
    most: int = 50
    bounds: None = None

    @property
    def cure(self) -> str:
        return f"up to {self.most} values separated by commas, each {self.item.cure}"

    def read(self, text: str) -> tuple[object, ...]:
        parts = [part.strip() for part in text.split(",")]
        if len(parts) > self.most:
            raise Wrong(f"it must be {self.cure}")
        return tuple(self.item.read(part) for part in parts)


TIMEFRAMES = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d")
TIMEFRAME = Choice(TIMEFRAMES)


def percent(low: str, high: str) -> Number:
    return Number(Decimal(low), Decimal(high))


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of many names: the refusal tells the nearest one, not all of them."""

    names: tuple[str, ...]
    cure: str
    bounds: None = None

    def read(self, text: str) -> str:
        if text in self.names:
            return text
        found = difflib.get_close_matches(text, self.names, n=1, cutoff=0.6)
        raise Wrong(f"it must be {self.cure}{f'; did you mean {found[0]}?' if found else ''}")


@dataclass(frozen=True, slots=True)
class TimeZone:
    """A zone of the IANA list."""

    cure: str = "a time zone such as UTC or America/New_York"
    bounds: None = None

    def read(self, text: str) -> ZoneInfo:
        try:
            return ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise Wrong(f"it must be {self.cure}") from error
