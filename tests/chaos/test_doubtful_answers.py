"""An exchange that answers badly: what was asked may have happened or not. In the end both books agree exactly."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import pytest

from app.core.errors import ExchangeBusy, ExchangeRefused, ExchangeUnreachable
from app.core.messages import AccountSeen, OrderNotFound, PlaceOrder
from app.core.model import OrderReport, OrderStatus, Role
from app.core.state import held, live_orders
from backtest.paper import PaperExchange
from tests.fakes import ScriptedStrategies
from tests.integration.test_parity import lively_rules
from tests.trading_day import CASH, Day, random_candles, swings


class Unreliable(PaperExchange):
    """Loses answers before or after carrying a request out, and sometimes refuses for no reason. Then it heals."""

    dice: random.Random
    trouble: Counter[str]
    healed = False

    def _maybe(self, what: str, moment: str) -> None:
        if self.healed:
            return
        roll = self.dice.random()
        if roll < 0.06:
            self.trouble[f"{what} lost {moment}"] += 1
            raise ExchangeUnreachable(f"no answer ({moment})")
        if moment == "before" and roll < 0.08:
            self.trouble[f"{what} busy"] += 1
            raise ExchangeBusy("slow down", retry_after_seconds=1)
        if moment == "before" and what == "place" and roll < 0.09:
            self.trouble["refused"] += 1
            raise ExchangeRefused("Account has insufficient balance for requested action.", code="-2010")

    async def place(self, order: PlaceOrder) -> OrderReport:
        self._maybe("place", "before")
        report = await super().place(order)
        self._maybe("place", "after")
        return report

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport:
        self._maybe("cancel", "before")
        report = await super().cancel(symbol, client_order_id)
        self._maybe("cancel", "after")
        return report

    async def replace(self, old_id: str, order: PlaceOrder) -> tuple[OrderReport, OrderReport | None]:
        self._maybe("replace", "before")
        reports = await super().replace(old_id, order)
        self._maybe("replace", "after")
        return reports

    async def find(
        self, symbol: str, client_order_id: str, sent_at: datetime, complete: bool
    ) -> OrderReport | OrderNotFound:
        self._maybe("find", "before")
        return await super().find(symbol, client_order_id, sent_at, complete)

    async def account(self, symbol: str, doubtful: Sequence[str]) -> AccountSeen:
        if self.trouble:
            self._maybe("account", "before")
        return await super().account(symbol, doubtful)


@pytest.mark.parametrize("seed", [0, 1, 2, *(pytest.param(seed, marks=pytest.mark.proof) for seed in range(3, 20))])
async def test_no_doubt_loses_doubles_or_bares_anything(seed: int) -> None:
    Unreliable.dice, Unreliable.trouble, Unreliable.healed = random.Random(seed), Counter(), False
    candles = random_candles(seed + 20, 3 * 1440)
    heal_at = candles[-180].opened_at

    def heals(data):  # type: ignore[no-untyped-def]
        Unreliable.healed = data.at >= heal_at
        return ("HOLD", Decimal(1), "quiet") if Unreliable.healed else swings(data)

    day = Day(lively_rules(), candles[:200], candles[200:], strategies=ScriptedStrategies(heals), exchange=Unreliable)
    session = await day.run()
    assert not day.crashed
    assert Unreliable.trouble.total() >= 15, "nothing was shown"

    state, book = session.engine.state, day.paper._simulator.book
    assert state.account is not None
    assert state.account.cash == book.quote_total
    assert held(state) == book.base_total
    sold_and_bought = [text for text in day.store.reports.values() if '"FILLED"' in text]
    assert len(sold_and_bought) >= 4
    stops = [each for each in book.resting.values() if each.order.role is Role.STOP]
    per_position = Counter(each.order.position_id for each in stops)
    assert max(per_position.values(), default=1) == 1
    for order in live_orders(state):
        assert order.status in (OrderStatus.OPEN, OrderStatus.STUCK)
        assert order.id in book.resting or order.status is OrderStatus.STUCK
    for position in state.positions.values():
        assert per_position[position.id] == 1, f"{position.id} is bare"
    assert book.quote_total <= CASH * 2
