"""What is written down comes back equal, and the same thing is always written with the same bytes."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from app import codec
from app.core import messages, model
from app.core.alerts import AlertEvent, AlertLevel
from app.core.engine import Engine
from app.core.errors import DataError
from app.core.messages import (
    AccountSeen,
    Alert,
    CandleClosed,
    ChangeRisk,
    ChangeVoting,
    GateClosed,
    OrderRefused,
    OrderReported,
    PriceSeen,
    ReplaceStop,
    SignalGiven,
    Unlock,
    VoteCalled,
)
from app.core.model import OrderBook, OrderReport, OrderStatus
from app.core.rules import RiskLimits, Rules, Trailing
from tests.builders import NOON, Desk, a_candle, a_signal, d, shown
from tests.core_stories import a_position, a_trade, an_order

REPORT = OrderReport(client_order_id="a", exchange_order_id="b", status=OrderStatus.PARTIAL, at=NOON)
THINGS = [
    CandleClosed(at=NOON, candle=a_candle("50000.10"), late=True),
    PriceSeen(at=NOON, bid=d("1E-5"), ask=d("2"), source="reference"),
    SignalGiven(at=NOON, signal=a_signal(reasoning="a “quoted” line\nand ₿")),
    VoteCalled(at=NOON, shown=shown(), book=OrderBook(bids=((d(1), d(2)),), asks=(), at=NOON)),
    VoteCalled(at=NOON, shown=shown()),
    OrderReported(at=NOON, report=REPORT),
    OrderRefused(at=NOON, client_order_id="x", refusal=messages.Refusal.BUSY, reason="wait"),
    AccountSeen(at=NOON, quote_total=d(1), base_total=d(2), base_free=d(3), reports=(REPORT,), open_ids=("a", "b")),
    GateClosed(at=NOON, gate=messages.Gate.DISK, text="full"),
    ChangeRisk(at=NOON, id="1", actor="me", limits=RiskLimits(trailing=None), name="n", value="v", now=False),
    ChangeVoting(at=NOON, id="1", actor="me", rules=Rules(risk=RiskLimits(trailing=Trailing())), note=""),
    Unlock(at=NOON, id="1", actor="me", kind=model.LatchKind.KILL_SWITCH),
    Alert(event=AlertEvent.TEST, level=AlertLevel.CRITICAL, text="t"),
    ReplaceStop(
        old_id="o",
        order=messages.PlaceOrder(
            client_order_id="n",
            position_id="p",
            symbol="BTC/USD",
            role=model.Role.STOP,
            side=model.Side.SELL,
            type=model.OrderType.STOP_LOSS,
            quantity=d("0.00100"),
            stop_price=d(47_500),
        ),
    ),
    a_position(signals=(a_signal(),), closed_at=NOON),
    a_trade(),
    an_order(price=None, sent_at=NOON),
]


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: type(thing).__name__)
def test_everything_comes_back_equal(thing: object) -> None:
    text = codec.encode(thing)
    back = codec.decode(text)
    assert back == thing
    assert type(back) is type(thing)
    assert codec.encode(back) == text


def test_the_bytes_are_canonical() -> None:
    thing = PriceSeen(at=NOON, bid=d("50000.100"), ask=d("5.01E+4"))
    assert codec.encode(thing) == (
        '{"of":{"ask":"50100","at":"2023-03-10T12:00:00.000000Z","bid":"50000.1","source":"feed"},"type":"PriceSeen"}'
    )


def test_times_are_written_in_utc_without_loss() -> None:
    at = datetime(2023, 3, 10, 12, 0, 0, 123456, tzinfo=UTC)
    assert codec.utc_text(at) == "2023-03-10T12:00:00.123456Z"


def test_lists_dicts_and_plain_values_travel_too() -> None:
    assert codec.decode(codec.encode([1, None, True, "ä", {"b": d("1.50"), "a": []}])) == [
        1,
        None,
        True,
        "ä",
        {"a": [], "b": "1.5"},
    ]
    assert codec.encode((1.5, {})) == "[1.5,{}]"


def test_a_whole_state_comes_back_and_goes_on_as_before() -> None:
    desk = Desk().start()
    desk.bought()
    text = codec.encode(desk.engine.state)
    again = Engine(codec.decode(text))
    assert codec.encode(again.state) == text
    message = CandleClosed(at=desk.now, candle=a_candle("52000", at=desk.now))
    assert again.handle(message) == desk.engine.handle(message)
    assert codec.encode(again.state) == codec.encode(desk.engine.state)


def test_fields_that_are_new_take_their_default_and_unknown_ones_are_left_out() -> None:
    text = codec.encode(a_candle()).replace('"volume":"1"', '"volume":"1","mood":"good"')
    assert codec.decode(text) == a_candle()
    older = codec.encode(PriceSeen(at=NOON, bid=d(1), ask=d(1))).replace(',"source":"feed"', "")
    assert codec.decode(older) == PriceSeen(at=NOON, bid=d(1), ask=d(1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"type":"Nobody","of":{}}',
        '{"type":"PriceSeen","of":{}}',
        '{"type":"PriceSeen","of":[]}',
        '{"type":"PriceSeen","of":{"at":"yesterday","bid":"1","ask":"1"}}',
        '{"type":"PriceSeen","of":{"at":"2023-03-10T12:00:00Z","bid":"one","ask":"1"}}',
        '{"type":"GateOpened","of":{"at":"2023-03-10T12:00:00Z","gate":"barn"}}',
        '{"type":["PriceSeen"],"of":{}}',
    ],
)
def test_what_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="cannot read a stored message"):
        codec.decode(text)


def test_what_cannot_be_written_is_a_bug_at_once() -> None:
    with pytest.raises(TypeError, match="cannot write set"):
        codec.encode({1, 2})
    with pytest.raises(ValueError, match="JSON"):
        codec.encode(float("nan"))


def test_further_things_can_be_registered() -> None:
    @codec.register
    @dataclass(frozen=True)
    class Parcel:
        pair: tuple[int, Decimal]
        many: list[Decimal]

    parcel = Parcel(pair=(1, d(2)), many=[d(3)])
    assert codec.decode(codec.encode(parcel)) == parcel
    assert codec.encode(replace(parcel, many=[])).endswith('"type":"Parcel"}')


def test_half_a_surrogate_pair_is_written_as_a_question_mark_and_not_stumbled_over() -> None:
    text = codec.encode({"reason": "caf\udce9 \ud83d é ₿"})
    assert text.encode().decode() == '{"reason":"caf? ? é ₿"}'
