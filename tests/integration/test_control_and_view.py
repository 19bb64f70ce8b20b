"""The door for people and the face they see, on a real session with a paper exchange."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from app.control import Controls
from app.core.errors import NotAuthorized
from app.core.latches import Latch
from app.core.messages import CandleClosed, Gate, GateClosed, SignalGiven, VoteCalled
from app.core.model import LatchKind, PositionStatus
from app.core.rules import Simulation
from app.ports import Conflict, Who
from app.seam import Clock, Tasks
from app.session import Session
from app.view import Labels, View, profits
from backtest.paper import MarketTime, PaperExchange
from backtest.simulator import Book, instrument_for
from tests.builders import MINUTE, NOON, a_candle, a_signal, a_start, shown
from tests.fakes import MemoryJournal, MemoryPaperStore, MemorySeal

ME = Who(username="admin", address="127.0.0.1")


class Codes:
    """A second factor that knows one code, once."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.is_enrolled = False

    def enrolled(self, username: str) -> bool:
        return self.is_enrolled

    async def confirm(self, who: str, password: str, address: str) -> bool:
        return password == "right"

    def verify(self, username: str, code: str) -> bool:
        if code in self.known:
            self.known.remove(code)
            return True
        return False


class Floor:
    """A trader on a market that the test moves by hand."""

    def __init__(self) -> None:
        self.time = MarketTime(NOON)
        self.tasks, self.clock = Tasks(), Clock()
        self.instrument = instrument_for("BTC/USD", Simulation())
        self.paper = PaperExchange(
            instrument=self.instrument,
            simulation=Simulation(),
            cash_of_a_new_account=Book(quote_total=Decimal(10_000)),
            store=MemoryPaperStore(),
            now=self.time,
            candle_fed=True,
        )
        self.session = Session(
            journal=MemoryJournal(),
            exchange=self.paper,
            seal=MemorySeal(),
            tasks=self.tasks,
            clock=self.clock,
            market_now=self.time,
            version="1",
        )
        labels = Labels(mode="paper", market="test", symbol="BTC/USD", ledger="test", version="1")
        self.codes = Codes()
        self.audit: list[dict[str, str]] = []
        self.seen: list[tuple[str, Sequence[int] | None]] = []
        self.view = View(
            self.session, labels, clock=self.clock, tasks=self.tasks, two_factor=lambda: self.codes.is_enrolled
        )
        numbers = iter(range(1000))
        self.control = Controls(
            self.session,
            second_factor=self.codes,
            record=lambda **line: self.audit.append(line),
            acknowledge=self.acknowledge,
            tasks=self.tasks,
            new_id=lambda: f"c{next(numbers)}",
            live=False,
        )

    async def acknowledge(self, who: str, ids: Sequence[int] | None) -> int:
        self.seen.append((who, ids))
        return 2

    async def start(self) -> None:
        self.tasks.start(self.session.run(), "session")
        await self.session.start(a_start(instrument=self.instrument))
        await self.session.drained()

    async def minute(self, close: str) -> None:
        candle = a_candle(close, at=self.time())
        await self.paper.live_through(candle, self.session)
        self.time.advance(candle.closed_at)
        self.session.post(CandleClosed(at=candle.closed_at, candle=candle))
        await self.session.drained()

    async def buy(self) -> str:
        now = self.session.now()
        self.session.post(SignalGiven(at=now, signal=a_signal("BUY", 90, at=now)))
        self.session.post(VoteCalled(at=now, shown=shown(now - 15 * MINUTE)))
        await self.session.drained()
        await self.minute("50000")
        return self.view.positions()[-1].id


@pytest.fixture
async def floor() -> AsyncIterator[Floor]:
    made = Floor()
    await made.start()
    await made.minute("50000")
    yield made
    await made.tasks.stop()


async def test_what_people_see(floor: Floor) -> None:
    status = floor.view.status()
    assert (status.state, status.reason, status.equity, status.open_positions) == ("TRADING", None, 10_000, 0)
    assert status.price == 50_000
    id = await floor.buy()
    await floor.minute("51000")
    (position,) = floor.view.positions()
    status = floor.view.status()
    assert position.id == id
    assert status.open_positions == 1
    assert status.protected_pct == 100
    assert Decimal(29) < status.max_loss_if_server_dies < Decimal(40)
    assert status.day_pnl == status.total_pnl == status.equity - 10_000
    assert floor.view.unrealized(position) == position.quantity * 51_000 - position.cost
    assert floor.view.order(position.stop_order_id) is not None
    assert floor.view.latest_decision() is not None
    assert [signal.strategy for signal in floor.view.latest_signals()] == ["technical"]


async def test_a_position_is_closed_once_however_often_it_is_asked_for(floor: Floor) -> None:
    id = await floor.buy()
    first = await floor.control.close(ME, id)
    again = [await floor.control.close(ME, id) for _ in range(20)]
    assert set(again) == {first}
    await floor.minute("50000")
    assert floor.view.positions() == []
    with pytest.raises(KeyError):
        await floor.control.close(ME, id)
    exits = [text for text in floor.paper._store.reports.values() if "-C0" in text]  # type: ignore[attr-defined]
    assert len(exits) == 1
    assert [line["action"] for line in floor.audit] == ["close_position"]


async def test_close_all_closes_all(floor: Floor) -> None:
    id = await floor.buy()
    assert await floor.control.close_all(ME) == [id]
    assert floor.view.positions()[0].status is PositionStatus.CLOSING
    await floor.minute("50000")
    assert floor.view.status().trades_today == 1


async def test_pause_is_at_once_and_resume_asks_for_the_second_factor(floor: Floor) -> None:
    await floor.control.pause(ME)
    assert floor.view.status().reason == "manual"
    assert not floor.session.may_enter()
    await floor.control.resume(ME)
    assert floor.view.status().state == "TRADING"

    floor.codes.is_enrolled = True
    await floor.control.pause(ME)
    for code in (None, "000000"):
        with pytest.raises(NotAuthorized):
            await floor.control.resume(replace(ME, otp=code))
    floor.codes.known.add("123456")
    await floor.control.resume(replace(ME, otp="123456"))
    with pytest.raises(NotAuthorized):
        await floor.control.resume(replace(ME, otp="123456"))
    assert [line["result"] for line in floor.audit] == ["ok", "ok", "ok", "refused", "refused", "ok", "refused"]


async def test_resume_is_refused_while_a_latch_holds(floor: Floor) -> None:
    midnight = datetime(2023, 3, 11, tzinfo=UTC)
    latches = floor.session.engine.state.latches
    latches[LatchKind.DAILY_LOSS] = Latch(kind=LatchKind.DAILY_LOSS, at=NOON, reason="down", lifts_at=midnight)
    with pytest.raises(Conflict, match="daily loss holds: it lifts at 00:00 UTC"):
        await floor.control.resume(ME)
    assert floor.view.status().resumes_at == midnight
    latches.clear()
    latches[LatchKind.RUNAWAY] = Latch(kind=LatchKind.RUNAWAY, at=NOON, reason="too many")
    with pytest.raises(Conflict, match="must be unlocked"):
        await floor.control.resume(ME)


async def test_nothing_acts_while_reconciling(floor: Floor) -> None:
    floor.session.engine.state.reconciled = False
    with pytest.raises(Conflict, match="RECONCILING"):
        await floor.control.close(ME, "p")
    with pytest.raises(Conflict, match="RECONCILING"):
        await floor.control.close_all(ME)
    assert floor.view.status().state == "RECONCILING"


async def test_an_entry_that_was_decided_before_a_pause_never_leaves(floor: Floor) -> None:
    """The pause lands between the risk check and the sending."""
    now = floor.session.now()
    floor.session.post(SignalGiven(at=now, signal=a_signal("BUY", 90, at=now)))
    floor.session.post(VoteCalled(at=now, shown=shown(now - 15 * MINUTE)))
    paused = asyncio.ensure_future(floor.control.pause(ME))
    await paused
    await floor.session.drained()
    await floor.minute("50000")
    assert floor.view.positions() == []
    assert floor.paper._simulator.book.quote_total == 10_000


async def test_pages_hear_the_first_change_at_once_and_a_flood_in_gulps(floor: Floor) -> None:
    heard: list[Decimal | None] = []
    end = floor.view.subscribe(lambda: heard.append(floor.view.status().price))
    began = floor.clock.monotonic()
    for price in range(50_001, 50_051):
        await floor.minute(str(price))
    assert 1 <= len(heard) <= 2 + 5 * (floor.clock.monotonic() - began)
    while heard[-1] != 50_050:
        await asyncio.sleep(0.02)
    end()
    end()
    before = len(heard)
    await floor.minute("50000")
    assert len(heard) == before


async def test_a_closed_gate_is_a_reason(floor: Floor) -> None:
    await floor.session.committed(GateClosed(at=floor.session.now(), gate=Gate.EXCHANGE_UNREACHABLE, text="no answer"))
    status = floor.view.status()
    assert (status.state, status.reason, status.connected) == ("PAUSED", "exchange_unreachable", False)
    floor.session.reconcile("test")
    await floor.session.drained()


async def test_an_observer_that_fails_disturbs_nobody(floor: Floor, caplog: pytest.LogCaptureFixture) -> None:
    def broken(message: object) -> None:
        raise RuntimeError("on purpose")

    floor.session.observe(broken)
    await floor.minute("50000")
    assert "an observer failed" in caplog.text
    assert floor.view.status().state == "TRADING"


def test_profits_are_neutral_to_flows(floor: Floor) -> None:
    account = floor.session.engine.state.account
    assert account is not None
    assert profits(None, Decimal(0)) == (0, 0, 0, 0)
    assert profits(account, Decimal(10_100)) == (100, 1, 100, 1)
    paid_in = replace(
        account, cash=Decimal(20_000), units=Decimal(20_000), flows=Decimal(10_000), day_flows=Decimal(10_000)
    )
    assert profits(paid_in, Decimal(20_000)) == (0, 0, 0, 0)
    assert profits(replace(account, units=Decimal(0)), Decimal(0))[1::2] == (0, 0)


async def test_acknowledging_is_audited_and_needs_no_second_factor(floor: Floor) -> None:
    floor.codes.is_enrolled = True
    assert await floor.control.acknowledge(ME, [3, 4]) == 2
    assert floor.seen == [("admin", [3, 4])]
    assert (floor.audit[-1]["action"], floor.audit[-1]["target"]) == ("acknowledge", "3 4")
    await floor.control.acknowledge(ME, None)
    assert floor.audit[-1]["target"] == "all"


def locked(floor: Floor, kind: LatchKind, minutes_ago: int) -> None:
    at = floor.session.now() - MINUTE * minutes_ago
    floor.session.engine.state.latches[kind] = Latch(kind=kind, at=at, reason="why")


async def test_unlocking_wants_phrase_password_and_second_factor(floor: Floor) -> None:
    await floor.start()
    with pytest.raises(Conflict, match="nothing is locked"):
        await floor.control.unlock(ME, "right", "UNLOCK TRADING")
    locked(floor, LatchKind.RUNAWAY, 0)
    floor.codes.is_enrolled, floor.codes.known = True, {"123456"}
    for password, phrase, otp in (
        ("right", "unlock trading", "123456"),
        ("wrong", "UNLOCK TRADING", "123456"),
        ("right", "UNLOCK TRADING", None),
    ):
        with pytest.raises(NotAuthorized):
            await floor.control.unlock(replace(ME, otp=otp), password, phrase)
        assert LatchKind.RUNAWAY in floor.session.engine.state.latches
    await floor.control.unlock(replace(ME, otp="123456"), "right", "UNLOCK TRADING")
    assert floor.session.engine.state.latches == {}
    assert [line["result"] for line in floor.audit if line["action"] == "unlock"] == ["refused", "refused", "ok"]


async def test_after_a_kill_there_is_an_hour_to_read_what_happened(floor: Floor) -> None:
    await floor.start()
    locked(floor, LatchKind.KILL_SWITCH, 59)
    with pytest.raises(Conflict, match="can be unlocked from"):
        await floor.control.unlock(ME, "right", "UNLOCK TRADING")
    locked(floor, LatchKind.KILL_SWITCH, 60)
    await floor.control.unlock(ME, "right", "UNLOCK TRADING")
    assert floor.session.engine.state.latches == {}


async def test_the_daily_limit_cannot_be_unlocked(floor: Floor) -> None:
    await floor.start()
    kind, now = LatchKind.DAILY_LOSS, floor.session.now()
    floor.session.engine.state.latches[kind] = Latch(kind=kind, at=now, reason="why", lifts_at=now + MINUTE)
    with pytest.raises(Conflict, match="nothing is locked"):
        await floor.control.unlock(ME, "right", "UNLOCK TRADING")
