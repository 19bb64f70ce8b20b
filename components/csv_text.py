"""Trades as CSV, line by line. A cell that a spreadsheet would run as a formula is made plain text."""

import csv
import io
from collections.abc import AsyncIterator

from app.ports import Reader, Row
from components.wire import wire

PAGE = 1_000
COLUMNS = (
    "id", "position_id", "symbol", "side", "opened_at", "closed_at", "quantity", "entry_price", "exit_price", "fees",
    "profit_loss", "profit_loss_pct", "exit_reason", "decision_id", "reasoning",
)  # fmt: skip
WORDS = frozenset({"id", "position_id", "symbol", "exit_reason", "decision_id", "reasoning"})


async def with_flows(reader: Reader, quote: str) -> AsyncIterator[Row]:
    """Trades and, each at its time, what was paid in or taken out: an amount of `quote` and no result."""
    flows: list[Row] = []
    while (page := await reader.list("flows", PAGE, len(flows)))[0]:
        flows += page[0]
    async for trade in reader.trades():
        while flows and flows[-1]["at"] <= trade["closed_at"]:
            yield _flow(flows.pop(), quote)
        yield trade
    for flow in reversed(flows):
        yield _flow(flow, quote)


def _flow(row: Row, quote: str) -> Row:
    what = {"id": row["id"], "symbol": quote, "side": row["kind"].upper(), "reasoning": row["note"]}
    return {**what, "opened_at": row["at"], "closed_at": row["at"], "quantity": row["amount"].lstrip("-")}


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
