"""Opinions that were given while trading, as timelines: what a backtest is answered with instead of asking again.

An opinion counts from the first whole minute after it was given (one given within seconds of a candle's close, from
that close on) until it was replaced or its time to live was over; from then on it is missing, as it was then.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from app import codec
from app.core.errors import DataError, TraderError
from app.core.model import Signal, SignalStatus
from app.core.rules import Asking, Rules, StrategyRule
from app.core.voting import SIGNS
from app.ports import StrategyFace
from backtest.running import Plan
from backtest.series import ms_of
from backtest.timeline import Timeline

GIVEN = (SignalStatus.OK, SignalStatus.ABSTAINS)  # an answer, be it that there is no opinion
MINUTE = timedelta(minutes=1)
AT_ONCE = timedelta(seconds=10)  # so soon after a close, the trade was made at the prices with which that minute began


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Who said what from when to when. `reads_text` and `sha256` of each are as they were last."""

    timelines: Mapping[str, Timeline]
    reads_text: Mapping[str, bool]
    sha256: Mapping[str, str]
    first_at: datetime
    last_at: datetime


def record_of(signals: Iterable[Signal]) -> Record:
    """DataError where there are none."""
    by_name: dict[str, list[Signal]] = {}
    for signal in signals:
        by_name.setdefault(signal.strategy, []).append(signal)
    if not by_name:
        raise DataError("no opinions are on record in this time")
    newest = [each[-1] for each in by_name.values()]
    return Record(
        timelines={name: timeline_of(name, said) for name, said in sorted(by_name.items())},
        reads_text={each.strategy: each.reads_text for each in newest},
        sha256={each.strategy: each.sha256 for each in newest},
        first_at=min(said[0].given_at for said in by_name.values()),
        last_at=max(each.expires_at for each in newest),
    )


def timeline_of(name: str, signals: Sequence[Signal]) -> Timeline:
    """`signals` in the order in which they were given. Where two share a minute the later one counts."""
    rows: dict[int, tuple[int, float, str]] = {}
    for signal, following in zip(signals, [*signals[1:], None], strict=True):
        row = (0, float("nan"), signal.reasoning or f"{name}: gave no answer")
        if signal.status in GIVEN:
            row = (SIGNS[signal.action], float(signal.confidence), signal.reasoning)
        at, over = _counts_from(signal.given_at), _counts_from(signal.expires_at)
        rows[ms_of(at)] = row
        if signal.status in GIVEN and (following is None or _counts_from(following.given_at) > over):
            rows.setdefault(ms_of(max(over, at + MINUTE)), (0, float("nan"), f"{name}: its opinion was too old"))
    times = sorted(rows)
    words = [rows[ms][2] for ms in times]
    return Timeline(
        name=name,
        given_ms=np.array(times, dtype=np.int64),
        action=np.array([rows[ms][0] for ms in times], dtype=np.int8),
        confidence=np.array([rows[ms][1] for ms in times], dtype=np.float64),
        reasoning=words.__getitem__,
    )


def _counts_from(at: datetime) -> datetime:
    whole = at.replace(second=0, microsecond=0)
    return whole if at - whole < AT_ONCE else whole + MINUTE


# ---------------------------------------------------------------- taking part


def answered_from(rules: Rules, record: Record) -> Rules:
    """The same rules, in which whoever is on record is looked up in each cycle: an answer that took its time counts
    from the minute in which it was there."""

    def looked_up(rule: StrategyRule) -> StrategyRule:
        if rule.name not in record.timelines:
            return rule
        return replace(
            rule,
            configured=True,
            ask=Asking.CYCLE,
            every_seconds=None,
            reads_text=record.reads_text[rule.name],
            sha256=record.sha256[rule.name],
        )

    return replace(rules, voting=replace(rules.voting, strategies=tuple(map(looked_up, rules.voting.strategies))))


def faces_of(record: Record) -> list[StrategyFace]:
    """Whoever is on record need not be shown anything."""
    return [
        StrategyFace(
            name=name,
            title=name,
            startup_candles=1,
            reads_text=record.reads_text[name],
            sha256=record.sha256[name],
        )
        for name in record.timelines
    ]


def taking_part(plan: Plan, record: Record, names: Iterable[str]) -> Plan:
    """The plan over the time that is on record, in which `names` are answered from it and the others are asked.

    Outside that time they had no voice, so nothing of it is traded. DataError where the two do not meet.
    """
    timelines = {name: record.timelines[name] for name in names if name in record.timelines}
    if not timelines:
        raise DataError(f"no opinions of {', '.join(names) or 'anybody who reads text'} are on record")
    known = replace(record, timelines=timelines)
    ts = plan.series.ts
    first = max(int(np.searchsorted(ts, ms_of(record.first_at))), plan.warmup)
    end = int(np.searchsorted(ts, ms_of(record.last_at)))
    if first >= end:
        span = f"{record.first_at:%Y-%m-%d %H:%M} to {record.last_at:%Y-%m-%d %H:%M} UTC"
        raise DataError(f"{plan.data}: has no candles to trade on from {span}, where opinions are on record")
    return replace(
        plan,
        series=plan.series[first - plan.warmup : end],
        rules=answered_from(plan.rules, known),
        faces=[*plan.faces, *faces_of(known)],
        timelines={**plan.timelines, **timelines},
    )


# ---------------------------------------------------------------- as a file


def write_file(path: Path, signals: Iterable[Signal]) -> int:
    """One opinion a line, as the journal writes it; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for signal in signals:
            file.write(codec.encode(signal) + "\n")
            count += 1
    return count


def read_file(path: Path) -> list[Signal]:
    """DataError names the line that is no opinion."""
    found: list[Signal] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as opinions ({error})") from error
    for number, line in enumerate(lines, 1):
        try:
            signal = codec.decode(line)
        except TraderError as error:
            raise DataError(f"{path}: line {number} is no opinion: {error}") from error
        if not isinstance(signal, Signal):
            raise DataError(f"{path}: line {number} is no opinion")
        found.append(signal)
    return sorted(found, key=lambda signal: signal.given_at)


def told(record: Record, names: Iterable[str]) -> str:
    """From when to when, for a warning."""
    who = ", ".join(sorted(set(names) & set(record.timelines)))
    return (
        f"opinions of {who} are on record from {record.first_at.astimezone(UTC):%Y-%m-%d %H:%M} to "
        f"{record.last_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC: only this time is traded; where an answer "
        "was missing then, it is missing here"
    )
