"""One engine per account: nothing leaves unless the account was seen to be ours a moment ago."""

import asyncio

import pytest

from app.core.errors import ExchangeBusy, StoreError
from app.core.messages import AccountSeen, OrderNotFound, PlaceOrder
from app.core.model import OrderReport, OrderStatus, OrderType, Role, Side
from app.seam import Clock, Tasks
from app.sole import SoleExchange, TakenOver
from tests.builders import NOON, d

ORDER = PlaceOrder(
    client_order_id="bt1-Ltest-0000001-E01-00",
    position_id="test-0000001",
    symbol="BTC/USD",
    role=Role.ENTRY,
    side=Side.BUY,
    type=OrderType.LIMIT,
    quantity=d("0.01"),
    price=d("50000"),
)


class Exchange:
    """Counts what reaches it."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.read: list[str] = []

    def listen(self, post: object) -> None:
        self.listener = post

    def _report(self, id: str) -> OrderReport:
        return OrderReport(client_order_id=id, exchange_order_id="1", status=OrderStatus.OPEN, at=NOON)

    async def place(self, order: PlaceOrder) -> OrderReport:
        self.sent.append("place")
        return self._report(order.client_order_id)

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport:
        self.sent.append("cancel")
        return self._report(client_order_id)

    async def replace(self, old_id: str, order: PlaceOrder) -> tuple[OrderReport, OrderReport | None]:
        self.sent.append("replace")
        return self._report(old_id), None

    async def find(self, symbol: str, client_order_id: str, sent_at: object, complete: bool) -> OrderNotFound:
        self.read.append("find")
        return OrderNotFound(at=NOON, client_order_id=client_order_id, complete=complete)

    async def account(self, symbol: str, doubtful: object) -> AccountSeen:
        self.read.append("account")
        return AccountSeen(at=NOON, quote_total=d(1), base_total=d(0), base_free=d(0))


class Hold:
    def __init__(self) -> None:
        self.answer: bool | Exception = True
        self.looked = 0

    def held(self) -> bool:
        self.looked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Hands(Clock):
    seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


class Bench:
    def __init__(self) -> None:
        self.exchange, self.hold, self.clock = Exchange(), Hold(), Hands()
        self.crashed: list[BaseException] = []
        self.tasks = Tasks(lambda _, error: self.crashed.append(error))
        self.sole = SoleExchange(self.exchange, clock=self.clock, tasks=self.tasks)  # type: ignore[arg-type]
        self.sole.take(self.hold)

    async def everything(self) -> list[type[BaseException] | None]:
        """Each way of sending something, and what came of it."""
        found: list[type[BaseException] | None] = []
        for work in (
            self.sole.place(ORDER),
            self.sole.cancel("BTC/USD", "x"),
            self.sole.replace("x", ORDER),
        ):
            try:
                await work
                found.append(None)
            except (ExchangeBusy, TakenOver) as error:
                found.append(type(error))
        return found


async def test_a_look_counts_for_two_seconds() -> None:
    bench = Bench()
    assert await bench.everything() == [None, None, None]
    assert bench.hold.looked == 1
    bench.clock.seconds += 1.9
    await bench.sole.place(ORDER)
    assert bench.hold.looked == 1
    bench.clock.seconds += 0.2
    await bench.sole.place(ORDER)
    assert bench.hold.looked == 2
    assert bench.exchange.sent == ["place", "cancel", "replace", "place", "place"]


async def test_nothing_leaves_once_somebody_else_has_the_account() -> None:
    bench = Bench()
    await bench.sole.place(ORDER)
    bench.hold.answer = False
    bench.clock.seconds += 2
    assert await bench.everything() == [TakenOver, TakenOver, TakenOver]
    assert bench.exchange.sent == ["place"]
    await bench.sole.find("BTC/USD", "x", NOON, False)
    await bench.sole.account("BTC/USD", ())
    assert bench.exchange.read == ["find", "account"]


async def test_what_cannot_be_found_out_is_not_sent_and_may_be_tried_again() -> None:
    bench = Bench()
    bench.hold.answer = StoreError("the connection is gone")
    assert await bench.everything() == [ExchangeBusy, ExchangeBusy, ExchangeBusy]
    assert bench.exchange.sent == []
    bench.hold.answer = True
    await bench.sole.place(ORDER)
    assert bench.exchange.sent == ["place"]


async def test_an_account_that_was_never_taken_is_not_traded() -> None:
    bench = Bench()
    sole = SoleExchange(bench.exchange, clock=bench.clock, tasks=bench.tasks)  # type: ignore[arg-type]
    with pytest.raises(TakenOver):
        await sole.place(ORDER)
    assert bench.exchange.sent == []


async def test_the_watch_ends_the_process_when_the_account_is_taken_over() -> None:
    bench = Bench()
    bench.tasks.start(bench.sole.watch(), "hold of the account")
    while bench.hold.looked < 3:
        await asyncio.sleep(0)
    bench.hold.answer = StoreError("away for a moment")
    seen = bench.hold.looked
    while bench.hold.looked < seen + 2:
        await asyncio.sleep(0)
    assert bench.crashed == []
    bench.hold.answer = False
    async with asyncio.timeout(5):
        while not bench.crashed:
            await asyncio.sleep(0)
    assert isinstance(bench.crashed[0], TakenOver)


async def test_whoever_listens_listens_to_the_exchange_itself() -> None:
    bench = Bench()
    bench.sole.listen(print)
    assert bench.exchange.listener is print
