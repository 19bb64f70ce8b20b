"""A small trader for pages and the API: fakes of the engine's face, the control door, the reader and the users' store.

`Desk` holds them all, says what changed, and gives the `Doors` that components are built with.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from app.backtest_ports import Busy
from app.channels import ChannelState
from app.checklist import Checklist, Item, Verdict
from app.core.alerts import KINDS, AlertEvent, AlertLevel
from app.core.decisions import Decision, Outcome, Vote, VoteTerm
from app.core.errors import ConfigError, NotAuthorized, SecondFactorNeeded, StoreError
from app.core.model import Direction, Order, Position, PositionStatus, Signal, SignalStatus
from app.core.rules import VotingRules
from app.faces import LimitsFace, VoteFace, Wish
from app.notices import Told
from app.ports import Conflict, Row, Status, Who
from app.push import Device, Subscription
from app.seam import Clock, Tasks
from app.strategy_files import Unfit
from components.doors import Doors
from services.auth import Auth, LoginSession, Passwords, ReadToken, User
from services.notifications.push import WebPush
from tests.builders import a_signal, d, shown

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
PASSWORD = "four random words here"
KEY = b"k" * 32
QUICK = Passwords(memory_kib=8, passes=1)


class HandClock(Clock):
    """Time that a test moves by hand; sleeping really yields, so that loops go on."""

    def __init__(self) -> None:
        self.at = NOW
        self.seconds = 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def forward(self, **how_long: float) -> None:
        step = timedelta(**how_long)
        self.at += step
        self.seconds += step.total_seconds()


class MemoryUsers:
    """services.auth.Store in three dicts."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.sessions: dict[str, LoginSession] = {}
        self.tokens: dict[str, ReadToken] = {}
        self.full = False  # as a disk is

    def get_user(self, username: str) -> User | None:
        return self.users.get(username)

    def has_users(self) -> bool:
        return bool(self.users)

    def save_user(self, user: User) -> None:
        self.users[user.username] = user

    def change_user(self, username: str, change: Callable[[User], User | None]) -> User | None:
        changed = change(self.users[username]) if username in self.users else None
        if changed is not None:
            self.users[username] = changed
        return changed

    def names(self) -> Sequence[str]:
        return sorted(self.users)

    def create_session(self, session: LoginSession) -> None:
        if self.full:
            raise StoreError("the database cannot be written: database or disk is full")
        self.sessions[session.id] = session

    def get_session(self, id: str) -> LoginSession | None:
        return self.sessions.get(id)

    def sessions_of(self, username: str) -> Sequence[LoginSession]:
        mine = [each for each in self.sessions.values() if each.username == username]
        return sorted(mine, key=lambda each: each.created_at)

    def delete_session(self, id: str) -> None:
        self.sessions.pop(id, None)

    def delete_sessions(self, username: str) -> None:
        self.sessions = {id: each for id, each in self.sessions.items() if each.username != username}

    def delete_expired(self, now: datetime) -> None:
        self.sessions = {id: each for id, each in self.sessions.items() if each.expires_at > now}

    def add_token(self, token: ReadToken) -> None:
        self.tokens[token.id] = token

    def find_token(self, sha256: str) -> ReadToken | None:
        return next((each for each in self.tokens.values() if each.sha256 == sha256), None)

    def tokens_of(self, username: str) -> Sequence[ReadToken]:
        return [each for each in self.tokens.values() if each.username == username]

    def token_used(self, id: str, at: datetime) -> None:
        if self.full:
            raise StoreError("the database cannot be written: database or disk is full")
        self.tokens[id] = replace(self.tokens[id], used_at=at)

    def delete_token(self, username: str, id: str) -> bool:
        mine = id in self.tokens and self.tokens[id].username == username
        if mine:
            del self.tokens[id]
        return mine

    def delete_tokens(self, username: str) -> None:
        self.tokens = {id: each for id, each in self.tokens.items() if each.username != username}


class PlainSeals:
    """services.auth.Seals without a key: what is sealed carries its name in clear."""

    def seal(self, name: str, text: str) -> str:
        return f"sealed:plain:{name}:{text}"

    def open(self, name: str, text: str, place: str = "", again: str = "") -> str:
        start = f"sealed:plain:{name}:"
        if not text.startswith(start):
            raise ConfigError(f"{place}: {name} was sealed under another name; {again}")
        return text.removeprefix(start)


@dataclass
class AuditTrail:
    lines: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, **line: str) -> None:
        self.lines.append(line)


class MemoryAnswers:
    """components.doors.Answers in a dict."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[datetime, tuple[str, int, str]]] = {}

    def recall(self, username: str, key: str, since: datetime) -> tuple[str, int, str] | None:
        at, answer = self._kept.get((username, key), (None, None))
        return answer if at is not None and at >= since else None

    def remember(self, username: str, key: str, body_sha256: str, status: int, answer: str, now: datetime) -> None:
        self._kept[username, key] = now, (body_sha256, status, answer)


def a_status(**changes: Any) -> Status:
    standard = Status(
        mode="paper",
        market="simulated",
        symbol="BTC/USD",
        ledger="paper-simulated-1",
        state="TRADING",
        reason=None,
        resumes_at=None,
        price=d("64250.5"),
        price_at=NOW,
        market_at=NOW,
        connected=True,
        equity=d("10128.40"),
        cash=d("8150.25"),
        day_pnl=d("42.18"),
        day_pnl_pct=d("0.42"),
        total_pnl=d("128.4"),
        total_pnl_pct=d("1.284"),
        open_positions=0,
        trades_today=3,
        protected_pct=d(100),
        max_loss_if_server_dies=d(0),
        two_factor=False,
        version="0.1.0",
    )
    return replace(standard, **changes)


def a_position(id: str = "p1", entry: str = "62900", quantity: str = "0.01538", **changes: Any) -> Position:
    """Bought two hours and a bit ago, its stop confirmed 2 % below."""
    amount, price = d(quantity), d(entry)
    standard = Position(
        id=id,
        symbol="BTC/USD",
        status=PositionStatus.OPEN,
        opened_at=NOW - timedelta(hours=2, minutes=14),
        decision_id=f"decision-of-{id}",
        candle_at=NOW - timedelta(hours=2, minutes=30),
        entry_quantity=amount,
        entry_notional=amount * price,
        net_quantity=amount,
        quantity=amount,
        cost=amount * price * d("1.001"),
        stop_price=price * d("0.98"),
        stop_order_id=f"stop-of-{id}",
        stop_confirmed=True,
        highest_close=price * d("1.012"),
        signals=(
            a_signal("BUY", 78, at=NOW, reasoning="RSI 29 is oversold and the price crossed above EMA 20"),
            a_signal("BUY", 64, strategy="news_sentiment", reads_text=True, reasoning="Inflows into funds for a week"),
        ),
        reasoning="technical BUY 78 × 30, news_sentiment BUY 64 × 20 → 72.4 ≥ 60, participation 83 %: buy",
    )
    return replace(standard, **changes)


def a_decision(action: str = "HOLD", score: str = "31.2", **changes: Any) -> Decision:
    signals = (
        a_signal("BUY", 52, reasoning="RSI 44, buys below 30; MACD is turning up"),
        a_signal("HOLD", 0, strategy="deepseek", status=SignalStatus.NOT_CONFIGURED, reasoning="no key is set"),
    )
    text = "technical BUY 52 × 30, deepseek not_configured (counts as HOLD × 50) → 31.2, buys from 60, sells from −60"
    terms = (
        VoteTerm(strategy="technical", status=SignalStatus.OK, weight=d(30), confidence=d(52), sign=1, product=d(1560)),
    )
    standard = Decision(
        id="d1",
        at=NOW - timedelta(minutes=3),
        candle_at=NOW - timedelta(minutes=18),
        symbol="BTC/USD",
        action=Direction(action),
        score=d(score),
        participation_pct=d("37.5"),
        price=d(64000),
        outcome=Outcome.HOLD,
        reason="31.2, buys from 60",
        vote=Vote(action=Direction(action), score=d(score), participation_pct=d("37.5"), terms=terms, text=text),
        shown=shown(NOW - timedelta(minutes=18)),
        signals=signals,
        buy_threshold=d(60),
    )
    return replace(standard, **changes)


def an_alert_row(id: int = 1, event: str = "entry_fill", text: str = "0.0078 BTC at 64,250.50", **changes: Any) -> Row:
    """As the store's reader words it; a higher `id` is newer."""
    kind = KINDS[AlertEvent(event)]
    standard = {
        "id": str(id),
        "at": f"{NOW - timedelta(minutes=30 - id):%Y-%m-%dT%H:%M:%S.000Z}",
        "event": event,
        "level": kind.level.value,
        "title": kind.title,
        "text": text,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "over_at": None,
        "letters": [],
    }
    return {**standard, **changes}


def a_strategy_row(name: str = "technical_indicators", **changes: Any) -> Row:
    """On, with weight 30, as it came with the program."""
    standard = {
        "name": name,
        "title": name.replace("_", " "),
        "enabled": True,
        "configured": True,
        "offered": False,
        "weight": d(30),
        "reads_text": False,
        "ask": "candle",
        "sha256": "ab" * 32,
        "enabled_sha256": "ab" * 32,
        "status": "running",
        "error": None,
        "performance": {},
    }
    return {**standard, **changes}


class FakeView:
    """app.ports.EngineView whose figures a test sets; `changed()` tells the pages."""

    def __init__(self) -> None:
        self.now = a_status()
        self.held: list[Position] = []
        self.decision: Decision | None = None
        self.callbacks: list[Callable[[], None]] = []
        self.strategy_rows: list[Row] = []
        self.limits_now = LimitsFace(keys=(), values={})
        self.vote_now = VoteFace(keys=(), rules=VotingRules())

    def status(self) -> Status:
        return replace(self.now, open_positions=len(self.held))

    def positions(self) -> Sequence[Position]:
        return list(self.held)

    def order(self, id: str) -> Order | None:
        return None

    def unrealized(self, position: Position) -> Decimal:
        price = self.now.price or d(0)
        return position.remaining * price - position.cost * position.remaining / position.quantity

    def latest_decision(self) -> Decision | None:
        return self.decision

    def latest_signals(self) -> Sequence[Signal]:
        return self.decision.signals if self.decision else ()

    def strategies(self) -> Sequence[Row]:
        return self.strategy_rows

    def limits(self) -> LimitsFace:
        return self.limits_now

    def vote(self) -> VoteFace:
        return self.vote_now

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)

    def set(self, **changes: Any) -> None:
        self.now = replace(self.now, **changes)
        self.changed()

    def changed(self) -> None:
        for callback in list(self.callbacks):
            callback()


class FakeControl:
    """app.ports.Control that changes the fake view and writes down who ordered what."""

    def __init__(self, view: FakeView) -> None:
        self._view = view
        self.orders: list[tuple[str, str, str]] = []
        self.refusal = ""
        self.busy: Busy | None = None
        self.code = ""  # the second factor's one good code, where one is enrolled
        self.acknowledged: Callable[[Sequence[int] | None], None] = lambda _: None

    async def pause(self, who: Who) -> None:
        self.orders.append(("pause", who.username, ""))
        self._view.set(state="PAUSED", reason="manual")

    async def resume(self, who: Who) -> None:
        if self.code and who.otp != self.code:
            raise SecondFactorNeeded("a fresh code of your second factor is needed")
        if self.refusal:
            raise Conflict(self.refusal)
        self.orders.append(("resume", who.username, ""))
        self._view.set(state="TRADING", reason=None)

    async def close(self, who: Who, position_id: str) -> str:
        for at, position in enumerate(self._view.held):
            if position.id == position_id:
                self.orders.append(("close", who.username, position_id))
                self._view.held[at] = replace(
                    position,
                    status=PositionStatus.CLOSING,
                    close_command_id=position.close_command_id or f"c-{position_id}",
                )
                self._view.changed()
                return self._view.held[at].close_command_id
        raise KeyError(position_id)

    async def change_strategy(
        self,
        who: Who,
        name: str,
        *,
        enabled: bool | None = None,
        weight: Decimal | None = None,
        sha256: str | None = None,
    ) -> None:
        self._check(who)
        if enabled is None and weight is None:
            raise Unfit("enabled, weight: give at least one of them")
        row = next(row for row in self._view.strategy_rows if row["name"] == name)
        row.update({"enabled": row["enabled"] if enabled is None else enabled, "weight": weight or row["weight"]})
        self.orders.append(("change_strategy", who.username, f"{name} {enabled} {weight} {sha256}"))

    def _check(self, who: Who) -> None:
        if self.code and who.otp != self.code:
            raise SecondFactorNeeded("a fresh code of your second factor is needed")
        if self.refusal:
            raise Conflict(self.refusal)

    async def change_votes(self, who: Who, wishes: Sequence[Wish], thresholds: Mapping[str, object]) -> None:
        self._check(who)
        for wish in wishes:
            await self.change_strategy(who, wish.name, enabled=wish.enabled, weight=wish.weight, sha256=wish.sha256)
        if thresholds:
            self.orders.append(("change_thresholds", who.username, str(dict(thresholds))))

    async def change_limits(self, who: Who, wanted: Mapping[str, object]) -> None:
        self._check(who)
        self.orders.append(("change_limits", who.username, str(dict(wanted))))

    async def test_channel(self, who: Who, name: str) -> ChannelState:
        state = next((each for each in self._view.now.channels if each.name == name), None)
        if state is None:
            raise KeyError(name)
        if self.busy is not None:
            raise self.busy
        self.orders.append(("test_channel", who.username, name))
        return state

    async def take_back(self, who: Who, change_id: str) -> None:
        if all(each.id != change_id for each in self._view.limits_now.pending):
            raise KeyError(change_id)
        self.orders.append(("take_back", who.username, change_id))

    async def unlock(self, who: Who, password: str, phrase: str) -> None:
        if self.refusal:
            raise Conflict(self.refusal)
        if (password, phrase) != (PASSWORD, "UNLOCK TRADING") or (self.code and who.otp != self.code):
            raise NotAuthorized("the password is not right")
        self.orders.append(("unlock", who.username, ""))
        self._view.set(state="TRADING", reason=None)

    async def acknowledge(self, who: Who, ids: Sequence[int] | None) -> int:
        self.orders.append(("acknowledge", who.username, "all" if ids is None else " ".join(map(str, ids))))
        self.acknowledged(ids)
        left = [told for told in self._view.now.unseen_alerts if ids is not None and told.id not in ids]
        self._view.set(unseen_alerts=tuple(left))
        return 1

    async def close_all(self, who: Who) -> Sequence[str]:
        ids = [position.id for position in self._view.held]
        for id in ids:
            await self.close(who, id)
        return ids


def a_checklist(*, passed: bool = False) -> Checklist:
    factor = Item(name="second factor", verdict=Verdict.PASSED, seen="enrolled: admin")
    if not passed:
        cure = "run: main.py user totp"
        factor = Item(name="second factor", verdict=Verdict.FAILED, seen="admin has none", cure=cure)
    return Checklist(at=NOW, items=(Item(name="key", verdict=Verdict.PASSED, seen="is taken, and may trade"), factor))


class FakeLooked:
    """components.doors.Looked in a dict: how many alerts there were when each person last looked."""

    def __init__(self, reader: "FakeReader") -> None:
        self._reader = reader
        self.seen: dict[str, int] = {}

    def unread(self, username: str) -> int:
        return len(self._reader.rows.get("alerts", [])) - self.seen.get(username, 0)

    def look(self, username: str) -> None:
        self.seen[username] = len(self._reader.rows.get("alerts", []))


class MemoryDevices:
    """app.push.Devices in a dict."""

    def __init__(self) -> None:
        self.rows: dict[int, Device] = {}

    def all(self) -> Sequence[Device]:
        return list(self.rows.values())

    def put(self, username: str, subscription: Subscription, agent: str, at: datetime) -> Device:
        same = next((each for each in self.rows.values() if each.subscription.endpoint == subscription.endpoint), None)
        id = same.id if same else len(self.rows) + 1
        self.rows[id] = Device(id=id, username=username, subscription=subscription, agent=agent, created_at=at)
        return self.rows[id]

    def remove(self, id: int) -> None:
        self.rows.pop(id, None)

    def note(self, id: int, sent_at: datetime | None, error: str) -> None:
        self.rows[id] = replace(self.rows[id], sent_at=sent_at or self.rows[id].sent_at, error=error)


class FakeReader:
    """app.ports.Reader over plain lists, which remembers what it was asked."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = {}
        self.decided: list[Decision] = []
        self.asked: list[tuple[str, int, int, dict[str, Any]]] = []
        self.failing: Exception | None = None

    async def list(self, kind: str, limit: int, offset: int, **filters: Any) -> tuple[list[Row], int]:
        if self.failing:
            raise self.failing
        self.asked.append((kind, limit, offset, filters))
        rows = self.rows.get(kind, [])
        return rows[offset : offset + limit], len(rows)

    async def one(self, kind: str, id: str) -> Row | None:
        if self.failing:
            raise self.failing
        return next((row for row in self.rows.get(kind, []) if row["id"] == id), None)

    async def trades(self) -> AsyncIterator[Row]:
        for row in reversed(self.rows.get("trades", [])):
            yield row

    async def decision(self, id: str) -> Decision | None:
        return next((decision for decision in self.decided if decision.id == id), None)

    async def sums(self, since: datetime | None = None) -> Row:
        results = [Decimal(row["profit_loss"]) for row in self.rows.get("trades", [])]
        return {
            "trades": len(results),
            "won": sum(result > 0 for result in results),
            "profit_loss": str(sum(results, Decimal(0))),
            "fees": str(sum((Decimal(row["fees"]) for row in self.rows.get("trades", [])), Decimal(0))),
            "best": str(max(results)) if results else None,
            "worst": str(min(results)) if results else None,
        }

    async def curve(self, since: datetime | None = None, points: int = 300) -> Sequence[Row]:
        return list(reversed(self.rows.get("equity", [])))[-points:]


class Desk:
    """Everything a page needs, all of it fake but for sign-in, which is the real one over a store in memory."""

    def __init__(self, clock: Clock | None = None, *, factor_stays: bool = False) -> None:
        self.clock = clock or HandClock()
        self.factor_stays = factor_stays
        self.tasks = Tasks()
        self.view = FakeView()
        self.control = FakeControl(self.view)
        self.control.acknowledged = self._seen
        self.reader = FakeReader()
        self.looked = FakeLooked(self.reader)
        self.users = MemoryUsers()
        self.audit = AuditTrail()
        self.seals = PlainSeals()
        self.health = "ok"
        self.quick = QUICK
        self.look: Row | None = None  # what a look at the insights gives
        self.auth = self.fresh_auth()

    def fresh_auth(self) -> Auth:
        """Sign-in as it is after a restart."""
        return Auth(
            self.users,
            key=KEY,
            seals=self.seals,
            record=self.audit,
            clock=self.clock,
            tasks=self.tasks,
            passwords=self.quick,
            factor_stays=self.factor_stays,
        )

    def doors(self, **changes: Any) -> Doors:
        standard = Doors(
            view=self.view,
            control=self.control,
            reader=self.reader,
            auth=self.auth,
            answers=MemoryAnswers(),
            clock=self.clock,
            tasks=self.tasks,
            health=lambda: self.health,  # type: ignore[arg-type,return-value]
            insights=self.insights,
            looked=self.looked,
        )
        return replace(standard, **changes)

    def a_push(self, *hosts: str, devices: MemoryDevices | None = None) -> WebPush:
        """Real, over devices in memory, to a push service on this machine."""
        private = ec.generate_private_key(ec.SECP256R1())
        return WebPush(
            devices or MemoryDevices(),
            key=lambda: private,
            subject="mailto:me@example.org",
            hosts=hosts,
            record=self.audit,
            clock=self.clock,
            tasks=self.tasks,
        )

    def tell(self, event: str, text: str = "something") -> None:
        """People are told, as the notifier shows it to the pages."""
        rows = self.reader.rows.setdefault("alerts", [])
        rows.insert(0, an_alert_row(len(rows) + 1, event, text))
        told = Told(id=len(rows), event=AlertEvent(event), text=text, at=NOW)
        grave = (told,) if KINDS[told.event].level is AlertLevel.CRITICAL else ()
        self.view.set(latest_alert=str(told.id), unseen_alerts=(*grave, *self.view.now.unseen_alerts))

    def _seen(self, ids: Sequence[int] | None) -> None:
        for row in self.reader.rows.get("alerts", []):
            if ids is None or int(row["id"]) in ids:
                row.update(acknowledged_at=row["at"], acknowledged_by="admin")

    async def insights(self) -> Row:
        if self.look is not None:
            return self.look
        return {"at": NOW, "price": Decimal("50000.5"), "vote": {"score": Decimal("61.5")}, "signals": []}

    def position_row(self, position: Position) -> Row:
        """As the store's reader words it."""
        return {"id": position.id, "symbol": position.symbol, "status": position.status.value, "quantity": "0.01538"}
