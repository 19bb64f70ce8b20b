"""The exchange's rules for our symbol, kept fresh: read again each half hour, each minute while the market is closed
or the last reading failed, and at once where a refusal shows that they have changed. The old ones stay in force
meanwhile; how old they are is told, since entries must not be made by rules of yesterday.
"""

import logging
from collections.abc import Callable
from typing import Any

from app.core.errors import DataError, ExchangeError, ExchangeRefused, ExchangeUnreachable
from app.core.messages import Event, InstrumentChanged
from app.seam import Clock, Tasks
from services.binance_us.believing import believed
from services.binance_us.client import Client
from services.binance_us.instrument import (
    BAD_SYMBOL,
    DEFAULT_TAKER_PCT,
    Listing,
    listing_of,
    market_id,
    not_traded,
    require_tradable,
    taker_fee_pct,
)
from services.binance_us.limits import Urgency

log = logging.getLogger(__name__)

FILTER, CLOSED = "-1013", "market is closed"
RELOAD_SECONDS, AGAIN_SECONDS = 1_800.0, 60.0


class RulesOfTheExchange:
    def __init__(
        self, client: Client, symbol: str, *, post: Callable[[Event], None], clock: Clock, tasks: Tasks
    ) -> None:
        self._client, self._symbol, self._post = client, symbol, post
        self._clock, self._tasks = clock, tasks
        self._listing: Listing | None = None
        self._read_at = clock.monotonic()
        self._failed = self._reloading = False

    def listing(self) -> Listing:
        """Raises ExchangeUnreachable before the first reading."""
        if self._listing is None:
            raise ExchangeUnreachable("the exchange's rules have not been read yet")
        return self._listing

    @property
    def age_seconds(self) -> float:
        return self._clock.monotonic() - self._read_at

    async def open(self) -> Listing:
        """The first reading. ConfigError where the symbol cannot be traded."""
        try:
            listing = await self._read()
        except ExchangeRefused as refused:
            if refused.code == BAD_SYMBOL:
                raise not_traded(self._symbol, "it does not know it") from None
            raise
        require_tradable(listing)
        self._take(listing)
        return listing

    async def run(self) -> None:
        while True:
            await self._clock.sleep(AGAIN_SECONDS)
            if self._failed or self.age_seconds >= RELOAD_SECONDS or not self.listing().instrument.trading:
                await self._reload()

    def refused(self, refused: ExchangeRefused) -> None:
        """An order that our rules let pass was refused by a filter, or because the market is closed."""
        if refused.code == FILTER or CLOSED in str(refused).lower():
            self.read_again()

    def read_again(self) -> None:
        """At once, beside everything else; a reading that is under way is enough."""
        if not self._reloading:
            self._reloading = True
            self._tasks.start(self._reload(), "rules of the exchange, again")

    async def _read(self) -> Listing:
        what = f"reading the rules of {self._symbol}"
        wanted = {"symbol": market_id(self._symbol)}
        body: Any = await self._client.ask("public_get_exchangeinfo", wanted, what=what, urgency=Urgency.CLOSING)
        if isinstance(body, dict):
            self._client.limits.learn(body.get("rateLimits"))
        fee = self._listing.instrument.taker_fee_pct if self._listing else DEFAULT_TAKER_PCT
        if self._client.has_key:
            fee = taker_fee_pct(await self._client.ask("private_get_account", what="reading our fees"))
        with believed(what):
            return listing_of(body, self._symbol, fee)

    def _take(self, listing: Listing) -> None:
        self._listing, self._read_at, self._failed = listing, self._clock.monotonic(), False

    async def _reload(self) -> None:
        """Read the rules again; a change is told."""
        try:
            listing = await self._read()
        except (ExchangeError, DataError) as error:
            log.warning("%s", error)
            self._failed = True
            return
        finally:
            self._reloading = False
        if self._listing is None or listing.instrument != self._listing.instrument:
            self._post(InstrumentChanged(at=self._client.time.now(), instrument=listing.instrument))
        self._take(listing)
