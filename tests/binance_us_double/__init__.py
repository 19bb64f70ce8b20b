"""A double of Binance.US spot for tests: a small, honest exchange on loopback over real HTTP and WebSocket.

Its formats come from recorded payloads and the exchange's own documents; it shares no code with the trader, so that
both cannot be wrong in the same way. Nothing in it is random, and it waits for nobody.

    async with BinanceDouble("BTCUSD", balances={"USD": 10_000}) as exchange:
        exchange.rest_url, exchange.ws_url, exchange.ws_api_url, exchange.key, exchange.secret
        exchange.market.move(60_000)                    # quote, book, trade, lie … see market.Market
        exchange.candles.fill(rows)                     # add, forming, remove, say_again
        exchange.owner.buy("BTCUSD", "0.01")            # the person's own doings: sell, order, cancel, deposit …
        exchange.account.fee_in = "BNB"                 # balances, fees, rights
        exchange.faults.lost_after("POST /api/v3/order")  # and every other kind in faults.KINDS
        exchange.lag.by(12)                             # what was accepted is not found yet
        exchange.streams.user.freeze()                  # hold, release, drop, close, copies, lose; market, user, api
        exchange.user_data.refuse(listen_key=410)       # and subscription=True: each way to hear of the account
        exchange.clock.skew(3), exchange.clock.advance(3_600), exchange.weights.ban(120)
        exchange.revoke_key(), exchange.down_for_maintenance(), exchange.cut_off("silent")
        exchange.requests.of("POST /api/v3/order"), exchange.requests.hosts, exchange.settled()

A client library may repeat GET and DELETE by itself on a kept connection: use `times=2` to lose those for good.
As a process of its own: `python -m tests.binance_us_double --help`, steered as `control` says.
"""

from tests.binance_us_double.double import BinanceDouble
from tests.binance_us_double.faults import Fault
from tests.binance_us_double.orders import Order

__all__ = ["BinanceDouble", "Fault", "Order"]
