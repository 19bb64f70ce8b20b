"""The frame: registers login, wall, API and the one page with its tabs. `build` is called once, before `ui.run`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from fastapi import Request
from nicegui import app as web
from nicegui import ui

from app.ports import Status
from components.alerts import Alerts
from components.api import add_api
from components.controls import Controls, Person
from components.doors import Doors
from components.edge import Edge, Pages
from components.going_live import GoingLive
from components.live import Live
from components.login import add_login, address
from components.parts import Text, box
from components.positions import Positions
from components.quick_stats import QuickStats
from components.theme import HEAD, add_assets

SWEEP_SECONDS = 5.0


class Panel(Protocol):
    """What a tab shows."""

    def update(self, status: Status) -> None: ...


@dataclass(frozen=True, slots=True)
class Tab:
    name: str
    title: str
    build: Callable[[Doors, Controls], Panel]


TABS = (Tab("positions", "Positions", lambda doors, controls: Positions(doors.view, controls)),)

# How `ui.run` must be called: host and port come from the settings.
RUN: dict[str, Any] = {
    "title": "bitcoin-autotrader",
    "dark": None,  # as the system prefers
    "reload": False,
    "show": False,
    "show_welcome_message": False,
    "tailwind": False,
    "prod_js": True,
    "reconnect_timeout": 3.0,  # a hung server is noticed in seconds; the page's own 120 is for sleeping phones
    "binding_refresh_interval": None,
    "fastapi_docs": False,
    "endpoint_documentation": "none",
    "server_header": False,
}


def proxies(trusted: tuple[str, ...]) -> dict[str, Any]:
    """uvicorn's part of `ui.run`: whose X-Forwarded-* is believed. Nobody's, unless named."""
    return {"proxy_headers": bool(trusted), "forwarded_allow_ips": ",".join(trusted)}


def build(doors: Doors) -> Live:
    """Register everything on NiceGUI's app."""
    live, pages = Live(doors.view, doors.clock, doors.tasks), Pages(doors)
    web.config.socket_io_js_transports = ["websocket"]
    web.add_middleware(Edge, doors=doors)
    add_assets(web)
    add_login(web, doors, pages.sweep)
    add_api(web, doors)
    web.timer(SWEEP_SECONDS, pages.sweep)

    @ui.page("/", title="bitcoin-autotrader", dark=None, reconnect_timeout=120)
    def dashboard(request: Request) -> None:
        secret = request.scope["session_secret"]
        pages.enter(ui.context.client, secret)
        _dashboard(doors, live, Person(doors, secret, address(request)), request.scope["signed_in"].username)

    return live


def _dashboard(doors: Doors, live: Live, person: Person, username: str) -> None:
    ui.add_head_html(HEAD)
    Text("Not connected. The figures below are old; trying again …", "offline-banner", "div").props("role=alert")
    controls = Controls(doors, person)
    alerts = Alerts(controls)
    stats = QuickStats(controls, username)
    going_live = GoingLive(doors)
    panels: dict[str, Panel] = {}
    shown = TABS[0].name

    def show(name: str) -> None:
        """A tab is built when it is first looked at."""
        nonlocal shown
        shown = name
        if name not in panels:
            tab = next(tab for tab in TABS if tab.name == name)
            with places[name]:
                panels[name] = tab.build(doors, controls)
        for each, place in places.items():
            place.set_visibility(each == name)
        panels[name].update(doors.view.status())

    with box("tabs", "main"):
        places = {tab.name: box("tab") for tab in TABS}
    show(shown)

    def render() -> None:
        status = doors.view.status()
        alerts.update(status)
        stats.update(status)
        going_live.update()
        panels[shown].update(status)

    live.follow(ui.context.client, render)
