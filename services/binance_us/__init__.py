"""Binance.US: the exchange and the market behind the app's ports. No other host is ever dialled.

Loaded at first use: the library of exchanges takes seconds, and only those who trade there should wait for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from services.binance_us.client import Client
    from services.binance_us.dialling import Addresses
    from services.binance_us.exchange import BinanceUs
    from services.binance_us.market import LiveMarket

__all__ = ["Addresses", "BinanceUs", "Client", "LiveMarket"]

_HOMES = {"Addresses": "dialling", "BinanceUs": "exchange", "Client": "client", "LiveMarket": "market"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
