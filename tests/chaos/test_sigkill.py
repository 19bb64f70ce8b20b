"""SIGKILL at moments of a real run, most of them between an order's intent and its stop's confirmation: at 8, and in
`make proofs` at 20.

After each one the books of trader and exchange are brought together, as the next start does, and must agree exactly.
"""

import random
import shutil
import signal
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from app import codec
from app.core import orders
from app.core.messages import Started
from app.core.model import OrderReport, OrderStatus, PositionStatus, Role, Side
from app.core.state import State, held, live_orders, standing
from app.seam import Tasks, clock
from app.session import Session
from backtest.paper import MarketTime, PaperExchange
from backtest.simulator import Book
from services.database import DatabaseJournal, DatabasePaperStore, open_database
from services.kill_seal import KillFile
from tests.trader_process import TraderProcess, write_market

HERE = Path(__file__).parent
AIMED = [
    (role, status, moment, count)
    for count in (1, 3)
    for role, status in (("entry", "OPEN"), ("entry", "FILLED"), ("stop", "OPEN"))
    for moment in ("before", "after")
]
RANDOM = [("-", "-", "random", f"{random.Random(n).uniform(0.0, 2.0):.2f}") for n in range(8)]
FEW = [AIMED[0], AIMED[7], AIMED[2], AIMED[9], AIMED[4], AIMED[11], *RANDOM[:2]]  # each kind once, before or after

pytestmark = pytest.mark.xdist_group("sigkill")


@pytest.fixture
def trader(tmp_path: Path) -> TraderProcess:
    return TraderProcess(tmp_path, f"replay:{write_market(tmp_path / 'market.csv', days=30)}")


async def recovered_books(trader: TraderProcess, copy: Path) -> tuple[State, Book, dict[str, OrderReport]]:
    """What the next start makes of the books: recovery and the exchange's truth, on a copy, with no market running."""
    shutil.copytree(trader.folder / "data", copy)
    database = open_database(f"sqlite:///{copy}/trader.db")
    with database.readers.connect() as connection:
        (name,) = connection.exec_driver_sql("SELECT name FROM ledgers").one()
        reports = {
            id: codec.decode(text)
            for id, text in connection.exec_driver_sql("SELECT client_order_id, report FROM paper_reports")
        }
    journal = DatabaseJournal(database, name, "1")
    assert journal.verify() is None
    time = MarketTime(datetime(1970, 1, 1, tzinfo=UTC))
    tasks = Tasks()
    started = last_started(journal)
    paper = PaperExchange(
        instrument=started.instrument,
        simulation=None,  # type: ignore[arg-type]  # nothing fills while no market runs
        cash_of_a_new_account=Book(quote_total=Decimal(0)),
        store=DatabasePaperStore(database, name),
        now=time,
        candle_fed=True,
    )
    session = Session(
        journal=journal,
        exchange=paper,
        seal=KillFile(copy),
        tasks=tasks,
        clock=clock,
        market_now=time,
        version="1",
    )
    await session.recover()
    tasks.start(session.run(), "session")
    await session.start(started)
    await session.drained()
    await tasks.stop()
    assert journal.verify() is None
    journal.close()
    book = paper._simulator.book
    reports |= book.reports
    database.close()
    return session.engine.state, book, reports


def last_started(journal: DatabaseJournal) -> Started:
    found, seq = None, 0
    while page := journal.rows(seq):
        for row in page:
            if '"type":"Started"' in row.message:
                found = codec.decode(row.message)
        seq = page[-1].seq
    assert isinstance(found, Started)
    return found


def check_books(state: State, book: Book, reports: dict[str, OrderReport]) -> None:
    """Nothing lost, nothing doubled, nothing naked."""
    assert state.account is not None
    assert state.account.cash == book.quote_total
    assert held(state) == book.base_total
    for client_id in reports:
        assert orders.is_ours(client_id)
    fills = [fill for report in reports.values() for fill in report.fills]
    assert max(Counter(fill.id for fill in fills).values(), default=1) == 1
    cash = Decimal(10_000)
    for fill in fills:
        quote_fee = fill.fee if fill.fee_asset == "USD" else Decimal(0)
        cash += -fill.notional if fill.side is Side.BUY else fill.notional - quote_fee
    assert cash == book.quote_total
    known = set(state.orders)
    assert set(book.resting) <= known
    for position in state.positions.values():
        if position.status is PositionStatus.ENTERING:
            continue
        live = [order for order in live_orders(state) if order.position_id == position.id]
        stops = [order for order in live if order.role is Role.STOP]
        standing_stops = [order for order in stops if order.id in book.resting]
        assert len(standing_stops) <= 1, "two stops could sell twice"
        if position.status is not PositionStatus.OPEN:
            assert live, "a position that is being closed has an order on its way"
        elif standing_stops:
            assert standing_stops[0].status is OrderStatus.OPEN
            assert standing_stops[0].quantity == position.remaining
        else:  # it never arrived: that is being proved, and entries are shut meanwhile
            (stop,) = stops
            assert stop.status is OrderStatus.UNKNOWN
            assert stop.id not in reports
            assert standing(state, state.now)[1] == "unknown_order"


@pytest.mark.parametrize(
    "kills", [pytest.param(FEW, id="8"), pytest.param([*AIMED, *RANDOM], id="20", marks=pytest.mark.proof)]
)
async def test_kills_lose_and_double_nothing(
    trader: TraderProcess, tmp_path: Path, kills: list[tuple[object, ...]]
) -> None:
    for number, how in enumerate(kills):
        ended = trader.command(*how, program=HERE / "victim.py")
        assert ended.returncode == -signal.SIGKILL, ended.stderr[-3000:]
        state, book, reports = await recovered_books(trader, tmp_path / f"copy{number}")
        check_books(state, book, reports)
        assert state.reconciled
        shutil.rmtree(tmp_path / f"copy{number}")
    trades, opened = state.trade_number, len(state.positions)
    assert trades >= len(kills), "the run must have traded, or nothing was shown"
    assert opened <= 4
