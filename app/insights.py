"""Why the trader trades now, or does not: opinions, the vote as it would come out, and every gate with its distance.

It asks the pure vote and the pure risk review; it never changes anything.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from app.asking import Asking, Outside
from app.core import entries
from app.core.decisions import Vote, VoteTerm
from app.core.errors import StrategyError
from app.core.model import Direction, OrderBook, Signal, SignalStatus
from app.core.money import ZERO, plain
from app.core.risk import Approved, Refused
from app.core.rules import StrategyRule
from app.core.state import price_of, standing
from app.core.voting import says, status_at
from app.cycle import Cycle
from app.ports import Row, Strategies
from app.session import Session
from app.vote_row import vote_row

SHOWN_VALUES = 60  # of each reading, for its curve
CHART_VALUES = 240  # of each average, for the price chart
CURVES = ("rsi", "macd_histogram")
SETTINGS = ("rsi_oversold", "rsi_overbought", "volume_surge", "average_short", "average_medium", "average_long")
AVERAGES = "average_"

log = logging.getLogger(__name__)


Curves = dict[str, list[float | None]]
Readings = tuple[StrategyRule | None, Curves]


class Insights:
    """One look costs the strategy process a question for each new candle, and nothing else."""

    def __init__(
        self,
        session: Session,
        cycle: Cycle,
        strategies: Strategies,
        asking: Asking,
        outside: Outside | None,
        book: Callable[[], OrderBook | None],
    ) -> None:
        """`book` is the newest that votes were held with."""
        self._session, self._cycle, self._strategies = session, cycle, strategies
        self._asking, self._outside, self._book = asking, outside, book
        self._readings: tuple[datetime, Readings] | None = None

    async def look(self) -> Row:
        state, now = self._session.engine.state, self._session.now()
        row: Row = {"at": now, "candle_at": None, "price": price_of(state) if state.quote else None}
        row["next_candle_at"] = self._cycle.closes_next(now)
        row |= {"indicators": {}, "signals": self._signals(now), "vote": None, "why_not": []}
        if self._cycle.newest_at is not None and state.started is not None:
            shown = self._cycle.shown()
            vote, verdict = entries.preview(state, shown, self._book())
            row |= {"candle_at": shown.last_at, "vote": self._vote(vote), "why_not": self._why_not(vote, verdict)}
            row["indicators"] = await self._indicators(now)
        row |= self._analysis()
        row["recommendation"] = _recommendation(standing(state, now), row)
        row["news_sources"] = [asdict(each) for each in self._outside.news.sources()] if self._outside else []
        row["analyst"] = self._analyst()
        return row

    # ------------------------------------------------------------ opinions

    def _signals(self, now: datetime) -> list[Row]:
        """Every strategy, also those that do not vote and those that have not been asked yet."""
        signals = self._session.engine.state.signals
        return [self._signal(rule, signals.get(rule.name), now) for rule in self._rules()]

    def _signal(self, rule: StrategyRule, signal: Signal | None, now: datetime) -> Row:
        valid = signal if signal is not None and rule.votes else None
        return {
            "strategy": rule.name,
            "action": valid.action if valid else Direction.HOLD,
            "confidence": valid.confidence if valid else ZERO,
            "weight": rule.weight,
            "reasoning": valid.reasoning if valid else "",
            "asked_at": valid.asked_at if valid else None,
            "given_at": valid.given_at if valid else None,
            "expires_at": valid.expires_at if valid else None,
            "status": _status(rule, signal, now),
            "sha256": valid.sha256 if valid else "",
        }

    def _rules(self) -> tuple[StrategyRule, ...]:
        return self._session.engine.state.rules.voting.strategies

    def _vote(self, vote: Vote) -> Row:
        rules = self._session.engine.state.rules.voting
        return {
            "action": vote.action,
            "score": vote.score,
            "participation_pct": vote.participation_pct,
            **vote_row(vote, rules.buy_threshold, rules.sell_threshold, rules.min_participation),
        }

    # ------------------------------------------------------------ gates

    def _why_not(self, vote: Vote, verdict: Approved | Refused) -> list[Row]:
        """What stands between now and an entry, nearest to the vote first."""
        rules = self._session.engine.state.rules.voting
        found = []
        if vote.score < rules.buy_threshold:
            text = f"score {vote.score:.1f} of {plain(rules.buy_threshold)}"
            found.append(_gate("score", float(vote.score), float(rules.buy_threshold), text))
        if vote.participation_pct < rules.min_participation:
            least = plain(rules.min_participation)
            text = f"opinions weigh {vote.participation_pct:.0f} % of all, {least} % are needed"
            found.append(_gate("participation", float(vote.participation_pct), float(rules.min_participation), text))
        found += [self._term_gate(term) for term in vote.terms if term.product <= ZERO]
        found += [
            _gate(check.name, check.value, check.limit, check.text) for check in verdict.checks if not check.passed
        ]
        return found

    def _term_gate(self, term: VoteTerm) -> Row:
        signal = self._session.engine.state.signals.get(term.strategy)
        return _gate(term.strategy, says(term), "BUY", signal.reasoning if signal else "not asked yet")

    # ------------------------------------------------------------ readings

    async def _indicators(self, now: datetime) -> Row:
        """Of the first strategy that computes an RSI."""
        newest = self._cycle.newest_at
        if newest is None:
            return {}
        if self._readings is None or self._readings[0] != newest:
            self._readings = newest, await self._read(now)
        rule, readings = self._readings[1]
        last = {name: values[-1] for name, values in readings.items() if values}
        averages = {name.removeprefix(AVERAGES): value for name, value in last.items() if name.startswith(AVERAGES)}
        plain_ones = {name: value for name, value in last.items() if not name.startswith(AVERAGES)}
        curves = {name: readings[name][-SHOWN_VALUES:] for name in CURVES if name in readings}
        curves |= {name: values for name, values in readings.items() if name.startswith(AVERAGES)}
        words = {"rsi_text": _rsi_text(last.get("rsi")), "averages": averages, "curves": curves}
        return {**plain_ones, **words, "by": rule.name if rule else None, "settings": _settings(rule)}

    async def _read(self, now: datetime) -> Readings:
        for rule in self._rules():
            data = self._cycle.look(rule, now)
            if data is None:
                continue
            try:
                readings = await self._strategies.readings(rule, data, CHART_VALUES)
            except StrategyError as error:
                log.info("no readings of %s: %s", rule.name, error)
                continue
            if "rsi" in readings:
                return rule, readings
        return None, {}

    def _analysis(self) -> Row:
        """What the language model said last, where one was asked."""
        told = self._asking.latest
        said = json.loads(told.reply.text) if told else {}
        names = {"support": "support", "resistance": "resistance", "regime": "regime", "analysis": "reasoning"}
        names |= {"analysis_action": "signal", "analysis_confidence": "confidence"}
        row: Row = {name: said.get(field) for name, field in names.items()}
        return row | {"analysis_at": told.at if told else None, "analysis_by": told.by if told else None}

    def _analyst(self) -> Row | None:
        if self._outside is None:
            return None
        return {**asdict(self._outside.analyst.state()), "configured": self._outside.analyst.configured}


def _status(rule: StrategyRule, signal: Signal | None, now: datetime) -> SignalStatus | None:
    if not rule.enabled:
        return SignalStatus.OFF
    if not rule.configured:
        return SignalStatus.NOT_CONFIGURED
    return status_at(signal, now) if signal else None


def _gate(gate: str, value: Any, needed: Any, text: str) -> Row:
    return {"gate": gate, "value": value, "needed": needed, "text": text}


def _rsi_text(rsi: float | None) -> str | None:
    """By the book's usual lines (Wilder), whatever the strategy's own settings are."""
    if rsi is None:
        return None
    return "oversold" if rsi <= 30 else "overbought" if rsi >= 70 else "neutral"


def _settings(rule: StrategyRule | None) -> Row:
    """Where the lines are that its readings are compared with, as far as its owner set them."""
    given = dict(rule.settings) if rule else {}
    return {name: json.loads(given[name]) for name in SETTINGS if name in given}


def _recommendation(stands: tuple[str, str | None, datetime | None], row: Row) -> str:
    name, reason, _ = stands
    if name != "TRADING":
        return f"{name.lower()} ({reason}): nobody is asked and nothing is bought; stops stay"
    if row["vote"] is None:
        return "still gathering candles: nobody has been asked yet"
    text = row["vote"]["text"]
    if row["vote"]["action"] is Direction.SELL:
        return f"sell: {text}"
    if row["why_not"] and row["vote"]["action"] is Direction.BUY:
        return f"would buy, but {row['why_not'][0]['text']}"
    return f"buy: {text}" if row["vote"]["action"] is Direction.BUY else f"no trade: {text}"
