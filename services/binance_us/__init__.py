"""Binance.US: the exchange and the market behind the app's ports. No other host is ever dialled."""

from services.binance_us.client import Addresses, Client
from services.binance_us.exchange import BinanceUs
from services.binance_us.market import LiveMarket

__all__ = ["Addresses", "BinanceUs", "Client", "LiveMarket"]
