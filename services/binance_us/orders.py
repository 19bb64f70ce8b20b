"""Places, cancels, replaces and finds orders. Real money goes through here.

Never sends an id twice, nothing that our own checks refuse, and never says "not placed" or "ended" without proof:
what the answer leaves open is ExchangeUnreachable, and whoever asked finds out with `find`.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from app.core.errors import DataError, ExchangeBusy, ExchangeError, ExchangeRefused, ExchangeUnreachable
from app.core.messages import PlaceOrder
from app.core.model import Fill, OrderReport, OrderStatus, Role
from app.core.money import ZERO, part, positive
from app.core.orders import RESTING
from app.seam import Clock
from services.binance_us.believing import Incomplete, believed
from services.binance_us.checks import check_id, request_for
from services.binance_us.client import Client
from services.binance_us.errors import UNKNOWN_ORDER, Answer, HalfDone
from services.binance_us.history import History
from services.binance_us.instrument import Listing
from services.binance_us.limits import Urgency
from services.binance_us.replacing import Halves, halves_of
from services.binance_us.reports import (
    Row,
    Told,
    cancel_id,
    fill_of_trade,
    fills_in,
    is_named,
    owner,
    report,
    row_of,
    tells_fees,
    told,
    worth,
)

log = logging.getLogger(__name__)

LAG = timedelta(seconds=20)  # how long the exchange's lists may not know an order that it has confirmed
WORTH_SECONDS = 60.0
KEPT = 1_000


class Orders:
    def __init__(self, client: Client, history: History, listing: Callable[[], Listing], clock: Clock) -> None:
        self._client, self._history, self._listing, self._clock = client, history, listing, clock
        self._sent: set[str] = set()
        self._worth: dict[str, tuple[float, Decimal]] = {}  # asset → (when, price in quote currency)
        self.resting: dict[str, Decimal] = {}  # our orders on the exchange's book → executed so far
        self.confirmed: dict[str, OrderReport] = {}  # what the exchange last said of them
        self.numbers: dict[str, str] = {}  # the exchange's number of an order → our id
        self._ended: dict[str, float] = {}  # ours that have ended → when we heard of it (monotonic)
        self.activity = 0  # grows with everything that moves balances

    # ------------------------------------------------------------ requests

    async def place(self, order: PlaceOrder) -> OrderReport:
        request = request_for(order, self._listing())
        self._once_only(order.client_order_id)
        self.activity += 1
        urgency = Urgency.OPENING if order.role is Role.ENTRY else Urgency.CLOSING
        what = f"placing order {order.client_order_id}"
        body = await self._client.ask("private_post_order", request, what=what, urgency=urgency)
        return await self._whole(body, order.client_order_id, what)

    async def cancel(self, client_order_id: str) -> OrderReport:
        params = {"symbol": self._listing().market_id, "origClientOrderId": check_id(client_order_id)}
        params["newClientOrderId"] = cancel_id(client_order_id)
        self.activity += 1
        what = f"cancelling order {client_order_id}"
        try:
            body = await self._client.ask("private_delete_order", params, what=what, urgency=Urgency.CLOSING)
        except ExchangeRefused as refused:
            # The matching engine itself says so: where a question is answered with "open", that answer lags behind.
            if refused.code == UNKNOWN_ORDER and client_order_id in self.confirmed:
                self.end(client_order_id)
            raise
        return await self._whole(body, client_order_id, what)

    async def replace(self, old_id: str, order: PlaceOrder) -> tuple[OrderReport, OrderReport | None]:
        if not self._listing().cancel_replace:
            return await self._one_after_the_other(old_id, order)
        request = request_for(order, self._listing())
        request |= {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": check_id(old_id)}
        request["cancelNewClientOrderId"] = cancel_id(old_id)
        self._once_only(order.client_order_id)
        self.activity += 1
        what = f"replacing order {old_id}"
        halves = await self._halves(request, what)
        old = await self._cancelled(halves.cancelled, old_id, what)
        if halves.refused is not None:
            log.warning("%s: it is cancelled, but the new one was not taken: %s", what, halves.refused)
            return old, None
        return old, await self._whole(halves.placed, order.client_order_id, what)

    async def _cancelled(self, body: Any, old_id: str, what: str) -> OrderReport:
        """The old half, cancelled for certain. Where its answer does not tell it whole, it has to be asked for: that
        must not throw away what is certain about the new half."""
        try:
            return await self._whole(body, old_id, what)
        except ExchangeError as doubt:
            log.warning("%s: it is cancelled, but not told whole: %s", what, doubt)
            self.end(old_id)
            return self._to_be_asked_for(old_id, str(doubt))

    def _to_be_asked_for(self, client_order_id: str, reason: str) -> OrderReport:
        return OrderReport(
            client_order_id=client_order_id,
            exchange_order_id="",
            status=OrderStatus.CANCELLING,
            at=self._client.time.now(),
            reason=reason,
        )

    async def _halves(self, request: dict[str, str], what: str) -> Halves:
        call = "private_post_order_cancelreplace"
        try:
            answer = Answer(status=200, body=await self._client.ask(call, request, what=what, urgency=Urgency.CLOSING))
        except HalfDone as half:
            answer = half.answer
        with believed(what):
            return halves_of(answer, what)

    async def _one_after_the_other(self, old_id: str, order: PlaceOrder) -> tuple[OrderReport, OrderReport | None]:
        """Where the symbol has no cancelReplace."""
        request_for(order, self._listing())  # nothing is cancelled for an order that cannot be sent
        try:
            old = await self.cancel(old_id)
        except ExchangeUnreachable as doubt:  # nothing more is sent, and that is certain
            return self._to_be_asked_for(old_id, str(doubt)), None
        try:
            return old, await self.place(order)
        except ExchangeUnreachable:
            raise
        except ExchangeError as refused:
            log.warning("order %s is cancelled, but the new one was not taken: %s", old_id, refused)
            return old, None

    async def find(self, client_order_id: str) -> OrderReport | None:
        """What became of an order; None where the exchange answers that it has no such order."""
        row = await self.row(client_order_id)
        return None if row is None else await self.whole(row, client_order_id)

    async def row(self, client_order_id: str) -> Row | None:
        """The exchange's answer about an order. Whoever cancelled it, its row may carry the cancel's id since."""
        row = await self._history.order(check_id(client_order_id))
        if row is None or is_named(row, client_order_id) or row.get("status") != "CANCELED" or owner(row) is not None:
            return row
        number = next((number for number, id in self.numbers.items() if id == client_order_id), None)
        if number is not None and number != str(row.get("orderId")):
            return row
        return {**row, "origClientOrderId": client_order_id}

    def _once_only(self, client_order_id: str) -> None:
        """An id is no key that makes sending it again harmless: a filled order's id would be taken a second time."""
        if client_order_id in self._sent:
            raise ExchangeUnreachable(f"order {client_order_id} was sent before; ask what became of it")
        self._sent.add(client_order_id)

    # ------------------------------------------------------------ reports

    async def _whole(self, body: Any, client_order_id: str, what: str) -> OrderReport:
        """What the exchange has done. From here on nothing proves that it was not, least of all a question that it
        does not want to be asked now."""
        with believed(what):
            row = row_of(body, what)
        try:
            return await self.whole(row, client_order_id)
        except (ExchangeBusy, ExchangeRefused) as error:
            raise ExchangeUnreachable(f"{what}: it was done, but not told whole: {error}") from None

    async def whole(self, row: Row, client_order_id: str) -> OrderReport:
        """The report that `row` makes, with every fill: those in it, or else those in the list of trades."""
        listing = self._listing()
        with believed(f"order {client_order_id}"):
            order = told(row, client_order_id, listing, self._client.time.now())
            if order.status in RESTING and self.ended_lately(client_order_id):
                raise Incomplete("this answer is older than the order's end")
            fills = fills_in(row, order, listing)
        if _executed(fills) != order.executed:
            fills = await self._traded(order)
        elif not tells_fees(row):
            fills = await self._with_fees(order, fills)
        fills = tuple([await self._with_worth(fill) for fill in fills])
        with believed(f"order {client_order_id}"):
            whole = report(order, fills)
        self.heard(whole, order.executed)
        return whole

    async def _with_fees(self, order: Told, fills: tuple[Fill, ...]) -> tuple[Fill, ...]:
        """The same fills from the list of trades, where they have their fees; a stop for more than is left after a fee
        would be refused. Where the list cannot tell either, what the answer said has to do."""
        try:
            listed = await self._traded(order)
        except ExchangeError as error:
            log.info("the fees of order %s are not told: %s", order.client_order_id, error)
            return fills
        return listed if _executed(listed) == order.executed else fills

    async def _traded(self, order: Told) -> tuple[Fill, ...]:
        rows = await self._history.trades_of(order.exchange_order_id)
        with believed(f"order {order.client_order_id}"):
            return tuple(fill_of_trade(row, order.client_order_id, self._listing()) for row in rows)

    def heard(self, whole: OrderReport, executed: Decimal) -> None:
        """Remember what the exchange says, whoever asked for it."""
        id = whole.client_order_id
        self.numbers[whole.exchange_order_id] = id
        while len(self.numbers) > KEPT:
            del self.numbers[next(iter(self.numbers))]
        now = executed if whole.status in RESTING else None
        if self.resting.get(id) != now:
            self.activity += 1
        if now is not None:
            self.resting[id] = now
            self.confirmed[id] = whole
        else:
            self.resting.pop(id, None)
            self.confirmed.pop(id, None)
            self.end(id)

    def end(self, client_order_id: str) -> None:
        """The exchange says that the order has ended, though perhaps not yet with every fill."""
        self._ended[client_order_id] = self._clock.monotonic()
        while len(self._ended) > KEPT:
            del self._ended[next(iter(self._ended))]

    def ended_lately(self, client_order_id: str) -> bool:
        """Whether an answer that still has this order open may simply be old. Later on it is taken at its word."""
        ended = self._ended.get(client_order_id)
        return ended is not None and self._clock.monotonic() - ended < LAG.total_seconds()

    def confirmed_lately(self, client_order_id: str, now: datetime) -> bool:
        """Whether a list that does not have this order may simply lag behind."""
        known = self.confirmed.get(client_order_id)
        return known is not None and now - known.at < LAG

    # ------------------------------------------------------------ fees in a third asset

    async def _with_worth(self, fill: Fill) -> Fill:
        instrument = self._listing().instrument
        if fill.fee_asset in (instrument.base, instrument.quote) or not fill.fee:
            return fill
        price = await self._price_of(fill.fee_asset)
        if price is None:  # what the fee would be in quote currency by the account's own rate
            return worth(fill, part(fill.notional, instrument.taker_fee_pct))
        return worth(fill, fill.fee * price)

    async def _price_of(self, asset: str) -> Decimal | None:
        """In quote currency, at most a minute old; None where the exchange does not tell."""
        now = self._clock.monotonic()
        when, price = self._worth.get(asset, (now - 2 * WORTH_SECONDS, ZERO))
        if now - when < WORTH_SECONDS:
            return price
        params = {"symbol": f"{asset}{self._listing().instrument.quote}"}
        try:
            body = await self._client.ask("public_get_ticker_price", params, what=f"reading the price of {asset}")
            price = positive(row_of(body, "price").get("price"), f"price of {asset}")
        except (ExchangeError, DataError) as error:
            log.warning("a fee in %s is counted at the customary rate: %s", asset, error)
            return None
        self._worth[asset] = (now, price)
        return price


def _executed(fills: Sequence[Fill]) -> Decimal:
    return sum((fill.quantity for fill in fills), ZERO)
