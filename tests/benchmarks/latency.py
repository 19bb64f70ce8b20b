"""How long until an order leaves, and until a person sees what happened."""

import asyncio
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from app.core.messages import PlaceOrder
from app.core.model import Candle, MarketData, OrderReport
from app.core.rules import EntryRules, RiskLimits, Rules, StrategyRule, Tripwires, VotingRules
from backtest.paper import PaperExchange
from services.database import DatabaseJournal, DatabasePaperStore, Ledgers, open_database
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


async def _timed(day: Day) -> list[float]:
    """Milliseconds from a candle's post to the entry that it led to."""
    from tests import trading_day

    newest = [0.0]
    taken: list[float] = []

    class Timed(PaperExchange):
        async def place(self, order: PlaceOrder) -> OrderReport:
            if order.role == "entry":
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
