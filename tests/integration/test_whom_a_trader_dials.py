"""Whom a live trader talks to: its exchange by its name and its certificate, and nobody else."""

import asyncio
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any, Self

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from app.core.errors import ExchangeError
from services.binance_us.user_stream import POLLING
from tests.binance_us_double import BinanceDouble
from tests.carried_clock import CarriedClock
from tests.live_trader import NAME, LiveTrader, live_trader

TIME = "GET /api/v3/time"


@pytest.fixture
async def dialled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Every address that the loop was asked to resolve or to connect to, seen below the adapter and its libraries."""
    found: list[tuple[str, int]] = []
    loop = asyncio.get_running_loop()
    connect, resolve = loop.sock_connect, socket.getaddrinfo

    async def connecting(sock: socket.socket, address: Any) -> None:
        found.append((str(address[0]), int(address[1])))
        await connect(sock, address)

    def resolving(host: Any, port: Any, *more: Any, **others: Any) -> Any:
        found.append((str(host), int(port or 0)))
        return resolve(host, port, *more, **others)

    monkeypatch.setattr(loop, "sock_connect", connecting)
    monkeypatch.setattr(socket, "getaddrinfo", resolving)
    return found


async def test_a_whole_life_dials_its_exchange_and_nobody_else(dialled: list[tuple[str, int]]) -> None:
    async with live_trader() as trader:
        await trader.bought()
        trader.exchange.streams.user.drop()
        trader.exchange.user_data.refuse(listen_key=410)
        await trader.pass_time(60)
        trader.exchange.owner.deposit("USD", 100)
        trader.exchange.owner.cancel(trader.standing_stops()[0])
        await trader.until(trader.protected)
        trader.exchange.account.fee_in = "BNB"
        trader.exchange.markets["BNBUSD"].move(600)
        await trader.restart()
        trader.exchange.faults.add("raw", TIME, status=302, headers={"Location": "http://203.0.113.7/"}, body="")
        await trader.pass_time(1_900, step=50)
        await trader.move(47_000)
        await trader.until(lambda: not trader.state.positions)
        assert len(dialled) >= 6
        assert set(dialled) == {("127.0.0.1", trader.exchange.port)}
        assert trader.exchange.requests.hosts == {trader.exchange.host}
        trader.check_books()


@pytest.mark.parametrize("path", ["/ws/", "/stream", "/ws-api"])
async def test_a_stream_that_leads_elsewhere_is_not_followed(path: str, dialled: list[tuple[str, int]]) -> None:
    """To whomever it leads, he would be sent our key."""
    async with live_trader() as trader, Stranger() as stranger:
        await trader.bought()
        streams, exchange = trader.exchange.streams, trader.exchange
        if path == "/ws-api":
            exchange.user_data.refuse(listen_key=410)
        streams.api.elsewhere = streams.user.elsewhere = streams.market.elsewhere = stranger.url
        handshakes = len(exchange.requests.sockets)
        streams.market.drop()
        streams.user.drop()
        await trader.pass_time(30)
        assert [each for each in exchange.requests.sockets[handshakes:] if each.startswith(path)]
        assert stranger.heard == []
        assert set(dialled) == {("127.0.0.1", exchange.port)}
        streams.api.elsewhere = streams.user.elsewhere = streams.market.elsewhere = ""
        await trader.until(lambda: trader.adapter.user_data != POLLING and trader.market.source == "stream", within=60)
        trader.check_books()


class Stranger:
    """Somebody else's server, which writes down every byte that it is sent."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._hear, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append(await reader.read(10_000))
        writer.close()


class Names(AbstractResolver):
    """Knows the exchange, until it is told to forget."""

    forgotten = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if self.forgotten:
            raise OSError("Temporary failure in name resolution")
        found = ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)
        return [found]

    async def close(self) -> None:
        return


async def test_f38_without_names_the_trader_waits_as_without_a_network() -> None:
    names = Names()
    async with live_trader(resolver=names) as trader:
        await trader.bought()
        names.forgotten = True
        assert trader.client._session is not None
        trader.client._session.connector.clear_dns_cache()  # type: ignore[union-attr]
        trader.exchange.cut_off("reset")
        await trader.pass_time(1)
        trader.exchange.cut_off("")
        await trader.until(lambda: trader.standing.startswith("PAUSED"), within=11)
        await trader.pass_time(120, step=5)
        assert trader.told()[1:] == ["connection_lost", "exchange_unreachable"]
        names.forgotten = False
        await trader.until(lambda: trader.standing == "TRADING", within=30)
        trader.check_books()


async def test_f38_a_certificate_that_nobody_vouches_for_is_never_passed_over(tmp_path: Path) -> None:
    certificate = tmp_path / "own.pem"
    make = f"openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN={NAME} -addext subjectAltName=DNS:{NAME}"
    subprocess.run(
        [*make.split(), "-keyout", f"{certificate}.key", "-out", certificate], check=True, capture_output=True
    )
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(certificate, f"{certificate}.key")
    async with BinanceDouble(tls=own) as exchange:
        trader = LiveTrader(exchange, CarriedClock(), resolver=Names())
        with pytest.raises(ExchangeError, match="its certificate is not to be trusted"):
            await trader.start()
        await trader.crash()
        assert exchange.requests.asked == []
