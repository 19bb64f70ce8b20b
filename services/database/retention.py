"""Lets go of old rows, one short transaction at a time. What goes and what stays is said here and nowhere else.

The chain of the journal stays whole: its rows are packed, never dropped. Every figure stays what it was.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from app import codec
from app.core.errors import DataError
from app.core.portfolio import midnight
from app.retention import Keep, Step
from app.thinning import staying
from services.database import packs, tables
from services.database.connection import Database
from services.database.shrinking import shrunk

LEDGERS: Table = tables.LedgerTable.__table__  # type: ignore[attr-defined]
JOURNAL: Table = tables.JournalTable.__table__  # type: ignore[attr-defined]
EQUITY: Table = tables.EquityTable.__table__  # type: ignore[attr-defined]
FLOWS: Table = tables.FlowTable.__table__  # type: ignore[attr-defined]
DECISIONS: Table = tables.DecisionTable.__table__  # type: ignore[attr-defined]
CANDLES: Table = tables.MarketCandleTable.__table__  # type: ignore[attr-defined]
EVIDENCE: Table = tables.EvidenceTable.__table__  # type: ignore[attr-defined]
LOGS: Table = tables.SystemLogTable.__table__  # type: ignore[attr-defined]
CALLS: Table = tables.ModelCallTable.__table__  # type: ignore[attr-defined]
ALERTS: Table = tables.OutboxTable.__table__  # type: ignore[attr-defined]
LETTERS: Table = tables.LetterTable.__table__  # type: ignore[attr-defined]
KEPT: Table = tables.SettingTable.__table__  # type: ignore[attr-defined]
DAY, MONTH = timedelta(days=1), timedelta(days=31)
AT_ONCE = 200  # rows in one step
HOURS_AT_ONCE = 20  # of candles
LONGEST_OPINION = timedelta(days=8)  # after it was given nobody decides by it any more
ON_THEIR_WAY = ("waiting", "sending", "sent")
SOON = timedelta(days=1)  # later than that is the time of a pretend market that hurries

log = logging.getLogger(__name__)


class DatabaseRetention:
    """Implements app.retention.Retention over all ledgers. Raises StoreError."""

    def __init__(self, database: Database, keep: Keep) -> None:
        self._database, self._keep = database, keep

    def steps(self, now: datetime) -> Iterator[Step]:
        went = False
        for step in self._all(now):
            went = went or step.count > 0
            yield step
        if went or self._database.is_sqlite:  # what did not come to its end the last time
            yield from shrunk(self._database)

    def _all(self, now: datetime) -> Iterator[Step]:
        for ledger in self._column(select(LEDGERS.c.name).order_by(LEDGERS.c.opened_at)):
            newest = self._newest(ledger)
            if newest is not None:
                yield from self._of_ledger(ledger, newest)
        yield from self._texts(now)
        keep = self._keep
        yield from self._older("log rows", LOGS, LOGS.c.timestamp < now - DAY * keep.logs_days)
        yield from self._older("model calls", CALLS, CALLS.c.at < now - DAY * keep.calls_days)
        yield from self._alerts(now - DAY * keep.alerts_days)

    def _of_ledger(self, ledger: str, newest: datetime) -> Iterator[Step]:
        """In its own market's time."""
        keep = self._keep
        yield from self._thin(ledger, newest - DAY * keep.equity_minutes_days)
        yield from self._candles(ledger, newest - DAY * keep.candles_days)
        old = and_(
            DECISIONS.c.ledger == ledger,
            DECISIONS.c.at < newest - DAY * keep.decisions_days,
            DECISIONS.c.outcome != "order",
        )
        yield from self._older("decisions", DECISIONS, old)
        try:
            while packs.pack_next(self._database, ledger, newest - MONTH * keep.journal_months):
                yield Step("journal rows packed", packs.ROWS)
        except DataError as error:
            log.error("%s; run main.py audit verify", error)

    # ------------------------------------------------------------ rows that go

    def _older(self, what: str, table: Table, old: ColumnElement[bool]) -> Iterator[Step]:
        (key,) = table.primary_key
        while ids := self._column(select(key).where(old).limit(AT_ONCE)):
            with self._database.writing() as connection:
                connection.execute(delete(table).where(key.in_(ids)))
            yield Step(what, len(ids))

    def _candles(self, ledger: str, before: datetime) -> Iterator[Step]:
        old = (CANDLES.c.ledger == ledger, CANDLES.c.hour < before)
        while hours := self._column(select(CANDLES.c.hour).where(*old).order_by(CANDLES.c.hour).limit(HOURS_AT_ONCE)):
            with self._database.writing() as connection:
                connection.execute(delete(CANDLES).where(CANDLES.c.ledger == ledger, CANDLES.c.hour.in_(hours)))
            yield Step("hours of candles", len(hours))

    def _alerts(self, before: datetime) -> Iterator[Step]:
        """With their letters. What is on its way stays, and what nobody has acknowledged that should."""
        waiting = select(LETTERS.c.id).where(LETTERS.c.outbox_id == ALERTS.c.id, LETTERS.c.status.in_(ON_THEIR_WAY))
        done = or_(ALERTS.c.level != "critical", ALERTS.c.acknowledged_at.is_not(None), ALERTS.c.over_at.is_not(None))
        newest = select(func.max(ALERTS.c.id)).scalar_subquery()  # from it the next number is counted
        old = and_(ALERTS.c.created_at < before, ALERTS.c.status != "waiting", done, ALERTS.c.id < newest)
        while ids := self._column(select(ALERTS.c.id).where(old, ~waiting.exists()).limit(AT_ONCE)):
            with self._database.writing() as connection:
                connection.execute(delete(LETTERS).where(LETTERS.c.outbox_id.in_(ids)))
                connection.execute(delete(ALERTS).where(ALERTS.c.id.in_(ids)))
            yield Step("alerts", len(ids))

    def _texts(self, now: datetime) -> Iterator[Step]:
        """Prompts, answers and news that were shown, but for what led to an order."""
        days = DAY * self._keep.texts_days
        hurried = select(func.max(EVIDENCE.c.at)).where(EVIDENCE.c.at > now + SOON)
        with self._database.reading() as connection:
            ahead: datetime | None = connection.execute(hurried).scalar()
        old = EVIDENCE.c.at < now - days
        if ahead is not None:
            old = or_(old, and_(EVIDENCE.c.at > now + SOON, EVIDENCE.c.at < ahead - days))
        last = ("", None)
        query = select(EVIDENCE.c.sha256, EVIDENCE.c.at).where(old).order_by(EVIDENCE.c.at, EVIDENCE.c.sha256)
        while rows := self._rows(query.where(_after(last)).limit(AT_ONCE) if last[1] else query.limit(AT_ONCE)):
            last = (rows[-1].sha256, rows[-1].at)
            led = self._led_to_orders(rows[0].at, rows[-1].at + LONGEST_OPINION)
            ids = [row.sha256 for row in rows if row.sha256 not in led]
            with self._database.writing() as connection:
                connection.execute(delete(EVIDENCE).where(EVIDENCE.c.sha256.in_(ids)))
            yield Step("texts", len(ids))

    def _led_to_orders(self, since: datetime, until: datetime) -> set[str]:
        """What the opinions rested on by which something was bought or sold in that time."""
        ordered = (DECISIONS.c.at >= since, DECISIONS.c.at <= until, DECISIONS.c.outcome == "order")
        records = self._column(select(DECISIONS.c.record).where(*ordered))
        return {digest for record in records for digest in whole_evidence(record)}

    # ------------------------------------------------------------ equity

    def _thin(self, ledger: str, before: datetime) -> Iterator[Step]:
        """Whole days that are older, each once."""
        mark = self._mark(ledger)
        while (day := self._next_day(ledger, mark)) is not None and day + DAY <= before:
            mark = day + DAY
            yield Step("minutes of equity", self._thin_day(ledger, day))

    def _thin_day(self, ledger: str, day: datetime) -> int:
        mine, end = EQUITY.c.ledger == ledger, day + DAY
        columns = select(EQUITY.c.at, EQUITY.c.equity, EQUITY.c.minutes).where(mine)
        points = self._rows(columns.where(EQUITY.c.at >= day, EQUITY.c.at < end).order_by(EQUITY.c.at))
        older = self._rows(columns.where(EQUITY.c.at < day).order_by(EQUITY.c.at.desc()).limit(1))
        flows = select(FLOWS.c.at, FLOWS.c.amount).where(FLOWS.c.ledger == ledger, FLOWS.c.at < end)
        if older:
            flows = flows.where(FLOWS.c.at > older[0].at)
        moved = [(row.at, row.amount) for row in self._rows(flows.order_by(FLOWS.c.at))]
        before = (older[0].at, older[0].equity) if older else None
        stay = staying(before, [(point.at, point.equity) for point in points], moved)
        of_each = zip([-1, *stay], stay, strict=False)
        for_times = [(points[at].at, sum(each.minutes for each in points[last + 1 : at + 1])) for last, at in of_each]
        with self._database.writing() as connection:
            kept = [at for at, _ in for_times]
            gone = delete(EQUITY).where(mine, EQUITY.c.at >= day, EQUITY.c.at < end, EQUITY.c.at.not_in(kept))
            count = connection.execute(gone).rowcount
            stands = update(EQUITY).where(mine, EQUITY.c.at == bindparam("time")).values(minutes=bindparam("sum"))
            connection.execute(stands, [{"time": at, "sum": minutes} for at, minutes in for_times])
            self._set_mark(connection, ledger, end)
        return count

    def _next_day(self, ledger: str, since: datetime | None) -> datetime | None:
        """The first one that was lived, from `since` on."""
        query = select(EQUITY.c.at).where(EQUITY.c.ledger == ledger).order_by(EQUITY.c.at).limit(1)
        found = self._column(query.where(EQUITY.c.at >= since) if since else query)
        return midnight(found[0]) if found else None

    def _mark(self, ledger: str) -> datetime | None:
        """Up to here it is done."""
        found = self._column(select(KEPT.c.value).where(KEPT.c.name == f"thinned {ledger}"))
        return datetime.fromisoformat(found[0]) if found else None

    def _set_mark(self, connection: Connection, ledger: str, at: datetime) -> None:
        name = f"thinned {ledger}"
        connection.execute(delete(KEPT).where(KEPT.c.name == name))
        connection.execute(insert(KEPT), [{"name": name, "value": at.isoformat()}])

    # ------------------------------------------------------------ reading

    def _newest(self, ledger: str) -> datetime | None:
        """How far its market is."""
        query = select(JOURNAL.c.at).where(JOURNAL.c.ledger == ledger).order_by(JOURNAL.c.seq.desc()).limit(1)
        found = self._column(query)
        return found[0] if found else None

    def _column(self, query: Select[Any]) -> list[Any]:
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def _rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        with self._database.reading() as connection:
            return connection.execute(query).all()


def whole_evidence(record: str) -> list[str]:
    """What the opinions of a stored decision rest on."""
    return [signal.evidence for signal in codec.decode(record).signals if signal.evidence]


def _after(last: tuple[str, datetime]) -> ColumnElement[bool]:
    digest, at = last
    return or_(EVIDENCE.c.at > at, and_(EVIDENCE.c.at == at, EVIDENCE.c.sha256 > digest))
