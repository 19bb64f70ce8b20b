"""Every key of `config/*.yml`: kind, bounds, meaning, in one table that also serves docs and a settings page.

Defaults stand in `app.core.rules` (and for app.yml in `app_config`), never here a second time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from app.core.alerts import AlertEvent, AlertLevel
from app.core.rules import Asking, EntryOrder, RiskLimits
from app.notices import CHANNELS, Loud
from services.settings.addresses import Url
from services.settings.kinds import (
    TIMEFRAME,
    Choice,
    Flag,
    Integer,
    Kind,
    ListOf,
    Number,
    OneOf,
    Text,
    TimeZone,
    percent,
)


@dataclass(frozen=True, slots=True)
class Anything:
    """A setting of a strategy: number, true or false, text, or a list of these. Kept as JSON."""

    cure: str = "a number, true, false, a text, or a list of these"
    bounds: None = None

    def read(self, text: str) -> str:
        return text


@dataclass(frozen=True, slots=True)
class Key:
    """One key. A `*` in `path`: any name. `limit`: null switches it off, in a backtest only; `backtest`: only there
    may it be set at all.
    """

    path: str
    kind: Kind
    meaning: str
    limit: bool = False
    backtest: bool = False


STRATEGY_NAME = Text(r"[a-z][a-z0-9_]{0,63}", "a file's name without .py: small letters, digits and _")
NAMES: dict[str, Kind] = {
    "strategies": STRATEGY_NAME,
    "settings": STRATEGY_NAME,
    "prices": Text(r"[A-Za-z0-9._:/-]{1,100}", "a model's name"),
    "cutoffs": Text(r"[A-Za-z0-9._:/-]{1,100}", "a model's name"),
    "levels": Choice(tuple(AlertLevel)),
    "events": OneOf(tuple(AlertEvent), "an event of the list in docs/settings.md"),
}
MAX_NAMES = 100
OFF_SECTIONS = ("trailing", "tripwires")  # `trailing: null` in a backtest

RISK = (
    Key("position_size_pct", percent("0.5", "10"), "of equity, for each entry"),
    Key("max_open_positions", Integer(1, 4), "at most; Binance.US takes 5 stops a symbol"),
    Key("max_exposure_pct", percent("0.5", "40"), "of equity, all positions together"),
    Key(
        "daily_loss_limit_pct",
        percent("1", "20"),
        "of the day's first equity: entries rest until 00:00 UTC",
        limit=True,
    ),
    Key("kill_switch_loss_pct", percent("10", "50"), "of the first equity: everything is closed", limit=True),
    Key("stop_loss_pct", percent("0.5", "10"), "below the entry price"),
    Key("stop_limit_gap_pct", percent("0.1", "5"), "of a stop's limit price below its trigger"),
    Key("trailing.activate_pct", percent("0.1", "50"), "in profit, from which the stop follows the price"),
    Key("trailing.distance_pct", percent("0.1", "20"), "below the highest close since entry"),
    Key("trailing.min_step_pct", percent("0.01", "5"), "by which the stop is moved, at least"),
    Key("entry.order", Choice(tuple(EntryOrder)), "limit at the ask plus max_slippage_pct, or at any price"),
    Key("entry.max_slippage_pct", percent("0", "5"), "above the ask that an entry may pay"),
    Key("entry.cooldown_candles", Integer(0, 1000), "newer candles wanted after an exit", limit=True),
    Key("entry.max_entries_per_day", Integer(1, 200), "at most, by UTC day", limit=True),
    Key("entry.max_spread_pct", percent("0.01", "5"), "between bid and ask; no entry above it", limit=True),
    Key(
        "entry.max_basis_pct",
        percent("0.1", "10"),
        "from the reference price; no entry beyond it",
        limit=True,
    ),
    Key(
        "entry.min_depth_pct",
        percent("1", "10000"),
        "of an entry must be on offer within max_slippage_pct, to buy and to sell",
        limit=True,
    ),
    Key("warnings.daily_loss_pct", percent("0.1", "20"), "in a day: a notice"),
    Key("warnings.total_loss_pct", percent("0.1", "50"), "in all: a notice"),
    Key("tripwires.orders_per_minute", Integer(1, 60), "more of them: something is broken", limit=True),
    Key("tripwires.orders_per_hour", Integer(1, 1000), "more of them: something is broken", limit=True),
    Key("tripwires.notional_per_day_pct", percent("10", "5000"), "of equity traded in a day", limit=True),
    Key("tripwires.trade_loss_pct", percent("0.1", "20"), "of equity lost by one trade", limit=True),
    Key("tripwires.stop_outs_in_a_row", Integer(1, 100), "as many stops in a row", limit=True),
    Key("tripwires.rejects_in_10_minutes", Integer(1, 100), "orders the exchange refused", limit=True),
    Key("simulation.fee_pct", percent("0", "5"), "of what is traded"),
    Key("simulation.slippage_pct", percent("0", "5"), "worse than the price seen"),
    Key("simulation.fee_in", Choice(("base", "quote")), "bitcoin on a buy as the exchange does, or dollars"),
    Key(
        "simulation.decides_at",
        Choice(("close", "open")),
        "price that a decision sees: the closed candle's close, or the next one's open",
        backtest=True,
    ),
    Key("simulation.price_tick", Number(Decimal("0.00000001"), Decimal(100)), "grid of prices", limit=True),
    Key(
        "simulation.quantity_step",
        Number(Decimal("0.00000001"), Decimal(1)),
        "grid of quantities",
        limit=True,
    ),
    Key("simulation.min_notional", Number(Decimal(0), Decimal(10_000)), "dollars an order must be worth"),
    Key("simulation.stop", Choice(("market", "limit")), "what stops are: real ones, or with a limit that a gap jumps"),
)

STRATEGIES = (
    Key("cycle_seconds", Integer(5, 3600), "how often a vote is held"),
    Key("timeframe", TIMEFRAME, "candles that strategies are shown"),
    Key("buy_threshold", percent("1", "100"), "score from which BUY is decided"),
    Key("sell_threshold", percent("1", "100"), "score below zero from which SELL is decided"),
    Key("min_participation", percent("1", "100"), "per cent of the enabled weight that must have an opinion"),
    Key("strategies.*.enabled", Flag(), "whether it votes"),
    Key("strategies.*.weight", Number(Decimal(0), Decimal(1000)), "its share of the vote"),
    Key("strategies.*.ask", Choice(tuple(Asking)), "at each closed candle, or in each cycle"),
    Key("strategies.*.every_seconds", Integer(5, 86_400), "at most this often, where asked each cycle"),
    Key("strategies.*.opinion_ttl_seconds", Integer(5, 604_800), "how long an opinion counts"),
    Key("strategies.*.sha256", Text(r"[0-9a-f]{64}", "64 hexadecimal digits"), "the file its owner approved"),
    Key("strategies.*.settings.*", Anything(), "what the strategy itself understands"),
)

_WORDS = ListOf(Text(r"[^\x00-\x1f]{2,60}", "a word of 2 to 60 characters"), 200)
_USD = Number(Decimal(0), Decimal(1000))
_HOURS = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_TIME = Text(_HOURS, "a time such as 22:00")


def _days(least: int) -> Integer:
    return Integer(least, 3650)


def _loud(channel: str) -> Choice:
    """A text message cannot come without a sound."""
    return Choice((Loud.ON, Loud.OFF) if channel == "sms" else tuple(Loud))


APP = (
    Key("news.keywords.high", _WORDS, "words that make news grave"),
    Key("news.keywords.medium", _WORDS, "words that make news matter"),
    Key("news.feeds", ListOf(Url(query=True), 20), "news feeds (RSS or Atom), where NEWS_RSS_URLS names none"),
    Key("deepseek.prices.*.cached_usd", _USD, "dollars per million cached tokens in"),
    Key("deepseek.prices.*.input_usd", _USD, "dollars per million tokens in"),
    Key("deepseek.prices.*.output_usd", _USD, "dollars per million tokens out"),
    Key(
        "deepseek.cutoffs.*",
        Text(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]", "a date such as 2025-07-01"),
        "last day it knows",
    ),
    Key(
        "history.update_at", Text(f"never|{_HOURS}", "a time such as 03:40, or never"), "daily download of candles, UTC"
    ),
    Key("alerts.max_per_hour", Integer(4, 200), "messages an hour on each channel; what is more shares one message"),
    Key("alerts.repeat_minutes", Integer(1, 1440), "how often a grave alert that lasts is repeated until it is seen"),
    Key("alerts.alive_at", Text(f"never|{_HOURS}", "a time such as 08:00, or never"), "daily word that all is well"),
    Key("alerts.timezone", TimeZone(), "in which the times here are meant"),
    Key("alerts.quiet_hours.start", _TIME, "from when only grave alerts are sent"),
    Key("alerts.quiet_hours.end", _TIME, "until when"),
    *(Key(f"alerts.levels.*.{channel}", _loud(channel), f"how a level arrives by {channel}") for channel in CHANNELS),
    *(Key(f"alerts.events.*.{channel}", _loud(channel), f"the same for an event by {channel}") for channel in CHANNELS),
)

KEEP = (
    Key("keep.at", Text(_HOURS, "a time such as 00:20"), "when what is old is let go, daily, UTC"),
    Key("keep.equity_minutes_days", _days(35), "days for which equity is kept minute by minute; then hour by hour"),
    Key("keep.candles_days", _days(7), "days for which the market's minutes are kept in the books"),
    Key("keep.decisions_days", _days(35), "days for which every decision is kept; then those that led to an order"),
    Key("keep.texts_days", _days(1), "days for prompts, answers and which headlines were shown; then as decisions"),
    Key("keep.journal_months", Integer(1, 120), "months after which the journal is packed; nothing of it goes"),
    Key("keep.logs_days", _days(1), "days for log rows in the dashboard"),
    Key("keep.alerts_days", _days(35), "days for alerts that are over and done with"),
    Key("keep.calls_days", _days(62), "days for what each call of the language model cost"),
    Key("keep.strategies_days", _days(7), "days for versions of strategies that nothing refers to"),
)
FILES: dict[str, tuple[Key, ...]] = {"risk.yml": RISK, "strategies.yml": STRATEGIES, "app.yml": (*APP, *KEEP)}


@dataclass(frozen=True, slots=True)
class Together:
    """What two keys say about each other. `broken` gives the cure, or ""."""

    path: str
    broken: Callable[[RiskLimits], str]


def _exposure(risk: RiskLimits) -> str:
    low = risk.max_exposure_pct < risk.position_size_pct
    return f"it must be at least position_size_pct ({risk.position_size_pct})" if low else ""


def _kill(risk: RiskLimits) -> str:
    day, total = risk.daily_loss_limit_pct, risk.kill_switch_loss_pct
    low = day is not None and total is not None and total <= day
    return f"it must be greater than daily_loss_limit_pct ({day})" if low else ""


def _step(risk: RiskLimits) -> str:
    trailing = risk.trailing
    if trailing is None or trailing.min_step_pct <= trailing.distance_pct:
        return ""
    return f"it must be at most trailing.distance_pct ({trailing.distance_pct})"


def _trade_loss(risk: RiskLimits) -> str:
    wire, usual = risk.tripwires.trade_loss_pct, risk.position_size_pct * risk.stop_loss_pct / 100
    low = wire is not None and wire <= usual
    return f"it must be greater than what one stop costs ({usual.normalize():f})" if low else ""


def _minute(risk: RiskLimits) -> str:
    minute, hour = risk.tripwires.orders_per_minute, risk.tripwires.orders_per_hour
    low = minute is not None and hour is not None and hour < minute
    return f"it must be at least tripwires.orders_per_minute ({minute})" if low else ""


TOGETHER = (
    Together("max_exposure_pct", _exposure),
    Together("kill_switch_loss_pct", _kill),
    Together("trailing.min_step_pct", _step),
    Together("tripwires.trade_loss_pct", _trade_loss),
    Together("tripwires.orders_per_hour", _minute),
)
