"""Candles on disk: taken in, downloaded, listed, checked."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from app.core.errors import ExchangeError
from app.seam import clock
from wiring.settings import settings_of


def data(arguments: argparse.Namespace) -> int:
    """Candles on disk: import, list, check."""
    from backtest import data_commands

    settings = settings_of()
    if arguments.verb == "import":
        file = Path(arguments.file)
        symbol, timeframe, lines = data_commands.guessed(file, arguments.symbol, arguments.timeframe, settings.symbol)
        lines += data_commands.import_file(file, symbol, timeframe, settings.data_dir, clock.now())
        good = True
    elif arguments.json:
        rows: Any = data_commands.list_rows(settings.data_dir)
        if arguments.verb == "check":
            rows = data_commands.check_row(arguments.name, settings.data_dir)
        lines, good = [json.dumps(rows, indent=2)], arguments.verb == "list" or bool(rows["good"])
    elif arguments.verb == "list":
        lines, good = data_commands.list_data(settings.data_dir), True
    else:
        lines, good = data_commands.check_data(arguments.name, settings.data_dir)
    print("\n".join(lines))
    return 0 if good else 1


def download(arguments: argparse.Namespace) -> int:
    """Candles from Binance.US into the store; needs no key."""
    import asyncio

    from app.core.model import timeframe_seconds
    from backtest import download_command
    from services.binance_us import Addresses, Client
    from services.binance_us.past import PastCandles

    settings = settings_of()
    if arguments.background:
        os.nice(19)
    span = (arguments.since, arguments.until, arguments.days, arguments.timerange)
    since, until = download_command.wanted_time(clock.now(), *span)
    timeframe_seconds(arguments.timeframe)  # a wrong one is refused before anybody is asked
    addresses = Addresses(
        rest=settings.binanceus_rest_url, ws=settings.binanceus_ws_url, ws_api=settings.binanceus_ws_api_url
    )
    symbol = (arguments.symbol or settings.symbol).upper()

    async def fetch() -> list[str]:
        client = Client(addresses, clock=clock)
        source = PastCandles(client, symbol, clock=clock, alternative=arguments.symbol is None)
        try:
            await source.open()
            instead = [] if source.symbol == symbol else [f"{symbol} is not listed there; {source.symbol} instead"]
            where = (settings.data_dir, since, until, arguments.timeframe)
            return instead + await download_command.fetch(source, *where, clock, sys.stderr)
        finally:
            await source.close()

    try:
        print("\n".join(asyncio.run(fetch())))
    except KeyboardInterrupt:
        return 1
    except ExchangeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
