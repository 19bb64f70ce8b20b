"""The account as the exchange tells it: balances, our open orders, our trades; and the proof that an order is absent.

Reads only. A body without the assets we trade is not believed: half an answer would look like an empty account.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from app.core.errors import DataError, ExchangeUnreachable
from app.core.messages import AccountSeen, OrderNotFound
from app.core.model import OrderReport, Role, Side
from app.core.money import ZERO
from app.core.orders import role_of
from services.binance_us.believing import NotWholeYet, believed
from services.binance_us.flows import FlowList
from services.binance_us.history import History
from services.binance_us.instrument import Listing
from services.binance_us.orders import Orders
from services.binance_us.reports import Row, amount, fill_of_trade, identity, owner

log = logging.getLogger(__name__)

BEFORE = timedelta(seconds=60)  # how far before an order was sent its lists are read
LISTS_LAG = timedelta(minutes=10)
SNAPSHOTS = 60  # half an hour at one in 30 seconds
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Balances at a quiet moment, what visible orders locked of them, and the newest trade by then."""

    at: datetime
    base: Decimal  # free and locked by orders that we see
    quote: Decimal
    trade_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What the account says that may be done with it. None: it does not say."""

    can_trade: bool | None
    can_withdraw: bool | None
    number: str = ""  # of the account; "" where it is not told


class AccountReader:
    def __init__(
        self,
        history: History,
        orders: Orders,
        flows: FlowList,
        listing: Callable[[], Listing],
        now: Callable[[], datetime],
    ) -> None:
        self._history, self._orders, self._flows, self._listing, self._now = history, orders, flows, listing, now
        self._flows_until: datetime | None = None  # until then the list of flows is read too; None: not yet known
        self._quote_total: Decimal | None = None
        self._trade_id: int | None = None  # the newest trade of ours that was looked at
        self._lived_until: datetime | None = None  # orders made since then may be unknown to the books
        self._snapshots: deque[Snapshot] = deque(maxlen=SNAPSHOTS)

    def look_back_to(self, lived_until: datetime) -> None:
        """The books end there, as after a backup was restored: the next answer tells of all our orders since."""
        self._lived_until = lived_until

    # ------------------------------------------------------------ the whole truth

    async def seen(self, doubtful: Sequence[str]) -> AccountSeen:
        """Balances, reports of all our open orders, of the doubtful ones, and of those traded since the last time.

        Its time is the moment before the first question: what happened later may or may not be in it.
        """
        at, activity = self._now(), self._orders.activity
        rows = await self._history.open_orders()
        ours = {id: row for row in rows if (id := owner(row)) is not None}
        reports = [whole for id, row in ours.items() if (whole := await self._whole(row, id)) is not None]
        asked = [id for id in dict.fromkeys(doubtful) if id not in ours]
        reports += [found for id in asked if (found := await self._found(id)) is not None]
        reports += await self._since({*ours, *asked})
        reports.sort(key=lambda report: int(report.exchange_order_id or 0))  # an entry before its stop
        before = self._trade_id
        reports += await self._traded({report.exchange_order_id for report in reports})
        flows = await self._flows.read() if self._flows_until is None or at < self._flows_until else ()
        base, quote = self.balances(await self._history.account())
        if self._flows_until is None or (quote.total != self._quote_total and before == self._trade_id):
            self.look_for_flows()
        self._quote_total = quote.total
        if activity == self._orders.activity:
            self._remember(at, base, quote, rows)
        mentioned = {report.client_order_id for report in reports}
        lagging = [id for id in self._orders.confirmed if id not in mentioned and self._is_lagging(id)]
        return AccountSeen(
            at=at,
            quote_total=quote.total,
            quote_locked=quote.locked,
            base_total=base.total,
            base_free=base.free,
            flows=flows,
            reports=tuple(reports),
            open_ids=(*(report.client_order_id for report in reports if report.client_order_id in ours), *lagging),
        )

    def look_for_flows(self) -> None:
        """Money may have come or gone unheard. Lists lag, so they are read for a while."""
        self._flows_until = self._now() + LISTS_LAG

    async def _since(self, known: set[str]) -> list[OrderReport]:
        """Our orders that were made while the books were not written, whatever became of them."""
        if self._lived_until is None:
            return []
        rows = await self._history.orders_since(self._lived_until - BEFORE)
        self._lived_until = None
        missed = {id: row for row in rows if (id := owner(row)) is not None and id not in known}
        return [whole for id, row in missed.items() if (whole := await self._whole(row, id)) is not None]

    async def _found(self, client_order_id: str) -> OrderReport | None:
        row = await self._orders.row(client_order_id)
        return None if row is None else await self._whole(row, client_order_id)

    async def _whole(self, row: Row, client_order_id: str) -> OrderReport | None:
        """One order that lags behind does not keep back everything else; the engine asks for it by name."""
        try:
            return await self._orders.whole(row, client_order_id)
        except NotWholeYet as error:
            log.info("%s", error)
            return None

    def balances(self, body: Row) -> tuple[Balance, Balance]:
        """What is held of base and of quote. Raises ExchangeUnreachable where either is not mentioned."""
        instrument = self._listing().instrument
        with believed("reading the balances"):
            listed = body.get("balances")
            rows = {
                row.get("asset"): row for row in (listed if isinstance(listed, list) else []) if isinstance(row, dict)
            }
            return _balance(rows.get(instrument.base), instrument.base), _balance(
                rows.get(instrument.quote), instrument.quote
            )

    async def rights(self) -> Rights:
        body = await self._history.account()
        return rights_of(body)

    def _is_lagging(self, client_order_id: str) -> bool:
        return self._orders.confirmed_lately(client_order_id, self._now())

    async def _traded(self, known: set[str]) -> list[OrderReport]:
        """Reports of our orders that were filled since the last time and that nobody asked for."""
        if self._trade_id is None:
            rows = await self._history.newest_trades()
            self._trade_id = max(self._numbers(rows, "id"), default=0)
            return []
        rows = await self._history.trades_from(self._trade_id + 1)
        reports: list[OrderReport] = []
        lagging = False
        for number in sorted(set(map(str, self._numbers(rows, "orderId"))) - known, key=int):
            id = self._orders.numbers.get(number)
            row = await (self._orders.row(id) if id else self._history.order_of(number))
            id = id or (owner(row) if row else None)
            if row is None or id is None:
                log.info("order number %s on our symbol is not ours; it is left alone", number)
                continue
            whole = await self._whole(row, id)
            lagging = lagging or whole is None
            reports += [whole] if whole is not None else []
        if not lagging:  # else the same trades are looked at once more
            self._trade_id = max([self._trade_id, *self._numbers(rows, "id")])
        return reports

    def _numbers(self, rows: Sequence[Row], name: str) -> list[int]:
        with believed("reading our trades"):
            return [int(identity(row.get(name), name)) for row in rows]

    # ------------------------------------------------------------ absence

    async def absent(self, client_order_id: str, sent_at: datetime) -> OrderReport | OrderNotFound:
        """After the exchange does not know the order by name: both order lists, the trades and the balances too.

        The answer is `complete` only where nothing at all speaks for the order.
        """
        at = self._now()
        resting = await self._history.open_orders()
        listed = await self._history.orders_since(sent_at - BEFORE)
        for row in (*resting, *listed):
            if owner(row) == client_order_id:
                return await self._orders.whole(row, client_order_id)
        trades = await self._history.trades_since(sent_at - BEFORE)
        why = ""
        for number in sorted(set(self._numbers(trades, "orderId")) - set(self._numbers(listed, "orderId"))):
            traded = await self._history.order_of(str(number))  # an older order that was filled since, or ours
            if traded is not None and owner(traded) == client_order_id:
                return await self._orders.whole(traded, client_order_id)
            if traded is None:
                why = f"there are trades of order number {number}, which is not found either"
        sells = role_of(client_order_id) is not Role.ENTRY
        if not why and not await self._balances_explained(sent_at, resting, sells=sells):
            why = "the balances changed in a way that the visible orders and trades do not explain"
        if why:
            log.warning("order %s is not found, but %s", client_order_id, why)
        return OrderNotFound(at=at, client_order_id=client_order_id, complete=not why)

    async def _balances_explained(self, sent_at: datetime, resting: Sequence[Row], *, sells: bool) -> bool:
        """Whether what is free has changed by our visible trades and open orders alone since before `sent_at`.

        An order that `sells` would have locked or sold bitcoin: money that comes and goes says nothing about it.
        After a restart there is no earlier snapshot; then the other proofs have to do.
        """
        before = [snapshot for snapshot in self._snapshots if snapshot.at < sent_at]
        if not before:
            return True
        then = before[-1]
        trades = await self._history.trades_from(then.trade_id + 1)
        base, quote = self.balances(await self._history.account())
        now = self._snapshot(self._now(), base, quote, resting, then.trade_id)
        moved_base, moved_quote = self._moved(trades)
        step = self._listing().instrument.quantity_step or ZERO
        same_base = abs(now.base - then.base - moved_base) <= step
        return same_base and (sells or abs(now.quote - then.quote - moved_quote) <= CENT)

    def _moved(self, trades: Sequence[Row]) -> tuple[Decimal, Decimal]:
        """What these trades did to base and quote, fees included."""
        instrument = self._listing().instrument
        base = quote = ZERO
        with believed("reading our trades"):
            for row in trades:
                fill = fill_of_trade(row, "a trade", self._listing())
                sign = 1 if fill.side is Side.BUY else -1
                base += sign * fill.quantity - (fill.fee if fill.fee_asset == instrument.base else ZERO)
                quote -= sign * fill.notional + (fill.fee if fill.fee_asset == instrument.quote else ZERO)
        return base, quote

    def _remember(self, at: datetime, base: Balance, quote: Balance, open_orders: Sequence[Row]) -> None:
        try:
            self._snapshots.append(self._snapshot(at, base, quote, open_orders, self._trade_id or 0))
        except ExchangeUnreachable as error:
            log.info("%s", error)  # somebody else's strange order does not hide the account from us

    def _snapshot(
        self, at: datetime, base: Balance, quote: Balance, open_orders: Sequence[Row], trade_id: int
    ) -> Snapshot:
        """What is free, with what the orders that we see have locked put back to it."""
        locked_base = locked_quote = ZERO
        with believed("reading the open orders"):
            for row in open_orders:
                left = amount(row.get("origQty"), "origQty") - amount(row.get("executedQty"), "executedQty")
                if row.get("side") == Side.SELL.value:
                    locked_base += left
                else:
                    locked_quote += left * amount(row.get("price"), "price")
        return Snapshot(at=at, base=base.free + locked_base, quote=quote.free + locked_quote, trade_id=trade_id)


def rights_of(body: Row) -> Rights:
    trade, withdraw, number = body.get("canTrade"), body.get("canWithdraw"), body.get("uid")
    known = isinstance(number, int) and not isinstance(number, bool) and number > 0
    return Rights(
        can_trade=trade if isinstance(trade, bool) else None,
        can_withdraw=withdraw if isinstance(withdraw, bool) else None,
        number=str(number) if known else "",
    )


def _balance(row: Row | None, asset: str) -> Balance:
    if row is None:
        raise DataError(f"there is no {asset} in it")
    return Balance(free=amount(row.get("free"), f"{asset} free"), locked=amount(row.get("locked"), f"{asset} locked"))
