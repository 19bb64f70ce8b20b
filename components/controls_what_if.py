"""What a change would have made of the last 30 days, before it is saved: rules of now and new ones side by side."""

from collections.abc import Callable

from nicegui import ui

from app.backtest_ports import Busy
from app.faces import Figures, Proposal, WhatIf
from components.frame import Frame
from components.parts import Button, Moment, Text, box

MINUS = "−"
ROWS = ("Return", "Deepest fall", "Trades", "Worst day")


class WhatIfBox:
    """Stands below the changes of one panel. `proposal` is what is changed there now; `brief`, nearer to the thumb,
    says in a few words how far it is."""

    def __init__(self, frame: Frame, place: str, proposal: Callable[[], Proposal], brief: Text) -> None:
        self._frame, self._place, self._proposal, self._brief = frame, place, proposal, brief
        self._told = ""
        with box("what-if").mark(f"what-if-{place}") as self._whole:
            with box("what-if-head"):
                Text("The last 30 days, with and without", "group-title", "h3")
                self._cancel = Button("Cancel", self._stop, "quiet").mark(f"what-if-cancel-{place}")
            self._said = Text(classes="soft", tag="p").props("role=status").mark(f"what-if-said-{place}")
            with box("what-if-progress") as self._progress:
                self._bar = box("what-if-bar")
            with box("what-if-table", "table") as self._table:
                with box("", "thead"), box("", "tr"):
                    for head in ("", "Rules of now", "Your changes"):
                        Text(head, tag="th").props("scope=col")
                with box("", "tbody"):
                    self._cells = {name: _row(name) for name in ROWS}
            self._note = Text(classes="soft", tag="p")
            with box("soft what-if-span") as self._span:
                self._since = Moment(None)
                Text("to")
                self._until = Moment(None)
        self._whole.set_visibility(False)
        self._timer = ui.timer(1.0, self.update, active=False)  # a market at rest tells nothing

    @property
    def possible(self) -> bool:
        return self._frame.doors.what_if is not None

    async def start(self) -> None:
        doors, proposal = self._frame.doors, self._proposal()
        what_if = doors.what_if
        if what_if is None:
            return
        try:
            self._told = ""
            wrong = await self._frame.person.order(lambda who: what_if.start(who.username, proposal))
        except Busy as busy:
            wrong = str(busy)
        self._told = wrong or ""
        self.update()

    async def _stop(self) -> None:
        what_if = self._frame.doors.what_if
        if what_if is not None:
            self._told = await self._frame.person.order(lambda who: what_if.cancel()) or ""
        self.update()

    def update(self) -> None:
        what_if = self._frame.doors.what_if
        found = what_if.look() if what_if is not None else WhatIf()
        mine = found.proposal is not None and found.proposal.place == self._place and found.status != "none"
        self._whole.set_visibility(mine or bool(self._told))
        running = mine and found.status == "running"
        self._timer.active = running
        self._cancel.set_visibility(running)
        self._progress.set_visibility(running)
        self._bar.style(f"width: {found.progress_pct:.0f}%")
        self._table.set_visibility(mine and found.status == "done")
        self._span.set_visibility(mine and found.status == "done")
        self._since.show(found.since)
        self._until.show(found.until)
        self._said.say(self._told or (self._words(found) if mine else ""))
        self._brief.say(self._told or (_brief(found) if mine else ""))
        self._note.say(found.note if mine and found.status == "done" else "")
        if found.now is not None and found.new is not None:
            self._fill(found.now, found.new)

    def _words(self, found: WhatIf) -> str:
        if found.status == "running":
            return (
                f"Both are being traded again, beside the trader … {found.progress_pct:.0f} %. The first time takes "
                "a minute or two more: something is compiled."
            )
        if found.status == "failed":
            return f"Not possible: {found.error}"
        proposal = self._proposal()
        idle = not (proposal.limits or proposal.wishes or proposal.thresholds)
        same = idle or found.proposal == proposal
        return "" if same else "This was for other values than those above: run it again."

    def _fill(self, now: Figures, new: Figures) -> None:
        for name, cells in self._cells.items():
            for cell, figures in zip(cells, (now, new), strict=True):
                text, tone = _figure(name, figures)
                cell.say(text, tone)


def _brief(found: WhatIf) -> str:
    if found.status == "running":
        return f"Comparing … {found.progress_pct:.0f} %"
    if found.now is None or found.new is None:
        return "No comparison: see below"
    now, new = (_figure("Return", each)[0] for each in (found.now, found.new))
    return f"Last days: {now} now, {new} with your changes"


def _row(name: str) -> tuple[Text, Text]:
    with box("", "tr"):
        Text(name, tag="th").props("scope=row")
        return Text(tag="td").mark(f"now-{name}"), Text(tag="td").mark(f"new-{name}")


def _figure(name: str, figures: Figures) -> tuple[str, str]:
    if name == "Trades":
        return f"{figures.trades}{' (stopped)' if figures.stopped else ''}", ""
    value = {
        "Return": figures.return_pct,
        "Deepest fall": -figures.max_drawdown_pct,
        "Worst day": figures.worst_day_pct,
    }[name]
    if value is None:
        return "–", ""
    rounded = round(value, 2)
    sign, arrow = ("+", "▲ ") if rounded > 0 else (MINUS, "▼ ") if rounded < 0 else ("", "")
    tone = "up" if rounded > 0 else "down" if rounded < 0 else ""
    return f"{arrow if name == 'Return' else ''}{sign}{abs(rounded):.2f}\u00a0%", tone if name == "Return" else ""
