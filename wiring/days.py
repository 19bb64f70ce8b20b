"""Lived days: beside a backtest, in dollars for each voice, kept in the books."""

import argparse
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.errors import ConfigError
from app.seam import clock
from wiring.books import open_books
from wiring.settings import settings_of, version

if TYPE_CHECKING:
    from app.core.model import Candle
    from app.days import Lived
    from app.replaying import Verdict
    from backtest.review import Again


class Days:
    """Lived days of the current books, to be compared with what they should have been."""

    def __init__(self) -> None:
        from services.database import DatabaseJournal, DatabaseMarketCandles, DatabaseOpinions, DatabaseReviews
        from services.settings import load_rules

        self.settings = settings_of()
        self.simulation = load_rules(self.settings.config_dir).simulation
        self.database, self.ledger = open_books(self.settings)
        name = self.ledger.name
        self.journal = DatabaseJournal(self.database, name, version(), reading_only=True)
        self.candles = DatabaseMarketCandles(self.database, name, self.ledger.symbol)
        self.opinions = DatabaseOpinions(self.database, name)
        self.reviews = DatabaseReviews(self.database, name)

    def close(self) -> None:
        self.database.close()

    def yesterday(self) -> datetime:
        """The last day of market time that is over."""
        from app.core.portfolio import midnight

        lived = self.opinions.range()
        if lived is None:
            raise ConfigError(f"ledger {self.ledger.name}: nothing was lived yet")
        return midnight(lived[1]) - timedelta(days=1)

    def lived(self, day: datetime) -> "tuple[Verdict, Lived]":
        """The day as its replay shows it; the replay begins where the last night's ended."""
        from app.days import DayBook
        from app.replaying import replayed_day

        book, since = DayBook(day), self.reviews.mark_before(day)
        verdict = replayed_day(self.journal, day, version(), since=since, witness=book)
        return verdict, book.lived

    def seen(self, lived: "Lived", data: str | None = None) -> "Sequence[Candle]":
        """The market's candles: those on record, or those of a file or an import."""
        from backtest import drift, history

        since, until = drift.candles_wanted(lived)
        if data is None:
            return self.candles.candles(since, until)
        return [*history.candles(history.load(data, self.settings.data_dir, since, until, symbol=self.ledger.symbol))]

    def model_usd(self, lived: "Lived") -> "Mapping[str, Decimal]":
        if lived.wall_from is None or lived.wall_until is None:
            return {}
        return self.opinions.model_usd(lived.wall_from, lived.wall_until)

    def again(self, day: datetime, data: str | None = None) -> "Again":
        from backtest.review import Again

        _, lived = self.lived(day)
        return Again(lived, self.seen(lived, data), self.simulation, version())


def drift(arguments: argparse.Namespace) -> int:
    """A lived day beside the same day in a backtest, trade by trade."""
    from backtest import drift as drifting

    with closing(Days()) as days:
        found = days.again(arguments.day or days.yesterday(), arguments.data).drift()
    print(json.dumps(drifting.row_of(found), indent=2) if arguments.json else "\n".join(drifting.text(found)))
    return 0


def voices(arguments: argparse.Namespace) -> int:
    """What each voice was worth on a day, or over the days that were reviewed."""
    from backtest import voices as ledgers

    with closing(Days()) as days:
        if arguments.since is not None:
            rows = ledgers.summed(days.reviews.voices(arguments.since))
        else:
            again = days.again(arguments.day or days.yesterday())
            rows = ledgers.rows_of(again.voices(days.model_usd(again.lived), arguments.draws))
    print(json.dumps(rows, indent=2) if arguments.json else "\n".join(ledgers.text(rows)))
    return 0


def review(arguments: argparse.Namespace) -> int:
    """A day replayed and traded again, and both kept in the books: what the trader has done each night."""
    from backtest.review import reviewed

    with closing(Days()) as days:
        day = arguments.day or days.yesterday()
        verdict, lived = days.lived(day)
        drifted, worth = reviewed(lived, days.seen(lived), days.simulation, version(), days.model_usd(lived))
        days.reviews.keep(day, clock.now(), verdict, drifted, worth)
    if arguments.json:
        print(json.dumps({**verdict.row(f"{day:%Y-%m-%d}"), "drift": drifted, "voices": worth}, indent=2))
    else:
        print("\n".join(verdict.lines))
        print(drifted.get("error") or f"beside the same day in a backtest: {drifted['difference_usd']} dollars")
    return 0 if verdict.same else 1


def opinions(arguments: argparse.Namespace) -> int:
    """Opinions that were given while trading, as a file that a backtest can be answered from."""
    from backtest.recorded import write_file

    with closing(Days()) as days:
        count = write_file(Path(arguments.file), days.opinions.signals(arguments.since, arguments.until))
    print(f"{count} opinions of ledger {days.ledger.name} written to {arguments.file}")
    return 0
