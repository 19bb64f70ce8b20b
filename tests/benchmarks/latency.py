"""How long until an order leaves, and until a person sees what happened."""

import asyncio
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from app.core.messages import PlaceOrder
from app.core.model import Candle, MarketData, OrderReport
from app.core.rules import EntryRules, RiskLimits, Rules, StrategyRule, Tripwires, VotingRules
from app.notices import CHANNELS, AlertRules, Loud, Sender
from app.notifier import Notifier
from app.seam import Clock, Tasks
from backtest.paper import PaperExchange
from services.database import DatabaseJournal, DatabaseOutbox, DatabasePaperStore, Ledgers, open_database
from services.notifications.email import Email
from services.settings import Secret
from tests.benchmarks.rows import Row, percentile
from tests.builders import NOON
from tests.fakes import Answer, ScriptedStrategies
from tests.trading_day import Day, random_candles

# In and out with every candle, with nothing that would stop it.
RULES = Rules(
    risk=RiskLimits(
        entry=EntryRules(cooldown_candles=0, max_entries_per_day=None),
        trailing=None,
        daily_loss_limit_pct=None,
        kill_switch_loss_pct=None,
        tripwires=Tripwires(
            orders_per_minute=None,
            orders_per_hour=None,
            notional_per_day_pct=None,
            trade_loss_pct=None,
            stop_outs_in_a_row=None,
            rejects_in_10_minutes=None,
        ),
    ),
    voting=VotingRules(timeframe="1m", strategies=(StrategyRule(name="technical", enabled=True, weight=Decimal(30)),)),
)


def flip(data: MarketData) -> Answer:
    buy = data.candles[-1].opened_at.minute % 3 == 0
    return ("BUY", Decimal(90), "now") if buy else ("SELL", Decimal(90), "out")


async def decision_to_order(candles: int = 1200) -> list[Row]:
    """From the last candle of a cycle going in, to the entry at the exchange's door, its intent committed (SQLite)."""
    minutes = random_candles(5, candles)
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/trader.db")
        ledger = Ledgers(database, min).open("paper", "bench", "BTC/USD", NOON)
        journal = DatabaseJournal(database, ledger.name, "bench")
        day = Day(
            RULES,
            minutes[:40],
            minutes[40:],
            strategies=ScriptedStrategies(flip),
            journal=journal,  # type: ignore[arg-type]
            store=DatabasePaperStore(database, ledger.name),  # type: ignore[arg-type]
        )
        pairs = await _timed(day)
        journal.close()
        database.close()
    if len(pairs) < 200:
        raise RuntimeError(f"only {len(pairs)} entries: nothing was measured")
    how = f"{len(pairs)} entries, SQLite with synchronous=FULL"
    what = "decision: candle in → order at the exchange port"
    return [
        Row(
            what="decision: candle in → order at the exchange port, p50",
            value=percentile(pairs, 0.5),
            unit="ms",
            how=how,
        ),
        Row(
            what=f"{what}, p99",
            value=percentile(pairs, 0.99),
            unit="ms",
            target=20,
            how=how,
        ),
    ]


async def closing_while_mail_is_down(candles: int = 900) -> list[Row]:
    """From a candle going in to the sale at the exchange's door: with no channel, and with a mail server that hangs.

    Every trade is told by mail, so that the outbox is written to and tried all the while.
    """
    alone, beside = await _closing(candles, notifying=False), await _closing(candles, notifying=True)
    rows = []
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        without, with_mail = percentile(alone, share), percentile(beside, share)
        how = f"{len(beside)} sales; {without:.2f} ms with no channel in the same run"
        what = f"closing while the mail server hangs: candle in → sale, {name}"
        rows.append(Row(what=what, value=with_mail, unit="ms", target=20 if share > 0.9 else None, how=how))
    return rows


async def _closing(candles: int, *, notifying: bool) -> list[float]:
    minutes = random_candles(5, candles)
    with tempfile.TemporaryDirectory() as folder, _hanging_server() as port:
        database = open_database(f"sqlite:///{folder}/trader.db")
        ledger = Ledgers(database, min).open("paper", "bench", "BTC/USD", NOON)
        journal = DatabaseJournal(database, ledger.name, "bench")
        day = Day(
            RULES,
            minutes[:40],
            minutes[40:],
            strategies=ScriptedStrategies(flip),
            journal=journal,  # type: ignore[arg-type]
            store=DatabasePaperStore(database, ledger.name),  # type: ignore[arg-type]
        )
        tasks = Tasks()
        everything = dict.fromkeys(CHANNELS, Loud.ON)
        notifier = Notifier(
            outbox=DatabaseOutbox(database, ledger.name),
            channels=[Email(Secret(f"smtp://127.0.0.1:{port}"), None, ["me@example.org"])],
            rules=AlertRules(levels=dict.fromkeys(("critical", "warning", "info"), everything)),
            sender=Sender(label="BENCH", about="bench", link=None, clean=str),
            lasting=frozenset,
            tell=lambda event, text: None,
            quiet=lambda: day.session.quiet(),  # noqa: PLW0108  # made when the day starts
            clock=Eager(),
            tasks=tasks,
        )
        post = asyncio.create_task(_beside(day, notifier)) if notifying else None
        taken = await _timed(day, role="exit")
        if post is not None:
            post.cancel()
            await asyncio.gather(post, return_exceptions=True)
            await tasks.stop()
        journal.close()
        database.close()
    return taken


async def _beside(day: Day, notifier: Notifier) -> None:
    while not hasattr(day, "session"):
        await asyncio.sleep(0)
    await notifier.run()


class Eager(Clock):
    """The notifier looks twenty times as often as it does in life, so that a bench of seconds meets it often."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 20)


@contextmanager
def _hanging_server() -> Iterator[int]:
    """Takes connections and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(100)
        yield int(server.getsockname()[1])


async def _timed(day: Day, role: str = "entry") -> list[float]:
    """Milliseconds from a candle's post to the order of this role that it led to."""
    from tests import trading_day

    newest = [0.0]
    taken: list[float] = []

    class Timed(PaperExchange):
        async def place(self, order: PlaceOrder) -> OrderReport:
            if order.role == role:
                taken.append((time.perf_counter() - newest[0]) * 1000)
            return await super().place(order)

    class Noting(trading_day.CandleMarket):
        async def run(self, inbox: object) -> None:
            post = inbox.post  # type: ignore[attr-defined]

            def noted(event: object) -> None:
                if isinstance(getattr(event, "candle", None), Candle):
                    newest[0] = time.perf_counter()
                post(event)

            inbox.post = noted  # type: ignore[attr-defined]
            await super().run(inbox)  # type: ignore[arg-type]

    day.exchange = Timed
    market = trading_day.CandleMarket
    trading_day.CandleMarket = Noting  # type: ignore[misc]
    try:
        await day.run()
    finally:
        trading_day.CandleMarket = market  # type: ignore[misc]
    return taken


WATCH = """() => { window.seen = []; new MutationObserver(() => {
  const text = document.querySelector('.price').innerText;
  window.seen.push([performance.timeOrigin + performance.now(), text]);
}).observe(document.querySelector('.price'), {childList: true, characterData: true, subtree: true}); }"""


async def event_to_text(changes: int = 150) -> list[Row]:
    """From the event in the trader's process to the text in a real Chromium, on loopback."""
    from tests.e2e.test_dashboard_browser import CHROMIUM, QUIET, running
    from tests.fakes_ui import PASSWORD

    if not Path(CHROMIUM).exists():
        print("event → text: Chromium is not installed, not measured", flush=True)
        return []
    from playwright.async_api import async_playwright

    async with running("positions") as app, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        await page.goto(f"{app.url}/login")
        await page.fill("input[name=username]", "admin")
        await page.fill("input[name=password]", PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_selector(".price")
        await page.wait_for_function("window.socket && window.socket.connected")
        await page.evaluate(WATCH)
        sent: dict[str, float] = {}
        for number in range(changes):
            sent[f"{60000 + number:,}.37"] = time.time() * 1000
            await app.tell(f"price {60000 + number}.37")
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        seen = await page.evaluate("() => window.seen")
        await browser.close()
    found: dict[str, float] = {}
    for at, text in seen:
        found.setdefault(text.strip().lstrip("$"), at)
    taken = [found[text] - at for text, at in sent.items() if text in found]
    if len(taken) < changes * 0.9:
        raise RuntimeError(f"only {len(taken)} of {changes} changes were seen in the browser")
    how = f"{len(taken)} changes, Chromium at 390 px, loopback"
    return [
        Row(what="event → text in the browser, p50", value=percentile(taken, 0.5), unit="ms", how=how),
        Row(what="event → text in the browser, p99", value=percentile(taken, 0.99), unit="ms", target=100, how=how),
    ]
