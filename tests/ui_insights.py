"""What the Insights tab is shown in tests: a market with a model, news and a plain strategy, and its candles."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from app.core.model import Candle, Direction, SignalStatus
from app.ports import Row
from components.wire import time_text
from tests.builders import d
from tests.fakes_ui import NOW, Desk, a_position, a_strategy_row

HOUR = timedelta(hours=1)
SECONDS = {"1m": 60, "1h": 3600, "4h": 14400}


def some_candles(timeframe: str | None, limit: int, until: datetime = NOW) -> list[Candle]:
    """Waves upon a slope, the last candle not closed yet."""
    seconds = SECONDS[timeframe or "4h"]
    found, price = [], 61_000.0
    newest = until.replace(minute=0)
    for back in range(limit - 1, -1, -1):
        n = limit - back
        opened, price = price, 61_000 + 14 * n + 900 * math.sin(n / 9) + 400 * math.sin(n / 2.3)
        low, high = min(opened, price) - 120 - 60 * (n % 3), max(opened, price) + 90 + 50 * (n % 4)
        o, h, low_, c = (Decimal(f"{value:.2f}") for value in (opened, high, low, price))
        at = newest - timedelta(seconds=seconds) * back
        volume = Decimal(20 + n * 7 % 40)
        found.append(
            Candle(symbol="BTC/USD", opened_at=at, seconds=seconds, open=o, high=h, low=low_, close=c, volume=volume)
        )
    return found


def averages(candles: Sequence[Candle], count: int) -> list[float | None]:
    closes = [float(each.close) for each in candles]
    return [
        round(sum(closes[at + 1 - count : at + 1]) / count, 2) if at + 1 >= count else None for at in range(len(closes))
    ]


def a_signal_row(strategy: str, action: str, confidence: int, reasoning: str, **changes: Any) -> Row:
    standard = {
        "strategy": strategy,
        "action": Direction(action),
        "confidence": d(confidence),
        "weight": d(30),
        "reasoning": reasoning,
        "asked_at": NOW - timedelta(minutes=9),
        "given_at": NOW - timedelta(minutes=9),
        "expires_at": NOW + timedelta(minutes=81),
        "status": SignalStatus.OK,
        "sha256": "",
    }
    return {**standard, **changes}


def a_term(strategy: str, weight: int, confidence: int, sign: int, status: SignalStatus = SignalStatus.OK) -> Row:
    product = d(weight * confidence * sign)
    return {
        "strategy": strategy,
        "status": status,
        "weight": d(weight),
        "confidence": d(confidence),
        "sign": sign,
        "product": product,
    }


def a_look(**changes: Any) -> Row:
    """31.8 of 70: DeepSeek timed out, the technical one holds back, news are good."""
    candles = some_candles("4h", 240)[:-1]
    standard: Row = {
        "at": NOW,
        "candle_at": candles[-1].opened_at,
        "next_candle_at": NOW + 4 * HOUR,
        "price": d("64250.5"),
        "indicators": {
            "rsi": 44.2,
            "macd": 52.1,
            "macd_signal": 61.4,
            "macd_histogram": -9.3,
            "volume_ratio": 0.8,
            "rsi_text": "neutral",
            "by": "technical_indicators",
            "settings": {"rsi_oversold": 40, "rsi_overbought": 80, "volume_surge": 1.2, "average_short": 10,
                         "average_medium": 50, "average_long": 200},
            "averages": {"short": 64100.2, "medium": 63480.9, "long": 62010.4},
            "curves": {
                "rsi": [50 + 18 * math.sin(n / 6) for n in range(60)],
                "macd_histogram": [60 * math.sin(n / 7) + 12 * math.sin(n) for n in range(60)],
                "average_short": averages(candles, 10),
                "average_medium": averages(candles, 50),
                "average_long": averages(candles, 200),
            },
        },
        "signals": [
            a_signal_row("deepseek_analyzer", "HOLD", 0, "DeepSeek gave no answer within 20 s", weight=d(50),
                         status=SignalStatus.FAILED),
            a_signal_row("technical_indicators", "BUY", 69, "RSI 44 lies between 40 and 80. MACD below its line: "
                         "downward momentum fades. For buying 69 of 100 points, for selling 20."),
            a_signal_row("news_analyzer", "BUY", 55, "Mostly good news: funds buy, a state adopts.", weight=d(20)),
        ],
        "vote": {
            "action": Direction.HOLD,
            "text": "…",
            "without_headline": "without “Fund buys 9,000 bitcoin”: technical_indicators BUY 69 × 30 → 20.7, buys from "
            "70, sells from −70",
            "score": d("31.7"),
            "participation_pct": d(50),
            "buy_threshold": 70.0,
            "sell_threshold": 70.0,
            "min_participation": 60.0,
            "terms": [
                a_term("deepseek_analyzer", 50, 0, 0, SignalStatus.FAILED),
                a_term("technical_indicators", 30, 69, 1),
                a_term("news_analyzer", 20, 55, 1),
            ],
        },
        "why_not": [
            {"gate": "score", "value": 31.7, "needed": 70.0, "text": "score 31.7 of 70"},
            {"gate": "participation", "value": 50.0, "needed": 60.0, "text": "opinions weigh 50 % of all"},
            {"gate": "deepseek_analyzer", "value": "failed", "needed": "BUY", "text": "DeepSeek gave no answer"},
            {"gate": "cooldown", "value": "1", "needed": "> 1", "text": "resting 1 candle(s) after an exit"},
        ],
        "support": 62800,
        "resistance": 65900.5,
        "regime": "trending",
        "analysis": "Higher lows on rising volume since Tuesday; buyers defended 62,800 twice. A break above 65,900 "
        "would open the way to the old high. Funding is calm, so nothing is overheated.",
        "analysis_action": "BUY",
        "analysis_confidence": 72,
        "analysis_at": NOW - timedelta(minutes=40),
        "analysis_by": "deepseek_analyzer",
        "recommendation": "no trade",
        "news_sources": [
            {"name": "CoinDesk", "status": "ok", "error": "", "fetched_at": NOW, "next_at": None},
            {"name": "CryptoPanic", "status": "used_up", "error": "100 of 100 questions used",
             "fetched_at": NOW - timedelta(hours=3), "next_at": NOW + timedelta(hours=12)},
        ],
        "analyst": {"name": "DeepSeek", "status": "failing", "error": "no answer within 20 s", "spent_usd": d("1.284"),
                    "budget_usd": d(10), "calls_today": 41, "configured": True},
    }  # fmt: skip
    return {**standard, **changes}


def a_fresh_look() -> Row:
    """The program has just started: candles are known, nobody was asked."""
    nobody = [
        a_signal_row("technical_indicators", "HOLD", 0, "", given_at=None, asked_at=None, expires_at=None, status=None)
    ]
    terms = [a_term("technical_indicators", 30, 0, 0, SignalStatus.STALE)]
    vote = {**a_look()["vote"], "score": d(0), "participation_pct": d(0), "terms": terms, "without_headline": None}
    return a_look(
        candle_at=None, indicators={}, signals=nobody, vote=vote, why_not=[], support=None, resistance=None,
        regime=None, analysis=None, analysis_action=None, analysis_confidence=None, analysis_at=None, analysis_by=None,
        news_sources=[], analyst={**a_look()["analyst"], "configured": False},
    )  # fmt: skip


def a_story_row(id: str, title: str, **changes: Any) -> Row:
    standard = {
        "id": id,
        "published_at": time_text(NOW - timedelta(hours=int(id))),
        "seen_at": time_text(NOW - timedelta(hours=int(id))),
        "source": "coindesk.com",
        "title": title,
        "url": f"https://news.example/{id}",
        "severity": "medium",
        "sentiment": "bullish",
        "score": 0.62,
        "keywords": ["etf"],
        "sources": ["coindesk.com"],
    }
    return {**standard, **changes}


def some_news() -> list[Row]:
    return [
        a_story_row("1", "Fund buys 9,000 bitcoin for its treasury"),
        a_story_row("2", "Exchange halts withdrawals after breach, customers wait", severity="high",
                    sentiment="bearish", score=-0.88, sources=["reuters.com", "theblock.co"]),
        a_story_row("3", "SEC approves spot ETF, one outlet says", severity="high", score=0.9),
        a_story_row("4", "Miner opens a second site in Texas", severity="low", sentiment="neutral", score=0.05),
        a_story_row("5", "<script>alert(1)</script> Prize for everybody", url="javascript:alert(1)", severity="low",
                    sentiment="neutral", score=0.0),
        *(a_story_row(str(n), f"Headline {n} of a busy day on the markets", severity="low") for n in range(6, 14)),
    ]  # fmt: skip


def a_performance(**changes: Any) -> Row:
    days = [
        {"date": f"2026-03-{day:02d}", "signals_generated": 6 + day % 3, "judged": 5, "accuracy_pct": 40.0 + day * 3,
         "avg_confidence": 64.0, "contribution_to_pnl": d(f"{(day % 4) - 1}.35")}
        for day in range(9, 0, -1)
    ]  # fmt: skip
    standard = {
        "date_from": "2026-03-01",
        "signals_generated": 164,
        "judged": 142,
        "accuracy_pct": 57.3,
        "avg_confidence": 66.2,
        "contribution_to_pnl": d("88.40"),
        "calibration": [
            {"from": 50, "signals": 30, "confidence": 55.0, "correct_pct": 48.0},
            {"from": 60, "signals": 62, "confidence": 65.0, "correct_pct": 58.1},
            {"from": 80, "signals": 50, "confidence": 84.0, "correct_pct": 61.0},
        ],
        "days": days,
        "worse_than_chance": False,
    }
    return {**standard, **changes}


def none_yet() -> Row:
    return a_performance(signals_generated=0, judged=0, accuracy_pct=None, avg_confidence=None, calibration=[], days=[],
                         contribution_to_pnl=d(0))  # fmt: skip


def strategy_rows() -> list[Row]:
    weak = a_performance(
        accuracy_pct=41.2, worse_than_chance=True, contribution_to_pnl=d("-31.07"), avg_confidence=71.0
    )
    return [
        a_strategy_row(
            "deepseek_analyzer", title="DeepSeek", weight=d(50), reads_text=True, performance=a_performance()
        ),
        a_strategy_row("my_idea", enabled=False, performance=none_yet()),
        a_strategy_row("news_analyzer", weight=d(20), reads_text=True, performance=weak),
        a_strategy_row(performance=none_yet()),
    ]


def set_insights(desk: Desk, look: Row | None = None) -> None:
    """The desk as it is with everything there; `look` is what the engine says of itself."""
    desk.view.strategy_rows = strategy_rows()
    desk.view.held = [a_position("p1", "62900", "0.01538", opened_at=NOW - timedelta(days=3))]
    desk.reader.rows["news"] = some_news()
    desk.reader.rows["trades"] = [
        {"opened_at": time_text(NOW - timedelta(days=9)), "closed_at": time_text(NOW - timedelta(days=6)),
         "entry_price": "62500.00", "exit_price": "63900.00"},
    ]  # fmt: skip
    desk.look = look or a_look()


def set_fresh(desk: Desk) -> None:
    no_key = "DEEPSEEK_API_KEY is not set"
    desk.view.strategy_rows = [
        a_strategy_row("deepseek_analyzer", title="DeepSeek", reads_text=True, configured=False, error=no_key,
                       status="not_configured", performance=none_yet()),
        a_strategy_row(performance=none_yet()),
    ]  # fmt: skip
    desk.look = a_fresh_look()
