"""What the strategies of scene `full` say, how the vote went, and what Insights makes of it.

Votes are held by the real rules, and the purchase is judged by the real risk rules; only the opinions are made up.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from app.core.decisions import Decision, Outcome
from app.core.model import Direction, OrderBook, Quote, Signal, Without
from app.core.risk import Approved, EntryFacts, review
from app.core.rules import RiskLimits, VotingRules
from app.core.voting import hold_vote
from app.ports import Row
from services.settings import load_rules
from tests.builders import a_signal, an_instrument, d, shown
from tests.fakes_ui import a_decision
from tests.ui_history import decision_row
from tests.ui_insights import a_look
from tests.ui_settings import CONFIG
from tests.ui_weeks_market import AT, FOUR_HOURS, MARKET, PRICE, TRADED, average, opened_at, smooth, strength

VOTING: VotingRules = load_rules(CONFIG).rules.voting
CLOSED = MARKET[-2]  # the newest candle that has closed
SAID = (
    "RSI {rsi:.1f}: {side}. MACD {macd} its signal line: {way} momentum {grows}. Price {gap:.1f} % {side_of} its "
    "200-candle average; the averages are {order}. Volume 1.1 times the usual. "
)
ANALYSIS = (
    "Higher lows since Thursday, and the pullback from 65,100 came on falling volume. Buyers defended 62,300 twice. "
    "A close above 65,100 would open the way to 66,800; below 61,900 the picture breaks. Fund inflows support it."
)
HEADLINE = "Fund inflows reach a record"
PROMPT = "You are shown candles of 4 hours, indicators and headlines of the last day. Answer in JSON: action, …"
ANSWER = '{"action": "BUY", "confidence": 72, "regime": "trending", "support": 62300, "resistance": 65900}'


def words_of_indicators() -> str:
    closes = [float(each.close) for each in MARKET[:-1]]
    rsi, bars = strength(21, closes)[-1], _histogram(closes)
    lines = [average(count, closes)[-1] or 1 for count in (10, 50, 200)]
    way = "upward" if bars[-1] > 0 else "downward"
    return SAID.format(
        rsi=rsi,
        side="buyers have the upper hand" if rsi > 50 else "sellers have the upper hand",
        macd="above" if bars[-1] > 0 else "below",
        way=way,
        grows="grows" if abs(bars[-1]) > abs(bars[-2]) else "fades",
        gap=abs(closes[-1] / lines[2] - 1) * 100,
        side_of="above" if closes[-1] > lines[2] else "below",
        order="in order upward" if lines[0] > lines[1] > lines[2] else "mixed",
    )


def _histogram(closes: Sequence[float]) -> list[float]:
    fast, slow = smooth(16, closes), smooth(26, closes)
    macd = [one - other for one, other in zip(fast, slow, strict=True)]
    return [one - other for one, other in zip(macd, smooth(9, macd), strict=True)]


def _signals(at: datetime, technical: int, model: int, news: int, model_says: str) -> dict[str, Signal]:
    points = f"For buying {technical} of 100 points, for selling 10."
    opinions = (
        a_signal("BUY", model, strategy="deepseek_analyzer", at=at - timedelta(minutes=2), reasoning=model_says,
                 reads_text=True, expires_at=at + timedelta(minutes=6),
                 without=Without(headline=HEADLINE, action=Direction.BUY, confidence=d(model - 7))),
        a_signal("BUY", technical, strategy="technical_indicators", at=at - timedelta(minutes=5),
                 reasoning=words_of_indicators() + points, expires_at=at + timedelta(hours=5)),
        a_signal("BUY", news, strategy="news_analyzer", at=at, reads_text=True,
                 reasoning=f"4 of 6 headlines are good news; strongest: “{HEADLINE}” (2 outlets, 3 h "
                 "ago, medium, +0.41).", expires_at=at + timedelta(minutes=90),
                 without=Without(headline=HEADLINE, action=Direction.BUY, confidence=d(news - 17))),
    )  # fmt: skip
    return {each.strategy: each for each in opinions}


def _voted(id: str, at: datetime, candle_at: datetime, said: dict[str, Signal]) -> Decision:
    vote = hold_vote(VOTING, said, at)
    return a_decision(
        id=id, at=at, candle_at=candle_at, action=vote.action.value, score=vote.score, price=d(PRICE),
        participation_pct=vote.participation_pct, reason=vote.text, vote=vote, signals=tuple(said.values()),
        shown=shown(candle_at, timeframe="4h", count=500, first_at=candle_at - 499 * FOUR_HOURS, sha256="3f9a07c1" * 8),
        buy_threshold=VOTING.buy_threshold, sell_threshold=VOTING.sell_threshold,
        min_participation=VOTING.min_participation, program_version="0.1.0",
    )  # fmt: skip


def the_vote() -> Decision:
    """The newest: not enough to buy."""
    at = AT - timedelta(minutes=4)
    return _voted("d-2026-03-10-a71c", at, CLOSED.opened_at, _signals(at, 64, 62, 35, ANALYSIS))


def the_purchase() -> Decision:
    """Of the newest position, with the risk rules that it passed."""
    newest = next(each for each in reversed(TRADED) if each.out < 0)
    at = opened_at(newest.at) - timedelta(seconds=2)
    said = _signals(at, 84, 72, 58, "Two higher lows, a reclaim of the 50-candle average on rising volume, and inflows "
                    "into funds for a week. Room up to 65,900; wrong below 62,400.")  # fmt: skip
    decision = _voted("d-2026-03-09-5be0", at, MARKET[newest.at - 1].opened_at, said)
    price = d(round(newest.price, 2))
    facts = EntryFacts(
        at=at, equity=d("10041.17"), cash_free=d("9014.02"), quote=Quote(bid=price - d("0.8"), ask=price, at=at),
        reference_price=price + 12, held_notional=d("1022.10"), reserved_notional=d(0), open_positions=2,
        entries_in_flight=0, entries_today=0, orders_in_doubt=0, candle_used=False, candles_since_exit=9,
        contiguous=True, blockers=(), candle_fed=False,
        book=OrderBook(bids=((price - 1, d(3)),), asks=((price, d(2)),), at=at),
    )  # fmt: skip
    judged = review(facts, RiskLimits(), an_instrument())
    assert isinstance(judged, Approved)
    return replace(decision, price=price, outcome=Outcome.ORDER, risk_checks=judged.checks, order_ids=("o-entry",))


def older_votes() -> list[Row]:
    """One a candle, none of which led to anything."""
    rows = []
    for back in range(2, 14):
        at = MARKET[-back].opened_at + timedelta(minutes=1)
        vote = _voted(f"d-{back}", at, MARKET[-back - 1].opened_at,
                      _signals(at, 40 + back * 13 % 38, 45 + back * 7 % 20, 20 + back * 11 % 30, ANALYSIS))  # fmt: skip
        rows.append(decision_row(vote))
    return rows


# ---------------------------------------------------------------- what Insights is given


def the_look(decision: Decision) -> Row:
    closes = [float(each.close) for each in MARKET[:-1]]
    bars, rsi = _histogram(closes), strength(21, closes)
    lines = {name: average(count, closes) for name, count in (("short", 10), ("medium", 50), ("long", 200))}
    missing = VOTING.buy_threshold - decision.score
    return a_look(
        at=AT, candle_at=CLOSED.opened_at, next_candle_at=MARKET[-1].closed_at, price=d(PRICE),
        indicators={
            **a_look()["indicators"],
            "rsi": round(rsi[-1], 1), "macd_histogram": round(bars[-1], 1), "volume_ratio": 1.1,
            "averages": {name: line[-1] for name, line in lines.items()},
            "curves": {
                "rsi": rsi[-60:], "macd_histogram": bars[-60:],
                **{f"average_{name}": line[-240:] for name, line in lines.items()},
            },
        },
        signals=[_signal_row(each) for each in decision.signals],
        vote=_vote_row(decision),
        why_not=[
            {"gate": "score", "value": float(decision.score), "needed": 70.0, "text": f"{missing:.1f} more needed"}
        ],
        support=62_300, resistance=65_100, regime="trending", analysis=ANALYSIS, analysis_confidence=62,
        analysis_at=decision.at - timedelta(minutes=2),
        news_sources=[
            {"name": name, "status": "ok", "error": "", "fetched_at": AT - timedelta(minutes=3), "next_at": None}
            for name in ("Daily Ledger", "Market Wire", "Chain Post")
        ],
        analyst={**a_look()["analyst"], "status": "ok", "error": "", "spent_usd": d("1.284"), "calls_today": 138},
    )  # fmt: skip


def _signal_row(signal: Signal) -> Row:
    names = ("strategy", "action", "confidence", "reasoning", "asked_at", "given_at", "expires_at", "status", "sha256")
    weight = next(rule.weight for rule in VOTING.strategies if rule.name == signal.strategy)
    return {"weight": weight, **{name: getattr(signal, name) for name in names}}


def _vote_row(decision: Decision) -> Row:
    names = ("strategy", "status", "weight", "confidence", "sign", "product")
    row: dict[str, Any] = {
        "action": Direction(decision.vote.action), "text": decision.vote.text, "score": decision.score,
        "participation_pct": decision.participation_pct, "buy_threshold": 70.0, "sell_threshold": 70.0,
        "min_participation": 60.0,
        "terms": [{name: getattr(term, name) for name in names} for term in decision.vote.terms],
        "without_headline": decision.vote.without_headline,
    }  # fmt: skip
    return row
