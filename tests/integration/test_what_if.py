"""What the last days would have been: two runs in the line of backtests, side by side; plain words where none are."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.backtest_ports import Busy, Wanted
from app.core.errors import DataError
from app.core.rules import EntryOrder, StrategyRule, VotingRules
from app.errands import Errand, Errands
from app.faces import Figures, Proposal, Wish
from app.ports import Row
from app.seam import Tasks
from app.strategy_files import Unfit
from app.what_if import Facts, WhatIfDesk, changes, spanned
from tests.builders import d

LAST = datetime(2026, 3, 10, 11, 59, tzinfo=UTC)
TIGHT = Proposal(place="limits", limits={"position_size_pct": d("2.5"), "entry.order": EntryOrder.MARKET})


def stored(days: float, name: str = "BTC/USD:1m", seconds: int = 60) -> Row:
    first = LAST - timedelta(days=days)
    count = int(days * 86_400 / seconds)
    return {"name": name, "symbol": name.partition(":")[0], "first": first, "last": LAST, "candles": count}


class Shelf:
    """Folders whose results a test lays out."""

    def __init__(self, home: Path) -> None:
        self.home, self.wanted = home, dict[str, Wanted]()
        self.results: dict[str, Any] = {}

    def prepare(self, id: str, wanted: Wanted) -> tuple[Errand, Wanted]:
        self.wanted[id] = wanted
        return Errand(id=id, arguments=("backtest",), home=self.home), wanted

    def result(self, id: str) -> Row:
        if id not in self.results:
            raise DataError("it left no result.json that could be read")
        return self.results[id]

    def file(self, id: str, name: str) -> Path | None:
        path = self.home / f"{id}.csv"
        path.write_text("date,equity\n2026-03-08,10100\n2026-03-09,9898\n2026-03-10,10000\n")
        return path

    def keep_only(self, ids: set[str]) -> None:
        self.wanted = {id: wanted for id, wanted in self.wanted.items() if id in ids}


class Floor:
    def __init__(self, home: Path) -> None:
        self.tasks, self.folders = Tasks(), Shelf(home)
        self.go_on, self.errors = asyncio.Event(), dict[str, str]()
        self.shelf = [stored(200)]
        numbers = iter(range(100))
        self.errands = Errands(self.run, self.tasks)
        facts = Facts(
            symbol="BTC/USD",
            warmup=lambda: timedelta(days=83),
            equity=lambda: Decimal("10128.404"),
            voting=VotingRules,
            shelf=lambda: self.shelf,
        )
        self.desk = WhatIfDesk(self.folders, self.errands, facts, new_id=lambda: f"w{next(numbers)}", tasks=self.tasks)

    async def run(self, errand: Errand, progress: Callable[[float], None]) -> str:
        progress(50.0)
        await self.go_on.wait()
        progress(100.0)
        size = 1.5 if errand.id.endswith("now") else 0.5
        self.folders.results[errand.id] = {
            "initial_cash": 10_000, "return_pct": size, "max_drawdown_pct": 2 * size, "trades": 7,
        }  # fmt: skip
        return self.errors.get(errand.id, "")

    async def until(self, *statuses: str) -> None:
        async with asyncio.timeout(5):
            while self.desk.look().status not in statuses:
                await asyncio.sleep(0.005)


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[Floor]:
    made = Floor(tmp_path)
    yield made
    await made.tasks.stop()


async def test_both_are_traded_on_the_same_days_and_stand_beside_each_other(floor: Floor) -> None:
    await floor.desk.start("admin", TIGHT)
    assert floor.desk.look().status == "running"
    now, new = floor.folders.wanted.values()
    assert (now.changes, new.changes) == ({}, {"risk.position_size_pct": d("2.5"), "risk.entry.order": "market"})
    midnight = datetime(2026, 2, 8, tzinfo=UTC)
    assert now.since == new.since == midnight - timedelta(days=83)
    assert (now.cash, now.data) == (Decimal("10128.40"), "BTC/USD:1m")
    floor.go_on.set()
    await floor.until("done")
    found = floor.desk.look()
    assert found.now == Figures(return_pct=1.5, max_drawdown_pct=3.0, trades=7, worst_day_pct=pytest.approx(-2.0))
    assert found.new == Figures(return_pct=0.5, max_drawdown_pct=1.0, trades=7, worst_day_pct=pytest.approx(-2.0))
    assert (found.since, found.until) == (midnight, LAST)
    assert "News and language models take no part" in found.note
    assert not found.note.startswith("Only")


async def test_progress_is_of_both_and_a_cancelled_one_leaves_nothing(floor: Floor) -> None:
    await floor.desk.start("admin", TIGHT)
    async with asyncio.timeout(5):
        while floor.desk.look().progress_pct != 25:
            await asyncio.sleep(0.005)
    await floor.desk.cancel()
    assert floor.desk.look().status == "none"
    floor.go_on.set()
    await floor.desk.start("admin", Proposal(place="votes"))  # the line is free again
    await floor.until("done")
    assert floor.desk.look().proposal == Proposal(place="votes")


async def test_what_fails_says_why(floor: Floor) -> None:
    floor.errors["w0-now"] = "it needs more than the 1024 MB of memory that it may have"
    floor.go_on.set()
    await floor.desk.start("admin", TIGHT)
    await floor.until("failed")
    assert floor.desk.look().error.startswith("it needs more than")
    assert not floor.errands.full


async def test_a_full_line_is_told(floor: Floor) -> None:
    for number in range(4):
        floor.errands.submit(Errand(id=f"b{number}", arguments=(), home=floor.folders.home), floor.desk)
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await floor.desk.start("admin", TIGHT)
    floor.go_on.set()


def test_with_too_little_history_it_says_how_much_is_missing() -> None:
    with pytest.raises(Unfit, match="are shown 83 days before their first trade, and BTC/USD:1m holds 40"):
        spanned([stored(40)], "BTC/USD", timedelta(days=83))
    with pytest.raises(Unfit, match="no candles of BTC/USD are stored yet"):
        spanned([stored(900, "ETH/USD:1m")], "BTC/USD", timedelta(days=83))


def test_with_fewer_days_it_takes_what_there_is_and_the_finest_candles() -> None:
    coarse, fine = stored(900, "BTC/USD:1h", 3600), stored(95)
    span = spanned([coarse, fine], "BTC/USD", timedelta(days=83))
    assert (span.data, span.since, span.days) == ("BTC/USD:1m", None, 12)
    assert span.traded == fine["first"] + timedelta(days=83)


def test_once_one_strategy_is_named_all_are() -> None:
    voting = VotingRules(
        strategies=(
            StrategyRule(name="technical", enabled=True, weight=d(30)),
            StrategyRule(name="news", enabled=True, weight=d(20)),
        )
    )
    wish = Proposal(place="votes", wishes=(Wish(name="news", enabled=False),), thresholds={"buy_threshold": d(60)})
    assert changes(wish, voting) == {
        "buy_threshold": d(60),
        "strategies.technical.enabled": True,
        "strategies.technical.weight": d(30),
        "strategies.news.enabled": False,
        "strategies.news.weight": d(20),
    }
    assert changes(TIGHT, voting).keys() == {"risk.position_size_pct", "risk.entry.order"}
