"""The market's 1-minute candles as the trader was given them: what a day is traded on again. Never asks the market.

The journal holds only candles that caused something; these are all, without a chain.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Table, delete, func, insert, select

from app.core.messages import AnyCommand, CandleClosed, Event
from app.core.model import Candle
from app.core.money import plain
from services.database import tables
from services.database.connection import Database

CANDLES: Table = tables.MarketCandleTable.__table__  # type: ignore[attr-defined]
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
Hours = dict[datetime, dict[int, list[str]]]


class DatabaseMarketCandles:
    """Of one ledger. `hear` is cheap; everything else is synchronous, called beside the loop. Raises StoreError."""

    def __init__(self, database: Database, ledger: str, symbol: str) -> None:
        self._database, self._ledger, self._symbol = database, ledger, symbol
        self._new: list[Candle] = []

    # ------------------------------------------------------------ taking in

    def hear(self, message: Event | AnyCommand) -> None:
        """An observer of the session."""
        if isinstance(message, CandleClosed):
            self._new.append(message.candle)

    def take(self, minutes: Sequence[Candle]) -> None:
        """Those of the past that the market told at start: what was missed while down, and what a crash took."""
        self._new += minutes

    def flush(self) -> None:
        """Write down what was heard. What cannot be written stays for the next time."""
        new, self._new = self._new, []
        if not new:
            return
        hours: Hours = {}
        for candle in new:
            hour = candle.opened_at.replace(minute=0, second=0, microsecond=0)
            values = (candle.open, candle.high, candle.low, candle.close, candle.volume)
            hours.setdefault(hour, {})[candle.opened_at.minute] = [plain(value) for value in values]
        try:
            self._write(hours)
        except Exception:
            self._new = [*new, *self._new]
            raise

    def _write(self, hours: Hours) -> None:
        mine = CANDLES.c.ledger == self._ledger
        with self._database.writing() as connection:
            for hour, minutes in hours.items():
                one = (mine, CANDLES.c.hour == hour)
                known = connection.execute(select(CANDLES.c.candles).where(*one)).scalar()
                merged = {**_minutes(known or "[]"), **minutes}
                text = json.dumps([[minute, *merged[minute]] for minute in sorted(merged)], separators=(",", ":"))
                connection.execute(delete(CANDLES).where(*one))
                connection.execute(insert(CANDLES), [{"ledger": self._ledger, "hour": hour, "candles": text}])

    # ------------------------------------------------------------ giving

    def candles(self, since: datetime, until: datetime) -> Sequence[Candle]:
        """Those that opened in since ≤ opened_at < until, oldest first, with the gaps that there were."""
        query = (
            select(CANDLES.c.hour, CANDLES.c.candles)
            .where(CANDLES.c.ledger == self._ledger, CANDLES.c.hour > since - HOUR, CANDLES.c.hour < until)
            .order_by(CANDLES.c.hour)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        found = (
            self._candle(hour + MINUTE * minute, values)
            for hour, text in rows
            for minute, values in sorted(_minutes(text).items())
        )
        return [candle for candle in found if since <= candle.opened_at < until]

    def held(self) -> tuple[datetime, datetime, int] | None:
        """Opening times of the first hour and of the newest minute that are written down, and how many hours are."""
        ends = select(func.min(CANDLES.c.hour), func.max(CANDLES.c.hour), func.count()).where(
            CANDLES.c.ledger == self._ledger
        )
        with self._database.reading() as connection:
            first, last, hours = connection.execute(ends).one()
            if first is None:
                return None
            newest = select(CANDLES.c.candles).where(CANDLES.c.ledger == self._ledger, CANDLES.c.hour == last)
            text = connection.execute(newest).scalar_one()
        return first, last + MINUTE * max(_minutes(text), default=0), hours

    def write(self, path: Path, since: datetime | None) -> None:
        """Those from `since` on as CSV, a day at a time. OSError where there is no room."""
        held = self.held()
        day = max(held[0], since) if held and since else held[0] if held else None
        with path.open("w", encoding="ascii", newline="") as file:
            file.write("date,open,high,low,close,volume\n")
            while held and day is not None and day <= held[1]:
                where = (CANDLES.c.ledger == self._ledger, CANDLES.c.hour >= day, CANDLES.c.hour < day + DAY)
                with self._database.reading() as connection:
                    rows = connection.execute(
                        select(CANDLES.c.hour, CANDLES.c.candles).where(*where).order_by(CANDLES.c.hour)
                    ).all()
                for hour, text in rows:
                    for minute, values in sorted(_minutes(text).items()):
                        file.write(f"{hour + MINUTE * minute:%Y-%m-%d %H:%M:%S},{','.join(values)}\n")
                day += DAY

    def known(self, since: datetime, until: datetime) -> Sequence[Candle]:
        """The same, and what was heard and is not written down yet."""
        written, heard = self.candles(since, until), list(self._new)
        newest = written[-1].opened_at if written else since - MINUTE
        return [*written, *(candle for candle in heard if newest < candle.opened_at < until)]

    def _candle(self, opened_at: datetime, values: Sequence[str]) -> Candle:
        opened, high, low, close, volume = map(Decimal, values)
        return Candle(
            symbol=self._symbol,
            opened_at=opened_at,
            seconds=60,
            open=opened,
            high=high,
            low=low,
            close=close,
            volume=volume,
        )


def _minutes(text: str) -> dict[int, list[str]]:
    return {int(minute): list(values) for minute, *values in json.loads(text)}
