"""Deposits and withdrawals: neutral to every loss figure, each booked once, whoever tells of it.

The exchange's stream tells of one as it happens; its list knows those that nobody heard. A difference between balances
and books is never taken for one by itself: what is listed must make it up.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations

from app.core import portfolio
from app.core.messages import AccountSeen, FlowSeen
from app.core.model import Flow, ListedFlow
from app.core.money import ONE, ZERO, part
from app.core.state import liquidated
from app.core.turn import Turn

CENT = Decimal("0.01")
MOST_AT_ONCE = 8  # unheard flows that are looked at together
KEPT = 20


def seen(turn: Turn, message: FlowSeen) -> None:
    """Once, however often it is told, and not again where the list told of it first."""
    state = turn.state
    if message.id in state.flow_ids:
        return
    turn.touch()
    state.flow_ids.append(message.id)
    listed = [flow for flow in state.listed_flows if flow.amount == message.amount and message.at <= flow.at]
    if listed:
        state.listed_flows.remove(listed[0])
    else:
        _book(turn, message.id, message.amount, message.note)


def tolerance(turn: Turn) -> Decimal:
    """How far the balance may be from the books before it counts as changed: a dollar, or 0.1 % of equity."""
    return max(ONE, part(liquidated(turn.state), ONE / 10))


def explain(turn: Turn, message: AccountSeen) -> None:
    """Book those listed flows that make up the difference. What is listed while both agree is in the books already."""
    state = turn.state
    unheard = [flow for flow in message.flows or () if flow.id not in state.flow_ids]
    residual = message.quote_total - turn.account.cash
    chosen = _making_up(unheard, residual, CENT)
    if not chosen and abs(residual) > tolerance(turn):
        chosen = _making_up(unheard, residual, tolerance(turn))
        if not chosen:
            return
    for id, amount in chosen:
        state.listed_flows = [*state.listed_flows, Flow(id=id, at=turn.now, amount=amount)][-KEPT:]
        _book(turn, id, amount, "listed by the exchange")
    if unheard:
        state.flow_ids += [flow.id for flow in unheard]
        turn.touch()


def _making_up(flows: Sequence[ListedFlow], residual: Decimal, within: Decimal) -> Sequence[tuple[str, Decimal]]:
    """The fewest of them whose sum is the residual, with their fees or without: exchanges differ in what they list."""
    if abs(residual) <= CENT:
        return ()
    for count in range(1, min(len(flows), MOST_AT_ONCE) + 1):
        for some in combinations(flows[-MOST_AT_ONCE:], count):
            for fees in (ONE, ZERO):
                amounts = [flow.amount - fees * flow.fee for flow in some]
                if abs(sum(amounts, -residual)) <= within:
                    return [(flow.id, amount) for flow, amount in zip(some, amounts, strict=True)]
    return ()


def _book(turn: Turn, id: str, amount: Decimal, note: str) -> None:
    turn.state.flow_at = turn.now
    turn.state.account = portfolio.with_flow(turn.account, amount, liquidated(turn.state))
    turn.note(Flow(id=id, at=turn.now, amount=amount, note=note))
