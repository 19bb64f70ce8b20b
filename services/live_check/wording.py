"""The list in words: one line an item with its cure for people, one object for programs."""

import json
from dataclasses import asdict

from app.checklist import Checklist


def text_of(checklist: Checklist) -> str:
    lines = [
        f"{item.verdict:<8}{item.name}: {item.seen}{f'; {item.cure}' if item.cure else ''}" for item in checklist.items
    ]
    count = len(checklist.failing)
    end = f"{count} of {len(checklist.items)} items fail: real money is not traded" if count else "ready to go live"
    return "\n".join([*lines, end])


def json_of(checklist: Checklist) -> str:
    rows = [
        {name: value for name, value in asdict(item).items() if name in ("name", "verdict", "seen", "cure")}
        for item in checklist.items
    ]
    return json.dumps({"passed": checklist.passed, "items": rows}, indent=2, ensure_ascii=False)
