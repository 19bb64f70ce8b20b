"""Payloads → reports. Real ones are read; impossible ones are refused; an end is only told with every fill."""

from dataclasses import replace
from typing import Any

import pytest

from app.core.errors import DataError
from app.core.model import Fill, OrderStatus, OrderType, Side
from services.binance_us.believing import Incomplete
from services.binance_us.instrument import Listing
from services.binance_us.reports import (
    execution,
    fill_of_trade,
    fills_in,
    moment,
    report,
    told,
)
from tests.builders import d
from tests.unit.binance_us_cases import ENTRY, LISTING, STOP, a_row, a_trade, real


def reported(row: dict[str, Any], *trades: dict[str, Any], order: Any = ENTRY) -> Any:
    known = told(row, order.client_order_id, LISTING)
    fills = fills_in(row, known, LISTING)
    return report(known, fills or tuple(fill_of_trade(each, order.client_order_id, LISTING) for each in trades))


def test_a_real_full_answer() -> None:
    row = real("nautilus_spot_http/new_order_full_response.json")
    known = told(row, row["clientOrderId"], LISTING)
    whole = report(known, fills_in(row, known, LISTING))
    assert (whole.status, whole.exchange_order_id) == (OrderStatus.FILLED, "28")
    assert [fill.id for fill in whole.fills] == ["56", "57", "58", "59", "60"]
    assert sum(fill.quantity for fill in whole.fills) == 10
    assert whole.fills[0] == Fill(
        id="56",
        client_order_id=row["clientOrderId"],
        side=Side.SELL,
        price=d("4000.00000000"),
        quantity=d("1.00000000"),
        fee=d("4.00000000"),
        fee_asset="USDT",
        at=moment(1507725176595, "x"),
    )


def test_a_real_fill_of_binance_us_over_the_stream() -> None:
    event = real("nautilus_ws_messages/ws_spot_execution_report_binance_us.json")["data"]
    listing = replace(
        LISTING, market_id="BTCUSD", instrument=replace(LISTING.instrument, symbol="BTC/USD", quote="USD")
    )
    told_ = execution(event, listing)
    assert (told_.order.status, told_.order.executed) == (OrderStatus.FILLED, d("0.00042"))
    assert told_.fill is not None
    assert (told_.fill.id, told_.fill.fee, told_.fill.fee_asset) == ("88685053", d("0.00492621"), "USD")


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("execution_report_new", OrderStatus.OPEN),
        ("execution_report_canceled", OrderStatus.CANCELED),
        ("execution_report_expired", OrderStatus.EXPIRED),
        ("execution_report_trade", OrderStatus.FILLED),
        ("execution_report_stop_loss", OrderStatus.OPEN),
    ],
)
def test_real_events_of_the_stream(name: str, status: OrderStatus) -> None:
    listing = replace(LISTING, market_id="ETHUSDT")
    told_ = execution(real(f"nautilus_spot_user_data/{name}.json"), listing)
    assert told_.order.status is status
    assert (told_.fill is not None) is name.endswith("_trade")


def test_a_real_answer_about_an_order_and_to_a_cancel() -> None:
    listing = replace(LISTING, market_id="LTCBTC")
    assert told(real("nautilus_spot_http/order_response.json"), "myOrder1", listing).status is OrderStatus.OPEN
    cancelled = told(real("nautilus_spot_http/cancel_order_response.json"), "myOrder1", listing)
    assert (cancelled.status, cancelled.exchange_order_id) == (OrderStatus.CANCELED, "4")


def test_a_cancel_of_ours_is_told_by_the_id_of_the_order() -> None:
    event: dict[str, Any] = {
        "e": "executionReport",
        "s": "BTCUSDT",
        "c": "cancel-id",
        "C": ENTRY.client_order_id,
        "S": "SELL",
    }
    event |= {"o": "LIMIT", "q": "1", "x": "CANCELED", "X": "CANCELED", "i": 5, "z": "0", "T": 1_700_000_000_000}
    assert execution(event, LISTING).order.client_order_id == ENTRY.client_order_id


def test_an_answer_to_a_cancel_may_name_no_time() -> None:
    """Nor does it by the documents of Binance.US; then it is the time of the answer."""
    row = a_row(STOP, status="CANCELED", executedQty="0", clientOrderId="x", origClientOrderId=STOP.client_order_id)
    del row["transactTime"]
    answered_at = moment(1_700_000_000_777, "time")
    assert told(row, STOP.client_order_id, LISTING, answered_at).at == answered_at
    with pytest.raises(DataError):
        told({**row, "transactTime": None}, STOP.client_order_id, LISTING, answered_at)
    with pytest.raises(DataError):
        told(row, STOP.client_order_id, LISTING)


def test_the_short_answer_to_a_stop_means_that_it_stands() -> None:
    row = {
        name: value
        for name, value in a_row(STOP).items()
        if name in ("symbol", "orderId", "clientOrderId", "transactTime", "type", "side")
    }
    assert reported(row, order=STOP).status is OrderStatus.OPEN
    with pytest.raises(DataError):  # of any other order it says nothing
        reported({**row, "type": "LIMIT"}, order=STOP)


# ---------------------------------------------------------------- whole, or not at all


def test_an_end_is_only_told_with_every_fill() -> None:
    row = a_row()
    assert reported(row, a_trade(1, "0.0004"), a_trade(2, "0.0006")).status is OrderStatus.FILLED
    with pytest.raises(Incomplete):
        reported(row, a_trade(1, "0.0004"))
    with pytest.raises(Incomplete):
        reported({**row, "status": "CANCELED", "executedQty": "0.0004"})
    assert reported({**row, "status": "EXPIRED", "executedQty": "0"}).fills == ()


def test_the_same_fill_twice_counts_once() -> None:
    whole = reported(a_row(), a_trade(1, "0.001"), a_trade(1, "0.001"))
    assert len(whole.fills) == 1


def test_a_resting_order_may_have_fills_that_its_row_does_not_know_yet() -> None:
    row = a_row(STOP, status="PARTIALLY_FILLED", executedQty="0.0001")
    known = told(row, STOP.client_order_id, LISTING)
    fills = tuple(
        fill_of_trade(each, STOP.client_order_id, LISTING) for each in (a_trade(1, "0.0001"), a_trade(2, "0.0002"))
    )
    assert report(known, fills).status is OrderStatus.PARTIAL
    too_much = fill_of_trade(a_trade(3, "1"), STOP.client_order_id, LISTING)
    with pytest.raises(Incomplete):
        report(known, (*fills, too_much))


def test_an_order_that_the_engine_rejected_later_has_ended() -> None:
    whole = reported(a_row(status="REJECTED", executedQty="0", expiryReason="WHY"))
    assert (whole.status, whole.reason) == (OrderStatus.EXPIRED, "rejected: why")
    assert reported(a_row(status="EXPIRED_IN_MATCH", executedQty="0")).status is OrderStatus.EXPIRED


# ---------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    "changes",
    [
        {"clientOrderId": "another"},
        {"symbol": "ETHUSDT"},
        {"symbol": None},
        {"orderId": None},
        {"orderId": -1},
        {"orderId": True},
        {"orderId": "7a"},
        {"status": "CANCEL_ONLY"},
        {"status": None, "type": "LIMIT"},
        {"executedQty": "-1"},
        {"executedQty": "NaN"},
        {"executedQty": "Infinity"},
        {"executedQty": ""},
        {"executedQty": None},
        {"executedQty": "1,5"},
        {"executedQty": "0.002"},
        {"executedQty": "0.0005"},  # FILLED, but half of it
        {"origQty": "1e30"},
        {"origQty": None},
        {"side": "HOLD"},
        {"transactTime": "yesterday"},
        {"transactTime": -5},
    ],
)
def test_an_answer_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        reported({**a_row(), **changes}, a_trade(1, "0.001"))


@pytest.mark.parametrize(
    "changes",
    [
        {"price": "0"},
        {"price": "-1"},
        {"price": "NaN"},
        {"price": "1e20"},
        {"qty": "0"},
        {"qty": None},
        {"commission": "-0.1"},
        {"commission": "NaN"},
        {"commissionAsset": 7},
        {"commissionAsset": "a b"},
        {"id": None},
        {"isBuyer": "true"},
        {"time": 0},
        {"symbol": "ETHUSDT"},
    ],
)
def test_a_trade_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        fill_of_trade({**a_trade(1, "0.001"), **changes}, ENTRY.client_order_id, LISTING)


def test_a_fee_without_an_asset_was_taken_off_what_was_received() -> None:
    def asset(buyer: bool, fee: str) -> str:
        row = a_trade(1, "0.001", buyer=buyer, commission=fee, commissionAsset=None)
        return fill_of_trade(row, ENTRY.client_order_id, LISTING).fee_asset

    assert (asset(True, "0.001"), asset(False, "0.001"), asset(True, "0")) == ("BTC", "USDT", "USDT")


@pytest.mark.parametrize("value", [True, None, "1700000000000", 0, -1, 10**15, 1.5])
def test_times_that_cannot_be(value: Any) -> None:
    with pytest.raises(DataError):
        moment(value, "time")


def test_times_are_exact() -> None:
    assert moment(1_700_000_000_123, "time").isoformat() == "2023-11-14T22:13:20.123000+00:00"


def test_the_listing_of_these_tests_is_a_real_kind() -> None:
    assert isinstance(LISTING, Listing)
    assert OrderType.STOP_LOSS in LISTING.instrument.order_types
