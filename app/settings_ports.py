"""The settings page's way to the files: what every setting holds, takes and means, and how one is changed.

Values are texts as a person types them. A secret goes in and never comes out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from app.ports import Who


class FieldKind(StrEnum):
    """How a value is typed."""

    NUMBER = "number"
    WHOLE = "whole"  # a number without fractions
    SWITCH = "switch"  # true or false
    CHOICE = "choice"  # one of the row's options
    TEXT = "text"
    WORDS = "words"  # several, each on a line
    VALUE = "value"  # what a strategy itself understands: a number, true, false, a text or a list, as JSON


class Counts(StrEnum):
    """When a change of a key counts, and so where it is made."""

    NEXT_START = "next_start"
    CONTROLS = "controls"  # while it trades, by the rules of the Controls tab: not changed here
    BACKTEST = "backtest"  # in a backtest's own configuration only: not changed here


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    """One key of a configuration file. `value` is the file's, `running` what this process was started with.

    "" as a value of an `optional` one: it is not given. `low` and `high` are "" where there are no bounds.
    """

    name: str  # dotted path
    file: str
    kind: FieldKind
    meaning: str
    value: str
    running: str
    default: str
    cure: str = ""
    low: str = ""
    high: str = ""
    options: tuple[str, ...] = ()
    optional: bool = False
    counts: Counts = Counts.NEXT_START


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingTable:
    """A part of a file where names are added and removed. `columns`: what an entry holds, as rows with a `*` for it.

    An entry is removed by "" for all that it holds; a strategy that is off, by "" for its `enabled`.
    """

    name: str  # dotted path, such as deepseek.prices
    takes: str  # what a name may be
    columns: tuple[SettingRow, ...]

    def entry_of(self, name: str) -> str:
        """The entry that a key belongs to, or ""."""
        for column in self.columns:
            start, _, end = column.name.partition("*")
            if name.startswith(start) and name.endswith(end) and len(name) > len(start) + len(end):
                return name[len(start) : len(name) - len(end)]
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRow:
    """Whether a secret is given, and by what. `kept`: it is in the sealed store, from where it can be removed."""

    name: str
    meaning: str
    set: bool
    source: str = ""
    kept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentRow:
    """A setting of the environment that is no secret. Of an address only the host is shown: it may hold a password."""

    name: str
    meaning: str
    value: str
    default: str
    source: str  # "" where it is the default


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """An event that people can be told of."""

    name: str
    title: str
    meaning: str
    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFace:
    rows: tuple[SettingRow, ...]
    tables: tuple[SettingTable, ...]
    secrets: tuple[SecretRow, ...]
    environment: tuple[EnvironmentRow, ...]
    events: tuple[AlertRow, ...]
    levels: tuple[str, ...]
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A key as it was shown, and as it shall be. One that is not there yet was ""."""

    name: str
    was: str
    text: str


class SettingsDesk(Protocol):
    """Everything slow in it runs beside the loop. What is wrong is refused before anything is written."""

    async def look(self) -> SettingsFace:
        """ConfigError: a file cannot be read."""

    async def check(self, edits: Sequence[Edit]) -> None:
        """Unfit: it cannot be, alone or beside the others. Conflict: somebody has changed it since it was shown."""

    async def save(self, who: Who, edits: Sequence[Edit]) -> None:
        """All or none; with the second factor. ConfigError: nothing was written."""

    async def set_secret(self, who: Who, name: str, value: str) -> str:
        """Sealed into the store, with the second factor. Returns what else there is to know, or ""."""

    async def remove_secret(self, who: Who, name: str) -> None:
        """From the sealed store. ConfigError: it is not there."""
