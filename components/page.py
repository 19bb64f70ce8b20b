"""The one page with its tabs; registers login, wall and API. `build` is called once, before `ui.run`."""

from typing import Any

from fastapi import Request
from nicegui import app as web
from nicegui import ui

from components.alerts import Alerts
from components.api import add_api
from components.backtest_tab import BacktestTab
from components.banners import Banners
from components.controls import Person
from components.controls_tab import ControlsTab
from components.doors import Doors
from components.edge import Edge, Pages
from components.failing import failed_page
from components.frame import Frame, Tab
from components.going_live import GoingLive
from components.history import History
from components.insights import Insights
from components.live import Live
from components.login import add_login
from components.notices import Notices
from components.plain import address
from components.positions import Positions
from components.push_switch import InstallHint
from components.pwa import APP_HEAD, add_pwa
from components.quick_stats import QuickStats
from components.settings import SettingsPage
from components.sockets import keep_to_own_pages
from components.theme import HEAD, VIEWPORT, add_assets

SWEEP_SECONDS = 5.0
WHOLE_HEAD = HEAD + APP_HEAD

TABS = (
    Tab(
        "positions",
        "Positions",
        Positions,
        icon='<path d="M4 7h16v12H4zM9 7V5h6v2M4 12h16"/>',
    ),
    Tab("history", "History", History, icon='<path d="M4 12a8 8 0 1 0 2.6-5.9M4 4v4h4M12 8v4l3 2"/>'),
    Tab(
        "insights",
        "Insights",
        Insights,
        icon='<path d="M9 18h6M10 21h4M12 3a6 6 0 0 0-4 10.5c.8.8 1 1.5 1 2.5h6c0-1 .2-1.7 1-2.5A6 6 0 0 0 12 3Z"/>',
    ),
    Tab(
        "controls",
        "Controls",
        ControlsTab,
        icon='<path d="M5 4v7M5 15v5M12 4v3M12 11v9M19 4v9M19 17v3"/><circle cx="5" cy="13" r="2"/>'
        '<circle cx="12" cy="9" r="2"/><circle cx="19" cy="15" r="2"/>',
    ),
    Tab("backtest", "Backtest", BacktestTab, icon='<path d="M4 20V4M4 20h16M8 16l4-5 3 3 5-7"/>'),
    Tab("settings", "Settings", SettingsPage),
)

# How `ui.run` must be called: host and port come from the settings.
RUN: dict[str, Any] = {
    "title": "bitcoin-autotrader",
    "dark": None,  # as the system prefers
    "language": "en-US",  # a screen reader has to know how to say it
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
    web.config.quasar_config["loadingBar"]["skipHijack"] = True  # an upload tells its own progress, in words
    web.add_middleware(Edge, doors=doors, pages=pages)
    keep_to_own_pages(pages.owner)
    web.on_page_exception(failed_page)
    add_assets(web)
    add_login(web, doors, pages.sweep)
    add_api(web, doors, lambda: len(pages.sockets))
    add_pwa(web)
    web.timer(SWEEP_SECONDS, pages.sweep)

    @ui.page("/", title="bitcoin-autotrader", dark=None, viewport=VIEWPORT, reconnect_timeout=120)
    def dashboard(request: Request) -> None:
        secret = request.scope["session_secret"]
        pages.enter(ui.context.client, secret)
        frame = Frame(doors, Person(doors, secret, address(request)), request.scope["signed_in"].username, TABS)
        _dashboard(frame, live, request.query_params.get("tab", ""))
        if decision := request.query_params.get("decision"):
            frame.receipt(decision)

    return live


def _dashboard(frame: Frame, live: Live, wanted: str) -> None:
    """`wanted` is the tab that the address names: a reload, a shared link and a tapped notification come back to it."""
    ui.add_head_html(WHOLE_HEAD)
    banners = Banners()
    alerts = Alerts(frame.controls)
    notices = Notices(frame)
    stats = QuickStats(frame.controls, frame.username, notices.button)
    InstallHint()
    going_live = GoingLive(frame.doors)
    frame.on_go(lambda name: stats.shrink(name != TABS[0].name))
    frame.build(wanted)

    def render() -> None:
        status = frame.doors.view.status()
        banners.update(status)
        alerts.update(status)
        notices.update(status)
        stats.update(status)
        going_live.update()
        frame.update(status)

    live.follow(ui.context.client, render)
