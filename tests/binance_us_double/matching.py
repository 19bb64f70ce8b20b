"""Fills: takers walk the book, resting orders are hit, stops wake up. The account's own orders never trade with each
other (self-trade prevention); every price printed is offered to the stops in the order of printing.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.binance_us_double.amounts import ZERO, floored
from tests.binance_us_double.clock import ServerClock
from tests.binance_us_double.listing import Listing
from tests.binance_us_double.market import Level, Market, Print
from tests.binance_us_double.orders import Fill, Order, Wish
from tests.binance_us_double.replica import Stamps
from tests.binance_us_double.wallet import Wallet

NO_LIQUIDITY = "INSUFFICIENT_LIQUIDITY"


class Matching:
    def __init__(
        self,
        clock: ServerClock,
        stamps: Stamps,
        listings: dict[str, Listing],
        markets: dict[str, Market],
        wallet: Wallet,
        tell: Callable[[dict[str, Any]], None],
    ) -> None:
        self.clock, self.stamps, self.listings, self.markets = clock, stamps, listings, markets
        self.wallet, self.tell = wallet, tell
        self.orders: list[Order] = []
        self._live: dict[int, Order] = {}
        self._printed: list[tuple[Market, Decimal]] = []
        self._busy = False
        for market in markets.values():
            market.on_book.append(self._book_changed)
            market.on_print.append(self._somebody_traded)

    # ---------------------------------------------------------------- beginning and end of an order

    def start(self, order: Order) -> None:
        """A new order begins to live: it rests, waits for its trigger, or takes."""
        self.orders.append(order)
        self._live[order.id] = order
        with_trigger = order.is_stop
        if not with_trigger:
            order.working_ms = order.changed_ms
        elif order.wish.trailing_delta is not None and order.wish.stop_price is None:
            self._trail(order, self.markets[order.wish.symbol].price)
        self._note(order, "NEW")
        if not with_trigger:
            self._run(lambda: self._take(order))

    def end(self, order: Order, status: str, kind: str) -> None:
        if order.locked:
            self.wallet.unlock(self._asset(order), order.locked)
            order.locked = ZERO
        order.status = status
        self._note(order, kind)

    def _note(self, order: Order, kind: str, fill: Fill | None = None, fee_asset: str | None = None) -> None:
        """Tell the account's owner, and remember it for the reading side."""
        order.changed_ms = fill.ms if fill else self.clock.ms()
        order.versions.append((self.stamps.next(), order.row()))
        if not order.is_open:
            self._live.pop(order.id, None)
        self.wallet.keep()
        self.tell(order.report(kind, order.changed_ms, fill))
        listing = self.listings[order.wish.symbol]
        self.wallet.say(listing.base, listing.quote, fee_asset)

    def _asset(self, order: Order) -> str:
        listing = self.listings[order.wish.symbol]
        return listing.quote if order.wish.side == "BUY" else listing.base

    # ---------------------------------------------------------------- what an order would do

    def triggers(self, wish: Wish, price: Decimal) -> bool:
        if not price or wish.stop_price is None:
            return False
        falling = (wish.side == "SELL") == wish.type.startswith("STOP_LOSS")
        return price <= wish.stop_price if falling else price >= wish.stop_price

    def would_take(self, wish: Wish) -> bool:
        level = self.markets[wish.symbol].best(wish.side)
        return level is not None and _crosses(wish.side, level.price, wish.price)

    def cost_of(self, wish: Wish, quantity: Decimal) -> Decimal:
        """What a market buy of this quantity would cost now, as far as the book reaches."""
        cost, left = ZERO, quantity
        for level in self.markets[wish.symbol].asks:
            part = min(left, level.quantity)
            cost, left = cost + part * level.price, left - part
            if not left:
                break
        return cost

    def quantity_for(self, wish: Wish) -> Decimal:
        """How much a market order by quoteOrderQty trades: as near to the amount as the step allows, never above."""
        market, step = self.markets[wish.symbol], self.listings[wish.symbol].step
        left, quantity = wish.quote_quantity or ZERO, ZERO
        for level in market.asks if wish.side == "BUY" else market.bids:
            part = min(level.quantity, left / level.price)
            quantity, left = quantity + part, left - part * level.price
            if left <= 0:
                break
        return floored(quantity, step)

    # ---------------------------------------------------------------- taking from the book

    def _take(self, order: Order) -> None:
        market = self.markets[order.wish.symbol]
        if order.wish.tif == "FOK" and self._reachable(order) < order.left:
            self._expire_rest(order)
            return
        while order.is_open and order.left:
            level = market.best(order.wish.side)
            own = self._own_opposite(order)
            if own is not None and (level is None or not _better(order.wish.side, level.price, own.price)):
                if not _crosses(order.wish.side, own.price, self._limit(order)):
                    break
                self._prevent(order, own)
                continue
            if level is None or not _crosses(order.wish.side, level.price, self._limit(order)):
                break
            quantity = min(order.left, level.quantity, self._affordable(order, level))
            if not quantity:
                break
            price = level.price
            market.take(order.wish.side, quantity)
            self._fill(order, price, quantity, maker=False)
        if order.is_open and (not order.is_limit or order.wish.tif in ("IOC", "FOK") or not order.quantity):
            self._expire_rest(order)
        market.say()

    def _expire_rest(self, order: Order) -> None:
        order.reason = NO_LIQUIDITY
        self.end(order, "EXPIRED", "EXPIRED")

    def _limit(self, order: Order) -> Decimal | None:
        return order.wish.price if order.is_limit else None

    def _reachable(self, order: Order) -> Decimal:
        market = self.markets[order.wish.symbol]
        levels = market.asks if order.wish.side == "BUY" else market.bids
        within = (each for each in levels if _crosses(order.wish.side, each.price, self._limit(order)))
        return sum((each.quantity for each in within), ZERO)

    def _affordable(self, order: Order, level: Level) -> Decimal:
        """A stop that became a market buy locked money for its trigger price; the book may be dearer."""
        if order.wish.side == "SELL" or order.is_limit:
            return level.quantity
        money = self.wallet.free.get(self._asset(order), ZERO) + order.locked
        return floored(money / level.price, self.listings[order.wish.symbol].step)

    def _own_opposite(self, order: Order) -> Order | None:
        """The best resting order of the same account on the other side."""
        others = [
            each
            for each in self._live.values()
            if each.works and each.is_limit and each is not order
            if each.wish.symbol == order.wish.symbol and each.wish.side != order.wish.side
        ]
        pick = min if order.wish.side == "BUY" else max
        return pick(others, key=lambda each: each.price, default=None)

    def _prevent(self, taker: Order, maker: Order) -> None:
        quantity, price = min(taker.left, maker.left), maker.price
        mode = taker.stp if taker.stp in ("EXPIRE_TAKER", "EXPIRE_BOTH") else "EXPIRE_MAKER"
        for order, other in ((maker, taker), (taker, maker)):
            name = "EXPIRE_MAKER" if order is maker else "EXPIRE_TAKER"
            if mode not in (name, "EXPIRE_BOTH"):
                continue
            amount = f"{quantity:.8f}"
            order.prevented = {"preventedMatchId": 0, "preventedQuantity": amount, "v": 0, "A": amount, "B": amount}
            order.prevented |= {"u": 1, "U": other.id, "pl": amount, "pL": f"{price:.8f}"}
            order.prevented["pY"] = f"{price * quantity:.8f}"
            self.end(order, "EXPIRED_IN_MATCH", "TRADE_PREVENTION")

    # ---------------------------------------------------------------- one fill

    def _fill(self, order: Order, price: Decimal, quantity: Decimal, *, maker: bool) -> None:
        wish, listing, market = order.wish, self.listings[order.wish.symbol], self.markets[order.wish.symbol]
        worth = price * quantity
        self._pay(order, quantity, worth)
        fee, asset = self.wallet.charge(wish.side, listing.base, listing.quote, quantity, worth, maker=maker)
        ids = {"buyer_order": order.id} if wish.side == "BUY" else {"seller_order": order.id}
        printed = market.printed(price, quantity, maker_is_buyer=(wish.side == "BUY") == maker, **ids)
        fill = Fill(printed.id, price, quantity, fee, asset, maker, printed.ms, self.stamps.next())
        order.fills.append(fill)
        order.status = "PARTIALLY_FILLED" if order.left else "FILLED"
        self._note(order, "TRADE", fill, asset)

    def _pay(self, order: Order, quantity: Decimal, worth: Decimal) -> None:
        listing, buys = self.listings[order.wish.symbol], order.wish.side == "BUY"
        if order.locked:
            asset = self._asset(order)
            needed = (
                worth - self.wallet.free.get(asset, ZERO) if buys else ZERO
            )  # dearer than its part of what is locked
            part = min(order.locked, max(order.locked * quantity / order.left, needed))
            order.locked -= part
            self.wallet.unlock(asset, part)
        self.wallet.change(listing.quote, -worth if buys else worth)
        self.wallet.change(listing.base, quantity if buys else -quantity)

    # ---------------------------------------------------------------- the market moves

    def _run(self, step: Callable[[], None]) -> None:
        """One step, then every stop that its prints wake, in their order."""
        if self._busy:
            step()
            return
        self._busy = True
        try:
            step()
            while self._printed:
                market, price = self._printed.pop(0)
                self._wake(market, price)
        finally:
            self._busy = False

    def _book_changed(self, market: Market) -> None:
        """Somebody's new quote meets what rests here: it trades at the resting price."""
        if not self._busy:
            self._run(lambda: self._hit_by_quotes(market))

    def _hit_by_quotes(self, market: Market) -> None:
        for order in self._resting(market):
            side = order.wish.side
            while order.is_open and (level := market.best(side)) and _crosses(side, level.price, order.price):
                quantity = min(order.left, level.quantity)
                market.take(side, quantity)
                self._fill(order, order.price, quantity, maker=True)

    def _somebody_traded(self, market: Market, printed: Print) -> None:
        self._printed.append((market, printed.price))
        if not (printed.buyer_order or printed.seller_order):
            self._run(lambda: self._hit_by_print(market, printed))

    def _hit_by_print(self, market: Market, printed: Print) -> None:
        """A trade through a resting price fills it whole; one at its price as far as the trade's quantity goes."""
        left = printed.quantity
        hit = "BUY" if printed.maker_is_buyer else "SELL"
        for order in self._resting(market):
            through = order.price > printed.price if order.wish.side == "BUY" else order.price < printed.price
            if through:
                self._fill(order, order.price, order.left, maker=True)
            elif order.price == printed.price and order.wish.side == hit and left:
                quantity = min(order.left, left)
                left -= quantity
                self._fill(order, order.price, quantity, maker=True)

    def _resting(self, market: Market) -> list[Order]:
        """Best price first, then the older one."""
        found = [
            each for each in self._live.values() if each.works and each.is_limit and each.wish.symbol == market.symbol
        ]
        return sorted(found, key=lambda each: (-each.price if each.wish.side == "BUY" else each.price, each.id))

    def own_levels(self, symbol: str) -> tuple[list[Level], list[Level]]:
        """What the account itself shows in the book."""
        resting = self._resting(self.markets[symbol])
        levels = {side: [Level(o.price, o.left) for o in resting if o.wish.side == side] for side in ("BUY", "SELL")}
        return levels["BUY"], levels["SELL"]

    # ---------------------------------------------------------------- stops

    def _wake(self, market: Market, price: Decimal) -> None:
        for order in [each for each in self._live.values() if each.is_stop and not each.works]:
            if order.wish.symbol != market.symbol or not order.is_open:
                continue
            trails = order.wish.trailing_delta is not None
            due = self._trail(order, price) if trails else self.triggers(order.wish, price)
            if due:
                order.working_ms = self.clock.ms()
                self._note(order, "NEW")
                self._take(order)

    def _trail(self, order: Order, price: Decimal) -> bool:
        """Follows the best price once its stopPrice, if any, was reached; says whether the price came back enough."""
        if order.trailing_ms < 0:
            if order.wish.stop_price is not None and not self.triggers(order.wish, price):
                return False
            order.trailing_ms, order.trailing_best = self.clock.ms(), price
        falling = (order.wish.side == "SELL") == order.wish.type.startswith("STOP_LOSS")
        part = Decimal(order.wish.trailing_delta or 0) / 10_000
        order.trailing_best = max(order.trailing_best, price) if falling else min(order.trailing_best, price)
        far = order.trailing_best * (1 - part if falling else 1 + part)
        return price <= far if falling else price >= far


def _crosses(side: str, offered: Decimal, limit: Decimal | None) -> bool:
    return limit is None or (offered <= limit if side == "BUY" else offered >= limit)


def _better(side: str, offered: Decimal, other: Decimal) -> bool:
    """Whether a taker of this side prefers the first price."""
    return offered < other if side == "BUY" else offered > other
