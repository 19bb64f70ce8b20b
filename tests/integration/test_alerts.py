"""Alerts from the journal to real servers: nothing lost, nothing twice, whatever is down meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app import codec
from app.backtest_ports import Busy
from app.channels import ChannelDown, ChannelState, Sent
from app.core.alerts import KINDS, AlertEvent
from app.core.errors import StoreError
from app.core.messages import Alert, NoticeGiven
from app.core.model import Candle, MarketData
from app.core.rules import EntryRules, RiskLimits, StrategyRule, Tripwires
from app.notices import AlertRules, Loud, Message, Sender
from app.notifier import LONGEST_PAUSE, Notifier
from app.ports import Entry
from app.seam import Tasks
from services.database import Database, DatabaseJournal, DatabaseOutbox, DatabaseReader, Ledgers, open_database
from services.notifications.email import Email
from services.notifications.sms import Account, Sms
from services.settings import Secret
from tests.builders import some_rules
from tests.fakes import Answer, MemoryPaperStore, ScriptedStrategies
from tests.fakes_ui import NOW, HandClock
from tests.post_office import Asked, MailServer, web_service
from tests.trading_day import Day, random_candles

SENDER = Sender(label="PAPER", about="paper, test, BTC/USD", link=None, clean=lambda text: text)
ALL = dict.fromkeys(("email", "sms", "push", "apprise"), Loud.ON)


async def at_once() -> None:
    """Trading has nothing to do."""


class Desk:
    """A journal and a notifier on one database, a clock moved by hand, and mail that really goes out."""

    def __init__(self, database: Database, channels: Sequence[Any], rules: AlertRules | None = None) -> None:
        self.database, self.clock, self.tasks = database, HandClock(), Tasks()
        ledger = Ledgers(database, min).open("paper", "test", "BTC/USD", NOW)
        self.journal = DatabaseJournal(database, ledger.name, "1")
        self.outbox = DatabaseOutbox(database, ledger.name)
        self.reader = DatabaseReader(database, ledger.name, self.tasks)
        self.lasting: frozenset[AlertEvent] | None = frozenset()
        self.told: list[tuple[AlertEvent, str]] = []
        self.channels, self.rules = channels, rules or AlertRules()
        self.unwritten = False
        self.notifier = self.a_notifier()

    def a_notifier(self) -> Notifier:
        return Notifier(
            outbox=self.outbox,
            channels=self.channels,
            rules=self.rules,
            sender=SENDER,
            lasting=lambda: self.lasting,
            tell=lambda event, text: self.told.append((event, text)),
            quiet=at_once,
            clock=self.clock,
            tasks=self.tasks,
            unwritten=lambda: self.unwritten,
        )

    def happens(self, event: AlertEvent, text: str = "something") -> None:
        """As the session writes it: the alert is an action of a journalled message."""
        alert = Alert(event=event, level=KINDS[event].level, text=text)
        notice = codec.encode(NoticeGiven(at=NOW, event=event, text=text))
        entry = Entry(at=NOW, recorded_at=self.clock.now(), message=notice, actions=codec.encode([alert]))
        self.journal.commit([entry], [])

    async def step(self) -> None:
        """One look, and every channel has done what it could."""
        if not self.notifier.posts:
            await self.notifier.open()
        await self.notifier.step()
        async with asyncio.timeout(60):
            while any(post.busy for post in self.notifier.posts):
                await asyncio.sleep(0.005)

    async def live(self, **how_long: float) -> None:
        """Time passes in steps of half a minute."""
        until = self.clock.now() + timedelta(**how_long)
        while self.clock.now() < until:
            self.clock.forward(seconds=30)
            await self.step()

    async def rows(self) -> list[dict[str, Any]]:
        return (await self.reader.list("alerts", 100, 0))[0]

    async def letters(self) -> list[str]:
        """Oldest first: channel and status."""
        return [f"{each['channel']} {each['status']}" for row in reversed(await self.rows()) for each in row["letters"]]

    def state(self, name: str = "email") -> ChannelState:
        return next(each for each in self.outbox.states() if each.name == name)


@pytest.fixture
def mail() -> Any:
    server = MailServer().start()
    yield server
    server.stop()


@pytest.fixture
async def open_desk(database_url: str) -> AsyncIterator[Callable[..., Desk]]:
    opened: list[Desk] = []

    def make(*channels: Any, rules: AlertRules | None = None) -> Desk:
        desk = Desk(open_database(database_url), channels, rules)
        opened.append(desk)
        return desk

    yield make
    for desk in opened:
        await desk.tasks.stop()
        desk.journal.close()
        desk.database.close()


def by_mail(server: MailServer) -> Email:
    return Email(Secret(server.url), "bot@example.org", ("me@example.org",))


OpenDesk = Callable[..., Desk]

# ---------------------------------------------------------------- the way of an alert


async def test_an_alert_arrives_once_and_says_so(open_desk: OpenDesk, mail: MailServer) -> None:
    desk = open_desk(by_mail(mail))
    desk.happens(AlertEvent.DAILY_LOSS, "down 15.10 % today, limit 15 %")
    await desk.step()
    await desk.live(minutes=5)
    assert mail.subjects == ["[PAPER] Daily loss limit reached: down 15.10 % today, limit 15 %"]
    assert await desk.letters() == ["email delivered"]
    assert (desk.state().status, desk.state().error) == ("ok", "")


async def test_the_matrix_says_which_alert_goes_where(open_desk: OpenDesk, mail: MailServer) -> None:
    rules = AlertRules(events={AlertEvent.ENTRY_FILL: {"email": Loud.SILENT}})
    desk = open_desk(by_mail(mail), rules=rules)
    desk.happens(AlertEvent.EXIT_FILL, "sold")
    desk.happens(AlertEvent.ENTRY_FILL, "bought")
    await desk.step()
    assert mail.subjects == ["[PAPER] Bought: bought"]
    assert mail.mails[0]["Importance"] == "low"


async def test_quiet_hours_keep_what_is_not_grave_until_the_morning(open_desk: OpenDesk, mail: MailServer) -> None:
    evening = NOW.time().replace(second=0, microsecond=0)
    morning = (NOW + timedelta(hours=8)).time().replace(second=0, microsecond=0)
    desk = open_desk(by_mail(mail), rules=AlertRules(quiet=(evening, morning)))
    desk.happens(AlertEvent.DAILY_LOSS, "down 15 %")
    desk.happens(AlertEvent.STOP_RESCUED, "sold")
    await desk.step()
    assert [subject.split(":")[0] for subject in mail.subjects] == ["[PAPER] A stop was jumped"]
    desk.clock.forward(hours=8)
    await desk.step()
    assert [subject.split(":")[0] for subject in mail.subjects][1:] == ["[PAPER] Daily loss limit reached"]


async def test_a_flood_keeps_to_its_number_an_hour_and_loses_nothing(open_desk: OpenDesk, mail: MailServer) -> None:
    desk = open_desk(by_mail(mail), rules=AlertRules(max_per_hour=8))
    for number in range(100):
        desk.happens(AlertEvent.STOP_RESCUED, f"position p{number} sold")
        if number % 10 == 0:
            await desk.step()
    await desk.live(hours=3)
    all_text = "".join(each.get_content() for each in mail.mails)  # type: ignore[attr-defined]
    assert len(mail.mails) <= 24
    assert set(await desk.letters()) == {"email delivered"}
    assert "position p0 sold" in all_text
    assert "more: the dashboard and the log have them" in all_text


async def test_the_same_words_again_and_again_are_gathered(open_desk: OpenDesk, mail: MailServer) -> None:
    desk = open_desk(by_mail(mail))
    for _ in range(40):
        desk.happens(AlertEvent.ORDER_REJECTED, "stop order refused: busy")
        await desk.live(seconds=30)
    await desk.live(minutes=15)
    assert len(mail.mails) <= 4
    assert "times since" in mail.mails[1].get_content()  # type: ignore[attr-defined]
    assert set(await desk.letters()) == {"email delivered"}


# ---------------------------------------------------------------- servers that are down


async def test_a_server_that_is_down_for_an_hour_gets_every_message_afterwards_once(
    open_desk: OpenDesk, mail: MailServer
) -> None:
    desk = open_desk(by_mail(mail))
    mail.stop()
    for number, event in enumerate((AlertEvent.DAILY_LOSS, AlertEvent.KILL_SWITCH, AlertEvent.STOP_RESCUED)):
        desk.happens(event, f"number {number}")
        await desk.live(minutes=20)
    assert desk.state().status == "failing"
    assert "cannot be reached" in desk.state().error
    mail.start()
    await desk.live(seconds=LONGEST_PAUSE.total_seconds() + 30)
    text = " ".join(mail.subjects)
    assert [text.count(f"number {number}") for number in range(3)] == [1, 1, 1]
    assert desk.state().status == "ok"
    assert desk.told == [(AlertEvent.CHANNEL_DOWN, f"email: 127.0.0.1:{mail.port} cannot be reached")]


async def test_what_cannot_be_delivered_within_a_day_is_given_up(open_desk: OpenDesk, mail: MailServer) -> None:
    desk = open_desk(by_mail(mail))
    mail.stop()
    desk.happens(AlertEvent.DAILY_LOSS)
    await desk.step()
    desk.clock.forward(hours=24, minutes=1)
    await desk.step()
    assert await desk.letters() == ["email expired"]


async def test_a_revoked_channel_is_told_by_the_others_and_tried_seldom(open_desk: OpenDesk, mail: MailServer) -> None:
    with web_service(lambda _: (401, {"code": 20003, "message": "Authenticate"})) as twilio:
        account = Account(sid=Secret("AC1"), token=Secret("t"), sender="+15551234567", base_url=twilio.url)
        desk = open_desk(by_mail(mail), Sms("sms-1", account, "+15557654321"))
        desk.happens(AlertEvent.STOP_RESCUED)
        await desk.live(minutes=29)
        assert len(twilio.asked) == 1
        await desk.live(minutes=32)
    assert 2 <= len(twilio.asked) <= 3
    assert desk.state("sms-1").status == "revoked"
    assert desk.told == [
        (AlertEvent.CHANNEL_DOWN, "sms-1: Twilio answers 401: the account or its token is not right (20003)")
    ]
    assert len(mail.mails) == 1  # one channel's trouble is not another's
    assert not [post for post in desk.notifier.posts if post.busy]
    assert {state.name: state.status for state in desk.notifier.states()} == {"email": "ok", "sms-1": "revoked"}


async def test_a_text_message_is_delivered_when_the_phone_has_it(open_desk: OpenDesk) -> None:
    status = ["queued"]

    def answer(asked: Asked) -> tuple[int, Any]:
        return (201 if asked.method == "POST" else 200), {"sid": "SM" + "2" * 32, "status": status[0]}

    with web_service(answer) as twilio:
        account = Account(sid=Secret("AC1"), token=Secret("t"), sender="+15551234567", base_url=twilio.url)
        desk = open_desk(Sms("sms-1", account, "+15557654321"))
        desk.happens(AlertEvent.STOP_RESCUED)
        await desk.live(minutes=1)
        assert await desk.letters() == ["sms-1 sent"]
        assert desk.state("sms-1").status == "untested"
        status[0] = "delivered"
        await desk.live(minutes=1)
    assert await desk.letters() == ["sms-1 delivered"]
    assert desk.state("sms-1").status == "ok"
    assert [asked.method for asked in twilio.asked].count("POST") == 1


# ---------------------------------------------------------------- restarts


class Lossy:
    """A channel that keeps what it is given and loses the first answers."""

    name = kind = "email"
    reaches = 1

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.lose = 1
        self.findable = True

    async def send(self, message: Message) -> Sent:
        self.taken.append(message.reference)
        if self.lose:
            self.lose -= 1
            raise ChannelDown("no answer", doubtful=True)
        return Sent()

    async def find(self, message: Message) -> Sent | None:
        return Sent() if self.findable and message.reference in self.taken else None

    async def delivered(self, id: str) -> bool:
        return True


@pytest.mark.parametrize("findable", [True, False])
async def test_a_message_in_doubt_is_looked_for_and_else_sent_again_as_the_same_one(
    open_desk: OpenDesk, findable: bool
) -> None:
    channel = Lossy()
    channel.findable = findable
    desk = open_desk(channel)
    desk.happens(AlertEvent.STOP_RESCUED, "one")
    await desk.step()
    desk.happens(AlertEvent.STOP_RESCUED, "two")
    await desk.live(minutes=1)
    assert len(set(channel.taken)) == 2
    assert len(channel.taken) == (2 if findable else 3)
    assert set(await desk.letters()) == {"email delivered"}


async def test_after_a_crash_in_mid_sending_nothing_is_lost_and_what_was_sent_is_found(open_desk: OpenDesk) -> None:
    channel = Lossy()
    channel.lose = 0
    desk = open_desk(channel)
    desk.happens(AlertEvent.STOP_RESCUED, "one")
    sent = desk.outbox.sent

    def crash(*_: Any) -> None:
        raise StoreError("killed")

    desk.outbox.sent = crash  # type: ignore[method-assign]  # the process dies between the server's yes and our note
    await desk.step()
    desk.outbox.sent = sent  # type: ignore[method-assign]
    desk.notifier = desk.a_notifier()
    await desk.step()
    assert len(channel.taken) == 1
    assert await desk.letters() == ["email delivered"]


async def test_a_doubt_stays_a_doubt_until_somebody_can_be_asked(open_desk: OpenDesk) -> None:
    channel = Lossy()
    desk = open_desk(channel)
    desk.happens(AlertEvent.STOP_RESCUED, "one")
    await desk.step()
    find = channel.find

    async def away(_: Message) -> Sent | None:
        raise ChannelDown("cannot be asked")

    channel.find = away  # type: ignore[method-assign]
    await desk.live(minutes=5)
    channel.find = find  # type: ignore[method-assign]
    await desk.live(minutes=6)
    assert len(channel.taken) == 1
    assert await desk.letters() == ["email delivered"]


# ---------------------------------------------------------------- grave and lasting


async def test_what_lasts_for_days_is_repeated_for_days(open_desk: OpenDesk, mail: MailServer) -> None:
    desk = open_desk(by_mail(mail), rules=AlertRules(repeat=timedelta(hours=6)))
    desk.lasting = frozenset({AlertEvent.KILL_SWITCH})
    desk.happens(AlertEvent.KILL_SWITCH, "down 50 %")
    for _ in range(9):
        await desk.step()
        desk.clock.forward(hours=6)
    assert len(mail.mails) == 9
    assert set(await desk.letters()) == {"email delivered"}


async def test_what_lasts_is_repeated_until_somebody_has_seen_it(open_desk: OpenDesk, mail: MailServer) -> None:
    desk = open_desk(by_mail(mail))
    desk.lasting = frozenset({AlertEvent.KILL_SWITCH})
    desk.happens(AlertEvent.KILL_SWITCH, "down 50 %")
    await desk.live(minutes=46)
    assert [subject.split(":")[0] for subject in mail.subjects] == ["[PAPER] Kill switch", *["[PAPER] Still"] * 3]
    assert [alert.event for alert in desk.notifier.unseen] == [AlertEvent.KILL_SWITCH]
    assert await desk.notifier.acknowledge("me", None) == 1
    assert desk.notifier.unseen == ()
    await desk.live(hours=1)
    assert len(mail.mails) == 4
    (row,) = await desk.rows()
    assert row["acknowledged_by"] == "me"
    assert await desk.notifier.acknowledge("me", None) == 0


async def test_the_end_of_what_lasted_is_told_to_those_who_heard_of_it(open_desk: OpenDesk, mail: MailServer) -> None:
    desk = open_desk(by_mail(mail))
    desk.lasting = frozenset({AlertEvent.EXCHANGE_UNREACHABLE})
    desk.happens(AlertEvent.EXCHANGE_UNREACHABLE, "no answer for 5 min")
    await desk.live(minutes=2)
    desk.lasting = None  # right after a restart nobody knows yet
    await desk.live(minutes=1)
    desk.lasting = frozenset()
    await desk.live(hours=1)
    assert [subject.split(":")[0] for subject in mail.subjects] == ["[PAPER] Exchange unreachable", "[PAPER] Over"]
    assert desk.notifier.unseen == ()


async def test_a_condition_that_ended_before_anybody_heard_of_it_needs_no_end(
    open_desk: OpenDesk, mail: MailServer
) -> None:
    desk = open_desk(by_mail(mail))
    mail.stop()
    desk.happens(AlertEvent.STOP_MISSING, "p1")
    await desk.live(minutes=3)
    mail.start()
    await desk.live(minutes=10)
    assert len(mail.mails) == 1


async def test_reminders_of_several_alerts_are_one_message(open_desk: OpenDesk, mail: MailServer) -> None:
    desk = open_desk(by_mail(mail))
    desk.lasting = frozenset({AlertEvent.STOP_MISSING, AlertEvent.ORDER_STUCK})
    for number in range(3):
        desk.happens(AlertEvent.STOP_MISSING, f"p{number}")
    desk.happens(AlertEvent.ORDER_STUCK, "o1")
    await desk.live(minutes=16)
    assert len(mail.mails) == 5


async def test_only_one_of_several_alerts_can_be_acknowledged(open_desk: OpenDesk) -> None:
    desk = open_desk()
    desk.happens(AlertEvent.STOP_RESCUED, "p1")
    desk.happens(AlertEvent.STOP_RESCUED, "p2")
    await desk.step()
    newest, oldest = desk.notifier.unseen
    assert (newest.text, oldest.text) == ("p2", "p1")
    assert await desk.notifier.acknowledge("me", [oldest.id]) == 1
    await desk.step()
    assert [alert.text for alert in desk.notifier.unseen] == ["p2"]


# ---------------------------------------------------------------- the watchdog and the database


async def test_the_watchdog_hears_nothing_while_a_grave_alert_cannot_be_delivered(
    open_desk: OpenDesk, mail: MailServer
) -> None:
    desk = open_desk(by_mail(mail))
    mail.stop()
    assert await desk.notifier.delivering()
    desk.happens(AlertEvent.KILL_SWITCH)
    desk.lasting = frozenset({AlertEvent.KILL_SWITCH})
    await desk.live(minutes=9)
    assert await desk.notifier.delivering()
    await desk.live(minutes=2)
    assert not await desk.notifier.delivering()
    mail.start()
    await desk.live(minutes=6)
    assert await desk.notifier.delivering()


async def test_without_its_database_the_notifier_tells_people_directly(open_desk: OpenDesk, mail: MailServer) -> None:
    desk = open_desk(by_mail(mail))
    await desk.step()

    def away() -> Any:
        raise StoreError("the database cannot be read: gone")

    desk.outbox.fresh = away  # type: ignore[method-assign]
    await desk.live(minutes=30)
    async with asyncio.timeout(20):
        while not mail.mails:
            await asyncio.sleep(0.01)
    assert [subject.split(":")[0] for subject in mail.subjects] == ["[PAPER] The database cannot be written"]


async def test_on_a_full_disk_that_can_still_be_read_people_are_told_directly_too(
    open_desk: OpenDesk, mail: MailServer
) -> None:
    desk = open_desk(by_mail(mail))
    desk.unwritten = True
    await desk.live(seconds=30)
    desk.unwritten = False
    await desk.live(minutes=2)
    assert mail.subjects == []  # it was short
    desk.unwritten = True
    await desk.live(minutes=30)
    async with asyncio.timeout(20):
        while not mail.mails:
            await asyncio.sleep(0.01)
    said = "[PAPER] The database cannot be written: the journal cannot be written: is the disk full?"
    assert mail.subjects == [said]


# ---------------------------------------------------------------- a kill switch fires on paper while mail is down

KILLED_SOON = RiskLimits(
    position_size_pct=Decimal(10),
    max_exposure_pct=Decimal(40),
    kill_switch_loss_pct=Decimal(1),
    daily_loss_limit_pct=None,
    trailing=None,
    stop_loss_pct=Decimal(10),
    entry=EntryRules(cooldown_candles=0, max_entries_per_day=None),
    tripwires=Tripwires(
        orders_per_minute=None,
        orders_per_hour=None,
        notional_per_day_pct=None,
        trade_loss_pct=None,
        stop_outs_in_a_row=None,
        rejects_in_10_minutes=None,
    ),
)


def always_buy(_: MarketData) -> Answer:
    return "BUY", Decimal(90), "go"


def falling(candles: list[Candle]) -> list[Candle]:
    """The last twenty minutes lose 8 per cent: no stop is reached, the kill switch is."""
    flat = [replace(each, open=Decimal(20_000), high=Decimal(20_001), low=Decimal(19_999), close=Decimal(20_000))
            for each in candles]  # fmt: skip
    for number in range(-20, 0):
        level = Decimal(20_000) * (1000 - 4 * (number + 21)) / 1000
        flat[number] = replace(flat[number], open=level, high=level + 1, low=level - 1, close=level)
    return flat


async def test_a_kill_switch_closes_everything_while_mail_is_down_and_every_message_arrives_afterwards_once(
    open_desk: OpenDesk, mail: MailServer
) -> None:
    everything = AlertRules(levels=dict.fromkeys(("critical", "warning", "info"), ALL), max_per_hour=200)
    desk = open_desk(by_mail(mail), rules=everything)
    mail.stop()
    minutes = falling(random_candles(3, 130))
    strategy = StrategyRule(name="technical", enabled=True, weight=Decimal(30))
    rules = some_rules(risk=KILLED_SOON, strategies=[strategy])
    rules = replace(rules, voting=replace(rules.voting, timeframe="1m"))
    day = Day(
        rules,
        minutes[:40],
        minutes[40:],
        strategies=ScriptedStrategies(always_buy),
        journal=desk.journal,  # type: ignore[arg-type]
        store=MemoryPaperStore(),
        clock=desk.clock,
    )
    running = asyncio.create_task(day.run())
    while not running.done():  # the notifier tries and fails beside it
        desk.clock.forward(seconds=1)
        await desk.step()
    session = await running
    assert day.seal.sealed()
    assert session.engine.state.positions == {}  # everything was sold, mail or no mail
    desk.lasting = frozenset({AlertEvent.KILL_SWITCH})
    await desk.live(hours=1)
    assert mail.mails == []
    mail.start()
    await desk.live(minutes=6)
    events = [row["event"] for row in reversed(await desk.rows())]
    assert events.count("kill_switch") == 1
    assert events.count("entry_fill") == events.count("exit_fill") == 4
    assert all(letter.endswith("delivered") for letter in await desk.letters())
    text = "\n".join(each.get_content() for each in mail.mails)  # type: ignore[attr-defined]
    for row in await desk.rows():
        assert text.count(f"{row['title']}: {row['text']}") >= 1, row
    firsts = [subject for subject in mail.subjects if subject.startswith("[PAPER] Kill switch")]
    assert len(firsts) == 1
    assert len({str(each["Message-ID"]) for each in mail.mails}) == len(mail.mails)


# ---------------------------------------------------------------- tried by a person


async def test_a_person_tries_a_channel_and_learns_how_it_went(open_desk: OpenDesk, mail: MailServer) -> None:
    desk = open_desk(by_mail(mail))
    await desk.notifier.open()
    state = await desk.notifier.test("email")
    assert (state.status, state.error) == ("ok", "")
    assert mail.subjects == ["[PAPER] Test: this channel works; asked for in Controls"]
    assert desk.state().status == "ok"
    with pytest.raises(Busy):
        await desk.notifier.test("email")
    with pytest.raises(KeyError):
        await desk.notifier.test("pigeon")
    mail.stop()
    desk.clock.forward(minutes=1)
    failed = await desk.notifier.test("email")
    assert failed.status == "failing"
    assert failed.error
    assert desk.state().status == "failing"
