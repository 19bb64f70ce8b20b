"""A trader to look at on the Controls tab: strategies of every kind, limits, a vote, logs, health, channels."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from app.core.limits import named
from app.core.model import Signal, SignalStatus
from app.core.rules import RiskLimits, StrategyRule, VotingRules
from app.faces import Figures, LimitsFace, Proposal, VoteFace, Waits, WhatIf
from app.ports import Row
from app.seam import Tasks
from app.strategy_files import Unfit
from services.settings.limits import RiskFile, Thresholds
from tests.builders import a_signal, d
from tests.fakes_ui import NOW, Desk, a_strategy_row

MIDNIGHT = (NOW + timedelta(days=1)).replace(hour=0, minute=0)
WAITS = Waits(id="w1", name="position_size_pct", value="8", effective_at=MIDNIGHT)


def limits_of(risk: RiskLimits | None = None, *waiting: Waits, **used: object) -> LimitsFace:
    standard = {"exposure_pct": d("9.6"), "open_positions": 2, "entries_today": 3}
    standard |= {"day_loss_pct": d("1.25"), "total_loss_pct": d("2.5")}
    keys = tuple(RiskFile(Path("config"), Tasks()).keys)
    return LimitsFace(keys=keys, values=named(risk or RiskLimits()), pending=waiting, used=standard | used)


def a_vote(*signals: Signal) -> VoteFace:
    """DeepSeek fails, the others speak; `mine` is off."""
    rules = VotingRules(
        strategies=(
            StrategyRule(name="deepseek_analyzer", enabled=True, weight=d(50), reads_text=True),
            StrategyRule(name="technical_indicators", enabled=True, weight=d(30)),
            StrategyRule(name="news_analyzer", enabled=True, weight=d(20), reads_text=True),
            StrategyRule(name="mine", enabled=False, weight=d(0)),
        )
    )
    said = signals or (
        a_signal("HOLD", 0, strategy="deepseek_analyzer", status=SignalStatus.FAILED, at=NOW, reasoning="timed out"),
        a_signal("BUY", 90, strategy="technical_indicators", at=NOW),
        a_signal("BUY", 70, strategy="news_analyzer", at=NOW, reads_text=True),
    )
    keys = tuple(Thresholds().keys)
    return VoteFace(keys=keys, rules=rules, signals={signal.strategy: signal for signal in said}, at=NOW)


def a_log_row(id: str, level: str, message: str, **details: object) -> Row:
    at = NOW - timedelta(minutes=int(id))
    return {"id": id, "at": at.isoformat(), "level": level, "component": "session", "message": message,
            "details": details}  # fmt: skip


async def vital_signs() -> Row:
    def job(name: str, every: str, outcome: str = "ok", error: str | None = None) -> Row:
        last, soon = NOW - timedelta(seconds=20), NOW + timedelta(seconds=10)
        return {"name": name, "every": every, "last_at": last, "outcome": outcome, "error": error, "seconds": 0.01,
                "next_at": soon}  # fmt: skip

    return {
        "items": [
            {"name": "exchange", "status": "ok", "text": "the simulated market answers; books compared every 30 s"},
            {"name": "prices", "status": "ok", "text": "each closed candle as it comes"},
            {"name": "database", "status": "failed", "text": "does not answer: disk full"},
            {"name": "disk", "status": "warning", "text": "4.1 of 38.0 GB free (11 %)"},
            {"name": "backups", "status": "not_set_up", "text": "not set up: copy the data directory yourself"},
        ],
        "jobs": [
            job("reconcile", "every 30 s"),
            job("system log", "every 2 s", "failed", "StoreError: disk full"),
            {**job("daily reset hint", "daily at 00:00 UTC"), "last_at": None, "outcome": None},
        ],
        "memory_mb": 211.6,
        "version": "0.1.0",
        "started_at": NOW - timedelta(hours=2, minutes=5),
        "uptime_seconds": 7500,
    }


class FakeWhatIf:
    """app.faces.WhatIfs that a test takes to its end."""

    def __init__(self) -> None:
        self.found, self.refusal = WhatIf(), ""

    def look(self) -> WhatIf:
        return self.found

    async def start(self, username: str, proposal: Proposal) -> None:
        if self.refusal:
            raise Unfit(self.refusal)
        self.found = WhatIf(status="running", proposal=proposal, progress_pct=40.0)

    async def cancel(self) -> None:
        self.found = WhatIf()

    def finish(self) -> None:
        self.found = replace(
            self.found,
            status="done",
            since=NOW - timedelta(days=30),
            until=NOW,
            now=Figures(return_pct=-1.24, max_drawdown_pct=3.1, trades=12, worst_day_pct=-1.05),
            new=Figures(return_pct=0.61, max_drawdown_pct=1.9, trades=9, worst_day_pct=-0.6),
            note="BTC/USD:1m. Fees and slippage as in paper trading.",
        )


def with_controls(desk: Desk) -> Desk:
    view = desk.view
    record = {"date_from": "2026-02-08", "signals_generated": 212, "accuracy_pct": 57.1, "contribution_to_pnl": "84.20"}
    view.strategy_rows = [
        a_strategy_row(
            "deepseek_analyzer",
            title="DeepSeek",
            weight=d(50),
            reads_text=True,
            ask="cycle",
            status="failed",
            error="the answer did not come within 20 s",
        ),
        a_strategy_row(title="Technical indicators", performance=record),
        a_strategy_row("news_analyzer", title="News", weight=d(20), reads_text=True, ask="cycle"),
        a_strategy_row(
            "mine", title="Mine", enabled=False, weight=d(0), offered=True, enabled_sha256=None, status="offered"
        ),
        a_strategy_row(
            "broken",
            enabled=False,
            weight=d(0),
            sha256="cd" * 32,
            enabled_sha256=None,
            status="failed",
            error="loads: SyntaxError: invalid syntax (line 14)",
        ),
    ]
    desk.reader.rows["logs"] = [
        a_log_row("1", "WARNING", "the exchange answered late", took_seconds=4.2),
        a_log_row("2", "INFO", "trading on simulated, ledger paper-simulated-1"),
    ]
    view.vote_now, view.limits_now = a_vote(), limits_of(None, WAITS)
    return desk
