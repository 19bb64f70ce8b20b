"""Scene `full`: a trader that has run for six weeks on paper, all its tabs filled and of one piece.

What is bought, sold, held and worth comes from tests.ui_weeks_market, the votes from tests.ui_weeks_votes.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

from app.channels import ChannelState
from app.core.model import Position
from app.faces import VoteFace, Waits
from app.ports import Row
from services.database import wording
from services.settings.limits import Thresholds
from tests.builders import d
from tests.fakes_ui import Desk, a_position, a_strategy_row, an_alert_row
from tests.ui_backtests import a_look_around, a_result, a_run, a_search
from tests.ui_controls import MIDNIGHT, limits_of, vital_signs
from tests.ui_history import decision_row
from tests.ui_insights import a_performance, a_story_row
from tests.ui_weeks_market import AT, FEE, MARKET, PRICE, TRADED, WARM_UP, Held, equity_at, opened_at
from tests.ui_weeks_votes import ANSWER, PROMPT, VOTING, older_votes, the_look, the_purchase, the_vote

RECEIPT = the_purchase().id
BREAKOUT = sha256(b"breakout").hexdigest()
MORNING = AT.replace(hour=0, minute=0)


def set_weeks(desk: Desk, *, live: bool = False) -> None:
    held = [_position(number, each) for number, each in enumerate(TRADED, 1) if each.out < 0]
    last, bought, rows = the_vote(), the_purchase(), desk.reader.rows
    desk.view.held, desk.view.decision, desk.view.strategy_rows = held, last, strategies()
    said = {each.strategy: each for each in last.signals}
    desk.view.vote_now = VoteFace(keys=tuple(Thresholds().keys), rules=VOTING, signals=said, at=last.at)
    tighter = Waits(id="w1", name="max_open_positions", value="3", effective_at=MIDNIGHT)
    desk.view.limits_now = limits_of(
        None, tighter, exposure_pct=d("15.2"), open_positions=len(held), entries_today=0, day_loss_pct=d(0)
    )
    desk.reader.decided = [last, bought]
    told = {"news": [{**each, "shown": True} for each in news()[:3]], "prompt": PROMPT, "answer": ANSWER}
    rows["decisions"] = [decision_row(last), decision_row(bought, **told), *older_votes()]
    rows["orders"] = _orders(held[-1])
    rows["trades"] = _trades()
    rows["equity"] = [_worth(place) for place in range(len(MARKET) - 1, WARM_UP - 1, -1)]
    rows["news"], rows["alerts"], rows["logs"] = news(), alerts(), logs()
    desk.looked.seen["admin"] = len(rows["alerts"]) - 2
    desk.look = the_look(last)
    _account(desk, held)
    if live:
        desk.view.set(mode="live", ledger="live-binanceus-1", user_data="listenKey stream")


def _account(desk: Desk, held: Sequence[Position]) -> None:
    night = max(place for place, each in enumerate(MARKET) if each.closed_at <= MORNING)
    worth, morning, price = equity_at(len(MARKET) - 1), equity_at(night), d(PRICE)
    works = AT - timedelta(hours=3)
    desk.view.set(
        mode="paper",
        market="binanceus",
        ledger="paper-binanceus-1",
        price_at=AT,
        market_at=AT,
        equity=worth,
        cash=worth - sum((each.quantity * price for each in held), d(0)),
        day_pnl=worth - morning,
        day_pnl_pct=(worth / morning - 1) * 100,
        total_pnl=worth - 10_000,
        total_pnl_pct=worth / 100 - 100,
        trades_today=sum(each.out >= 0 and opened_at(each.out) >= MORNING for each in TRADED),
        max_loss_if_server_dies=sum((each.quantity * (price - (each.stop_price or price)) for each in held), d(2)),
        two_factor=True,
        channels=tuple(ChannelState(name=name, status="ok", sent_at=works) for name in ("email", "push")),
    )


# ---------------------------------------------------------------- bought and sold


def _position(number: int, each: Held) -> Position:
    price, quantity = round(d(each.price), 2), d(each.quantity)
    bought = the_purchase()
    standard = a_position(f"p{number}", str(price), str(quantity), opened_at=opened_at(each.at))
    return replace(
        standard,
        decision_id=bought.id,
        net_quantity=each.net,
        quantity=each.net,
        cost=each.cost,
        stop_price=round(d(each.stop), 2),
        highest_close=round(d(each.highest), 2),
        trailing_active=each.trailing,
        signals=bought.signals,
        reasoning=bought.vote.text,
    )


def _trades() -> list[Row]:
    rows = [_trade(number, each) for number, each in enumerate(TRADED, 1) if each.out >= 0]
    return sorted(rows, key=lambda row: str(row["closed_at"]), reverse=True)


def _trade(number: int, each: Held) -> Row:
    bought = the_purchase()
    said = [
        {"strategy": signal.strategy, "action": "BUY", "confidence": float(signal.confidence),
         "reasoning": signal.reasoning, "status": "ok"}
        for signal in bought.signals
    ]  # fmt: skip
    fees = (each.cost + each.worth(each.out_price)) * d(FEE)
    return {
        "id": f"t{number}",
        "position_id": f"p{number}",
        "symbol": "BTC/USD",
        "side": "BUY",
        "opened_at": wording.time_text(opened_at(each.at)),
        "closed_at": wording.time_text(opened_at(each.out, 47 if "stop" in each.reason else 1)),
        "quantity": str(each.net),
        "entry_price": f"{each.price:.2f}",
        "exit_price": f"{each.out_price:.2f}",
        "fees": f"{fees:.2f}",
        "profit_loss": str(each.result),
        "profit_loss_pct": round(float(each.result / each.cost) * 100, 4),
        "exit_reason": each.reason,
        "decision_id": bought.id,
        "exit_decision_id": bought.id if each.reason == "vote" else "",
        "reasoning": bought.vote.text,
        "signals": said,
    }


def _worth(place: int) -> Row:
    at = min(MARKET[place].closed_at, AT)
    return {"at": wording.time_text(at), "equity": str(equity_at(place)), "price": str(MARKET[place].close)}


def _orders(position: Position) -> list[Row]:
    shared = {"position_id": position.id, "symbol": "BTC/USD"}
    price = f"{position.entry_price:.2f}"
    entry = {"id": "o-entry", "role": "entry", "side": "BUY", "type": "LIMIT", "status": "FILLED", "stop_price": None,
             "quantity": str(position.entry_quantity), "price": str(round(position.entry_price * d("1.003"), 2)),
             "average_price": price}  # fmt: skip
    stop = {"id": "o-stop", "role": "stop", "side": "SELL", "type": "STOP_LOSS", "status": "OPEN", "price": None,
            "quantity": str(position.quantity), "stop_price": str(position.stop_price),
            "average_price": None}  # fmt: skip
    return [{**shared, **each, "client_order_id": each["id"]} for each in (entry, stop)]


# ---------------------------------------------------------------- who says what


def strategies() -> list[Row]:
    def record(right: float, judged: int, earned: str, sure: float) -> Row:
        return a_performance(
            date_from="2026-02-08",
            accuracy_pct=right,
            judged=judged,
            signals_generated=judged + 6,
            contribution_to_pnl=d(earned),
            avg_confidence=sure,
        )

    return [
        a_strategy_row("deepseek_analyzer", title="DeepSeek", weight=d(50), reads_text=True, ask="cycle",
                       performance=record(55.8, 172, "14.20", 63.4)),
        a_strategy_row(title="Technical indicators", performance=record(57.3, 158, "21.75", 66.2)),
        a_strategy_row("news_analyzer", title="News", weight=d(20), reads_text=True, ask="cycle",
                       performance=record(51.2, 164, "-3.34", 41.8)),
        a_strategy_row("breakout", title="Breakout", enabled=False, weight=d(0), offered=True, enabled_sha256=None,
                       sha256=BREAKOUT, status="offered"),
    ]  # fmt: skip


def news() -> list[Row]:
    told: Sequence[tuple[int, str, dict[str, Any]]] = (
        (1, "Miners sell less: reserves rise for the third week", {"severity": "low", "score": 0.22}),
        (3, "Fund inflows reach a record", {"score": 0.41, "sources": ["Daily Ledger", "Market Wire"]}),
        (5, "Exchange halts withdrawals for two hours, then resumes",
         {"severity": "high", "sentiment": "bearish", "score": -0.52, "sources": ["Market Wire", "Chain Post"]}),
        (6, "Central bank leaves its rate unchanged", {"sentiment": "neutral", "score": 0.04}),
        (8, "Regulator said to approve a new class of funds, one outlet reports", {"severity": "high", "score": 0.71}),
        (9, "Fees on the network fall to the lowest of the year",
         {"severity": "low", "sentiment": "neutral", "score": 0.08}),
        (13, "Retailer begins to take bitcoin in 400 shops", {"severity": "low", "score": 0.31}),
        (20, "Options traders expect a quiet week", {"severity": "low", "sentiment": "neutral", "score": 0.0}),
    )  # fmt: skip
    outlets = ("Daily Ledger", "Market Wire", "Chain Post")
    rows = []
    for hours, title, more in told:
        at = wording.time_text(AT - timedelta(hours=hours, minutes=7 * hours % 50))
        outlet = outlets[hours % 3]
        rows.append(
            a_story_row(str(hours), title, published_at=at, seen_at=at, source=outlet, **{"sources": [outlet], **more})
        )
    return rows


def alerts() -> list[Row]:
    newest = max(each.at for each in TRADED if each.out < 0)
    told = (
        ("started", "equity $10,000.00, no position", timedelta(days=41)),
        ("exit_fill", "0.00781 BTC at $63,902.11: +$11.29 (+2.28 %), trailing stop", timedelta(days=6, hours=3)),
        ("connection_lost", "the exchange has not answered for 30 s", timedelta(days=2, hours=7)),
        ("connection_restored", "the exchange answers again after 2 min", timedelta(days=2, hours=6, minutes=58)),
        ("entry_fill", "0.00776 BTC at $64,364.62; stop at $61,146.39", AT - opened_at(newest)),
        ("alive", "equity and stops as they should be; 3 positions, all protected", timedelta(hours=3, minutes=42)),
    )
    rows = [
        an_alert_row(id, event, text, at=wording.time_text(AT - ago)) for id, (event, text, ago) in enumerate(told, 1)
    ]
    return rows[::-1]


def logs() -> list[Row]:
    told = (
        (1, "INFO", "cycle", "vote held: HOLD"),
        (9, "INFO", "reconcile", "books compared with the exchange: equal"),
        (75, "WARNING", "deepseek", "answered late, in 14.2 s"),
        (222, "INFO", "notifications", "daily message sent by email and push"),
    )
    return [
        {"id": str(ago), "at": (AT - timedelta(minutes=ago)).isoformat(), "level": level, "component": component,
         "message": message, "details": {}}
        for ago, level, component, message in told
    ]  # fmt: skip


# ---------------------------------------------------------------- beside the desk


async def healthy() -> Row:
    """Vital signs of a server that has what it needs."""
    good = (
        ("exchange", "Binance.US answers in 84 ms; books compared every 30 s"),
        ("prices", "a stream, the last price is a second old"),
        ("database", "answers in 2 ms"),
        ("disk", "21.4 of 38.0 GB free (56 %)"),
        ("clock", "0.02 s from the exchange's"),
        ("backups", "the newest is 8 hours old and was read back"),
    )
    found = await vital_signs()
    return {
        **found,
        "items": [{"name": name, "status": "ok", "text": text} for name, text in good],
        "jobs": [{**each, "outcome": each["outcome"] and "ok", "error": None} for each in found["jobs"]],
        "started_at": AT - timedelta(days=12, hours=5),
        "uptime_seconds": 12 * 86_400 + 5 * 3600,
    }


def backtests() -> list[Row]:
    """The newest runs; the others have ended."""
    own, eager = a_result(11.84, cagr_pct=5.75), a_result(
        4.02, trades=231, win_rate_pct=39.8, max_drawdown_pct=13.1, cagr_pct=2.0, sharpe_ratio=0.31, profit_factor=1.06,
        exposure_time_pct=33.9, fees_paid=341.1,
    )  # fmt: skip
    rows = [
        a_run("b3", "running", progress_pct=37.0),
        a_run("b1", result=own),
        a_run("b2", result=eager, changes={"buy_threshold": 55}),
        a_search(),
        a_look_around(),
    ]
    return [
        {**row, "created_at": AT - timedelta(minutes=3 + 44 * place), "finished_at": AT}
        for place, row in enumerate(rows)
    ]
