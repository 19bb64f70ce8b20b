"""From a vote to an order: hold it, judge it, and keep the decision with everything that led there."""

from datetime import timedelta

from app.core import life, orders, portfolio, risk
from app.core.decisions import Decision, Outcome, RiskCheck, Shown, Vote
from app.core.messages import VoteCalled
from app.core.model import Direction, ExitReason, Order, OrderBook, Position, PositionStatus, Role
from app.core.money import ZERO, part
from app.core.risk import Approved, EntryFacts, Refused
from app.core.state import (
    State,
    cash_locked,
    held,
    in_doubt,
    liquidated,
    live_orders,
    open_positions,
    price_of,
    standing,
)
from app.core.turn import Turn
from app.core.values import changed
from app.core.voting import hold_vote


def vote_called(turn: Turn, message: VoteCalled) -> None:
    """Hold the vote. While trading is not open nobody is asked and no vote is held."""
    if standing(turn.state, turn.now)[0] != "TRADING":
        return
    vote = hold_vote(turn.state.rules.voting, turn.state.signals, turn.now)
    if message.preliminary and (vote.action is not Direction.SELL or not _sellable(turn)):
        return
    if vote.action is Direction.BUY:
        _buy(turn, message.shown, vote, message.book)
    elif vote.action is Direction.SELL:
        _sell(turn, message.shown, vote)
    else:
        _keep(turn, _decision(turn, message.shown, vote, Outcome.HOLD, vote.text))


def preview(state: State, shown: Shown, book: OrderBook | None = None) -> tuple[Vote, Approved | Refused]:
    """The vote and the entry review as they would come out now, for people who ask why not."""
    vote = hold_vote(state.rules.voting, state.signals, state.now)
    turn = Turn(state, state.now)
    return vote, risk.review(_facts(turn, shown, book), state.rules.risk, turn.instrument)


def _sell(turn: Turn, shown: Shown, vote: Vote) -> None:
    closing = _sellable(turn)
    if not closing:
        _keep(turn, _decision(turn, shown, vote, Outcome.HOLD, f"{vote.text}; nothing to sell"))
        return
    decision = _decision(turn, shown, vote, Outcome.ORDER, vote.text)
    for position in closing:
        life.begin_close(turn, position, ExitReason.VOTE, decision=decision)
    ids = tuple(order.id for order in turn.changes.values() if isinstance(order, Order))
    _keep(turn, changed(decision, order_ids=ids))


def _sellable(turn: Turn) -> list[Position]:
    return [position for position in open_positions(turn.state) if position.exit_reason is None]


def _buy(turn: Turn, shown: Shown, vote: Vote, book: OrderBook | None) -> None:
    verdict = risk.review(_facts(turn, shown, book), turn.limits, turn.instrument)
    if isinstance(verdict, Refused):
        _keep(turn, _decision(turn, shown, vote, Outcome.REFUSED, verdict.reason, verdict.checks))
        return
    decision = _decision(turn, shown, vote, Outcome.ORDER, vote.text, verdict.checks)
    state = turn.state
    state.trade_number += 1
    started = state.started
    tag = started.tag if started else ""
    position = Position(
        id=orders.position_id(tag, orders.base36(state.trade_number, 7)),
        symbol=turn.instrument.symbol,
        status=PositionStatus.ENTERING,
        opened_at=turn.now,
        decision_id=decision.id,
        candle_at=shown.last_at,
        signals=decision.signals,
        reasoning=_reasoning(decision),
    )
    _, place = turn.order(position, Role.ENTRY, verdict.type, verdict.quantity, price=verdict.price)
    state.entry_candle_at = shown.last_at
    turn.set_account(day_entries=turn.account.day_entries + 1)
    turn.do(place)
    _keep(turn, changed(decision, order_ids=(place.client_order_id,)))


def _reasoning(decision: Decision) -> str:
    said = [f"{signal.strategy}: {signal.reasoning}" for signal in decision.signals if signal.action is decision.action]
    without = [decision.vote.without_headline] if decision.vote.without_headline else []
    return "; ".join([decision.vote.text, *said, *without])


def _decision(
    turn: Turn, shown: Shown, vote: Vote, outcome: Outcome, reason: str, risk_checks: tuple[RiskCheck, ...] = ()
) -> Decision:
    state, rules, started = turn.state, turn.state.rules.voting, turn.state.started
    names = {term.strategy for term in vote.terms}
    return Decision(
        id=f"{started.tag if started else ''}-d{orders.base36(state.decision_number + 1, 7)}",
        at=turn.now,
        candle_at=shown.last_at,
        symbol=turn.instrument.symbol,
        action=vote.action,
        score=vote.score,
        participation_pct=vote.participation_pct,
        price=price_of(state),
        outcome=outcome,
        reason=reason,
        vote=vote,
        shown=shown,
        signals=tuple(signal for name, signal in sorted(state.signals.items()) if name in names),
        risk_checks=risk_checks,
        buy_threshold=rules.buy_threshold,
        sell_threshold=rules.sell_threshold,
        min_participation=rules.min_participation,
        program_version=started.program_version if started else "",
        config_sha256=started.config_sha256 if started else "",
    )


def _keep(turn: Turn, decision: Decision) -> None:
    """Store the decision unless it says the same as the last one for the same candle."""
    last = turn.state.last_decision
    if last is not None and decision.outcome is not Outcome.ORDER and _says_the_same(last, decision):
        return
    turn.state.decision_number += 1
    turn.state.last_decision = decision
    turn.note(decision)


def _says_the_same(one: Decision, other: Decision) -> bool:
    """Same candle, same action and outcome, same checks failed, the same opinions to five points of confidence: news
    fade a little each minute, and that is no new decision."""

    def gist(decision: Decision) -> tuple[object, ...]:
        failed = tuple(check.name for check in decision.risk_checks if not check.passed)
        terms = tuple(
            (term.strategy, term.status, term.weight, term.sign, term.confidence // 5) for term in decision.vote.terms
        )
        return decision.candle_at, decision.action, decision.outcome, failed, terms

    return gist(one) == gist(other)


def _facts(turn: Turn, shown: Shown, book: OrderBook | None) -> EntryFacts:
    state = turn.state
    entries = live_orders(state, Role.ENTRY)
    reserved = cash_locked(entries)
    fee = turn.instrument.taker_fee_pct
    bid = state.quote.bid if state.quote else ZERO
    return EntryFacts(
        at=turn.now,
        equity=liquidated(state) if state.quote else None,
        cash_free=turn.account.cash - reserved - part(reserved, fee) - state.locked_elsewhere,
        quote=state.quote,
        reference_price=state.reference_price,
        held_notional=held(state) * bid,
        reserved_notional=reserved,
        open_positions=len(open_positions(state)),
        entries_in_flight=len(entries),
        entries_today=turn.account.day_entries,
        orders_in_doubt=len(in_doubt(state)),
        candle_used=state.entry_candle_at == shown.last_at,
        candles_since_exit=_candles_since_exit(state, shown),
        contiguous=shown.contiguous,
        blockers=_blockers(turn),
        candle_fed=state.started is not None and state.started.candle_fed,
        book=book,
    )


def _candles_since_exit(state: State, shown: Shown) -> int | None:
    """Closed candles of the strategies' time frame since the last exit, the shown one included."""
    if state.exit_at is None:
        return None
    length = timedelta(seconds=state.rules.voting.timeframe_seconds)
    exit_candle = portfolio.midnight(state.exit_at)
    exit_candle += (state.exit_at - exit_candle) // length * length
    return int((shown.last_at - exit_candle) / length)


def _blockers(turn: Turn) -> tuple[str, ...]:
    name, reason, _ = standing(turn.state, turn.now)
    return () if name == "TRADING" else (f"{name.lower()}: {reason}",)
