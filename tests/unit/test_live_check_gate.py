"""The go-live list keeps real money from being traded: in the core, and in the session that follows the list."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from app.checklist import Checklist, Item, Verdict
from app.core.alerts import AlertEvent
from app.core.errors import StoreError
from app.core.messages import (
    AccountSeen,
    ClosePosition,
    Gate,
    GateClosed,
    GateOpened,
    NoticeGiven,
    OrderSending,
    PlaceOrder,
    Started,
    TimePassed,
)
from app.core.model import Role
from app.core.state import standing
from app.going_live import GoingLive
from app.ports import Entry, EquityPoint
from app.seam import Clock, Tasks
from app.session import Session
from tests.builders import NOON, Desk, a_start, d, some_rules
from tests.core_stories import EASY, words
from tests.fakes import MemoryJournal, MemorySeal

WHY = "second factor: admin has none"


def started(why: str = "", *, candle_fed: bool = True) -> Started:
    return a_start(live=True, candle_fed=candle_fed, rules=some_rules(risk=EASY), live_check=why)


def truth(desk: Desk) -> AccountSeen:
    return AccountSeen(at=desk.now, quote_total=d(10_000), base_total=d(0), base_free=d(0), price=d(50_000))


def standing_of(desk: Desk) -> tuple[str, str | None]:
    return standing(desk.engine.state, desk.now)[:2]


# ---------------------------------------------------------------- in the core


def test_no_moment_is_open_between_a_start_and_its_list() -> None:
    desk = Desk(rules=some_rules(risk=EASY), live=True)
    desk.tell(started(WHY))
    assert desk.engine.state.gates == {"live_check": WHY}
    desk.tell(truth(desk))
    assert standing_of(desk) == ("STOPPED", "live_check")
    assert desk.price("50000").vote("BUY") == []
    desk.tell(GateOpened(at=desk.now, gate=Gate.LIVE_CHECK))
    assert standing_of(desk) == ("TRADING", None)
    assert words(desk.vote("BUY")) == ["place entry"]


def test_a_start_with_a_passed_list_opens_what_the_last_process_left_shut() -> None:
    desk = Desk(live=True)
    desk.tell(started(WHY))
    desk.tell(replace(started(), at=desk.now))
    desk.tell(truth(desk))
    desk.price("50000")
    assert standing_of(desk) == ("TRADING", None)


def test_what_is_held_stays_protected_and_can_be_closed() -> None:
    desk = Desk(rules=some_rules(risk=EASY), live=True).start()
    position = desk.bought("50000")
    desk.tell(replace(started(WHY), at=desk.now))
    desk.tell(replace(truth(desk), quote_total=desk.engine.state.account.cash, base_total=position.remaining))
    assert standing_of(desk) == ("STOPPED", "live_check")
    stop = desk.engine.state.orders[position.stop_order_id]
    desk.reports(placed(desk, stop.id), "CANCELED")  # somebody takes the stop away: it is put back
    assert "place stop" in words(desk.actions)
    again = desk.place()
    desk.sends(again)
    desk.reports(again, "OPEN")
    desk.tell(ClosePosition(at=desk.now, id="c", actor="me", position_id=position.id))
    assert "cancel" in " ".join(words(desk.actions))


def placed(desk: Desk, id: str) -> PlaceOrder:
    order = desk.engine.state.orders[id]
    return PlaceOrder(
        client_order_id=id,
        position_id=order.position_id,
        symbol="BTC/USD",
        role=Role.STOP,
        side=order.side,
        type=order.type,
        quantity=order.quantity,
        stop_price=order.stop_price,
    )


# ---------------------------------------------------------------- the session follows the list


class QuietExchange:
    """Answers nothing but the account."""

    def listen(self, post: Callable[[object], None]) -> None:
        self.post = post

    async def account(self, symbol: str, doubtful: object) -> AccountSeen:
        return AccountSeen(at=NOON, quote_total=d(10_000), base_total=d(0), base_free=d(0), price=d(50_000))


class Hands(Clock):
    """Time as the test says; a pause is over at once."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


def checklist(*items: Item, minutes: int = 0) -> Checklist:
    return Checklist(at=NOON + timedelta(minutes=minutes), items=items)


def passed(name: str = "second factor") -> Item:
    return Item(name=name, verdict=Verdict.PASSED, seen="is good")


def failed(name: str = "second factor", *, sure: bool = True) -> Item:
    return Item(name=name, verdict=Verdict.FAILED, seen="admin has none", cure="enrol it", sure=sure)


class Bench:
    """A session with a journal in memory, and a list that says what the test wants."""

    def __init__(self, journal: MemoryJournal | None = None) -> None:
        self.clock, self.journal, self.tasks = Hands(), journal or MemoryJournal(), Tasks()
        self.answers = [checklist(failed())]
        self.looked = 0
        self.session = Session(
            journal=self.journal,
            exchange=QuietExchange(),  # type: ignore[arg-type]
            seal=MemorySeal(),
            tasks=self.tasks,
            clock=self.clock,
            market_now=lambda: NOON,
            version="1",
        )
        self.list = GoingLive(self._look, self.clock)

    async def _look(self) -> Checklist:
        self.looked += 1
        return self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)

    async def begin(self) -> None:
        why = (await self.list.look()).sentence
        self.tasks.start(self.session.run(), "session")
        self.list.watch(self.session)
        await self.session.start(started(why, candle_fed=False))
        await self.session.drained()

    async def minute(self, seconds: float = 60) -> None:
        self.clock.seconds += seconds
        await self.list.run()
        await self.session.drained()

    @property
    def state(self) -> str:
        return standing(self.session.engine.state, NOON)[0]


@pytest.fixture
async def bench() -> Bench:
    made = Bench()
    await made.begin()
    yield made  # type: ignore[misc]
    await made.tasks.stop()


async def test_the_gate_opens_by_itself_once_the_list_is_passed(bench: Bench) -> None:
    assert bench.session.engine.state.gates == {"live_check": WHY}
    await bench.minute()
    assert (bench.state, bench.looked) == ("STOPPED", 2)
    bench.answers = [checklist(passed())]
    await bench.minute()
    assert (bench.state, bench.looked) == ("TRADING", 3)


async def test_a_passed_list_is_looked_at_each_hour_and_shuts_the_gate_again(bench: Bench) -> None:
    bench.answers = [checklist(passed())]
    await bench.minute()
    bench.answers = [checklist(failed())]
    for _ in range(59):
        await bench.minute()
    assert (bench.state, bench.looked) == ("TRADING", 2)
    await bench.minute()
    assert (bench.state, bench.looked) == ("STOPPED", 3)


async def test_a_session_that_starts_over_knows_what_the_list_says_now(bench: Bench) -> None:
    """Begun shut, opened since; then begun open and shut since: the books, and the list, say how it stands."""
    bench.answers = [checklist(passed())]
    await bench.minute()
    await start_over(bench)
    assert bench.state == "TRADING"
    bench.answers = [checklist(failed())]
    await bench.minute(3600)
    await start_over(bench)
    assert bench.state == "STOPPED"
    began = [row.message for row in bench.journal.rows(0, 1000) if '"Started"' in row.message]
    assert ['"live_check":""' in message for message in began] == [False, True, False]


async def test_what_could_not_be_written_of_the_list_is_said_again(bench: Bench) -> None:
    bench.answers = [checklist(passed())]
    await bench.minute()
    bench.answers = [checklist(failed())]
    bench.journal.fail_next = True  # the gate's own message is lost with the disk
    await bench.minute(3600)
    await bench.session.drained()
    assert bench.session.engine.state.gates == {"live_check": WHY}
    assert bench.state == "STOPPED"


async def test_books_that_can_be_read_are_in_trouble_until_they_can_be_written() -> None:
    """As on a full disk: starting over works each time, and the first thing to be written fails again."""

    class FullDisk(MemoryJournal):
        tries_left = 0

        def commit(self, entries: Sequence[Entry], equity: Sequence[EquityPoint]) -> int:
            if self.tries_left:
                self.tries_left -= 1
                trouble.append(bench.session.troubled)
                raise StoreError("database or disk is full")
            return super().commit(entries, equity)

    trouble: list[bool] = []
    disk = FullDisk()
    bench = Bench(disk)
    await bench.begin()
    disk.tries_left = 4
    with pytest.raises(StoreError):
        await bench.session.committed(GateClosed(at=NOON, gate=Gate.DISK, text="full"))
    await bench.session.drained()
    assert trouble == [False, True, True, True]
    assert not bench.session.troubled
    await bench.tasks.stop()


async def start_over(bench: Bench) -> None:
    bench.journal.fail_next = True
    with pytest.raises(StoreError):
        await bench.session.committed(NoticeGiven(at=NOON, event=AlertEvent.TEST, text="lost"))
    await bench.session.drained()
    bench.session.post(TimePassed(at=NOON))
    await bench.session.drained()


async def test_entries_are_asked_for_the_gate_at_the_last_moment(bench: Bench) -> None:
    assert not bench.session.may_enter()
    bench.session.post(OrderSending(at=NOON, client_order_id="nobody"))  # changes nothing
    await bench.session.drained()
    assert not bench.session.may_enter()


# ---------------------------------------------------------------- the list as values


def test_the_sentence_names_what_fails() -> None:
    warned = Item(name="clock", verdict=Verdict.WARNING, seen="so so")
    found = checklist(passed(), failed("key"), warned, failed("disk"))
    assert not found.passed
    assert found.sentence == "key: admin has none; disk: admin has none"
    assert checklist(passed(), Item(name="drill", verdict=Verdict.WAIVED, seen="")).sentence == ""


async def test_what_was_seen_good_stands_for_a_day_while_it_cannot_be_seen() -> None:
    bench = Bench()
    bench.answers = [
        checklist(passed("key")),
        checklist(failed("key", sure=False), minutes=1439),
        checklist(failed("key", sure=False), minutes=1441),
        checklist(failed("key"), minutes=1442),
    ]
    assert [(await bench.list.look()).passed for _ in range(4)] == [True, True, False, False]


async def test_what_was_never_seen_good_is_not_believed() -> None:
    bench = Bench()
    bench.answers = [checklist(failed("key", sure=False))]
    assert not (await bench.list.look()).passed
    bench.answers = [checklist(failed("key")), checklist(failed("key", sure=False), minutes=1)]
    assert [(await bench.list.look()).passed for _ in range(2)] == [False, False]
