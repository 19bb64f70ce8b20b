"""What must be true after a kill, read from outside: the exchange's truth and request log against the trader's books.

Pure: it is given what was said and answers with what is wrong. It shares no code with the trader.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

Row = Mapping[str, Any]
STEP = Decimal("0.00001")
LONGEST_BARE_SECONDS = 30.0
LIVE = ("NEW", "PARTIALLY_FILLED")
ORDER_ACTIONS = {"PlaceOrder", "CancelOrder", "ReplaceStop"}
ORDER_CALLS = {("POST", "/api/v3/order"), ("DELETE", "/api/v3/order"), ("POST", "/api/v3/order/cancelReplace")}


@dataclass(frozen=True, kw_only=True)
class Books:
    """What the trader says over its API."""

    status: Row
    positions: Sequence[Row]
    orders: Sequence[Row]
    fills: Sequence[Row]


def position_of(order: Row) -> str:
    """`bt1-L<tag>-<trade>-<role><attempt>-<check>` → `<tag>-<trade>`."""
    _, ledger, trade, *_ = str(order["clientOrderId"]).split("-")
    return f"{ledger[1:]}-{trade}"


def role_of(order: Row) -> str:
    return {"E": "entry", "S": "stop", "C": "exit"}[str(order["clientOrderId"]).split("-")[3][0]]


def ours(truth: Row) -> list[Row]:
    return [order for order in truth["orders"] if not order["byOwner"]]


# ---------------------------------------------------------------- the exchange's truth by itself


def doubled(truth: Row) -> list[str]:
    """One id twice, two entries of one position, more sold than bought, two stops that stand side by side."""
    wrong = []
    placed = ours(truth)
    for id, count in Counter(order["clientOrderId"] for order in placed).items():
        if count > 1:
            wrong.append(f"{id} was taken {count} times")
    for id, mine in by_position(placed).items():
        if sum(role_of(order) == "entry" for order in mine) != 1:
            wrong.append(f"position {id} has not one entry")
        moved = [change for _, change in movements(mine, truth)]
        if sum(moved) < -STEP:
            wrong.append(f"position {id}: {-sum(moved)} more was sold than bought")
        stops = sorted(stood(order) for order in mine if role_of(order) == "stop")
        wrong += [f"position {id}: two stops at once" for one, two in pairwise(stops) if two[0] < one[1]]
    return wrong


def by_position(placed: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for order in placed:
        found[position_of(order)].append(order)
    return found


def stood(order: Row, until: int = 2**62) -> tuple[int, int]:
    """From when to when the order was on the book, in ms of the exchange."""
    return int(order["time"]), until if order["status"] in LIVE else int(order["updateTime"])


def movements(mine: Sequence[Row], truth: Row) -> list[tuple[int, Decimal]]:
    """(when, bitcoin in or out) of these orders' trades; fees in bitcoin are taken off."""
    numbers = {order["orderId"] for order in mine}
    moved = []
    for trade in truth["trades"]:
        if trade["orderId"] in numbers:
            fee = Decimal(trade["commission"]) if trade["commissionAsset"] == "BTC" else Decimal(0)
            quantity = Decimal(trade["qty"])
            moved.append((int(trade["time"]), (quantity if trade["isBuyer"] else -quantity) - fee))
    return sorted(moved)


def bare_times(truth: Row, now: int, blind: Sequence[tuple[int, int]] = ()) -> dict[str, float]:
    """The longest time in seconds that each position held a sellable quantity with no stop on the book.

    `blind` are times in which no trader was there to do anything: they are not counted.
    """
    found = {}
    for id, mine in by_position(ours(truth)).items():
        stops = [stood(order, now) for order in mine if role_of(order) == "stop"]
        spans = [bare for span in held(movements(mine, truth), now) for bare in uncovered(*span, stops)]
        awake = [sum(end - start for start, end in uncovered(*bare, blind)) for bare in spans]
        found[id] = max(awake, default=0) / 1000
    return found


def held(moved: Sequence[tuple[int, Decimal]], now: int) -> list[tuple[int, int]]:
    """When at least one step was held."""
    total, since, spans = Decimal(0), None, []
    for at, change in moved:
        total += change
        if total >= STEP and since is None:
            since = at
        elif total < STEP and since is not None:
            spans.append((since, at))
            since = None
    return [*spans, *([(since, now)] if since is not None else [])]


def uncovered(start: int, end: int, covers: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts of a span that no cover lies over."""
    found, at = [], start
    for begin, stop in sorted(covers):
        if begin > at and at < end:
            found.append((at, min(begin, end)))
        at = max(at, stop)
    return [*found, *([(at, end)] if at < end else [])]


# ---------------------------------------------------------------- against the trader's books


def disagreements(truth: Row, books: Books) -> list[str]:
    """Open orders, trades, cash, bitcoin and stops: what the two parties see differently."""
    wrong = _orders_and_trades(truth, books) + _money(truth, books)
    standing = [order for order in ours(truth) if order["status"] in LIVE]
    guarded = {position["id"]: position for position in books.positions}
    for order in standing:
        if role_of(order) != "stop" or position_of(order) not in guarded:
            wrong.append(f"orphan {order['clientOrderId']} ({role_of(order)})")
    for id, position in guarded.items():
        stops = [order for order in standing if position_of(order) == id]
        if [Decimal(order["origQty"]) for order in stops] != [Decimal(position["quantity"])]:
            wrong.append(f"position {id} of {position['quantity']} has stops {[each['origQty'] for each in stops]}")
    if books.status["reason"] is not None:
        wrong.append(f"{books.status['state']} because of {books.status['reason']}")
    return wrong


def _orders_and_trades(truth: Row, books: Books) -> list[str]:
    wrong = []
    there = {order["clientOrderId"] for order in ours(truth) if order["status"] in LIVE}
    here = {order["client_order_id"] for order in books.orders if order["status"] in ("OPEN", "PARTIAL")}
    if there != here:
        wrong.append(f"open orders: only there {sorted(there - here)}, only here {sorted(here - there)}")
    numbers = {order["orderId"] for order in ours(truth)}
    done = {
        (str(trade["id"]), Decimal(trade["qty"]), Decimal(trade["price"]))
        for trade in truth["trades"]
        if trade["orderId"] in numbers
    }
    booked = [(fill["exchange_trade_id"], Decimal(fill["quantity"]), Decimal(fill["price"])) for fill in books.fills]
    if len(booked) != len(set(booked)):
        wrong.append("a trade was booked twice")
    if done != set(booked):
        wrong.append(f"trades: only there {sorted(done - set(booked))}, only here {sorted(set(booked) - done)}")
    return wrong


def _money(truth: Row, books: Books) -> list[str]:
    wrong = []
    cash = sum(map(Decimal, truth["balances"]["USD"]))
    if cash != Decimal(books.status["cash"]):
        wrong.append(f"cash: {cash} there, {books.status['cash']} here")
    coins = sum(map(Decimal, truth["balances"]["BTC"]))
    booked = sum(
        (Decimal(fill["quantity"]) if fill["side"] == "BUY" else -Decimal(fill["quantity"]))
        - (Decimal(fill["fee"]) if fill["fee_asset"] == "BTC" else 0)
        for fill in books.fills
    )
    if coins != booked:
        wrong.append(f"bitcoin: {coins} there, {booked} here")
    return wrong


# ---------------------------------------------------------------- before RECONCILED


def too_early(requests: Sequence[Row], since_ms: int) -> list[str]:
    """Orders that a process sent before it had read open orders and balances; `since_ms` is when it was started."""
    opened = known = False
    for asked in requests:
        if asked["ms"] < since_ms:
            continue
        opened = opened or (asked["path"] == "/api/v3/openOrders" and asked["status"] == 200)
        known = known or (opened and asked["path"] == "/api/v3/account" and asked["status"] == 200)
        if (asked["method"], asked["path"]) in ORDER_CALLS and not known:
            return [f"{asked['method']} {asked['path']} before the account was read"]
    return []


def acted_blindly(journal: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """Of the journal's messages and their actions, by kind: an order asked for between a start and its first truth."""
    blind = False
    for kind, actions in journal:
        blind = kind == "Started" or (blind and kind != "AccountSeen")
        if blind and (asked := ORDER_ACTIONS.intersection(actions)):
            return [f"{kind} led to {sorted(asked)} before the truth was known"]
    return []
