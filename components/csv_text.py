"""Trades as CSV, line by line. A cell that a spreadsheet would run as a formula is made plain text."""

import csv
import io
from collections.abc import AsyncIterator

from app.ports import Row
from components.wire import wire

COLUMNS = (
    "id", "position_id", "symbol", "side", "opened_at", "closed_at", "quantity", "entry_price", "exit_price", "fees",
    "profit_loss", "profit_loss_pct", "exit_reason", "decision_id", "reasoning",
)  # fmt: skip
WORDS = frozenset({"id", "position_id", "symbol", "exit_reason", "decision_id", "reasoning"})


async def csv_lines(rows: AsyncIterator[Row]) -> AsyncIterator[str]:
    """The header line, then one line per trade."""
    yield _line(list(COLUMNS))
    async for row in rows:
        yield _line([_cell(name, row.get(name)) for name in COLUMNS])


def _cell(name: str, value: object) -> str:
    text = "" if value is None else str(wire(value, name))
    return f"'{text}" if name in WORDS and text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _line(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
