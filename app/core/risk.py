"""Hard limits with the last word: entry review → Approved | Refused, loss limits, tripwires.

Every comparison is written so that NaN cannot pass it, and data that is missing refuses. Sizes are floored,
never rounded up, and never shrunk silently to what happens to be available.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from app.core.decisions import RiskCheck
from app.core.model import Instrument, OrderBook, OrderType, Quote
from app.core.money import HUNDRED, ZERO, bought, part, pct_of, plain
from app.core.rules import EntryOrder, EntryRules, RiskLimits, Tripwires
from app.core.stops import limit_price, protective_price
from app.core.values import value

NOTIONAL_MARGIN = Decimal("1.02")  # head-room over the exchange's minimum: prices move before an order arrives


@value
class EntryFacts:
    """Everything that an entry is judged on. `equity` is the liquidation equity; None where it cannot be known."""

    at: datetime
    equity: Decimal | None
    cash_free: Decimal
    quote: Quote | None
    reference_price: Decimal | None
    held_notional: Decimal  # bitcoin of ours at the bid
    reserved_notional: Decimal  # entries without a final answer, in full
    open_positions: int
    entries_in_flight: int
    entries_today: int
    orders_in_doubt: int
    candle_used: bool
    candles_since_exit: int | None
    contiguous: bool
    blockers: tuple[str, ...]  # pause, latches, closed gates, in words
    book: OrderBook | None = None
    candle_fed: bool


@value
class Approved:
    """The entry that may be sent."""

    type: OrderType
    quantity: Decimal
    price: Decimal  # the limit, and the cap on cost of a market order
    checks: tuple[RiskCheck, ...]


@value
class Refused:
    reason: str
    checks: tuple[RiskCheck, ...]


def review(facts: EntryFacts, limits: RiskLimits, instrument: Instrument) -> Approved | Refused:
    """Judge an entry: all checks are made and kept, the first that fails gives the reason."""
    checks = [*_state_checks(facts, limits), *_market_checks(facts, limits, instrument)]
    equity, quote = facts.equity, facts.quote
    if equity is None or not _positive(equity) or quote is None or not _positive(quote.ask):
        checks.append(_check("equity", False, "unknown", "known", "equity or price is not known"))
        return _refused(checks)
    cap = instrument.price_up(quote.ask + part(quote.ask, limits.entry.max_slippage_pct))
    if limits.entry.order is EntryOrder.LIMIT_IOC:
        cap = instrument.price_down(quote.ask + part(quote.ask, limits.entry.max_slippage_pct))
    quantity = instrument.quantity_down(bought(part(equity, limits.position_size_pct), cap))
    checks += _size_checks(facts, limits, instrument, equity, quantity, cap)
    if limits.entry.min_depth_pct is not None and not facts.candle_fed and quantity > ZERO and _possible(quote):
        checks.append(_depth_check(facts.book, quote, limits.entry, quantity))
    if all(check.passed for check in checks):
        order_type = OrderType.LIMIT if limits.entry.order is EntryOrder.LIMIT_IOC else OrderType.MARKET
        return Approved(type=order_type, quantity=quantity, price=cap, checks=tuple(checks))
    return _refused(checks)


def _positive(number: Decimal) -> bool:
    """Above zero; what is no finite number is not (comparing it would raise)."""
    return number.is_finite() and number > ZERO


def _possible(quote: Quote) -> bool:
    return quote.bid.is_finite() and quote.ask.is_finite() and ZERO < quote.bid <= quote.ask


def _refused(checks: Sequence[RiskCheck]) -> Refused:
    return Refused(reason=next(check.text for check in checks if not check.passed), checks=tuple(checks))


def _check(name: str, passed: bool, value: object, limit: object, text: str) -> RiskCheck:
    return RiskCheck(name=name, passed=passed, value=_shown(value), limit=_shown(limit), text=text)


def _shown(value: object) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)


def _state_checks(facts: EntryFacts, limits: RiskLimits) -> list[RiskCheck]:
    entry = limits.entry
    rest, cap = entry.cooldown_candles, entry.max_entries_per_day
    rested = rest is None or facts.candles_since_exit is None or facts.candles_since_exit > rest
    blockers = "; ".join(facts.blockers)
    return [
        _check("trading", not facts.blockers, blockers or "open", "open", blockers or "trading is open"),
        _check(
            "orders_in_doubt",
            facts.orders_in_doubt == 0,
            facts.orders_in_doubt,
            0,
            f"{facts.orders_in_doubt} order(s) without a certain answer",
        ),
        _check(
            "entry_in_flight",
            facts.entries_in_flight == 0,
            facts.entries_in_flight,
            0,
            "an entry is already on its way",
        ),
        _check(
            "open_positions",
            facts.open_positions < limits.max_open_positions,
            facts.open_positions,
            limits.max_open_positions,
            f"{facts.open_positions} of {limits.max_open_positions} positions are open",
        ),
        _check("new_candle", not facts.candle_used, not facts.candle_used, True, "this candle already had its entry"),
        _check(
            "cooldown",
            rested,
            "none" if facts.candles_since_exit is None else facts.candles_since_exit,
            "off" if rest is None else f"> {rest}",
            f"resting {rest} candle(s) after an exit",
        ),
        _check(
            "entries_today",
            cap is None or facts.entries_today < cap,
            facts.entries_today,
            "off" if cap is None else cap,
            f"{facts.entries_today} entries today, at most {cap}",
        ),
        _check("candles", facts.contiguous, facts.contiguous, True, "a candle is missing in what was shown"),
    ]


def _market_checks(facts: EntryFacts, limits: RiskLimits, instrument: Instrument) -> list[RiskCheck]:
    checks = [_check("market", instrument.trading, instrument.trading, True, f"{instrument.symbol} is not trading")]
    quote, spread_cap, basis_cap = facts.quote, limits.entry.max_spread_pct, limits.entry.max_basis_pct
    if quote is None:
        return [*checks, _check("price", False, "none", "known", "no price yet")]
    good = _possible(quote)
    checks.append(_check("price", good, quote.ask, "0 < bid ≤ ask", "the price is impossible"))
    if good and spread_cap is not None:
        spread = pct_of(quote.ask - quote.bid, quote.bid)
        checks.append(
            _check("spread", spread <= spread_cap, spread, spread_cap, f"spread {spread:.2f} %, at most {spread_cap} %")
        )
    if good and basis_cap is not None and not facts.candle_fed:
        checks.append(_basis_check(quote, facts.reference_price, basis_cap))
    return checks


def _basis_check(quote: Quote, reference: Decimal | None, cap: Decimal) -> RiskCheck:
    if reference is None:
        return _check("basis", False, "unknown", cap, "no reference price to compare with")
    basis = abs(pct_of(quote.price - reference, reference))
    return _check("basis", basis <= cap, basis, cap, f"price is {basis:.2f} % off its reference, at most {cap} %")


def _depth_check(book: OrderBook | None, quote: Quote, entry: EntryRules, quantity: Decimal) -> RiskCheck:
    """Enough on offer for the entry, and enough asked for to get out again, near the price."""
    least = entry.min_depth_pct or ZERO
    if book is None:
        return _check("depth", False, "unknown", least, "no order book to look at")
    near = part(quote.ask, entry.max_slippage_pct)
    to_buy = sum((level[1] for level in book.asks if level[0] <= quote.ask + near), ZERO)
    to_sell = sum((level[1] for level in book.bids if level[0] >= quote.bid - near), ZERO)
    depth = pct_of(min(to_buy, to_sell), quantity)
    text = f"the order book near the price holds {depth:.0f} % of the entry, at least {least} % needed"
    return _check("depth", depth >= least, depth, least, text)


def _size_checks(
    facts: EntryFacts, limits: RiskLimits, instrument: Instrument, equity: Decimal, quantity: Decimal, price: Decimal
) -> list[RiskCheck]:
    notional = quantity * price
    minimum = NOTIONAL_MARGIN * instrument.min_notional
    stop = protective_price(price, limits, instrument)
    stop_notional = instrument.quantity_down(quantity * (HUNDRED - instrument.taker_fee_pct) / HUNDRED) * limit_price(
        stop, limits, instrument
    )
    exposure = pct_of(facts.held_notional + facts.reserved_notional + notional, equity)
    budget = part(equity, limits.position_size_pct)
    return [
        _check("quantity", quantity > ZERO, quantity, "> 0", "the account is too small for one step of quantity"),
        _check("size", notional <= budget, notional, budget, f"size {limits.position_size_pct} % of equity"),
        _check(
            "balance",
            facts.cash_free >= budget,
            facts.cash_free,
            budget,
            f"Insufficient balance: {facts.cash_free:.2f} free, {budget:.2f} needed",
        ),
        _check(
            "min_notional",
            notional >= minimum and stop_notional >= minimum,
            min(notional, stop_notional),
            minimum,
            f"account too small: need about {_money(smallest_equity(price, limits, instrument), instrument)}",
        ),
        _check(
            "exposure",
            exposure <= limits.max_exposure_pct,
            exposure,
            limits.max_exposure_pct,
            f"exposure would be {exposure:.1f} %, at most {limits.max_exposure_pct} %",
        ),
    ]


def _money(amount: Decimal, instrument: Instrument) -> str:
    return f"${amount:.0f}" if instrument.quote == "USD" else f"{amount:.0f} {instrument.quote}"


def smallest_equity(price: Decimal, limits: RiskLimits, instrument: Instrument) -> Decimal:
    """About the least equity whose entry *and* stop pass the exchange's minimum notional at `price`."""
    stop = limit_price(protective_price(price, limits, instrument), limits, instrument)
    quantity = NOTIONAL_MARGIN * instrument.min_notional / stop * HUNDRED / (HUNDRED - instrument.taker_fee_pct)
    if step := instrument.quantity_step:
        quantity = (quantity // step + 2) * step
    return quantity * price * HUNDRED / limits.position_size_pct


def reached(loss_pct: Decimal, limit_pct: Decimal | None) -> bool:
    """Whether a loss has reached its limit (inclusive). A loss that is no number has."""
    if limit_pct is None:
        return False
    return not loss_pct.is_finite() or loss_pct >= limit_pct


@value
class Activity:
    """What the tripwires watch. Times are of orders and of definitive rejects, oldest first."""

    order_times: Sequence[datetime]
    reject_times: Sequence[datetime]
    day_notional: Decimal
    stop_outs: int
    equity: Decimal


def tripped(activity: Activity, wires: Tripwires, now: datetime) -> str | None:
    """Why trading ran away, or None."""
    if wires.orders_per_minute is not None:
        count = _since(activity.order_times, now, minutes=1)
        if count > wires.orders_per_minute:
            return f"{count} orders within a minute, at most {wires.orders_per_minute}"
    if wires.orders_per_hour is not None:
        count = _since(activity.order_times, now, minutes=60)
        if count > wires.orders_per_hour:
            return f"{count} orders within an hour, at most {wires.orders_per_hour}"
    if wires.rejects_in_10_minutes is not None:
        count = _since(activity.reject_times, now, minutes=10)
        if count >= wires.rejects_in_10_minutes:
            return f"{count} orders rejected within 10 minutes"
    if wires.stop_outs_in_a_row is not None and activity.stop_outs >= wires.stop_outs_in_a_row:
        return f"{activity.stop_outs} positions stopped out in a row"
    if wires.notional_per_day_pct is not None:
        share = pct_of(activity.day_notional, activity.equity)
        if share > wires.notional_per_day_pct:
            return f"bought {share:.0f} % of equity today, at most {wires.notional_per_day_pct} %"
    return None


def trade_loss_trips(profit_loss: Decimal, equity: Decimal, wires: Tripwires) -> str | None:
    """Whether one trade lost more than a careful size and stop ever should."""
    loss = -pct_of(profit_loss, equity)
    if wires.trade_loss_pct is not None and loss > wires.trade_loss_pct:
        return f"one trade lost {loss:.2f} % of equity, at most {wires.trade_loss_pct} %"
    return None


def _since(times: Sequence[datetime], now: datetime, minutes: int) -> int:
    return len(times) - bisect_right(times, now - timedelta(minutes=minutes))
