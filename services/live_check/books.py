"""What the books prove: a second factor, durability, a day on paper, a backtest, a channel for alerts that works."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from app.checklist import Item, Verdict
from app.core.errors import ConfigError, StoreError
from services import notifications
from services.database import durable, looking, looking_at_books, looking_at_past
from services.database.looking_at_past import Books, Person, Traded
from services.live_check.subject import Subject, failed, passed, waived, warning

FACTOR, DURABLE, PAPER, PROVEN = "second factor", "durability", "paper day", "paper result"
BACKTEST, CHANNEL = "backtest", "alert channel"
NAMES = (FACTOR, DURABLE, PAPER, BACKTEST, CHANNEL, PROVEN)
DAY_MINUTES, FORTNIGHT = 1440, timedelta(days=14)
ENROL = "run: main.py user totp"
TRADE_ON_PAPER = "trade on paper for a day: TRADER_MODE=paper main.py run"
RUN_BACKTEST = "run one: main.py backtest --data NAME"
TRY_CHANNEL = "set SMTP_URL and ALERT_EMAIL_TO, or another channel, and run: main.py alert test"
AGAIN = "it is looked at again each minute"


def items(here: Subject) -> list[Item]:
    """Blocking."""
    day = _from_books(here, PAPER, lambda books: paper_day(_on_paper(here, books)))
    tested = _from_books(here, BACKTEST, _backtest)
    channel = _from_books(here, CHANNEL, lambda books: _channel(here, books))
    return [
        _from_books(here, FACTOR, lambda books: _factor(here, looking_at_past.people(books))),
        _durable(here),
        *(waived(item) if here.pretended else item for item in (day, tested, channel)),
        no_more_than_a_warning(_from_books(here, PROVEN, lambda books: paper_result(_on_paper(here, books)))),
    ]


def unanswered(seconds: float) -> list[Item]:
    seen = f"the books did not answer within {seconds:g} s"
    *blocking, last = (failed(name, seen, AGAIN, sure=False) for name in NAMES)
    return [*blocking, no_more_than_a_warning(last)]


def no_more_than_a_warning(item: Item) -> Item:
    return warning(item.name, item.seen, item.cure) if item.verdict is Verdict.FAILED else item


def _on_paper(here: Subject, books: Books) -> Sequence[Traded]:
    return looking_at_past.traded(books, here.play)


def _from_books(here: Subject, name: str, look: Callable[[Books], Item]) -> Item:
    file = looking.database_file(here.database_url)
    if file is not None and (not file.exists() or not file.stat().st_size):
        return failed(name, "there are no books yet", "start the trader once: main.py run")
    try:
        with looking.looking(here.database_url) as connection:
            return look(connection)
    except StoreError as error:
        return failed(name, f"the books cannot be read: {error}", AGAIN, sure=False)


# ---------------------------------------------------------------- people and disks


def _factor(here: Subject, people: Sequence[Person]) -> Item:
    if not people and here.settings.admin_totp_secret:
        return passed(FACTOR, "the first start enrols the one in TRADER_ADMIN_TOTP_SECRET")
    return second_factor(people)


def second_factor(people: Sequence[Person]) -> Item:
    """Everybody who may sign in needs one: whoever has none is the way in."""
    without = [person.name for person in people if not person.second_factor]
    if not people:
        return failed(FACTOR, "there is nobody yet who could have one", "start the trader once: main.py run")
    if without:
        names = ", ".join(without)
        return failed(FACTOR, f"{names} has none" if len(without) == 1 else f"{names} have none", ENROL)
    return passed(FACTOR, f"enrolled: {', '.join(person.name for person in people)}")


def _durable(here: Subject) -> Item:
    try:
        found = durable.durability(here.database_url, here.proc, here.database)
    except StoreError as error:
        return failed(DURABLE, f"the database cannot be asked: {error}", AGAIN, sure=False)
    flaws = [flaw for flaw in found.flaws if not (here.pretended and flaw.in_memory)]
    if flaws:
        return failed(DURABLE, "; ".join(flaw.seen for flaw in flaws), flaws[0].cure)
    if found.flaws:
        return waived(failed(DURABLE, found.flaws[0].seen, found.flaws[0].cure))
    if not found.log:
        return failed(DURABLE, "SQLite's write-ahead log is off", "start the trader once, on a disk of this machine")
    return passed(DURABLE, found.seen or "the first start makes the books")


# ---------------------------------------------------------------- history


def paper_day(traded: Sequence[Traded]) -> Item:
    longest = max(traded, key=lambda each: each.minutes, default=None)
    if longest is None:
        return failed(PAPER, "nothing was traded on paper yet", TRADE_ON_PAPER)
    seen = f"{longest.ledger}: {_long(longest)} of market time"
    return passed(PAPER, seen) if longest.minutes >= DAY_MINUTES else failed(PAPER, seen, TRADE_ON_PAPER)


def paper_result(traded: Sequence[Traded]) -> Item:
    """Worth knowing, and no more."""
    longest = max(traded, key=lambda each: each.minutes, default=None)
    if longest is None:
        return warning(PROVEN, "nothing was traded on paper yet", TRADE_ON_PAPER)
    pct = (longest.last / longest.first - 1) * 100 if longest.first else longest.first
    seen = f"{longest.ledger}: {pct:+.2f} % in {_long(longest)}"
    if longest.minutes < FORTNIGHT / timedelta(minutes=1):
        return warning(PROVEN, seen, "two weeks on paper tell more than a day")
    if pct < 0:
        return warning(PROVEN, seen, "what loses on paper loses with real money; look at its trades first")
    return passed(PROVEN, seen)


def _long(traded: Traded) -> str:
    days = traded.minutes / DAY_MINUTES
    return f"{days:.1f} days" if days >= 1 else f"{traded.minutes / 60:.1f} hours"


def _backtest(books: Books) -> Item:
    newest = looking_at_past.newest_backtest(books)
    if newest is None:
        return failed(BACKTEST, "none is on record", RUN_BACKTEST)
    return passed(BACKTEST, f"the newest one ended {newest:%Y-%m-%d %H:%M} UTC")


def _channel(here: Subject, books: Books) -> Item:
    """One that is set up now and that has carried a message."""
    try:
        names = [channel.name for channel in notifications.channels(here.settings, here.tasks)]
    except ConfigError as error:
        seen, _, cure = str(error).partition("; ")
        return failed(CHANNEL, seen, cure or TRY_CHANNEL)
    names += ["push"] if looking_at_books.push_devices(books) else []
    if not names:
        return failed(CHANNEL, "none is set up", TRY_CHANNEL)
    states = {state.name: state for state in looking_at_books.channel_states(books)}
    good = [name for name in names if name in states and states[name].status == "ok"]
    if good:
        return passed(CHANNEL, f"works: {', '.join(good)}")
    how = ", ".join(f"{name} {states[name].status if name in states else 'untested'}" for name in names)
    return failed(CHANNEL, f"none has carried a message ({how})", "run: main.py alert test")
