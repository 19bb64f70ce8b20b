"""Where a trader trades: the real account, real prices with play money, a file, or an invented market."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.seam import clock, seeded
from wiring.binance_us import on_binanceus, trading_key
from wiring.books import BINANCEUS
from wiring.real_money import RealMoney

if TYPE_CHECKING:
    from app.ports import Ground
    from services.settings import Settings
    from wiring.trader import Trader


def make_ground(trader: "Trader") -> "Ground":
    """Where this trader trades: the one place that tells modes and markets apart."""
    from backtest.grounds import CandleGround, PriceGround
    from backtest.paper import MarketTime, PaperExchange
    from backtest.simulator import Book, instrument_for
    from services.database import DatabasePaperStore

    settings, simulation = trader.settings, trader.loaded.simulation
    if settings.mode != "paper":
        return real_ground(trader)
    instrument = instrument_for(settings.symbol, simulation)
    opening = Book(quote_total=settings.paper_cash)
    store = DatabasePaperStore(trader.database, trader.ledger.name)
    if trader.ledger.market == BINANCEUS:
        account, market = on_binanceus(settings, trader.tasks)  # without a key: paper needs none
        trader.clock_ahead = lambda: -account.client.time.wall_offset_seconds()
        dice = seeded(settings.market_seed)
        paper = PaperExchange(
            instrument=instrument,
            simulation=simulation,
            cash_of_a_new_account=opening,
            store=store,
            now=account.now,
            candle_fed=False,
            latency=lambda: timedelta(milliseconds=dice.uniform(50, 300)),
            ask_price=account.ask_price,
        )

        def begin(post: Callable[[Any], None]) -> None:
            account.listen(post)
            account.start()

        return PriceGround(
            "Binance.US",
            paper,
            market,
            now=account.now,
            connect=account.open,
            begin=begin,
            disconnect=account.close,
            tasks=trader.tasks,
        )
    time = MarketTime(datetime(1970, 1, 1, tzinfo=UTC))
    paper = PaperExchange(
        instrument=instrument,
        simulation=simulation,
        cash_of_a_new_account=opening,
        store=store,
        now=time,
        candle_fed=True,
    )

    def feed(warmup: int, window: int, resume: datetime | None) -> Any:
        return make_feed(settings, trader, warmup, window, resume)

    return CandleGround(trader.ledger.market, paper, time, instrument, feed)


def real_ground(trader: "Trader") -> "Ground":
    """The real account: live, or read only where nothing may be sent."""
    from backtest.unsent import Unsent
    from services.binance_us.ground import LiveGround

    settings = trader.settings
    account, market = on_binanceus(settings, trader.tasks, **trading_key(settings))
    trader.clock_ahead = lambda: -account.client.time.wall_offset_seconds()
    account.reconnected = lambda: trader.session.reconcile("reconnect")
    if settings.mode != "live":
        return LiveGround(account, market, Unsent(account, account.now))
    trader.real = RealMoney(trader, account)
    return LiveGround(account, market, trader.real.exchange)


def make_feed(settings: "Settings", trader: "Trader", warmup: int, window: int, resume: datetime | None) -> Any:
    """The market's candles: from a file, or invented from the seed. An invented market opens with the day on which its
    ledger was opened, so that it is the same market at whatever hour somebody begins; where nobody has set its speed it
    hurries until something was bought, for who tries the program wants to see that."""
    from backtest.feeds import ReplayFeed, SimulatedFeed

    file = settings.replay_file
    if file is not None:
        return ReplayFeed(
            file,
            symbol=settings.symbol,
            warmup_minutes=warmup,
            window_minutes=window,
            speed=settings.market_speed,
            clock=clock,
            resume_after=resume,
        )
    return SimulatedFeed(
        symbol=settings.symbol,
        seed=settings.market_seed,
        start_at=trader.ledger.opened_at.replace(hour=0, minute=0, second=0, microsecond=0),
        hurries=lambda: settings.market_hurries and not trader.session.engine.state.trade_number,
        window_minutes=window,
        speed=settings.market_speed,
        clock=clock,
        resume_after=resume,
    )
