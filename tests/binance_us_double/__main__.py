"""The double as a process of its own: prints its addresses as one line of JSON, then serves until it is told to stop.

`python -m tests.binance_us_double --port 0 --symbol BTCUSD --price 60000 --live`
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
from decimal import Decimal

from tests.binance_us_double.control import Control
from tests.binance_us_double.core import KEY, SECRET
from tests.binance_us_double.double import BinanceDouble

MINUTE = 60_000


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.binance_us_double", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of the exchange; 0 takes a free one")
    parser.add_argument("--control-port", type=int, default=0, help="of the control endpoint")
    parser.add_argument("--symbol", default="BTCUSD")
    parser.add_argument("--price", default="60000", help="where the market stands at the start")
    parser.add_argument("--balances", default="{}", help='JSON, such as {"USD": "5000"}')
    parser.add_argument("--key", default=KEY)
    parser.add_argument("--secret", default=SECRET)
    parser.add_argument("--past", type=int, default=0, help="so many flat minutes lie behind")
    parser.add_argument("--behind", type=int, default=0, help="that past ends so many minutes ago; a script tells on")
    parser.add_argument("--no-stop-loss", action="store_true", help="no stop orders without a limit on any pair")
    parser.add_argument("--live", action="store_true", help="quotes each second and a candle each minute, seeded")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


async def serve(given: argparse.Namespace) -> None:
    exchange = BinanceDouble(
        given.symbol,
        port=given.port,
        balances=json.loads(given.balances),
        stop_loss_orders=not given.no_stop_loss,
        key=given.key,
        secret=given.secret,
    )
    exchange.market.move(given.price)
    flat(exchange, Decimal(given.price), given.past, given.behind)
    async with exchange:
        control = Control(exchange, given.control_port)
        await control.open()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, control.done.set)
        told = {"rest": exchange.rest_url, "ws": exchange.ws_url, "ws_api": exchange.ws_api_url}
        told |= {"control": control.url, "key": given.key, "secret": given.secret, "pid": str(os.getpid())}
        print(json.dumps(told), flush=True)
        walk = asyncio.create_task(live(exchange, given.seed)) if given.live else None
        await control.done.wait()
        if walk is not None:
            walk.cancel()
        await control.close()


def flat(exchange: BinanceDouble, price: Decimal, minutes: int, behind: int = 0) -> None:
    now = (exchange.clock.ms() // MINUTE - behind) * MINUTE
    exchange.candles.fill((now - back * MINUTE, price, price, price, price, 1) for back in range(minutes, 0, -1))


async def live(exchange: BinanceDouble, seed: int) -> None:
    """A market that moves by itself, the same steps for the same seed. A script may still say what it likes."""
    chance = random.Random(seed)
    opened, prices = exchange.clock.ms() // MINUTE * MINUTE, [exchange.market.price]
    while True:
        await asyncio.sleep(1)
        step = Decimal(chance.randint(-30, 30)) / 100_000
        exchange.market.move((exchange.market.price * (1 + step)).quantize(Decimal("0.01")))
        now = exchange.clock.ms() // MINUTE * MINUTE
        if now > opened:
            exchange.candles.add(opened, prices[0], max(prices), min(prices), prices[-1], len(prices))
            opened, prices = now, [exchange.market.price]
        prices.append(exchange.market.price)
        exchange.candles.forming(opened, prices[0], max(prices), min(prices), prices[-1], len(prices))


if __name__ == "__main__":
    try:
        asyncio.run(serve(arguments()))
    except ValueError as error:
        sys.exit(f"{error}")
