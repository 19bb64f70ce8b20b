"""Fakes behind the doors of components/: a view to steer by hand, a control that records, a reader of lists, people."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.core.errors import NotAuthorized
from app.core.model import (
    Decision,
    Direction,
    Order,
    Outcome,
    Position,
    PositionStatus,
    Shown,
    Signal,
    SignalStatus,
    Vote,
)
from app.ports import Conflict, Row, Status, Who
from app.seam import Clock, Tasks
from services.auth import Auth, LoginSession, Passwords, User

NOW = datetime(2026, 11, 23, 14, 45, 12, 345678, tzinfo=UTC)
PASSWORD = "four random words here"


def d(value: object) -> Decimal:
    return Decimal(str(value))


class HandClock(Clock):
    """Time that moves by hand; sleeping moves nothing and returns at once."""

    def __init__(self) -> None:
        self.at = NOW
        self.seconds = 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        pass

    def forward(self, **how_long: float) -> None:
        span = timedelta(**how_long)
        self.at += span
        self.seconds += span.total_seconds()


class MemoryUsers:
    """services.auth.Store in dicts."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.sessions: dict[str, LoginSession] = {}

    def get_user(self, username: str) -> User | None:
        return self.users.get(username)

    def has_users(self) -> bool:
        return bool(self.users)

    def save_user(self, user: User) -> None:
        self.users[user.username] = user

    def create_session(self, session: LoginSession) -> None:
        self.sessions[session.id] = session

    def get_session(self, id: str) -> LoginSession | None:
        return self.sessions.get(id)

    def sessions_of(self, username: str) -> Sequence[LoginSession]:
        return sorted(
            (each for each in self.sessions.values() if each.username == username), key=lambda s: s.created_at
        )

    def delete_session(self, id: str) -> None:
        self.sessions.pop(id, None)

    def delete_sessions(self, username: str) -> None:
        self.sessions = {id: each for id, each in self.sessions.items() if each.username != username}

    def delete_expired(self, now: datetime) -> None:
        self.sessions = {id: each for id, each in self.sessions.items() if each.expires_at > now}


class MemoryAnswers:
    """components.doors.Answers in a dict."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], tuple[str, int, str, datetime]] = {}

    def recall(self, username: str, key: str, since: datetime) -> tuple[str, int, str] | None:
        found = self.kept.get((username, key))
        return found[:3] if found and found[3] >= since else None

    def remember(self, username: str, key: str, body_sha256: str, status: int, answer: str, now: datetime) -> None:
        self.kept[username, key] = (body_sha256, status, answer, now)


class Trail(list[dict[str, str]]):
    """An audit trail."""

    def __call__(self, **line: str) -> None:
        self.append(line)


def quick_passwords() -> Passwords:
    """The real thing with parameters that cost nothing."""
    return Passwords(memory_kib=8, passes=1)


def an_auth(clock: Clock | None = None, store: MemoryUsers | None = None, trail: Trail | None = None) -> Auth:
    return Auth(
        store or MemoryUsers(),
        key=b"k" * 48,
        record=trail if trail is not None else Trail(),
        clock=clock or Clock(),
        tasks=Tasks(),
        passwords=quick_passwords(),
    )


def a_status(**changes: Any) -> Status:
    standard = Status(
        mode="paper",
        market="simulated",
        symbol="BTC/USD",
        ledger="paper-simulated",
        state="TRADING",
        reason=None,
        resumes_at=None,
        price=d("64812.35"),
        price_at=NOW,
        market_at=NOW,
        connected=True,
        equity=d("10123.45"),
        cash=d("8000"),
        day_pnl=d("23.45"),
        day_pnl_pct=d("0.2322"),
        total_pnl=d("123.45"),
        total_pnl_pct=d("1.2345"),
        open_positions=0,
        trades_today=3,
        protected_pct=d(100),
        max_loss_if_server_dies=d(0),
        two_factor=False,
        version="0.1.0",
    )
    return replace(standard, **changes)


def an_opinion(
    strategy: str = "technical_indicators", action: str = "BUY", confidence: object = 82, **changes: Any
) -> Signal:
    standard = Signal(
        strategy=strategy,
        action=Direction(action),
        confidence=d(confidence),
        reasoning="RSI 28 says oversold; MACD crossed its signal upward; price is back above its 50-candle average.",
        asked_at=NOW,
        given_at=NOW,
        expires_at=NOW + timedelta(minutes=90),
        status=SignalStatus.OK,
    )
    return replace(standard, **changes)


def a_position(id: str = "p1", entry: object = 64000, quantity: object = "0.00773", **changes: Any) -> Position:
    standard = Position(
        id=id,
        symbol="BTC/USD",
        status=PositionStatus.OPEN,
        opened_at=NOW - timedelta(hours=2, minutes=14),
        decision_id=f"d-{id}",
        candle_at=NOW - timedelta(hours=3),
        entry_quantity=d(quantity),
        entry_notional=d(quantity) * d(entry),
        net_quantity=d(quantity),
        quantity=d(quantity),
        cost=d(quantity) * d(entry) * d("1.001"),
        stop_price=d(entry) * d("0.95"),
        stop_order_id=f"s-{id}",
        stop_confirmed=True,
        highest_close=d(entry),
        signals=(an_opinion(),),
        reasoning="technical_indicators BUY 82 × 30 → 82.0 ≥ 70, participation 100 %: buy",
    )
    return replace(standard, **changes)


def a_decision(action: str = "HOLD", outcome: str = "hold", score: object = 31, **changes: Any) -> Decision:
    vote = Vote(
        action=Direction(action),
        score=d(score),
        participation_pct=d(100),
        terms=(),
        text=f"technical_indicators {action} 31 × 30 → {score}, buys from 70, sells from −70",
    )
    standard = Decision(
        id="d1",
        at=NOW - timedelta(minutes=12),
        candle_at=NOW - timedelta(minutes=27),
        symbol="BTC/USD",
        action=Direction(action),
        score=d(score),
        participation_pct=d(100),
        price=d("64700"),
        outcome=Outcome(outcome),
        reason="",
        vote=vote,
        shown=Shown(timeframe="15m", first_at=NOW, last_at=NOW, count=500, sha256="ab" * 32),
        signals=(an_opinion(action=action, confidence=31),),
    )
    return replace(standard, **changes)


class FakeView:
    """app.ports.EngineView: set what it shows, then `tell`."""

    def __init__(self, *positions: Position, **status: Any) -> None:
        self.held = list(positions)
        self.fields = status
        self.decision: Decision | None = None
        self.callbacks: list[Callable[[], None]] = []

    def status(self) -> Status:
        return a_status(**{"open_positions": len(self.held), **self.fields})

    def positions(self) -> Sequence[Position]:
        return self.held

    def order(self, id: str) -> Order | None:
        return None

    def unrealized(self, position: Position) -> Decimal:
        return position.remaining * (self.status().price or d(0)) - position.cost

    def latest_decision(self) -> Decision | None:
        return self.decision

    def latest_signals(self) -> Sequence[Signal]:
        return []

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)

    def tell(self, **status: Any) -> None:
        self.fields |= status
        for callback in list(self.callbacks):
            callback()


class FakeControl:
    """app.ports.Control that moves a FakeView and remembers who asked for what."""

    def __init__(self, view: FakeView, code: str = "") -> None:
        self._view, self._code = view, code
        self.asked: list[tuple[str, Who]] = []

    async def pause(self, who: Who) -> None:
        self.asked.append(("pause", who))
        self._view.tell(state="PAUSED", reason="manual")

    async def resume(self, who: Who) -> None:
        self.asked.append(("resume", who))
        if self._code and who.otp != self._code:
            raise NotAuthorized("a fresh code is needed")
        if self._view.status().reason == "daily_loss":
            raise Conflict("daily loss holds: it lifts at 00:00 UTC")
        self._view.tell(state="TRADING", reason=None)

    async def close(self, who: Who, position_id: str) -> str:
        self.asked.append((f"close {position_id}", who))
        for at, position in enumerate(self._view.held):
            if position.id == position_id:
                self._view.held[at] = replace(position, status=PositionStatus.CLOSING)
                self._view.tell()
                return f"c-{position_id}"
        raise KeyError(position_id)

    async def close_all(self, who: Who) -> Sequence[str]:
        self.asked.append(("close-all", who))
        return [position.id for position in self._view.held]


class ListReader:
    """app.ports.Reader over lists of rows."""

    def __init__(self, **rows: list[Row]) -> None:
        self.rows = rows
        self.filters: list[tuple[str, dict[str, Any]]] = []

    async def list(self, kind: str, limit: int, offset: int, **filters: Any) -> tuple[list[Row], int]:
        self.filters.append((kind, filters))
        rows = self.rows.get(kind, [])
        return rows[offset : offset + limit], len(rows)

    async def one(self, kind: str, id: str) -> Row | None:
        return next((row for row in self.rows.get(kind, []) if row["id"] == id), None)

    async def trades(self) -> AsyncIterator[Row]:
        for row in self.rows.get("trades", []):
            yield row
