"""How late the trader's loop is, and how soon an order leaves, while heavy work runs beside it in child processes.

Two lines of errands run real backtests of two years of minutes, again and again, each as the dashboard starts it; one
stands for the optimisation that may run beside a backtest.
"""

import asyncio
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from app.errands import Errand, Errands
from app.seam import Tasks
from services.children import BACKTEST
from services.children.process import Children
from tests.benchmarks.rows import Row, percentile

ROOT = Path(__file__).resolve().parents[2]
MINUTES = 2 * 365 * 1440
VOTERS = "timeframe: 1h\nstrategies:\n  technical_indicators: {enabled: true, weight: 30}\n"
LINES = 2
LEAST_BUSY = 0.1  # of a processor: less, and the children did not work


def write_history(data_dir: Path, minutes: int = MINUTES) -> None:
    """Imported candles: a random walk with the ups and downs of bitcoin."""
    import numpy as np  # not in the trader's process, which takes from this file what starts children

    from backtest import history
    from backtest.series import CandleSeries

    chance = np.random.default_rng(7)
    close = np.round(30_000 * np.exp(np.cumsum(chance.normal(0, 0.0007, minutes))), 2)
    opened = np.concatenate(([30_000.0], close[:-1]))
    reach = np.round(np.abs(chance.normal(0, 0.0004, minutes)) * close, 2)
    start = int(datetime(2023, 1, 1, tzinfo=UTC).timestamp() * 1000)
    series = CandleSeries(
        symbol="BTC/USD",
        seconds=60,
        ts=start + 60_000 * np.arange(minutes, dtype=np.int64),
        open=opened,
        high=np.maximum(opened, close) + reach,
        low=np.maximum(np.minimum(opened, close) - reach, 0.01),
        close=close,
        volume=np.round(chance.exponential(3, minutes), 4),
    )
    history.save(series, "1m", data_dir, datetime(2026, 1, 1, tzinfo=UTC), "random walk")


class Again:
    """Starts its errand anew whenever it has ended, for as long as nobody stops it."""

    def __init__(self, folder: Path, data_dir: Path, tasks: Tasks) -> None:
        self.folder, self.data_dir = folder, data_dir
        self.errands = Errands(Children({"TRADER_SYMBOL": "BTC/USD"}, BACKTEST), tasks)
        self.count, self.error = 0, ""

    def start(self) -> None:
        self.count += 1
        home = self.folder / "work"
        (home / "data").mkdir(parents=True, exist_ok=True)
        for link, target in (
            (home / "data/candles", self.data_dir / "candles"),
            (home / "strategies", ROOT / "strategies"),
        ):
            if not link.is_symlink():
                link.symlink_to(target)
        given = self.folder / "given"
        given.mkdir(exist_ok=True)
        (given / "strategies.yml").write_text(VOTERS)
        out = self.folder / f"results-{self.count}"
        options = ("--data=BTC/USD", f"--config={given}", f"--out={out}", "--cash=10000", "--progress", "--no-record")
        self.errands.submit(Errand(id=str(self.count), arguments=("backtest", *options), home=home), self)

    async def began(self, id: str) -> None:
        pass

    async def ended(self, id: str, error: str) -> None:
        self.error = self.error or error
        if not error:
            self.start()

    async def stop(self) -> None:
        await self.errands.cancel(str(self.count))


def lines(folder: Path, data_dir: Path, tasks: Tasks) -> list[Again]:
    """Lines of errands that are under way when this returns."""
    made = [Again(folder / f"line-{number}", data_dir, tasks) for number in range(LINES)]
    for each in made:
        each.start()
    return made


async def beside_two_backtests(entries: int = 60) -> list[Row]:
    """The whole program in live mode with an exchange whose prices tick: alone, and with the children at work."""
    from tests.benchmarks.crowd import TICKS_A_SECOND, Taken, _traded, exchange_process, running, trader_settings

    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "history"
        write_history(data_dir)
        async with exchange_process() as (exchange, control):
            settings = trader_settings(Path(folder), exchange)
            async with running("tests.benchmarks.whole_trader", **settings) as trader:
                await trader.said("ready")
                alone = await _traded(trader, control, entries)
                await trader.told(f"beside {folder} {data_dir}")
                await trader.said("beside")
                await asyncio.sleep(5)  # the libraries are loaded, the candles are read
                busy: Taken = await _traded(trader, control, entries)
                await trader.told("rest")
                told = await trader.said("processors")
    if told["error"]:
        raise RuntimeError(f"a backtest failed, so nothing was measured: {told['error']}")
    if told["processors"] < LEAST_BUSY * LINES:
        raise RuntimeError(f"the children used {told['processors']:.2f} processors: nothing was measured")
    how = (
        f"{len(busy.lags)} sleeps of 10 ms, max {max(busy.lags):.0f} ms; "
        f"alone p99 {percentile(alone.lags, 0.99):.2f} ms; the children used {told['processors']:.1f} processors"
    )
    wire = (
        f"{len(busy.orders)} entries, {TICKS_A_SECOND} prices a second; alone {percentile(alone.orders, 0.99):.0f} ms"
    )
    return [
        Row(what="event-loop lag, two backtests beside, p50", value=percentile(busy.lags, 0.5), unit="ms", how=how),
        Row(
            what="event-loop lag, two backtests beside, p99",
            value=percentile(busy.lags, 0.99),
            unit="ms",
            target=20,
            how=how,
        ),
        Row(
            what="signal → order on the wire, two backtests beside, p99",
            value=percentile(busy.orders, 0.99),
            unit="ms",
            target=150,
            how=wire,
        ),
    ]
