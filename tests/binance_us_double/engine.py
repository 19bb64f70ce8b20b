"""Takes orders, checks them, locks their money, cancels, replaces, expires. The filling is in `matching`. Everything
here is one step: whoever asks next sees all of it or nothing.
"""

import hashlib
from decimal import Decimal

from tests.binance_us_double.amounts import ZERO
from tests.binance_us_double.listing import STOPS, Listing
from tests.binance_us_double.matching import Matching
from tests.binance_us_double.orders import Order, Wish
from tests.binance_us_double.refusals import (
    DUPLICATE,
    INSUFFICIENT,
    UNKNOWN_ORDER,
    WOULD_TAKE,
    WOULD_TRIGGER,
    Refused,
    filter_failure,
)

FIRST_ORDER_ID = 2_281_896_600


class Engine(Matching):
    cancel_renames = False  # True: after a cancellation queries name the cancellation's id
    cancel_without_time = True  # as documented; False: the answer to a cancellation says when it was done
    _made_ids = 0

    # ---------------------------------------------------------------- looking

    def listing(self, symbol: str) -> Listing:
        if symbol not in self.listings:
            raise Refused(-1121)
        return self.listings[symbol]

    def find(self, symbol: str, order_id: int | None, client_id: str | None) -> Order | None:
        """By number, else the newest of that name; ids may have been used again."""
        for order in reversed(self.orders):
            if order.wish.symbol == symbol and (
                order.id == order_id if order_id is not None else order.wish.client_id == client_id
            ):
                return order
        return None

    def of(self, client_id: str) -> Order:
        """The newest order of that name on any pair, for tests."""
        found = [each for each in self.orders if each.wish.client_id == client_id]
        if not found:
            raise KeyError(f"no order {client_id}")
        return found[-1]

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        return [each for each in self._live.values() if symbol in (None, each.wish.symbol)]

    def new_id(self, prefix: str = "") -> str:
        """An id as the exchange makes them, the same in each run."""
        self._made_ids += 1
        return prefix + hashlib.sha256(f"id {self._made_ids}".encode()).hexdigest()[: 32 if prefix else 22]

    # ---------------------------------------------------------------- taking an order

    def check(self, wish: Wish) -> None:
        """What is checked before the engine sees the order: the listing's filters."""
        listing, market = self.listing(wish.symbol), self.markets[wish.symbol]
        listing.check_open()
        listing.check_type(wish.type)
        average = market.averaged()
        for price in (wish.price, wish.stop_price):
            if price is not None:
                listing.check_price(price)
        if wish.price is not None:
            listing.check_percent(wish.price, average)
        if wish.trailing_delta is not None:
            listing.check_trailing(wish.trailing_delta)
        if wish.stp and wish.stp not in listing.stp_modes:
            raise Refused(-1130, "Data sent for parameter 'selfTradePreventionMode' is not valid.")
        if wish.quantity is not None:
            listing.check_quantity(wish.quantity, market=wish.type == "MARKET")
            listing.check_notional(wish.quantity * (wish.price or average))
        elif not listing.quote_order_quantity:
            raise Refused(-2010, "Quote order qty market orders are not support for this symbol.")
        else:
            listing.check_notional(wish.quote_quantity or ZERO)
        self._check_room(wish, listing)

    def _check_room(self, wish: Wish, listing: Listing, leaving: Order | None = None) -> None:
        resting = [each for each in self.open_orders(wish.symbol) if each is not leaving]
        algos = sum(1 for each in resting if each.is_stop)
        listing.check_room(len(resting), algos, algo=wish.type in STOPS)

    def place(self, wish: Wish, *, by_owner: bool = False) -> Order:
        self.check(wish)
        return self._accept(wish, by_owner=by_owner)

    def _accept(self, wish: Wish, *, by_owner: bool = False) -> Order:
        """What only the engine itself can refuse; from here on the order exists."""
        listing, market = self.listings[wish.symbol], self.markets[wish.symbol]
        if not self.wallet.can_trade:
            raise Refused(-2010, "This action is disabled on this account.")
        if any(each.wish.client_id == wish.client_id for each in self.open_orders()):
            raise Refused(-2010, DUPLICATE)
        if wish.type in STOPS and wish.stop_price is not None and self.triggers(wish, market.price):
            raise Refused(-2010, WOULD_TRIGGER)
        if wish.type == "LIMIT_MAKER" and self.would_take(wish):
            raise Refused(-2010, WOULD_TAKE)
        quantity = wish.quantity if wish.quantity is not None else self.quantity_for(wish)
        lock = self._lock_of(wish, quantity)
        if lock > self.wallet.free.get(self._pays(wish), ZERO):
            raise Refused(-2010, INSUFFICIENT)
        at = self.clock.ms()
        order = Order(
            id=FIRST_ORDER_ID + len(self.orders) + 1,
            wish=wish,
            quantity=quantity,
            made_ms=at,
            stp=wish.stp or listing.stp,
            by_owner=by_owner,
            changed_ms=at,
        )
        if order.is_limit or order.is_stop:
            order.locked = lock
            self.wallet.lock(self._pays(wish), lock)
        self.start(order)
        return order

    def _pays(self, wish: Wish) -> str:
        listing = self.listings[wish.symbol]
        return listing.quote if wish.side == "BUY" else listing.base

    def _lock_of(self, wish: Wish, quantity: Decimal) -> Decimal:
        if wish.side == "SELL":
            return quantity
        if wish.price is not None:
            return quantity * wish.price
        if wish.type in STOPS:
            return quantity * (wish.stop_price or self.markets[wish.symbol].price)
        return self.cost_of(wish, quantity)

    # ---------------------------------------------------------------- taking it back

    def cancel(self, order: Order | None, cancel_id: str = "", restriction: str | None = None) -> Order:
        """What DELETE does. An order that the engine no longer holds is unknown to it, filled or not."""
        if order is None or not order.is_open:
            raise Refused(-2011, UNKNOWN_ORDER)
        wanted = {"ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}.get(restriction or "", order.status)
        if order.status != wanted:
            raise Refused(-2011, "Order was not canceled due to cancel restrictions.")
        order.cancel_id = cancel_id or self.new_id()
        self.end(order, "CANCELED", "CANCELED")
        return order

    def expire(self, order: Order, reason: str = "EXCHANGE_CANCELED") -> Order:
        """The exchange itself takes an order off the book (maintenance, a clean-up)."""
        if not order.is_open:
            raise ValueError(f"order {order.wish.client_id} is {order.status}")
        order.reason = reason
        self.end(order, "EXPIRED", "EXPIRED")
        return order

    def archive(self, order: Order) -> None:
        """As if it were more than 90 days old: queries answer -2026 from now on."""
        order.archived = True

    def replace(
        self, old: Order | None, wish: Wish, *, must_cancel: bool, cancel_id: str = "", restriction: str | None = None
    ) -> tuple[Order | Refused, Order | Refused | None]:
        """cancelReplace after its parameters were read: what became of each half. The filters come first, before
        anything is cancelled, and know that the old order will make room.
        """
        listing = self.listing(wish.symbol)
        if not listing.cancel_replace:
            raise Refused(-2010, "Order cancel-replace is not supported for this symbol.")
        leaving = old if old is not None and old.is_open else None
        try:
            self.check(wish)
        except Refused as refused:
            if leaving is None or refused.msg not in (
                filter_failure("MAX_NUM_ORDERS").msg,
                filter_failure("MAX_NUM_ALGO_ORDERS").msg,
            ):
                raise
            self._check_room(wish, listing, leaving)
        canceled: Order | Refused
        try:
            canceled = self.cancel(old, cancel_id, restriction)
        except Refused as refused:
            canceled = refused
            if must_cancel:
                return canceled, None
        try:
            return canceled, self._accept(wish)
        except Refused as refused:
            return canceled, refused
