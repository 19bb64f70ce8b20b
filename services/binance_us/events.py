"""What the user stream tells, made whole: an event carries one fill, a report must carry all of them.

Where an event does not fit what was heard before (the stream began later, an event is missing), the exchange is asked.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from app.core.errors import DataError, ExchangeError
from app.core.messages import Event, FlowSeen, OrderReported
from app.core.model import Fill, OrderReport
from app.core.money import ZERO, decimal
from app.core.orders import RESTING, is_ours
from app.seam import Clock, Tasks
from services.binance_us.instrument import Listing
from services.binance_us.orders import Orders
from services.binance_us.reports import Execution, Row, Told, execution, moment, report

log = logging.getLogger(__name__)

PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)  # seconds between tries to make a report whole
KEPT = 1_000


class Events:
    def __init__(
        self, orders: Orders, listing: Callable[[], Listing], post: Callable[[Event], None], clock: Clock, tasks: Tasks
    ) -> None:
        self._orders, self._listing, self._post = orders, listing, post
        self._clock, self._tasks = clock, tasks
        self._fills: dict[str, dict[str, Fill]] = {}  # our orders in flight → fills heard of, by trade
        self._settling: set[str] = set()
        self._wanted: dict[str, Decimal] = {}  # order being asked for → executed quantity that the stream told
        self._flows: dict[str, datetime] = {}
        self.heard: dict[str, float] = {}  # our order → when the stream last spoke of it (monotonic)

    def hear(self, event: Row) -> None:
        """One event of the stream. What cannot be believed is logged and passed over; the watch finds the truth."""
        try:
            if event.get("e") == "executionReport":
                self._execution(event)
            elif event.get("e") == "balanceUpdate":
                self._flow(event)
        except DataError as error:
            log.warning("an event of the user stream cannot be believed: %s", error)

    def forget(self) -> None:
        """A new stream: what was missed meanwhile is unknown."""
        self._fills.clear()

    # ------------------------------------------------------------ orders

    def _execution(self, event: Row) -> None:
        if event.get("s") != self._listing().market_id:
            return
        told = execution(event, self._listing())
        id = told.order.client_order_id
        if not is_ours(id):
            return
        self.heard[id] = self._clock.monotonic()
        while len(self.heard) > KEPT:
            del self.heard[next(iter(self.heard))]
        ended = told.order.status not in RESTING
        if not ended and self._orders.ended_lately(id):
            return  # an event that was overtaken by the order's end
        fills = self._known_fills(told)
        if sum((fill.quantity for fill in fills), ZERO) > told.order.executed:
            return  # older than what was heard already
        if self._is_whole(told, fills):
            whole = report(told.order, fills)
            self._orders.heard(whole, told.order.executed)
            self._post(OrderReported(at=whole.at, report=whole))
        else:
            if ended:
                self._orders.end(id)
            self._settle_later(told.order)
        if ended:
            self._fills.pop(id, None)

    def _known_fills(self, told: Execution) -> tuple[Fill, ...]:
        known = self._fills.setdefault(told.order.client_order_id, {})
        while len(self._fills) > KEPT:
            del self._fills[next(iter(self._fills))]
        if told.fill is not None:
            known[told.fill.id] = told.fill
        return tuple(known.values())

    def _is_whole(self, told: Execution, fills: tuple[Fill, ...]) -> bool:
        """Every fill is there, and every fee is in an asset whose worth is known."""
        instrument = self._listing().instrument
        own = (instrument.base, instrument.quote)
        sum_ = sum((fill.quantity for fill in fills), ZERO)
        return sum_ == told.order.executed and all(fill.fee_asset in own or not fill.fee for fill in fills)

    def _settle_later(self, order: Told) -> None:
        """Ask the exchange for the whole of an order, until it answers; the report is posted."""
        id = order.client_order_id
        self._wanted[id] = max(order.executed, self._wanted.get(id, ZERO))
        if id not in self._settling:
            self._settling.add(id)
            self._tasks.start(self._settle(id), f"asking for {id}")

    async def _settle(self, client_order_id: str) -> None:
        try:
            for pause in PAUSES:
                whole = await self._found(client_order_id)
                if whole is not None:
                    self._post(OrderReported(at=whole.at, report=whole))
                    return
                await self._clock.sleep(pause)
            # The watch and the reconciliation go on asking.
            log.warning("order %s could not be made whole after %d tries", client_order_id, len(PAUSES))
        finally:
            self._settling.discard(client_order_id)
            self._wanted.pop(client_order_id, None)

    async def _found(self, client_order_id: str) -> OrderReport | None:
        """The order, if the exchange's answer is no older than what the stream has told."""
        try:
            whole = await self._orders.find(client_order_id)
        except ExchangeError as error:
            log.info("order %s is not whole yet: %s", client_order_id, error)
            return None
        if whole is None or sum((fill.quantity for fill in whole.fills), ZERO) < self._wanted[client_order_id]:
            return None
        return whole

    # ------------------------------------------------------------ money that comes and goes

    def _flow(self, event: Row) -> None:
        """A deposit or withdrawal of quote currency. Told twice it counts once."""
        instrument = self._listing().instrument
        if event.get("a") != instrument.quote:
            return
        at = moment(event.get("T"), "balanceUpdate: T")
        moved = decimal(event.get("d"), "balanceUpdate: d")
        id = f"{instrument.quote}-{event.get('T')}-{event.get('d')}"
        if id in self._flows or not moved:
            return
        self._flows[id] = at
        while len(self._flows) > KEPT:
            del self._flows[next(iter(self._flows))]
        self._post(FlowSeen(at=at, id=id, amount=moved, note="told by the exchange"))
