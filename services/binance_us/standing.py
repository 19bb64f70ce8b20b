"""What must be known of key, account, clock and symbol before real money is traded. Asks, and changes nothing.

`account/apiRestrictions` is not in the documents of Binance.US, which answered 404 there when somebody tried; it is
asked all the same, for the day it exists. Until then nobody can tell whether a key is tied to an address.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.core.errors import ConfigError, ExchangeRefused
from app.core.model import Instrument
from app.core.money import ZERO
from services.binance_us.account import rights_of
from services.binance_us.believing import believed
from services.binance_us.client import Client
from services.binance_us.instrument import (
    BAD_SYMBOL,
    Listing,
    listing_of,
    market_id,
    not_traded,
    require_tradable,
    taker_fee_pct,
)
from services.binance_us.reports import Row, amount, row_of
from services.binance_us.ticker import asked_ticker

SAMPLES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """None: the exchange does not tell, or does not know the symbol. `not_tradable`: "" where it can be traded.

    `can_withdraw` is of the key; `account_withdraws` of the account, whatever the key may do."""

    can_trade: bool | None
    can_withdraw: bool | None
    account_withdraws: bool | None
    ip_restricted: bool | None
    ahead_seconds: float  # of this machine's clock before the exchange's
    not_tradable: str
    instrument: Instrument | None
    quote_total: Decimal
    base_total: Decimal
    ask: Decimal | None


async def standing(client: Client, symbol: str) -> Standing:
    """Raises ExchangeErrors; ExchangeRefused with an AUTH code where the key is not taken."""
    await client.sync(SAMPLES)
    what = "reading the account"
    body = await client.ask("private_get_account", what=what)
    with believed(what):
        account = row_of(body, what)
        totals = _totals(account)
    rights, restrictions = rights_of(account), await _restrictions(client)
    withdraws = _flag(restrictions, "enableWithdrawals")
    listing, ask, refused = await _listed(client, symbol, taker_fee_pct(account))
    instrument = listing.instrument if listing else None
    return Standing(
        can_trade=rights.can_trade,
        can_withdraw=withdraws,
        account_withdraws=rights.can_withdraw,
        ip_restricted=_flag(restrictions, "ipRestrict"),
        ahead_seconds=-client.time.wall_offset_seconds(),
        not_tradable=refused,
        instrument=instrument,
        quote_total=totals.get(instrument.quote, ZERO) if instrument else ZERO,
        base_total=totals.get(instrument.base, ZERO) if instrument else ZERO,
        ask=ask,
    )


async def _listed(client: Client, symbol: str, fee_pct: Decimal) -> tuple[Listing | None, Decimal | None, str]:
    """(the symbol's rules, its price, why it cannot be traded)."""
    what, wanted = f"reading the rules of {symbol}", {"symbol": market_id(symbol)}
    try:
        rules = await client.ask("public_get_exchangeinfo", wanted, what=what)
        ask = (await asked_ticker(client, symbol)).ask
    except ExchangeRefused as refused:
        if refused.code == BAD_SYMBOL:
            return None, None, str(not_traded(symbol, "it does not know it"))
        raise
    with believed(what):
        listing = listing_of(rules, symbol, fee_pct)
    try:
        require_tradable(listing)
    except ConfigError as error:
        return listing, ask, str(error)
    return listing, ask, ""


async def _restrictions(client: Client) -> Row:
    """Empty where the exchange has no answer to this."""
    try:
        body: Any = await client.ask("sapi_get_account_apirestrictions", what="reading what the key may do")
    except ExchangeRefused:
        return {}
    return body if isinstance(body, dict) else {}


def _flag(body: Row, name: str) -> bool | None:
    value = body.get(name)
    return value if isinstance(value, bool) else None


def _totals(account: Row) -> dict[str, Decimal]:
    rows = account.get("balances")
    return {
        str(row.get("asset")): amount(row.get("free"), "free") + amount(row.get("locked"), "locked")
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict)
    }
