"""Turns an answer that cannot be believed into a doubt: the Exchange port raises nothing but ExchangeErrors."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.core.errors import DataError, ExchangeUnreachable


class Incomplete(DataError):
    """The order is known, but not yet every fill of it."""


class NotWholeYet(ExchangeUnreachable):
    """The exchange's list of trades lags behind its list of orders: ask again."""


@contextmanager
def believed(what: str) -> Iterator[None]:
    """Inside, a DataError (numbers, names or shapes that cannot be) becomes ExchangeUnreachable."""
    try:
        yield
    except Incomplete as error:
        raise NotWholeYet(f"{what}: not whole yet: {error}") from None
    except DataError as error:
        raise ExchangeUnreachable(f"{what}: the answer cannot be believed: {error}") from None
