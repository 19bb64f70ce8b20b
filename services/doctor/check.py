"""What a check finds, in words: one line with a cure for people, one object for programs."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Check:
    """`seen` says what was found, `cure` what to do about it ("" where there is nothing to do)."""

    subject: str
    status: Status
    seen: str
    cure: str = ""


def ok(subject: str, seen: str) -> Check:
    return Check(subject, Status.OK, seen)


def note(subject: str, seen: str, cure: str = "") -> Check:
    return Check(subject, Status.NOTE, seen, cure)


def wrong(subject: str, seen: str, cure: str) -> Check:
    return Check(subject, Status.WRONG, seen, cure)


def text_of(checks: Iterable[Check]) -> str:
    """One line each."""
    return "\n".join(
        f"{each.status:<5}  {each.subject}: {each.seen}{f'; {each.cure}' if each.cure else ''}" for each in checks
    )


def json_of(checks: Iterable[Check]) -> str:
    rows = [
        {"subject": each.subject, "status": each.status.value, "seen": each.seen, "cure": each.cure} for each in checks
    ]
    return json.dumps(
        {"good": all(row["status"] != Status.WRONG for row in rows), "checks": rows}, indent=2, ensure_ascii=False
    )
