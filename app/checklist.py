"""The go-live list as values: what was asked, what was seen, what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

BELIEVED = timedelta(hours=24)  # how long something seen good counts while it cannot be seen anew


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    WAIVED = "waived"  # not asked for against an exchange on this machine: no real money is there
    WARNING = "warning"  # worth knowing; it keeps nobody from going live


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """`seen` says what was found, `cure` what to do about it. Not `sure`: it could not be looked at just now."""

    name: str
    verdict: Verdict
    seen: str
    cure: str = ""
    sure: bool = True
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    at: datetime
    items: tuple[Item, ...]

    @property
    def failing(self) -> Sequence[Item]:
        return [item for item in self.items if item.verdict is Verdict.FAILED]

    @property
    def passed(self) -> bool:
        return not self.failing

    @property
    def sentence(self) -> str:
        """Why real money is not traded; "" where it may be."""
        if self.passed:
            return ""
        return "; ".join(f"{item.name}: {item.seen}" for item in self.failing)


def rows(checklist: Checklist) -> list[dict[str, str]]:
    """As programs read it."""
    return [
        {"name": item.name, "verdict": item.verdict.value, "seen": item.seen, "cure": item.cure}
        for item in checklist.items
    ]


def believed(found: Checklist, before: Checklist | None) -> Checklist:
    """What cannot be seen now stands as it was last seen good, for a while: a lost connection is no failed item."""
    known = {item.name: item for item in before.items} if before else {}

    def settled(item: Item) -> Item:
        old = known.get(item.name)
        if item.sure:
            return replace(item, at=found.at)
        if old is None or old.at is None or old.verdict is Verdict.FAILED or found.at - old.at > BELIEVED:
            return item
        return old

    return replace(found, items=tuple(settled(item) for item in found.items))
