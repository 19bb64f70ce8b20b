"""What each risk rule asks of an entry, and how far the entry was from its limit, in words for people.

The core words a rule as the reason why it refuses; said of a rule that was passed, that would be what was not so.
"""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from app.ports import Row
from components import format as words


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _dollars(text: str) -> str:
    number = _number(text)
    return words.money(number) if number is not None else text


def _share(text: str) -> str:
    number = _number(text)
    return words.pct(number, 2 if number < 100 else 0) if number is not None else text


def _plain(text: str) -> str:
    return text.replace("> ", "more than ")


# name: (what is asked, how its figures are said, how a figure is written)
RULES: dict[str, tuple[str, str, Callable[[str], str]]] = {
    "trading": ("Trading is open", "", _plain),
    "orders_in_doubt": ("No order without a certain answer", "", _plain),
    "entry_in_flight": ("No other entry on its way", "", _plain),
    "open_positions": ("Room for one more position", "{value} open before, at most {limit}", _plain),
    "new_candle": ("The first entry of this candle", "", _plain),
    "cooldown": ("Rested since the last exit", "candles since then: {value}; needed: {limit}", _plain),
    "entries_today": ("Not too many entries today", "{value} before, at most {limit}", _plain),
    "candles": ("No candle missing in what was shown", "", _plain),
    "market": ("The exchange trades it", "", _plain),
    "price": ("A possible price", "{value}", _dollars),
    "spread": ("Bid and ask lie close together", "{value} apart, at most {limit}", _share),
    "basis": ("The price is near its reference", "{value} off, at most {limit}", _share),
    "equity": ("Equity and price are known", "", _plain),
    "quantity": ("At least the smallest quantity", "{value}", _plain),
    "size": ("Within its share of equity", "{value}, at most {limit}", _dollars),
    "balance": ("Enough cash", "{value} free, {limit} needed", _dollars),
    "min_notional": ("Large enough for the exchange", "{value}, at least {limit}", _dollars),
    "exposure": ("All positions together", "{value} of equity, at most {limit}", _share),
    "depth": ("Enough on offer near the price", "{value} of the entry, at least {limit}", _share),
}


def rule_words(check: Row) -> tuple[str, str]:
    """(the rule, how it was kept or why it was not). A rule of another version keeps the words it was recorded with."""
    value, limit = str(check["value"]), str(check["limit"])
    if check["name"] not in RULES:
        return str(check["text"]), f"{value} (limit {limit})" if limit else value
    title, figures, said = RULES[check["name"]]
    if not check["passed"]:
        return title, str(check["text"])
    return title, figures.format(value=said(value), limit=said(limit))
