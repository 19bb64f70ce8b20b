"""A trading day with real money, over real HTTP and WebSocket: each minute of a lively market, with a person's close,
crashes of the process in the middle, and a kill switch at its end. The books agree with the exchange all along.
"""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from app.core.messages import AccountSeen, AnyCommand, ChangeRisk, ClosePosition, Event
from app.core.model import Candle, ExitReason, Order, OrderStatus
from app.core.rules import EntryRules, RiskLimits, Trailing
from tests.fakes import MemoryJournal, ScriptedStrategies
from tests.live_trader import NO_WIRES, RULES, LiveTrader, live_trader
from tests.trading_day import random_candles, swings

MINUTE = 60_000
DAY_RULES = replace(
    RULES,
    risk=RiskLimits(
        stop_loss_pct=Decimal("0.9"),
        trailing=Trailing(activate_pct=Decimal("0.6"), distance_pct=Decimal("0.6"), min_step_pct=Decimal("0.1")),
        entry=EntryRules(cooldown_candles=0, max_entries_per_day=None),
        daily_loss_limit_pct=None,
        kill_switch_loss_pct=Decimal(50),
        tripwires=NO_WIRES,
    ),
)


class Checked:
    """Looks at the books each time they were compared with the exchange."""

    def __init__(self, trader: LiveTrader) -> None:
        self.trader, self.comparisons = trader, 0
        trader.session.observe(self.hear)

    def hear(self, message: Event | AnyCommand) -> None:
        if isinstance(message, AccountSeen):
            self.comparisons += 1
            assert self.trader.state.difference == ""


async def live_a_minute(trader: LiveTrader, candle: Candle, opened: int) -> None:
    """To the minute's extreme, then to its close, which makes a candle."""
    market = trader.exchange.market
    first = market.price
    fell = candle.close < candle.open
    extreme = candle.low if fell else candle.high
    for price, until in ((extreme, opened + MINUTE // 2), (candle.close, opened + MINUTE)):
        await trader.pass_time((until - trader.exchange.clock.ms()) / 1000 - 0.6, step=60)
        market.move(price)
        await trader.pass_time(0.6, step=0.2)
    prices = (first, extreme, candle.close)
    trader.exchange.candles.add(opened, first, max(prices), min(prices), candle.close)
    await trader.settled()


@pytest.mark.parametrize(
    "minutes", [pytest.param(600, id="ten hours"), pytest.param(1440, id="a whole day", marks=pytest.mark.proof)]
)
async def test_a_day_of_trading_ends_with_books_that_agree(minutes: int) -> None:
    journal = MemoryJournal()
    async with live_trader(rules=DAY_RULES, strategies=ScriptedStrategies(swings), journal=journal) as trader:
        comparisons = 0
        checked = Checked(trader)
        opened = (trader.exchange.clock.ms() // MINUTE + 1) * MINUTE
        await trader.pass_time((opened - trader.exchange.clock.ms()) / 1000)
        by_hand = False
        for number, candle in enumerate(random_candles(42, minutes, price=50_000.0)):
            await live_a_minute(trader, candle, opened + number * MINUTE)
            if number % 360 == 200:  # wherever it is just now
                comparisons += checked.comparisons
                await trader.restart()
                checked = Checked(trader)
            if not by_hand and number > 300 and trader.protected():
                by_hand = True
                position = trader.protected()[0]
                trader.session.post(ClosePosition(at=trader.session.now(), id="c", actor="me", position_id=position.id))
        await trader.until(lambda: trader.standing == "TRADING")
        trader.check_books()
        await _kill(trader)
        trades = Counter(trade.exit_reason for trade in trader.trades())
        print(f"{len(trader.trades())} trades {dict(trades)}, {comparisons + checked.comparisons} comparisons")
        for reason in (ExitReason.STOP, ExitReason.TRAILING_STOP, ExitReason.VOTE, ExitReason.MANUAL):
            assert trades[reason] >= 1, trades
        assert trades[ExitReason.KILL_SWITCH] >= 1
        assert len(trader.trades()) >= minutes / 72
        assert comparisons + checked.comparisons > minutes / 2
        moved = [each for each in journal.changes if isinstance(each, Order) and "replaced by" in each.reason]
        assert any(each.status is OrderStatus.CANCELED for each in moved), "no stop was ever moved"


async def _kill(trader: LiveTrader) -> None:
    """The owner tightens the limit on the total loss to less than what this day has cost."""
    if not trader.state.positions:
        await trader.bought()
    limits = replace(DAY_RULES.risk, kill_switch_loss_pct=Decimal("0.5"))
    change = ChangeRisk(
        at=trader.session.now(), id="k", actor="me", limits=limits, name="kill_switch_loss_pct", value="0.5", now=True
    )
    await trader.session.committed(change)
    trader.exchange.market.move(trader.exchange.market.price)
    await trader.until(lambda: trader.standing == "STOPPED/kill_switch", within=6, step=0.2)
    await trader.until(lambda: not trader.state.positions)
    assert trader.standing_stops() == []
    trader.check_books()
