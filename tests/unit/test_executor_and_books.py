"""What the executor owes the books whatever the world does: an answer as an event, and nothing kept back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from app.core.messages import (
    ConfirmPrice,
    OrderNotSent,
    OrderReported,
    OrderSending,
    PlaceOrder,
    PriceSeen,
    SealKillSwitch,
    UnsealKillSwitch,
)
from app.core.model import OrderReport, OrderStatus, OrderType, Role, Side
from app.executor import Executor
from app.seam import Tasks
from tests.builders import NOON, d
from tests.fakes import ExecutorsDesk, MemorySeal

SALE = PlaceOrder(
    client_order_id="bt1-Ptest-0000001-C03-c0",
    position_id="test-0000001",
    symbol="BTC/USD",
    role=Role.EXIT,
    side=Side.SELL,
    type=OrderType.MARKET,
    quantity=d(1),
)


class Exchange:
    """Fills everything, in a future that is not ours; says its price when it is let."""

    def __init__(self) -> None:
        self.placed: list[str] = []
        self.asked = 0
        self.let = asyncio.Event()

    async def place(self, order: PlaceOrder) -> OrderReport:
        self.placed.append(order.client_order_id)
        later = NOON + timedelta(days=400)
        return OrderReport(
            client_order_id=order.client_order_id, exchange_order_id="1", status=OrderStatus.FILLED, at=later
        )

    async def ask_price(self, symbol: str) -> PriceSeen:
        self.asked += 1
        await self.let.wait()
        return PriceSeen(at=NOON, bid=d(1), ask=d(1), source="asked")


class FullDisk(MemorySeal):
    def seal(self, reason: str, at: object) -> None:
        raise OSError("no space left on device")

    def unseal(self) -> None:
        raise OSError("no space left on device")


class Room:
    def __init__(self, seal: MemorySeal) -> None:
        self.desk, self.exchange, self.tasks = ExecutorsDesk(), Exchange(), Tasks()
        self.executor = Executor(self.desk, self.exchange, seal, self.tasks)  # type: ignore[arg-type]

    async def rest(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    made = Room(FullDisk())
    yield made
    await made.tasks.stop()


async def test_a_seal_that_cannot_be_written_keeps_nothing_from_being_sold(room: Room) -> None:
    room.executor.perform([SealKillSwitch(reason="half is lost"), UnsealKillSwitch(), SALE])
    await room.rest()
    assert room.exchange.placed == [SALE.client_order_id]


async def test_a_report_of_the_future_is_heard_as_of_now(room: Room) -> None:
    room.executor.perform([SALE])
    await room.rest()
    assert [type(event) for event in room.desk.posted] == [OrderSending, OrderReported]
    assert room.desk.posted[-1].at == NOON


async def test_an_order_that_was_taken_back_is_told_not_to_have_left(room: Room) -> None:
    room.desk.sendable = False
    room.executor.perform([SALE])
    await room.rest()
    assert room.exchange.placed == []
    assert [type(event) for event in room.desk.posted] == [OrderSending, OrderNotSent]


async def test_one_question_for_the_price_is_enough(room: Room) -> None:
    for _ in range(5):
        room.executor.perform([ConfirmPrice(symbol="BTC/USD")])
        await room.rest()
    assert room.exchange.asked == 1
    room.exchange.let.set()
    await room.rest()
    room.executor.perform([ConfirmPrice(symbol="BTC/USD")])
    await room.rest()
    assert room.exchange.asked == 2
