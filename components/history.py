"""The History tab: what was bought and sold, why, and what came of it; and every decision behind it."""

from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from nicegui import ui

from app.ports import Row, Status
from components import format as words
from components.equity_chart import EquityChart
from components.frame import Frame
from components.history_flows import FlowRow
from components.history_rows import DecisionRow, TradeRow
from components.parts import Button, Choice, Loader, Rows, Text, box

PAGE = 50
SPANS = {"today": "Today", "week": "Week", "month": "Month", "all": "All"}
KINDS = {"trades": "Trades", "flows": "Paid in, taken out", "decisions": "Decisions"}
EMPTY = {
    "trades": (
        "No closed trade {span}",
        "A trade stands here once its bitcoin is sold again. Open positions are on the first tab.",
    ),
    "flows": ("Nothing paid in or taken out {span}", "Deposits and withdrawals stand here, and among the trades."),
    "decisions": ("No decision {span}", "The strategies vote at each closed candle; every vote is kept here."),
}


class History:
    """A page of rows at a time. New trades appear by themselves on the first page."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._span, self._kind, self._page = "all", "trades", 0
        self._flows = 0  # deposits and withdrawals, ever
        self._seen: object = None
        self._summed: object = None  # the span and the state that sums and curve were read for
        with box("history"):
            with box("history-head"):
                Choice("Time", SPANS, self._span, self._choose_span)
                Text("Counted from 00:00 UTC, as the daily limit is.", "soft", "p")
            with box("sums").props('role=group aria-label="Sums"'):
                self._sums = {name: _sum(name) for name in ("Result", "Trades", "Won", "Fees paid", "Best", "Worst")}
            self._chart = EquityChart()
            with box("history-bar"):
                self._what = Choice("What", KINDS, self._kind, self._choose_kind)
                self._what.offer("flows", False)
                link = Text("Download CSV", "button quiet link", "a").mark("csv")
                link.props("href=/api/v1/trades.csv download=trades.csv")
            self._loader = Loader(frame.doors.tasks, self._load, "history")
            with box("empty") as self._empty:
                self._empty_title = Text(classes="empty-title", tag="h2")
                self._empty_words = Text(tag="p")
            self._empty.set_visibility(False)
            self._rows = Rows(box("rows", "ul"))
            with box("pager") as self._pager:
                self._newer = Button("‹ Newer", lambda: self._turn(-1), "quiet").mark("newer")
                self._where = Text(classes="soft").mark("where")
                self._older = Button("Older ›", lambda: self._turn(1), "quiet").mark("older")
            self._pager.set_visibility(False)

    def update(self, status: Status) -> None:
        """The store is read again only after a trade, a decision, a deposit or a withdrawal."""
        decision = self._frame.doors.view.latest_decision()
        paid_in = round(status.equity - status.total_pnl, 2)  # in all, from the first dollar on
        seen = (status.trades_today, status.open_positions, decision.id if decision else "", paid_in)
        if seen != self._seen:
            self._seen = seen
            self._loader.want()

    def _choose_span(self, span: str) -> None:
        self._span, self._page = span, 0
        self._loader.want()

    def _choose_kind(self, kind: str) -> None:
        self._kind, self._page = kind, 0
        self._loader.want()

    def _turn(self, by: int) -> None:
        self._page = max(0, self._page + by)
        self._loader.want()

    async def _load(self) -> None:
        since = began(self._span, self._frame.doors.view.status().market_at)
        reader = self._frame.doors.reader
        filters = {"since": since} if since else {}
        await self._load_sums(since)
        kind = "history" if self._kind == "trades" and self._flows else self._kind
        rows, total = await reader.list(kind, PAGE, self._page * PAGE, **filters)
        self._show_rows(rows, total)

    async def _load_sums(self, since: datetime | None) -> None:
        """They and the curve are of the whole span: a turned page changes nothing in them."""
        wanted = (self._span, self._seen)
        if wanted == self._summed:
            return
        reader = self._frame.doors.reader
        self._flows = (await reader.list("flows", 1, 0))[1]
        self._what.offer("flows", self._flows > 0)
        self._show_sums(await reader.sums(since))
        self._chart.show(await reader.curve(since))
        self._summed = wanted

    def _show_sums(self, sums: Row) -> None:
        result, count = Decimal(sums["profit_loss"]), sums["trades"]
        arrow = words.arrow(result)
        self._sums["Result"].say(f"{arrow} {words.signed_money(result)}".strip(), f"figure {words.tone(result)}")
        self._sums["Trades"].say(f"{count:,}")
        self._sums["Won"].say(f"{sums['won']:,} ({round(sums['won'] * 100 / count)} %)" if count else "none yet")
        self._sums["Fees paid"].say(words.money(Decimal(sums["fees"])))
        for name in ("Best", "Worst"):
            value = sums[name.lower()]
            self._sums[name].say(words.signed_money(Decimal(value)) if value is not None else "none yet")

    def _show_rows(self, rows: list[Row], total: int) -> None:
        title, text = EMPTY[self._kind]
        span = {"all": "yet", "today": "today"}.get(self._span, f"this {self._span}")
        self._empty_title.say(title.format(span=span))
        self._empty_words.say(text)
        self._empty.set_visibility(not rows)
        self._rows.show({f"{self._made_as(row).__name__} {row['id']}": partial(self._made, row) for row in rows})
        first = self._page * PAGE
        self._pager.set_visibility(total > PAGE)
        self._where.say(f"{first + 1:,}–{first + len(rows):,} of {total:,}")
        self._newer.enable(self._page > 0)
        self._older.enable(first + len(rows) < total)

    def _made_as(self, row: Row) -> type[DecisionRow | FlowRow | TradeRow]:
        if self._kind == "decisions":
            return DecisionRow
        return FlowRow if "kind" in row else TradeRow

    def _made(self, row: Row) -> ui.element:
        return self._made_as(row)(row, self._frame).root


def began(span: str, now: datetime | None) -> datetime | None:
    """When today, this week or this month began in market time; None for all."""
    if span == "all" or now is None:
        return None
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return {"today": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}[span]


def _sum(name: str) -> Text:
    with box("cell"):
        Text(name, "caption")
        return Text("…", "figure").mark(f"sum-{name.partition(' ')[0].lower()}")
