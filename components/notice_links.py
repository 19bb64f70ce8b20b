"""Where a notice leads: a trade to the decision behind it, everything else to the tab where it is seen or changed.

An alert is words and keeps no id: the trade is found by what the words say of it.
"""

from decimal import Decimal

from app.core.money import plain
from app.notices import TABS
from app.ports import Reader, Row

LOOKED_THROUGH = 200  # trades, the newest first
WORDS = {
    "positions": "Show the positions",
    "history": "Show the trades",
    "insights": "Show the opinions",
    "controls": "Open Controls",
    "backtest": "Open Backtest",
}
TRADES = {"entry_fill": "Why it was bought", "exit_fill": "Why it was sold"}


def tab_of(event: str) -> str:
    return next((tab for each, tab in TABS.items() if each == event), "positions")


def words_of(event: str) -> str:
    """For the button."""
    return TRADES.get(event) or WORDS[tab_of(event)]


async def decision_of(reader: Reader, notice: Row) -> str:
    """Of what was bought or sold; "" where nothing that is remembered fits the words. StoreError."""
    event, text = str(notice["event"]), str(notice["text"])
    if event not in TRADES:
        return ""
    trades, _ = await reader.list("trades", LOOKED_THROUGH, 0)
    if event == "exit_fill":
        return next(
            (str(row["exit_decision_id"] or row["decision_id"]) for row in trades if _fits(row, "exit", text)), ""
        )
    held, _ = await reader.list("positions", LOOKED_THROUGH, 0)
    return next((str(row["decision_id"]) for row in (*held, *trades) if _fits(row, "entry", text)), "")


def _fits(row: Row, side: str, text: str) -> bool:
    """0.0153 BTC at 64250.50 USD …: as the core words it."""
    base, _, quote = str(row["symbol"]).partition("/")
    price = row.get(f"{side}_price")
    amount = plain(Decimal(row["quantity"]))
    return price is not None and text.startswith(f"{amount} {base} at {Decimal(price):.2f} {quote}")
