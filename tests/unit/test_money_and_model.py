"""Numbers and nouns: what is refused at the door, and which way every rounding goes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from app.core import money
from app.core.errors import DataError, ExchangeBusy, ExchangeRefused, TraderError
from app.core.model import (
    Fill,
    OrderStatus,
    OrderType,
    Quote,
    Role,
    Side,
    Trade,
    require_utc,
    timeframe_seconds,
)
from app.core.rules import Asking, VotingRules
from tests.builders import NOON, a_candle, a_signal, a_strategy_rule, an_instrument, d
from tests.core_stories import a_position, a_trade, an_order

NO_NUMBERS = [
    None,
    True,
    False,
    "",
    " ",
    "1,5",
    "abc",
    "NaN",
    "Infinity",
    "-inf",
    float("nan"),
    float("inf"),
    [],
    "1 2",
]


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_finite_number_is_refused_by_name(value: object) -> None:
    with pytest.raises(DataError, match="the price"):
        money.decimal(value, "the price")


@pytest.mark.parametrize(
    ("value", "number"),
    [("1.50", "1.50"), (" 2 ", "2"), (0.1, "0.1"), (7, "7"), (Decimal(3), "3"), ("1e-5", "0.00001"), (-4, "-4")],
)
def test_numbers_come_from_strings_ints_and_floats_as_they_are_written(value: object, number: str) -> None:
    assert money.decimal(value) == Decimal(number)


def test_positive_means_more_than_zero() -> None:
    assert money.positive("0.00000001") == Decimal("0.00000001")
    for value in ("0", "-1", 0, -0.5):
        with pytest.raises(DataError, match="greater than zero"):
            money.positive(value, "quantity")
    with pytest.raises(DataError, match="number: None"):
        money.positive(None)


def test_floor_and_ceiling_stay_on_the_grid_and_leave_a_market_without_one_alone() -> None:
    assert money.floor_to(d("1.2399"), d("0.01")) == d("1.23")
    assert money.floor_to(d("1.23"), d("0.01")) == d("1.23")
    assert money.ceil_to(d("1.2301"), d("0.01")) == d("1.24")
    assert money.ceil_to(d("1.24"), d("0.01")) == d("1.24")
    assert money.floor_to(d("1.2399"), None) == money.ceil_to(d("1.2399"), None) == d("1.2399")


def test_percentages_have_a_whole_and_nothing_of_nothing_is_zero() -> None:
    assert money.part(d(200), d(5)) == 10
    assert money.pct_of(d(10), d(200)) == 5
    assert money.pct_of(d(10), d(0)) == 0


def test_cents_round_half_to_even_for_the_eye_only() -> None:
    assert [money.cents(d(value)) for value in ("0.125", "0.135", "-0.125")] == [d("0.12"), d("0.14"), d("-0.12")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1E-5", "0.00001"),
        ("1E+1", "10"),
        ("1.500", "1.5"),
        ("100", "100"),
        ("-0.00", "0"),
        ("0E-8", "0"),
        ("-1.20", "-1.2"),
    ],
)
def test_numbers_leave_without_exponent_sign_of_zero_or_trailing_zeros(value: str, text: str) -> None:
    assert money.plain(Decimal(value)) == text


# ---------------------------------------------------------------- times


@pytest.mark.parametrize(("text", "seconds"), [("1m", 60), ("15m", 900), ("1h", 3600), ("2d", 172800), ("1w", 604800)])
def test_time_frames_are_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert timeframe_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "0m", "-1h", "1", "1y", "1.5h", "1 h", "١h", "h1", "²m"])
def test_anything_else_is_no_time_frame(text: str) -> None:
    with pytest.raises(DataError, match="15m or 1h"):
        timeframe_seconds(text)


def test_times_must_be_aware_and_utc() -> None:
    require_utc(NOON, "candle")
    require_utc(datetime(2023, 1, 1, tzinfo=timezone(timedelta(0))), "candle")
    for at in (NOON.replace(tzinfo=None), NOON.astimezone(timezone(timedelta(hours=1)))):
        with pytest.raises(DataError, match="not in UTC"):
            require_utc(at, "candle")


# ---------------------------------------------------------------- candles and quotes


def test_a_candle_knows_when_it_closed() -> None:
    assert a_candle(at=NOON, seconds=900).closed_at == NOON + timedelta(minutes=15)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"open": "NaN"}, "open is not a finite"),
        ({"volume": "Infinity"}, "volume is not a finite"),
        ({"low": "0"}, "low 0 is not positive"),
        ({"low": "-1"}, "low -1 is not positive"),
        ({"low": "50001"}, "within low and high"),
        ({"high": "49999"}, "within low and high"),
        ({"volume": "-0.1"}, "volume -0.1 is negative"),
    ],
)
def test_an_impossible_candle_cannot_be_built(values: dict[str, str], says: str) -> None:
    good = a_candle("50000", open="50000", low="49000", high="51000")
    with pytest.raises(DataError, match=says):
        replace(good, **{name: Decimal(value) for name, value in values.items()})


def test_the_extremes_of_a_candle_may_touch() -> None:
    assert a_candle("50000", open="50000", low="50000", high="50000", volume="0").low == 50000
    assert a_candle("50000", open="49000", low="49000", high="50000").high == 50000


def test_a_candle_in_local_time_cannot_be_built() -> None:
    with pytest.raises(DataError, match="candle"):
        a_candle(at=NOON.replace(tzinfo=None))


def test_the_price_of_a_quote_is_its_middle() -> None:
    assert Quote(bid=d(99), ask=d(101), at=NOON).price == 100
    assert Quote(bid=d(99), ask=d(99), at=NOON).price == 99


# ---------------------------------------------------------------- signals


@pytest.mark.parametrize("confidence", ["0", "0.01", "99.99", "100"])
def test_confidence_is_0_to_100(confidence: str) -> None:
    assert a_signal(confidence=confidence).confidence == Decimal(confidence)


@pytest.mark.parametrize("confidence", ["-0.01", "100.01", "NaN", "sNaN", "Infinity", "-Infinity"])
def test_any_other_confidence_is_refused(confidence: str) -> None:
    with pytest.raises(DataError, match=r"signal of technical: confidence .* is not within 0 and 100"):
        a_signal(confidence=confidence)


# ---------------------------------------------------------------- instruments, orders, positions, trades


def test_the_instrument_rounds_prices_both_ways_and_quantities_down() -> None:
    market = an_instrument(price_tick=d("0.5"), quantity_step=d("0.001"), min_quantity=d("0.002"))
    assert market.price_down(d("100.9")) == d("100.5")
    assert market.price_up(d("100.6")) == d("101")
    assert market.quantity_down(d("0.00299")) == d("0.002")
    assert market.quantity_down(d("0.00199")) == 0  # less than the exchange's minimum
    assert market.quantity_down(d("-0.5")) == 0
    assert market.dust == d("0.001")


def test_a_market_without_a_grid_has_no_dust() -> None:
    market = an_instrument(quantity_step=None, price_tick=None)
    assert market.dust == 0
    assert market.quantity_down(d("0.123456789")) == d("0.123456789")


def test_a_real_stop_is_used_where_the_market_has_one() -> None:
    assert an_instrument().stop_type is OrderType.STOP_LOSS
    limited = an_instrument(order_types=(OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT))
    assert limited.stop_type is OrderType.STOP_LOSS_LIMIT


def test_an_order_knows_its_average_price_and_time_in_force() -> None:
    order = an_order(type=OrderType.LIMIT)
    assert order.average_price is None
    assert order.time_in_force == "IOC"
    assert an_order(type=OrderType.MARKET).time_in_force == "GTC"
    assert replace(order, filled_quantity=d("0.5"), filled_notional=d(100)).average_price == 200


def test_a_position_knows_its_entry_price_and_what_is_left() -> None:
    empty = a_position(entry_quantity=d(0), entry_notional=d(0))
    assert empty.entry_price == 0
    half_sold = a_position(quantity=d("0.3"), sold_quantity=d("0.1"))
    assert half_sold.remaining == d("0.2")
    assert half_sold.entry_price == 50000


def test_a_trade_says_its_result_in_per_cent_of_its_cost() -> None:
    trade: Trade = a_trade(profit_loss=d(-5), cost=d(500))
    assert trade.profit_loss_pct == -1
    assert replace(trade, cost=d(0)).profit_loss_pct == 0


def test_the_notional_of_a_fill_is_price_times_quantity() -> None:
    fill = Fill(
        id="1", client_order_id="x", side=Side.BUY, price=d(3), quantity=d(2), fee=d(0), fee_asset="USD", at=NOON
    )
    assert fill.notional == 6


def test_words_are_stable_for_the_outside() -> None:
    assert [str(status) for status in OrderStatus][:4] == ["INTENT", "SENDING", "OPEN", "PARTIAL"]
    assert [str(role) for role in Role] == ["entry", "stop", "exit"]
    assert NOON.tzinfo is UTC


# ---------------------------------------------------------------- rules and errors


def test_a_strategy_votes_only_switched_on_and_configured() -> None:
    assert a_strategy_rule().votes
    assert not a_strategy_rule(enabled=False).votes
    assert not a_strategy_rule(configured=False).votes


def test_how_often_a_strategy_is_asked_and_how_long_its_opinion_counts() -> None:
    rules = VotingRules(timeframe="15m", cycle_seconds=60)
    each_candle, each_cycle = a_strategy_rule(), a_strategy_rule(ask=Asking.CYCLE)
    assert rules.timeframe_seconds == 900
    assert rules.asking_seconds(each_candle) == 900
    assert replace(rules, cycle_seconds=3600).asking_seconds(each_candle) == 3600
    assert rules.asking_seconds(each_cycle) == 60
    assert rules.asking_seconds(replace(each_cycle, every_seconds=300)) == 300
    assert rules.asking_seconds(replace(each_cycle, every_seconds=30)) == 60
    assert rules.ttl_seconds(each_candle) == 1350
    assert rules.ttl_seconds(replace(each_candle, opinion_ttl_seconds=5)) == 5


def test_every_error_is_a_trader_error_and_says_its_cure() -> None:
    busy, refused = ExchangeBusy("slow down", 7.0), ExchangeRefused("no", "-1013")
    assert isinstance(busy, TraderError)
    assert (busy.retry_after_seconds, refused.code, str(refused)) == (7.0, "-1013", "no")
    assert ExchangeRefused("no").code == ""
