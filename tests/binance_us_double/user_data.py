"""The account's own events, and the two ways to hear them: a listenKey on a stream, or a signed subscription on the
WebSocket API. Either way can be refused, as either has been by one Binance or the other.
"""

import hashlib
from typing import Any

from tests.binance_us_double.channels import Connection, Streams
from tests.binance_us_double.clock import ServerClock
from tests.binance_us_double.refusals import Gateway, Refused

KEY_SECONDS = 3_600


class UserData:
    def __init__(self, clock: ServerClock, streams: Streams) -> None:
        self._clock, self._streams = clock, streams
        self.listen_key_refused: int | None = None  # the HTTP status that answers POST, PUT and DELETE
        self.subscription_refused = False
        self.listen_key = ""
        self.events: list[dict[str, Any]] = []  # everything that happened, told to somebody or not
        self._ends = 0.0
        self._made = self._subscriptions = 0
        clock.on_tick(self.tick)

    # ---------------------------------------------------------------- what scripts do

    def refuse(self, *, listen_key: int | None = None, subscription: bool = False) -> None:
        """Refuse none, one or both ways: `listen_key=410` as where it was abolished."""
        self.listen_key_refused, self.subscription_refused = listen_key, subscription

    def expire(self) -> None:
        """The hour is over now."""
        self._ends = self._clock.elapsed()
        self.tick()

    def end(self) -> None:
        """Nobody hears anything any more."""
        self.listen_key = ""
        self._streams.user.close(1008)
        self._streams.api.close(1008)

    # ---------------------------------------------------------------- listenKeys

    def start(self) -> str:
        self._may()
        self.tick()
        if not self.listen_key:
            self._made += 1
            self.listen_key = hashlib.sha256(f"listenKey {self._made}".encode()).hexdigest()[:60]
        self._ends = self._clock.elapsed() + KEY_SECONDS
        return self.listen_key

    def keep(self, key: str) -> None:
        self._may()
        self.tick()
        if not key or key != self.listen_key:
            raise Refused(-1125)
        self._ends = self._clock.elapsed() + KEY_SECONDS

    def close(self, key: str) -> None:
        self._may()
        if not key or key != self.listen_key:
            raise Refused(-1125)
        self.listen_key = ""
        for connection in self._listeners(key):
            connection.outgoing.put_nowait(1000)

    def tick(self) -> None:
        if self.listen_key and self._clock.elapsed() >= self._ends:
            key, self.listen_key = self.listen_key, ""
            body = {"e": "listenKeyExpired", "E": self._clock.ms(), "listenKey": key}
            for connection in self._listeners(key):
                self._streams.user.event(connection, _wrapped(connection, key, body))

    def _may(self) -> None:
        if self.listen_key_refused is not None:
            raise Gateway(self.listen_key_refused)

    def _listeners(self, key: str) -> list[Connection]:
        return [each for each in self._streams.user.connections if key in each.names]

    # ---------------------------------------------------------------- subscriptions

    def subscribe(self, connection: Connection) -> int:
        number, self._subscriptions = self._subscriptions, self._subscriptions + 1
        connection.subscriptions.append(number)
        return number

    # ---------------------------------------------------------------- events

    def tell(self, body: dict[str, Any]) -> None:
        self.tick()
        self.events.append(body)
        if self.listen_key:
            for connection in self._listeners(self.listen_key):
                self._streams.user.event(connection, _wrapped(connection, self.listen_key, body))
        for connection in self._streams.api.connections:
            for number in connection.subscriptions:
                self._streams.api.event(connection, {"subscriptionId": number, "event": body})


def _wrapped(connection: Connection, key: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"stream": key, "data": body} if connection.combined else body
