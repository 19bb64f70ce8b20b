"""1-minute candles → the strategies' time frame, on UTC boundaries; and a fingerprint of what was shown."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from app.core.model import EPOCH, Candle
from app.core.money import plain


class Resampler:
    """Builds candles of `seconds` from smaller ones fed oldest first."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self._parts: list[Candle] = []
        self.complete = True  # whether the newest closed candle was built from all its minutes

    def add(self, candle: Candle) -> Sequence[Candle]:
        """The larger candles that are known with `candle`, oldest first: the one that it completes, and before that
        one whose last minutes are missing, where `candle` is the first after them."""
        if candle.seconds == self.seconds:
            return (candle,)
        overdue = bool(self._parts) and self._slot(self._parts[0]) != self._slot(candle)
        closed = (self._close(),) if overdue else ()
        self._parts.append(candle)
        if candle.closed_at == self._slot(candle) + timedelta(seconds=self.seconds):
            return (*closed, self._close())
        return closed

    def _slot(self, candle: Candle) -> datetime:
        seconds = int((candle.opened_at - EPOCH).total_seconds())
        return EPOCH + timedelta(seconds=seconds - seconds % self.seconds)

    @property
    def forming(self) -> Candle | None:
        """The candle that is not closed yet, as it stands; None between two of them."""
        return self._joined(self._parts) if self._parts else None

    def _close(self) -> Candle:
        parts, self._parts = self._parts, []
        self.complete = sum(part.seconds for part in parts) == self.seconds
        return self._joined(parts)

    def _joined(self, parts: Sequence[Candle]) -> Candle:
        return Candle(
            symbol=parts[0].symbol,
            opened_at=self._slot(parts[0]),
            seconds=self.seconds,
            open=parts[0].open,
            high=max(part.high for part in parts),
            low=min(part.low for part in parts),
            close=parts[-1].close,
            volume=sum((part.volume for part in parts), Decimal(0)),
        )


def fingerprint(candles: Sequence[Candle]) -> str:
    """SHA-256 over times and values, so that anyone with the same candles can prove that they are the same."""
    digest = hashlib.sha256()
    for candle in candles:
        digest.update(_line(candle))
    return digest.hexdigest()


@lru_cache(maxsize=4096)
def _line(candle: Candle) -> bytes:
    """Kept, since a window that moves on by one candle is written down at each step."""
    values = (candle.open, candle.high, candle.low, candle.close, candle.volume)
    return f"{candle.opened_at.isoformat()} {' '.join(map(plain, values))}\n".encode()
