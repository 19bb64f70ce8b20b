"""Values as the API writes them: decimals as plain strings, per cents as numbers, times as RFC 3339 with Z."""

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from app.checklist import Checklist, rows
from app.core.alerts import KINDS
from app.core.model import Candle
from app.core.money import plain
from app.notices import Told
from app.ports import Row, Status

NUMBERS = frozenset({"score", "confidence", "weight", "contribution", "product"})


def wire(value: Any, name: str = "") -> Any:
    """JSON-able; `name` is the field's, which says whether a decimal is money or a mere number."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return float(value) if name in NUMBERS or name.endswith("_pct") else plain(value)
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, dict):
        return {str(key): wire(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [wire(item, name) for item in value]
    return value


def number(text: str) -> int | float:
    """A decimal's text as the JSON number."""
    return float(text) if "." in text else int(text)


def time_text(at: datetime) -> str:
    """2026-11-23T02:30:00.123Z"""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def status_row(status: Status) -> Row:
    row = {field.name: wire(getattr(status, field.name), field.name) for field in dataclasses.fields(status)}
    row["channels"] = [wire(dataclasses.asdict(each)) for each in status.channels]
    row["unseen_alerts"] = [alert_row(each) for each in status.unseen_alerts]
    return row


def candle_row(candle: Candle, now: datetime | None) -> Row:
    row = {name: wire(getattr(candle, name)) for name in ("opened_at", "open", "high", "low", "close", "volume")}
    return {**row, "seconds": candle.seconds, "closed": now is not None and candle.closed_at <= now}


def checklist_row(checklist: Checklist | None) -> Row:
    """Nothing was looked at where no real money is to be traded: `main.py live-check` looks in any mode."""
    if checklist is None:
        return {"passed": None, "checked_at": None, "items": []}
    return {"passed": checklist.passed, "checked_at": time_text(checklist.at), "items": rows(checklist)}


def alert_row(told: Told) -> Row:
    """A grave alert that nobody has acknowledged yet."""
    title = KINDS[told.event].title
    return {"id": str(told.id), "event": told.event.value, "title": title, "text": told.text, "at": time_text(told.at)}
