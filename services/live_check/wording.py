"""The list in words: one line an item with its cure for people, one object for programs."""

import json

from app.checklist import Checklist, rows


def text_of(checklist: Checklist) -> str:
    lines = [
        f"{item.verdict:<8}{item.name}: {item.seen}{f'; {item.cure}' if item.cure else ''}" for item in checklist.items
    ]
    count = len(checklist.failing)
    end = f"{count} of {len(checklist.items)} items fail: real money is not traded" if count else "ready to go live"
    return "\n".join([*lines, end])


def json_of(checklist: Checklist) -> str:
    return json.dumps({"passed": checklist.passed, "items": rows(checklist)}, indent=2, ensure_ascii=False)
