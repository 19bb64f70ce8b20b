"""Orders over REST: which parameters go with which type, and in what words the exchange complains when they do not."""

from typing import TYPE_CHECKING, Any

from tests.binance_us_double.asking import Params
from tests.binance_us_double.orders import Order, Wish
from tests.binance_us_double.refusals import Refused, not_required
from tests.binance_us_double.routes import SIGNED, TRADE, one_of, route, symbol_of

if TYPE_CHECKING:
    from tests.binance_us_double.core import Core

PLACING = (
    "symbol side type timeInForce quantity quoteOrderQty price newClientOrderId strategyId strategyType stopPrice "
    "trailingDelta icebergQty newOrderRespType selfTradePreventionMode"
)
REPLACING = PLACING + (
    " cancelReplaceMode cancelNewClientOrderId cancelOrigClientOrderId cancelOrderId cancelRestrictions"
    " orderRateLimitExceededMode"
)
# What each type must have, and what it may not have.
WITH_LIMIT = ("timeInForce", "quantity", "price")
MUST = {
    "LIMIT": WITH_LIMIT,
    "LIMIT_MAKER": ("quantity", "price"),
    "MARKET": (),
    "STOP_LOSS": ("quantity",),
    "TAKE_PROFIT": ("quantity",),
    "STOP_LOSS_LIMIT": WITH_LIMIT,
    "TAKE_PROFIT_LIMIT": WITH_LIMIT,
}
NEVER = {
    "LIMIT": ("stopPrice", "trailingDelta", "quoteOrderQty"),
    "LIMIT_MAKER": ("timeInForce", "stopPrice", "trailingDelta", "quoteOrderQty"),
    "MARKET": ("timeInForce", "price", "stopPrice", "trailingDelta"),
    "STOP_LOSS": ("timeInForce", "price", "quoteOrderQty"),
    "TAKE_PROFIT": ("timeInForce", "price", "quoteOrderQty"),
    "STOP_LOSS_LIMIT": ("quoteOrderQty",),
    "TAKE_PROFIT_LIMIT": ("quoteOrderQty",),
}
DAY_MS = 86_400_000


def wish_of(core: "Core", params: Params) -> Wish:
    symbol, side, type = symbol_of(core, params), params.text("side"), params.text("type")
    if side not in ("BUY", "SELL"):
        raise Refused(-1117, "Invalid side.")
    if type not in MUST:
        raise Refused(-1116, "Invalid orderType.")
    for name in MUST[type]:
        params.text(name)
    for name in NEVER[type]:
        if name in params.values:
            raise not_required(name)
    if type == "MARKET":
        one_of(params, "quantity", "quoteOrderQty")
        if "quantity" in params.values and "quoteOrderQty" in params.values:
            raise Refused(-1128, "Combination of optional parameters invalid.")
    if type.startswith(("STOP_LOSS", "TAKE_PROFIT")):
        one_of(params, "stopPrice", "trailingDelta")
    tif = params.maybe("timeInForce") or "GTC"
    if tif not in ("GTC", "IOC", "FOK"):
        raise Refused(-1115, "Invalid timeInForce.")
    if params.maybe("icebergQty") is not None:
        raise Refused(-2010, "Iceberg orders are not supported for this symbol.")
    return Wish(
        symbol=symbol,
        side=side,
        type=type,
        client_id=params.client_id("newClientOrderId") or core.engine.new_id(),
        tif=tif,
        quantity=params.decimal("quantity"),
        quote_quantity=params.decimal("quoteOrderQty"),
        price=params.decimal("price"),
        stop_price=params.decimal("stopPrice"),
        trailing_delta=params.whole("trailingDelta"),
        stp=params.maybe("selfTradePreventionMode") or "",
    )


def _kind(params: Params, type: str) -> str:
    kind = params.maybe("newOrderRespType") or ("FULL" if type in ("MARKET", "LIMIT") else "ACK")
    if kind not in ("ACK", "RESULT", "FULL"):
        raise Refused(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
    return kind


@route("POST /api/v3/order", PLACING, security=TRADE)
def place(core: "Core", params: Params) -> Any:
    wish = wish_of(core, params)
    kind = _kind(params, wish.type)
    core.weights.charge_order()
    return core.engine.place(wish).answer(kind)


@route("POST /api/v3/order/test", PLACING + " computeCommissionRates", security=TRADE)
def place_test(core: "Core", params: Params) -> Any:
    core.engine.check(wish_of(core, params))
    return {}


@route("GET /api/v3/order", "symbol orderId origClientOrderId", security=SIGNED, weight=4)
def query(core: "Core", params: Params) -> Any:
    one_of(params, "origClientOrderId", "orderId")
    order = _named(core, params, "orderId", "origClientOrderId")
    row = core.lag.orders.newest(order.versions) if order is not None else None
    if order is None or row is None:
        raise Refused(-2013)
    if order.archived:
        raise Refused(-2026)
    return _renamed(core, order, row)


def _named(core: "Core", params: Params, by_id: str, by_name: str) -> Order | None:
    symbol = symbol_of(core, params)
    return core.engine.find(symbol, params.whole(by_id), params.client_id(by_name))


def _renamed(core: "Core", order: Order, row: dict[str, Any]) -> dict[str, Any]:
    if core.engine.cancel_renames and row["status"] == "CANCELED":
        return row | {"clientOrderId": order.cancel_id}
    return row


@route("DELETE /api/v3/order", "symbol orderId origClientOrderId newClientOrderId cancelRestrictions", security=TRADE)
def cancel(core: "Core", params: Params) -> Any:
    if not (params.maybe("orderId") or params.maybe("origClientOrderId")):
        raise Refused(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    order = _named(core, params, "orderId", "origClientOrderId")
    return _canceled(core, core.engine.cancel(order, params.client_id("newClientOrderId") or "", _restriction(params)))


def _canceled(core: "Core", order: Order) -> dict[str, Any]:
    return order.canceled(without_time=core.engine.cancel_without_time)


def _restriction(params: Params) -> str | None:
    wanted = params.maybe("cancelRestrictions")
    if wanted not in (None, "ONLY_NEW", "ONLY_PARTIALLY_FILLED"):
        raise Refused(-1145, "Invalid cancelRestrictions")
    return wanted


@route("POST /api/v3/order/cancelReplace", REPLACING, security=TRADE)
def cancel_replace(core: "Core", params: Params) -> Any:
    mode = params.text("cancelReplaceMode")
    if mode not in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
        raise Refused(-1130, "Data sent for parameter 'cancelReplaceMode' is not valid.")
    one_of(params, "cancelOrigClientOrderId", "cancelOrderId")
    wish = wish_of(core, params)
    kind = _kind(params, wish.type)
    core.weights.charge_order()
    canceled, new = core.engine.replace(
        _named(core, params, "cancelOrderId", "cancelOrigClientOrderId"),
        wish,
        must_cancel=mode == "STOP_ON_FAILURE",
        cancel_id=params.client_id("cancelNewClientOrderId") or "",
        restriction=_restriction(params),
    )
    body = {
        "cancelResult": "SUCCESS" if isinstance(canceled, Order) else "FAILURE",
        "newOrderResult": "NOT_ATTEMPTED" if new is None else "SUCCESS" if isinstance(new, Order) else "FAILURE",
        "cancelResponse": _canceled(core, canceled) if isinstance(canceled, Order) else canceled.body(),
        "newOrderResponse": new.answer(kind) if isinstance(new, Order) else new.body() if new else None,
    }
    if isinstance(canceled, Order) and isinstance(new, Order):
        return body
    if isinstance(canceled, Order) or isinstance(new, Order):
        raise Refused(-2021, "Order cancel-replace partially failed.", status=409, data=body)
    raise Refused(-2022, "Order cancel-replace failed.", status=400, data=body)


@route(
    "GET /api/v3/openOrders", "symbol", security=SIGNED, weight=lambda params: 6 if params.values.get("symbol") else 80
)
def open_orders(core: "Core", params: Params) -> Any:
    wanted = symbol_of(core, params) if params.maybe("symbol") else None
    seen = [core.lag.orders.newest(order.versions) for order in core.engine.orders]
    return [
        row for row in seen if row and row["status"] in ("NEW", "PARTIALLY_FILLED") and wanted in (None, row["symbol"])
    ]


@route("DELETE /api/v3/openOrders", "symbol", security=TRADE)
def cancel_all(core: "Core", params: Params) -> Any:
    orders = core.engine.open_orders(symbol_of(core, params))
    if not orders:
        raise Refused(-2011)
    cancel_id = core.engine.new_id()
    return [_canceled(core, core.engine.cancel(order, cancel_id)) for order in orders]


@route("GET /api/v3/allOrders", "symbol orderId startTime endTime limit", security=SIGNED, weight=20)
def all_orders(core: "Core", params: Params) -> Any:
    symbol, limit = symbol_of(core, params), params.limit(500, 1000)
    first, start, end = params.whole("orderId"), params.whole("startTime"), params.whole("endTime")
    check_span(start, end)
    found = [
        _renamed(core, order, row)
        for order in core.engine.orders
        if order.wish.symbol == symbol
        and not order.archived
        and (row := core.lag.orders.newest(order.versions)) is not None
        and (first is None or order.id >= first)
        and (start is None or order.made_ms >= start)
        and (end is None or order.made_ms <= end)
    ]
    return found[-limit:] if first is None and start is None else found[:limit]


def check_span(start: int | None, end: int | None) -> None:
    if start is not None and end is not None:
        if end < start:
            raise Refused(-1127, "Lookup interval is too big.")
        if end - start > DAY_MS:
            raise Refused(-1127, "More than 24 hours between startTime and endTime.")


@route("GET /api/v3/myTrades", "symbol orderId startTime endTime fromId limit", security=SIGNED, weight=20)
def my_trades(core: "Core", params: Params) -> Any:
    symbol, limit = symbol_of(core, params), params.limit(500, 1000)
    order_id, first = params.whole("orderId"), params.whole("fromId")
    start, end = params.whole("startTime"), params.whole("endTime")
    if (first is not None or order_id is not None) and (start is not None or end is not None):
        raise Refused(-1128, "Combination of optional parameters invalid.")
    check_span(start, end)
    found = sorted(
        (
            (fill.trade_id, order, fill)
            for order in core.engine.orders
            if order.wish.symbol == symbol and order_id in (None, order.id)
            for fill in order.fills
            if core.lag.trades.sees(fill.stamp)
            and (first is None or fill.trade_id >= first)
            and (start is None or fill.ms >= start)
            and (end is None or fill.ms <= end)
        ),
        key=lambda each: each[0],
    )
    chosen = found[-limit:] if first is None and start is None else found[:limit]
    return [order.trade(fill) for _, order, fill in chosen]
