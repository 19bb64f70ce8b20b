"""The fire drill: what is shipped passes it, whatever the owner's limits; and each fault it is there to find fails it.

The faults are planted by handing in a broken part; everything else is real, the database too.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.control import Controls
from app.core.alerts import AlertEvent
from app.core.engine import Engine
from app.core.errors import InvariantError
from app.core.messages import (
    Action,
    Alert,
    CancelOrder,
    GateClosed,
    OrderNotFound,
    OrderRefused,
    OrderReported,
    PlaceOrder,
    PriceSeen,
    QueryOrder,
    SealKillSwitch,
    Started,
    Unlock,
    VoteCalled,
)
from app.core.model import LatchKind, OrderReport, OrderStatus, Role
from app.core.rules import EntryOrder, EntryRules, RiskLimits, Tripwires
from app.executor import Executor
from app.ports import Who
from app.seam import clock
from app.session import Session
from backtest.drill import Parts, Result, lowered, run
from backtest.drill.scenarios import SCENARIOS
from services.binance_us.pulse import Pulse
from services.throw_away import ThrowAway

NAMES = [scenario.name for scenario in SCENARIOS]


@pytest.fixture
def shipped(tmp_path: Path) -> Iterator[Parts]:
    store = ThrowAway(tmp_path, "1")
    yield Parts(
        books=store.books,
        heartbeat=lambda line, post, back: Pulse(line, post=post, back=back, clock=clock),
        version="1",
    )
    store.close()


async def drilled(parts: Parts, name: str, own: RiskLimits | None = None) -> Result:
    """One scenario alone."""
    chosen = [scenario for scenario in SCENARIOS if scenario.name == name]
    (result,) = await run(parts, lowered(own or RiskLimits()), clock, scenarios=chosen)
    return result


# ---------------------------------------------------------------- what is shipped passes

CAREFUL = RiskLimits(
    position_size_pct=Decimal("0.5"),
    max_open_positions=1,
    max_exposure_pct=Decimal("0.5"),
    daily_loss_limit_pct=Decimal(1),
    kill_switch_loss_pct=Decimal(10),
    stop_loss_pct=Decimal("0.5"),
    stop_limit_gap_pct=Decimal("0.1"),
    entry=EntryRules(cooldown_candles=1000, max_entries_per_day=1, max_slippage_pct=Decimal(0)),
    tripwires=Tripwires(
        orders_per_minute=1,
        orders_per_hour=1,
        notional_per_day_pct=Decimal(10),
        trade_loss_pct=Decimal("0.2"),
        stop_outs_in_a_row=1,
        rejects_in_10_minutes=1,
    ),
)
DARING = RiskLimits(
    position_size_pct=Decimal(10),
    max_exposure_pct=Decimal(40),
    daily_loss_limit_pct=Decimal(1),
    kill_switch_loss_pct=Decimal(10),
    stop_loss_pct=Decimal(10),
    stop_limit_gap_pct=Decimal(5),
    trailing=None,
    entry=EntryRules(order=EntryOrder.MARKET, max_slippage_pct=Decimal(5), max_spread_pct=Decimal("0.01")),
    tripwires=Tripwires(trade_loss_pct=Decimal("1.01")),
)


@pytest.mark.parametrize("own", [RiskLimits(), CAREFUL, DARING], ids=["default", "careful", "daring"])
async def test_what_is_shipped_passes_with_the_owners_limits(shipped: Parts, own: RiskLimits) -> None:
    heard: list[Result] = []
    results = await run(shipped, lowered(own), clock, hear=heard.append)
    assert [(result.name, result.seen) for result in results if not result.passed] == []
    assert [result.name for result in heard] == NAMES
    assert len(NAMES) == 6


def test_what_was_lowered_and_widened_is_told() -> None:
    told = "\n".join(lowered(RiskLimits()).told)
    assert "daily loss limit 15 % lowered to 0.375 %, kill switch 50 % to 0.375 %" in told
    assert "stops 5 % below, their limits 2 % below that" in told
    assert "cooldown_candles 1 → 0" in told
    careful = "\n".join(lowered(CAREFUL).told)
    assert "max_open_positions 1 → 4" in careful
    assert "kill switch 10 % to 0.00375 %" in careful


def test_a_limit_is_never_raised_for_its_own_drill() -> None:
    tight = replace(DARING, daily_loss_limit_pct=Decimal(1))
    assert lowered(tight).daily == 1
    assert lowered(tight).with_daily().daily_loss_limit_pct == 1


# ---------------------------------------------------------------- how a broken part is handed in


def with_engine(kind: type[Engine]) -> type[Session]:
    class Broken(Session):
        def __init__(self, **parts: Any) -> None:
            super().__init__(**parts)
            self.engine = kind()

        async def recover(self) -> None:
            await super().recover()
            self.engine = kind(self.engine.state)

    return Broken


def with_executor(kind: type[Executor]) -> type[Session]:
    class Broken(Session):
        def __init__(self, **parts: Any) -> None:
            super().__init__(**parts)
            self._executor = kind(self, parts["exchange"], parts["seal"], parts["tasks"])

    return Broken


class WithoutLimits(Engine):
    """Its loss limits are dead code."""

    def handle(self, message: Any) -> list[Action]:
        if isinstance(message, Started):
            off = replace(message.rules.risk, daily_loss_limit_pct=None, kill_switch_loss_pct=None)
            message = replace(message, rules=replace(message.rules, risk=off))
        return super().handle(message)


class Mute(Engine):
    """Nobody is told anything."""

    def handle(self, message: Any) -> list[Action]:
        return [action for action in super().handle(message) if not isinstance(action, Alert)]


class Dies(Engine):
    def handle(self, message: Any) -> list[Action]:
        if isinstance(message, OrderReported) and message.report.status is OrderStatus.FILLED:
            raise InvariantError("two and two are five")
        return super().handle(message)


class VotesAnyway(Engine):
    """What is locked is shown, and not obeyed when it votes."""

    def handle(self, message: Any) -> list[Action]:
        if not isinstance(message, VoteCalled) or self.state.quote is None:
            return super().handle(message)
        latches, gates = self.state.latches, self.state.gates
        self.state.latches, self.state.gates = {}, {}
        self.state.quote = replace(self.state.quote, at=message.at)
        actions = super().handle(message)
        self.state.latches, self.state.gates = latches, gates
        return actions


class SendsAnyway(with_engine(VotesAnyway)):  # type: ignore[misc]
    def may_enter(self) -> bool:
        return True


# ---------------------------------------------------------------- planted: the daily limit


class NeverLifts(Engine):
    """A new day does not open the lock."""

    def handle(self, message: Any) -> list[Action]:
        before = self.state.latches.get(LatchKind.DAILY_LOSS)
        actions = super().handle(message)
        if before is not None:
            self.state.latches[LatchKind.DAILY_LOSS] = before
        return actions


class Forgives(Engine):
    """A better price opens the lock."""

    def handle(self, message: Any) -> list[Action]:
        if isinstance(message, PriceSeen) and message.bid >= 50_000:
            self.state.latches.pop(LatchKind.DAILY_LOSS, None)
        return super().handle(message)


class TakesStopsBack(Engine):
    """With entries it shuts protection, too."""

    def handle(self, message: Any) -> list[Action]:
        actions = super().handle(message)
        if any(isinstance(action, Alert) and action.event is AlertEvent.DAILY_LOSS for action in actions):
            stops = [order for order in self.state.orders.values() if order.status is OrderStatus.OPEN]
            actions += [
                CancelOrder(client_order_id=stop.id, position_id=stop.position_id, symbol=stop.symbol) for stop in stops
            ]
        return actions


# ---------------------------------------------------------------- planted: the kill switch


class Forgets(Session):
    """A restart opens what was locked."""

    async def recover(self) -> None:
        await super().recover()
        self.engine.state.latches.clear()

    async def start(self, started: Started) -> None:
        await super().start(replace(started, kill_sealed=""))


class BelievesTheBooks(Session):
    """It does not look at the seal."""

    async def start(self, started: Started) -> None:
        await super().start(replace(started, kill_sealed=""))


class Nervous(Engine):
    """One price is enough for it."""

    def handle(self, message: Any) -> list[Action]:
        actions = super().handle(message)
        if isinstance(message, PriceSeen) and message.source == "feed" and message.bid < 49_000:
            for seconds in (6, 12):
                actions += super().handle(replace(message, at=message.at + timedelta(seconds=seconds)))
        return actions


class SealsLast(Executor):
    """First it sells, then it writes down why."""

    def perform(self, actions: list[Action]) -> None:
        seals = [action for action in actions if isinstance(action, SealKillSwitch)]
        super().perform([action for action in actions if action not in seals])
        if seals:
            self._tasks.start(self._seal_later(seals), "sealing")

    async def _seal_later(self, seals: list[Any]) -> None:
        await self._desk.drained()  # type: ignore[attr-defined]
        super().perform(seals)


class SealsNever(Executor):
    def perform(self, actions: list[Action]) -> None:
        super().perform([action for action in actions if not isinstance(action, SealKillSwitch)])


class SellsTwoOfThree(Engine):
    """One position is forgotten."""

    def handle(self, message: Any) -> list[Action]:
        actions = super().handle(message)
        if any(isinstance(action, SealKillSwitch) for action in actions):
            actions = actions[:-1]
        return actions


class Hasty(Controls):
    """Asks for nothing."""

    async def unlock(self, who: Who, password: str, phrase: str) -> None:
        now = self._session.now()
        await self._submit(who, Unlock(at=now, id="u1", actor=who.username, kind=LatchKind.KILL_SWITCH))


class WithoutPassword(Controls):
    """Waits an hour, and then takes any password."""

    async def unlock(self, who: Who, password: str, phrase: str) -> None:
        await super().unlock(who, "as the owner knows it", phrase)


# ---------------------------------------------------------------- planted: trouble with the exchange


class DeafToGates(Engine):
    def handle(self, message: Any) -> list[Action]:
        return [] if isinstance(message, GateClosed) else super().handle(message)


class NoHeartbeat:
    async def beat(self) -> None:
        pass


class DoesNotCompare(Session):
    """The exchange is back, and nobody asks what happened."""

    def reconcile(self, reason: str) -> None:
        if reason == "drill":
            super().reconcile(reason)


class LeavesItBare(Engine):
    """A refused stop is only logged."""

    def handle(self, message: Any) -> list[Action]:
        if isinstance(message, OrderRefused) and self.state.orders[message.client_order_id].role is Role.STOP:
            return []
        return super().handle(message)


class NoWatchdog(Engine):
    """It trusts that a stop sells."""

    def handle(self, message: Any) -> list[Action]:
        self.state.jumped.clear()
        return super().handle(message)


class SellsWithoutCancelling(Executor):
    """It says that the stop is cancelled, and does not ask the exchange."""

    async def _one(self, action: Action) -> None:
        if not isinstance(action, CancelOrder):
            await super()._one(action)
            return
        gone = OrderReport(
            client_order_id=action.client_order_id,
            exchange_order_id="1",
            status=OrderStatus.CANCELED,
            at=self._desk.now(),
        )
        self._desk.post(OrderReported(at=gone.at, report=gone))


class StartsEmpty(Session):
    """It does not read its books."""

    async def recover(self) -> None:
        pass


class SendsAgain(Executor):
    """An order without an answer is sent once more."""

    async def _query(self, action: QueryOrder) -> None:
        order = self._desk.engine.state.orders[action.client_order_id]  # type: ignore[attr-defined]
        names = PlaceOrder.__slots__
        again = {name: getattr(order, name) for name in names if name != "client_order_id"}
        await self._exchange.place(PlaceOrder(client_order_id=order.id, **again))
        await super()._query(action)


class GivesUpEarly(Engine):
    """An order that is not found at the first look is taken for not placed."""

    def handle(self, message: Any) -> list[Action]:
        if isinstance(message, OrderNotFound) and message.client_order_id in self.state.doubts:
            order = self.state.orders.pop(message.client_order_id)
            del self.state.doubts[order.id], self.state.positions[order.position_id]
        return super().handle(message)


PLANTED: list[tuple[str, dict[str, Any], str]] = [
    ("daily limit", {"session": with_engine(WithoutLimits)}, "the trader is TRADING"),
    ("daily limit", {"session": SendsAnyway}, "an entry was sent after the daily limit was reached"),
    ("daily limit", {"session": with_engine(NeverLifts)}, "after 00:00 UTC the trader is PAUSED"),
    ("daily limit", {"session": with_engine(Forgives)}, "because the price had recovered"),
    ("daily limit", {"session": with_engine(TakesStopsBack)}, "the stops did not stay"),
    ("daily limit", {"session": with_engine(Mute)}, "nobody was told: Daily loss limit reached"),
    ("daily limit", {"session": with_engine(Dies)}, "two and two are five"),
    ("kill switch", {"session": with_engine(WithoutLimits)}, "0 of 3 positions were sold"),
    ("kill switch", {"session": with_engine(Nervous)}, "one bad price of the feed"),
    ("kill switch", {"session": with_engine(SellsTwoOfThree)}, "2 of 3 positions were sold"),
    ("kill switch", {"session": with_executor(SealsLast)}, "left before the seal was written"),
    ("kill switch", {"session": with_executor(SealsNever)}, "no seal was written"),
    ("kill switch", {"session": with_engine(Mute)}, "nobody was told: Kill switch"),
    ("kill switch", {"session": SendsAnyway}, "at once an entry was sent"),
    ("kill switch", {"session": Forgets}, "after a restart the trader is TRADING"),
    ("kill switch", {"session": BelievesTheBooks}, "on restored books the trader is TRADING"),
    ("kill switch", {"controls": Hasty}, "unlocked within the hour"),
    ("kill switch", {"controls": WithoutPassword}, "unlocked with a wrong password"),
    (
        "outage",
        {"heartbeat": lambda *_: NoHeartbeat()},
        "not answered for 10 s and the trader is TRAD",
    ),
    ("outage", {"session": with_engine(DeafToGates)}, "not answered for 10 s and the trader is TRAD"),
    ("outage", {"session": SendsAnyway}, "orders were sent to an exchange that does not answer"),
    ("outage", {"session": DoesNotCompare}, "one stop had sold meanwhile, and the trader counts 2"),
    ("outage", {"session": with_engine(Mute)}, "nobody was told: Connection lost"),
    ("refused stop", {"session": with_engine(LeavesItBare)}, "the position was not sold"),
    ("refused stop", {"session": with_engine(Mute)}, "nobody was told: Order refused"),
    ("jumped stop", {"session": with_engine(NoWatchdog)}, "15 s later nothing was sold"),
    ("jumped stop", {"session": with_executor(SellsWithoutCancelling)}, "insufficient balance"),
    ("jumped stop", {"session": with_engine(Mute)}, "nobody was told: A stop was jumped"),
    ("crash in mid-order", {"session": StartsEmpty}, "did not find the entry"),
    ("crash in mid-order", {"session": with_engine(GivesUpEarly)}, "while another one's fate was not known"),
    ("crash in mid-order", {"session": with_executor(SendsAgain)}, "an entry was sent while another"),
]


@pytest.mark.parametrize(("name", "broken", "says"), PLANTED, ids=[f"{name}: {says}" for name, _, says in PLANTED])
async def test_a_planted_fault_fails_its_drill(shipped: Parts, name: str, broken: dict[str, Any], says: str) -> None:
    result = await drilled(replace(shipped, **broken), name)
    assert not result.passed
    assert says in result.seen
    assert result.seconds < 30


async def test_a_scenario_that_breaks_hides_none_of_the_others(shipped: Parts) -> None:
    results = await run(replace(shipped, controls=lambda *_, **__: None), lowered(RiskLimits()), clock)  # type: ignore[arg-type,return-value]
    assert [result.name for result in results if not result.passed] == ["kill switch"]
    assert next(result.seen for result in results if not result.passed).startswith("broke: ")


async def test_books_that_cannot_be_opened_are_a_drill_that_failed(shipped: Parts) -> None:
    def no_books(name: str) -> Any:
        raise InvariantError(f"no room for {name}")

    results = await run(replace(shipped, books=no_books), lowered(RiskLimits()), clock)
    assert [result.passed for result in results] == [False] * len(NAMES)
    assert "no room for outage" in results[2].seen


def test_every_scenario_has_its_planted_faults() -> None:
    assert {name for name, _, _ in PLANTED} == set(NAMES)
