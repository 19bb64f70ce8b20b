"""Imported history: how new is its newest candle?"""

from datetime import UTC, datetime

from app.core.errors import TraderError
from app.seam import clock
from services.doctor.check import Check, note, ok, wrong
from services.doctor.installation import Installation

OLD_DAYS = 30


def newest(here: Installation) -> list[Check] | Check | None:
    folder = here.settings.data_dir
    if not folder.is_dir():
        return None
    try:
        rows = here.stored_candles(folder)
    except TraderError as error:
        return wrong("imported candles", str(error), "import them again: main.py data import FILE")
    return [_judged(str(row.get("name")), row.get("last")) for row in rows]


def _judged(name: str, last: object) -> Check:
    try:
        at = datetime.fromisoformat(str(last))
    except ValueError:
        return note("imported candles", f"{name}: until when cannot be told", f"run: main.py data check {name}")
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    days = (clock.now() - at).days
    seen = f"{name}: until {at:%Y-%m-%d %H:%M} UTC"
    if days > OLD_DAYS:
        return note("imported candles", f"{seen}, {days} days ago", "import newer ones before the next backtest")
    return ok("imported candles", seen)
