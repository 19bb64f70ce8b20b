"""The exchange's rules for our symbol: exchangeInfo → app.core.model.Instrument and what else must hold before sending.

Unknown fields and filters are passed over. A symbol that cannot be traded safely is a ConfigError with its cure.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.core.errors import ConfigError, DataError
from app.core.model import Instrument, OrderType
from app.core.money import ZERO, decimal

Row = dict[str, Any]
DEFAULT_TAKER_PCT = Decimal("0.1")  # where no account says otherwise
DEFAULT_ALGO_ORDERS = 5
ALTERNATIVE = "BTC/USDT"
BAD_SYMBOL = "-1121"
STOPS = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What the exchange lists for one symbol. None: it sets no such bound."""

    market_id: str
    status: str
    instrument: Instrument
    max_quantity: Decimal | None = None
    max_market_quantity: Decimal | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    cancel_replace: bool = False


def market_id(symbol: str) -> str:
    """BTC/USDT → BTCUSDT."""
    return symbol.replace("/", "")


def listing_of(info: Any, symbol: str, taker_fee_pct: Decimal = DEFAULT_TAKER_PCT) -> Listing:
    """The listing of `symbol` in an exchangeInfo answer. DataError where it is not there or cannot be read."""
    rows = info.get("symbols") if isinstance(info, dict) else None
    found = [row for row in rows or [] if isinstance(row, dict) and row.get("symbol") == market_id(symbol)]
    if not found:
        raise DataError(f"exchangeInfo: {symbol} is not in it")
    row = found[0]
    filters = _filters(row)
    price, lot, market_lot = (filters.get(name, {}) for name in ("PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE"))
    base, quote = str(row.get("baseAsset")), str(row.get("quoteAsset"))
    if f"{base}/{quote}" != symbol:
        raise DataError(f"exchangeInfo: {row.get('symbol')} is {base}/{quote}, not {symbol}")
    status = str(row.get("status"))
    listed = row.get("orderTypes")
    types = tuple(kind for kind in OrderType if isinstance(listed, list) and kind.value in listed)
    return Listing(
        market_id=market_id(symbol),
        status=status,
        instrument=Instrument(
            symbol=symbol,
            base=base,
            quote=quote,
            price_tick=_bound(price, "tickSize"),
            quantity_step=_bound(lot, "stepSize"),
            min_notional=max(_bound(filters.get(name, {}), "minNotional") or ZERO for name in NOTIONALS),
            min_quantity=_bound(lot, "minQty") or ZERO,
            max_algo_orders=_count(filters.get("MAX_NUM_ALGO_ORDERS", {}).get("maxNumAlgoOrders")),
            taker_fee_pct=taker_fee_pct,
            order_types=types,
            trading=status == "TRADING" and row.get("isSpotTradingAllowed", True) is True,
        ),
        max_quantity=_bound(lot, "maxQty"),
        max_market_quantity=_bound(market_lot, "maxQty"),
        min_price=_bound(price, "minPrice"),
        max_price=_bound(price, "maxPrice"),
        cancel_replace=row.get("cancelReplaceAllowed") is True,
    )


NOTIONALS = ("MIN_NOTIONAL", "NOTIONAL")


def require_tradable(listing: Listing) -> None:
    """Raise ConfigError unless the symbol trades and takes every kind of order that protection needs."""
    instrument = listing.instrument
    symbol = instrument.symbol
    if not instrument.trading:
        raise not_traded(symbol, f"its status there is {listing.status}")
    if instrument.price_tick is None or instrument.quantity_step is None:
        raise ConfigError(f"TRADER_SYMBOL is {symbol}: Binance.US tells no price tick or quantity step; choose another")
    missing = [kind.value for kind in (OrderType.LIMIT, OrderType.MARKET) if kind not in instrument.order_types]
    if not set(STOPS) & set(instrument.order_types):
        missing.append("STOP_LOSS or STOP_LOSS_LIMIT")
    if missing:
        raise ConfigError(f"TRADER_SYMBOL is {symbol}: Binance.US takes no {', no '.join(missing)} orders there")


def not_traded(symbol: str, why: str) -> ConfigError:
    """The one line for a symbol that cannot be traded now."""
    cure = f"set TRADER_SYMBOL={ALTERNATIVE}" if symbol != ALTERNATIVE else "set TRADER_SYMBOL=BTC/USD, or wait"
    return ConfigError(f"TRADER_SYMBOL is {symbol}, which Binance.US does not trade now ({why}); {cure}")


def taker_fee_pct(account: Any) -> Decimal:
    """What a taker pays by the account's own rates; the customary rate where they are missing. 0-100."""
    rates = account.get("commissionRates") if isinstance(account, dict) else None
    if not isinstance(rates, dict):
        return DEFAULT_TAKER_PCT
    try:
        taker, *sides = (
            decimal(rates.get(name, 0), f"commissionRates.{name}") for name in ("taker", "buyer", "seller")
        )
    except DataError:
        return DEFAULT_TAKER_PCT
    rate = taker + max(sides)
    return rate * 100 if ZERO <= rate < 1 else DEFAULT_TAKER_PCT


def _filters(row: Row) -> dict[str, Row]:
    rows = row.get("filters")
    return {
        str(each["filterType"]): each
        for each in (rows if isinstance(rows, list) else [])
        if isinstance(each, dict) and "filterType" in each
    }


def _bound(row: Row, name: str) -> Decimal | None:
    """A bound; None where it is absent or zero, which is how the exchange says "none"."""
    if name not in row:
        return None
    number = decimal(row[name], f"exchangeInfo {name}")
    if number < ZERO:
        raise DataError(f"exchangeInfo {name}: {number} is negative")
    return number or None


def _count(value: Any) -> int:
    """A whole number, given as a number or as text."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else DEFAULT_ALGO_ORDERS
