"""What each voice is worth, on a market where one voice is right, one is wrong and one costs money."""

from decimal import Decimal

import pytest

from app.core.model import Signal
from app.core.rules import Simulation
from backtest.recorded import answered_from, faces_of, record_of
from backtest.running import Plan, run
from backtest.series import series_of
from backtest.timeline import Recorded
from backtest.voices import Voice, rows_of, summed, text, voices
from tests.builders import MINUTE, NOON, a_candle, a_signal, a_strategy_rule, d, some_rules
from tests.trading_day import CASH

HOURS = 6
PATH = [50_000 + 30 * abs((minute + 45) % 120 - 60) for minute in range(HOURS * 60)]  # up and down, an hour each
CANDLES = [a_candle(str(price), at=NOON + MINUTE * minute) for minute, price in enumerate(PATH)]


def said(strategy: str, right: bool) -> list[Signal]:
    """At each quarter of an hour: where the price is in an hour, or the contrary."""
    signals = []
    for minute in range(15, HOURS * 60, 15):
        later = PATH[min(minute + 15, len(PATH) - 1)]
        rises = later > PATH[minute - 1]
        action = "BUY" if rises is right else "SELL"
        at = NOON + MINUTE * minute
        signals.append(a_signal(action, 90, strategy=strategy, at=at, reads_text=strategy == "deepseek"))
    return signals


@pytest.fixture(scope="module")
def plan() -> Plan:
    record = record_of([*said("technical", True), *said("deepseek", False)])
    voters = [a_strategy_rule("technical", weight=d(90)), a_strategy_rule("deepseek", weight=d(10))]
    rules = answered_from(some_rules(strategies=voters), record)
    return Plan(
        series=series_of(CANDLES),
        data="test",
        warmup=0,
        rules=rules,
        simulation=Simulation(),
        cash=CASH,
        strategies=Recorded(record.timelines),
        faces=faces_of(record),
        timelines=record.timelines,
    )


@pytest.fixture(scope="module")
def ledger(plan: Plan) -> list[Voice]:
    seen: list[float] = []
    found = voices(plan, run(plan), model_usd={"deepseek": d("0.5")}, draws=4, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 100
    return found


def of(ledger: list[Voice], name: str, strategy: str | None = None) -> Voice:
    (found,) = [each for each in ledger if (each.name, each.strategy) == (name, strategy)]
    return found


def test_a_voice_is_worth_what_is_lost_without_it(ledger: list[Voice]) -> None:
    as_it_was = of(ledger, "as_it_was")
    assert as_it_was.result_usd > 0
    assert (as_it_was.trades or 0) >= 3
    without_the_right_one = of(ledger, "without", "technical")
    assert without_the_right_one.trades == 0, "what only reads text buys nothing alone"
    assert without_the_right_one.worth_usd == as_it_was.result_usd, "the model is paid for either way"


def test_a_voice_that_costs_money_and_adds_nothing_is_a_loss(ledger: list[Voice]) -> None:
    without = of(ledger, "without", "deepseek")
    assert without.model_usd == 0
    assert without.result_usd >= of(ledger, "as_it_was").result_usd
    assert without.worth_usd <= d("-0.5")
    assert "deepseek lost 0." in rows_of(ledger)[2]["text"]


def test_with_equal_weights_contraries_cancel_out(ledger: list[Voice]) -> None:
    assert of(ledger, "equal_weights").trades == 0


def test_chance_is_drawn_often_and_alike_each_time(plan: Plan, ledger: list[Voice]) -> None:
    chance = of(ledger, "random")
    assert chance.spread is not None
    assert chance.spread["low"] < chance.spread["high"]
    assert chance.spread["beaten_pct"] >= 75, "whoever knows what comes is better than chance"
    assert of(voices(plan, run(plan), draws=4), "random").spread == chance.spread


def test_holding_is_measured_with_all_the_money_and_with_as_much_as_was_used(plan: Plan, ledger: list[Voice]) -> None:
    held, alike = of(ledger, "buy_and_hold"), of(ledger, "buy_and_hold_same_exposure")
    last = PATH[-1] / PATH[0] - 1
    assert float(held.result_usd) == pytest.approx(10_000 * last - 20, abs=2)
    assert 0 < alike.result_usd / held.result_usd < Decimal("0.2")


def test_it_is_written_for_programs_and_for_people_and_days_add_up(ledger: list[Voice]) -> None:
    rows = rows_of(ledger)
    assert [row["name"] for row in rows][:3] == ["as_it_was", "without", "without"]
    assert "without deepseek" in "\n".join(text(rows))
    both = summed([rows, rows])
    assert both[0]["result_usd"] == pytest.approx(2 * rows[0]["result_usd"])
    assert both[2]["text"].startswith("deepseek lost 1.")


def test_where_nothing_was_bought_nothing_was_beaten_at_random() -> None:
    drawn = {"draws": 20, "low": 0.0, "high": 0.0, "deviation": 0.0, "beaten_pct": 0.0}
    still = Voice(name="random", result_usd=Decimal(0), trades=0, spread=drawn)
    held = Voice(name="random", result_usd=Decimal(3), trades=0, spread={**drawn, "high": 6.0, "beaten_pct": 50.0})
    told = [row["text"] for row in rows_of([still, held])]
    assert told[0] == "nothing was bought, so there is nothing to draw at random"
    assert told[1].endswith("what was done beats 50 % of them"), "bought, and not sold yet"
