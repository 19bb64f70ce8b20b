"""Candles are fetched from an exchange that was written apart from the adapter: only what is missing, each once, and
however it ends what was fetched stays.
"""

import io
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from app.core.errors import DataError, ExchangeError, ExchangeRefused
from app.seam import Clock
from backtest import data_commands, download, history, store
from backtest.download import Download, Downloaded, Progress
from backtest.download_command import Bar, fetch, lines_of, wanted_time
from services.binance_us import Addresses, Client
from services.binance_us.past import PastCandles
from tests.binance_us_double import BinanceDouble
from tests.exchange_process import ExchangeProcess

ROOT = Path(__file__).parents[2]
MINUTE = timedelta(minutes=1)
KLINES = "GET /api/v3/klines"


class Hasty(Clock):
    """Pauses end at once, and are counted as if they had passed; the wall clock is true."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return super().monotonic() + sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await super().sleep(0)


@pytest.fixture
async def exchange() -> AsyncIterator[BinanceDouble]:
    async with BinanceDouble() as running:
        yield running


def fill(exchange: BinanceDouble, minutes: int) -> datetime:
    """So many minutes lie behind, each a dollar dearer; the running one is told, too. When they begin."""
    now = (exchange.clock.ms() - 2_000) // 60_000 * 60_000  # a candle that has only just closed is not asked for yet
    first = now - minutes * 60_000
    rows = ((first + at * 60_000, 50_000 + at, 50_002 + at, 49_999 + at, 50_001 + at, 1) for at in range(minutes + 1))
    exchange.candles.fill(rows)
    return datetime.fromtimestamp(first / 1000, UTC)


@asynccontextmanager
async def source(exchange: BinanceDouble, symbol: str = "BTC/USD", **more: bool) -> AsyncIterator[PastCandles]:
    addresses = Addresses(rest=exchange.rest_url, ws=exchange.ws_url, ws_api=exchange.ws_api_url)
    clock = Hasty()
    found = PastCandles(Client(addresses, clock=clock), symbol, clock=clock, **more)
    try:
        await found.open()
        yield found
    finally:
        await found.close()


async def bring(exchange: BinanceDouble, data: Path, since: datetime, until: datetime | None = None) -> Downloaded:
    async with source(exchange) as where:
        return await Download(where, data, clock=Clock()).run(since, until)


async def test_minutes_arrive_whole_and_the_running_one_is_left_out(exchange: BinanceDouble, tmp_path: Path) -> None:
    first = fill(exchange, 2_500)
    result = await bring(exchange, tmp_path, first)
    series = history.load("BTC/USD", tmp_path)
    assert result.fetched == len(series)
    assert len(series) in (2_500, 2_501)  # a minute may have passed meanwhile
    assert (series.opened_at(0), series.missing, series.close[0], series.close[-1]) == (
        first,
        0,
        50_001,
        50_000 + len(series),
    )
    assert series.opened_at(-1) + MINUTE <= datetime.now(UTC)
    assert (result.absent, result.differing) == ([], [])


async def test_a_second_download_asks_only_for_what_is_missing(exchange: BinanceDouble, tmp_path: Path) -> None:
    first = fill(exchange, 3_000)
    await bring(exchange, tmp_path, first + 1_000 * MINUTE, first + 2_000 * MINUTE)
    asked = len(exchange.requests.of(KLINES))
    assert (await bring(exchange, tmp_path, first)).fetched in (2_000, 2_001)
    assert len(exchange.requests.of(KLINES)) - asked <= 4  # a page before, one or two after
    assert history.load("BTC/USD", tmp_path).missing == 0
    asked = len(exchange.requests.of(KLINES))
    again = await bring(exchange, tmp_path, first)
    assert again.fetched <= 1
    assert len(exchange.requests.of(KLINES)) - asked <= 2


async def test_a_gap_is_asked_for_twice_and_then_listed_for_good(exchange: BinanceDouble, tmp_path: Path) -> None:
    first = fill(exchange, 1_500)
    gone = int(first.timestamp() * 1000) + 100 * 60_000
    for minute in range(3):
        exchange.candles.remove(gone + minute * 60_000)
    result = await bring(exchange, tmp_path, first)
    assert result.absent == [(gone, gone + 3 * 60_000)]
    lines, good = data_commands.check_data("BTC/USD", tmp_path)
    assert good
    assert lines[-1] == f"gap: 3 candles missing from {first + 100 * MINUTE:%Y-%m-%d %H:%M} (the exchange has none)"
    assert data_commands.check_row("BTC/USD", tmp_path)["gap_list"][0]["absent_at_exchange"] is True
    assert "for 3 of the minutes" in lines_of(result)[1]
    asked = len(exchange.requests.of(KLINES))
    await bring(exchange, tmp_path, first)
    assert len(exchange.requests.of(KLINES)) - asked <= 2


async def test_a_file_may_fill_a_gap_of_the_exchange(exchange: BinanceDouble, tmp_path: Path) -> None:
    first = fill(exchange, 300)
    gone = int(first.timestamp() * 1000) + 100 * 60_000
    for minute in range(3):
        exchange.candles.remove(gone + minute * 60_000)
    await bring(exchange, tmp_path, first)
    rows = "".join(f"{gone + minute * 60_000},50000,50000,50000,50000,0\n" for minute in range(3))
    (tmp_path / "gap.csv").write_text("ts,open,high,low,close,volume\n" + rows)
    data_commands.import_file(tmp_path / "gap.csv", "BTC/USD", "1m", tmp_path, datetime.now(UTC))
    assert history.load("BTC/USD", tmp_path).missing == 0
    assert history.absent("BTC/USD", tmp_path) == []


async def test_an_empty_answer_is_asked_for_twice_too(exchange: BinanceDouble, tmp_path: Path) -> None:
    first = fill(exchange, 300)
    await bring(exchange, tmp_path, first)
    asked = len(exchange.requests.of(KLINES))
    result = await bring(exchange, tmp_path, first - 60 * MINUTE, first)
    assert len(exchange.requests.of(KLINES)) - asked == 2
    assert [(end - start) // 60_000 for start, end in result.absent] == [60]
    assert history.absent("BTC/USD", tmp_path) == result.absent


async def test_an_answer_with_a_hole_is_mended_by_the_next(exchange: BinanceDouble, tmp_path: Path) -> None:
    first = fill(exchange, 900)
    exchange.faults.edit(KLINES, lambda rows: rows[:200] + rows[300:])
    result = await bring(exchange, tmp_path, first)
    assert result.absent == []
    assert history.load("BTC/USD", tmp_path).missing == 0


async def test_time_before_the_market_began_is_no_error(exchange: BinanceDouble, tmp_path: Path) -> None:
    first = fill(exchange, 300)
    result = await bring(exchange, tmp_path, first - timedelta(days=30))
    assert result.fetched in (300, 301)
    ((begins, ends),) = result.absent
    assert (ends - begins) // 60_000 == 30 * 1440


async def test_a_candle_that_is_told_otherwise_now_is_kept_and_told(exchange: BinanceDouble, tmp_path: Path) -> None:
    first = fill(exchange, 600)
    await bring(exchange, tmp_path, first, first + 300 * MINUTE)
    seam = int(first.timestamp() * 1000) + 299 * 60_000
    exchange.candles.fill([(seam, 50_299, 50_301, 50_298, 50_300, 7)])
    result = await bring(exchange, tmp_path, first)
    assert result.differing == [f"{first + 299 * MINUTE:%Y-%m-%d %H:%M}: volume 1.0, now 7.0"]
    assert history.load("BTC/USD", tmp_path).volume[299] == 1
    assert "(stored was kept)" in "\n".join(lines_of(result))


async def test_a_lost_network_is_waited_for(exchange: BinanceDouble, tmp_path: Path) -> None:
    first = fill(exchange, 2_500)
    exchange.faults.lost_before(KLINES, after=2, times=4)
    exchange.faults.rate_limited(KLINES, retry_after=1, after=1)
    async with source(exchange) as where:
        await Download(where, tmp_path, clock=Clock()).run(first)
    assert history.load("BTC/USD", tmp_path).missing == 0


async def test_what_was_fetched_before_a_long_outage_stays(
    exchange: BinanceDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "SAVE_EVERY", 2_000)
    first = fill(exchange, 5_000)
    exchange.faults.lost_before(KLINES, after=3, times=None)
    out = io.StringIO()
    async with source(exchange) as where:
        with pytest.raises(ExchangeError, match="asked 8 times; look at this machine's connection"):
            await fetch(where, tmp_path, first, None, "1m", Clock(), out)
    assert len(history.load("BTC/USD", tmp_path)) == 3_000
    assert "the 3000 candles fetched so far are kept" in out.getvalue()
    exchange.faults.waiting.clear()
    assert (await bring(exchange, tmp_path, first)).fetched in (2_000, 2_001)
    assert history.load("BTC/USD", tmp_path).missing == 0


async def test_it_stays_clear_of_the_weight_that_a_trader_needs(exchange: BinanceDouble, tmp_path: Path) -> None:
    first = fill(exchange, 1_200)
    async with source(exchange) as where:
        client, clock = where._client, where._clock
        assert isinstance(clock, Hasty)
        client.limits.learn([{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 50}])
        await Download(where, tmp_path, clock=Clock()).run(first, first + 1_200 * MINUTE)
        assert sum(clock.slept) > 0.5  # what was used up to look at the symbol lasts until the minute is over
    assert len(history.load("BTC/USD", tmp_path)) == 1_200


async def test_a_symbol_that_is_not_listed(exchange: BinanceDouble) -> None:
    with pytest.raises(ExchangeRefused, match=r"DOGE/USD: Binance\.US does not list it; try --symbol BTC/USDT"):
        async with source(exchange, "DOGE/USD"):
            raise AssertionError
    exchange.faults.error("GET /api/v3/exchangeInfo", -1121, msg="Invalid symbol.", where={"symbol": "BTCUSD"})
    async with source(exchange, alternative=True) as where:
        assert where.symbol == "BTC/USDT"


async def test_the_bar_tells_rate_and_time_left(exchange: BinanceDouble, tmp_path: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    first = fill(exchange, 1_500)
    out = Terminal()
    async with source(exchange) as where:
        lines = await fetch(where, tmp_path, first, None, "1h", Clock(), out)
    shown = out.getvalue().split("\r")
    assert "] 100 %" in shown[-1]
    assert "/s  0:00:00 left" in shown[-1]
    assert lines[-1] == "BTC/USD:1h is made of these minutes whenever it is asked for"
    assert len(history.load("BTC/USD:1h", tmp_path)) >= 24
    plain = io.StringIO()
    bar = Bar(plain)
    bar.show(Progress(symbol="BTC/USD", at=first, done=0, wanted=9, fetched=0, seconds=0))
    assert "left" not in plain.getvalue()


def test_when_is_said_in_one_way_only() -> None:
    now, day = datetime(2024, 6, 15, 7, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
    assert wanted_time(now, None, None, None, None) == (datetime(2022, 6, 16, tzinfo=UTC), None)
    assert wanted_time(now, None, None, 30, None) == (datetime(2024, 5, 16, tzinfo=UTC), None)
    assert wanted_time(now, None, None, None, "20240101-") == (day, None)
    assert wanted_time(now, None, None, None, "20240101-20240201") == (day, datetime(2024, 2, 1, tzinfo=UTC))
    for wrong in ("20240101", "-", "2024-01-01", "20241301-", "2024010１-"):
        with pytest.raises(DataError, match="use days such as"):
            wanted_time(now, None, None, None, wrong)
    with pytest.raises(DataError, match="contradict"):
        wanted_time(now, day, None, 3, None)
    with pytest.raises(DataError, match="leave --since"):
        wanted_time(now, day, None, None, "20240101-")


def test_what_is_missing_is_all_that_is_asked_for() -> None:
    minute = 60_000
    held = np.array([2, 3, 4, 8, 9], dtype=np.int64) * minute
    assert download.missing(held, [(5 * minute, 7 * minute)], 0, 12 * minute) == [
        (0, 2 * minute),
        (7 * minute, 8 * minute),
        (10 * minute, 12 * minute),
    ]
    assert download.missing(held, [], 2 * minute, 5 * minute) == []
    assert download.missing(held[:0], [], 0, minute) == [(0, minute)]


def test_killed_or_interrupted_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """The real command as a process of its own, struck while an answer is due."""
    command = [sys.executable, "main.py", "download-data", "--days", "16"]
    folder = tmp_path / "candles" / "BTC_USD" / "1m"
    with ExchangeProcess(past=24_000, behind=1) as exchange:
        env = {"PATH": "", "TRADER_DATA_DIR": str(tmp_path), **exchange.settings}
        for struck, (number, after, kept) in enumerate(((signal.SIGKILL, 12, 10_000), (signal.SIGINT, 5, 13_000)), 1):
            exchange.do("faults.hold", KLINES, after=after)
            running = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            while len(exchange.get("faults.struck")) < struck and running.poll() is None:
                time.sleep(0.02)
            running.send_signal(number)
            _, told = running.communicate(timeout=30)
            assert running.returncode == (-9 if number == signal.SIGKILL else 1), told
            assert store.manifest_in(folder)["rows"] >= kept
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, "fetched" in done.stdout) == (0, True), done.stderr
    series = history.load("BTC/USD", tmp_path)
    assert series.missing == 0
    assert len(series) > 23_000
    assert [path.name for path in folder.parent.iterdir()] == ["1m"]
