"""What people are shown of limits and of the vote, and what they wish of it. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from app.core.limits import Limit
from app.core.model import Signal
from app.core.rules import VotingRules


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitKey:
    """What a limit takes: bounds as texts ("" where it has none), or one of `options`; what it means."""

    name: str
    meaning: str
    default: Limit
    low: str = ""
    high: str = ""
    options: tuple[str, ...] = ()
    whole: bool = False  # no fractions


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """A riskier limit, and when it comes into force."""

    id: str
    name: str
    value: str
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsFace:
    """The limits that can be changed while it trades, and how much of them is used."""

    keys: tuple[LimitKey, ...]
    values: Mapping[str, Limit]
    pending: tuple[Waits, ...] = ()
    used: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteFace:
    """The rules of the vote, and the opinions of the last one and its time: enough to hold it again with others."""

    keys: tuple[LimitKey, ...]
    rules: VotingRules
    signals: Mapping[str, Signal] = field(default_factory=dict)
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person wants of one strategy; None: as it is. `sha256` approves the file that was looked at."""

    name: str
    enabled: bool | None = None
    weight: Decimal | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Limits, strategies and thresholds as somebody thinks of changing them. `place` is where the answer is shown."""

    place: str
    limits: Mapping[str, Limit] = field(default_factory=dict)
    wishes: tuple[Wish, ...] = ()
    thresholds: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What rules would have made of a stretch of days."""

    return_pct: float
    max_drawdown_pct: float
    trades: int
    worst_day_pct: float | None
    stopped: str = ""  # why trading ended before the last day


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """The newest comparison. `status`: none, running, done, failed; `note` says what it rests on."""

    status: str = "none"
    proposal: Proposal | None = None
    progress_pct: float = 0.0
    since: datetime | None = None
    until: datetime | None = None
    now: Figures | None = None
    new: Figures | None = None
    note: str = ""
    error: str = ""


class WhatIfs(Protocol):
    """The last days, traded by the rules that count now and by a proposal's, beside each other; nothing is changed."""

    def look(self) -> WhatIf: ...

    async def start(self, username: str, proposal: Proposal) -> None:
        """In place of one that runs. Unfit: it cannot be. Busy: too much waits already."""

    async def cancel(self) -> None: ...
