"""Whoever starts anew shows the strategies what somebody who never stopped shows them: at any minute, over gaps, after
any time away, on each kind of market.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pandas as pd
import pytest

from app.core.decisions import Shown
from app.core.model import EPOCH, Candle, timeframe_seconds
from app.core.rules import Simulation, VotingRules
from app.cycle import Cycle
from app.past import Past, PastWanted
from app.ports import StrategyFace
from app.seam import Clock, Tasks
from backtest.feeds import ReplayFeed, SimulatedFeed
from backtest.grounds import CandleGround, PastFeed
from backtest.paper import MarketTime, PaperExchange
from backtest.simulator import Book, instrument_for
from services.binance_us import Addresses, Client, LiveMarket
from tests.binance_us_double import BinanceDouble
from tests.fakes import MemoryPaperStore

SYMBOL = "BTC/USD"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BEGAN = datetime(2024, 3, 1, tzinfo=UTC)
DAYS, WARM = 12, 8 * 1440
STARTUP = 12


def a_history() -> list[Candle]:
    """Minutes with holes: single ones, some that swallow the end of a candle, one over half a day."""
    dice = Random(11)
    start = BEGAN - timedelta(days=30)
    market = SimulatedFeed(symbol=SYMBOL, seed=3, start_at=start, speed=1, clock=Clock())
    begin = BEGAN - timedelta(days=90)
    minutes = [*market.past(start, since=begin, until=begin + timedelta(days=DAYS))]
    shift = BEGAN - begin
    gone = {n for first in dice.sample(range(WARM), 40) for n in range(first, first + dice.choice((1, 1, 2, 9, 70)))}
    gone |= {*range(7 * 1440 + 100, 7 * 1440 + 850), 9 * 1440, 9 * 1440 + 239, 10 * 1440 + 718, 10 * 1440 + 719}
    gone |= {*range(8 * 1440 + 236, 8 * 1440 + 479)}  # the next candle of four hours has its last minute only
    return [moved(each, shift) for row, each in enumerate(minutes) if row not in gone]


def moved(candle: Candle, by: timedelta) -> Candle:
    values = {name: getattr(candle, name) for name in ("symbol", "seconds", "open", "high", "low", "close", "volume")}
    return Candle(opened_at=candle.opened_at + by, **values)


HISTORY = a_history()


# ---------------------------------------------------------------- what is compared


def a_cycle(timeframe: str) -> Cycle:
    face = StrategyFace(name="all", title="all", startup_candles=STARTUP, reads_text=False, sha256="")
    return Cycle(VotingRules(timeframe=timeframe), {"all": face}, SYMBOL)


@dataclass
class NeverStopped:
    """Was told each minute in its time. `at`: (what it shows, whether a candle closed) at each minute's close."""

    timeframe: str
    minutes: Sequence[Candle]
    at: dict[datetime, tuple[Shown, bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        cycle = a_cycle(self.timeframe)
        for each in self.minutes:
            closed = cycle.remember(each)
            if cycle.remembered:
                self.at[each.closed_at] = (cycle.shown(), closed)


def assert_goes_on_the_same(never: NeverStopped, past: Past, missed: Iterable[Candle], after: Iterable[Candle]) -> int:
    """The past, what was missed told as the session tells it, then two candles' time of market."""
    cycle = a_cycle(never.timeframe)
    cycle.remember_all(past)
    assert not any(cycle.remember(each) for each in missed), "what was missed was shown twice"
    newest = past.minutes[-1].closed_at
    assert cycle.shown() == never.at[newest][0]
    count = 0
    for each in after:
        closed = cycle.remember(each)
        assert (cycle.shown(), closed) == never.at[each.closed_at]
        count += closed
        if count == 2:
            break
    return count


# ---------------------------------------------------------------- pretend markets


def a_ground(make_feed: Callable[[int, int, datetime | None], PastFeed]) -> CandleGround:
    time, instrument = MarketTime(BEGAN), instrument_for(SYMBOL, Simulation())
    paper = PaperExchange(
        instrument=instrument,
        simulation=Simulation(),
        cash_of_a_new_account=Book(quote_total=Decimal(10_000)),
        store=MemoryPaperStore(),
        now=time,
        candle_fed=True,
    )
    return CandleGround("pretended", paper, time, instrument, make_feed)


async def restart(ground: CandleGround, never: NeverStopped, lived_until: datetime, startup: int = STARTUP) -> int:
    wanted = PastWanted(lived_until=lived_until, startup=startup, seconds=timeframe_seconds(never.timeframe))
    past = await ground.past(wanted)
    newest = past.minutes[-1].closed_at
    if lived_until != EPOCH:
        assert newest <= lived_until, "a market that waits goes on where the trader stopped"
    return assert_goes_on_the_same(
        never, past, ground.missed(), (each for each in never.minutes if each.opened_at >= newest)
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = ("open", "high", "low", "close", "volume")
    rows = [[each.opened_at, *(str(getattr(each, name)) for name in names)] for each in HISTORY]
    path = tmp_path_factory.mktemp("candles") / "file.csv"
    pd.DataFrame(rows, columns=["date", *names]).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("timeframe", ["10m", "4h", "12h"])
async def test_a_replayed_file(file: Path, timeframe: str) -> None:
    feed = ReplayFeed(file, symbol=SYMBOL, warmup_minutes=WARM, speed=1, clock=Clock())
    ground, never = a_ground(lambda warmup, window, resume: feed), NeverStopped(timeframe, HISTORY)
    moments = [EPOCH, *(BEGAN + MINUTE * n for n in (WARM + 1, WARM + 2, 9 * 1440 - 1, 9 * 1440, 10 * 1440 + 720))]
    moments += [BEGAN + MINUTE * Random(timeframe).randrange(WARM, 11 * 1440) for _ in range(3)]
    for lived_until in moments:
        assert await restart(ground, never, lived_until)


@pytest.mark.parametrize("timeframe", ["15m", "4h"])
async def test_the_simulated_market(timeframe: str) -> None:
    feed = SimulatedFeed(symbol=SYMBOL, seed=5, start_at=BEGAN, speed=1, clock=Clock())
    later = BEGAN + timedelta(days=6)
    never = NeverStopped(timeframe, [*feed.past(later, since=BEGAN - timedelta(days=5), until=later)])
    ground = a_ground(lambda warmup, window, resume: feed)
    for minute in (1, 239, 240, 1440, 1441, 3333):
        assert await restart(ground, never, BEGAN + minute * MINUTE) == 2
    assert await restart(ground, never, EPOCH) == 2


# ---------------------------------------------------------------- real prices


@dataclass
class Exchange:
    """The double with the whole history laid down; it knows no more than what had closed by `at`."""

    at: datetime = BEGAN
    double: BinanceDouble = field(init=False)

    def seconds(self) -> float:
        return self.at.timestamp()

    async def past(self, wanted: PastWanted) -> Past:
        double = self.double
        addresses = Addresses(rest=double.rest_url, ws=double.ws_url, ws_api=double.ws_api_url)
        client, tasks = Client(addresses, clock=Clock()), Tasks()
        await client.open()
        try:
            await client.sync()
            return await LiveMarket(client, SYMBOL, clock=Clock(), tasks=tasks).past(wanted)
        finally:
            await tasks.stop()
            await client.close()


@asynccontextmanager
async def exchange_of(minutes: Sequence[Candle]) -> AsyncIterator[Exchange]:
    exchange = Exchange()
    async with BinanceDouble(now=exchange.seconds) as exchange.double:
        exchange.double.candles.fill(
            (int(e.opened_at.timestamp() * 1000), e.open, e.high, e.low, e.close, e.volume) for e in minutes
        )
        yield exchange


AWAY = (timedelta(seconds=20), 10 * MINUTE, 5 * HOUR, timedelta(days=3))


@pytest.mark.parametrize("timeframe", ["5m", "45m", "4h"])
async def test_real_prices(timeframe: str) -> None:
    dice = Random(timeframe)
    never = NeverStopped(timeframe, HISTORY)
    async with exchange_of(HISTORY) as exchange:
        for away in (None, *AWAY):
            now = BEGAN + MINUTE * dice.choice((9 * 1440 + 1, 9 * 1440 + 240, dice.randrange(8 * 1440, 11 * 1440)))
            now += timedelta(seconds=dice.choice((2, 30, 58)))
            exchange.at = now
            lived_until = EPOCH if away is None else now - away
            wanted = PastWanted(lived_until=lived_until, startup=STARTUP, seconds=timeframe_seconds(timeframe))
            past = await exchange.past(wanted)
            missed = past.missed(lived_until)
            newest = past.minutes[-1].closed_at
            gone_by = [e for e in HISTORY if lived_until < e.closed_at <= newest and away is not None]
            assert [*missed] == gone_by
            after = (each for each in HISTORY if each.opened_at >= newest)
            assert assert_goes_on_the_same(never, past, missed, after) == 2
