"""The last days, traded by the rules that count now and by those that somebody thinks of, in child processes.

It changes nothing, keeps the newest comparison alone, and forgets it at the end of the process.
"""

import csv
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from app.backtest_ports import Busy, Wanted
from app.core.errors import DataError
from app.core.portfolio import midnight
from app.core.rules import EntryOrder, VotingRules
from app.errands import Errand, Errands
from app.faces import Figures, Proposal, WhatIf
from app.ports import Row
from app.seam import Tasks
from app.strategy_files import Unfit

DAYS = 30
OWN = "the market's minutes that this trader has kept itself"
DAY = timedelta(days=1)
RETRY_AFTER_SECONDS = 60
BASIS = (
    "Fees and slippage as in paper trading. News and language models take no part: history holds no opinions of "
    "theirs. What helped in these days may hurt in the next."
)

log = logging.getLogger(__name__)


class Folders(Protocol):
    """Where the two runs find what they need, and leave what comes of it. Synchronous; called beside the loop."""

    def prepare(self, id: str, wanted: Wanted, minutes: Callable[[Path], None] | None = None) -> tuple[Errand, Wanted]:
        """`minutes` writes the candles that are meant into a file, where none that are stored are."""

    def result(self, id: str) -> Row: ...

    def file(self, id: str, name: str) -> Path | None: ...

    def keep_only(self, ids: set[str]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Of the trader: its symbol, how many minutes strategies are shown before the first trade, its money, its vote."""

    symbol: str
    warmup: Callable[[], timedelta]
    equity: Callable[[], Decimal]
    voting: Callable[[], VotingRules]
    shelf: Callable[[], Sequence[Row]]  # candles that are stored; called beside the loop
    kept: "KeptMinutes"
    cure: str  # what to do where there are too few of both


class KeptMinutes(Protocol):
    """The market's minutes as the trader was given them. Synchronous; called beside the loop. Raises StoreError."""

    def held(self) -> tuple[datetime, datetime, int] | None:
        """When the first hour and the newest minute opened, and how many hours there are."""

    def write(self, path: Path, since: datetime | None) -> None:
        """Those from `since` on as CSV."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which candles: `since` those that are only shown, `traded` from when it trades."""

    data: str
    since: datetime | None
    traded: datetime
    until: datetime
    own: bool = False  # the trader's own minutes, not what is stored

    @property
    def days(self) -> int:
        return max(1, round((self.until - self.traded) / DAY))


class WhatIfDesk:
    """Implements app.faces.WhatIfs, and hears of its errands."""

    def __init__(
        self, folders: Folders, errands: Errands, facts: Facts, *, new_id: Callable[[], str], tasks: Tasks
    ) -> None:
        self._folders, self._errands, self._facts = folders, errands, facts
        self._new_id, self._tasks = new_id, tasks
        self._found = WhatIf()
        self._ids: tuple[str, str] = ("", "")  # of now, of the proposal

    def look(self) -> WhatIf:
        if self._found.status != "running":
            return self._found
        done = (self._found.now is not None) * 100.0
        part = sum(self._errands.progress.get(id, 0.0) for id in self._ids)
        return replace(self._found, progress_pct=min((done + part) / 2, 99.0))

    async def start(self, username: str, proposal: Proposal) -> None:
        await self.cancel()
        if self._errands.full:
            raise Busy("enough backtests wait already; wait for one of them", RETRY_AFTER_SECONDS)
        span = await self._tasks.in_thread(self._span)
        wanted = Wanted(data=span.data, since=span.since, cash=self._facts.equity().quantize(Decimal("0.01")))
        changed = replace(wanted, changes=changes(proposal, self._facts.voting()))
        id = self._new_id()
        ids = self._ids = f"{id}-now", f"{id}-new"

        minutes = (lambda path: self._facts.kept.write(path, span.since)) if span.own else None

        def prepare() -> list[Errand]:
            self._folders.keep_only(set())
            both = zip(ids, (wanted, changed), strict=True)
            return [self._folders.prepare(each, how, minutes)[0] for each, how in both]

        errands = await self._tasks.in_thread(prepare)
        self._found = WhatIf(status="running", proposal=proposal, since=span.traded, until=span.until, note=told(span))
        for errand in errands:
            self._errands.submit(errand, self)
        log.info("%s asks what the last %d days would have been", username, span.days)

    def _span(self) -> Span:
        facts = self._facts
        held = facts.kept.held()
        own = (
            {"name": OWN, "symbol": facts.symbol, "first": held[0], "last": held[1], "candles": held[2] * 60}
            if held
            else None
        )
        return spanned(facts.shelf(), facts.symbol, facts.warmup(), own, facts.cure)

    async def cancel(self) -> None:
        ids, self._ids, self._found = self._ids, ("", ""), WhatIf()
        for id in reversed(ids):  # the one that waits first, or it would begin
            if id:
                await self._errands.cancel(id)

    # ------------------------------------------------------------ what the line says

    async def began(self, id: str) -> None:
        """Progress tells."""

    async def ended(self, id: str, error: str) -> None:
        if id not in self._ids:
            return
        figures: Figures | None = None
        if not error:
            try:
                figures = await self._tasks.in_thread(lambda: self._figures(id))
            except DataError as wrong:
                error = str(wrong)
        if id not in self._ids:  # somebody began anew meanwhile
            return
        if error:
            proposal = self._found.proposal
            await self.cancel()
            self._found = WhatIf(status="failed", proposal=proposal, error=error)
        elif id == self._ids[0]:
            self._found = replace(self._found, now=figures)
        else:
            self._found = replace(self._found, new=figures, status="done", progress_pct=100.0)

    def _figures(self, id: str) -> Figures:
        result, path = self._folders.result(id), self._folders.file(id, "equity.csv")
        worst = worst_day(path, float(result["initial_cash"])) if path is not None else None
        return Figures(
            return_pct=float(result["return_pct"]),
            max_drawdown_pct=float(result["max_drawdown_pct"]),
            trades=int(result["trades"]),
            worst_day_pct=worst,
        )


def spanned(shelf: Sequence[Row], symbol: str, warmup: timedelta, own: Row | None = None, cure: str = "") -> Span:
    """The newest 30 days of the trader's own symbol, or as many as there are: of stored candles, and where these are
    too few, of the minutes that the trader kept itself. Unfit: not even one day; then `cure` says what to do.
    """
    mine = [row for row in shelf if row["symbol"] == symbol]
    finest = min(mine, key=lambda each: (each["last"] - each["first"]) / max(each["candles"], 1), default=None)
    stored, kept = (_span(row, warmup) if row else None for row in (finest, own))
    if kept is not None and (stored is None or stored.days < min(DAYS - 1, kept.days)):
        return kept
    if stored is not None:
        return stored
    need = f"the strategies are shown {warmup / DAY:.0f} days before their first trade"
    there = [f"{row['name']} holds {(row['last'] - row['first']) / DAY:.0f}" for row in (finest, own) if row]
    if not there:
        raise Unfit(f"no candles of {symbol} are stored yet; {cure}")
    raise Unfit(f"too little history: {need}, and {' and '.join(there)}; {cure}")


def _span(row: Row, warmup: timedelta) -> Span | None:
    first, last, name = row["first"], row["last"], str(row["name"])
    traded = midnight(last - DAYS * DAY)
    since = midnight(traded - warmup)
    if since <= first:
        traded, since_wanted = first + warmup, None
    else:
        traded, since_wanted = since + warmup, since
    if last - traded < DAY:
        return None
    return Span(data=name, since=since_wanted, traded=traded, until=last, own=name == OWN)


def told(span: Span) -> str:
    few = f"Only {span.days} days are on record. " if span.days < DAYS - 1 else ""
    return f"{few}It rests on {span.days} days of {span.data}. {BASIS}"


def changes(proposal: Proposal, voting: VotingRules) -> dict[str, Decimal | int | bool | str]:
    """By the paths of the configuration files. Once a strategy is named in one, all of them have to be."""
    found: dict[str, Any] = {
        f"risk.{name}": value.value if isinstance(value, EntryOrder) else value
        for name, value in proposal.limits.items()
        if value is not None
    }
    found |= proposal.thresholds
    wishes: Mapping[str, Any] = {wish.name: wish for wish in proposal.wishes}
    for rule in voting.strategies if wishes else ():
        wish = wishes.get(rule.name)
        enabled = wish.enabled if wish is not None and wish.enabled is not None else rule.enabled
        weight = wish.weight if wish is not None and wish.weight is not None else rule.weight
        found |= {f"strategies.{rule.name}.enabled": enabled, f"strategies.{rule.name}.weight": weight}
    return found


def worst_day(path: Path, first: float) -> float | None:
    """Per cent, by equity at each UTC day's end. None where there is none."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            ends = [float(row["equity"]) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError) as error:
        raise DataError("its equity.csv cannot be read") from error
    before = [first, *ends[:-1]]
    days = [(after / then - 1) * 100 for then, after in zip(before, ends, strict=True) if then > 0]
    return min(days) if days else None
