"""Binance.US, with a key or without."""

from typing import TYPE_CHECKING, Any

from app.seam import clock

if TYPE_CHECKING:
    from app.seam import Tasks
    from services.settings import Settings


def on_binanceus(settings: "Settings", tasks: "Tasks", key: str = "", secret: str = "") -> Any:
    """The exchange and its prices over one connection."""
    from services.binance_us import Addresses, BinanceUs, Client, LiveMarket

    addresses = Addresses(
        rest=settings.binanceus_rest_url, ws=settings.binanceus_ws_url, ws_api=settings.binanceus_ws_api_url
    )
    client = Client(addresses, clock=clock, key=key, secret=secret)
    account = BinanceUs(client, settings.symbol, clock=clock, tasks=tasks)
    return account, LiveMarket(client, settings.symbol, clock=clock, tasks=tasks)


def trading_key(settings: "Settings") -> dict[str, str]:
    key, secret = settings.binanceus_api_key, settings.binanceus_api_secret
    return {"key": key.reveal(), "secret": secret.reveal()} if key and secret else {}
