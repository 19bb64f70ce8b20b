"""Where a kill hits: five steps of a position's life, each before the exchange takes the request, after it has done
it, and in the middle of its answer; or anywhere at all.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

from tests.chaos.blackbox.world import BUY, HOLD, SELL, World

STEPS = ("entry", "stop", "replace", "cancel", "exit")
MOMENTS: dict[str, dict[str, bool]] = {
    "before": {"acts": False},
    "after": {"acts": True},
    "middle": {"acts": True, "middle": True},
}
CALLS: dict[str, tuple[str, dict[str, str]]] = {
    "entry": ("POST /api/v3/order", {"side": "BUY"}),
    "stop": ("POST /api/v3/order", {"type": "STOP_LOSS"}),
    "replace": ("POST /api/v3/order/cancelReplace", {}),
    "cancel": ("DELETE /api/v3/order", {}),
    "exit": ("POST /api/v3/order", {"type": "MARKET"}),
}
MOST_POSITIONS = 4
BUYS, RISES = 4, 4  # candles until an entry, or a stop that moves, has to have come
STRIKE_SECONDS = 20.0


@dataclass(frozen=True)
class Aim:
    step: str
    moment: str

    def __str__(self) -> str:
        return f"{self.step} {self.moment}"


EVERY_AIM = [Aim(step, moment) for moment in MOMENTS for step in STEPS]


def strike(world: World, aim: Aim) -> bool:
    """Bring the trader to the step and let the exchange kill it there. Whether it died."""
    PREPARE[aim.step](world)
    arm(world, aim)
    with suppress(httpx.TransportError):  # it may die while we speak to it
        PROVOKE[aim.step](world)
    died = world.dead(STRIKE_SECONDS)
    world.exchange.do("faults.clear")
    return died


def arm(world: World, aim: Aim) -> None:
    """The next request of that kind is the trader's last."""
    call, where = CALLS[aim.step]
    assert world.process is not None
    world.exchange.do("faults.add", "kill", call, pid=world.process.pid, where=where, **MOMENTS[aim.moment])


# ---------------------------------------------------------------- before


def have_position(world: World) -> None:
    """At least one, under its stop."""
    for _ in range(BUYS):
        if not world.settle() and world.items("positions"):
            return
        world.candle(BUY)
        wait(lambda: bool(world.items("positions")), 3)
    raise AssertionError(f"nothing is bought: {world.status()}")


def have_room(world: World) -> None:
    """No more positions than leave one place free."""
    while len(positions := world.items("positions")) >= MOST_POSITIONS:
        close(world, positions[-1]["id"])
        world.settle()


PREPARE: dict[str, Callable[[World], None]] = {
    "entry": have_room,
    "stop": have_room,
    "replace": have_position,
    "cancel": have_position,
    "exit": have_position,
}

# ---------------------------------------------------------------- the step itself


def enter(world: World) -> None:
    """A candle that says BUY, and the next where the first may not be used: one opens one position at most."""
    for _ in range(BUYS):
        world.candle(BUY)
        if world.dead(3):
            return


def need_stop(world: World) -> None:
    """An entry that needs its stop; while no minute is over, the owner cancels the stop of the newest position."""
    stops = [position["stop_order_id"] for position in world.items("positions")]
    if stops and not world.candle_is_due():
        world.exchange.do("owner.cancel", stops[0])
    else:
        enter(world)


def trail(world: World) -> None:
    """The price rises; each minute that closes higher may move a stop."""
    for _ in range(RISES):
        world.rise(0.2)
        world.candle(HOLD)
        if world.dead(3):
            return


def close(world: World, id: str) -> Any:
    return world.api.post(f"/api/v1/positions/{id}/close")


def want_out(world: World) -> None:
    close(world, world.items("positions")[-1]["id"])


PROVOKE: dict[str, Callable[[World], None]] = {
    "entry": enter,
    "stop": need_stop,
    "replace": trail,
    "cancel": want_out,
    "exit": want_out,
}

# ---------------------------------------------------------------- anywhere


def anywhere(world: World) -> str:
    """Something happens, and some time later the trader is killed. What it was."""
    have_room(world)
    due = world.candle_is_due() and world.chance.random() < 0.7
    chosen = something_is_bought if due else world.chance.choice(HAPPENINGS)
    chosen(world)
    time.sleep(world.chance.uniform(0, world.chance.choice((0.1, 0.5, 3.0))))
    world.kill()
    return chosen.__name__


def something_is_bought(world: World) -> None:
    world.exchange.close_minutes(world.price, BUY)


def a_stop_is_cancelled(world: World) -> None:
    for position in world.items("positions")[:1]:
        world.exchange.do("owner.cancel", position["stop_order_id"])


def the_price_rises(world: World) -> None:
    world.rise(0.2)
    world.exchange.close_minutes(world.price, HOLD)


def a_stop_fires(world: World) -> None:
    """The price falls through the highest stop and comes back."""
    stops = [float(position["stop_loss_price"]) for position in world.items("positions")]
    if stops:
        world.exchange.quote(max(stops) * 0.9995)
        world.exchange.quote(world.price)


def one_is_closed(world: World) -> None:
    for position in world.items("positions")[:1]:
        close(world, position["id"])


def all_are_closed(world: World) -> None:
    world.api.post("/api/v1/close-all", json={"confirm": True})


def the_vote_says_sell(world: World) -> None:
    world.exchange.close_minutes(world.price, SELL)


def nothing_happens(world: World) -> None:
    pass


HAPPENINGS = (
    *(a_stop_is_cancelled,) * 3,
    *(the_price_rises,) * 3,
    a_stop_fires,
    *(one_is_closed,) * 2,
    all_are_closed,
    the_vote_says_sell,
    nothing_happens,
)


def wait(true: Callable[[], bool], seconds: float) -> bool:
    """Whether it came true in time."""
    end = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.05)
    return found
