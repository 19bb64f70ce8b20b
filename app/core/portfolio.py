"""The account in numbers: cash, dust, units, the day's base. Deposits and withdrawals are neutral to every loss figure.

Units: the first equity buys units at NAV 1; a flow f adds f / NAV units, so NAV = equity / units moves only with
profit and loss. Losses are measured on NAV.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from app.core.model import Position
from app.core.money import HUNDRED, ONE, ZERO, part
from app.core.values import changed, value


@value
class Account:
    """Quote amounts unless said otherwise. `nav` figures use the liquidation equity of `liquidation`."""

    cash: Decimal  # free and locked quote currency
    dust: Decimal = ZERO  # bitcoin of ours too small to sell
    units: Decimal  # 0 while the account is empty
    idle_nav: Decimal = ONE  # what a unit was worth when the account was emptied
    first_equity: Decimal
    flows: Decimal = ZERO
    day: datetime  # 00:00 UTC of the running day
    day_nav: Decimal = ONE
    day_equity: Decimal
    day_units: Decimal
    day_flows: Decimal = ZERO
    day_realised: Decimal = ZERO
    day_trades: int = 0
    day_entries: int = 0
    day_notional: Decimal = ZERO


def opened(cash: Decimal, at: datetime) -> Account:
    """A new account with `cash` and nothing else."""
    units = max(cash, ZERO)
    return Account(
        cash=cash,
        units=units,
        first_equity=cash,
        day=midnight(at),
        day_equity=cash,
        day_units=units,
    )


def midnight(at: datetime) -> datetime:
    """00:00 UTC of the day of `at`."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def next_midnight(at: datetime) -> datetime:
    return midnight(at) + timedelta(days=1)


def held(account: Account, positions: Iterable[Position]) -> Decimal:
    """Bitcoin of ours: what positions hold, and dust."""
    quantity = account.dust
    for position in positions:
        quantity += position.remaining
    return quantity


def equity(account: Account, quantity: Decimal, price: Decimal) -> Decimal:
    """What is shown: cash and `quantity` bitcoin at `price`, no exit fee taken off."""
    return account.cash + quantity * price


def liquidation(account: Account, quantity: Decimal, bid: Decimal, fee_pct: Decimal) -> Decimal:
    """What risk uses: cash and `quantity` bitcoin sold at `bid` less the taker fee."""
    value = quantity * bid
    return account.cash + value - part(value, fee_pct)


def nav(account: Account, liquidated: Decimal) -> Decimal:
    """Value of one unit; what it last was while the account is empty."""
    return liquidated / account.units if account.units else account.idle_nav


def losses_pct(account: Account, liquidated: Decimal) -> tuple[Decimal, Decimal]:
    """(loss of the day, loss since the ledger was opened) as positive percentages; 0 in profit.

    The day's is the worse of marked-to-market (on NAV) and realised: an unrealised gain must not hide a realised
    loss, nor the reverse. The total is on NAV.
    """
    value = nav(account, liquidated)
    marked = (ONE - value / account.day_nav) * HUNDRED if account.day_nav > ZERO else ZERO
    realised = -account.day_realised / account.day_equity * HUNDRED if account.day_equity > ZERO else ZERO
    return max(marked, realised, ZERO), max((ONE - value) * HUNDRED, ZERO)


def day_loss_pct(account: Account, liquidated: Decimal) -> Decimal:
    return losses_pct(account, liquidated)[0]


def total_loss_pct(account: Account, liquidated: Decimal) -> Decimal:
    return losses_pct(account, liquidated)[1]


def with_flow(account: Account, amount: Decimal, liquidated: Decimal) -> Account:
    """After a deposit (positive) or withdrawal (negative): units change, NAV does not."""
    value = nav(account, liquidated)
    emptied = liquidated + amount <= ZERO
    units = ZERO if emptied or value <= ZERO else account.units + amount / value
    return changed(
        account,
        cash=account.cash + amount,
        units=units,
        idle_nav=value if emptied else account.idle_nav,
        flows=account.flows + amount,
        day_flows=account.day_flows + amount,
    )


def new_day(account: Account, at: datetime, shown_equity: Decimal, liquidated: Decimal) -> Account:
    """The base for the day of `at`: everything is marked to the market once, nothing is counted twice."""
    return changed(
        account,
        day=midnight(at),
        day_nav=nav(account, liquidated),
        day_equity=shown_equity,
        day_units=account.units,
        day_flows=ZERO,
        day_realised=ZERO,
        day_trades=0,
        day_entries=0,
        day_notional=ZERO,
    )
