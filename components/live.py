"""From the engine to the open pages: one subscription, each page's `render` called when something has changed.

Rendering happens after the engine's turn, never in it: a page must not hold up an order.
"""

import asyncio
import logging
from collections.abc import Callable

from nicegui import Client

from app.ports import EngineView

log = logging.getLogger(__name__)


class Live:
    def __init__(self, view: EngineView) -> None:
        self._renders: dict[str, Callable[[], None]] = {}
        self._due = False
        self.end = view.subscribe(self._heard)

    def follow(self, client: Client, render: Callable[[], None]) -> None:
        """Until the page is gone. Renders once at once."""
        render()
        self._renders[client.id] = render
        client.on_delete(lambda: self._renders.pop(client.id, None))

    def _heard(self) -> None:
        if self._renders and not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        self._due = False
        for id, render in list(self._renders.items()):
            if id not in self._renders:
                continue
            try:
                render()
            except Exception:  # guard: observer
                log.exception("a page could not be brought up to date")
