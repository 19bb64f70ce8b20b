"""Performs actions through ports; every outcome, a doubt too, returns as an event. Never decides anything.

One lane per position keeps its orders in order; lanes run side by side, so a slow answer for one position delays
no stop of another. Nor does a lane wait for an answer that the exchange's own stream has overtaken. An order is
journalled as SENDING before its first byte leaves.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Protocol

from app.core.alerts import AlertLevel
from app.core.errors import ExchangeError, StoreError
from app.core.messages import (
    Action,
    Alert,
    CancelOrder,
    CancelUncertain,
    ConfirmPrice,
    Event,
    OrderNotFound,
    OrderNotSent,
    OrderReported,
    OrderSending,
    PlaceOrder,
    QueryOrder,
    ReadAccount,
    ReplaceStop,
    SealKillSwitch,
    UnsealKillSwitch,
)
from app.core.model import OrderReport, OrderStatus, Role
from app.outcomes import cancelling_failed, placing_failed
from app.ports import Exchange, KillSeal
from app.seam import Tasks

log = logging.getLogger(__name__)

PRICE_LANE = "price"
Request = Callable[[], Coroutine[Any, Any, None]]
LOUD = {AlertLevel.INFO: logging.INFO, AlertLevel.WARNING: logging.WARNING, AlertLevel.CRITICAL: logging.ERROR}


class Desk(Protocol):
    """What the executor needs of the session."""

    def now(self) -> datetime: ...

    def post(self, event: Event) -> None: ...

    async def committed(self, event: Event) -> None:
        """Post `event` and wait until it is handled and durable."""

    def may_enter(self) -> bool:
        """Cleared at once by a pause, a latch or a lost connection."""

    def may_send(self, client_order_id: str) -> bool:
        """Whether the order is on its way: it may have been taken back since it was asked for."""

    def is_unanswered(self, client_order_id: str) -> bool:
        """Whether the books still wait to hear what became of a request about this order."""

    def busy(self, count: int) -> None:
        """Work under way, up or down by `count`."""


class Executor:
    def __init__(self, desk: Desk, exchange: Exchange, seal: KillSeal, tasks: Tasks) -> None:
        self._desk, self._exchange, self._seal, self._tasks = desk, exchange, seal, tasks
        self._lanes: dict[str, list[Action]] = {}
        self._waiting: dict[asyncio.Future[None], tuple[str, ...]] = {}  # lanes that wait → the orders they wait for

    def perform(self, actions: list[Action]) -> None:
        """Hand actions over; returns at once. The durable seal comes before everything after it in the list."""
        for known, ids in self._waiting.items():
            if not known.done() and not any(self._desk.is_unanswered(id) for id in ids):
                known.set_result(None)
        for action in actions:
            match action:
                case SealKillSwitch(reason=reason):
                    self._keep_seal(lambda: self._seal.seal(reason, self._desk.now()))
                case UnsealKillSwitch():
                    self._keep_seal(self._seal.unseal)
                case Alert(event=event, level=level, text=text):
                    log.log(LOUD[level], "%s: %s", event, text)
                case ReadAccount():
                    if not self._will_be_read(action):
                        self._enqueue("", action)
                case ConfirmPrice() if PRICE_LANE not in self._lanes:  # one question at a time is enough
                    self._enqueue(PRICE_LANE, action)
                case PlaceOrder() | CancelOrder() | QueryOrder():
                    self._enqueue(action.position_id, action)
                case ReplaceStop(order=order):
                    self._enqueue(order.position_id, action)

    def _keep_seal(self, write: Callable[[], None]) -> None:
        """The latch is in the journal already. A disk that takes no seal beside it must not keep anything from being
        sold; the next start seals again."""
        try:
            write()
        except OSError as error:
            log.critical("the kill switch is shut, but its seal cannot be written: %s", error)

    def _will_be_read(self, action: ReadAccount) -> bool:
        """Whether a question that has yet to be asked covers this one."""
        return any(
            isinstance(each, ReadAccount) and each.symbol == action.symbol and {*action.doubtful} <= {*each.doubtful}
            for each in self._lanes.get("", [])
        )

    def _enqueue(self, lane: str, action: Action) -> None:
        self._desk.busy(1)
        waiting = self._lanes.get(lane)
        if waiting is not None:
            waiting.append(action)
            return
        self._lanes[lane] = [action]
        self._tasks.start(self._drive(lane), f"lane {lane}")

    async def _drive(self, lane: str) -> None:
        """One action after the other. When the journal fails, what was not sent is dropped: recovery decides anew."""
        waiting = self._lanes[lane]
        try:
            while waiting:
                action = waiting.pop(0)
                try:
                    await self._one(action)
                finally:
                    self._desk.busy(-1)
        except StoreError as error:
            log.error("lane %s stopped: %s", lane or "account", error)
        finally:
            self._desk.busy(-len(waiting))
            del self._lanes[lane]

    async def _one(self, action: Action) -> None:
        match action:
            case PlaceOrder():
                await self._place(action)
            case CancelOrder(client_order_id=id, symbol=symbol):
                await self._until_known(
                    lambda: self._report(id, self._exchange.cancel(symbol, id), cancelling_failed), id
                )
            case ReplaceStop():
                await self._replace(action)
            case QueryOrder():
                await self._query(action)
            case ReadAccount():
                await self._read_account(action)
            case ConfirmPrice():
                await self._confirm_price(action)

    async def _place(self, order: PlaceOrder) -> None:
        """Intent is durable already; SENDING becomes so here, then the order leaves, unless it was taken back."""
        id = order.client_order_id
        await self._desk.committed(OrderSending(at=self._desk.now(), client_order_id=id))
        if not self._desk.may_send(id):
            self._desk.post(OrderNotSent(at=self._desk.now(), client_order_id=id, reason="it was taken back"))
            return
        if order.role is Role.ENTRY and not self._desk.may_enter():
            self._desk.post(OrderNotSent(at=self._desk.now(), client_order_id=id, reason="entries were shut meanwhile"))
            return
        await self._until_known(lambda: self._report(id, self._exchange.place(order), placing_failed), id)

    async def _until_known(self, request: Request, *ids: str) -> None:
        """Until the answer is there, or the books know without it what became of these orders.

        An answer may be lost although the exchange did what was asked, and told it on its stream: the stop after an
        entry, the sale after a cancel must not wait until the request is given up.
        """
        known: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[known] = ids
        answered = self._tasks.start(self._counted(request), f"request {ids[0]}")
        try:
            await asyncio.wait({answered, known}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._waiting[known]

    async def _counted(self, request: Request) -> None:
        self._desk.busy(1)
        try:
            await request()
        finally:
            self._desk.busy(-1)

    async def _report(
        self,
        id: str,
        request: Coroutine[Any, Any, OrderReport],
        failed: Callable[[str, Exception, datetime], Event],
    ) -> None:
        try:
            report = await request
        except ExchangeError as error:
            self._desk.post(failed(id, error, self._desk.now()))
        else:
            self._told(report)

    def _told(self, report: OrderReport) -> None:
        """As of when it says, and never of the future: an exchange's wrong clock must not carry ours along."""
        self._desk.post(OrderReported(at=min(report.at, self._desk.now()), report=report))

    async def _replace(self, action: ReplaceStop) -> None:
        id, now = action.order.client_order_id, self._desk.now
        await self._desk.committed(OrderSending(at=now(), client_order_id=id))
        if not self._desk.may_send(id):
            self._desk.post(
                CancelUncertain(at=now(), client_order_id=action.old_id, reason="the new stop was taken back")
            )
            return
        await self._until_known(lambda: self._replaced(action), id, action.old_id)

    async def _replaced(self, action: ReplaceStop) -> None:
        id, now = action.order.client_order_id, self._desk.now
        try:
            old, new = await self._exchange.replace(action.old_id, action.order)
        except ExchangeError as error:
            # Neither half is certain: the new one by its own answer, the old one by asking.
            self._desk.post(placing_failed(id, error, now()))
            self._desk.post(CancelUncertain(at=now(), client_order_id=action.old_id, reason=str(error)))
            return
        if old.status is OrderStatus.CANCELLING:
            self._desk.post(CancelUncertain(at=now(), client_order_id=action.old_id, reason=old.reason))
        else:
            self._told(old)
        if new is not None:
            self._told(new)
        else:
            self._desk.post(OrderNotSent(at=now(), client_order_id=id, reason="only the cancel was carried out"))

    async def _query(self, action: QueryOrder) -> None:
        """No answer is no evidence: the engine asks again in time."""
        try:
            answer = await self._exchange.find(action.symbol, action.client_order_id, action.sent_at, action.complete)
        except ExchangeError as error:
            log.warning("asking for %s failed: %s", action.client_order_id, error)
            return
        if isinstance(answer, OrderNotFound):
            self._desk.post(answer)
        else:
            self._told(answer)

    async def _read_account(self, action: ReadAccount) -> None:
        try:
            self._desk.post(await self._exchange.account(action.symbol, action.doubtful))
        except ExchangeError as error:
            log.warning("reading the account failed: %s", error)

    async def _confirm_price(self, action: ConfirmPrice) -> None:
        try:
            self._desk.post(await self._exchange.ask_price(action.symbol))
        except ExchangeError as error:
            log.warning("asking for the price failed: %s", error)
