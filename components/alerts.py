"""What must not be missed, above everything else: grave alerts until somebody has seen them, channels that fail."""

from app.channels import ChannelState
from app.core.alerts import KINDS
from app.ports import Status
from components import format as words
from components.controls import Controls
from components.parts import Text, box

FAILING = ("failing", "revoked")


class Alerts:
    """A red strip with the newest grave alert and how many more there are; an amber one for channels."""

    def __init__(self, controls: Controls) -> None:
        with box("alert-strip", "section").props("role=alert aria-live=assertive").mark("grave") as self._grave:
            with box("alert-words"):
                self._title = Text(classes="alert-title")
                self._text = Text(classes="alert-text")
                self._advice = Text(classes="alert-text")
            controls.seen_button()
        with box("channel-strip", "section").props("role=status") as self._channels:
            self._channel = Text().mark("channels")

    def update(self, status: Status) -> None:
        self._show_grave(status)
        failing = [channel for channel in status.channels if channel.status in FAILING]
        self._channels.set_visibility(bool(failing))
        self._channel.say(channel_words(failing))

    def _show_grave(self, status: Status) -> None:
        self._grave.set_visibility(bool(status.unseen_alerts))
        if not status.unseen_alerts:
            return
        newest, more = status.unseen_alerts[0], len(status.unseen_alerts) - 1
        kind = KINDS[newest.event]
        self._title.say(f"{kind.title}{f' (and {more} more)' if more else ''}")
        self._text.say(f"{newest.text} · {words.moment(newest.at)}")
        self._advice.say(kind.advice)


def channel_words(failing: list[ChannelState]) -> str:
    """Who does not hear us, and why."""
    if not failing:
        return ""
    first = failing[0]
    others = f" (and {len(failing) - 1} more)" if len(failing) > 1 else ""
    return f"Alerts do not arrive by {first.name}{others}: {first.error}"
