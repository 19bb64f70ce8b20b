"""The exchange's rules for our symbol, from a real listing and from strange ones."""

import copy
from typing import Any

import pytest

from app.core.errors import ConfigError, DataError
from app.core.model import OrderType
from services.binance_us.instrument import listing_of, not_traded, require_tradable, taker_fee_pct
from tests.builders import d
from tests.unit.binance_us_cases import real


@pytest.fixture
def listed() -> dict[str, Any]:
    """The real listing of BTC/USDT, as exchangeInfo tells it."""
    row = real("ccxt_static/markets_binanceus_BTCUSDT.json")["BTC/USDT"]["info"]
    return {"symbols": [copy.deepcopy(row)]}


def test_a_real_listing(listed: dict[str, Any]) -> None:
    listing = listing_of(listed, "BTC/USDT", d("0.15"))
    instrument = listing.instrument
    assert (instrument.base, instrument.quote, instrument.trading) == ("BTC", "USDT", True)
    assert (instrument.price_tick, instrument.quantity_step) == (d("0.01"), d("0.00001"))
    assert (instrument.min_notional, instrument.min_quantity) == (1, d("0.00001"))
    assert (instrument.max_algo_orders, instrument.taker_fee_pct) == (5, d("0.15"))
    assert instrument.order_types == (OrderType.LIMIT, OrderType.MARKET, OrderType.STOP_LOSS_LIMIT)
    assert instrument.stop_type is OrderType.STOP_LOSS_LIMIT
    assert listing.max_market_quantity == d("24.60517579")
    assert listing.cancel_replace
    require_tradable(listing)


def test_a_real_stop_is_used_where_it_is_listed(listed: dict[str, Any]) -> None:
    listed["symbols"][0]["orderTypes"].append("STOP_LOSS")
    assert listing_of(listed, "BTC/USDT").instrument.stop_type is OrderType.STOP_LOSS


def test_unknown_fields_and_filters_are_passed_over(listed: dict[str, Any]) -> None:
    row = listed["symbols"][0]
    row["filters"] += [{"filterType": "MAX_ASSET", "x": {}}, {"strange": 1}, "text", None]
    row["permissionSets"], row["permissions"], row["otoAllowed"] = [["SPOT"]], [], True
    row["orderTypes"] += ["PEGGED", 7]
    assert listing_of(listed, "BTC/USDT").instrument.trading


def test_the_newer_name_of_the_smallest_worth(listed: dict[str, Any]) -> None:
    for each in listed["symbols"][0]["filters"]:
        if each["filterType"] == "MIN_NOTIONAL":
            each |= {"filterType": "NOTIONAL", "minNotional": "10.0"}
    assert listing_of(listed, "BTC/USDT").instrument.min_notional == 10


def test_zero_means_no_bound(listed: dict[str, Any]) -> None:
    for each in listed["symbols"][0]["filters"]:
        if each["filterType"] == "MARKET_LOT_SIZE":
            each["maxQty"] = "0.00000000"
    assert listing_of(listed, "BTC/USDT").max_market_quantity is None


@pytest.mark.parametrize("status", ["BREAK", "HALT", "CANCEL_ONLY", "POST_TRADING", "END_OF_DAY"])
def test_a_symbol_that_does_not_trade_names_the_other_one(listed: dict[str, Any], status: str) -> None:
    row = listed["symbols"][0]
    row |= {"symbol": "BTCUSD", "quoteAsset": "USD", "status": status}
    listing = listing_of(listed, "BTC/USD")
    assert not listing.instrument.trading
    with pytest.raises(ConfigError, match=rf"TRADER_SYMBOL is BTC/USD.*{status}.*set TRADER_SYMBOL=BTC/USDT$"):
        require_tradable(listing)
    assert "TRADER_SYMBOL=BTC/USD," in str(not_traded("BTC/USDT", "why"))


@pytest.mark.parametrize(
    ("types", "missing"),
    [
        (["LIMIT", "MARKET"], "STOP_LOSS or STOP_LOSS_LIMIT"),
        (["LIMIT", "STOP_LOSS"], "MARKET"),
        (["MARKET", "STOP_LOSS"], "LIMIT"),
        ("LIMIT", "MARKET"),
    ],
)
def test_without_the_orders_that_protection_needs_nothing_starts(
    listed: dict[str, Any], types: Any, missing: str
) -> None:
    listed["symbols"][0]["orderTypes"] = types
    with pytest.raises(ConfigError, match=missing):
        require_tradable(listing_of(listed, "BTC/USDT"))


def test_without_a_grid_nothing_starts(listed: dict[str, Any]) -> None:
    listed["symbols"][0]["filters"] = []
    with pytest.raises(ConfigError, match="no price tick"):
        require_tradable(listing_of(listed, "BTC/USDT"))


@pytest.mark.parametrize(
    "info", [None, {}, {"symbols": None}, {"symbols": ["x"]}, {"symbols": [{"symbol": "ETHUSDT"}]}]
)
def test_an_answer_without_our_symbol_is_not_read(info: Any) -> None:
    with pytest.raises(DataError):
        listing_of(info, "BTC/USDT")


@pytest.mark.parametrize("value", ["-0.01", "NaN", "", None, "abc"])
def test_an_impossible_filter_is_not_read(listed: dict[str, Any], value: Any) -> None:
    listed["symbols"][0]["filters"][0]["tickSize"] = value
    with pytest.raises(DataError):
        listing_of(listed, "BTC/USDT")


def test_the_accounts_own_fee() -> None:
    assert taker_fee_pct(real("nautilus_spot_http/account_response.json")) == d("0.15")
    rates = {"maker": "0", "taker": "0.0001", "buyer": "0.0002", "seller": "0"}
    assert taker_fee_pct({"commissionRates": rates}) == d("0.03")
    for body in (None, {}, {"commissionRates": {"taker": "x"}}, {"commissionRates": {"taker": "7"}}):
        assert taker_fee_pct(body) == d("0.1")
