"""A key that is no longer taken: entries are locked, people are told, and only a person lets trading go on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.core.messages import Unlock
from app.core.model import LatchKind
from tests.live_trader import LiveTrader, live_trader


def refused(trader: LiveTrader) -> int:
    """Requests that the exchange turned away for their key."""
    return len([each for each in trader.exchange.requests.asked if each.code in (-2015, -1022)])


@asynccontextmanager
async def refusing() -> AsyncIterator[LiveTrader]:
    """A trader with a position whose key was just revoked, and which knows it."""
    async with live_trader() as trader:
        await trader.bought()
        trader.exchange.revoke_key()
        await trader.until(lambda: trader.standing == "PAUSED/exchange_refuses", within=10)
        yield trader


@pytest.mark.parametrize("first", ["its stream ends", "an order list is refused", "an order is refused"])
async def test_f26_the_first_refusal_of_the_key_locks_entries_and_is_no_rate_limit(first: str) -> None:
    async with live_trader() as trader:
        await trader.bought()
        at_the_lock: list[int] = []

        def notice(heard: object) -> None:
            if LatchKind.AUTH in trader.state.latches and not at_the_lock:
                at_the_lock.append(refused(trader))

        trader.session.observe(notice)
        if first == "its stream ends":
            trader.exchange.revoke_key()
        else:
            trader.exchange.keys.revoked = True
        if first == "an order is refused":
            await trader.decide("BUY")
        await trader.until(lambda: trader.standing == "PAUSED/exchange_refuses", within=11, step=0.05)
        assert at_the_lock == [1]
        assert trader.told().count("exchange_refuses") == 1
        assert trader.client.limits.silent_seconds == 0


async def test_f26_while_the_key_is_refused_nothing_is_bought_and_the_door_is_not_hammered() -> None:
    async with refusing() as trader:
        before, entries = refused(trader), len(trader.ours("E"))
        await trader.decide("BUY")
        await trader.pass_time(120, step=2)
        assert len(trader.ours("E")) == entries
        assert len(trader.standing_stops()) == 1
        assert refused(trader) - before <= 20
        assert trader.told().count("exchange_refuses") == 1


async def test_f26_a_key_that_is_good_again_trades_once_a_person_has_unlocked() -> None:
    async with refusing() as trader:
        trader.exchange.revoke_key(False)
        await trader.pass_time(30)
        assert trader.standing == "PAUSED/exchange_refuses"
        await unlocked(trader)
        await trader.until(lambda: trader.standing == "TRADING", within=10)
        await trader.bought()
        trader.check_books()


async def test_f26_unlocking_while_the_key_is_still_refused_locks_again_and_says_so_again() -> None:
    async with refusing() as trader:
        await unlocked(trader)
        await trader.pass_time(15)
        assert trader.standing == "PAUSED/exchange_refuses"
        assert trader.told().count("exchange_refuses") == 2


async def test_f26_a_new_key_and_a_restart_find_the_position_and_wait_for_a_person() -> None:
    async with refusing() as trader:
        await trader.crash()
        trader.exchange.keys.revoked = False
        trader.exchange.key = trader.exchange.keys.key = "A" * 64
        await trader.start()
        await trader.until(trader.protected, within=30)
        assert trader.standing == "PAUSED/exchange_refuses"
        await unlocked(trader)
        await trader.until(lambda: trader.standing == "TRADING", within=15)
        trader.check_books()


async def test_f26_a_stop_that_fires_while_the_key_is_refused_is_found_when_it_is_good_again() -> None:
    async with refusing() as trader:
        await trader.move(47_000)
        await trader.pass_time(900, step=10)
        assert trader.state.positions, "nobody may ask, so nothing is known"
        trader.exchange.revoke_key(False)
        await trader.until(lambda: not trader.state.positions, within=60)
        await unlocked(trader)
        await trader.until(lambda: trader.standing == "TRADING", within=60)
        trader.check_books()


async def unlocked(trader: LiveTrader) -> None:
    await trader.session.committed(Unlock(at=trader.session.now(), id="u", actor="owner", kind=LatchKind.AUTH))
