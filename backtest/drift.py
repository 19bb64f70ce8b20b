"""A day that was traded beside the same day in a backtest: each trade side by side, and what the difference cost.

Both sides see the same candles and the same recorded opinions under the rules that held when the day began. Only
trades that were opened within the day are compared; the backtest begins with the day's real equity, all of it in cash,
so that its positions have the real size. What is still open when the day ends is valued at the day's last price.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from app.core.decisions import Decision, Outcome
from app.core.errors import DataError
from app.core.model import Candle, Direction, ExitReason, OrderType, Position, Trade
from app.core.money import ZERO, plain
from app.core.rules import Simulation
from app.core.state import open_positions
from app.days import Lived
from backtest.recorded import answered_from, faces_of, record_of
from backtest.replay import Run
from backtest.result import text_of
from backtest.running import Plan
from backtest.series import candle_at, series_of
from backtest.timeline import Recorded

CENT = Decimal("0.01")
NEAR = timedelta(minutes=2)  # closer than that, times are the same for a backtest on minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One trade on one side. `exit_reason` is None where it is still open, valued at the day's last price."""

    opened_at: datetime
    closed_at: datetime | None
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    exit_reason: ExitReason | None
    fees: Decimal
    profit_loss: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """`kind`: same, differs, missed and refused (only the backtest traded; refused: a limit of ours said no), extra
    (only we traded). `difference_usd` is what really happened less what the backtest says."""

    kind: str
    candle_at: datetime
    real: Side | None
    backtest: Side | None
    difference_usd: Decimal
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """`fills_bps`: how much dearer than in the backtest was bought, on average, in hundredths of a per cent."""

    day: datetime
    pairs: list[Pair]
    real_usd: Decimal
    backtest_usd: Decimal
    fills_bps: float | None
    notes: list[str] = field(default_factory=list)

    @property
    def difference_usd(self) -> Decimal:
        return self.real_usd - self.backtest_usd


# ---------------------------------------------------------------- the same day again


def plan_of(lived: Lived, seen: Sequence[Candle], simulation: Simulation, version: str) -> Plan:
    """`seen`: the day's candles, and those before it that fill the first candle of the strategies' time frame.

    DataError where the day cannot be traded again.
    """
    if lived.began is None:
        raise DataError(f"{lived.day:%Y-%m-%d}: trading did not begin on this day")
    record = record_of(lived.signals)
    rules = answered_from(lived.rules, record)
    warmup = sum(candle.opened_at < lived.began for candle in seen)
    if warmup >= len(seen):
        raise DataError(f"{lived.day:%Y-%m-%d}: the market's candles of this day are not on record")
    return Plan(
        series=series_of(seen),
        data=f"{lived.day:%Y-%m-%d}",
        warmup=warmup,
        rules=rules,
        simulation=_as_traded(simulation, lived),
        cash=lived.equity,
        strategies=Recorded(record.timelines),
        faces=faces_of(record),
        timelines=record.timelines,
        version=version,
        config_sha256=lived.config_sha256,
    )


def _as_traded(simulation: Simulation, lived: Lived) -> Simulation:
    """With the grid, fees and kind of stop of the market that was traded."""
    market = lived.instrument
    if market is None:
        return simulation
    return replace(
        simulation,
        price_tick=market.price_tick,
        quantity_step=market.quantity_step,
        min_notional=market.min_notional,
        fee_pct=market.taker_fee_pct if lived.live else simulation.fee_pct,
        stop="market" if OrderType.STOP_LOSS in market.order_types else "limit",
    )


def candles_wanted(lived: Lived) -> tuple[datetime, datetime]:
    """From when to when: the day, and two candles of the strategies' before it."""
    step = timedelta(seconds=lived.rules.voting.timeframe_seconds)
    return lived.day - 2 * step, lived.day + timedelta(days=1)


# ---------------------------------------------------------------- side by side


def compare(lived: Lived, plan: Plan, run: Run) -> Drift:
    """`run` is what came of `plan`."""
    last = candle_at(plan.series, -1).close
    decided = {decision.id: decision for decision in lived.decisions}
    carried = {position.id for position in lived.carried}
    ours = {trade.id: trade for trade in lived.trades if trade.id not in carried}
    still = [position for position in lived.open if position.id not in carried]
    real = _sides(ours.values(), still, decided, last)
    theirs = {decision.id: decision for decision in run.decisions}
    simulated = _sides(run.trades, open_positions(run.engine.state), theirs, last)
    pairs = [
        _pair(candle_at, real.get(candle_at), simulated.get(candle_at), lived, run)
        for candle_at in sorted(real.keys() | simulated.keys())
    ]
    return Drift(
        day=lived.day,
        pairs=pairs,
        real_usd=_sum(pair.real for pair in pairs),
        backtest_usd=_sum(pair.backtest for pair in pairs),
        fills_bps=_fills_bps(pairs),
        notes=_notes(lived),
    )


def _sides(
    trades: Iterable[Trade], positions: Iterable[Position], decided: dict[str, Decision], price: Decimal
) -> dict[datetime, Side]:
    """By the closed candle that each entry was decided on: at most one entry stands on a candle."""
    sides = {}
    for trade in trades:
        if (decision := decided.get(trade.decision_id)) is not None:
            sides[decision.candle_at] = _closed(trade)
    for position in positions:
        if position.entry_quantity and (decision := decided.get(position.decision_id)) is not None:
            sides[decision.candle_at] = _open(position, price)
    return sides


def _closed(trade: Trade) -> Side:
    return Side(
        opened_at=trade.opened_at,
        closed_at=trade.closed_at,
        quantity=trade.quantity,
        entry_price=trade.entry_price,
        exit_price=trade.exit_price,
        exit_reason=trade.exit_reason,
        fees=trade.fees,
        profit_loss=trade.profit_loss,
    )


def _open(position: Position, price: Decimal) -> Side:
    return Side(
        opened_at=position.opened_at,
        closed_at=None,
        quantity=position.quantity,
        entry_price=position.entry_price,
        exit_price=price,
        exit_reason=None,
        fees=position.entry_fees,
        profit_loss=position.proceeds + position.remaining * price - position.cost,
    )


def _pair(candle_at: datetime, real: Side | None, backtest: Side | None, lived: Lived, run: Run) -> Pair:
    difference = (real.profit_loss if real else ZERO) - (backtest.profit_loss if backtest else ZERO)
    if real and backtest:
        why = differences(real, backtest)
        kind = "differs" if why else "same"
    elif backtest:
        kind, why = _why_not_we(candle_at, backtest.opened_at, lived)
    else:
        kind, why = "extra", _why_not_they(candle_at, run.decisions)
    return Pair(kind=kind, candle_at=candle_at, real=real, backtest=backtest, difference_usd=difference, why=why)


def differences(real: Side, backtest: Side) -> str:
    """What is not alike, in words; "" where nothing is."""
    words = []
    bought = real.entry_price - backtest.entry_price
    if abs(bought) >= CENT:
        dearer = "dearer" if bought > ZERO else "cheaper"
        words.append(f"bought {abs(bought):.2f} {dearer} ({bought / backtest.entry_price * 100:+.3f} %)")
    if real.quantity != backtest.quantity:
        words.append(f"{plain(real.quantity)} instead of {plain(backtest.quantity)}")
    words += _later("bought", real.opened_at, backtest.opened_at)
    if real.exit_reason is not backtest.exit_reason:
        words.append(f"{_ended(real)} instead of {_ended(backtest)}")
    if real.closed_at and backtest.closed_at:
        words += _later("sold", real.closed_at, backtest.closed_at)
        sold = real.exit_price - backtest.exit_price
        if abs(sold) >= CENT:
            dearer = "dearer" if sold > ZERO else "cheaper"
            words.append(f"sold {abs(sold):.2f} {dearer} ({sold / backtest.exit_price * 100:+.3f} %)")
    return ", ".join(words)


def _later(what: str, real: datetime, backtest: datetime) -> list[str]:
    apart = real - backtest
    if abs(apart) < NEAR:
        return []
    minutes = round(abs(apart).total_seconds() / 60)
    return [f"{what} {minutes} min {'later' if apart > timedelta(0) else 'earlier'}"]


def _ended(side: Side) -> str:
    return f"exit by {side.exit_reason.replace('_', ' ')}" if side.exit_reason else "still open"


def _why_not_we(candle_at: datetime, at: datetime, lived: Lived) -> tuple[str, str]:
    """(kind, why) of a trade that only the backtest made."""
    here = [decision for decision in lived.decisions if decision.candle_at == candle_at]
    unfilled = {position.decision_id for position in lived.unfilled}
    if any(decision.id in unfilled for decision in here):
        return "missed", "the entry was sent, and nobody sold at its price"
    if (no := next((decision for decision in here if decision.outcome is Outcome.REFUSED), None)) is not None:
        return "refused", no.reason
    if why := lived.why_shut(at):
        return "missed", f"trading was {why}"
    if here:
        return "missed", f"the vote said: {here[-1].vote.text}"
    return "missed", "no vote was held on this candle: the trader was down, or an answer was still awaited"


def _why_not_they(candle_at: datetime, decisions: Sequence[Decision]) -> str:
    here = [decision for decision in decisions if decision.candle_at == candle_at]
    for decision in here:
        if decision.outcome is Outcome.REFUSED:
            return f"the backtest was refused it: {decision.reason}"
        if decision.action is Direction.BUY:
            return "in the backtest the entry was sent, and nobody sold at its price"
    return (
        f"in the backtest the vote said: {here[-1].vote.text}" if here else "the backtest held no vote on this candle"
    )


def _sum(sides: Iterable[Side | None]) -> Decimal:
    return sum((side.profit_loss for side in sides if side), ZERO)


def _fills_bps(pairs: Sequence[Pair]) -> float | None:
    both = [(pair.real, pair.backtest) for pair in pairs if pair.real and pair.backtest]
    if not both:
        return None
    return round(
        float(sum((real.entry_price / backtest.entry_price - 1) * 10_000 for real, backtest in both)) / len(both), 2
    )


def _notes(lived: Lived) -> list[str]:
    notes = list(lived.notes)
    if lived.carried:
        notes.insert(
            0,
            f"{len(lived.carried)} positions were open when the day began; they are not compared, but they took up "
            "room that the backtest had",
        )
    return notes


# ---------------------------------------------------------------- in words


def row_of(drift: Drift) -> dict[str, Any]:
    """For programs, and for the books: decimals as text, times as RFC 3339."""
    counts = {kind: sum(pair.kind == kind for pair in drift.pairs) for kind in KINDS}
    return {
        "day": f"{drift.day:%Y-%m-%d}",
        **counts,
        "real_usd": _cents(drift.real_usd),
        "backtest_usd": _cents(drift.backtest_usd),
        "difference_usd": _cents(drift.difference_usd),
        "fills_bps": drift.fills_bps,
        "trades": [_told(asdict(pair)) for pair in drift.pairs],
        "notes": drift.notes,
    }


KINDS = ("same", "differs", "missed", "refused", "extra")


def _cents(value: Decimal) -> str:
    return plain(value.quantize(CENT))


def _told(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _cents(each) if name.endswith(("_usd", "profit_loss")) else _told(each)
            for name, each in value.items()
        }
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return text_of(value)
    return value


def text(drift: Drift) -> list[str]:
    row = row_of(drift)
    said = ", ".join(f"{row[kind]} {kind}" for kind in KINDS if row[kind]) or "no trades on either side"
    lines = [f"{row['day']}: {said}"]
    for pair in drift.pairs:
        real, backtest = _side(pair.real), _side(pair.backtest)
        lines.append(
            f"{pair.candle_at:%H:%M} {pair.kind:8} {pair.difference_usd:+9.2f}  really {real}; backtest {backtest}"
        )
        lines += [f"      {pair.why}"] if pair.why else []
    lines.append(
        f"trades opened on this day: really {drift.real_usd:+.2f}, in the backtest {drift.backtest_usd:+.2f}: "
        f"{_compared(drift.difference_usd)}"
    )
    if drift.fills_bps is not None:
        lines.append(f"entries were filled {drift.fills_bps:+.1f} bps against the backtest's (+ is dearer)")
    return lines + [f"note: {note}" for note in drift.notes]


def _compared(difference: Decimal) -> str:
    if not difference.quantize(CENT):
        return "what the backtest says"
    return f"{abs(difference):.2f} {'worse' if difference < ZERO else 'better'} than the backtest says"


def _side(side: Side | None) -> str:
    if side is None:
        return "nothing"
    return f"{side.entry_price:.2f} → {side.exit_price:.2f} {_ended(side)} {side.profit_loss:+.2f}"
