"""Warnings of a result.json as a person reads them. Pure; it judges nothing, and drops only what is no warning."""

import re
from collections.abc import Iterable

EVENT = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d) (\w+): (.*)$", re.DOTALL)
ORDINARY = {"entry_fill", "exit_fill", "started", "alive"}  # news for who waits, no warnings for who reads
EVENTS = {"runaway": "A tripwire stopped entries"}
MINUS = "−"


def in_words(warnings: Iterable[str]) -> list[str]:
    """What happened often is told once, with how often; a fill is no warning."""
    said: list[str] = []
    events: dict[str, list[tuple[str, str]]] = {}
    for text in warnings:
        match = EVENT.match(text)
        if match is None:
            said.append(sentence(text))
        elif match[2] not in ORDINARY:
            events.setdefault(match[2], []).append((match[1], match[3]))
    for event, told in events.items():
        name = EVENTS.get(event, event.replace("_", " ").capitalize())
        often = "" if len(told) == 1 else f" ({len(told)} times, first on {told[0][0]} UTC)"
        said.append(f"{name}{often}: {told[0][1]}" if often else f"{name} on {told[0][0]} UTC: {told[0][1]}")
    return said


def sentence(text: str) -> str:
    """As it stands in a list: with a capital, and real minus signs."""
    return re.sub(r"(?<=\s)-(?=\d)", MINUS, text[:1].upper() + text[1:])
