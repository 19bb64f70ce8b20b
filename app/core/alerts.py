"""What people are told: every event by its name, how grave it is, and what it means.

A grave event that lasts is repeated until a person has seen it or it is over.
"""

from enum import StrEnum

from app.core.values import value


class AlertLevel(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertEvent(StrEnum):
    """Names that the notification matrix in config/app.yml uses."""

    KILL_SWITCH = "kill_switch"
    RUNAWAY = "runaway"
    EXCHANGE_REFUSES = "exchange_refuses"
    EXCHANGE_UNREACHABLE = "exchange_unreachable"
    STOP_MISSING = "stop_missing"
    POSITION_STUCK = "position_stuck"
    ORDER_STUCK = "order_stuck"
    EXTERNAL_CHANGE = "external_change"
    DATABASE = "database"
    STOP_RESCUED = "stop_rescued"
    ORPHAN_ORDER = "orphan_order"
    LATE_FILL = "late_fill"
    LATE_ORDER = "late_order"
    DAILY_LOSS = "daily_loss"
    DAILY_LOSS_OVER = "daily_loss_over"
    DAILY_LOSS_WARNING = "daily_loss_warning"
    TOTAL_LOSS_WARNING = "total_loss_warning"
    ORDER_REJECTED = "order_rejected"
    CONNECTION_LOST = "connection_lost"
    CONNECTION_RESTORED = "connection_restored"
    LIVE_CHECK = "live_check"
    CLOCK = "clock"
    DISK = "disk"
    CHANNEL_DOWN = "channel_down"
    ANALYST = "analyst"
    NEWS_SOURCE = "news_source"
    STRATEGY_WEAK = "strategy_weak"
    PARITY_MISMATCH = "parity_mismatch"
    MARKET_ENDED = "market_ended"
    HISTORY = "history"
    STRATEGIES_FAIL = "strategies_fail"
    STRATEGY = "strategy"
    INCIDENT_REPORT = "incident_report"
    ENTRY_FILL = "entry_fill"
    EXIT_FILL = "exit_fill"
    STARTED = "started"
    ALIVE = "alive"
    TEST = "test"


@value
class Kind:
    """`lasting`: it goes on until something changes, so it is repeated and its end is told. `advice`: what to do."""

    level: AlertLevel
    meaning: str
    title: str
    advice: str = ""
    lasting: bool = False


def _grave(title: str, meaning: str, advice: str, *, lasting: bool = True) -> Kind:
    return Kind(level=AlertLevel.CRITICAL, title=title, meaning=meaning, advice=advice, lasting=lasting)


def _warning(title: str, meaning: str, advice: str = "") -> Kind:
    return Kind(level=AlertLevel.WARNING, title=title, meaning=meaning, advice=advice)


def _news(title: str, meaning: str) -> Kind:
    return Kind(level=AlertLevel.INFO, title=title, meaning=meaning)


LOOK = "Look at the positions and at the exchange's own page."

KINDS: dict[AlertEvent, Kind] = {
    AlertEvent.KILL_SWITCH: _grave(
        "Kill switch",
        "the total loss reached its limit: everything is closed and nothing is opened",
        "Read what happened; only your password, second factor and a typed phrase unlock trading.",
    ),
    AlertEvent.RUNAWAY: _grave(
        "Stopped: something runs away",
        "a tripwire was touched: more orders, losses or refusals than there should ever be",
        "Find out why before you unlock trading.",
    ),
    AlertEvent.EXCHANGE_REFUSES: _grave(
        "The exchange refuses our key",
        "the key was revoked, or may not be used from this address",
        "Check the API key at the exchange, then unlock trading. Stops that stand there stay.",
    ),
    AlertEvent.EXCHANGE_UNREACHABLE: _grave(
        "Exchange unreachable",
        "the connection has been lost for long; stops stay on the exchange",
        "Look at the server's network. Stops that stand on the exchange stay.",
    ),
    AlertEvent.STOP_MISSING: _grave("A position without a stop", "a stop is gone or uncertain", LOOK),
    AlertEvent.POSITION_STUCK: _grave("A position could not be sold", "the exchange refused every try", LOOK),
    AlertEvent.ORDER_STUCK: _grave("An order without an answer", "its fate is unknown after 10 minutes", LOOK),
    AlertEvent.EXTERNAL_CHANGE: _grave(
        "Balances do not match our books",
        "something else moved the account; no entry until it is explained",
        "If you moved coins yourself, resume trading and it is let pass.",
    ),
    AlertEvent.DATABASE: _grave(
        "The database cannot be written", "nothing is traded without it", "Look at disk space and at the database."
    ),
    AlertEvent.STOP_RESCUED: _grave(
        "A stop was jumped", "the price fell through it, so the position is sold at the market", LOOK, lasting=False
    ),
    AlertEvent.ORPHAN_ORDER: _grave(
        "An order that is not in our books",
        "it carries our mark: it is taken in, or taken back",
        "Look whether the positions are what you expect, as after a backup was restored.",
        lasting=False,
    ),
    AlertEvent.LATE_FILL: _grave(
        "An order was filled after its end", "the books follow the exchange", LOOK, lasting=False
    ),
    AlertEvent.LATE_ORDER: _grave("An order is open after its end", "it is cancelled", LOOK, lasting=False),
    AlertEvent.DAILY_LOSS: _warning("Daily loss limit reached", "entries rest until 00:00 UTC; stops stay"),
    AlertEvent.DAILY_LOSS_OVER: _news("A new day", "the daily loss limit no longer holds: entries are possible again"),
    AlertEvent.DAILY_LOSS_WARNING: _warning("Down today", "the day's loss reached its warning"),
    AlertEvent.TOTAL_LOSS_WARNING: _warning("Down in all", "the total loss reached its warning"),
    AlertEvent.ORDER_REJECTED: _warning("Order refused", "the exchange did not take an order"),
    AlertEvent.CONNECTION_LOST: _warning("Connection lost", "no entries until the exchange answers again"),
    AlertEvent.CONNECTION_RESTORED: _news("Connection restored", "the exchange answers again"),
    AlertEvent.LIVE_CHECK: _warning(
        "Not fit to trade real money",
        "an item of the go-live list fails: no entries until it passes; stops stay",
        "main.py live-check tells what to do.",
    ),
    AlertEvent.CLOCK: _warning(
        "The clock is wrong",
        "no entries until it is right",
        "Switch time synchronisation on (timedatectl set-ntp true).",
    ),
    AlertEvent.DISK: _warning("The disk is nearly full", "no entries until there is room", "Make room on the disk."),
    AlertEvent.CHANNEL_DOWN: _warning(
        "Alerts do not arrive",
        "a channel for alerts refuses its key or does not answer",
        "main.py alert test tells more.",
    ),
    AlertEvent.ANALYST: _warning(
        "The language model refuses",
        "it takes our key no longer, or there is no balance: nothing is bought without its opinion",
        "Look at the account and at DEEPSEEK_API_KEY, or switch the strategy off.",
    ),
    AlertEvent.NEWS_SOURCE: _warning(
        "A news source refuses",
        "it takes our key or plan no longer",
        "Paste its key again, or take the source out of the settings.",
    ),
    AlertEvent.STRATEGY_WEAK: _warning(
        "Worse than a coin",
        "a strategy was wrong more often than right for thirty days",
        "Lower its weight, switch it off, or look at its settings.",
    ),
    AlertEvent.HISTORY: _warning(
        "Candles are not kept up to date",
        "the daily download for backtests has failed for days; trading does not need it",
        "main.py data download tells more.",
    ),
    AlertEvent.PARITY_MISMATCH: _warning(
        "A day does not replay",
        "the journal's messages give other actions than those that were taken, or the journal was changed",
        "main.py replay DAY prints each difference; main.py audit verify tells whether a row was changed.",
    ),
    AlertEvent.STRATEGIES_FAIL: _warning(
        "No strategy answers",
        "each one that votes has failed: nothing is bought; stops stay",
        "Look at Controls and at the log; each says what went wrong.",
    ),
    AlertEvent.STRATEGY: _warning(
        "A strategy's file changed",
        "a file was dropped, changed or removed; nothing new votes before you enable it",
        "Enable it in Controls if the change is yours.",
    ),
    AlertEvent.MARKET_ENDED: _news("The replayed market has ended", "positions stay as they are"),
    AlertEvent.INCIDENT_REPORT: _warning(
        "Incident report", "after a kill switch: what happened before and after it is written down", "Read it."
    ),
    AlertEvent.ENTRY_FILL: _news("Bought", "a position was opened"),
    AlertEvent.EXIT_FILL: _news("Sold", "a position was closed"),
    AlertEvent.STARTED: _news("Started", "the trader has started and knows its positions"),
    AlertEvent.ALIVE: _news("Alive", "once a day: equity, positions and stops"),
    AlertEvent.TEST: _news("Test", "asked for by a person"),
}
