"""Candles of the strategies' time frame, what a vote was shown, and when who is asked."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.core.candles import Resampler, fingerprint
from app.core.model import Candle, SignalStatus
from app.core.rules import Asking, VotingRules
from app.cycle import MAX_CANDLES, Cycle
from app.ports import StrategyFace
from tests.builders import MINUTE, NOON, a_candle, a_strategy_rule, d


def minutes(*closes: object, start: int = 0) -> list[Candle]:
    return [
        a_candle(str(close), at=NOON + (start + number) * MINUTE, volume=str(number + 1))
        for number, close in enumerate(closes)
    ]


def closed_by(resampler: Resampler, candles: list[Candle]) -> list[Candle]:
    return [whole for candle in candles for whole in resampler.add(candle)]


# ---------------------------------------------------------------- resampling


def test_five_minutes_make_one_candle_of_five() -> None:
    parts = [
        a_candle("102", at=NOON, open="100", high="105", low="99", volume="1"),
        a_candle("101", at=NOON + MINUTE, open="102", high="103", low="95", volume="2"),
        a_candle("104", at=NOON + 2 * MINUTE, open="101", high="110", low="100", volume="0"),
        a_candle("103", at=NOON + 3 * MINUTE, open="104", volume="4"),
        a_candle("106", at=NOON + 4 * MINUTE, open="103", volume="0.5"),
    ]
    resampler = Resampler(300)
    (whole,) = closed_by(resampler, parts)
    assert (whole.opened_at, whole.seconds, whole.symbol) == (NOON, 300, "BTC/USD")
    assert (whole.open, whole.high, whole.low, whole.close, whole.volume) == (100, 110, 95, 106, d("7.5"))
    assert resampler.complete


def test_candles_of_the_right_length_pass_through() -> None:
    whole = a_candle(seconds=300)
    assert Resampler(300).add(whole) == (whole,)


def test_a_gap_at_the_end_closes_the_candle_early_and_says_so() -> None:
    resampler = Resampler(300)
    assert closed_by(resampler, minutes(1, 2, 3)) == []
    (early,) = closed_by(resampler, minutes(9, start=5))
    assert (early.opened_at, early.close) == (NOON, 3)
    assert not resampler.complete


def test_a_gap_in_the_middle_closes_in_time_and_says_so() -> None:
    resampler = Resampler(300)
    (whole,) = closed_by(resampler, [*minutes(1, 2), *minutes(5, start=4)])
    assert (whole.open, whole.close) == (1, 5)
    assert not resampler.complete
    closed_by(resampler, minutes(1, 2, 3, 4, 5, start=5))
    assert resampler.complete


def test_when_one_minute_is_both_a_gaps_end_and_a_candles_both_candles_are_known() -> None:
    resampler = Resampler(120)
    closed = closed_by(resampler, [*minutes(1), *minutes(4, start=3)])
    assert [candle.close for candle in closed] == [1, 4]
    assert not resampler.complete


# ---------------------------------------------------------------- fingerprints


def test_the_same_candles_have_the_same_fingerprint_however_they_are_written() -> None:
    one = a_candle("50000.10")
    assert fingerprint([one]) == fingerprint([replace(one, volume=Decimal("1.000"))])
    assert len(fingerprint([])) == 64


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume", "opened_at"])
def test_any_other_value_gives_another_fingerprint(name: str) -> None:
    one = a_candle("50000", open="50000", high="51000", low="49000")
    changed = one.opened_at + MINUTE if name == "opened_at" else getattr(one, name) + 1
    assert fingerprint([one]) != fingerprint([replace(one, **{name: changed})])


def test_the_order_of_candles_counts() -> None:
    one, two = minutes(1, 2)
    assert fingerprint([one, two]) != fingerprint([two, one])


# ---------------------------------------------------------------- the cycle

EACH_CANDLE = a_strategy_rule("technical")
EACH_CYCLE = a_strategy_rule("news", ask=Asking.CYCLE, every_seconds=120)


def a_face(name: str, startup_candles: int = 2, *, reads_text: bool = False) -> StrategyFace:
    return StrategyFace(
        name=name, title=name, startup_candles=startup_candles, reads_text=reads_text, sha256=f"sha of {name}"
    )


def a_cycle(*faces: StrategyFace, strategies: tuple = (EACH_CANDLE, EACH_CYCLE), **changes: object) -> Cycle:
    rules = VotingRules(timeframe="5m", cycle_seconds=60, strategies=strategies)
    known = faces or (a_face("technical"), a_face("news", 1))
    return Cycle(replace(rules, **changes), {face.name: face for face in known}, "BTC/USD")  # type: ignore[arg-type]


def asked(cycle: Cycle, minute: int) -> list[str] | None:
    """Who is asked at this minute, and then is."""
    at = NOON + minute * MINUTE
    due = cycle.due(at)
    if due is None:
        return None
    for rule in due.ask:
        cycle.market_data(rule, at)
    return [rule.name for rule in due.ask]


def fed(cycle: Cycle, count: int, start: int = 0) -> Cycle:
    for candle in minutes(*range(100 + start, 100 + start + count), start=start):
        cycle.remember(candle)
    return cycle


def test_nothing_is_due_before_there_is_a_candle() -> None:
    assert asked(fed(a_cycle(), 4), 4) is None


def test_a_strategy_is_asked_when_it_can_be_shown_enough_and_something_new() -> None:
    cycle = fed(a_cycle(), 5)
    assert asked(cycle, 5) == ["news"]  # technical wants two candles
    fed(cycle, 5, start=5)
    assert asked(cycle, 10) == ["technical", "news"]
    assert asked(cycle, 11) == []  # nothing new for the one, too early for the other
    assert asked(cycle, 12) == ["news"]
    fed(cycle, 5, start=10)
    assert asked(cycle, 15) == ["technical", "news"]


def test_a_cycle_falls_once_on_each_step_of_the_clock() -> None:
    cycle = fed(a_cycle(cycle_seconds=120), 5)
    assert asked(cycle, 6) is not None
    assert cycle.due(NOON + 6 * MINUTE) is None
    assert cycle.due(NOON + 7 * MINUTE) is None
    assert cycle.due(NOON + 8 * MINUTE - timedelta(seconds=1)) is None
    assert cycle.due(NOON + 8 * MINUTE) is not None


def test_a_cycle_that_was_missed_is_not_made_up_for() -> None:
    cycle = fed(a_cycle(cycle_seconds=120), 5)
    assert cycle.due(NOON + 9 * MINUTE) is not None
    assert cycle.due(NOON + 9.5 * MINUTE) is None
    assert cycle.due(NOON + 10 * MINUTE) is not None


def test_who_is_off_unknown_or_not_configured_is_not_asked() -> None:
    rules = (
        a_strategy_rule("technical", enabled=False),
        a_strategy_rule("news", configured=False),
        a_strategy_rule("gone"),
    )
    assert asked(fed(a_cycle(strategies=rules), 10), 10) == []


def test_rules_can_change_while_running() -> None:
    cycle = fed(a_cycle(strategies=()), 10)
    assert asked(cycle, 10) == []
    cycle.change(replace(cycle.rules, strategies=(EACH_CANDLE,)))
    assert asked(cycle, 11) == ["technical"]


def test_remember_says_when_a_candle_of_the_time_frame_closed() -> None:
    cycle = a_cycle()
    assert [cycle.remember(candle) for candle in minutes(1, 2, 3, 4, 5, 6)] == [False] * 4 + [True, False]


def test_each_strategy_is_shown_exactly_the_candles_it_asked_for() -> None:
    cycle = fed(a_cycle(), 15)
    data = cycle.market_data(EACH_CANDLE, NOON)
    assert [candle.close for candle in data.candles] == [109, 114]
    assert (data.price, data.symbol, data.timeframe, data.at) == (114, "BTC/USD", "5m", NOON)
    assert len(cycle.market_data(EACH_CYCLE, NOON).candles) == 1


def test_what_a_vote_was_shown_can_be_found_again() -> None:
    cycle = fed(a_cycle(), 15)
    shown = cycle.shown()
    assert (shown.timeframe, shown.count, shown.contiguous) == ("5m", 2, True)
    assert (shown.first_at, shown.last_at) == (NOON + 5 * MINUTE, NOON + 10 * MINUTE)
    assert shown.sha256 == fingerprint(cycle.market_data(EACH_CANDLE, NOON).candles)
    assert cycle.shown() is shown
    fed(cycle, 4, start=16)  # a minute is missing
    assert not cycle.shown().contiguous
    assert cycle.shown().last_at == NOON + 15 * MINUTE


def test_without_strategies_the_newest_candle_is_shown() -> None:
    cycle = Cycle(VotingRules(timeframe="1m"), {}, "BTC/USD")
    fed(cycle, 3)
    assert (cycle.shown().count, cycle.shown().last_at) == (1, NOON + 2 * MINUTE)


def test_the_window_is_bounded() -> None:
    cycle = Cycle(VotingRules(timeframe="1m"), {"all": a_face("all", MAX_CANDLES + 5)}, "BTC/USD")
    fed(cycle, MAX_CANDLES + 3)
    assert cycle.shown().count == MAX_CANDLES
    assert cycle.shown().first_at == NOON + 3 * MINUTE


def test_an_answer_becomes_a_signal_with_a_time_to_live() -> None:
    cycle = a_cycle(a_face("technical", reads_text=True))
    signal = cycle.signal(EACH_CANDLE, NOON, NOON + MINUTE, ("BUY", d(80), "because"))
    assert (signal.action, signal.confidence, signal.reasoning, signal.status) == ("BUY", 80, "because", "ok")
    assert (signal.asked_at, signal.given_at) == (NOON, NOON + MINUTE)
    assert signal.expires_at == NOON + MINUTE + timedelta(seconds=450)
    assert (signal.sha256, signal.reads_text) == ("sha of technical", True)


def test_no_answer_becomes_a_failed_signal_with_its_error() -> None:
    signal = a_cycle().signal(EACH_CANDLE, NOON, NOON, None, "timed out")
    assert (signal.action, signal.confidence, signal.reasoning) == ("HOLD", 0, "timed out")
    assert signal.status is SignalStatus.FAILED
    assert not signal.reads_text
    assert a_cycle().signal(replace(EACH_CANDLE, reads_text=True), NOON, NOON, None).reads_text


def test_the_past_is_remembered_at_once() -> None:
    cycle = a_cycle()
    cycle.remember_all(minutes(*range(100, 110)))
    assert cycle.shown().last_at == NOON + 5 * MINUTE
