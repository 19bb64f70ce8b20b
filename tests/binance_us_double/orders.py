"""An order in the engine, and the four ways in which the exchange writes it down: the answer to a new order, the row
of a query, the answer to a cancellation, the execution report.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.binance_us_double.amounts import ZERO, text
from tests.binance_us_double.listing import LIMITS, STOPS
from tests.binance_us_double.replica import Stamp

OPEN = ("NEW", "PARTIALLY_FILLED")


@dataclass(frozen=True)
class Wish:
    """What somebody wants, after the parameters were read and before anything was checked against the market."""

    symbol: str
    side: str
    type: str
    client_id: str
    tif: str = "GTC"
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trailing_delta: int | None = None
    stp: str = ""


@dataclass(frozen=True)
class Fill:
    trade_id: int
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str | None
    maker: bool
    ms: int
    stamp: Stamp

    @property
    def worth(self) -> Decimal:
        return self.price * self.quantity


@dataclass
class Order:
    id: int
    wish: Wish
    quantity: Decimal
    made_ms: int
    stp: str
    by_owner: bool = False
    status: str = "NEW"
    changed_ms: int = 0
    working_ms: int = -1
    trailing_ms: int = -1
    trailing_best: Decimal = ZERO
    locked: Decimal = ZERO
    fills: list[Fill] = field(default_factory=list)
    reason: str = ""
    cancel_id: str = ""
    prevented: dict[str, Any] = field(default_factory=dict)
    archived: bool = False
    versions: list[tuple[Stamp, dict[str, Any]]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_stop(self) -> bool:
        return self.wish.type in STOPS

    @property
    def is_limit(self) -> bool:
        return self.wish.type in LIMITS

    @property
    def works(self) -> bool:
        return self.working_ms >= 0

    @property
    def price(self) -> Decimal:
        return self.wish.price or ZERO

    @property
    def executed(self) -> Decimal:
        return sum((each.quantity for each in self.fills), ZERO)

    @property
    def executed_quote(self) -> Decimal:
        return sum((each.worth for each in self.fills), ZERO)

    @property
    def left(self) -> Decimal:
        return self.quantity - self.executed

    # ---------------------------------------------------------------- how it is written

    def _amounts(self) -> dict[str, Any]:
        return {
            "price": text(self.price),
            "origQty": text(self.quantity),
            "executedQty": text(self.executed),
            "origQuoteOrderQty": text(self.wish.quote_quantity or ZERO),
            "cummulativeQuoteQty": text(self.executed_quote),
            "status": self.status,
            "timeInForce": self.wish.tif,
            "type": self.wish.type,
            "side": self.wish.side,
        }

    def _conditional(self) -> dict[str, Any]:
        more: dict[str, Any] = {}
        if self.is_stop:
            more["stopPrice"] = text(self.wish.stop_price or ZERO)
        if self.wish.trailing_delta is not None:
            more |= {"trailingDelta": self.wish.trailing_delta, "trailingTime": self.trailing_ms}
        if self.reason:
            more["expiryReason"] = self.reason
        return more | {
            name: self.prevented[name] for name in ("preventedMatchId", "preventedQuantity") if self.prevented
        }

    def answer(self, kind: str) -> dict[str, Any]:
        """What POST answers: ACK, RESULT or FULL."""
        body: dict[str, Any] = {
            "symbol": self.wish.symbol,
            "orderId": self.id,
            "orderListId": -1,
            "clientOrderId": self.wish.client_id,
            "transactTime": self.changed_ms,
        }
        if kind == "ACK":
            return body
        body |= self._amounts() | {"workingTime": self.working_ms, "selfTradePreventionMode": self.stp}
        body |= self._conditional()
        return body if kind == "RESULT" else body | {"fills": [_fill(each) for each in self.fills]}

    def row(self) -> dict[str, Any]:
        """What queries answer."""
        body = {"symbol": self.wish.symbol, "orderId": self.id, "orderListId": -1, "clientOrderId": self.wish.client_id}
        amounts = self._amounts()
        quote = {"origQuoteOrderQty": amounts.pop("origQuoteOrderQty")}
        body |= amounts | {"stopPrice": text(self.wish.stop_price or ZERO), "icebergQty": text(ZERO)}
        body |= {"time": self.made_ms, "updateTime": self.changed_ms, "isWorking": self.works or not self.is_stop}
        body |= {"workingTime": self.working_ms} | quote | {"selfTradePreventionMode": self.stp}
        return body | self._conditional()

    def canceled(self, *, without_time: bool) -> dict[str, Any]:
        """What DELETE answers, and cancelReplace of its first half."""
        body: dict[str, Any] = {
            "symbol": self.wish.symbol,
            "origClientOrderId": self.wish.client_id,
            "orderId": self.id,
            "orderListId": -1,
            "clientOrderId": self.cancel_id,
        }
        if not without_time:
            body["transactTime"] = self.changed_ms
        return body | self._amounts() | self._conditional() | {"selfTradePreventionMode": self.stp}

    def report(self, kind: str, at: int, fill: Fill | None = None) -> dict[str, Any]:
        """The execution report, letter by letter as the real one of Binance.US."""
        canceled = kind == "CANCELED"
        worth = fill.worth if fill else ZERO
        body: dict[str, Any] = {"e": "executionReport", "E": at, "s": self.wish.symbol}
        body["c"] = self.cancel_id if canceled else self.wish.client_id
        body |= {"S": self.wish.side, "o": self.wish.type, "f": self.wish.tif, "q": text(self.quantity)}
        body |= {"p": text(self.price), "P": text(self.wish.stop_price or ZERO)}
        if self.wish.trailing_delta is not None:
            body |= {"d": self.wish.trailing_delta}
        body |= {"F": text(ZERO), "g": -1, "C": self.wish.client_id if canceled else ""}
        body |= {"x": kind, "X": self.status, "r": "NONE", "i": self.id}
        body |= {"l": text(fill.quantity if fill else ZERO), "z": text(self.executed)}
        body |= {"L": text(fill.price if fill else ZERO)}
        body |= {"n": text(fill.fee) if fill else "0", "N": fill.fee_asset if fill else None}
        body |= {"T": self.changed_ms, "t": fill.trade_id if fill else -1, "I": 4_644_480_641 + self.id}
        body |= {"w": self.is_open and self.works, "m": bool(fill and fill.maker), "M": fill is not None}
        body |= {"O": self.made_ms, "Z": text(self.executed_quote), "Y": text(worth)}
        body["Q"] = text(self.wish.quote_quantity or ZERO)
        if self.trailing_ms >= 0:
            body["D"] = self.trailing_ms
        if self.works:
            body["W"] = self.working_ms
        body["V"] = self.stp
        if self.reason and not fill:
            body["eR"] = self.reason
        return body | {
            name: self.prevented[name] for name in ("v", "A", "B", "u", "U", "pl", "pL", "pY") if self.prevented
        }

    def trade(self, fill: Fill) -> dict[str, Any]:
        """The row of myTrades."""
        return {
            "symbol": self.wish.symbol,
            "id": fill.trade_id,
            "orderId": self.id,
            "orderListId": -1,
            "price": text(fill.price),
            "qty": text(fill.quantity),
            "quoteQty": text(fill.worth),
            "commission": text(fill.fee),
            "commissionAsset": fill.fee_asset,
            "time": fill.ms,
            "isBuyer": self.wish.side == "BUY",
            "isMaker": fill.maker,
            "isBestMatch": True,
        }


def _fill(fill: Fill) -> dict[str, Any]:
    return {
        "price": text(fill.price),
        "qty": text(fill.quantity),
        "commission": text(fill.fee),
        "commissionAsset": fill.fee_asset,
        "tradeId": fill.trade_id,
    }
