"""The newest log lines, with a filter by level. They come by themselves."""

from functools import partial

from nicegui import ui

from app.ports import Row, Status
from components import format as words
from components.frame import Frame
from components.parts import Choice, Loader, Moment, Rows, Text, box

LEVELS = {"DEBUG": "All", "INFO": "Info", "WARNING": "Warnings", "ERROR": "Errors"}
SHOWN = 100
LOOK_SECONDS = 3.0


class Logs:
    """The panel. The store is read every few seconds, and only while this is open."""

    def __init__(self, frame: Frame) -> None:
        self._frame, self._level = frame, "INFO"
        self._seen: object = None
        self._looked_at = float("-inf")
        with box("votes"):
            Choice("From which level on", LEVELS, self._level, self._choose)
            self._loader = Loader(frame.doors.tasks, self._load, "the log")
            self._empty = Text("Nothing of this kind was logged.", "soft", "p")
            self._rows = Rows(box("log-rows", "ol").props('tabindex=0 aria-label="Log, the newest first"'))
        self._empty.set_visibility(False)

    def update(self, status: Status) -> None:
        now = self._frame.doors.clock.monotonic()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._loader.want()

    def _choose(self, level: str) -> None:
        self._level = level
        self._loader.want()

    async def _load(self) -> None:
        rows, _ = await self._frame.doors.reader.list("logs", SHOWN, 0, level=self._level)
        seen = (self._level, [row["id"] for row in rows])
        if seen == self._seen:
            return
        self._seen = seen
        self._empty.set_visibility(not rows)
        self._rows.show({str(row["id"]): partial(line, row) for row in rows})


def line(row: Row) -> ui.element:
    with box(f"log-row {str(row['level']).lower()}", "li") as whole:
        with box("log-head"):
            Text(str(row["level"]), "log-level")
            Moment(words.when(str(row["at"])))
            Text(str(row["component"]))
        Text(str(row["message"]), "log-message")
        details = row.get("details") or {}
        if details:
            with box("more-facts", "details"):
                Text("Details", "explained-head", "summary")
                Text("\n".join(f"{name}: {value}" for name, value in details.items()), "log-details", "pre")
    return whole
