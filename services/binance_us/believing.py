"""Turns an answer that cannot be believed into a doubt: the Exchange port raises nothing but ExchangeErrors."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.core.errors import DataError, ExchangeUnreachable


@contextmanager
def believed(what: str) -> Iterator[None]:
    """Inside, a DataError (numbers, names or shapes that cannot be) becomes ExchangeUnreachable."""
    try:
        yield
    except DataError as error:
        raise ExchangeUnreachable(f"{what}: the answer cannot be believed: {error}") from None
