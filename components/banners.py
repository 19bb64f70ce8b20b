"""What stands above everything while it is so: pretend money, the day's limit, a locked trader, a lost exchange."""

from app.ports import Status
from components import format as words
from components.parts import Text, box
from components.unlock import LOCKS

STALLED = "The trading engine has not moved for a while. Stops stand on the exchange; look at the server."


class Banners:
    """What is offline or stalled, and the countdown, the browser shows by itself: right even when nothing comes."""

    def __init__(self) -> None:
        with Text("Not connected. The figures below are old; trying again …", "offline-banner", "div").props(
            "role=alert"
        ):
            Text("What you tapped was not sent.", "unsent")
        Text(STALLED, "stalled-banner", "div").props("role=alert")
        self._mode = Text(classes="mode-banner", tag="div").mark("mode")
        self._locked = Text(classes="banner danger", tag="div").props("role=alert").mark("locked")
        with box("banner warn").props("role=status").mark("daily-limit") as self._limit:
            self._limit_words = Text().mark("daily-limit-words")
            self._countdown = Text(classes="countdown")
        self._connection = Text(classes="banner warn", tag="div").props("role=status").mark("connection")

    def update(self, status: Status) -> None:
        self._show(self._mode, words.mode_banner(status))
        locked = status.state == "STOPPED" and status.reason in LOCKS and not status.unseen_alerts
        self._show(self._locked, f"Stopped: {words.state_reason(status)}." if locked else "")
        lost = "The exchange does not answer; it is tried again every 30 s. Stops that stand there stay."
        self._show(self._connection, "" if status.connected or status.state == "RECONCILING" else lost)
        self._show_limit(status)

    def _show_limit(self, status: Status) -> None:
        reached = status.reason == "daily_loss" and status.resumes_at is not None
        self._limit.set_visibility(reached)
        if not reached or status.resumes_at is None:
            return
        self._limit_words.say(f"Daily limit reached, resuming at {status.resumes_at:%H:%M} UTC")
        if words.pretend_market(status):  # its time is not the browser's
            ahead = status.resumes_at - status.market_at if status.market_at else None
            self._countdown.say(f"(in {words.duration(ahead)} of the market's time)" if ahead else "")
        else:
            self._countdown.attribute("data-until", status.resumes_at.isoformat())

    def _show(self, place: Text, text: str) -> None:
        place.set_visibility(bool(text))
        place.say(text)
