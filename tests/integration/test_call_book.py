"""The book of a language model's calls, on both databases: exact, lasting, and counted by month and day."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from app.core.errors import StoreError
from app.model_calls import ModelCall, Spent
from services.database import Database, DatabaseCallBook, open_database
from services.deepseek.purse import day_of, month_of

AT = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
CALL = ModelCall(
    at=AT,
    model="deepseek-flash",
    template="market-1",
    cached_tokens=900,
    input_tokens=300,
    output_tokens=150,
    cost_usd=Decimal("0.0002754"),
)


def spent(book: DatabaseCallBook, at: datetime = AT) -> Spent:
    return book.spent(month_of(at), day_of(at))


def test_an_empty_book_says_nothing_was_spent(database: Database) -> None:
    assert spent(DatabaseCallBook(database)) == Spent()


def test_a_call_counts_from_its_beginning_and_at_its_real_cost_once_settled(database: Database) -> None:
    book = DatabaseCallBook(database)
    number = book.begin(replace(CALL, cost_usd=Decimal("0.0031")))
    other = book.begin(CALL)
    assert number != other
    assert spent(book) == Spent(usd=Decimal("0.0033754"), calls=2)
    book.settle(number, replace(CALL, cost_usd=Decimal("0.0000000001"), outcome="answered"))
    assert spent(book) == Spent(usd=Decimal("0.0002754001"), calls=2)


def test_months_and_days_are_counted_in_utc(database: Database) -> None:
    book = DatabaseCallBook(database)
    for at in (
        datetime(2026, 10, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 11, 1, tzinfo=UTC),
        datetime(2026, 11, 30, tzinfo=UTC),
        AT,
    ):
        book.begin(replace(CALL, at=at))
    assert spent(book) == Spent(usd=3 * CALL.cost_usd, calls=2)
    december = datetime(2026, 12, 1, tzinfo=UTC)
    assert spent(book, december) == Spent()


def test_it_outlasts_the_process(database: Database, database_url: str) -> None:
    DatabaseCallBook(database).begin(CALL)
    again = open_database(database_url)
    try:
        assert spent(DatabaseCallBook(again)) == Spent(usd=CALL.cost_usd, calls=1)
    finally:
        again.close()


def test_words_from_outside_are_taken_as_they_are(database: Database) -> None:
    book = DatabaseCallBook(database)
    book.begin(replace(CALL, template="market\x00-1\ud800'; DROP TABLE model_calls"))
    assert spent(book).calls == 1


def test_a_book_that_is_gone_is_a_store_error(database: Database) -> None:
    with database.writing() as connection:
        connection.exec_driver_sql("DROP TABLE model_calls")
    book = DatabaseCallBook(database)
    with pytest.raises(StoreError):
        spent(book)
    with pytest.raises(StoreError):
        book.begin(CALL)
