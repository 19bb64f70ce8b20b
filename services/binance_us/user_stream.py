"""What the exchange tells by itself about our orders, in the best way that it offers.

First a listenKey stream, else a subscription on the exchange's own WebSocket interface; while neither is connected,
`Watch` asks every 2 seconds. Never ccxt's user streams: they carry the key to another company's host.
"""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp

from app.core.errors import ExchangeError, ExchangeRefused, ExchangeUnreachable
from app.seam import Clock, Tasks
from services.binance_us.client import Client, parsed
from services.binance_us.errors import CLOCK, TOO_MANY_REQUESTS, Answer
from services.binance_us.reports import Row

log = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 1_800.0  # a listenKey lives for 60 minutes
KEEP_AGAIN_SECONDS = 60.0  # where that failed
ANSWER_SECONDS = 10.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0
HELD_SECONDS = 30.0  # one that stood for longer is opened again at once
REFUSED_SECONDS = 600.0  # how long a way that was refused is not tried again
LISTEN_KEY, SUBSCRIPTION, POLLING = "listenKey stream", "WebSocket API", "polling every 2 s"
NOT_NOW = (int(CLOCK), TOO_MANY_REQUESTS)
ENDS = ("listenKeyExpired", "eventStreamTerminated", "serverShutdown")

Socket = aiohttp.ClientWebSocketResponse
Way = Callable[[], AbstractAsyncContextManager[Socket]]


class UserStream:
    """Runs for ever with `run`. `hear` is given each event; `connected_again` is called when a stream stands."""

    def __init__(
        self,
        client: Client,
        *,
        hear: Callable[[Row], None],
        connected_again: Callable[[], None],
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._client, self._hear, self._connected_again = client, hear, connected_again
        self._clock, self._tasks = clock, tasks
        self._ways: tuple[tuple[str, Way], ...] = ((LISTEN_KEY, self._listen_key), (SUBSCRIPTION, self._subscription))
        self._refused: dict[str, float] = {}  # way → monotonic time of the refusal
        self._socket: Socket | None = None
        self.in_use = POLLING

    @property
    def connected(self) -> bool:
        return self.in_use != POLLING

    async def restart(self, why: str) -> None:
        """The stream is deaf: connect anew."""
        log.warning("the user stream (%s) is connected anew: %s", self.in_use, why)
        if self._socket is not None:
            await self._socket.close()

    async def run(self) -> None:
        """One way after the other; a pause that doubles while none of them holds."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            stood = await self._one_way_or_another()
            pause = FIRST_PAUSE_SECONDS if stood > HELD_SECONDS else min(2 * pause, LONGEST_PAUSE_SECONDS)
            await self._clock.sleep(pause)

    async def _one_way_or_another(self) -> float:
        """Until a stream has ended, or each way was tried in vain; for how many seconds the stream stood."""
        for name, way in self._ways:
            if self._clock.monotonic() - self._refused.get(name, -REFUSED_SECONDS) < REFUSED_SECONDS:
                continue
            stood_since = await self._listen(name, way)
            if stood_since is not None:
                return self._clock.monotonic() - stood_since
        return 0.0

    async def _listen(self, name: str, way: Way) -> float | None:
        """Until the stream ends; since when it stood, or None where it never did."""
        stood_since: float | None = None
        try:
            async with way() as stream:
                stood_since, self.in_use, self._socket = self._clock.monotonic(), name, stream
                log.info("our orders are told by: %s", name)
                self._connected_again()
                await self._read(stream)
        except ExchangeRefused as refused:
            self._refused[name] = self._clock.monotonic()
            log.warning("no %s: %s", name, refused)
        except ExchangeError as error:
            log.warning("no %s for now: %s", name, error)
        finally:
            if stood_since is not None:
                log.warning("the user stream (%s) has ended; until it is back: %s", name, POLLING)
            self.in_use, self._socket = POLLING, None
        return stood_since

    async def _read(self, stream: Socket) -> None:
        async for message in stream:
            event = _event(message)
            if event.get("e") in ENDS:
                return
            if event:
                self._hear(event)

    # ------------------------------------------------------------ the ways

    @asynccontextmanager
    async def _listen_key(self) -> AsyncIterator[Socket]:
        body = await self._client.ask("public_post_userdatastream", what="asking for a listenKey")
        key = body.get("listenKey") if isinstance(body, dict) else None
        if not isinstance(key, str) or not key.isalnum() or not key.isascii():
            raise ExchangeUnreachable("asking for a listenKey: there is none in the answer")
        async with self._client.stream(f"{self._client.addresses.ws.rstrip('/')}/ws/{key}") as stream:
            keeping = self._tasks.start(self._keep_alive(key, stream), "listenKey")
            try:
                yield stream
            finally:
                keeping.cancel()

    async def _keep_alive(self, key: str, stream: Socket) -> None:
        """The exchange forgets the key after an hour. Where it no longer knows it, the stream is as good as closed."""
        pause = KEEP_ALIVE_SECONDS
        while True:
            await self._clock.sleep(pause)
            pause = KEEP_ALIVE_SECONDS
            try:
                await self._client.ask("public_put_userdatastream", {"listenKey": key}, what="keeping the listenKey")
            except ExchangeRefused as refused:
                log.warning("%s", refused)
                await stream.close()
                return
            except ExchangeError as error:
                log.warning("%s", error)
                pause = KEEP_AGAIN_SECONDS

    @asynccontextmanager
    async def _subscription(self) -> AsyncIterator[Socket]:
        if not self._client.has_key:
            raise ExchangeRefused("no key of the exchange is configured", code="-2014")
        async with self._client.stream(self._client.addresses.ws_api) as stream:
            request = {"id": "user-stream", "method": "userDataStream.subscribe.signature"}
            await stream.send_json({**request, "params": self._client.signed({})})
            try:
                answer = _json(await stream.receive(timeout=ANSWER_SECONDS))
            except TimeoutError:
                raise ExchangeUnreachable("subscribing to our orders: no answer") from None
            if (problem := _problem(answer)) is not None:
                raise problem
            yield stream


def _json(message: aiohttp.WSMessage) -> Row:
    """An object, or an empty one for whatever is none."""
    body: Any = parsed(message.data) if message.type is aiohttp.WSMsgType.TEXT else None
    return body if isinstance(body, dict) else {}


def _event(message: aiohttp.WSMessage) -> Row:
    """The event itself, whichever envelope it came in."""
    body = _json(message)
    for envelope in ("event", "data"):
        if isinstance(inner := body.get(envelope), dict):
            return inner
    return body


def _problem(answer: Row) -> ExchangeError | None:
    """What an answer to subscribing means. Only a definite no counts as one: that way is then left alone for long."""
    status = answer.get("status")
    if status == 200:
        return None
    told = Answer(status=status if isinstance(status, int) else 0, body=answer.get("error"))
    text = f"subscribing to our orders: {told.said or 'no readable answer'} (status {told.status})"
    if not 400 <= told.status < 500 or told.status in (418, 429) or told.code in NOT_NOW:
        return ExchangeUnreachable(text)
    return ExchangeRefused(text, code=str(told.status))
