"""What a newcomer sees who sets nothing: the shipped configuration on the simulated market, at its own speed."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from backtest.feeds import HURRIED
from tests.trader_process import ROOT, TraderProcess

pytestmark = pytest.mark.xdist_group("sigkill")

MINUTES = timedelta(minutes=3)


def test_a_decision_is_there_at_once_and_a_trade_within_three_minutes(tmp_path: Path) -> None:
    """Lived through in a hurry here, and counted in market time: what takes long is that the market takes its time."""
    trader = TraderProcess(tmp_path, "simulated", settings={"TRADER_CONFIG_DIR": str(ROOT / "config")})
    with trader.running(), trader.signed_in() as api:
        bought = trader.until(lambda: api.get("/api/v1/fills").json()["items"], "a first trade")[-1]
        decisions = api.get("/api/v1/decisions?limit=1000").json()["items"]
    first, trade = (datetime.fromisoformat(each["at"]) for each in (decisions[-1], bought))
    opened = first.replace(hour=0, minute=0, second=0, microsecond=0)
    assert first - opened <= timedelta(minutes=5)
    assert trade - opened <= MINUTES * HURRIED
    assert bought["side"] == "BUY"
    between = [datetime.fromisoformat(each["at"]) for each in decisions if datetime.fromisoformat(each["at"]) <= trade]
    assert len(between) >= 10, "decisions follow quickly on each other"
