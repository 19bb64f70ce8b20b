"""The exchange's own list of deposits and withdrawals of our quote currency, for those that nobody heard of.

Dollars have a list of their own. A deposit counts once it is credited, a withdrawal from its beginning, since the
balance does too. A key may lack the right to read them: then there is no list, and that is no refusal of the key.
"""

import logging
from collections.abc import Callable
from typing import Any

from app.core.errors import DataError, ExchangeError, ExchangeRefused
from app.core.model import ListedFlow
from app.core.money import ZERO
from app.seam import Clock
from services.binance_us.believing import believed
from services.binance_us.client import Client
from services.binance_us.instrument import Listing
from services.binance_us.reports import Row, amount, rows_of

log = logging.getLogger(__name__)

FIAT = ("USD",)
CREDITED = ("successful", "1", "6")
FAILED = ("failed", "cancelled", "canceled", "rejected", "refunded", "returned", "expired", "1", "3", "5")
REFUSED_SECONDS = 3_600.0


class FlowList:
    def __init__(self, client: Client, listing: Callable[[], Listing], clock: Clock) -> None:
        self._client, self._listing, self._clock = client, listing, clock
        self._not_before = clock.monotonic()

    async def read(self) -> tuple[ListedFlow, ...] | None:
        """Of the last 90 days, which is what the exchange lists unasked. Empty where it does not tell this key, None
        where it does not answer: ask again."""
        if self._clock.monotonic() < self._not_before:
            return ()
        try:
            return await self._listed()
        except ExchangeRefused as refused:
            self._not_before = self._clock.monotonic() + REFUSED_SECONDS
            log.warning("%s", refused)
        except ExchangeError as error:
            log.info("%s", error)
            return None
        return ()

    async def _listed(self) -> tuple[ListedFlow, ...]:
        quote = self._listing().instrument.quote
        if quote in FIAT:
            asked, came, went = {"fiatCurrency": quote}, "fiatpayment_query_deposit", "fiatpayment_query_withdraw"
            calls = (f"sapi_get_{came}_history", f"sapi_get_{went}_history")
        else:
            asked, calls = {"coin": quote}, ("sapi_get_capital_deposit_hisrec", "sapi_get_capital_withdraw_history")
        deposits = await self._rows(calls[0], asked, "reading the deposits")
        withdrawals = await self._rows(calls[1], asked, "reading the withdrawals")
        found = [_flow(row, "deposit", 1) for row in deposits if _status(row) in CREDITED]
        found += [_flow(row, "withdrawal", -1) for row in withdrawals if _status(row) not in FAILED]
        return tuple(flow for flow in found if flow is not None)

    async def _rows(self, call: str, asked: dict[str, str], what: str) -> list[Row]:
        body: Any = await self._client.ask(call, asked, what=what)
        if isinstance(body, dict) and "assetLogRecordList" in body:
            body = body["assetLogRecordList"] or []  # nothing listed may be null
        with believed(what):
            return rows_of(body, what)


def _status(row: Row) -> str:
    """Of a list of dollars a word, of the others a number."""
    return str(row.get("orderStatus", row.get("status"))).lower()


def _flow(row: Row, kind: str, sign: int) -> ListedFlow | None:
    """One row; None for an impossible one, which must not hide the others."""
    id = row.get("orderId") or row.get("id") or row.get("txId")
    try:
        if not isinstance(id, str) or not id:
            raise DataError(f"a {kind} without an id")
        moved = amount(row.get("amount"), f"{kind}: amount")
        fees = [amount(row.get(name) or "0", f"{kind}: {name}") for name in ("transactionFee", "platformFee")]
    except DataError as error:
        log.info("%s", error)
        return None
    return ListedFlow(id=f"{kind}-{id}", amount=sign * moved, fee=sum(fees, ZERO) if sign < 0 else ZERO)
