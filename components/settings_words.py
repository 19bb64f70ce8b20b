"""How configuration keys are called and grouped on the settings page; what each means says the schema."""

from app.settings_ports import SettingRow
from components import controls_words

# group → (title, a word about it)
GROUPS: dict[str, tuple[str, str]] = {
    "vote": ("The vote", "How often opinions are weighed, on which candles, and what it takes to act."),
    "strategies": ("Strategies", "When each is asked, how long its opinion counts, and what it understands itself."),
    "news": ("News", "Where news come from, and words that make a headline matter."),
    "model": (
        "Language models",
        "Prices by which the budget is reckoned, in dollars per million tokens (pieces of words), and how far back "
        "what a model knows reaches.",
    ),
    "history": ("Price history", "Candles for backtests."),
    "keep": ("What is kept, and how long", "Orders, trades, deposits and the audit trail stay for ever."),
    "simulation": ("Pretend exchange", "What paper trading and backtests reckon with."),
    "limits": ("Risk limits", "How much may be risked. A safer limit counts at once, a riskier one from 00:00 UTC on."),
}
_STARTS = (
    ("simulation.", "simulation"),
    ("strategies.", "strategies"),
    ("news.", "news"),
    ("deepseek.", "model"),
    ("history.", "history"),
    ("keep.", "keep"),
    ("alerts.levels.", "matrix"),
    ("alerts.events.", "matrix"),
    ("alerts.", "alerts"),
)
_CALLED = {
    "cycle_seconds": "Seconds between votes",
    "timeframe": "Candles",
    "simulation.fee_pct": "Fee",
    "simulation.slippage_pct": "Worse than the price seen by",
    "simulation.fee_in": "Fee is taken in",
    "simulation.decides_at": "A decision sees",
    "simulation.price_tick": "Smallest step of prices",
    "simulation.quantity_step": "Smallest step of quantities",
    "simulation.min_notional": "Smallest order",
    "simulation.stop": "Stops are",
    "news.keywords.high": "Grave words",
    "news.keywords.medium": "Words that matter",
    "news.feeds": "News feeds",
    "history.update_at": "Brought up to date at",
    "keep.at": "Tidied up at (UTC)",
    "keep.equity_minutes_days": "Equity by the minute, days",
    "keep.candles_days": "Minutes of the market, days",
    "keep.decisions_days": "Every decision, days",
    "keep.texts_days": "Prompts and answers, days",
    "keep.journal_months": "Journal before it is packed, months",
    "keep.logs_days": "Log, days",
    "keep.alerts_days": "Alerts that are over, days",
    "keep.calls_days": "Costs of single calls, days",
    "keep.strategies_days": "Unused versions of strategies, days",
    "alerts.max_per_hour": "Messages an hour, at most",
    "alerts.repeat_minutes": "Minutes until a grave alert comes again",
    "alerts.alive_at": "Daily word that all is well",
    "alerts.timezone": "Time zone",
    "alerts.quiet_hours.start": "Quiet from",
    "alerts.quiet_hours.end": "Quiet until",
}
_LAST = {
    "enabled": "Votes",
    "weight": "Weight",
    "ask": "Is asked",
    "every_seconds": "Seconds between questions",
    "opinion_ttl_seconds": "Seconds an opinion counts",
    "sha256": "Approved file (SHA-256)",
    "cached_usd": "Cached text in",
    "input_usd": "Text in",
    "output_usd": "Text out",
}
_UNITS = {"_pct": "%", "_usd": "$", "min_notional": "$", "price_tick": "$"}
OPTIONS = {
    **controls_words.ORDERS,
    "candle": "at each closed candle",
    "cycle": "in each cycle",
    "base": "bitcoin",
    "quote": "dollars",
    "close": "the closed candle's close",
    "open": "the next candle's open",
    "limit": "with a limit that a gap jumps",
    "true": "yes",
    "false": "no",
}
NEW_NAMES = {  # a table, by the end of its path → (what is added, what its name is)
    "prices": ("a model's prices", "Model"),
    "cutoffs": ("the last day a model knows", "Model"),
    "settings": ("a setting of this strategy", "Name of the setting"),
}
CHANNELS = {"email": "Email", "sms": "Text", "push": "Push", "apprise": "Other"}
LEVELS = {
    "critical": ("Grave", "Money is in danger or trading has stopped. Quiet hours do not hold them back."),
    "warning": ("Warnings", "Something is wrong that may get worse."),
    "info": ("News", "What the trader did, and its daily word."),
}
LOUD = {"on": "on", "silent": "silent", "off": "off"}


def group_of(row: SettingRow) -> str:
    for start, group in _STARTS:
        if row.name.startswith(start):
            return group
    return "limits" if row.file == "risk.yml" else "vote"


def owner(row: SettingRow) -> str:
    """The strategy or model that a key belongs to, or ""."""
    parts = row.name.split(".")
    if parts[0] == "strategies" and len(parts) > 2:
        return parts[1]
    if parts[0] == "deepseek":
        return (
            row.name.removeprefix("deepseek.prices.").rpartition(".")[0] if parts[1] == "prices" else "What they know"
        )
    return ""


def label(row: SettingRow) -> str:
    """Beside its owner's name."""
    if row.name in _CALLED:
        return _CALLED[row.name]
    first, _, rest = row.name.partition(".")
    if first == "strategies":
        last = rest.partition(".")[2]
        return _LAST.get(last, last.removeprefix("settings.").replace("_", " ").capitalize())
    if first == "deepseek":
        last = rest.rpartition(".")[2]
        return _LAST[last] if last in _LAST else f"{rest.removeprefix('cutoffs.')}: last day it knows"
    return controls_words.called(row.name)


def column(row: SettingRow) -> str:
    """What an entry of a table holds there."""
    return _LAST.get(row.name.rpartition(".")[2], "Value" if row.file == "strategies.yml" else "Last day it knows")


def called(row: SettingRow) -> str:
    """Anywhere."""
    whose = owner(row)
    named = whose and not row.name.startswith("deepseek.cutoffs.")
    return f"{whose}: {label(row)}" if named else label(row)


def unit_of(row: SettingRow) -> str:
    return next((unit for end, unit in _UNITS.items() if row.name.endswith(end)), "")


def said(row: SettingRow, text: str) -> str:
    """A value for people."""
    if not text:
        return "not given"
    if row.kind == "words":
        count = len(text.split("\n"))
        return f"{count} entr{'y' if count == 1 else 'ies'}"
    unit = unit_of(row)
    shown = OPTIONS.get(text, text) if row.options or row.kind == "switch" else text
    return shown if not unit else f"${shown}" if unit == "$" else f"{shown}\u00a0{unit}"


def searched(row: SettingRow) -> str:
    """What the search field looks through."""
    values = row.value if len(row.value) < 100 else ""
    return " ".join((row.name, row.name.replace("_", " "), called(row), row.meaning, values, row.file)).lower()
