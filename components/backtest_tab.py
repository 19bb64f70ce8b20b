"""The Backtest tab: try settings on the past before money depends on them. Runs are made in a process of their own."""

from nicegui import ui

from app.ports import Row, Status
from components.backtest_compare import Comparison
from components.backtest_form import BacktestForm
from components.backtest_runs import RunCard
from components.frame import Frame
from components.parts import Loader, Text, box

SHOWN = 30


class BacktestTab:
    """The list is read again when a run has changed; cards are changed in place, so that an open one stays open."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._cards: dict[str, RunCard] = {}
        self._rows: dict[str, Row] = {}
        self._compared: list[str] = []
        backtests, data = frame.doors.backtests, frame.doors.data
        with box("backtests"):
            if backtests is None or data is None:
                Text("There are no backtests here.", "soft", "p")
                return
            with box("backtest-left"):
                BacktestForm(frame, data, lambda _: self._loader.want())
            with box("backtest-right"):
                self._comparison = Comparison()
                Text("Backtests", "panel-title", "h2")
                self._loader = Loader(frame.doors.tasks, self._load, "backtests")
                with box("empty") as self._empty:
                    Text("No backtest yet", "empty-title", "h2")
                    Text(FIRST, tag="p")
                self._empty.set_visibility(False)
                self._list = box("rows", "ul")
        ui.context.client.on_delete(backtests.subscribe(self._loader.want))
        self._loader.want()

    def update(self, status: Status) -> None:
        """Nothing here depends on what the engine does."""

    async def _load(self) -> None:
        if self._frame.doors.backtests is None:
            return
        rows, _ = await self._frame.doors.backtests.list(SHOWN, 0)
        self._rows = {str(row["id"]): row for row in rows}
        for id in [id for id in self._cards if id not in self._rows]:
            self._cards.pop(id).root.delete()
        for row in reversed(rows):  # oldest first: the newest ends on top
            card = self._cards.get(str(row["id"]))
            if card is not None:
                card.update(row)
                continue
            with self._list:
                card = self._cards[str(row["id"])] = RunCard(row, self._frame, self._compare)
            card.root.move(self._list, 0)
        self._empty.set_visibility(not rows)
        self._show_compared()

    def _compare(self, id: str, chosen: bool) -> None:
        self._compared = [each for each in self._compared if each != id] + ([id] if chosen else [])
        self._show_compared()

    def _show_compared(self) -> None:
        rows = [self._rows[id] for id in self._compared if id in self._rows]
        self._comparison.show([row for row in rows if row.get("result")])


FIRST = (
    "Choose candles and start one: it trades them as the trader would, with its fees, stops and limits, and says what "
    "came of it and how far to trust it. Tick two that have ended to see them side by side."
)
