"""How alerts reach people: the matrix, quiet hours, how many at once, and the words."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.alerts import KINDS, AlertEvent, AlertLevel
from app.core.messages import Gate
from app.core.model import Latch, LatchKind, OrderStatus, PositionStatus
from app.core.orders import Orders
from app.core.state import State
from app.notices import (
    CHANNELS,
    FIRST,
    OVER,
    SHORT,
    AlertRules,
    Letter,
    Loud,
    Message,
    Sender,
    Told,
    batches,
    lasting,
    masked,
)
from tests.builders import NOON
from tests.core_stories import a_position, an_order

RULES = AlertRules()
SENDER = Sender(label="PAPER", about="paper, simulated, BTC/USD", link="https://me.example", clean=lambda text: text)


def a_letter(
    number: int = 1,
    event: AlertEvent = AlertEvent.KILL_SWITCH,
    text: str = "down 50.1 % in all",
    *,
    round: int = FIRST,
    silent: bool = False,
) -> Letter:
    told = Told(id=number, event=event, text=text, at=NOON + timedelta(seconds=number))
    return Letter(id=number, told=told, channel="email", round=round, silent=silent, due_at=NOON)


def compose(*letters: Letter) -> Message:
    return SENDER.compose(letters)


# ---------------------------------------------------------------- the matrix


def said(event: AlertEvent, rules: AlertRules = RULES) -> list[str]:
    return [str(rules.loud(event, channel)) for channel in CHANNELS]


def test_grave_events_ring_everywhere_and_news_of_trades_hardly_anywhere() -> None:
    for event, kind in KINDS.items():
        if kind.level is AlertLevel.CRITICAL:
            assert said(event) == ["on", "on", "on", "on"]
    assert said(AlertEvent.DAILY_LOSS) == ["on", "off", "on", "on"]
    assert said(AlertEvent.ENTRY_FILL) == ["off", "off", "on", "silent"]
    assert said(AlertEvent.ALIVE) == ["on", "off", "off", "silent"]


def test_a_test_rings_whatever_the_matrix_says() -> None:
    rules = AlertRules(events={AlertEvent.TEST: dict.fromkeys(CHANNELS, Loud.OFF)})
    assert said(AlertEvent.TEST, rules) == ["on", "on", "on", "on"]


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("21:59", "21:59"),
        ("22:00", "07:00 next day"),
        ("23:30", "07:00 next day"),
        ("06:59", "07:00"),
        ("07:00", "07:00"),
    ],
)
def test_in_quiet_hours_only_grave_alerts_are_sent(now: str, due: str) -> None:
    rules = AlertRules(quiet=(time(22), time(7)))
    at = datetime.combine(NOON.date(), time.fromisoformat(now), UTC)
    word, _, next_day = due.partition(" ")
    expected = datetime.combine(NOON.date(), time.fromisoformat(word), UTC) + timedelta(days=bool(next_day))
    assert rules.due_at(AlertEvent.DAILY_LOSS, at) == expected
    assert rules.due_at(AlertEvent.KILL_SWITCH, at) == at
    assert rules.due_at(AlertEvent.TEST, at) == at


def test_quiet_hours_are_meant_where_the_owner_lives() -> None:
    rules = AlertRules(quiet=(time(13), time(14)), zone=ZoneInfo("America/New_York"))
    winter = datetime(2026, 1, 10, 18, 30, tzinfo=UTC)  # 13:30 in New York
    assert rules.due_at(AlertEvent.ENTRY_FILL, winter) == datetime(2026, 1, 10, 19, tzinfo=UTC)
    summer = datetime(2026, 7, 10, 18, 30, tzinfo=UTC)  # 14:30 in New York
    assert rules.due_at(AlertEvent.ENTRY_FILL, summer) == summer


# ---------------------------------------------------------------- how many at once


def ids(found: list[list[Letter]]) -> list[list[int]]:
    return [[letter.id for letter in batch] for batch in found]


def test_each_alert_is_a_message_of_its_own_while_there_is_room() -> None:
    due = [a_letter(1), a_letter(2, AlertEvent.DAILY_LOSS), a_letter(3, AlertEvent.STOP_MISSING)]
    assert ids(batches(due, 0, 20)) == [[1], [3], [2]]  # the grave ones first


def test_the_same_words_share_a_message() -> None:
    due = [a_letter(n, AlertEvent.ORDER_REJECTED, "exit order refused: busy") for n in range(1, 6)]
    assert ids(batches(due, 0, 20)) == [[1, 2, 3, 4, 5]]


def test_what_is_more_than_the_hour_has_room_for_shares_the_last_message() -> None:
    due = [a_letter(n, text=f"position {n}") for n in range(1, 8)]
    assert ids(batches(due, 17, 20)) == [[1], [2], [3, 4, 5, 6, 7]]
    assert ids(batches(due, 20, 20)) == []


def test_news_leave_a_quarter_of_the_hour_to_grave_alerts() -> None:
    due = [a_letter(n, AlertEvent.ORDER_REJECTED, f"order {n}") for n in range(1, 4)]
    assert ids(batches(due, 13, 20)) == [[1], [2, 3]]
    assert ids(batches(due, 15, 20)) == []
    assert ids(batches([*due, a_letter(9)], 15, 20)) == [[9]]


def test_all_reminders_are_one_message() -> None:
    due = [a_letter(1, round=2), a_letter(2, AlertEvent.STOP_MISSING, round=1), a_letter(3, AlertEvent.STOP_MISSING)]
    assert ids(batches(due, 0, 20)) == [[1, 2], [3]]


@given(
    st.lists(st.tuples(st.sampled_from(list(AlertEvent)), st.integers(0, 4), st.integers(-1, 2)), max_size=60),
    st.integers(0, 60),
    st.integers(4, 40),
)
def test_nothing_is_lost_nothing_doubled_and_the_hour_is_kept(
    events: list[tuple[AlertEvent, int, int]], sent: int, most: int
) -> None:
    due = [a_letter(n, event, f"text {text}", round=round) for n, (event, text, round) in enumerate(events, start=1)]
    found = batches(due, sent, most)
    assert len(found) <= max(most - sent, 0)
    gone = [letter.id for batch in found for letter in batch]
    assert len(gone) == len(set(gone))
    assert all(batch for batch in found)
    grave = {letter.id for letter in due if letter.grave}
    assert not grave or sent >= most or grave <= set(gone)
    if sent == 0:
        assert set(gone) == {letter.id for letter in due} or len(grave) >= most - max(most // 4, 1)


# ---------------------------------------------------------------- the words


def test_a_message_says_what_when_what_to_do_and_where() -> None:
    message = compose(a_letter())
    assert message.subject == "[PAPER] Kill switch: down 50.1 % in all"
    assert message.text.splitlines() == [
        "2023-03-10 12:00:01 UTC Kill switch: down 50.1 % in all",
        "",
        "Read what happened; only your password, second factor and a typed phrase unlock trading.",
        "paper, simulated, BTC/USD · https://me.example",
    ]
    assert message.short == "[PAPER] Kill switch: down 50.1 % in all"
    assert (message.grave, message.silent) == (True, False)


def test_a_reminder_and_an_end_say_so() -> None:
    assert compose(a_letter(round=3)).subject == "[PAPER] Still: Kill switch: down 50.1 % in all"
    over = compose(a_letter(event=AlertEvent.EXCHANGE_UNREACHABLE, round=OVER, silent=True))
    assert over.subject.startswith("[PAPER] Over: Exchange unreachable")
    assert (over.grave, over.silent) == (False, True)


def test_several_alerts_in_one_message_are_counted_and_listed() -> None:
    same = [a_letter(n, AlertEvent.ORDER_REJECTED, "busy") for n in (1, 2, 61)]
    message = compose(*same, a_letter(70))
    assert message.subject == "[PAPER] Order refused, Kill switch"
    assert "Order refused: busy (3 times since 12:00)" in message.text
    assert message.grave


def test_a_flood_is_cut_and_says_how_much_is_missing() -> None:
    message = compose(*(a_letter(n, text=f"position {n}") for n in range(1, 41)))
    assert "and 10 more" in message.text
    assert message.text.count("Kill switch") == 30


def test_the_same_letters_are_the_same_message_however_often_it_is_tried() -> None:
    one, two = a_letter(1), a_letter(2, AlertEvent.STOP_MISSING)
    assert compose(one, two).reference == compose(one, two).reference
    assert len({compose(one).reference, compose(two).reference, compose(one, two).reference}) == 3


def test_a_text_message_is_short_ascii_and_on_one_line() -> None:
    short = compose(a_letter(text="the fee is 5 € …\nand more" + " x" * 300)).short
    assert short.isascii()
    assert "\n" not in short
    assert len(short) <= SHORT
    assert short.startswith("[PAPER] Kill switch: the fee is 5 ? ... and more")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("account 354937868 refused", "account …7868 refused"),
        ("+15551234567 opted out", "…4567 opted out"),
        ("0.00996012 BTC at 123456789.12 USD", "0.00996012 BTC at 123456789.12 USD"),
        ("order 12345678", "order 12345678"),
        ("0.123456789012", "0.123456789012"),
    ],
)
def test_long_numbers_are_masked_and_prices_are_not(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert shown in compose(a_letter(text=text)).text


def test_every_text_is_cleaned_of_secrets() -> None:
    sender = Sender(label="LIVE", about="live", link=None, clean=lambda text: text.replace("hunter2", "***"))
    message = sender.compose([a_letter(text="refused for hunter2")])
    assert "hunter2" not in f"{message.subject} {message.text} {message.short}"


# ---------------------------------------------------------------- what lasts


def test_what_lasts_is_read_from_the_state() -> None:
    state = State()
    assert lasting(state) == frozenset()
    state.latches = {kind: Latch(kind=kind, at=NOON, reason="r") for kind in LatchKind}
    state.gates = dict.fromkeys(Gate, "text")
    state.bare = ["p1"]
    state.positions = {"p": a_position(status=PositionStatus.QUARANTINE)}
    state.orders = Orders({"o": an_order(status=OrderStatus.STUCK)})
    assert lasting(state) == {event for event, kind in KINDS.items() if kind.lasting}
