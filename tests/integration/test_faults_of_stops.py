"""What can go wrong with a stop, through the whole live trader: F-07, F-08, F-09, F-17, F-20 of the fault catalogue.

Whatever happens: never two stops, never longer without one than the limits say, never sold what is not there.
"""

from decimal import Decimal
from typing import Any

import pytest

import services.binance_us.client as client_module
from app.core.model import ExitReason
from tests.integration.fault_cases import (
    DOUBTS,
    FEW_DOUBTS,
    KINDS_OF_STOP,
    PLACE,
    name_of,
    sold,
    statuses,
    steps,
    stop_of,
    unheard,
)
from tests.live_trader import LiveTrader, live_trader

TELLING = ["stream", "asking"]


@pytest.fixture(autouse=True)
def short_time_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that never comes is given up after a moment, not after 15 s."""
    monkeypatch.setattr(client_module, "ORDER_SECONDS", 0.15)


def check_gone(trader: LiveTrader, reason: ExitReason) -> None:
    """Closed, everything sold that there was, nothing left on the book."""
    (trade,) = trader.trades()
    assert trade.exit_reason is reason
    assert trader.state.positions == {}
    assert trader.standing_stops() == []
    trader.check_books()


# ---------------------------------------------------------------- F-07: refused


@pytest.mark.parametrize("stop_loss_orders", KINDS_OF_STOP)
@pytest.mark.parametrize(
    ("code", "text"),
    [
        (-2010, "Order would trigger immediately."),
        (-1013, "Filter failure: PERCENT_PRICE"),
        (-1013, "Filter failure: MAX_NUM_ALGO_ORDERS"),
        (-1013, "Stop loss orders are not supported for this symbol."),
    ],
)
async def test_f07_a_refused_stop_is_a_sale_at_the_market(stop_loss_orders: bool, code: int, text: str) -> None:
    async with live_trader(stop_loss_orders=stop_loss_orders) as trader:
        trader.exchange.faults.error(PLACE, code, msg=text, where=stop_of(stop_loss_orders), times=None)
        await trader.decide("BUY")
        took = await trader.until(trader.trades, within=5)
        assert took <= 2
        check_gone(trader, ExitReason.EMERGENCY)
        assert {"order_rejected", "stop_missing"} <= set(trader.told())


async def test_f07_a_stop_that_the_price_has_passed_before_it_arrives_is_a_sale_at_the_market() -> None:
    """Nothing is feigned here: the exchange itself refuses a stop above the price."""
    async with live_trader() as trader:
        held = trader.exchange.faults.hold(PLACE, where=stop_of(True))
        await trader.decide("BUY")
        await held.reached.wait()
        trader.exchange.market.move(47_000)
        held.release()
        took = await trader.until(trader.trades, within=5)
        assert took <= 2
        check_gone(trader, ExitReason.EMERGENCY)


# ---------------------------------------------------------------- F-08: in doubt


@pytest.mark.parametrize(("told_by", "stop_loss_orders"), [("stream", True), ("asking", True), ("asking", False)])
@pytest.mark.parametrize("doubt", DOUBTS, ids=name_of)
async def test_f08_a_stop_that_stands_though_its_answer_was_lost_is_found_and_none_is_placed_beside_it(
    doubt: tuple[str, dict[str, Any]], stop_loss_orders: bool, told_by: str
) -> None:
    async with live_trader(stop_loss_orders=stop_loss_orders) as trader:
        if told_by == "asking":
            await unheard(trader)
        kind, options = doubt
        trader.exchange.faults.add(kind, PLACE, acts=True, where=stop_of(stop_loss_orders), **options)
        await trader.decide("BUY")
        took = await trader.until(trader.protected, within=5)
        assert took <= 2
        await trader.pass_time(5)
        assert steps(trader.ours()) == ["E01", "S02"]
        trader.check_books()


@pytest.mark.parametrize(
    ("doubt", "stop_loss_orders"),
    [*((doubt, True) for doubt in FEW_DOUBTS), *((doubt, False) for doubt in DOUBTS[:2])],
    ids=name_of,
)
async def test_f08_a_stop_that_never_arrived_leaves_the_position_bare_for_30_s_at_most(
    doubt: tuple[str, dict[str, Any]], stop_loss_orders: bool
) -> None:
    async with live_trader(stop_loss_orders=stop_loss_orders) as trader:
        kind, options = doubt
        trader.exchange.faults.add(kind, PLACE, acts=False, where=stop_of(stop_loss_orders), **options)
        await trader.decide("BUY")
        took = await trader.until(trader.protected, within=35)
        assert 20 <= took <= 30
        assert statuses(trader) == {"E01": "FILLED", "S02": "NOT_PLACED", "S03": "OPEN"}
        assert steps(trader.ours()) == ["E01", "S03"]
        trader.check_books()
        assert sold(trader) == 0


@pytest.mark.parametrize("lag", [3, 12, 40])
async def test_f08_a_stop_that_stands_but_is_not_seen_is_never_placed_twice_nor_sold_twice(lag: float) -> None:
    async with live_trader() as trader:
        await unheard(trader)
        trader.exchange.lag.by(lag)
        trader.exchange.faults.lost_after(PLACE, where=stop_of(True))
        await trader.decide("BUY")
        for _ in range(100):
            await trader.pass_time(1)
            assert len(trader.standing_stops()) <= 1
        (stop,) = trader.ours("S")[:1]
        assert sold(trader) in (Decimal(0), stop.quantity)
        trader.exchange.lag.release()
        await trader.pass_time(30)
        trader.check_books()
