"""`GET /metrics`: the trader's figures in Prometheus' text format, for a monitor on this machine or with the token.

Figures only: no order, no text from outside, nothing that would open anything.
"""

import hmac
import os
import resource
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.ports import Status
from components.doors import Doors
from components.problems import Problem

FORMAT = "text/plain; version=0.0.4; charset=utf-8"
LOOPBACK = frozenset({"127.0.0.1", "::1"})
STATES = ("RECONCILING", "TRADING", "PAUSED", "STOPPED")
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
Labels = dict[str, str]
Samples = Iterable[tuple[Labels, Decimal | float | None]]


class Metrics:
    """`open_pages` says how many dashboards are being looked at."""

    def __init__(self, doors: Doors, open_pages: Callable[[], int]) -> None:
        self._doors, self._open_pages = doors, open_pages

    async def __call__(self, request: Request) -> Response:
        if not self._may_read(request):
            detail = "from elsewhere send TRADER_METRICS_TOKEN as `Authorization: Bearer …`"
            return Problem(401, detail, headers={"www-authenticate": "Bearer"}).response()
        return PlainTextResponse(self._text(), media_type=FORMAT)

    def _may_read(self, request: Request) -> bool:
        token, (kind, _, given) = self._doors.metrics_token, request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and token:
            return hmac.compare_digest(given.strip().encode(), token.encode())
        # behind a proxy on this machine everybody seems to come from here
        here = request.client is not None and request.client.host in LOOPBACK
        return here and not kind and not any(name in request.headers for name in FORWARDED)

    def _text(self) -> str:
        status = self._doors.view.status()
        lines: list[str] = []
        for name, help, kind, samples in (*_trader(status), *self._pages(status), *_process()):
            shown = [f"{name}{_labels(labels)} {_number(value)}" for labels, value in samples if value is not None]
            if shown:
                lines += [f"# HELP {name} {help}", f"# TYPE {name} {kind}", *shown]
        return "\n".join([*lines, ""])

    def _pages(self, status: Status) -> Iterable[tuple[str, str, str, Samples]]:
        yield "trader_dashboards_open", "Dashboards that are being looked at.", "gauge", [({}, self._open_pages())]
        if status.price_at is not None and status.market_at is not None:
            age = max(0.0, (status.market_at - status.price_at).total_seconds())
            yield "trader_price_age_seconds", "Age of the newest price, in market time.", "gauge", [({}, age)]


def _trader(status: Status) -> Iterable[tuple[str, str, str, Samples]]:
    about = {"version": status.version, "mode": status.mode, "market": status.market, "symbol": status.symbol}
    yield "trader_info", "What runs.", "gauge", [(about, 1)]
    states = [({"state": each.lower()}, float(status.state == each)) for each in STATES]
    yield "trader_state", "1 for the state that the trader is in.", "gauge", states
    for name, help, value in (
        ("connected", "Whether the exchange is reached.", float(status.connected)),
        ("price_usd", "The newest price.", status.price),
        ("equity_usd", "Cash and bitcoin at the price.", status.equity),
        ("cash_usd", "Cash, free and locked.", status.cash),
        ("day_pnl_usd", "Result of the UTC day.", status.day_pnl),
        ("day_pnl_pct", "The same in per cent.", status.day_pnl_pct),
        ("total_pnl_usd", "Result in all.", status.total_pnl),
        ("total_pnl_pct", "The same in per cent.", status.total_pnl_pct),
        ("open_positions", "Positions that are held.", status.open_positions),
        ("trades_today", "Trades closed in the UTC day.", status.trades_today),
        ("protected_pct", "Share of the bitcoin held that has a confirmed stop.", status.protected_pct),
        ("max_loss_usd", "What the stops let be lost, plus gaps.", status.max_loss_if_server_dies),
        ("two_factor", "Whether somebody has enrolled a second factor.", float(status.two_factor)),
        ("unseen_alerts", "Grave alerts that nobody has acknowledged.", len(status.unseen_alerts)),
    ):
        yield f"trader_{name}", help, "gauge", [({}, value)]
    channels = [({"channel": each.name}, float(each.status == "ok")) for each in status.channels]
    yield "trader_channel_ok", "Whether alerts get out by a channel.", "gauge", channels


def _process() -> Iterable[tuple[str, str, str, Samples]]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = used.ru_utime + used.ru_stime
    yield "process_cpu_seconds_total", "Processor time of the main process.", "counter", [({}, seconds)]
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return
    resident = pages * os.sysconf("SC_PAGE_SIZE")
    yield "process_resident_memory_bytes", "Memory of the main process.", "gauge", [({}, resident)]


def _labels(labels: Labels) -> str:
    escaped = (
        (name, text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for name, text in labels.items()
    )
    told = ",".join(f'{name}="{text}"' for name, text in escaped)
    return f"{{{told}}}" if told else ""


def _number(value: Decimal | float) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else f"{value:.10g}"
