"""What people are told, and when: each event once, with a level, and in words that mean something."""

from datetime import timedelta

from app.core.alerts import KINDS, AlertEvent, AlertLevel
from app.core.messages import Alert, Gate, GateClosed, GateOpened, NoticeGiven, TimePassed
from app.core.model import Latch, LatchKind
from tests.builders import NOON, Desk, some_rules
from tests.core_stories import EASY, words


def desk() -> Desk:
    return Desk(rules=some_rules(risk=EASY), candle_fed=True).start()


def told(actions: list[object]) -> list[tuple[str, str]]:
    return [(str(action.event), action.text) for action in actions if isinstance(action, Alert)]


def test_every_event_has_a_level_a_title_and_a_meaning() -> None:
    assert set(KINDS) == set(AlertEvent)
    for event, kind in KINDS.items():
        assert kind.title, event
        assert kind.meaning, event
        assert not kind.lasting or kind.level is AlertLevel.CRITICAL, event
        assert kind.advice or kind.level is not AlertLevel.CRITICAL, event


def test_a_trade_is_told_with_its_price_its_stop_and_its_result() -> None:
    trader = desk()
    trader.vote("BUY")
    entry = trader.place()
    trader.sends(entry)
    assert told(trader.reports(entry, "FILLED", price="50000")) == [
        ("entry_fill", "0.00996 BTC at 50000.00 USD (498.50), stop at 47500.00")
    ]
    stop = trader.place()
    trader.sends(stop)
    trader.reports(stop, "OPEN")
    assert told(trader.reports(stop, "FILLED", price="47400")) == [
        ("exit_fill", "0.00996 BTC at 47400.00 USD, -26.87 USD (-5.39 %), stop")
    ]


def test_a_notice_from_outside_becomes_an_alert_with_the_level_of_its_event() -> None:
    trader = desk()
    actions = trader.tell(NoticeGiven(at=trader.now, event=AlertEvent.CHANNEL_DOWN, text="email refuses"))
    assert actions == [Alert(event=AlertEvent.CHANNEL_DOWN, level=AlertLevel.WARNING, text="email refuses")]
    assert trader.engine.touched


def test_a_gate_is_told_when_it_closes_and_not_again_while_it_is_closed() -> None:
    trader = desk()
    first = trader.tell(GateClosed(at=trader.now, gate=Gate.DISK, text="4 % free"))
    again = trader.tell(GateClosed(at=trader.now, gate=Gate.DISK, text="3 % free"))
    trader.tell(GateOpened(at=trader.now, gate=Gate.DISK))
    anew = trader.tell(GateClosed(at=trader.now, gate=Gate.DISK, text="4 % free"))
    assert [words(actions) for actions in (first, again, anew)] == [["alert disk"], [], ["alert disk"]]


def test_the_end_of_the_daily_limit_is_told_on_the_new_day() -> None:
    trader = desk()
    latch = Latch(kind=LatchKind.DAILY_LOSS, at=trader.now, reason="down 15 %", lifts_at=NOON + timedelta(hours=12))
    trader.engine.state.latches[LatchKind.DAILY_LOSS] = latch
    assert words(trader.wait(hours=11).tell(TimePassed(at=trader.now))) == []
    assert words(trader.wait(hours=2).tell(TimePassed(at=trader.now))) == ["alert daily_loss_over"]


def test_thirty_seconds_without_a_certain_stop_are_told_once() -> None:
    trader = desk()
    trader.filled()
    stop = trader.place()
    trader.sends(stop)
    heard = []
    for _ in range(8):
        heard += words(trader.wait(seconds=10).tell(TimePassed(at=trader.now)))
    assert heard.count("alert stop_missing") == 1


def test_a_stop_that_is_lost_again_is_told_again() -> None:
    trader = desk()
    first = trader.bought().stop_order_id
    assert "alert stop_missing" in words(trader.wait(minutes=2).tell_status(first, "CANCELED"))
    second = trader.place()
    trader.sends(second)
    trader.reports(second, "OPEN")
    trader.wait(seconds=1).tell(TimePassed(at=trader.now))
    assert trader.engine.state.bare == []
    assert "alert stop_missing" in words(trader.wait(minutes=2).tell_status(second.client_order_id, "CANCELED"))
