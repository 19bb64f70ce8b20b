"""What tests of going live have in common: an open client of the double, and the list as it stands."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from app.checklist import Checklist, Item
from app.seam import Clock, Tasks
from services.binance_us import Addresses, Client
from services.settings import LoadedRules, Settings, load_rules, load_settings
from tests.binance_us_double import BinanceDouble
from wiring.binance_us import trading_key
from wiring.live_check import go_live_list

ELSEWHERE = "https://api.binance.us"


def addresses_of(exchange: BinanceDouble) -> dict[str, str]:
    return {
        "BINANCEUS_REST_URL": exchange.rest_url,
        "BINANCEUS_WS_URL": exchange.ws_url,
        "BINANCEUS_WS_API_URL": exchange.ws_api_url,
    }


class Owner:
    """Somebody who wants to go live: settings, books, and an exchange."""

    def __init__(self, exchange: BinanceDouble, folder: Path, database_url: str) -> None:
        self.exchange, self.folder = exchange, folder
        self.environ = {
            "TRADER_DATA_DIR": str(folder / "data"),
            "TRADER_CONFIG_DIR": str(folder / "config"),
            "DATABASE_URL": database_url,
            "BINANCEUS_API_KEY": exchange.key,
            "BINANCEUS_API_SECRET": exchange.secret,
            **addresses_of(exchange),
        }
        self.real = True  # what history must prove is asked for, as if the exchange were not on this machine

    @property
    def settings(self) -> Settings:
        settings = load_settings(self.environ, None)
        return replace(settings, binanceus_rest_url=ELSEWHERE) if self.real else settings

    @property
    def loaded(self) -> LoadedRules:
        return load_rules(self.settings.config_dir)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        exchange = self.exchange
        addresses = Addresses(rest=exchange.rest_url, ws=exchange.ws_url, ws_api=exchange.ws_api_url)
        client = Client(addresses, clock=Clock(), **trading_key(self.settings))
        await client.open()
        try:
            yield client
        finally:
            await client.close()

    async def look(self) -> Checklist:
        async with self.client() as client:
            return await go_live_list(self.settings, self.loaded, client, Tasks())

    async def item(self, name: str) -> Item:
        return named(await self.look(), name)


def named(checklist: Checklist, name: str) -> Item:
    (found,) = [item for item in checklist.items if item.name == name]
    return found
