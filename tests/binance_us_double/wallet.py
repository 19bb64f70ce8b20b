"""The account's money: free and locked of each asset, fees and in what they are taken, and what the account may do."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.binance_us_double.amounts import ZERO, Number, cut, exact, text
from tests.binance_us_double.clock import ServerClock
from tests.binance_us_double.refusals import INSUFFICIENT, Refused
from tests.binance_us_double.replica import Stamp, Stamps

DISCOUNT = Decimal("0.75")  # what a fee paid in BNB costs


class Wallet:
    """`fee_in`: "received" (the usual), "quote", "BNB" or another asset, or "nothing" (no asset is named)."""

    def __init__(
        self, clock: ServerClock, stamps: Stamps, tell: Callable[[dict[str, Any]], None], start: dict[str, Number]
    ) -> None:
        self._clock, self._stamps, self._tell = clock, stamps, tell
        self.free = {asset: exact(amount) for asset, amount in start.items()}
        self.locked = dict.fromkeys(self.free, ZERO)
        self.maker_rate, self.taker_rate = Decimal("0.00150000"), Decimal("0.00150000")
        self.fee_in = "received"
        self.worth_of: Callable[[str, str], Decimal] = lambda asset, quote: ZERO
        self.can_trade = self.can_deposit = True
        self.can_withdraw = False
        self.restrictions: dict[str, Any] | None = None  # of the key; None: nobody tells
        self.hidden: set[str] = set()  # assets that the answer forgets to name
        self.uid = 354937868
        self.flows: list[dict[str, Any]] = []
        self.versions: list[tuple[Stamp, dict[str, tuple[Decimal, Decimal]]]] = []
        self.keep()

    # ---------------------------------------------------------------- what scripts do

    def set(self, asset: str, free: Number, locked: Number = 0) -> None:
        """Put a balance there, without an event."""
        self.free[asset], self.locked[asset] = exact(free), exact(locked)
        self.keep()

    def deposit(self, asset: str, amount: Number) -> None:
        """Money comes from outside; a negative amount is a withdrawal."""
        value = exact(amount)
        if self.free.get(asset, ZERO) + value < 0:
            raise ValueError(f"there is not so much {asset} to withdraw")
        self.free[asset] = self.free.get(asset, ZERO) + value
        self.locked.setdefault(asset, ZERO)
        at = self._clock.ms()
        self.flows.append({"asset": asset, "amount": value, "ms": at, "status": "Successful"})
        self.keep()
        self._tell({"e": "balanceUpdate", "E": at, "a": asset, "d": text(value), "T": at})
        self.say(asset)

    def withdraw(self, asset: str, amount: Number) -> None:
        self.deposit(asset, -exact(amount))

    def total(self, asset: str) -> Decimal:
        return self.free.get(asset, ZERO) + self.locked.get(asset, ZERO)

    # ---------------------------------------------------------------- what the engine does

    def lock(self, asset: str, amount: Decimal) -> None:
        if amount > self.free.get(asset, ZERO):
            raise Refused(-2010, INSUFFICIENT)
        self.free[asset] -= amount
        self.locked[asset] = self.locked.get(asset, ZERO) + amount

    def unlock(self, asset: str, amount: Decimal) -> None:
        self.locked[asset] -= amount
        self.free[asset] += amount

    def change(self, asset: str, amount: Decimal) -> None:
        self.free[asset] = self.free.get(asset, ZERO) + amount
        self.locked.setdefault(asset, ZERO)
        if self.free[asset] < 0:
            raise AssertionError(f"the double let {asset} go below zero")

    def charge(
        self, side: str, base: str, quote: str, quantity: Decimal, worth: Decimal, *, maker: bool
    ) -> tuple[Decimal, str | None]:
        """Take the fee of one fill."""
        rate = self.maker_rate if maker else self.taker_rate
        got, asset = (quantity, base) if side == "BUY" else (worth, quote)
        fee, wanted = cut(got * rate), self.fee_in
        if wanted == "nothing":
            return ZERO, None
        if wanted == "quote":
            asset, fee = quote, cut(worth * rate)
        elif wanted != "received":
            price = self.worth_of(wanted, quote)
            other = cut(worth * rate * (DISCOUNT if wanted == "BNB" else 1) / price) if price else ZERO
            if other and other <= self.free.get(wanted, ZERO):  # else as usual, as the real exchange does
                asset, fee = wanted, other
        self.change(asset, -fee)
        return fee, asset

    def keep(self) -> None:
        """Remember this moment for the reading side."""
        seen = {asset: (free, self.locked.get(asset, ZERO)) for asset, free in self.free.items()}
        self.versions.append((self._stamps.next(), seen))

    def say(self, *assets: str | None) -> None:
        """outboundAccountPosition: the assets that something just happened to."""
        at = self._clock.ms()
        named = [each for each in dict.fromkeys(assets) if each is not None]
        rows = [
            {"a": each, "f": text(self.free.get(each, ZERO)), "l": text(self.locked.get(each, ZERO))} for each in named
        ]
        self._tell({"e": "outboundAccountPosition", "E": at, "u": at, "B": rows})

    def told(self, seen: dict[str, tuple[Decimal, Decimal]], *, omit_zeros: bool) -> dict[str, Any]:
        balances = [
            {"asset": asset, "free": text(free), "locked": text(locked)}
            for asset, (free, locked) in seen.items()
            if asset not in self.hidden and not (omit_zeros and not free and not locked)
        ]
        return {
            "makerCommission": int(self.maker_rate * 10_000),
            "takerCommission": int(self.taker_rate * 10_000),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {
                "maker": text(self.maker_rate),
                "taker": text(self.taker_rate),
                "buyer": text(ZERO),
                "seller": text(ZERO),
            },
            "canTrade": self.can_trade,
            "canWithdraw": self.can_withdraw,
            "canDeposit": self.can_deposit,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": self._clock.ms(),
            "accountType": "SPOT",
            "balances": balances,
            "permissions": ["SPOT"],
            "uid": self.uid,
        }
