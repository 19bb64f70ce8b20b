"""Looks at our open orders by asking, whatever the stream says: each 8 seconds, each 2 while there is no stream.

So a stop that was cancelled by hand, a fill that was never told and a stream that has gone deaf are all noticed.
"""

import logging
from collections.abc import Callable
from decimal import Decimal

from app.core.errors import ExchangeError
from app.core.messages import Event, OrderReported, OrdersListed
from app.seam import Clock
from services.binance_us.believing import NotWholeYet, believed
from services.binance_us.events import Events
from services.binance_us.history import History
from services.binance_us.orders import Orders
from services.binance_us.reports import Row, amount, owner
from services.binance_us.server_time import ServerTime
from services.binance_us.user_stream import UserStream

log = logging.getLogger(__name__)

WITH_STREAM_SECONDS, WITHOUT_STREAM_SECONDS = 8.0, 2.0  # a stop that is lost must be back within 10
GRACE_SECONDS = 1.0  # an event may still be on its way


class Watch:
    def __init__(
        self,
        history: History,
        orders: Orders,
        events: Events,
        stream: UserStream,
        *,
        post: Callable[[Event], None],
        time: ServerTime,
        clock: Clock,
        key_refused: Callable[[], bool] = lambda: False,  # then asking often would only be knocking at a closed door
    ) -> None:
        self._key_refused = key_refused
        self._history, self._orders, self._events, self._stream = history, orders, events, stream
        self._post, self._time, self._clock = post, time, clock

    async def run(self) -> None:
        """For ever. A failed look is followed by the next one."""
        waited, told = 0.0, ""
        while True:
            await self._clock.sleep(WITHOUT_STREAM_SECONDS)
            waited += WITHOUT_STREAM_SECONDS
            if waited < (WITH_STREAM_SECONDS if self._stream.connected or self._key_refused() else 0):
                continue
            waited = 0.0
            try:
                await self.look()
                told = ""
            except ExchangeError as error:
                log.log(logging.INFO if told == str(error) else logging.WARNING, "looking at our orders: %s", error)
                told = str(error)

    async def look(self) -> None:
        """Report every order of ours that is not as we know it."""
        at, began, connected = self._time.now(), self._clock.monotonic(), self._stream.connected
        known = dict(self._orders.resting)
        rows = await self._history.open_orders()
        listed = {id: row for row in rows if (id := owner(row)) is not None}
        missed = [id for id in self._changed(known, listed) if await self._look_at(id, listed.get(id))]
        lagging = [id for id in self._orders.confirmed if id not in listed and self._is_lagging(id)]
        self._post(OrdersListed(at=at, open_ids=(*listed, *lagging)))
        if connected and missed:
            await self._is_it_deaf(missed, began)

    def _changed(self, known: dict[str, Decimal], listed: dict[str, Row]) -> list[str]:
        with believed("reading the open orders"):
            executed = {id: amount(row.get("executedQty"), "executedQty") for id, row in listed.items()}
        gone = [id for id in known if id not in listed]
        return [id for id in listed if known.get(id) != executed[id]] + gone

    def _is_lagging(self, id: str) -> bool:
        return self._orders.confirmed_lately(id, self._time.now())

    async def _look_at(self, id: str, row: Row | None) -> bool:
        """Post the order's report; whether there was one. An order that the exchange does not know is left to doubt.

        A list that does not have a new order may simply lag behind, so the order itself is asked for.
        """
        if row is None:
            row = await self._orders.row(id)
        if row is None:
            if not self._is_lagging(id):
                log.warning("order %s was open and is now unknown to the exchange", id)
            return False
        try:
            whole = await self._orders.whole(row, id)
        except NotWholeYet as error:
            log.info("%s", error)  # the next look sees more
            return False
        self._post(OrderReported(at=whole.at, report=whole))
        return True

    async def _is_it_deaf(self, missed: list[str], began: float) -> None:
        """A stream that says nothing of what just changed, although it is connected."""
        await self._clock.sleep(GRACE_SECONDS)
        longest = WITH_STREAM_SECONDS + GRACE_SECONDS
        silent = [id for id in missed if self._events.heard.get(id, began - 2 * longest) < began - longest]
        if silent:
            await self._stream.restart(f"it said nothing of {len(silent)} changed orders")
