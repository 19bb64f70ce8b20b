"""The exchange's payloads → OrderReport and Fill. Numbers come from its strings; impossible ones are a DataError.

Pure. A report that says an order has ended is only made with every fill that belongs to it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app.core.errors import DataError
from app.core.model import Fill, OrderReport, OrderStatus, OrderType, Side
from app.core.money import ZERO, decimal, positive
from app.core.orders import RESTING, is_ours
from services.binance_us.believing import Incomplete
from services.binance_us.instrument import Listing

Row = dict[str, Any]
LARGEST = Decimal(10) ** 15
STOP_TYPES = (OrderType.STOP_LOSS.value, OrderType.STOP_LOSS_LIMIT.value)

STATUSES = {
    "NEW": OrderStatus.OPEN,
    "PENDING_NEW": OrderStatus.OPEN,
    "PARTIALLY_FILLED": OrderStatus.PARTIAL,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "PENDING_CANCEL": OrderStatus.CANCELLING,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
    # It has an order id, so it was taken and ended later: for us an order that expired.
    "REJECTED": OrderStatus.EXPIRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one payload says of an order, before its fills are looked at."""

    client_order_id: str
    exchange_order_id: str
    status: OrderStatus
    executed: Decimal
    ordered: Decimal
    at: datetime
    side: Side
    reason: str = ""
    price: Decimal | None = None
    stop_price: Decimal | None = None


def row_of(body: Any, what: str) -> Row:
    """`body` as the object that it must be."""
    if not isinstance(body, dict):
        raise DataError(f"{what}: not what the exchange answers there")
    return body


def rows_of(body: Any, what: str) -> list[Row]:
    """`body` as the list of objects that it must be."""
    if not isinstance(body, list) or not all(isinstance(row, dict) for row in body):
        raise DataError(f"{what}: not what the exchange answers there")
    return body


def moment(value: Any, what: str) -> datetime:
    """Milliseconds since 1970 → aware UTC."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 10**14:
        raise DataError(f"{what}: {value!r} is no time")
    return datetime.fromtimestamp(value // 1000, UTC).replace(microsecond=value % 1000 * 1000)


def identity(value: Any, what: str) -> str:
    """An order or trade number of the exchange, as text."""
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise DataError(f"{what}: {value!r} is no number of the exchange")
    return text


def amount(value: Any, what: str) -> Decimal:
    """A quantity or a fee: finite, not negative, of this world."""
    number = decimal(value, what)
    if not ZERO <= number < LARGEST:
        raise DataError(f"{what}: {value!r} is impossible")
    return number


# ---------------------------------------------------------------- orders

CANCEL_MARK = "-x"  # a cancel has an id of its own, and the exchange may name the order by it afterwards


def cancel_id(client_order_id: str) -> str:
    """The id under which we cancel an order of ours: it leads back to the order."""
    return client_order_id + CANCEL_MARK


def owner(row: Row) -> str | None:
    """Our order that a row is about, or None where it is not ours."""
    for name in ("clientOrderId", "origClientOrderId"):
        id = row.get(name)
        if isinstance(id, str) and is_ours(id.removesuffix(CANCEL_MARK)):
            return id.removesuffix(CANCEL_MARK)
    return None


def told(row: Row, client_order_id: str, listing: Listing, answered_at: datetime | None = None) -> Told:
    """An order of GET order, openOrders, allOrders, or the answer to placing or cancelling it.

    `answered_at` counts where the row names no time: the answer to a cancel has none by the exchange's documents.
    Raises DataError where it is about another order, or says something impossible.
    """
    if not is_named(row, client_order_id):
        raise DataError(f"an answer about {client_order_id} names another order")
    if row.get("symbol") != listing.market_id:
        raise DataError(f"order {client_order_id}: symbol {row.get('symbol')!r} is not {listing.market_id}")
    status = status_of(row, client_order_id)
    return Told(
        client_order_id=client_order_id,
        exchange_order_id=identity(row.get("orderId"), f"order {client_order_id}: orderId"),
        status=status,
        executed=_executed_of(row, status, client_order_id),
        ordered=amount(row.get("origQty", "0"), f"order {client_order_id}: origQty"),
        at=_newest(row, client_order_id, answered_at),
        side=side_of(row.get("side"), client_order_id),
        reason=reason_of(row),
        price=price_of(row.get("price"), client_order_id),
        stop_price=price_of(row.get("stopPrice"), client_order_id),
    )


def is_named(row: Row, client_order_id: str) -> bool:
    """Whether a row says that it is about this order."""
    named = (row.get("clientOrderId"), row.get("origClientOrderId"))
    return client_order_id in named or cancel_id(client_order_id) in named


def price_of(value: Any, client_order_id: str) -> Decimal | None:
    """None where there is none: the exchange says 0 then, or nothing."""
    return amount(value, f"order {client_order_id}: price") or None if value is not None else None


def _executed_of(row: Row, status: OrderStatus, client_order_id: str) -> Decimal:
    """How much was filled. Only the short answer to a stop may leave it out."""
    if "status" not in row and "executedQty" not in row:
        return ZERO
    return _agreeing(row.get("executedQty"), row.get("origQty"), status, client_order_id)


def _agreeing(executed: Any, ordered: Any, status: OrderStatus, client_order_id: str) -> Decimal:
    """The executed quantity, where it agrees with what was ordered and with the status."""
    done = amount(executed, f"order {client_order_id}: executed quantity")
    whole = amount(ordered, f"order {client_order_id}: ordered quantity")
    if done > whole or (status is OrderStatus.FILLED and done != whole):
        raise DataError(f"order {client_order_id}: {status.value} with {done} of {whole} executed")
    return done


def status_of(row: Row, client_order_id: str) -> OrderStatus:
    """The status that a payload names. A short answer to a stop has none: the stop was taken, so it is open."""
    name = row.get("status")
    if name is None and row.get("type") in STOP_TYPES:
        return OrderStatus.OPEN
    status = STATUSES.get(str(name))
    if status is None:
        raise DataError(f"order {client_order_id}: status {name!r} is unknown")
    return status


def reason_of(row: Row) -> str:
    """Why it ended, as far as the exchange says."""
    name = str(row.get("status", ""))
    why = row.get("expiryReason") or row.get("eR")
    texts = [name.lower()] if name in ("REJECTED", "EXPIRED_IN_MATCH") else []
    if isinstance(why, str):
        texts.append(why[:60].lower())
    return ": ".join(texts)


def side_of(value: Any, client_order_id: str) -> Side:
    try:
        return Side(value)
    except ValueError as error:
        raise DataError(f"order {client_order_id}: side {value!r} is unknown") from error


def _newest(row: Row, client_order_id: str, answered_at: datetime | None) -> datetime:
    times = [row[name] for name in ("transactTime", "updateTime", "time") if name in row]
    if not times and answered_at is not None:
        return answered_at
    return moment(max(times, default=None, key=lambda value: value if isinstance(value, int) else 0), client_order_id)


def report(order: Told, fills: Sequence[Fill]) -> OrderReport:
    """The whole report. Incomplete where fills are missing and the order has ended, or is said to hold them.

    A resting order may be reported with the fills known so far, or with newer ones than its row knew of.
    """
    known = once(fills)
    sum_ = sum((fill.quantity for fill in known), ZERO)
    if sum_ > order.ordered or (sum_ != order.executed and order.status not in RESTING):
        raise Incomplete(f"order {order.client_order_id}: fills of {sum_}, and {order.executed} executed")
    return OrderReport(
        client_order_id=order.client_order_id,
        exchange_order_id=order.exchange_order_id,
        status=order.status,
        at=order.at,
        fills=known,
        reason=order.reason,
        quantity=order.ordered or None,
        price=order.price,
        stop_price=order.stop_price,
    )


def once(fills: Iterable[Fill]) -> tuple[Fill, ...]:
    """Each fill once, oldest first."""
    return tuple(sorted({fill.id: fill for fill in fills}.values(), key=lambda fill: (len(fill.id), fill.id)))


# ---------------------------------------------------------------- fills


def fills_in(row: Row, order: Told, listing: Listing) -> tuple[Fill, ...]:
    """The fills that an answer of the FULL kind carries; none where it does not number each: they are in the list."""
    what = f"order {order.client_order_id}: fill"
    listed = _listed_fills(row, what)
    if any(each.get("tradeId") is None for each in listed):
        return ()
    return tuple(
        _fill(
            each,
            order.client_order_id,
            order.side,
            listing,
            id=identity(each.get("tradeId"), f"{what} tradeId"),
            at=order.at,
        )
        for each in listed
    )


def tells_fees(row: Row) -> bool:
    """Whether the fills in an answer of the FULL kind name what their fees were taken in."""
    return all(each.get("commissionAsset") is not None for each in _listed_fills(row, "fills"))


def _listed_fills(row: Row, what: str) -> list[Row]:
    return rows_of(row.get("fills") if row.get("fills") is not None else [], what)


def fill_of_trade(row: Row, client_order_id: str, listing: Listing) -> Fill:
    """One row of myTrades."""
    what = f"trade of {client_order_id}"
    if row.get("symbol") != listing.market_id:
        raise DataError(f"{what}: symbol {row.get('symbol')!r} is not {listing.market_id}")
    buyer = row.get("isBuyer")
    if not isinstance(buyer, bool):
        raise DataError(f"{what}: isBuyer {buyer!r}")
    return _fill(
        row,
        client_order_id,
        Side.BUY if buyer else Side.SELL,
        listing,
        id=identity(row.get("id"), f"{what}: id"),
        at=moment(row.get("time"), f"{what}: time"),
    )


def _fill(row: Row, client_order_id: str, side: Side, listing: Listing, *, id: str, at: datetime) -> Fill:
    what = f"fill {id} of {client_order_id}"
    fee, asset = fee_of(row.get("commission"), row.get("commissionAsset"), side, listing, what)
    return Fill(
        id=id,
        client_order_id=client_order_id,
        side=side,
        price=_possible(row.get("price"), f"{what}: price"),
        quantity=_possible(row.get("qty"), f"{what}: qty"),
        fee=fee,
        fee_asset=asset,
        at=at,
    )


def _possible(value: Any, what: str) -> Decimal:
    number = positive(value, what)
    if number >= LARGEST:
        raise DataError(f"{what}: {value!r} is impossible")
    return number


def fee_of(fee: Any, asset: Any, side: Side, listing: Listing, what: str) -> tuple[Decimal, str]:
    """The fee and what it was taken in. Where the exchange does not say, it takes it off what is received."""
    number = amount(fee if fee is not None else "0", f"{what}: commission")
    if isinstance(asset, str) and asset.isascii() and asset.isalnum() and len(asset) <= 20:
        return number, asset
    if asset is not None:
        raise DataError(f"{what}: commissionAsset {asset!r}")
    instrument = listing.instrument
    return number, instrument.base if side is Side.BUY and number else instrument.quote


# ---------------------------------------------------------------- the user's stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One executionReport: what it says of the order, and the one fill it may carry."""

    order: Told
    fill: Fill | None


def execution(event: Row, listing: Listing) -> Execution:
    """One executionReport. A cancel carries an id of its own; then the order's is in `C`."""
    original = event.get("C")
    id = original if isinstance(original, str) and original not in ("", "null") else event.get("c")
    if not isinstance(id, str) or event.get("s") != listing.market_id:
        raise DataError("an execution report of another symbol, or without an order id")
    row = {"status": event.get("X"), "type": event.get("o"), "eR": event.get("eR")}
    status = status_of(row, id)
    order = Told(
        client_order_id=id,
        exchange_order_id=identity(event.get("i"), f"order {id}: i"),
        status=status,
        executed=_agreeing(event.get("z"), event.get("q"), status, id),
        ordered=amount(event.get("q"), f"order {id}: q"),
        at=moment(event.get("T"), f"order {id}: T"),
        side=side_of(event.get("S"), id),
        reason=reason_of(row),
        price=price_of(event.get("p"), id),
        stop_price=price_of(event.get("P"), id),
    )
    return Execution(order=order, fill=_executed(event, order, listing) if event.get("x") == "TRADE" else None)


def _executed(event: Row, order: Told, listing: Listing) -> Fill:
    row = {
        "price": event.get("L"),
        "qty": event.get("l"),
        "commission": event.get("n"),
        "commissionAsset": event.get("N"),
    }
    trade = identity(event.get("t"), f"order {order.client_order_id}: t")
    return _fill(row, order.client_order_id, order.side, listing, id=trade, at=order.at)


def worth(fill: Fill, fee_quote: Decimal) -> Fill:
    """`fill` with what its fee is worth in quote currency."""
    return replace(fill, fee_quote=fee_quote)
