"""The book of a language model's calls: what each cost, so that the month's budget survives a restart."""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Table, func, insert, select, update

from app.model_calls import ModelCall, Spent
from services.database import tables
from services.database.connection import Database

CALLS: Table = tables.ModelCallTable.__table__  # type: ignore[attr-defined]


class DatabaseCallBook:
    """Implements app.model_calls.CallBook. One book for all ledgers: they share the key and its budget."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def spent(self, month_at: datetime, day_at: datetime) -> Spent:
        """Summed up here: SQLite keeps exact numbers as text. A month holds some ten thousand at most."""
        costs = select(CALLS.c.cost_usd).where(CALLS.c.at >= month_at)
        calls = select(func.count()).where(CALLS.c.at >= day_at)
        with self._database.reading() as connection:
            usd = sum(connection.execute(costs).scalars(), Decimal(0))
            return Spent(usd=usd, calls=int(connection.execute(calls).scalar_one()))

    def begin(self, call: ModelCall) -> int:
        with self._database.writing() as connection:
            made = connection.execute(insert(CALLS).values(**asdict(call)))
            return int(made.inserted_primary_key[0]) if made.inserted_primary_key else 0

    def settle(self, number: int, call: ModelCall) -> None:
        with self._database.writing() as connection:
            connection.execute(update(CALLS).where(CALLS.c.id == number).values(**asdict(call)))
