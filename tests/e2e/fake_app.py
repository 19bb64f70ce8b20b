"""The real dashboard on a fake trader, to be looked at in a real browser: `python -m tests.e2e.fake_app PORT SCENE`.

Scenes: `positions`, `full` (six weeks on paper, every tab filled), `live` (the same with real money), `empty`,
`paused`, `alarm`, `alerts`, `thousands` (of trades), `insights`, `insights-fresh`, `settings`, `controls`, `api` (one
of everything), `hostile` (every text an attack) or `first` (the random first password); the host of a push service may
follow. Driven over stdin, one command a line: `price 64000.12`, `later 90` (seconds), `tell kill_switch down` (an alert
and its words), `orders`, `end-session`; each is answered on stdout once it is done.
"""

import asyncio
import atexit
import sys
import tempfile
from datetime import timedelta
from decimal import Decimal
from typing import Any

from nicegui import app as web
from nicegui import ui

from app.channels import ChannelState
from app.core.alerts import AlertEvent
from app.core.model import Candle, PositionStatus, SignalStatus
from app.notices import Told
from app.seam import Clock
from components.page import RUN, build, proxies
from services.database import Audit, DatabaseJournal, DatabaseReader, Ledgers, open_database
from tests.builders import NOON, a_signal, d
from tests.fakes_ui import NOW, PASSWORD, Desk, a_decision, a_position, a_strategy_row
from tests.hostile_texts import fill_with_hostile_texts
from tests.integration.store_cases import a_whole_trade
from tests.integration.test_store_reading import fill_the_store
from tests.ui_backtests import FakeBacktests, FakeCandles, a_look_around, a_result, a_run, a_search
from tests.ui_controls import FakeWhatIf, vital_signs, with_controls
from tests.ui_history import fill_history
from tests.ui_insights import set_fresh, set_insights, some_candles
from tests.ui_settings import FakeSettings, with_settings
from tests.ui_weeks import backtests, healthy, set_weeks
from tests.ui_weeks_market import candles as weeks_of_candles

WEEKS = ("full", "live")


class RealClock(Clock):
    """Sessions and sweeps in real time; a test may say that more has passed."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


def set_scene(desk: Desk, scene: str) -> None:
    view = desk.view
    view.decision = a_decision()
    if scene == "thousands":
        a_full_store(desk)
    elif scene != "empty":
        fill_history(desk)
    if scene == "positions":
        view.held = [
            a_position("p1", "62900", "0.01538"),
            a_position(
                "p2",
                "65120.40",
                "0.00771",
                opened_at=NOW - timedelta(days=1, hours=3),
                stop_price=d("61864.38"),
            ),
            a_position(
                "p3",
                "61050",
                "0.00819",
                stop_price=d("63012.75"),
                trailing_active=True,
                highest_close=d("64961.60"),
                opened_at=NOW - timedelta(minutes=48),
            ),
            a_position("p4", "64400", "0.0078", status=PositionStatus.CLOSING, stop_confirmed=False),
        ]
        view.now = view.now.__class__(**{**_fields(view.now), "max_loss_if_server_dies": d("140.2")})
    if scene == "alerts":
        for _ in range(15):
            desk.tell("entry_fill", "0.00780 BTC at $64,250.50; stop at $61,038.00")
            desk.tell("exit_fill", "0.00780 BTC at $65,101.20: +$6.41 (+1.28 %), trailing stop")
        desk.tell("stop_missing", "position p1 has had no certain stop for 30 s")
        desk.reader.rows["alerts"][0]["over_at"] = desk.reader.rows["alerts"][0]["at"]
        desk.view.set(unseen_alerts=())
        desk.tell("daily_loss", "down 15.2 % today, limit 15 %")
        desk.tell("strategy", "custom_strategy.py has changed; the approved version goes on voting")
        desk.tell("external_change", "bitcoin 0.0102 are there, 0.0180 should be")
    if scene == "controls":
        with_controls(desk)
    if scene == "alarm":
        told = Told(id=7, event=AlertEvent.KILL_SWITCH, text="down 50.12 % in all, limit 50 %", at=NOW)
        other = Told(id=6, event=AlertEvent.STOP_MISSING, text="position p1 has had no certain stop for 30 s", at=NOW)
        error = "mail.example.org:587 answers 535 authentication failed"
        view.set(
            unseen_alerts=(told, other),
            channels=(
                ChannelState(name="email", status="revoked", error=error),
                ChannelState(name="sms-1", status="ok"),
            ),
            state="STOPPED",
            reason="kill_switch",
        )
    if scene == "api":
        an_api_to_try(desk)
    if scene == "hostile":
        fill_with_hostile_texts(desk)
    if scene.startswith("insights"):
        set_fresh(desk) if scene == "insights-fresh" else set_insights(desk)
    if scene == "paused":
        view.now = view.now.__class__(
            **{
                **_fields(view.now),
                "state": "PAUSED",
                "reason": "daily_loss",
                "resumes_at": (NOW + timedelta(days=1)).replace(hour=0),
                "equity": d("8420.11"),
                "day_pnl": d("-1500.3"),
                "day_pnl_pct": d("-15.12"),
                "total_pnl": d("-1579.89"),
                "total_pnl_pct": d("-15.8"),
                "mode": "live",
                "market": "binanceus",
            }
        )
        view.decision = a_decision(
            signals=(
                a_signal("HOLD", 0, strategy="deepseek", status=SignalStatus.FAILED, reasoning="timed out after 20 s"),
            )
        )


def an_api_to_try(desk: Desk) -> None:
    """One of everything, in a real store; every trader's row in the words of the program."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    database = open_database(f"sqlite:///{folder.name}/trader.db")
    ledger = Ledgers(database, min).open("paper", "simulated", "BTC/USD", NOON).name
    journal = DatabaseJournal(database, ledger, "1.0")
    journal.commit(a_whole_trade()[1], [])
    atexit.register(journal.close)
    desk.control.acknowledged = lambda _: None  # its alerts are none of the fake reader's
    Audit(database).record(NOON, actor="admin", action="pause", target="", detail="", address="", result="ok")
    desk.reader = DatabaseReader(database, ledger, desk.tasks)  # type: ignore[assignment]
    desk.view.strategy_rows = [a_strategy_row()]
    desk.view.held = [a_position(f"p{at}") for at in range(4)]


def a_full_store(desk: Desk) -> None:
    """Ten thousand trades in a real store, which goes with the process."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    database = open_database(f"sqlite:///{folder.name}/trader.db")
    ledger = Ledgers(database, min).open("paper", "simulated", "BTC/USD", NOON).name
    fill_the_store(database, ledger)
    desk.reader = DatabaseReader(database, ledger, desk.tasks)  # type: ignore[assignment]


def _fields(status: object) -> dict[str, object]:
    return {name: getattr(status, name) for name in status.__slots__}  # type: ignore[attr-defined]


def pass_time(desk: Desk, clock: RealClock, seconds: float) -> None:
    clock.ahead += seconds
    desk.view.set(market_at=(desk.view.now.market_at or NOW) + timedelta(seconds=seconds))


async def listen(desk: Desk, clock: RealClock) -> None:
    """Do what the test says, then say that it is done."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode().split():
        if line[0] == "price":
            at = max(desk.view.now.market_at or NOW, desk.view.now.price_at or NOW)
            desk.view.set(price=Decimal(line[1]), price_at=at + timedelta(microseconds=1))  # each is a new one
        elif line[0] == "later":
            pass_time(desk, clock, float(line[1]))
        elif line[0] == "end-session":
            await desk.auth.end_all("admin")
        elif line[0] == "tell":
            desk.tell(line[1], " ".join(line[2:]))
        elif line[0] == "orders":
            print(desk.control.orders, flush=True)
            continue
        print("done", flush=True)


def main() -> None:
    port, (scene, _, push_host) = int(sys.argv[1]), sys.argv[2].partition(" ")
    clock = RealClock()
    desk = Desk(clock)
    if scene in WEEKS:
        set_weeks(desk, live=scene == "live")
    else:
        set_scene(desk, scene)

    async def start() -> None:
        first = await desk.auth.start("admin", None if scene == "first" else PASSWORD)
        print(f"ready {first or ''}", flush=True)
        desk.tasks.start(listen(desk, clock), "listening to the test")

    async def candles(timeframe: str | None, limit: int) -> list[Candle]:
        return weeks_of_candles(timeframe, limit) if scene in WEEKS else some_candles(timeframe, limit)

    changed = a_run("b2", result=a_result(4.02), changes={"buy_threshold": 55})
    some = (a_run("b3", "running", progress_pct=37.0), a_search(), a_look_around(), changed, a_run())
    runs = FakeBacktests(*(backtests() if scene in WEEKS else some))
    push = desk.a_push(push_host) if push_host else None
    more: dict[str, Any] = {}
    if scene in ("controls", *WEEKS):
        more = {"what_if": FakeWhatIf(), "vital_signs": vital_signs if scene == "controls" else healthy}
    settings = with_settings(desk) if scene == "settings" else FakeSettings()
    more |= {"settings": settings, "push": push}
    build(desk.doors(backtests=runs, data=FakeCandles("BTC/USD:1m"), candles=candles, **more))
    web.on_startup(start)
    ui.run(host="127.0.0.1", port=port, **RUN, **proxies(()))


if __name__ == "__main__":
    main()
