"""What only the exchange can tell: the key and its rights, the clock, the symbol, and whether the account is large
enough for one entry whose stop can be placed too. No key is ever in what is said."""

import asyncio
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from app.checklist import Item
from app.core.errors import ExchangeError, ExchangeRefused, StoreError
from app.core.money import ZERO
from app.core.risk import smallest_equity
from app.outcomes import ACCESS_CODES, AUTH_CODES
from services.database import looking, looking_at_past
from services.live_check.subject import Subject, failed, passed, waived, warning

if TYPE_CHECKING:
    from services.binance_us.standing import Standing

KEY, WITHDRAWALS, ADDRESS = "key", "withdrawals", "address of the key"
CLOCK, SYMBOL, SIZE = "clock", "symbol", "account size"
NAMES = (KEY, WITHDRAWALS, ADDRESS, CLOCK, SYMBOL, SIZE)
SECONDS = 30.0
MOST_AHEAD_SECONDS = 1.0
SET_KEY = "seal it with: main.py secrets set BINANCEUS_API_KEY, then BINANCEUS_API_SECRET"
NEW_KEY = "make a new trade-only key, without withdrawals, on the exchange's site and delete this one"
CONFIRM = (
    "on the exchange's site look that withdrawals are off for this key, then set BINANCEUS_TRADE_ONLY_KEY to its first "
    "8 characters"
)
PASTE = "paste it again; on the exchange's site look whether it still exists and takes this machine's address"
LOOK = "on the exchange's site look whether the key is tied to this machine's address, and tie it where it is not"
AGAIN = "it is looked at again each minute"
SYNC = "enable time synchronisation, such as: timedatectl set-ntp true"


async def items(here: Subject) -> list[Item]:
    from services.binance_us.standing import standing

    if not here.client.has_key:
        return [failed(KEY, "none is configured", SET_KEY), *_unknown("there is no key", NAMES[1:], sure=True)]
    try:
        async with asyncio.timeout(SECONDS):
            found = await standing(here.client, here.settings.symbol)
            held = await here.tasks.in_thread(lambda: _held(here))
    except TimeoutError:
        return _unknown(f"no answer within {SECONDS:g} s", NAMES)
    except ExchangeRefused as refused:
        sure = refused.code in AUTH_CODES | ACCESS_CODES
        rest = _unknown("the exchange refused to tell", NAMES[1:])
        return [failed(KEY, f"is refused: {refused}", PASTE, sure=sure), *rest]
    except (ExchangeError, StoreError) as error:
        return _unknown(str(error), NAMES)
    return [
        key(found),
        withdrawals(found, seen_by_owner=here.settings.trade_only_key_confirmed),
        waived(address(found)) if here.pretended else address(found),
        clock(found),
        symbol(found),
        size(here, found, held),
    ]


def _held(here: Subject) -> Decimal:
    """Bitcoin of ours, by the books; none where there are no books yet."""
    file = looking.database_file(here.database_url)
    if file is not None and not file.exists():
        return ZERO
    with looking.looking(here.database_url) as connection:
        return looking_at_past.held(connection, here.real, here.settings.symbol)


def _unknown(why: str, names: tuple[str, ...], *, sure: bool = False) -> list[Item]:
    return [failed(name, f"cannot be looked at: {why}", AGAIN, sure=sure) for name in names]


def key(found: "Standing") -> Item:
    if found.can_trade is None:
        return warning(KEY, "is taken; the exchange does not tell whether it may trade", "look on the exchange's site")
    if not found.can_trade:
        return failed(KEY, "is taken, and may not trade", "allow it to trade on the exchange's site")
    return passed(KEY, "is taken, and may trade")


def withdrawals(found: "Standing", *, seen_by_owner: bool = False) -> Item:
    """Where the exchange tells of the account only, its owner has to look at the key, and to say so."""
    if found.can_withdraw:
        return failed(WITHDRAWALS, "the exchange says that the key may withdraw", NEW_KEY)
    if found.can_withdraw is False or found.account_withdraws is False:
        return passed(WITHDRAWALS, "are not allowed")
    if found.account_withdraws is None:
        cure = "on the exchange's site look that the key may not withdraw"
        return warning(WITHDRAWALS, "the exchange does not tell whether the key may withdraw", cure)
    if seen_by_owner:
        seen = "the exchange says only that the account may withdraw; you have confirmed that the key may not"
        return warning(WITHDRAWALS, seen, "look again from time to time")
    return failed(WITHDRAWALS, "the account may withdraw, and the exchange does not tell of the key", CONFIRM)


def address(found: "Standing") -> Item:
    """Binance.US tells nothing of this today: then its owner must look, and nobody is kept from going live."""
    if found.ip_restricted is None:
        return warning(ADDRESS, "the exchange does not tell whether the key works from one address only", LOOK)
    if not found.ip_restricted:
        return failed(ADDRESS, "the key works from everywhere", LOOK)
    return passed(ADDRESS, "the key works only from addresses that its owner named")


def clock(found: "Standing") -> Item:
    ahead = found.ahead_seconds
    seen = f"{abs(ahead) * 1000:.0f} ms {'ahead of' if ahead > 0 else 'behind'} the exchange's"
    return passed(CLOCK, seen) if abs(ahead) <= MOST_AHEAD_SECONDS else failed(CLOCK, seen, SYNC)


def symbol(found: "Standing") -> Item:
    if found.instrument is None or found.not_tradable:
        seen, _, cure = found.not_tradable.partition("; ")
        return failed(SYMBOL, seen, cure or "choose another TRADER_SYMBOL")
    return passed(SYMBOL, f"{found.instrument.symbol} is traded, and takes {found.instrument.stop_type} orders")


def size(here: Subject, found: "Standing", held: Decimal) -> Item:
    """Cash, and what the open positions of the books would bring."""
    instrument = found.instrument
    if instrument is None or found.ask is None:
        return failed(SIZE, "cannot be told without the symbol's rules", "choose another TRADER_SYMBOL", sure=False)
    needed = smallest_equity(found.ask, here.limits, instrument).to_integral_value(ROUND_CEILING)
    there = found.quote_total + min(held, found.base_total) * found.ask
    if there < needed:
        seen = f"account too small: need about ${needed}, there are ${there:.2f}"
        return failed(SIZE, seen, f"deposit {instrument.quote}, or raise position_size_pct in config/risk.yml")
    return passed(SIZE, f"${there:.2f}; the smallest that can be traded with a stop is about ${needed}")
