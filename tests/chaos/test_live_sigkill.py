"""SIGKILL of the real live trader by the exchange itself, inside the order path: a small part of `make chaos-blackbox`.

One position's life: its entry, its stop, its cancel twice and its sale, each with a kill. After each
restart the exchange's truth and the trader's books must agree, with nothing doubled, orphaned or left bare.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.blackbox import oracle
from tests.chaos.blackbox.aims import Aim, arm, strike
from tests.chaos.blackbox.world import World
from tests.exchange_process import ExchangeProcess

pytestmark = [pytest.mark.xdist_group("sigkill"), pytest.mark.slow]
HANGS_SECONDS = 120.0  # how long a position is really bare is the judge's matter


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExchangeProcess(past=10) as exchange:
        made = World(tmp_path, exchange, patience=4)
        made.spawn()
        made.reconciled()
        try:
            yield made
        finally:
            made.gone()


def test_five_kills_in_the_life_of_a_position(world: World) -> None:
    assert strike(world, Aim("entry", "after"))
    comes_back(world)
    arm(world, Aim("stop", "middle"))
    world.exchange.do("owner.cancel", world.items("positions")[0]["stop_order_id"])
    assert world.dead(HANGS_SECONDS), "the stop was not put back"
    comes_back(world)
    (position,) = world.items("positions")

    assert strike(world, Aim("cancel", "before")), "the close was asked for over the API"
    world.exchange.do("faults.add", "error", "GET /api/v3/openOrders", code=-1000)
    for aim in (Aim("cancel", "after"), Aim("exit", "middle")):  # each start goes on with the close, and is killed
        world.spawn()
        arm(world, aim)
        assert world.dead(HANGS_SECONDS), f"{aim} was not reached"
        assert oracle.too_early(world.exchange.requests(), int(world.started_at * 1000)) == []
    assert oracle.acted_blindly(world.journal()) == []
    comes_back(world)
    assert world.items("positions") == []

    truth = world.exchange.truth()
    mine = oracle.by_position(oracle.ours(truth))
    assert list(mine) == [position["id"]]
    assert [oracle.role_of(order) for order in mine[position["id"]]] == ["entry", "stop", "stop", "exit"]
    assert world.end() == 0
    assert "the chain is whole" in world.trader.command("audit", "verify").stdout


def comes_back(world: World) -> None:
    world.spawn()
    world.reconciled()
    assert world.check() == []


# ---------------------------------------------------------------- the judge himself


def an_order(number: int, role: str, status: str, time: int, update: int, quantity: str = "0.5") -> dict[str, object]:
    letter = {"entry": "E", "stop": "S", "exit": "C"}[role]
    return {
        "clientOrderId": f"bt1-Labcd-0000001-{letter}{number:02}-00",
        "orderId": number,
        "status": status,
        "time": time,
        "updateTime": update,
        "origQty": quantity,
        "byOwner": False,
    }


def a_trade(number: int, at: int, quantity: str = "0.5", *, buys: bool = False) -> dict[str, object]:
    fee = {"commission": "0", "commissionAsset": "BTC"}
    return {"id": number, "orderId": number, "time": at, "qty": quantity, "isBuyer": buys, "price": "1"} | fee


def test_the_judge_measures_the_time_without_a_stop() -> None:
    orders = [
        an_order(1, "entry", "FILLED", 1_000, 1_000),
        an_order(2, "stop", "CANCELED", 3_000, 9_000),
        an_order(3, "exit", "FILLED", 16_000, 16_000),
    ]
    truth = {"orders": orders, "trades": [a_trade(1, 1_000, buys=True), a_trade(3, 16_000)]}
    assert oracle.bare_times(truth, 99_000) == {"abcd-0000001": 7.0}
    assert oracle.bare_times(truth, 99_000, blind=[(10_000, 12_000)]) == {"abcd-0000001": 5.0}
    assert oracle.bare_times({"orders": orders[:1], "trades": truth["trades"][:1]}, 99_000) == {"abcd-0000001": 98.0}


def test_the_judge_sees_what_is_doubled() -> None:
    entry, stop = an_order(1, "entry", "FILLED", 1, 1), an_order(2, "stop", "NEW", 2, 2)
    bought = [a_trade(1, 1, buys=True)]
    assert oracle.doubled({"orders": [entry, stop], "trades": bought}) == []
    twice = {"orders": [entry, an_order(2, "entry", "FILLED", 2, 2)], "trades": bought}
    assert oracle.doubled(twice) == ["position abcd-0000001 has not one entry"]
    side_by_side = {"orders": [entry, stop, an_order(3, "stop", "NEW", 3, 3)], "trades": bought}
    assert oracle.doubled(side_by_side) == ["position abcd-0000001: two stops at once"]
    oversold = {"orders": [entry, an_order(3, "exit", "FILLED", 3, 3)], "trades": [*bought, a_trade(3, 3, "0.6")]}
    assert oracle.doubled(oversold) == ["position abcd-0000001: 0.1 more was sold than bought"]
    (again,) = oracle.doubled({"orders": [entry, stop, stop | {"status": "CANCELED"}], "trades": bought})
    assert again == "bt1-Labcd-0000001-S02-00 was taken 2 times"


def test_the_judge_sees_an_order_before_the_truth() -> None:
    def asked(method: str, path: str, ms: int) -> dict[str, object]:
        return {"method": method, "path": f"/api/v3/{path}", "ms": ms, "status": 200}

    look = [asked("GET", "account", 10), asked("GET", "openOrders", 11), asked("GET", "account", 12)]
    order = asked("DELETE", "order", 13)
    assert oracle.too_early([*look, order], 10) == []
    assert oracle.too_early([*look[:2], order, look[2]], 10) == ["DELETE /api/v3/order before the account was read"]
    assert oracle.too_early([order | {"ms": 9}, *look], 10) == []
    started, truth = ("Started", ["ReadAccount"]), ("AccountSeen", ["CancelOrder"])
    report = ("OrderReported", ["Alert", "CancelOrder"])
    assert oracle.acted_blindly([started, truth, report]) == []
    assert oracle.acted_blindly([started, report, truth]) == [
        "OrderReported led to ['CancelOrder'] before the truth was known"
    ]
