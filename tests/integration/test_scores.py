"""strategy_performance on both databases: every signal and trade is counted once, whatever happens in between."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from app.core.decisions import Decision
from app.core.model import Trade
from app.ports import EquityPoint, LedgerRow
from app.scoring import Score
from services.database import Database, DatabaseJournal, DatabaseScores
from tests.builders import NOON, a_signal, d
from tests.integration.store_cases import a_whole_trade, entry

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def price(at: datetime, value: object) -> EquityPoint:
    return EquityPoint(at=at, equity=d(10_000), cash=d(10_000), quantity=d(0), price=d(value))


def history() -> tuple[list[Decision | Trade], list[EquityPoint]]:
    """Four hours' signals, each in two decisions; the price falls for a day after the third. One closed trade."""
    _, entries = a_whole_trade()
    changes = [each for every in entries for each in every.changes]
    made = [each for each in changes if isinstance(each, Decision)][-1]
    trade = [each for each in changes if isinstance(each, Trade)][-1]
    decisions: list[Decision | Trade] = []
    for hour in range(4):
        at = NOON + hour * HOUR
        signal = a_signal("BUY", 60 + 10 * hour, at=at)
        for again in range(2):
            id = made.id if (hour, again) == (0, 0) else f"d{hour}-{again}"
            decisions.append(replace(made, id=id, at=at + again * timedelta(minutes=1), signals=(signal,)))
    prices = [price(NOON + hour * HOUR, 50_000) for hour in range(4)]
    prices += [price(NOON + DAY + hour * HOUR, 50_100 if hour < 3 else 49_000) for hour in range(4)]
    return [*decisions, replace(trade, closed_at=NOON + HOUR)], prices


def the_scores(store: DatabaseScores, now: datetime) -> dict[str, Score]:
    return {score.day.isoformat(): score for score in store.scores(now)}


def test_every_signal_is_counted_once_and_judged_once(
    database: Database, journal: DatabaseJournal, ledger: LedgerRow
) -> None:
    changes, prices = history()
    journal.commit([replace(entry(1), changes=tuple(changes))], prices)
    for minutes in range(0, 40 * 60, 25):  # a new program each time: what it knows, it knows from the books
        DatabaseScores(database, ledger.name).gather(NOON + timedelta(minutes=minutes))
    score = the_scores(DatabaseScores(database, ledger.name), NOON + 2 * DAY)[NOON.date().isoformat()]
    assert (score.signals, score.confidence) == (4, 300)
    assert (score.judged, score.correct) == (4, 3)
    assert score.groups == {60: [1, 1, 60.0], 70: [1, 1, 70.0], 80: [1, 1, 80.0], 90: [1, 0, 90.0]}
    trade = next(each for each in changes if isinstance(each, Trade))
    assert score.earned == trade.profit_loss
    assert score.earned != 0


def test_all_at_once_is_the_same(database: Database, journal: DatabaseJournal, ledger: LedgerRow) -> None:
    changes, prices = history()
    journal.commit([replace(entry(1), changes=tuple(changes))], prices)
    store = DatabaseScores(database, ledger.name)
    store.gather(NOON + 2 * DAY)
    store.gather(NOON + 2 * DAY)
    score = the_scores(store, NOON + 2 * DAY)[NOON.date().isoformat()]
    assert (score.signals, score.judged, score.correct) == (4, 4, 3)


def test_without_a_price_nothing_is_judged(database: Database, journal: DatabaseJournal, ledger: LedgerRow) -> None:
    changes, prices = history()
    journal.commit([replace(entry(1), changes=tuple(changes))], prices[:4])
    store = DatabaseScores(database, ledger.name)
    store.gather(NOON + 2 * DAY)
    score = the_scores(store, NOON + 2 * DAY)[NOON.date().isoformat()]
    assert (score.signals, score.judged) == (4, 0)
    assert Decimal(0) == sum(values[0] for values in score.groups.values())
