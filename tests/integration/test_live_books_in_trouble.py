"""Books that fail while real money is traded, and books of yesterday: the exchange's truth and theirs come together."""

import copy
from dataclasses import replace
from decimal import Decimal

from app.core.messages import ChangeRisk, ClosePosition, Gate, GateClosed, Unlock
from app.core.model import ExitReason, LatchKind
from app.core.orders import position_of
from app.core.state import protection
from tests.fakes import MemoryJournal
from tests.integration.test_live_risk import BOLD
from tests.live_trader import LiveTrader, live_trader

CALM = replace(BOLD, risk=replace(BOLD.risk, daily_loss_limit_pct=None))


async def fail_once(trader: LiveTrader) -> None:
    """The next thing that is worth a row cannot be written, and the session starts over."""
    assert isinstance(trader.journal, MemoryJournal)
    trader.journal.fail_next = True
    await trader.until(lambda: not trader.journal.fail_next, within=90)  # type: ignore[attr-defined]
    await trader.pass_time(5)


async def test_a_kill_switch_that_was_unlocked_does_not_come_back_with_a_journal_that_failed() -> None:
    async with live_trader(rules=CALM) as trader:
        await trader.bought()
        await trader.bought()
        await trader.bought()
        trader.exchange.market.move(45_500)
        await trader.until(lambda: not trader.state.positions)
        await trader.restart()  # this process begins under the seal
        assert trader.standing == "STOPPED/kill_switch"
        unlock = Unlock(at=trader.session.now(), id="u", actor="me", kind=LatchKind.KILL_SWITCH)
        await trader.session.committed(unlock)
        trader.exchange.market.average = Decimal(45_500)
        await trader.pass_time(130, step=5)
        position = await trader.bought()
        await fail_once(trader)
        assert trader.standing == "TRADING"
        assert list(trader.state.positions) == [position.id]
        assert trader.seal.reason is None
        trader.check_books()


async def test_limits_that_were_tightened_stay_tight_when_the_journal_failed() -> None:
    async with live_trader() as trader:
        limits = replace(trader.rules.risk, position_size_pct=Decimal(1))
        change = ChangeRisk(
            at=trader.session.now(), id="c", actor="me", limits=limits, name="size", value="1", now=True
        )
        await trader.session.committed(change)
        await fail_once(trader)
        assert trader.state.rules.risk.position_size_pct == 1


async def test_books_of_yesterday_find_what_was_bought_and_sold_since() -> None:
    async with live_trader(balances={"BTC": "0.5"}) as trader:
        kept = await trader.bought()
        sold = await trader.bought()
        backup = copy.deepcopy(trader.journal)
        await trader.pass_time(120, step=5)
        unknown = await trader.bought()
        stop = next(each for each in trader.standing_stops() if position_of(each.wish.client_id) == unknown.id)
        close = ClosePosition(at=trader.session.now(), id="c", actor="me", position_id=sold.id)
        await trader.session.committed(close)
        await trader.until(lambda: sold.id not in trader.state.positions)
        await trader.crash()
        trader.journal = backup
        await trader.start()
        await trader.until(lambda: trader.standing == "TRADING", within=120)
        assert set(trader.state.positions) == {kept.id, unknown.id}
        assert protection(trader.state)[0] == 100
        assert stop in trader.standing_stops(), "the stop that stood goes on standing"
        assert [trade.position_id for trade in trader.trades()] == [sold.id]
        assert trader.trades()[0].exit_reason is ExitReason.EMERGENCY
        trader.check_books(own_bitcoin="0.5")
        await trader.pass_time(130, step=5)
        again = await trader.bought()
        assert again.id not in (kept.id, sold.id, unknown.id)


async def test_a_gate_that_was_shut_is_still_shut_when_the_journal_failed() -> None:
    async with live_trader() as trader:
        trader.session.post(GateClosed(at=trader.session.now(), gate=Gate.DISK, text="only 3 % of the disk is free"))
        await trader.until(lambda: trader.standing == "PAUSED/disk")
        await fail_once(trader)
        assert trader.standing == "PAUSED/disk"
