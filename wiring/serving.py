"""`main.py run`: the trader and its pages in one process, from the first check to the last part stopped."""

import argparse
import sys
from typing import TYPE_CHECKING

from app.core.errors import TraderError
from app.ports import LedgerRow
from wiring.books import decide_market, open_books, refuse_two_accounts
from wiring.dashboard import audit_of, auth_of, backtests_of, controls_of, doors_of
from wiring.process import spare_the_collector
from wiring.settings import forget_key, require_configuration, require_key, require_safe_books, settings_of, version
from wiring.trader import Trader

if TYPE_CHECKING:
    from services.settings import Settings


def run(arguments: argparse.Namespace) -> int:
    """The trader and its dashboard, until it is told to stop."""
    from services import logs
    from services.settings import load_rules

    settings = settings_of()
    forget_key(settings)
    require_key(settings)
    require_configuration(settings)
    loaded = load_rules(settings.config_dir)
    require_safe_books(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database, ledger = open_books(settings, decide_market)
    refuse_two_accounts(database, ledger)
    running = logs.start(settings.log_level, settings.secrets(), directory=settings.data_dir / "logs")
    trader = Trader(settings, loaded, database, ledger, running)
    trader.wire()
    serve(trader)
    running.stop()
    return trader.exit_code or (1 if trader.failed else 0)


def serve(trader: Trader) -> None:
    """Pages and API from the process that trades, until told to stop. Returns when everything is down."""
    import signal

    from nicegui import app as web
    from nicegui import ui

    from components import page

    settings, record = trader.settings, audit_of(trader)
    auth = auth_of(trader, record)
    trader.two_factor = lambda: auth.two_factor
    control = controls_of(trader, auth, record)
    backtests = backtests_of(trader, record)
    page.build(doors_of(trader, auth, control, backtests, record))

    async def begin() -> None:
        secrets = (settings.admin_password, settings.admin_totp_secret)
        password, totp = (each.reveal() if each else None for each in secrets)
        try:
            first = await auth.start(settings.admin_username, password, totp)
            tell_address(settings, trader.ledger, first)
            await trader.start()
            await backtests.open()
        except TraderError as error:
            print(f"error: {error}", file=sys.stderr)
            trader.failed, trader.exit_code = str(error), 2
            web.shutdown()

    async def start() -> None:
        trader.tasks.start(begin(), "start")  # whatever goes wrong in there ends the process

    web.on_startup(start)
    web.on_shutdown(trader.stop)
    trader.stop_serving = web.shutdown
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # the server has shut down in good order by then: exit 0
    spare_the_collector()
    ui.run(host=settings.host, port=settings.port, **page.RUN, **page.proxies(settings.trusted_proxies))


def tell_address(settings: "Settings", ledger: LedgerRow, first_password: str | None) -> None:
    """What a newcomer needs to know, on the terminal only: it is in no log."""
    name = f"{settings.mode.value.upper()}, {ledger.market} market"
    print(
        f"bitcoin-autotrader {version()} ({name}): {settings.public_url or f'http://{settings.host}:{settings.port}'}"
    )
    if first_password:
        print(f"sign in as {settings.admin_username} with {first_password} (shown once; you will choose your own)")
    sys.stdout.flush()
