"""How alerts reach people: which channel, how loud, when, how many at once, in which words. Pure; sends nothing.

No message carries a secret or a whole account number: every text passes `masked` and the cleaner it is given.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.core.alerts import KINDS, AlertEvent, AlertLevel
from app.core.messages import Gate
from app.core.model import LatchKind, OrderStatus, PositionStatus
from app.core.state import State

CHANNELS = ("email", "sms", "push", "apprise")
KEPT_TRYING = timedelta(hours=24)
SAME_AGAIN = timedelta(minutes=10)  # the same words within this time share one message
FOR_GRAVE = 4  # one in so many messages of an hour is kept for grave alerts
LINES_SHOWN = 30
SHORT = 300  # characters of a text message
BODY_LINES = 5
TABS = {
    AlertEvent.EXIT_FILL: "history",
    **dict.fromkeys((AlertEvent.ANALYST, AlertEvent.NEWS_SOURCE, AlertEvent.STRATEGY_WEAK), "insights"),
    **dict.fromkeys(
        (
            *(AlertEvent.STRATEGY, AlertEvent.STRATEGIES_FAIL, AlertEvent.CHANNEL_DOWN, AlertEvent.CLOCK),
            *(AlertEvent.DISK, AlertEvent.LIVE_CHECK, AlertEvent.PARITY_MISMATCH, AlertEvent.INCIDENT_REPORT),
            *(AlertEvent.DAILY_LOSS, AlertEvent.DAILY_LOSS_OVER, AlertEvent.DAILY_LOSS_WARNING),
            *(AlertEvent.TOTAL_LOSS_WARNING, AlertEvent.KILL_SWITCH, AlertEvent.RUNAWAY, AlertEvent.DATABASE),
            *(AlertEvent.EXCHANGE_REFUSES, AlertEvent.EXCHANGE_UNREACHABLE, AlertEvent.CONNECTION_LOST),
        ),
        "controls",
    ),
    AlertEvent.HISTORY: "backtest",
}


class Loud(StrEnum):
    """How an event arrives: with a sound, without one where the channel can, or not at all."""

    ON = "on"
    SILENT = "silent"
    OFF = "off"


Matrix = dict[str, dict[str, Loud]]  # event or level → channel → how


def _row(email: Loud, sms: Loud, push: Loud, apprise: Loud) -> dict[str, Loud]:
    return dict(zip(CHANNELS, (email, sms, push, apprise), strict=True))


def default_levels() -> Matrix:
    return {
        AlertLevel.CRITICAL: _row(Loud.ON, Loud.ON, Loud.ON, Loud.ON),
        AlertLevel.WARNING: _row(Loud.ON, Loud.OFF, Loud.ON, Loud.ON),
        AlertLevel.INFO: _row(Loud.OFF, Loud.OFF, Loud.ON, Loud.SILENT),
    }


def default_events() -> Matrix:
    return {AlertEvent.ALIVE: {"email": Loud.ON, "push": Loud.OFF}}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRules:
    """`quiet`: (start, end) in `zone`, when only grave alerts are sent; `alive_at` in `zone`, None: never."""

    max_per_hour: int = 20
    repeat: timedelta = timedelta(minutes=15)
    alive_at: time | None = time(8)
    zone: tzinfo = ZoneInfo("UTC")
    quiet: tuple[time, time] | None = None
    levels: Matrix = field(default_factory=default_levels)
    events: Matrix = field(default_factory=default_events)

    def loud(self, event: AlertEvent, channel: str) -> Loud:
        """What the matrix says. A test always rings."""
        if event is AlertEvent.TEST:
            return Loud.ON
        named = self.events.get(event, {}).get(channel)
        return named or self.levels[KINDS[event].level][channel]

    def due_at(self, event: AlertEvent, now: datetime) -> datetime:
        """When it may be sent: what is not grave waits for the end of the quiet hours."""
        if self.quiet is None or event is AlertEvent.TEST or KINDS[event].level is AlertLevel.CRITICAL:
            return now
        local = now.astimezone(self.zone)
        start, end = self.quiet
        if not _within(local.time(), start, end):
            return now
        day = local.date() if local.time() < end else local.date() + timedelta(days=1)
        return datetime.combine(day, end, self.zone).astimezone(UTC)


def _within(at: time, start: time, end: time) -> bool:
    return start <= at < end if start <= end else at >= start or at < end


# ---------------------------------------------------------------- what waits


FIRST, OVER = 0, -1  # rounds of an alert; 1, 2, … are its repeats


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One alert of the outbox. `repeated` and `repeated_at`: how often and when last it was posted."""

    id: int
    event: AlertEvent
    text: str
    at: datetime
    repeated: int = 0
    repeated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One alert on its way through one channel. `reference` is set once it was handed to the channel."""

    id: int
    told: Told
    channel: str
    round: int
    silent: bool
    due_at: datetime
    reference: str = ""

    @property
    def grave(self) -> bool:
        return KINDS[self.told.event].level is AlertLevel.CRITICAL

    @property
    def words(self) -> tuple[object, ...]:
        """Letters with the same words share a line."""
        return (self.told.event, self.told.text, self.round == OVER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a channel is given. `reference` is the same however often this message is tried."""

    reference: str
    subject: str
    text: str
    short: str  # for channels that charge by length: one line, ASCII
    grave: bool
    silent: bool
    at: datetime
    title: str = ""  # subject and text once more, for a screen that shows them apart
    body: str = ""
    topic: str = ""  # a newer message with the same topic takes the place of this one
    tab: str = ""  # where on the dashboard to look


def batches(due: Sequence[Letter], sent_in_the_hour: int, most: int) -> list[list[Letter]]:
    """Which letters go out now, and which share a message; grave ones first, nothing lost, never more than `most`.

    Letters with the same words are one message. Where there are more messages than the hour has room for, the last
    one takes all the rest. What is not grave leaves a quarter of the hour's messages to what is.
    """
    free = most - sent_in_the_hour
    grave = _packed(_same_words(letter for letter in due if letter.grave), free)
    usable = free - len(grave) - max(most // FOR_GRAVE, 1)
    return grave + _packed(_same_words(letter for letter in due if not letter.grave), usable)


def _same_words(letters: Iterable[Letter]) -> list[list[Letter]]:
    """Repeats and ends of alerts are reminders: all of them share one message."""
    groups: dict[object, list[Letter]] = {}
    for letter in letters:
        groups.setdefault(letter.words if letter.round == FIRST else letter.round == OVER, []).append(letter)
    return list(groups.values())


def _packed(groups: list[list[Letter]], room: int) -> list[list[Letter]]:
    if room <= 0:
        return []
    if len(groups) <= room:
        return groups
    return [*groups[: room - 1], [letter for group in groups[room - 1 :] for letter in group]]


# ---------------------------------------------------------------- words


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """What every message says of the trader. `clean` stars out secrets."""

    label: str  # "PAPER"
    about: str  # "paper, simulated, BTC/USD"
    link: str | None
    clean: Callable[[str], str]

    def compose(self, letters: Sequence[Letter]) -> Message:
        """One message of all `letters`, which have something to say (at least one)."""
        lines = _lines(letters)
        first = letters[0]
        title = f"{_title(first)}: {first.told.text}" if len(lines) == 1 else _titles(letters)
        subject = masked(self.clean(f"[{self.label}] {title}"))
        body = [masked(self.clean(line)) for line in lines[:LINES_SHOWN]]
        if len(lines) > LINES_SHOWN:
            body.append(f"and {len(lines) - LINES_SHOWN} more: the dashboard and the log have them")
        advice = list(dict.fromkeys(KINDS[each.told.event].advice for each in letters if each.round != OVER))
        body += ["", *(each for each in advice if each)]
        body.append(f"{self.about}{f' · {self.link}' if self.link else ''}")
        return Message(
            reference=_reference(letters),
            subject=one_line(subject, 150),
            text="\n".join(body),
            short=one_line(ascii_only(subject), SHORT),
            grave=any(letter.grave and letter.round != OVER for letter in letters),
            silent=all(letter.silent for letter in letters),
            at=max(letter.told.at if letter.round == FIRST else letter.due_at for letter in letters),
            title=masked(self.clean(f"[{self.label}] {_titles(letters)}")),
            body=self._body(letters),
            topic=_topic(letters),
            tab=TABS.get(first.told.event, "positions"),
        )

    def _body(self, letters: Sequence[Letter]) -> str:
        """Each thing once; where there are several, each with its title."""
        groups = [group[0] for group in _groups_of_words(letters)]
        if len(groups) == 1:
            return one_line(masked(self.clean(groups[0].told.text)), SHORT)
        lines = [one_line(f"{_title(each)}: {each.told.text}", SHORT // 2) for each in groups[:BODY_LINES]]
        more = [f"and {len(groups) - BODY_LINES} more"] if len(groups) > BODY_LINES else []
        return "\n".join([*(masked(self.clean(line)) for line in lines), *more])


def _title(letter: Letter) -> str:
    kind = KINDS[letter.told.event]
    if letter.round == OVER:
        return f"Over: {kind.title}"
    return f"Still: {kind.title}" if letter.round else kind.title


def _titles(letters: Sequence[Letter]) -> str:
    titles = list(dict.fromkeys(_title(letter) for letter in letters))
    shown = ", ".join(titles[:3])
    return f"{shown} and {len(titles) - 3} more" if len(titles) > 3 else shown


def _topic(letters: Sequence[Letter]) -> str:
    """What lasts is told again and again, and its end: the newest word of it is enough."""
    events = {letter.told.event for letter in letters}
    event = next(iter(events))
    return event.value if len(events) == 1 and KINDS[event].lasting else ""


def _lines(letters: Sequence[Letter]) -> list[str]:
    lines = []
    for group in _groups_of_words(letters):
        last = max(letter.told.at for letter in group)
        first = min(letter.told.at for letter in group)
        times = len({letter.told.id for letter in group})
        often = f" ({times} times since {first:%H:%M})" if times > 1 else ""
        lines.append(f"{last:%Y-%m-%d %H:%M:%S} UTC {_title(group[0])}: {group[0].told.text}{often}")
    return lines


def _groups_of_words(letters: Iterable[Letter]) -> list[list[Letter]]:
    groups: dict[object, list[Letter]] = {}
    for letter in letters:
        groups.setdefault(letter.words, []).append(letter)
    return list(groups.values())


def _reference(letters: Sequence[Letter]) -> str:
    names = ",".join(str(letter.id) for letter in sorted(letters, key=lambda each: each.id))
    return hashlib.sha256(f"{letters[0].channel}:{names}".encode()).hexdigest()[:24]


_LONG_DIGITS = re.compile(r"(?<![\d.,-])\+?\d{9,}(?![\d.])")


def masked(text: str) -> str:
    """Numbers as long as an account's or a phone's keep their last four digits. Prices and amounts stay."""
    return _LONG_DIGITS.sub(lambda found: f"…{found[0][-4:]}", text)


def ascii_only(text: str) -> str:
    """A text message with one other letter costs twice."""
    return text.replace("…", "...").replace("·", "-").encode("ascii", "replace").decode()


def one_line(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 3]}..."


# ---------------------------------------------------------------- what lasts


def lasting(state: State) -> frozenset[AlertEvent]:
    """The lasting events that are true now."""
    found = {AlertEvent(str(kind)) for kind in state.latches if kind is not LatchKind.DAILY_LOSS}
    for gate in (Gate.EXCHANGE_UNREACHABLE, Gate.EXTERNAL_CHANGE, Gate.DATABASE):
        if gate in state.gates:
            found.add(AlertEvent(gate.value))
    if state.bare:
        found.add(AlertEvent.STOP_MISSING)
    if any(position.status is PositionStatus.QUARANTINE for position in state.positions.values()):
        found.add(AlertEvent.POSITION_STUCK)
    if any(order.status is OrderStatus.STUCK for order in state.orders.values()):
        found.add(AlertEvent.ORDER_STUCK)
    return frozenset(found)
