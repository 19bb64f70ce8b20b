"""What the tests of the Binance.US adapter share: real payloads, a listing, and orders with ids of ours."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.core.messages import PlaceOrder
from app.core.model import Instrument, OrderType, Role, Side
from app.core.orders import client_order_id
from services.binance_us.instrument import Listing
from tests.builders import d

FIXTURES = Path(__file__).resolve().parents[3] / "shared/data/fixtures"

LISTING = Listing(
    market_id="BTCUSDT",
    status="TRADING",
    instrument=Instrument(
        symbol="BTC/USDT",
        base="BTC",
        quote="USDT",
        price_tick=d("0.01"),
        quantity_step=d("0.00001"),
        min_notional=d(10),
        min_quantity=d("0.00001"),
    ),
    max_quantity=d(9000),
    max_market_quantity=d("24.6"),
    min_price=d("0.01"),
    max_price=d(1_000_000),
    cancel_replace=True,
)


def real(name: str) -> Any:
    """A real payload, parsed as the adapter parses it."""
    path = FIXTURES / name
    if not path.exists():
        pytest.skip(f"{name} is not there: the shared payloads are not part of the project")
    return json.loads(path.read_text(), parse_float=Decimal)


def id_of(role: Role = Role.ENTRY, attempt: int = 1, trade: int = 1) -> str:
    return client_order_id(live=True, tag="test", trade=trade, role=role, attempt=attempt)


ENTRY = PlaceOrder(
    client_order_id=id_of(),
    position_id="test-0000001",
    symbol="BTC/USDT",
    role=Role.ENTRY,
    side=Side.BUY,
    type=OrderType.LIMIT,
    quantity=d("0.001"),
    price=d("50000.01"),
)
STOP = replace(
    ENTRY,
    client_order_id=id_of(Role.STOP),
    role=Role.STOP,
    side=Side.SELL,
    type=OrderType.STOP_LOSS_LIMIT,
    price=d("46550"),
    stop_price=d("47500"),
)
EXIT = replace(
    ENTRY, client_order_id=id_of(Role.EXIT), role=Role.EXIT, side=Side.SELL, type=OrderType.MARKET, price=None
)


def a_row(order: PlaceOrder = ENTRY, **values: Any) -> dict[str, Any]:
    """What the exchange says of `order`: filled at once unless `values` say otherwise."""
    return {
        "symbol": "BTCUSDT",
        "orderId": 77,
        "clientOrderId": order.client_order_id,
        "transactTime": 1_700_000_000_123,
        "price": str(order.price or "0.00000000"),
        "origQty": str(order.quantity),
        "executedQty": str(order.quantity),
        "status": "FILLED",
        "type": order.type.value,
        "side": order.side.value,
        **values,
    }


def a_trade(id: int, quantity: str, *, order: int = 77, buyer: bool = True, **values: Any) -> dict[str, Any]:
    """A row of myTrades."""
    return {
        "symbol": "BTCUSDT",
        "id": id,
        "orderId": order,
        "price": "50000.00",
        "qty": quantity,
        "commission": "0.00000100",
        "commissionAsset": "BTC",
        "time": 1_700_000_000_200,
        "isBuyer": buyer,
        **values,
    }
