"""The person to whom the account belongs, at the exchange's own website: orders, cancellations and money by hand."""

from tests.binance_us_double.amounts import Number, exact
from tests.binance_us_double.engine import Engine
from tests.binance_us_double.orders import Order, Wish
from tests.binance_us_double.wallet import Wallet


class Owner:
    def __init__(self, engine: Engine, wallet: Wallet) -> None:
        self._engine, self._wallet = engine, wallet

    def order(
        self,
        symbol: str,
        side: str,
        quantity: Number,
        price: Number | None = None,
        *,
        stop_price: Number | None = None,
        client_id: str = "",
    ) -> Order:
        """At the market without a price, resting with one, a stop with a stop price."""
        type = "MARKET" if price is None else "LIMIT"
        if stop_price is not None:
            type = "STOP_LOSS" if price is None else "STOP_LOSS_LIMIT"
        wish = Wish(
            symbol=symbol,
            side=side,
            type=type,
            client_id=client_id or self._engine.new_id("web_"),
            quantity=exact(quantity),
            price=None if price is None else exact(price),
            stop_price=None if stop_price is None else exact(stop_price),
        )
        return self._engine.place(wish, by_owner=True)

    def buy(self, symbol: str, quantity: Number, price: Number | None = None) -> Order:
        return self.order(symbol, "BUY", quantity, price)

    def sell(self, symbol: str, quantity: Number, price: Number | None = None) -> Order:
        return self.order(symbol, "SELL", quantity, price)

    def cancel(self, order: Order | str) -> Order:
        """Any order of the account, also one of the trader's, by itself or by its client id."""
        found = self._engine.of(order) if isinstance(order, str) else order
        return self._engine.cancel(found, self._engine.new_id("web_"))

    def deposit(self, asset: str, amount: Number) -> None:
        self._wallet.deposit(asset, amount)

    def withdraw(self, asset: str, amount: Number) -> None:
        self._wallet.withdraw(asset, amount)
