"""The first steps of a new owner."""

from decimal import Decimal

from app.channels import ChannelState
from tests.e2e.test_dashboard_user import pytestmark as pytestmark  # noqa: PLC0414 - the same group and warnings
from tests.e2e.test_dashboard_user import show, signed_in, text_of
from tests.fakes_ui import Desk, a_strategy_row
from tests.ui_backtests import FakeBacktests, FakeCandles, a_run


async def test_steps_are_ticked_as_they_are_done() -> None:
    desk = Desk()
    desk.view.set(trades_today=0, total_pnl=Decimal(0))
    async with signed_in(desk, backtests=FakeBacktests(), data=FakeCandles("BTC/USD:1m")) as user:
        await user.should_see("First steps: 0 of 6 done")
        await show(desk, trades_today=1)
        assert text_of(user, "first-steps") == "First steps: 1 of 6 done"
        await show(desk, two_factor=True, channels=(ChannelState(name="email", status="ok"),))
        assert text_of(user, "first-steps") == "First steps: 3 of 6 done"
        await show(desk, trades_today=0, total_pnl=Decimal("-3.20"))  # another day: what was done stays done
        assert text_of(user, "first-steps") == "First steps: 3 of 6 done"


async def test_each_step_that_is_done_here_leads_there() -> None:
    async with signed_in(Desk(), backtests=FakeBacktests(), data=FakeCandles("BTC/USD:1m")) as user:
        await user.should_see("First steps")
        for where in ("/second-factor", "/?tab=settings"):
            (way,) = user.find(marker=f"go{where}").elements
            assert (way.tag, way.props["href"]) == ("a", where)
        user.find(marker="go-backtest").click()
        await user.should_see("New backtest")


async def test_they_are_gone_once_everything_is_done() -> None:
    desk = Desk()
    desk.view.strategy_rows = [a_strategy_row("deepseek_analyzer")]
    done = {
        "two_factor": True,
        "channels": (ChannelState(name="email", status="ok"),),
        "market": "binanceus",
        "user_data": "a stream",
    }
    desk.view.set(**done)
    async with signed_in(desk, backtests=FakeBacktests(a_run()), data=FakeCandles("BTC/USD:1m")) as user:
        await user.should_not_see(marker="first-steps")
