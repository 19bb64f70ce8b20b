"""Which books a start opens: `auto` is decided once, and real positions are not left alone."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import insert

import main
from app.core.errors import ConfigError
from app.seam import clock
from services.database.columns import Money
from services.database.tables import PositionTable
from services.settings import Settings, load_settings
from tests.ports import free_port
from tests.post_office import web_service
from wiring.books import decide_market, open_books, refuse_two_accounts

POSITIONS = PositionTable.__table__  # type: ignore[attr-defined]


def settings(tmp_path: Path, rest: str, **more: str) -> Settings:
    given = {"TRADER_DATA_DIR": str(tmp_path), "BINANCEUS_REST_URL": rest, **more}
    return load_settings(given, None)


def opened(found: Settings, *, starting: bool = True) -> str:
    database, ledger = open_books(found, decide_market if starting else None)
    database.close()
    return ledger.market


def nowhere() -> str:
    return f"http://127.0.0.1:{free_port()}"


def test_auto_takes_the_exchange_where_it_answers_and_stays_with_it(tmp_path: Path) -> None:
    with web_service(lambda asked: (200 if asked.path == "/api/v3/ping" else 404, {})) as exchange:
        assert opened(settings(tmp_path, exchange.url)) == "binanceus"
    assert opened(settings(tmp_path, nowhere())) == "binanceus"  # its positions are at real prices


@pytest.mark.parametrize("status", [403, 451, 500])
def test_an_exchange_that_does_not_let_us_in_is_none(tmp_path: Path, status: int) -> None:
    with web_service(lambda _: (status, {})) as exchange:
        assert opened(settings(tmp_path, exchange.url)) == "simulated"


def test_auto_takes_the_simulated_market_where_nobody_answers_and_stays_with_it(tmp_path: Path) -> None:
    assert opened(settings(tmp_path, nowhere())) == "simulated"
    with web_service() as exchange:
        assert opened(settings(tmp_path, exchange.url)) == "simulated"
        assert exchange.asked == []


def test_books_of_invented_prices_from_before_are_kept(tmp_path: Path) -> None:
    assert opened(settings(tmp_path, nowhere(), TRADER_MARKET="simulated")) == "simulated"
    with web_service() as exchange:
        assert opened(settings(tmp_path, exchange.url)) == "simulated"


def test_a_command_decides_nothing(tmp_path: Path) -> None:
    with web_service() as exchange:
        assert opened(settings(tmp_path, exchange.url), starting=False) == "simulated"
        assert exchange.asked == []


def test_other_books_are_refused_while_real_positions_are_open(tmp_path: Path) -> None:
    keys = {"BINANCEUS_API_KEY": "k" * 20, "BINANCEUS_API_SECRET": "s" * 20, "TRADER_MODE": "live"}
    database, live = open_books(settings(tmp_path, nowhere(), **keys))
    with database.writing() as connection:
        row = dict.fromkeys((column.name for column in POSITIONS.columns if not column.nullable), "1")
        row |= {"ledger": live.name, "status": "OPEN", "entry_time": clock.now(), "trailing_active": False}
        row |= {column.name: Decimal(1) for column in POSITIONS.columns if isinstance(column.type, Money)}
        connection.execute(insert(POSITIONS).values(**row))
    refuse_two_accounts(database, live)
    _, paper = open_books(settings(tmp_path, nowhere(), TRADER_MARKET="simulated"))
    with pytest.raises(ConfigError, match="has open positions with real money"):
        refuse_two_accounts(database, paper)
    database.close()


def test_the_exchange_s_library_is_not_loaded_for_a_question() -> None:
    code = "import main, services.binance_us.reaching, sys; sys.exit('ccxt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(main.__file__).parent).returncode == 0


def test_of_the_exchange_s_library_one_exchange_is_loaded_and_the_usual_import_still_gives_all() -> None:
    code = """
import sys
from services.binance_us.client import Wire
exchanges = [name for name in sys.modules if name.startswith("ccxt.async_support.") and name.count(".") == 2]
assert sorted(exchanges) == ["ccxt.async_support.base", "ccxt.async_support.binance", "ccxt.async_support.binanceus"]
assert "ccxt" not in sys.modules
import ccxt.async_support as usual
import ccxt
from ccxt.base.errors import BaseError
assert issubclass(Wire, usual.binanceus) and usual.kraken and ccxt.binanceus
assert BaseError is ccxt.BaseError is usual.BaseError
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=Path(main.__file__).parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
