"""Binance.US behind app.ports.Exchange: the one object that the rest of the program sees.

Every method raises ExchangeErrors and nothing else. Unasked reports go to whoever listens.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from app.core.errors import ExchangeError, ExchangeRefused
from app.core.messages import AccountSeen, Event, OrderNotFound, PlaceOrder, PriceSeen
from app.core.model import Instrument, OrderReport
from app.seam import Clock, Tasks
from services.binance_us.account import AccountReader, Rights
from services.binance_us.client import Client
from services.binance_us.events import Events
from services.binance_us.flows import FlowList
from services.binance_us.history import History
from services.binance_us.orders import Orders
from services.binance_us.pulse import Pulse
from services.binance_us.rules import RELOAD_SECONDS, RulesOfTheExchange
from services.binance_us.ticker import asked_ticker
from services.binance_us.user_stream import UserStream
from services.binance_us.watch import Watch

log = logging.getLogger(__name__)

FIRST_SAMPLES = 3


class BinanceUs:
    """Implements app.ports.Exchange. `open` it, then `start` it; `close` it at the end.

    `reconnected` is called when the exchange or its stream is back: the books should be compared then.
    """

    def __init__(self, client: Client, symbol: str, *, clock: Clock, tasks: Tasks) -> None:
        self.client = client
        self.reconnected: Callable[[], None] = lambda: None
        self._symbol, self._clock, self._tasks = symbol, clock, tasks
        self._listener: Callable[[Event], None] = lambda event: None
        self._rules = RulesOfTheExchange(client, symbol, post=self._post, clock=clock, tasks=tasks)
        self._history = History(client, self._rules.listing)
        self._orders = Orders(client, self._history, self._rules.listing, clock)
        self._account = AccountReader(
            self._history, self._orders, FlowList(client, self._rules.listing, clock), self._rules.listing, self.now
        )
        self._events = Events(self._orders, self._rules.listing, self._post, clock, tasks)
        self._stream = UserStream(
            client, hear=self._events.hear, connected_again=self._stream_stands, clock=clock, tasks=tasks
        )
        self._watch = Watch(
            self._history,
            self._orders,
            self._events,
            self._stream,
            post=self._post,
            time=client.time,
            clock=clock,
            key_refused=lambda: bool(client.key_refused),
        )
        self._pulse = Pulse(
            client, post=self._post, back=self._back, clock=clock, rules_age=lambda: self._rules.age_seconds
        )
        client.key_was_refused = self._pulse.tell_of_key

    # ------------------------------------------------------------ life

    async def open(self) -> Instrument:
        """Connect, set the clock, read the rules. ConfigError where the symbol cannot be traded."""
        await self.client.open()
        await self.client.sync(FIRST_SAMPLES)
        return (await self._rules.open()).instrument

    def start(self) -> None:
        """Begin to hear of our orders. The reports go to the listener."""
        self._tasks.start(self._pulse.run(), "heartbeat")
        self._tasks.start(self._rules.run(), "rules of the exchange")
        if self.client.has_key:
            self._tasks.start(self._stream.run(), "user stream")
            self._tasks.start(self._watch.run(), "open orders")

    async def close(self) -> None:
        await self.client.close()

    # ------------------------------------------------------------ reading

    def now(self) -> datetime:
        """The exchange's time."""
        return self.client.time.now()

    @property
    def instrument(self) -> Instrument:
        return self._rules.listing().instrument

    @property
    def user_data(self) -> str:
        """How we hear of our orders: the listenKey stream, the WebSocket API, or polling."""
        return self._stream.in_use

    @property
    def weight_used_pct(self) -> float:
        return self.client.limits.used_pct

    async def rights(self) -> Rights:
        """Whether the account may trade and withdraw. Raises ExchangeErrors."""
        return await self._account.rights()

    # ------------------------------------------------------------ the port

    def listen(self, post: Callable[[Event], None]) -> None:
        self._listener = post

    async def place(self, order: PlaceOrder) -> OrderReport:
        try:
            return await self._orders.place(order)
        except ExchangeRefused as refused:
            self._rules.refused(refused)
            raise

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport:
        self._ours(symbol)
        return await self._orders.cancel(client_order_id)

    async def replace(self, old_id: str, order: PlaceOrder) -> tuple[OrderReport, OrderReport | None]:
        try:
            return await self._orders.replace(old_id, order)
        except ExchangeRefused as refused:
            self._rules.refused(refused)
            raise

    async def find(
        self, symbol: str, client_order_id: str, sent_at: datetime, complete: bool
    ) -> OrderReport | OrderNotFound:
        self._ours(symbol)
        found = await self._orders.find(client_order_id)
        if found is not None:
            return found
        if complete:
            return await self._account.absent(client_order_id, sent_at)
        return OrderNotFound(at=self.now(), client_order_id=client_order_id, complete=False)

    async def account(self, symbol: str, doubtful: Sequence[str]) -> AccountSeen:
        self._ours(symbol)
        return await self._account.seen(doubtful)

    async def ask_price(self, symbol: str) -> PriceSeen:
        self._ours(symbol)
        found = await asked_ticker(self.client, symbol)
        return PriceSeen(at=self.now(), bid=found.bid, ask=found.ask, source="asked")

    # ------------------------------------------------------------ inside

    def _post(self, event: Event) -> None:
        self._listener(event)

    def _ours(self, symbol: str) -> None:
        if symbol != self._symbol:
            raise ExchangeRefused(f"{symbol!a} is not the configured {self._symbol}; nothing was sent", code="unsent")

    def _stream_stands(self) -> None:
        """A new stream tells only what happens from now on; what was missed is asked for."""
        self._events.forget()
        self._back()

    def _back(self) -> None:
        self._account.look_for_flows()
        if self._rules.age_seconds > RELOAD_SECONDS:
            self._rules.read_again()
        if self.client.has_key:
            self._tasks.start(self._look(), "open orders, again")
        self.reconnected()

    async def _look(self) -> None:
        try:
            await self._watch.look()
        except ExchangeError as error:
            log.warning("looking at our open orders failed: %s", error)
