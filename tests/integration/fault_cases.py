"""What the tests of faults share: calls by name, which of our orders a fault strikes, answers that prove nothing."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from app import codec
from app.core.messages import ClosePosition, OrderSending
from app.core.model import Fill, Position
from services.binance_us.user_stream import POLLING
from tests.binance_us_double import Order as Listed
from tests.fakes import MemoryJournal
from tests.live_trader import LiveTrader

PLACE, CANCEL, FIND = "POST /api/v3/order", "DELETE /api/v3/order", "GET /api/v3/order"
REPLACE = "POST /api/v3/order/cancelReplace"

# What a fault can be put on with `where`.
ENTRY, EXIT = {"side": "BUY"}, {"type": "MARKET"}
STOP, STOP_LIMIT = {"type": "STOP_LOSS"}, {"type": "STOP_LOSS_LIMIT"}
KINDS_OF_STOP = [True, False]  # what `stop_loss_orders` is set to: STOP_LOSS listed or not


def stop_of(stop_loss_orders: bool) -> dict[str, str]:
    return STOP if stop_loss_orders else STOP_LIMIT


# Answers that leave open whether the order was taken; each with the options of the fault.
DOUBTS: list[tuple[str, dict[str, Any]]] = [
    ("lost", {}),
    ("silent", {}),
    ("html", {"status": 200}),
    ("html", {"status": 502}),
    ("html", {"status": 504}),
    ("raw", {"status": 503, "body": "Unknown error, please check your request or try again later."}),
    ("raw", {"status": 200, "body": ""}),
    ("raw", {"status": 200, "body": "null"}),
    ("raw", {"status": 200, "body": '{"symbol":"BTCUSD","status":"FILLED"}'}),
    ("error", {"code": -1000}),
    ("error", {"code": -1006}),
    ("error", {"code": -1007}),
    ("error", {"code": -1007, "status": 408}),
]
FEW_DOUBTS = [
    ("lost", {}),
    ("silent", {}),
    ("html", {"status": 200}),
    ("raw", {"body": "null"}),
    ("error", {"code": -1007}),
]
CUT: list[tuple[str, dict[str, Any]]] = [("cut", {"keep": 31}), ("broken", {"keep": 31})]  # a true answer is cut


def name_of(case: object) -> str | None:
    """A doubt as the id of a test: kind and options."""
    if not isinstance(case, tuple):
        return None
    kind, options = case
    return " ".join([kind, *(str(value)[:24] for value in options.values())])


async def unheard(trader: LiveTrader) -> None:
    """From now on nobody tells of our orders: whatever becomes of them has to be asked for."""
    trader.exchange.user_data.refuse(listen_key=410, subscription=True)
    trader.exchange.streams.user.drop()
    trader.exchange.streams.api.drop()
    await trader.until(lambda: trader.adapter.user_data == POLLING, within=10)


async def rest(trader: LiveTrader) -> None:
    """Until an entry may follow an exit: a candle of its own is needed."""
    await trader.pass_time(121, step=5)


async def minute_at(trader: LiveTrader, price: object) -> None:
    """A minute goes by at `price`, and its candle closes there; so do those that nobody laid down before it."""
    trader.exchange.market.move(str(price))
    await trader.pass_time(60, step=5)
    opened = trader.exchange.candles.rows("1m", None, None, 1)[0][0] + 60_000
    while opened + 60_000 <= trader.exchange.clock.ms():
        trader.exchange.candles.add(opened, *[Decimal(str(price))] * 4)
        opened += 60_000
    await trader.pass_time(1)


async def close(trader: LiveTrader, position: Position, command_id: str = "c1") -> None:
    """A person asks for it; durable before this returns."""
    now = trader.session.now()
    await trader.session.committed(ClosePosition(at=now, id=command_id, actor="admin", position_id=position.id))


def sold(trader: LiveTrader) -> Decimal:
    """Bitcoin that our orders ever sold, by the exchange's own account."""
    return sum((order.executed for order in trader.ours() if order.wish.side == "SELL"), Decimal(0))


def steps(found: Sequence[Listed]) -> list[str]:
    """Orders by role and attempt: "E01", "S02"."""
    return [order.wish.client_id.split("-")[3] for order in found]


def statuses(trader: LiveTrader) -> dict[str, str]:
    """The books' orders: step → status."""
    return {order.id.split("-")[3]: order.status.value for order in trader.state.orders.values()}


def check(trader: LiveTrader) -> None:
    """The books agree with the exchange; what it ever took of ours was durable here before; each fill is booked once.

    Call it where nothing is under way.
    """
    trader.check_books()
    assert isinstance(trader.journal, MemoryJournal)
    messages = [(row.recorded_at, codec.decode(row.message)) for row in trader.journal.rows(0, 100_000)]
    sent = {each.client_order_id: at for at, each in messages if isinstance(each, OrderSending)}
    for order in trader.ours():
        assert sent[order.wish.client_id].timestamp() * 1000 <= order.made_ms + 1, "sent before it was written down"
    booked = [each.id for each in trader.journal.changes if isinstance(each, Fill)]
    assert sorted(booked) == sorted(str(fill.trade_id) for order in trader.ours() for fill in order.fills)
