"""The notice centre: a bell with what is new, and behind it what people were told, the newest first.

Grave alerts are repeated until somebody has seen them; for all others it is enough that the list was opened.
"""

import copy
from collections.abc import Sequence
from datetime import datetime

from nicegui import ui

from app.core.alerts import KINDS, AlertEvent
from app.core.errors import StoreError
from app.ports import Row, Status
from components.frame import Frame, drawn
from components.notice_links import decision_of, tab_of, words_of
from components.parts import Button, Loader, Moment, Text, box
from components.push_switch import PushFold

BELL = '<path d="M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15zM10 20.5a2.2 2.2 0 0 0 4 0"/>'
PAGE = 20
MOST_COUNTED = 99
LEVELS = {"critical": "Grave", "warning": "Warning", "info": "Info"}


class Notices:
    """`button` stands in the header; `update` tells of changes, as to any part of a page."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._doors, self._person, self._username = frame.doors, frame.person, frame.username
        self._known: tuple[object, ...] | None = None
        self._grave = self._new = 0
        self._rows: list[Row] = []
        self._wanted = PAGE
        self._button: Text | None = None
        self._dialog: ui.dialog | None = None

    def button(self) -> Text:
        """The bell. Called once, where it is to stand."""
        self._button = Text("", "bell", "button").props("type=button aria-haspopup=dialog").mark("bell")
        with self._button:
            ui.html(drawn(BELL), sanitize=False)
            self._badge = Text(classes="bell-count").props("aria-hidden=true")
        self._button.on("click", self._open, [])
        self._counter = Loader(self._doors.tasks, self._count, "alerts")
        self._show_count()
        return self._button

    def update(self, status: Status) -> None:
        """Asks the store only when something was told since it last did."""
        mark = (status.latest_alert, tuple(told.id for told in status.unseen_alerts))
        if self._button is None or mark == self._known:
            return
        self._known = mark
        self._grave = len(status.unseen_alerts)
        self._counter.want()
        if self._is_open:
            self._loader.want()

    # ------------------------------------------------------------ the bell

    async def _count(self) -> None:
        looked = self._doors.looked
        if looked is not None:
            self._new = await self._doors.tasks.in_thread(lambda: looked.unread(self._username))
        self._show_count()

    def _show_count(self) -> None:
        """What is grave counts until it is seen, everything else until the list was opened."""
        if self._button is None:
            return
        count = self._grave or self._new
        self._badge.say(_number(count), f"bell-count{' grave' if self._grave else ''}{'' if count else ' none'}")
        said = f"{count} grave, not seen yet" if self._grave else f"{count} new" if count else "nothing new"
        self._button.attribute("aria-label", f"Alerts: {said}")

    # ------------------------------------------------------------ the list

    @property
    def _is_open(self) -> bool:
        return self._dialog is not None and bool(self._dialog.value)

    def _build(self) -> ui.dialog:
        """When it is first wanted: a page is light until then."""
        dialog = ui.dialog().props('position=right full-height aria-label="Alerts"')
        with dialog, box("notices").mark("notices"):
            with box("notices-head"):
                Text("Alerts", "notices-title", "h2")
                self._all = Button("I have seen them all", lambda: self._seen(None), "quiet small").mark("seen-all")
                Button("×", dialog.close, "quiet small close-notices").props('aria-label="Close"')
            with box("notices-body"):
                if self._doors.push is not None:
                    PushFold(self._doors, self._person, self._username)
                self._loader = Loader(self._doors.tasks, self._load, "alerts")
                self._list = box("notices-list", "ol")
                self._more = Button("Older ones", self._older, "quiet").mark("older")
        return dialog

    def _open(self) -> None:
        self._wanted = PAGE
        self._dialog = self._dialog or self._build()
        self._dialog.open()
        self._loader.want()

    def _older(self) -> None:
        self._wanted += PAGE
        self._loader.want()

    async def _load(self) -> None:
        """The list as it is now; who has it open has looked at it."""
        rows, total = await self._doors.reader.list("alerts", self._wanted, 0)
        if rows != self._rows or not rows:
            self._rows = copy.deepcopy(rows)
            self._show(total)
        await self._look()

    def _show(self, total: int) -> None:
        self._list.clear()
        with self._list:
            if not self._rows:
                Text("Nothing was told yet. Trades, limits and whatever is wrong will stand here.", "soft", "li")
            for row in self._rows:
                self._row(row)
        self._more.set_visibility(total > len(self._rows))
        self._all.set_visibility(any(_unseen(row) for row in self._rows))

    async def _look(self) -> None:
        looked = self._doors.looked
        if looked is not None and self._is_open:
            await self._doors.tasks.in_thread(lambda: looked.look(self._username))
            self._new = 0
            self._show_count()

    def _row(self, row: Row) -> None:
        level = str(row["level"])
        with box(f"notice {level}{' to-see' if _unseen(row) else ''}", "li"):
            with box("notice-head"):
                Text(LEVELS.get(level, level), f"chip notice-level {level}")
                Moment(_time(row["at"]), "soft")
            Text(str(row["title"]), "notice-title", "h3")
            Text(str(row["text"]), "notice-text", "p")
            kind = KINDS.get(AlertEvent(row["event"])) if row["event"] in set(AlertEvent) else None
            if kind is not None and kind.advice and not row["over_at"]:
                Text(kind.advice, "notice-advice soft", "p")
            self._standing(row)
            with box("notice-buttons"):
                if _unseen(row):
                    seen = Button("I have seen it", lambda: self._seen([int(row["id"])]), "small")
                    seen.mark(f"seen-{row['id']}")
                there = Button(words_of(str(row["event"])), lambda: self._show_it(row), "quiet small")
                there.mark(f"about-{row['id']}")

    async def _show_it(self, row: Row) -> None:
        """What it is about: the decision behind a trade, or the tab where it is seen or changed."""
        try:
            decision = await decision_of(self._doors.reader, row)
        except StoreError:
            decision = ""
        if self._dialog is not None:
            self._dialog.close()
        self._frame.go(tab_of(str(row["event"])))
        if decision:
            self._frame.receipt(decision)

    def _standing(self, row: Row) -> None:
        """Whether it lasts, and who has seen it."""
        if row["over_at"]:
            with box("soft", "p"):
                Text("Over since ")
                Moment(_time(row["over_at"]))
        if row["acknowledged_at"]:
            with box("soft", "p"):
                Text(f"Seen by {row['acknowledged_by'] or 'somebody'} ")
                Moment(_time(row["acknowledged_at"]))

    async def _seen(self, ids: Sequence[int] | None) -> None:
        wrong = await self._person.order(lambda who: self._doors.control.acknowledge(who, ids))
        if wrong:
            with self._list:  # the button may be gone by now
                ui.notify(wrong, type="negative", position="top")
        self._loader.want()


def _unseen(row: Row) -> bool:
    return row["level"] == "critical" and not row["acknowledged_at"] and not row["over_at"]


def _time(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None


def _number(count: int) -> str:
    return f"{MOST_COUNTED}+" if count > MOST_COUNTED else str(count)
