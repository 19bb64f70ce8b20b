"""A double of Binance.US spot for tests: a small, honest exchange on loopback over real HTTP and WebSocket.

Its formats come from recorded payloads and the exchange's own documents; it shares no code with the trader, so that
both cannot be wrong in the same way. See `BinanceDouble`, `faults.KINDS` and `core.Core`.
"""

from tests.binance_double.double import BinanceDouble
from tests.binance_double.faults import Fault
from tests.binance_double.orders import Order

__all__ = ["BinanceDouble", "Fault", "Order"]
