"""The Backtest tab as a person uses it: choose candles, start, watch, cancel, read, compare."""

import asyncio
from decimal import Decimal

import pytest
from nicegui.testing import User

from app.strategy_files import Unfit
from components.backtest_form import amount, midnight
from tests.e2e.test_dashboard_user import pytestmark as pytestmark  # noqa: PLC0414 - the same group and warnings
from tests.e2e.test_dashboard_user import signed_in
from tests.fakes_ui import Desk, a_strategy_row
from tests.ui_backtests import FULL, FakeBacktests, FakeCandles, a_look_around, a_result, a_run, a_search


async def opened(user: User) -> None:
    user.find(marker="tab-backtest").click()
    await user.should_see("New backtest")


async def test_a_backtest_is_chosen_started_watched_and_read() -> None:
    desk, runs = Desk(), FakeBacktests()
    desk.view.strategy_rows = [a_strategy_row()]
    async with signed_in(desk, backtests=runs, data=FakeCandles("BTC/USD:1m")) as user:
        await opened(user)
        await user.should_see("No backtest yet")
        await user.should_see("1,051,188 candles from 1 Jan 2022 to 31 Dec 2023; 12 are missing.")
        user.find(marker="choose-182").click()
        user.find("Stop below entry, %").type("2.5")
        user.find("Weight of technical indicators").type("40")
        user.find(marker="start-backtest").click()
        await user.should_see(marker="run-b1")
        (wanted,) = runs.wanted
        assert (f"{wanted.since:%Y-%m-%d}", f"{wanted.until:%Y-%m-%d}") == ("2023-07-03", "2024-01-01")
        assert wanted.cash == 10_000
        assert wanted.changes == {
            "risk.stop_loss_pct": Decimal("2.5"),
            "strategies.technical_indicators.weight": Decimal(40),
        }
        runs.set("b1", status="running", progress_pct=41.7)
        await user.should_see("42 %")
        runs.set(**a_run("b1"))
        await user.should_see("▲ +15.3\u00a0% in 143 trades")
        await user.should_not_see(marker="run-b1-cancel")
        user.find(marker="run-b1-details").trigger("toggle")
        await user.should_see("Read this first")
        await user.should_see("Holding only as much bitcoin as this run held on average: the fair rival")
        await user.should_see("Trades CSV")


async def test_one_that_runs_can_be_cancelled_and_one_that_ended_removed() -> None:
    runs = FakeBacktests(a_run("b2", "running", progress_pct=12.0), a_run("b1"))
    async with signed_in(Desk(), backtests=runs, data=FakeCandles("BTC/USD:1m")) as user:
        await opened(user)
        await user.should_see(marker="run-b2-cancel")
        user.find(marker="run-b2-cancel").click()
        await user.should_see("Cancelled")
        user.find(marker="run-b1-details").trigger("toggle")
        await user.should_see(marker="remove-run")
        user.find(marker="remove-run").click()
        await user.should_not_see(marker="run-b1")


async def test_bad_input_is_said_beside_the_form_and_a_full_line_too() -> None:
    runs = FakeBacktests()
    async with signed_in(Desk(), backtests=runs, data=FakeCandles("BTC/USD:1m")) as user:
        await opened(user)
        await user.should_see(marker="cash")
        user.find(marker="cash").clear().type("a lot")
        user.find(marker="start-backtest").click()
        await user.should_see("Capital: give a number such as 5 or 2.5")
        user.find(marker="cash").clear().type("$2,500")
        runs.refusal = FULL
        user.find(marker="start-backtest").click()
        await user.should_see("enough backtests wait already; cancel one, or wait for it")
        runs.refusal = Unfit("config.risk: stop_loss_pct must be at most 10")
        user.find(marker="start-backtest").click()
        await user.should_see("config.risk: stop_loss_pct must be at most 10")
        assert runs.wanted == []


async def test_two_that_ended_stand_side_by_side_with_the_better_figure_marked() -> None:
    first, second = a_run("b1"), a_run("b2", result=a_result(4.0), changes={"buy_threshold": 55})
    runs = FakeBacktests(second, first)
    async with signed_in(Desk(), backtests=runs, data=FakeCandles("BTC/USD:1m")) as user:
        await opened(user)
        await user.should_not_see(marker="comparison")
        for id in ("b1", "b2"):
            await user.should_see(marker=f"run-{id}-compare")
            user.find(marker=f"run-{id}-compare").trigger("change", True)
        await user.should_see(marker="comparison")
        await user.should_see("+15.30\u00a0% ★")
        await user.should_see("changed: buy_threshold 55")
        await user.should_not_see("their figures do not compare")
        runs.set("b2", result=a_result(4.0, end="2023-01-01T00:00:00Z"))
        await user.should_see("⚠ They are not of the same candles and days: their figures do not compare.")
        await user.should_not_see("★")


async def test_better_settings_are_looked_for_and_told_with_what_they_hang_on() -> None:
    runs = FakeBacktests()
    async with signed_in(Desk(), backtests=runs, data=FakeCandles("BTC/USD:1m")) as user:
        await opened(user)
        await user.should_see(marker="cash")
        user.find(marker="choose-optimize").click()
        user.find(marker="trials").clear().type("many")
        user.find(marker="start-backtest").click()
        await user.should_see("Configurations to try: give a number such as 5 or 2.5")
        user.find(marker="trials").clear().type("250")
        user.find(marker="start-backtest").click()
        await user.should_see(marker="run-b1")
        (wanted,) = runs.wanted
        assert (wanted.kind, wanted.trials, wanted.walk_forward) == ("optimize", 250, "365d/91d")
        runs.set(**a_search("b1"))
        await user.should_see("Search · done")
        await user.should_see("▲ +9.1\u00a0% in 143 trades")
        user.find(marker="run-b1-details").trigger("toggle")
        await user.should_see("timeframe 4h, buy_threshold 70")
        await user.should_see("61\u00a0%")
        await user.should_not_see(marker="run-b1-compare")


async def test_neighbouring_settings_are_looked_at() -> None:
    runs = FakeBacktests()
    async with signed_in(Desk(), backtests=runs, data=FakeCandles("BTC/USD:1m")) as user:
        await opened(user)
        await user.should_see(marker="cash")
        user.find(marker="choose-sensitivity").click()
        user.find(marker="start-backtest").click()
        await user.should_see(marker="run-b1")
        (wanted,) = runs.wanted
        assert wanted.vary == ("buy_threshold=50..90/10", "risk.stop_loss_pct=1,2,3,5,8")
        runs.set(**a_look_around("b1"))
        user.find(marker="run-b1-details").trigger("toggle")
        await user.should_see("2 of 4 combinations earned something.")


async def test_one_that_was_opened_while_it_ran_shows_what_came_of_it_when_it_is_done() -> None:
    runs = FakeBacktests(a_run("b1", "running", progress_pct=98.0))
    async with signed_in(Desk(), backtests=runs, data=FakeCandles("BTC/USD:1m")) as user:
        await opened(user)
        await user.should_see(marker="run-b1-details")
        user.find(marker="run-b1-details").trigger("toggle")
        await user.should_not_see(marker="remove-run")
        runs.set(**a_run("b1"))
        await user.should_see(marker="remove-run")


async def test_one_that_failed_says_why() -> None:
    runs = FakeBacktests(a_run("b1", "failed", error="strategy peeker looks ahead", result=None))
    async with signed_in(Desk(), backtests=runs, data=FakeCandles("BTC/USD:1m")) as user:
        await opened(user)
        await user.should_see("strategy peeker looks ahead")


async def test_without_candles_it_says_where_to_get_some() -> None:
    async with signed_in(Desk(), backtests=FakeBacktests(), data=FakeCandles()) as user:
        await opened(user)
        await user.should_see("main.py data download")
        await user.should_not_see(marker="start-backtest")


async def test_a_page_that_is_gone_hears_no_more() -> None:
    runs = FakeBacktests()
    async with signed_in(Desk(), backtests=runs, data=FakeCandles("BTC/USD:1m")) as user:
        await opened(user)
        await user.should_see("No backtest yet")
        assert runs.listeners == 1
        assert user.client is not None
        user.client.delete()
        await asyncio.sleep(0)
        assert runs.listeners == 0


@pytest.mark.parametrize("text", ["", " ", None])
def test_what_is_left_open_is_open(text: object) -> None:
    assert amount(text, "x") is None
    assert midnight(text, "x") is None


@pytest.mark.parametrize("text", ["5%", "٥", "1e999x", "nan", "--1", "<script>", "1" * 5000 + "x"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Unfit):
        amount(text, "Capital")
