"""What the executor asks for, and what it need not ask for twice."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

import pytest

from app.core.errors import ExchangeUnreachable
from app.core.messages import AccountSeen, Event, OrderNotFound, PlaceOrder, PriceSeen, ReadAccount
from app.core.model import OrderReport
from app.executor import Executor
from app.seam import Tasks
from tests.builders import NOON, d
from tests.fakes import ExecutorsDesk, MemorySeal


class SlowExchange:
    """Answers about the account when `answers` is set, and takes no orders."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.answers = asyncio.Event()

    def listen(self, post: Callable[[Event], None]) -> None:
        return

    async def place(self, order: PlaceOrder) -> OrderReport:
        raise ExchangeUnreachable("not here")

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport:
        raise ExchangeUnreachable("not here")

    async def replace(self, old_id: str, order: PlaceOrder) -> tuple[OrderReport, OrderReport | None]:
        raise ExchangeUnreachable("not here")

    async def find(
        self, symbol: str, client_order_id: str, sent_at: datetime, complete: bool
    ) -> OrderReport | OrderNotFound:
        raise ExchangeUnreachable("not here")

    async def account(self, symbol: str, doubtful: Sequence[str]) -> AccountSeen:
        self.asked.append(tuple(doubtful))
        await self.answers.wait()
        return AccountSeen(at=NOON, quote_total=d(1), base_total=d(0), base_free=d(0))

    async def ask_price(self, symbol: str) -> PriceSeen:
        raise ExchangeUnreachable("not here")


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    running = Tasks()
    yield running
    await running.stop()


async def test_the_account_is_not_asked_for_again_while_the_question_still_waits(tasks: Tasks) -> None:
    desk, exchange = ExecutorsDesk(), SlowExchange()
    executor = Executor(desk, exchange, MemorySeal(), tasks)

    def read(*doubtful: str, symbol: str = "BTC/USD", reason: str = "reconnect") -> None:
        executor.perform([ReadAccount(symbol=symbol, doubtful=doubtful, reason=reason)])

    read("a")
    while not exchange.asked:
        await asyncio.sleep(0)
    read("a")  # the one under way may have read before whatever made somebody ask
    read("a", "b")
    for _ in range(50):
        read("b", "a", reason="periodic")
        read()
    assert desk.under_way == 3
    exchange.answers.set()
    async with asyncio.timeout(5):
        while desk.under_way:
            await asyncio.sleep(0)
    assert exchange.asked == [("a",), ("a",), ("a", "b")]
    assert len(desk.posted) == 3
    read("a")
    async with asyncio.timeout(5):
        while desk.under_way:
            await asyncio.sleep(0)
    assert len(exchange.asked) == 4
