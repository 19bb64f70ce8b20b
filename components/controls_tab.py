"""The Controls tab: stop and go, strategies, risk, logs, health and administration, each a card that opens."""

from app.ports import Status
from components import format as words
from components.controls_admin import Admin
from components.controls_health import Health
from components.controls_limits import Limits
from components.controls_logs import Logs
from components.controls_section import Section
from components.controls_votes import Votes
from components.frame import Frame
from components.parts import Button, Text, box
from components.unlock import LOCKS


class ControlsTab:
    """Cards are built when they are first opened; the first is always there."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        with box("controls"):
            with box("controls-main"):
                self._trading = Trading(frame)
                sections = [
                    Section("votes", "Strategies", lambda: Votes(frame), summary=self._votes, opened=True),
                    Section("limits", "Risk", lambda: Limits(frame), summary=self._limits),
                ]
            with box("controls-side"):
                sections += [
                    Section("health", "System health", lambda: Health(frame), summary=health_words),
                    Section("logs", "Logs", lambda: Logs(frame)),
                    Section("admin", "Administration", lambda: Admin(frame), summary=admin_words),
                ]
        self._sections = sections

    def update(self, status: Status) -> None:
        self._trading.update(status)
        for section in self._sections:
            section.update(status)

    def _votes(self, status: Status) -> str:
        rows = self._frame.doors.view.strategies()
        offers = sum(1 for row in rows if row["offered"])
        failing = sum(1 for row in rows if row["status"] == "failed")
        voting = sum(1 for row in rows if row["status"] in ("running", "safe_mode"))
        told = [f"{voting} of {len(rows)} vote"]
        told += [f"{offers} new" if offers else "", f"{failing} fail" if failing else ""]
        return ", ".join(filter(None, told))

    def _limits(self, status: Status) -> str:
        face = self._frame.doors.view.limits()
        if face.pending:
            count = len(face.pending)
            return f"{count} change{'s' if count > 1 else ''} from 00:00 UTC on"
        size, day = face.values.get("position_size_pct"), face.values.get("daily_loss_limit_pct")
        return f"size {size} %, daily limit {day} %" if size is not None and day is not None else ""


def health_words(status: Status) -> str:
    """What is known without looking further."""
    if not status.connected and status.state != "RECONCILING":
        return "the exchange does not answer"
    troubles = ("disk", "database", "clock", "stale_price", "exchange_refuses")
    return words.REASONS[status.reason] if status.reason in troubles else "no trouble known"


def admin_words(status: Status) -> str:
    if status.reason in LOCKS:
        return "trading is locked"
    failing = sum(1 for channel in status.channels if channel.status in ("failing", "revoked"))
    if failing:
        return f"{failing} channel{'s' if failing > 1 else ''} fail"
    return "" if status.channels else "no channel for alerts"


class Trading:
    """Pause and resume; close everything."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        with box("trading section-like", "section").props('aria-label="Trading"'):
            with box("trading-words"):
                self._state = Text(classes="state").props("role=status").mark("controls-state")
                self._reason = Text(classes="soft")
            with box("trading-buttons"):
                self._pause = frame.controls.pause_button()
                self._close = Button("Close all positions", self._ask, "danger").mark("controls-close-all")
            self._nothing = Text("No position is open, so there is nothing to close.", "soft", "p")

    def update(self, status: Status) -> None:
        self._state.say(f"● {words.state_word(status)}", f"state {status.state.lower()}")
        self._reason.say(words.state_reason(status))
        self._pause.update(status)
        self._close.set_visibility(bool(status.open_positions))
        self._nothing.set_visibility(not status.open_positions)

    def _ask(self) -> None:
        view = self._frame.doors.view
        held, price = view.positions(), view.status().price
        if not held or price is None:
            return
        worth = sum((each.remaining * price for each in held), start=price * 0)
        result = sum((view.unrealized(each) for each in held), start=price * 0)
        self._frame.controls.ask_to_close_all(len(held), worth, result)
