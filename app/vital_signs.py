"""How the whole trader is, in rows for people: what works, what does not, and when each job ran. It only looks."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from app.core.errors import StoreError
from app.news_ports import NewsSourceState
from app.ports import Row, Status
from app.seam import Clock

GOOD, WARNING, BAD, OFF = "ok", "warning", "failed", "not_set_up"
SLOW_STORE_SECONDS = 1.0
OLD_PRICE = timedelta(seconds=10)
LITTLE_DISK_PCT, TIGHT_DISK_PCT = 5.0, 15.0
WRONG_CLOCK_SECONDS = 1.0
GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What this computer says. Zero: it cannot tell."""

    disk_free: int = 0
    disk_total: int = 0
    memory_mb: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where to look. `ask_store` reads something small; `clock_ahead` is None where no exchange tells the time."""

    status: Callable[[], Status]
    candle_fed: Callable[[], bool]
    machine: Callable[[], Awaitable[Machine]]
    ask_store: Callable[[], Awaitable[object]]
    jobs: Callable[[], Sequence[Row]]
    clock_ahead: Callable[[], float | None] = lambda: None
    analyst: Callable[[], tuple[str, str, str] | None] = lambda: None  # name, status, error
    news: Callable[[], Sequence[NewsSourceState]] = tuple
    store_name: str = "database"
    extra: Sequence[Row] = field(default_factory=tuple)


class VitalSigns:
    def __init__(self, sources: Sources, clock: Clock) -> None:
        self._of, self._clock = sources, clock
        self._began = clock.now()

    async def look(self) -> Row:
        status = self._of.status()
        machine = await self._of.machine()
        items = [
            exchange(status),
            orders_heard(status),
            prices(status, candle_fed=self._of.candle_fed()),
            await self._store(),
            disk(machine),
            *clock_item(self._of.clock_ahead()),
            *analyst(self._of.analyst()),
            *(news(each) for each in self._of.news()),
            *replays(status),
            *self._of.extra,
        ]
        return {
            "items": [item for item in items if item is not None],
            "jobs": list(self._of.jobs()),
            "memory_mb": round(machine.memory_mb, 1),
            "version": status.version,
            "started_at": self._began,
            "uptime_seconds": int((self._clock.now() - self._began).total_seconds()),
        }

    async def _store(self) -> Row:
        began, status = self._clock.monotonic(), self._of.status()
        if status.reason == "database":
            return row("database", BAD, "does not take what is written; nothing is traded until it does")
        try:
            await self._of.ask_store()
        except StoreError as error:
            return row("database", BAD, f"does not answer: {error}")
        took = self._clock.monotonic() - began
        name = self._of.store_name
        if took > SLOW_STORE_SECONDS:
            return row("database", WARNING, f"{name} answers slowly: {took:.1f} s")
        return row("database", GOOD, f"{name} answers in {took * 1000:.0f} ms")


def row(name: str, status: str, text: str) -> Row:
    return {"name": name, "status": status, "text": text}


def exchange(status: Status) -> Row:
    where = "Binance.US" if status.market == "binanceus" else f"the {status.market.partition(':')[0]} market"
    if status.reason == "exchange_refuses":
        return row("exchange", BAD, f"{where} refuses our key")
    if status.state == "RECONCILING":
        return row("exchange", WARNING, f"{where} is being asked what is true")
    if not status.connected:
        return row("exchange", BAD, f"{where} does not answer; tried again every 30 s")
    return row("exchange", GOOD, f"{where} answers; books compared every 30 s")


def orders_heard(status: Status) -> Row | None:
    """How the exchange's word on our orders reaches us. Nothing where no real account is traded."""
    if status.user_data is None:
        return None
    polling = status.user_data.startswith("polling")
    return row("order reports", WARNING if polling else GOOD, status.user_data)


def prices(status: Status, *, candle_fed: bool) -> Row:
    if status.reason == "market_ended":
        return row("prices", WARNING, "the recorded market has ended")
    if status.price_at is None or status.market_at is None:
        return row("prices", WARNING, "none yet")
    if candle_fed:
        return row("prices", GOOD, "each closed candle as it comes")
    age = status.market_at - status.price_at
    text = f"the newest is {max(age.total_seconds(), 0):.0f} s old"
    return row("prices", WARNING if age > OLD_PRICE else GOOD, text)


def disk(machine: Machine) -> Row | None:
    if not machine.disk_total:
        return None
    free = machine.disk_free / machine.disk_total * 100
    status = BAD if free < LITTLE_DISK_PCT else WARNING if free < TIGHT_DISK_PCT else GOOD
    return row(
        "disk", status, f"{machine.disk_free / GIB:.1f} of {machine.disk_total / GIB:.1f} GB free ({free:.0f} %)"
    )


def clock_item(ahead: float | None) -> list[Row]:
    if ahead is None:
        return []
    text = f"{abs(ahead):.2f} s {'ahead of' if ahead >= 0 else 'behind'} the exchange's"
    return [row("clock", WARNING if abs(ahead) > WRONG_CLOCK_SECONDS else GOOD, text)]


def analyst(found: tuple[str, str, str] | None) -> list[Row]:
    """A language model that is set up."""
    if found is None:
        return []
    name, status, error = found
    words = {"ok": "answers", "over_budget": "rests: this month's budget is spent", "safe_mode": "safe mode"}
    text = words.get(status, status)
    return [row(name, GOOD if status == "ok" else WARNING, f"{text}{f': {error}' if error else ''}")]


def news(source: NewsSourceState) -> Row:
    status = {"ok": GOOD, "waiting": GOOD, "refused": BAD}.get(source.status, WARNING)
    words = {"ok": "answers", "waiting": "not asked yet", "used_up": "its quota is used up"}
    text = words.get(source.status, source.status)
    return row(f"news: {source.name}", status, f"{text}{f': {source.error}' if source.error else ''}")


def replays(status: Status) -> list[Row]:
    last = status.last_replay
    if last is None:
        return []
    same = bool(last["identical"])
    text = f"{last['day']} gives the same again" if same else f"{last['day']} does not give the same again"
    return [row("daily replay", GOOD if same else BAD, text)]
