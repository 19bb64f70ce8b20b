"""Our own checks of an order, and the request it becomes. Nothing that fails here is ever sent.

The exchange would refuse most of it too; but a negative quantity, a price off the grid or another symbol must not
depend on that.
"""

import re
from decimal import Decimal

from app.core.errors import ExchangeRefused
from app.core.messages import PlaceOrder
from app.core.model import OrderType, Role, Side
from app.core.money import ZERO, plain
from app.core.orders import is_ours
from services.binance_us.instrument import Listing

CLIENT_ID = re.compile(r"[a-zA-Z0-9_-]{1,36}")
NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
# What each role may be: side and types.
ROLES = {
    Role.ENTRY: (Side.BUY, (OrderType.LIMIT, OrderType.MARKET)),
    Role.STOP: (Side.SELL, (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)),
    Role.EXIT: (Side.SELL, (OrderType.MARKET, OrderType.LIMIT)),
}
WITH_PRICE = (OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT)
WITH_STOP_PRICE = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)


def request_for(order: PlaceOrder, listing: Listing) -> dict[str, str]:
    """The parameters of POST order. ExchangeRefused names the first thing that is wrong."""
    wrong = problem(order, listing)
    if wrong:
        raise ExchangeRefused(f"order {order.client_order_id} was not sent: {wrong}", code="unsent")
    request = {
        "symbol": listing.market_id,
        "side": order.side.value,
        "type": order.type.value,
        "quantity": number(order.quantity),
        "newClientOrderId": order.client_order_id,
        "newOrderRespType": "FULL",
    }
    if order.price is not None:
        request["price"] = number(order.price)
        request["timeInForce"] = "IOC" if order.type is OrderType.LIMIT else "GTC"
    if order.stop_price is not None:
        request["stopPrice"] = number(order.stop_price)
    return request


def problem(order: PlaceOrder, listing: Listing) -> str:
    """What is wrong with `order`, or nothing."""
    return _wrong_kind(order, listing) or _wrong_numbers(order, listing) or _too_small(order, listing)


def number(value: Decimal) -> str:
    """Plain digits: never an exponent, a sign or a comma."""
    text = plain(value)
    if not NUMBER.fullmatch(text):
        raise ExchangeRefused(f"{value} cannot be written as a plain number; nothing was sent", code="unsent")
    return text


def check_id(client_order_id: str) -> str:
    """The id itself; only ids that this program made may be sent."""
    if not CLIENT_ID.fullmatch(client_order_id) or not is_ours(client_order_id):
        raise ExchangeRefused("this is no order id of ours; nothing was sent", code="unsent")
    return client_order_id


def _wrong_kind(order: PlaceOrder, listing: Listing) -> str:
    instrument = listing.instrument
    side, types = ROLES[order.role]
    if order.symbol != instrument.symbol:
        return f"symbol {order.symbol!a} is not {instrument.symbol}"
    if not CLIENT_ID.fullmatch(order.client_order_id) or not is_ours(order.client_order_id):
        return "its id is none of ours"
    if order.side is not side or order.type not in types:
        return f"no {order.role.value} is a {order.side.value} {order.type.value}"
    if order.type not in instrument.order_types:
        return f"the exchange lists no {order.type.value} orders for {instrument.symbol}"
    if (order.price is not None) is not (order.type in WITH_PRICE):
        return f"a {order.type.value} order with price {order.price}"
    if (order.stop_price is not None) is not (order.type in WITH_STOP_PRICE):
        return f"a {order.type.value} order with stop price {order.stop_price}"
    return ""


def _wrong_numbers(order: PlaceOrder, listing: Listing) -> str:
    instrument = listing.instrument
    for name, value in (("quantity", order.quantity), ("price", order.price), ("stop price", order.stop_price)):
        if value is not None and (not value.is_finite() or value <= ZERO):
            return f"{name} {value} is not a positive number"
    if order.quantity != instrument.quantity_down(order.quantity):
        return f"quantity {order.quantity} is not on the step {instrument.quantity_step}, or below the minimum"
    largest = listing.max_market_quantity if order.type is OrderType.MARKET else listing.max_quantity
    if largest is not None and order.quantity > largest:
        return f"quantity {order.quantity} is above the exchange's {largest}"
    for name, price in (("price", order.price), ("stop price", order.stop_price)):
        if price is None:
            continue
        if price != instrument.price_down(price):
            return f"{name} {price} is not on the tick {instrument.price_tick}"
        if listing.min_price is not None and price < listing.min_price:
            return f"{name} {price} is below the exchange's {listing.min_price}"
        if listing.max_price is not None and price > listing.max_price:
            return f"{name} {price} is above the exchange's {listing.max_price}"
    if order.price is not None and order.stop_price is not None and order.price > order.stop_price:
        return f"its limit {order.price} is above its stop price {order.stop_price}, so it might never fill"
    return ""


def _too_small(order: PlaceOrder, listing: Listing) -> str:
    price = order.price if order.price is not None else order.stop_price
    least = listing.instrument.min_notional
    if price is not None and order.quantity * price < least:
        return f"{order.quantity} at {price} is worth less than the exchange's minimum of {least}"
    return ""
