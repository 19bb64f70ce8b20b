"""From the engine to the open pages: one subscription, each page's `render` called when something has changed.

Rendering happens after the engine's turn, never in it, and a page at a time: pages must not hold up an order.
"""

import logging
from collections.abc import Callable

from nicegui import Client

from app.ports import EngineView
from app.seam import Clock, Tasks

log = logging.getLogger(__name__)


class Live:
    def __init__(self, view: EngineView, clock: Clock, tasks: Tasks) -> None:
        self._clock, self._tasks = clock, tasks
        self._renders: dict[str, Callable[[], None]] = {}
        self._telling = self._changed = False
        self.end = view.subscribe(self._heard)

    def follow(self, client: Client, render: Callable[[], None]) -> None:
        """Until the page is gone. Renders once at once."""
        render()
        self._renders[client.id] = render
        client.on_delete(lambda: self._renders.pop(client.id, None))

    def _heard(self) -> None:
        self._changed = True
        if self._renders and not self._telling:
            self._telling = True
            self._tasks.start(self._tell(), "telling pages")

    async def _tell(self) -> None:
        """Round by round while things change. Between two pages the loop is everybody else's for as long as the last
        one took."""
        try:
            while self._changed:
                self._changed = False
                for id in list(self._renders):
                    began = self._clock.monotonic()
                    self._render(id)
                    await self._clock.sleep(self._clock.monotonic() - began)
        finally:
            self._telling = False

    def _render(self, id: str) -> None:
        try:
            if id in self._renders:
                self._renders[id]()
        except Exception:  # guard: observer
            log.exception("a page could not be brought up to date")
