"""What `main.py data download` shows and answers: a bar on a terminal, a line a month elsewhere."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from app.core.errors import DataError
from app.core.model import timeframe_seconds
from app.seam import Clock
from backtest.download import TIMEFRAME, Download, Downloaded, Progress, Source, days_before
from backtest.progress_bar import OneLine, drawn
from backtest.series import at_ms

DAYS = 730
MOST_TOLD = 5


def wanted_time(
    now: datetime, since: datetime | None, until: datetime | None, days: int | None, timerange: str | None
) -> tuple[datetime, datetime | None]:
    """From when until when; two years where nothing is said. `20240101-20241231` ends as the last day begins."""
    if timerange is not None:
        if since or until or days:
            raise DataError("--timerange says since and until already; leave --since, --until and --days out")
        since, until = _timerange(timerange)
    if since is not None and days is not None:
        raise DataError("--since and --days contradict each other; give one of them")
    return since or days_before(until or now, days or DAYS), until


def _timerange(text: str) -> tuple[datetime | None, datetime | None]:
    first, dash, last = text.partition("-")
    try:
        if not dash or not (first or last):
            raise ValueError
        return _day(first), _day(last)
    except ValueError:
        raise DataError(f"--timerange {text[:40]!r}: use days such as 20240101-20241231 or 20240101-") from None


def _day(text: str) -> datetime | None:
    if text and (len(text) != 8 or not text.isdigit()):
        raise ValueError
    return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC) if text else None


async def fetch(
    source: Source, data_dir: Path, since: datetime, until: datetime | None, timeframe: str, clock: Clock, out: TextIO
) -> list[str]:
    """Download, shown on `out` while it goes on; the lines that say what came of it."""
    longer = timeframe_seconds(timeframe) != timeframe_seconds(TIMEFRAME)
    bar = Bar(out) if out.isatty() else Plain(out)
    download = Download(source, data_dir, clock=clock, show=bar.show)
    try:
        result = await download.run(since, until)
    except BaseException:
        bar.end()
        if download.result.fetched:
            out.write(f"{source.symbol}: the {download.result.fetched} candles fetched so far are kept; run it again\n")
        raise
    bar.end()
    lines = lines_of(result)
    if longer:
        lines.append(f"{source.symbol}:{timeframe} is made of these minutes whenever it is asked for")
    return lines


def lines_of(result: Downloaded) -> list[str]:
    minutes = sum((end - first) // 60_000 for first, end in result.absent)
    lines = [f"{result.symbol}:{TIMEFRAME}: {result.fetched} candles fetched"]
    if result.absent:
        first, end = max(result.absent, key=lambda span: span[1] - span[0])
        lines.append(
            f"the exchange has no candles for {minutes} of the minutes, asked twice, in {len(result.absent)} gaps; "
            f"the longest from {at_ms(first):%Y-%m-%d %H:%M} to {at_ms(end):%Y-%m-%d %H:%M}"
        )
    lines += [f"the exchange tells {told} (stored was kept)" for told in result.differing[:MOST_TOLD]]
    if len(result.differing) > MOST_TOLD:
        lines.append(f"and {len(result.differing) - MOST_TOLD} more that differ from what is stored")
    return lines


class Bar:
    """One line that is written over."""

    def __init__(self, out: TextIO) -> None:
        self._line = OneLine(out)

    def show(self, now: Progress) -> None:
        left = "" if now.seconds_left is None else f"  {timedelta(seconds=round(now.seconds_left))} left"
        self._line.show(
            f"{now.symbol} {now.at:%Y-%m-%d} {drawn(now.pct / 100)} {now.pct:3.0f} %  "
            f"{now.fetched} candles  {now.rate:.0f}/s{left}"
        )

    def end(self) -> None:
        self._line.end()


class Plain:
    """A line for each month, for logs and pipes."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._month = out, ""

    def show(self, now: Progress) -> None:
        if f"{now.at:%Y-%m}" != self._month or now.done == now.wanted:
            self._month = f"{now.at:%Y-%m}"
            left = "" if now.seconds_left is None else f", {timedelta(seconds=round(now.seconds_left))} left"
            self._out.write(f"{now.symbol} {now.at:%Y-%m-%d %H:%M}: {now.fetched} candles, {now.rate:.0f}/s{left}\n")
            self._out.flush()

    def end(self) -> None:
        self._out.flush()
