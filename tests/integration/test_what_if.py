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
from app.ports import LedgerRow, Row
from app.seam import Tasks
from app.strategy_files import Unfit
from app.what_if import OWN, Facts, WhatIfDesk, changes, spanned
from backtest import history
from services.children.folders import RunFolders, Sources
from services.database import Database, DatabaseMarketCandles
from services.settings.config_files import DEFAULT_STRATEGIES
from tests.builders import d
from tests.trading_day import random_candles

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

    def prepare(self, id: str, wanted: Wanted, minutes: Callable[[Path], None] | None = None) -> tuple[Errand, Wanted]:
        self.wanted[id] = wanted
        if minutes is not None:
            minutes(self.home / "minutes.csv")
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


class Kept:
    """The trader's own minutes: so many days of them."""

    days = 0.0

    def held(self) -> tuple[datetime, datetime, int] | None:
        return (LAST - timedelta(days=self.days), LAST, int(self.days * 24)) if self.days else None

    def write(self, path: Path, since: datetime | None) -> None:
        path.write_text(f"from {since}")


class Floor:
    def __init__(self, home: Path) -> None:
        self.tasks, self.folders = Tasks(), Shelf(home)
        self.go_on, self.errors = asyncio.Event(), dict[str, str]()
        self.shelf, self.kept = [stored(200)], Kept()
        numbers = iter(range(100))
        self.errands = Errands(self.run, self.tasks)
        facts = Facts(
            symbol="BTC/USD",
            warmup=lambda: timedelta(days=83),
            equity=lambda: Decimal("10128.404"),
            voting=VotingRules,
            shelf=lambda: self.shelf,
            kept=self.kept,
            cure="main.py data download does it now",
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


async def test_where_nothing_is_stored_it_rests_on_the_minutes_that_the_trader_kept(floor: Floor) -> None:
    floor.shelf, floor.kept.days = [], 120
    await floor.desk.start("admin", TIGHT)
    since = datetime(2026, 2, 8, tzinfo=UTC) - timedelta(days=83)
    assert {wanted.since for wanted in floor.folders.wanted.values()} == {since}
    assert (floor.folders.home / "minutes.csv").read_text() == f"from {since}"
    floor.go_on.set()
    await floor.until("done")
    note = "It rests on 30 days of the market's minutes that this trader has kept itself. Fees"
    assert floor.desk.look().note.startswith(note)


def test_of_stored_candles_and_own_minutes_those_with_more_days_count() -> None:
    def own(days: float) -> Row:
        return stored(days) | {"name": OWN}

    def chosen(shelf: float, kept: float) -> tuple[bool, int]:
        span = spanned([stored(shelf)], "BTC/USD", timedelta(days=83), own(kept))
        return span.own, span.days

    assert chosen(200, 200) == (False, 30)
    assert chosen(90, 200) == (True, 30)
    assert chosen(90, 100) == (True, 17)
    assert chosen(100, 90) == (False, 17)
    assert chosen(90, 10) == (False, 7)
    with pytest.raises(Unfit, match=r"and BTC/USD:1m holds 40 and the market's minutes .* holds 3; wait a little"):
        spanned([stored(40)], "BTC/USD", timedelta(days=83), own(3), "wait a little")


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


def test_the_minutes_that_a_trader_kept_are_read_back_as_they_were(
    tmp_path: Path, database: Database, ledger: LedgerRow
) -> None:
    kept = DatabaseMarketCandles(database, ledger.name, ledger.symbol)
    assert kept.held() is None
    candles = [candle for number, candle in enumerate(random_candles(3, 2_000)) if number % 7]
    kept.take(candles)
    kept.flush()
    assert kept.held() == (candles[0].opened_at.replace(minute=0), candles[-1].opened_at, 34)
    since = candles[900].opened_at.replace(minute=0)
    kept.write(tmp_path / "minutes.csv", since)
    series = history.load(str(tmp_path / "minutes.csv"), tmp_path, symbol="BTC/USD")
    assert list(history.candles(series)) == [candle for candle in candles if candle.opened_at >= since]


def test_a_run_is_given_the_kept_minutes_as_a_file_of_its_own(tmp_path: Path) -> None:
    (source := tmp_path / "source").write_text("")
    approved = {rule.name: "a" * 64 for rule in DEFAULT_STRATEGIES}
    sources = Sources(
        data_dir=tmp_path,
        config_dir=tmp_path / "config",
        approved=lambda: approved,
        kept=lambda sha256: source,
        cash=d(10_000),
    )
    folders = RunFolders(tmp_path / "what-if", sources)
    with pytest.raises(Unfit, match="was not imported"):
        folders.prepare("w1", Wanted(data=OWN))
    errand, wanted = folders.prepare("w1", Wanted(data=OWN), lambda path: path.write_text("minutes") and None)
    assert Path(wanted.data).read_text() == "minutes"
    assert Path(wanted.data).is_relative_to(tmp_path / "what-if/w1")
    assert f"--data={wanted.data}" in errand.arguments
