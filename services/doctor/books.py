"""The database: reachable, of our schema, losing nothing, whole; and whether somebody is writing it."""

import shutil
from datetime import timedelta

from app.core.errors import StoreError
from app.ports import LedgerRow
from app.seam import clock
from services.database import durable, looking, looking_at_books
from services.doctor.check import Check, note, ok, wrong
from services.doctor.installation import Installation
from services.doctor.web import Unanswered

LINKS = 300
QUICK_SECONDS = 6.0
ROOM_DAYS = 30
OLDEST_SERVER = 140_000
RESTORE = "stop the trader and restore the newest good backup"
SERVER = "look whether the server runs, and at DATABASE_URL"
NEW_FILE = "the first start makes it"


def _absent(here: Installation) -> bool:
    """SQLite's file is not there yet, or empty."""
    file = looking.database_file(here.database_url)
    return file is not None and (not file.exists() or file.stat().st_size == 0)


def database(here: Installation) -> Check:
    if _absent(here):
        return note("database", "is not there yet", NEW_FILE)
    try:
        with looking.looking(here.database_url) as connection:
            found = looking.schema(connection)
    except StoreError as error:
        cure = "look at who owns the file, and whether it is one of ours"
        file = looking.database_file(here.database_url)
        return wrong("database", f"cannot be read: {error}", cure if file else SERVER)
    kind = "SQLite" if looking.database_file(here.database_url) else "PostgreSQL"
    if found.found == found.wanted:
        return ok("database", f"{kind}, schema {found.found}")
    if not found.found and not found.tables:
        return note("database", f"{kind}, still empty", "the first start makes its tables")
    if not found.found:
        return wrong("database", f"{kind}, with tables that are not ours", "name a database of its own in DATABASE_URL")
    if not found.known:
        return wrong(
            "database",
            f"{kind}, schema {found.found} is from another, newer version",
            "install the newer version, or restore the backup made before the upgrade",
        )
    cure = "back it up; the next start brings it to the newest schema"
    return note("database", f"{kind}, schema {found.found} is older than this program's {found.wanted}", cure)


# ---------------------------------------------------------------- what was committed stays


def durability(here: Installation) -> Check | list[Check] | None:
    file = looking.database_file(here.database_url)
    if file is None:
        try:
            with looking.looking(here.database_url) as connection:
                return judged_server(looking.server(connection))
        except StoreError:
            return None  # said by `database`
    found = durable.of_file(file, here.proc)
    if found.flaws:
        return [wrong("durability", flaw.seen, flaw.cure) for flaw in found.flaws]
    if not found.log:
        return note("durability", "SQLite, without its write-ahead log", "the next start turns it on")
    return ok("durability", found.seen) if found.seen else None


def judged_server(server: looking.Server) -> list[Check]:
    found = durable.of_server(server)
    bad = [wrong("durability", flaw.seen, flaw.cure) for flaw in found.flaws]
    if server.version < OLDEST_SERVER:
        bad.append(
            note("durability", f"PostgreSQL {server.version // 10_000} is no longer mended", "upgrade the server")
        )
    return bad or [ok("durability", found.seen)]


def damage(here: Installation) -> Check | None:
    """SQLite only: PostgreSQL has no check that is quick."""
    if looking.database_file(here.database_url) is None or _absent(here):
        return None
    try:
        with looking.looking(here.database_url) as connection:
            found = looking.damage(connection, QUICK_SECONDS)
    except StoreError as error:
        return wrong("database file", f"cannot be checked: {error}", RESTORE)
    if found is None:
        return note("database file", f"too large to check within {QUICK_SECONDS:g} s", "PRAGMA quick_check tells more")
    return wrong("database file", f"is damaged: {found}", RESTORE) if found else ok("database file", "is whole")


# ---------------------------------------------------------------- what is in it


def _ledgers(here: Installation) -> list[LedgerRow]:
    if _absent(here):
        return []
    with looking.looking(here.database_url) as connection:
        return list(looking_at_books.current_ledgers(connection))


def newest_links(here: Installation) -> list[Check]:
    checks = []
    try:
        for ledger in _ledgers(here):
            with looking.looking(here.database_url) as connection:
                count, broken = looking_at_books.broken_link(connection, ledger.name, LINKS)
            if broken:
                cure = "stop the trader, run main.py audit verify, and restore a backup"
                checks.append(wrong("journal", f"{ledger.name}: {broken}", cure))
            elif count:
                checks.append(ok("journal", f"{ledger.name}: the newest {count} rows fit together"))
    except StoreError:
        return []  # said by `database`
    return checks


def growth(here: Installation) -> Check | None:
    """How fast SQLite's file grows, once it has existed for a day."""
    file = looking.database_file(here.database_url)
    if file is None or _absent(here):
        return None
    try:
        with looking.looking(here.database_url) as connection:
            first = looking_at_books.first_written(connection)
    except StoreError:
        return None
    age = clock.now() - first if first else timedelta()
    if age < timedelta(days=1):
        return None
    days, size = age / timedelta(days=1), file.stat().st_size
    lasts = shutil.disk_usage(file.parent).free / (size / days)
    seen = f"{size / 1e6:.0f} MB of books in {days:.0f} days: {size / days / 1e6:.1f} MB a day"
    if lasts < ROOM_DAYS:
        return note("growth", f"{seen}, and room for {lasts:.0f} days", "make room on the disk")
    return ok("growth", f"{seen}, and room for {f'{lasts:.0f} days' if lasts < 3650 else 'years'}")


# ---------------------------------------------------------------- who writes it


async def trader(here: Installation) -> Check | list[Check]:
    """Is one running, and does it still write?"""
    word = await _health(here)
    try:
        written = await here.tasks.in_thread(lambda: _written(here))
    except StoreError:
        written = []
    if written:
        return written
    if word in ("ok", "degraded", "starting"):
        return ok("trader", f"one answers on port {here.settings.port}, and says {word}")
    if word:
        cure = "choose another TRADER_PORT, or end that program"
        return wrong("trader", f"is not running, and another program uses port {here.settings.port}", cure)
    return note("trader", "is not running", "start it with: main.py run")


async def _health(here: Installation) -> str:
    """Its word; "?" where somebody else answers, "" where nobody does."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(here.settings.host, here.settings.host)  # noqa: S104
    name = f"[{host}]" if ":" in host else host
    try:
        answer = await here.web.get(f"http://{name}:{here.settings.port}/health")
    except Unanswered as error:
        return "?" if error.seen == "the talk broke off" else ""
    word = answer.json.get("status") if isinstance(answer.json, dict) else None
    return word if isinstance(word, str) else "?"


def _written(here: Installation) -> list[Check]:
    """One line for each ledger that a trader holds."""
    checks = []
    file = looking.database_file(here.database_url)
    for ledger in _ledgers(here):
        with looking.looking(here.database_url) as connection:
            if looking_at_books.is_written(connection, file, ledger.name, here.proc):
                at = looking_at_books.last_written(connection, ledger.name)
                age = clock.now() - at if at else None
                checks.append(judged_age(ledger, age, here.settings.market_speed))
    return checks


def judged_age(ledger: LedgerRow, age: timedelta | None, speed: float) -> Check:
    """A closed candle is written each minute of market time; three are let pass."""
    if age is None:
        return note("trader", f"runs on {ledger.name} and has written nothing yet", "look again in a minute")
    seen = f"runs on {ledger.name} and wrote {max(age.total_seconds(), 0):.0f} s ago"
    pretended = ledger.market.startswith(("simulated", "replay:"))
    if age <= timedelta(seconds=max(180.0, 180 / speed if pretended else 0)):
        return ok("trader", seen)
    if ledger.market.startswith("replay:"):
        return note("trader", seen, "its file may have ended: look at the dashboard")
    return wrong("trader", seen, "no candle reaches it: look at the dashboard and the log")
