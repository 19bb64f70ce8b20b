"""The list of backtests: how far each is, what came of it, its files, and those chosen to be compared."""

from collections.abc import Callable

from nicegui import ui

from app.ports import Row, Who
from components import backtest_words as told
from components.backtest_result import Result
from components.frame import Frame
from components.parts import Button, Loader, Moment, Text, box

UNFINISHED = ("queued", "running")


class RunCard:
    """One backtest, changed in place while it runs; what a tap shows is made at the first tap."""

    def __init__(self, row: Row, frame: Frame, compared: Callable[[str, bool], None]) -> None:
        self.id = str(row["id"])
        self._row, self._frame = row, frame
        self._result: Result | None = None
        self._loader: Loader | None = None
        self._opened = False
        with box("entry", "li").mark(f"run-{self.id}") as self.root:
            self._details = box("", "details").mark(f"run-{self.id}-details").on("toggle", self._unfold, [])
            with self._details, box("card-head", "summary"):
                with box("card-what"):
                    self._status = Text(classes="amount")
                self._outcome = Text(classes="result")
                with box("soft run-about"):
                    Moment(row["created_at"])
                    Text(f" · {told.span(row)} · {told.changes(row)}")
            with box("run-foot") as self._foot:
                self._bar = box("bar-track").props(
                    "role=progressbar aria-valuemin=0 aria-valuemax=100 aria-label=Progress"
                )
                with self._bar:
                    self._fill = box("bar-fill")
                self._percent = Text(classes="soft").mark(f"run-{self.id}-percent")
                self._cancel = Button("Cancel", self._stop, "quiet").mark(f"run-{self.id}-cancel")
            self._error = Text(classes="ask-error run-error", tag="p")
            with box("run-compare", "label") as self._compare:
                tick = box("", "input").props("type=checkbox").mark(f"run-{self.id}-compare")
                tick.on("change", lambda event: compared(self.id, bool(event.args)), js_handler=CHECKED)
                Text("Compare")
        self.update(row)

    def update(self, row: Row) -> None:
        self._row = row
        status = str(row["status"])
        self._status.say(f"{told.KINDS[str(row.get('kind', 'backtest'))]} · {told.STATUS.get(status, status).lower()}")
        done = status == "done" and bool(row.get("result"))
        text, tone = told.headline(row) if done else ("", "flat")
        self._outcome.say(text, f"result {tone}")
        self._foot.set_visibility(status in UNFINISHED)
        self._compare.set_visibility(done and row.get("kind", "backtest") == "backtest")
        share = float(row.get("progress_pct") or 0)
        self._fill.style(f"width: {share:.0f}%")
        self._bar.props(f"aria-valuenow={share:.0f}")
        self._percent.say(f"{share:.0f} %" if status == "running" else "waits for the one before it")
        self._error.say(row.get("error") or "")
        self._bring()

    async def _stop(self) -> None:
        await self._remove("Cancelled")

    async def _remove(self, said: str) -> None:
        backtests = self._frame.doors.backtests

        async def cancel(who: Who) -> None:
            if backtests is not None:
                await backtests.cancel(who, self.id)

        wrong = await self._frame.person.order(cancel)
        ui.notify(wrong or said, type="negative" if wrong else None, position="top")

    def _unfold(self) -> None:
        self._opened = True
        self._bring()

    def _bring(self) -> None:
        """The list knows figures alone; the rest is read when somebody wants to see it, who may wait for its end."""
        if not self._opened or self._result is not None or self._row["status"] != "done":
            return
        if self._loader is None:
            with self._details, box() as self._whole:
                self._loader = Loader(self._frame.doors.tasks, self._load, "what came of it")
        self._loader.want()

    async def _load(self) -> None:
        backtests = self._frame.doors.backtests
        row = await backtests.get(self.id) if backtests is not None and self._result is None else None
        if row is None or not row.get("result"):  # it went, and so does its card
            return
        with self._whole:
            self._result = Result(row)
            Button("Remove it and its files", lambda: self._remove("Removed"), "quiet").mark("remove-run")


CHECKED = "(event) => emit(event.target.checked)"
