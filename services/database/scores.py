"""strategy_performance: what is new since the last time is gathered from decisions, prices and trades, and added up.

Three windows move on together: signals given, signals whose 24 hours have passed, trades closed. Each is gone through
once, and counted in the transaction that moves the mark: nothing is counted twice, however often the program ends.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, Table, delete, insert, select

from app import codec
from app.core.decisions import Decision
from app.core.errors import DataError
from app.core.model import Signal
from app.scoring import DAYS, HORIZON, Judged, Score, Scores, is_directed
from services.database import tables
from services.database.connection import Database

PERFORMANCE: Table = tables.StrategyPerformanceTable.__table__  # type: ignore[attr-defined]
DECISIONS: Table = tables.DecisionTable.__table__  # type: ignore[attr-defined]
TRADES: Table = tables.TradeTable.__table__  # type: ignore[attr-defined]
EQUITY: Table = tables.EquityTable.__table__  # type: ignore[attr-defined]
KEPT: Table = tables.SettingTable.__table__  # type: ignore[attr-defined]

log = logging.getLogger(__name__)
SETTLED = timedelta(hours=2)  # so old, a signal stands in a decision if it ever will: some votes are not kept
PRICE_AGE = timedelta(minutes=10)  # older ones say nothing about a moment


class DatabaseScores:
    """Of one ledger. Synchronous; called beside the loop. Raises StoreError."""

    def __init__(self, database: Database, ledger: str) -> None:
        self._database, self._ledger = database, ledger
        self._mark = f"scored {ledger}"

    def gather(self, now: datetime) -> None:
        """Bring the scores up to `now`, in market time: day by day, each written quickly: trading writes too."""
        until = now - SETTLED
        with self._database.reading() as connection:
            mark = self._marked(connection)
        since = mark or until - timedelta(days=DAYS)
        while since < until:
            end = min(since + timedelta(days=1), until)
            new = self._gathered(since, end)
            with self._database.writing() as connection:
                if self._marked(connection) != mark:  # somebody else was quicker
                    return
                for score in new:
                    self._add(connection, score)
                self._set_mark(connection, end)
            since = mark = end

    def _gathered(self, since: datetime, until: datetime) -> Sequence[Score]:
        scores = Scores()
        with self._database.reading() as connection:
            for signal in self._signals(connection, since, until):
                scores.given(signal)
            for signal in self._signals(connection, since - HORIZON, until - HORIZON):
                if is_directed(signal) and (judged := self._judge(connection, signal)):
                    scores.judged(judged)
            for closed_at, result, entry in self._closed(connection, since, until):
                scores.earned(closed_at, result, entry)
        return list(scores.by_day.values())

    def scores(self, today: datetime) -> Sequence[Score]:
        """The days that count, of every strategy."""
        first = (today - timedelta(days=DAYS)).date().isoformat()
        query = select(PERFORMANCE).where(PERFORMANCE.c.ledger == self._ledger, PERFORMANCE.c.date >= first)
        with self._database.reading() as connection:
            return [_score(dict(row)) for row in connection.execute(query).mappings()]

    # ------------------------------------------------------------ what is new

    def _signals(self, connection: Connection, since: datetime, until: datetime) -> Iterator[Signal]:
        """Those given in since < given_at ≤ until, each once, however many decisions it stood in."""
        query = (
            select(DECISIONS.c.record)
            .where(DECISIONS.c.ledger == self._ledger, DECISIONS.c.at > since, DECISIONS.c.at <= until + SETTLED)
            .order_by(DECISIONS.c.at)
        )
        seen: set[tuple[str, datetime]] = set()
        for record in connection.execute(query).scalars():
            decision = _decision(record)
            for signal in decision.signals if decision else ():
                key = signal.strategy, signal.given_at
                if key not in seen and since < signal.given_at <= until:
                    seen.add(key)
                    yield signal

    def _judge(self, connection: Connection, signal: Signal) -> Judged | None:
        price = self._price(connection, signal.given_at)
        later = self._price(connection, signal.given_at + HORIZON)
        return Judged(signal=signal, price=price, later=later) if price and later else None

    def _price(self, connection: Connection, at: datetime) -> Decimal | None:
        query = (
            select(EQUITY.c.price)
            .where(EQUITY.c.ledger == self._ledger, EQUITY.c.at <= at, EQUITY.c.at > at - PRICE_AGE)
            .order_by(EQUITY.c.at.desc())
            .limit(1)
        )
        found: Decimal | None = connection.execute(query).scalar()
        return found

    def _closed(
        self, connection: Connection, since: datetime, until: datetime
    ) -> Iterator[tuple[datetime, Decimal, Decision]]:
        query = (
            select(TRADES.c.timestamp, TRADES.c.profit_loss, DECISIONS.c.record)
            .join(DECISIONS, DECISIONS.c.id == TRADES.c.decision_id)
            .where(TRADES.c.ledger == self._ledger, TRADES.c.timestamp > since, TRADES.c.timestamp <= until)
        )
        for closed_at, result, record in connection.execute(query):
            if (entry := _decision(record)) is not None:
                yield closed_at, result, entry

    # ------------------------------------------------------------ adding up

    def _add(self, connection: Connection, new: Score) -> None:
        where = (
            PERFORMANCE.c.ledger == self._ledger,
            PERFORMANCE.c.strategy_name == new.strategy,
            PERFORMANCE.c.date == new.day.isoformat(),
        )
        row = connection.execute(select(PERFORMANCE).where(*where)).mappings().first()
        total = _sum(_score(dict(row)), new) if row else new
        connection.execute(delete(PERFORMANCE).where(*where))
        connection.execute(insert(PERFORMANCE), [_columns(self._ledger, total)])

    def _marked(self, connection: Connection) -> datetime | None:
        """Everything up to here was gone through."""
        found = connection.execute(select(KEPT.c.value).where(KEPT.c.name == self._mark)).scalar()
        return datetime.fromisoformat(found) if found else None

    def _set_mark(self, connection: Connection, at: datetime) -> None:
        connection.execute(delete(KEPT).where(KEPT.c.name == self._mark))
        connection.execute(insert(KEPT), [{"name": self._mark, "value": at.isoformat()}])


def _decision(record: str) -> Decision | None:
    """One that cannot be read is passed over, not stumbled over for ever."""
    try:
        found: Decision = codec.decode(record)
    except DataError as error:
        log.warning("a decision is left out of the scores: %s", error)
        return None
    return found


def _sum(one: Score, other: Score) -> Score:
    groups = dict(one.groups)
    for lowest, values in other.groups.items():
        groups[lowest] = [a + b for a, b in zip(groups.get(lowest, [0, 0, 0.0]), values, strict=True)]
    return Score(
        strategy=one.strategy,
        day=one.day,
        signals=one.signals + other.signals,
        confidence=one.confidence + other.confidence,
        judged=one.judged + other.judged,
        correct=one.correct + other.correct,
        earned=one.earned + other.earned,
        groups=groups,
    )


def _score(row: dict[str, object]) -> Score:
    signals = int(str(row["signals_generated"]))
    average = Decimal(str(row["avg_confidence"] or 0))
    groups = json.loads(str(row["calibration"] or "{}"))
    return Score(
        strategy=str(row["strategy_name"]),
        day=datetime.fromisoformat(str(row["date"])).date(),
        signals=signals,
        confidence=average * signals,
        judged=int(str(row["judged"])),
        correct=int(str(row["correct"])),
        earned=Decimal(str(row["contribution_to_pnl"])),
        groups={int(lowest): values for lowest, values in groups.items()},
    )


def _columns(ledger: str, score: Score) -> dict[str, object]:
    return {
        "ledger": ledger,
        "strategy_name": score.strategy,
        "date": score.day.isoformat(),
        "signals_generated": score.signals,
        "avg_confidence": float(score.confidence / score.signals) if score.signals else None,
        "judged": score.judged,
        "correct": score.correct,
        "accuracy": score.correct / score.judged if score.judged else None,
        "contribution_to_pnl": score.earned,
        "calibration": json.dumps(score.groups),
    }
