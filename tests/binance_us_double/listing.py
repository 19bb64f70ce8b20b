"""One traded pair: what exchangeInfo says of it, and the filters that an order has to pass. Values are those of the
real BTCUSDT listing on Binance.US; a script may change any of them while the exchange runs.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.binance_us_double.amounts import ZERO, fits, text
from tests.binance_us_double.refusals import CLOSED, Refused, filter_failure

LIMITS = ("LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
WITHOUT_STOP_MARKET = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
ALL_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
NAMES = {
    "MARKET": "Market",
    "LIMIT_MAKER": "Limit maker",
    "STOP_LOSS": "Stop loss",
    "STOP_LOSS_LIMIT": "Stop loss limit",
    "TAKE_PROFIT": "Take profit",
    "TAKE_PROFIT_LIMIT": "Take profit limit",
}


@dataclass
class Listing:
    base: str
    quote: str
    status: str = "TRADING"
    order_types: tuple[str, ...] = WITHOUT_STOP_MARKET
    min_price: Decimal = Decimal("0.01")
    max_price: Decimal = Decimal(1_000_000)
    tick: Decimal = Decimal("0.01")
    min_quantity: Decimal = Decimal("0.00001")
    max_quantity: Decimal = Decimal(9_000)
    step: Decimal = Decimal("0.00001")
    max_market_quantity: Decimal = Decimal("24.60517579")
    min_notional: Decimal = Decimal(1)
    notional_filter: str = "MIN_NOTIONAL"  # newer listings say NOTIONAL
    percent_up: Decimal = Decimal(5)
    percent_down: Decimal = Decimal("0.2")
    max_orders: int = 200
    max_algo_orders: int = 5
    min_trailing: int = 10
    max_trailing: int = 2000
    cancel_replace: bool = True
    quote_order_quantity: bool = True
    trailing: bool = True
    stp: str = "EXPIRE_MAKER"
    stp_modes: tuple[str, ...] = ("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")
    more: dict[str, Any] = field(default_factory=dict)  # what a future exchange may say besides
    more_filters: list[dict[str, Any]] = field(
        default_factory=lambda: [{"filterType": "FILTER_OF_TOMORROW", "someLimit": "1"}]
    )

    @property
    def symbol(self) -> str:
        return self.base + self.quote

    def filters(self) -> list[dict[str, Any]]:
        notional: dict[str, Any] = {"filterType": "MIN_NOTIONAL", "minNotional": text(self.min_notional)}
        notional |= {"applyToMarket": True, "avgPriceMins": 5}
        if self.notional_filter == "NOTIONAL":
            notional = {"filterType": "NOTIONAL", "minNotional": text(self.min_notional), "applyMinToMarket": True}
            notional |= {"maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5}
        return [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": text(self.min_price),
                "maxPrice": text(self.max_price),
                "tickSize": text(self.tick),
            },
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": f"{self.percent_up:f}",
                "multiplierDown": f"{self.percent_down:f}",
                "avgPriceMins": 5,
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": text(self.min_quantity),
                "maxQty": text(self.max_quantity),
                "stepSize": text(self.step),
            },
            notional,
            {"filterType": "ICEBERG_PARTS", "limit": 10},
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": text(ZERO),
                "maxQty": text(self.max_market_quantity),
                "stepSize": text(ZERO),
            },
            {
                "filterType": "TRAILING_DELTA",
                "minTrailingAboveDelta": self.min_trailing,
                "maxTrailingAboveDelta": self.max_trailing,
                "minTrailingBelowDelta": self.min_trailing,
                "maxTrailingBelowDelta": self.max_trailing,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": self.max_orders},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": self.max_algo_orders},
            *self.more_filters,
        ]

    def told(self) -> dict[str, Any]:
        """The pair's entry in exchangeInfo, in the form of autumn 2026: permissions empty, sets instead."""
        precise = ["baseAssetPrecision", "quotePrecision", "quoteAssetPrecision"]
        precise += ["baseCommissionPrecision", "quoteCommissionPrecision"]
        body: dict[str, Any] = {"symbol": self.symbol, "status": self.status, "baseAsset": self.base}
        body |= {precise[0]: 8, "quoteAsset": self.quote} | dict.fromkeys(precise[1:], 8)
        return body | {
            "orderTypes": list(self.order_types),
            "icebergAllowed": True,
            "ocoAllowed": True,
            "otoAllowed": True,
            "opoAllowed": False,
            "quoteOrderQtyMarketAllowed": self.quote_order_quantity,
            "allowTrailingStop": self.trailing,
            "cancelReplaceAllowed": self.cancel_replace,
            "amendAllowed": False,
            "pegInstructionsAllowed": False,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": self.filters(),
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": self.stp,
            "allowedSelfTradePreventionModes": list(self.stp_modes),
            **self.more,
        }

    # ---------------------------------------------------------------- what an order has to pass

    def check_open(self) -> None:
        if self.status != "TRADING":
            raise Refused(-1013, CLOSED)

    def check_type(self, type: str) -> None:
        if type not in ALL_TYPES:
            raise Refused(-1116, "Invalid orderType.")
        if type not in self.order_types:
            raise Refused(-1013, f"{NAMES[type]} orders are not supported for this symbol.")

    def check_price(self, price: Decimal) -> None:
        if price <= 0:
            raise Refused(-1013, "Invalid price.")
        if price < self.min_price or price > self.max_price or not fits(price, self.min_price, self.tick):
            raise filter_failure("PRICE_FILTER")

    def check_percent(self, price: Decimal, average: Decimal) -> None:
        if average and not average * self.percent_down <= price <= average * self.percent_up:
            raise filter_failure("PERCENT_PRICE")

    def check_quantity(self, quantity: Decimal, *, market: bool) -> None:
        if quantity <= 0:
            raise Refused(-1013, "Invalid quantity.")
        if not self.min_quantity <= quantity <= self.max_quantity or not fits(quantity, self.min_quantity, self.step):
            raise filter_failure("LOT_SIZE")
        if market and quantity > self.max_market_quantity:
            raise filter_failure("MARKET_LOT_SIZE")

    def check_notional(self, worth: Decimal) -> None:
        if worth < self.min_notional:
            raise filter_failure(self.notional_filter)

    def check_trailing(self, delta: int) -> None:
        if not self.trailing:
            raise Refused(-2010, "Trailing stop orders are not supported for this symbol.")
        if not self.min_trailing <= delta <= self.max_trailing:
            raise filter_failure("TRAILING_DELTA")

    def check_room(self, orders: int, algos: int, *, algo: bool) -> None:
        if orders >= self.max_orders:
            raise filter_failure("MAX_NUM_ORDERS")
        if algo and algos >= self.max_algo_orders:
            raise filter_failure("MAX_NUM_ALGO_ORDERS")
