"""The pure pretend exchange: balances, resting stops, fills, fees, filters. One pessimistic fill model for all.

Fed with candles, a candle is lived through in steps, and the caller lets the trader answer after each:
  1. `stops_first`  stops with low ≤ stop fill at min(open, stop) less slippage, a waiting cancel or not (one with a
     limit that the open has jumped is sold by the trader's watchdog: at the worse of open and close less slippage);
  2. `cancels`      waiting cancels are carried out; `at_open` then fills what waits to be filled at the open;
  3. `new_stops`    stops that were placed since step 1 are tried against the same low.
Fed with prices (`at_price`), an order fills at the first price after it arrived, a stop at the first at or below it;
a stop with a limit that the price has jumped waits until the price is back at its limit, as on the real exchange.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from app.core.errors import ExchangeRefused
from app.core.messages import PlaceOrder
from app.core.model import Candle, Fill, Instrument, OrderReport, OrderStatus, OrderType, Role, Side
from app.core.money import ZERO, part
from app.core.orders import TERMINAL
from app.core.rules import Simulation
from app.core.values import changed, value

STOPS = {"market": OrderType.STOP_LOSS, "limit": OrderType.STOP_LOSS_LIMIT}
JUMPED = "a gap jumped the stop; sold at the market by the watchdog"


@value
class Resting:
    """An order that the pretend exchange holds. `armed` is False for a stop not yet tried in this candle.

    `triggered`: a stop with a limit that the price has jumped; it waits as a limit order from then on.
    """

    order: PlaceOrder
    exchange_id: str
    armed: bool = True
    cancelling: bool = False
    triggered: bool = False


@dataclass(slots=True, kw_only=True)
class Book:
    """Everything that the pretend exchange knows, so that it can be stored whole."""

    quote_total: Decimal
    base_total: Decimal = ZERO
    next_id: int = 1
    resting: dict[str, Resting] = field(default_factory=dict)
    reports: dict[str, OrderReport] = field(default_factory=dict)


class Simulator:
    def __init__(self, instrument: Instrument, simulation: Simulation, book: Book) -> None:
        self.instrument = instrument
        self.simulation = simulation
        self.book = book

    # ------------------------------------------------------------ requests

    def place(self, order: PlaceOrder, at: datetime) -> OrderReport:
        """Accept an order (it fills later). ExchangeRefused says which rule it breaks."""
        self._check(order)
        exchange_id = str(self.book.next_id)
        self.book.next_id += 1
        is_stop = order.role is Role.STOP
        self.book.resting[order.client_order_id] = Resting(order=order, exchange_id=exchange_id, armed=not is_stop)
        return self._report(order.client_order_id, exchange_id, OrderStatus.OPEN, at)

    def cancel(self, client_order_id: str, at: datetime, *, now: bool) -> OrderReport:
        """Ask for a cancel: carried out at once (live prices), or after this candle's stops (candles)."""
        resting = self.book.resting.get(client_order_id)
        if resting is None:
            raise ExchangeRefused("Unknown order sent.", code="-2011")
        if now:
            return self._end(client_order_id, OrderStatus.CANCELED, at)
        self.book.resting[client_order_id] = changed(resting, cancelling=True)
        return changed(self.book.reports[client_order_id], status=OrderStatus.CANCELLING)

    def replace(self, old_id: str, order: PlaceOrder, at: datetime) -> tuple[OrderReport, OrderReport]:
        """Cancel and place in one go, in force at once. Nothing happens when the old order is not open."""
        resting = self.book.resting.get(old_id)
        if resting is None or resting.cancelling:
            raise ExchangeRefused("Unknown order sent.", code="-2011")
        del self.book.resting[old_id]
        try:
            self._check(order)
        except ExchangeRefused:
            self.book.resting[old_id] = resting
            raise
        self.book.resting[old_id] = resting
        old = self._end(old_id, OrderStatus.CANCELED, at)
        return old, self.place(order, at)

    def _check(self, order: PlaceOrder) -> None:
        instrument = self.instrument
        if order.client_order_id in self.book.resting:
            raise ExchangeRefused("Duplicate order sent.", code="-2010")
        if order.symbol != instrument.symbol:
            raise ExchangeRefused("Invalid symbol.", code="-1121")
        if order.quantity <= ZERO or order.quantity != instrument.quantity_down(order.quantity):
            raise ExchangeRefused("Filter failure: LOT_SIZE", code="-1013")
        if order.type not in instrument.order_types:
            raise ExchangeRefused("Unsupported order type.", code="-1116")
        for price in (order.price, order.stop_price):
            if price is not None and (price <= ZERO or price != instrument.price_down(price)):
                raise ExchangeRefused("Filter failure: PRICE_FILTER", code="-1013")
        known = order.price or order.stop_price
        if known is not None and order.quantity * known < instrument.min_notional:
            raise ExchangeRefused("Filter failure: NOTIONAL", code="-1013")
        if order.role is Role.STOP and len(self._stops()) >= instrument.max_algo_orders:
            raise ExchangeRefused("Filter failure: MAX_NUM_ALGO_ORDERS", code="-1013")
        self._check_funds(order)

    def _check_funds(self, order: PlaceOrder) -> None:
        if order.side is Side.SELL and order.quantity > self.base_free:
            raise ExchangeRefused("Account has insufficient balance for requested action.", code="-2010")
        if order.side is Side.BUY and order.quantity * (order.price or ZERO) > self.quote_free:
            raise ExchangeRefused("Account has insufficient balance for requested action.", code="-2010")

    @property
    def base_free(self) -> Decimal:
        selling = (each.order.quantity for each in self.book.resting.values() if each.order.side is Side.SELL)
        return self.book.base_total - sum(selling, ZERO)

    @property
    def quote_free(self) -> Decimal:
        buying = (
            each.order.quantity * (each.order.price or ZERO)
            for each in self.book.resting.values()
            if each.order.side is Side.BUY
        )
        return self.book.quote_total - sum(buying, ZERO)

    def _stops(self) -> list[Resting]:
        return [each for each in self.book.resting.values() if each.order.role is Role.STOP]

    # ------------------------------------------------------------ a candle in steps

    def stops_first(self, candle: Candle, *, watched: bool = True) -> list[OrderReport]:
        """Step 1. Every stop that stood at the candle's open, whatever was asked for since.

        Not `watched`: the trader was down, so nobody came to the rescue of a stop that was jumped.
        """
        reports = []
        for resting in self._stops():
            if not resting.armed:
                self.book.resting[resting.order.client_order_id] = changed(resting, armed=True)
            reports += self._try_stop(resting, candle, watched=watched)
        return reports

    def cancels(self, at: datetime) -> list[OrderReport]:
        """Step 2a. Waiting cancels."""
        ids = [id for id, resting in self.book.resting.items() if resting.cancelling]
        return [self._end(id, OrderStatus.CANCELED, at) for id in ids]

    def at_open(self, candle: Candle) -> list[OrderReport]:
        """Step 2b. Entries and exits that wait fill at the open, plus or less slippage, or expire."""
        waiting = [each for each in self.book.resting.values() if each.order.role is not Role.STOP]
        return [self._take(each, candle.open, candle.opened_at) for each in waiting]

    def new_stops(self, candle: Candle) -> list[OrderReport]:
        """Step 3. Stops placed since step 1 are tried against the same low."""
        reports = []
        for resting in [each for each in self._stops() if not each.armed]:
            self.book.resting[resting.order.client_order_id] = changed(resting, armed=True)
            reports += self._try_stop(resting, candle, watched=True)
        return reports

    def quiet(self, candle: Candle) -> bool:
        """Whether nothing at all can happen in this candle."""
        return all(
            each.order.role is Role.STOP
            and not (each.cancelling or each.triggered)
            and candle.low > _stop_of(each.order)
            for each in self.book.resting.values()
        )

    # ------------------------------------------------------------ live prices

    def at_price(self, bid: Decimal, ask: Decimal, at: datetime, arrived_before: datetime) -> list[OrderReport]:
        """What the price brings: stops at or above the bid, then orders that arrived before `arrived_before`."""
        reports = []
        for resting in self._stops():
            if self.book.reports[resting.order.client_order_id].at <= arrived_before:
                reports += self._stop_at_price(resting, bid, at)
        waiting = [
            each
            for each in self.book.resting.values()
            if each.order.role is not Role.STOP and self.book.reports[each.order.client_order_id].at <= arrived_before
        ]
        return reports + [self._take(each, ask if each.order.side is Side.BUY else bid, at) for each in waiting]

    def _stop_at_price(self, resting: Resting, bid: Decimal, at: datetime) -> list[OrderReport]:
        """A stop sells at the market; one with a limit never below it, and waits where the price jumped it."""
        order = resting.order
        if bid > _stop_of(order) and not resting.triggered:
            return []
        limit = _limit_of(order)
        if limit is not None and bid < limit:
            self.book.resting[order.client_order_id] = changed(resting, triggered=True)
            return []
        worse = self._worse(bid, Side.SELL)
        return [self._fill(resting, worse if limit is None else max(worse, limit), at)]

    # ------------------------------------------------------------ filling

    def _try_stop(self, resting: Resting, candle: Candle, *, watched: bool) -> list[OrderReport]:
        stop, limit = _stop_of(resting.order), _limit_of(resting.order)
        if candle.low > stop and not resting.triggered:
            return []
        seen = candle.open if resting.triggered else min(candle.open, stop)
        if limit is None:
            return [self._fill(resting, self._worse(seen, Side.SELL), candle.opened_at)]
        if seen >= limit:
            return [self._fill(resting, max(self._worse(seen, Side.SELL), limit), candle.opened_at)]
        if watched:  # the watchdog takes it back and sells: nobody knows when in the candle, so at its worse end
            worse = self._worse(min(candle.open, candle.close), Side.SELL)
            return [self._fill(resting, worse, candle.opened_at, JUMPED)]
        if candle.high >= limit:
            return [self._fill(resting, limit, candle.opened_at)]
        self.book.resting[resting.order.client_order_id] = changed(resting, armed=True, triggered=True)
        return []

    def _take(self, resting: Resting, price: Decimal, at: datetime) -> OrderReport:
        """Market orders fill; an immediate-or-cancel limit fills unless the price has run past it."""
        order = resting.order
        worse = self._worse(price, order.side)
        limit = order.price if order.type is OrderType.LIMIT else None
        if limit is not None and worse > limit:
            return self._end(order.client_order_id, OrderStatus.EXPIRED, at)
        return self._fill(resting, worse, at)

    def _worse(self, price: Decimal, side: Side) -> Decimal:
        """`price` after slippage, on the tick, against us."""
        slip = part(price, self.simulation.slippage_pct)
        if side is Side.BUY:
            return self.instrument.price_up(price + slip)
        return self.instrument.price_down(price - slip)

    def _fill(self, resting: Resting, price: Decimal, at: datetime, reason: str = "") -> OrderReport:
        order, rate = resting.order, self.simulation.fee_pct
        notional = price * order.quantity
        in_base = order.side is Side.BUY and self.simulation.fee_in == "base"
        fee = part(order.quantity if in_base else notional, rate)
        if order.side is Side.BUY:
            self.book.quote_total -= notional if in_base else notional + fee
            self.book.base_total += order.quantity - (fee if in_base else ZERO)
        else:
            self.book.quote_total += notional - fee
            self.book.base_total -= order.quantity
        fill = Fill(
            id=f"{self.instrument.symbol}:{resting.exchange_id}",
            client_order_id=order.client_order_id,
            side=order.side,
            price=price,
            quantity=order.quantity,
            fee=fee,
            fee_asset=self.instrument.base if in_base else self.instrument.quote,
            at=at,
        )
        return self._end(order.client_order_id, OrderStatus.FILLED, at, (fill,), reason)

    def _end(
        self, client_order_id: str, status: OrderStatus, at: datetime, fills: tuple[Fill, ...] = (), reason: str = ""
    ) -> OrderReport:
        resting = self.book.resting.pop(client_order_id)
        return self._report(client_order_id, resting.exchange_id, status, at, fills, reason)

    def _report(
        self,
        client_order_id: str,
        exchange_id: str,
        status: OrderStatus,
        at: datetime,
        fills: tuple[Fill, ...] = (),
        reason: str = "",
    ) -> OrderReport:
        report = OrderReport(
            client_order_id=client_order_id,
            exchange_order_id=exchange_id,
            status=status,
            at=at,
            fills=fills,
            reason=reason,
        )
        self.book.reports[client_order_id] = report
        return report

    def is_open(self, client_order_id: str) -> bool:
        report = self.book.reports.get(client_order_id)
        return report is not None and report.status not in TERMINAL


def _stop_of(order: PlaceOrder) -> Decimal:
    return order.stop_price if order.stop_price is not None else ZERO


def _limit_of(order: PlaceOrder) -> Decimal | None:
    """Below which a stop does not sell; None for a real one."""
    return order.price if order.type is OrderType.STOP_LOSS_LIMIT else None


def instrument_for(symbol: str, simulation: Simulation) -> Instrument:
    """The pretend market's rules: those of a large bitcoin market, with the stops that `simulation` says."""
    base, quote = symbol.split("/")
    return Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        price_tick=simulation.price_tick,
        quantity_step=simulation.quantity_step,
        min_notional=simulation.min_notional,
        taker_fee_pct=simulation.fee_pct,
        order_types=(OrderType.LIMIT, OrderType.MARKET, STOPS[simulation.stop]),
    )
