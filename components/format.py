"""How figures are said: dollars, per cent, durations, times, reasons. A sign or arrow always stands beside a colour."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from app.core.money import CENT, plain
from app.ports import Row, Status

MINUS = "−"
JOINED = "\u00a0"  # a number and its unit stay on one line

REASONS = {
    "manual": "paused by hand; nothing is bought, stops stay in force",
    "daily_loss": "today's loss limit was reached",
    "kill_switch": "the kill switch closed everything; it must be unlocked",
    "runaway": "too many orders, losses or refusals: something is broken; a person must look",
    "exchange_unreachable": "the exchange cannot be reached; trying again. Stops that stand there stay",
    "exchange_refuses": "the exchange refuses our key; check it there, then unlock",
    "unknown_order": "what became of an order is being found out",
    "external_change": "the account was changed from outside; a person must look",
    "clock": "this computer's clock is wrong",
    "disk": "the disk is nearly full",
    "database": "the database does not take what is written",
    "stale_price": "no fresh price; waiting for one",
    "live_check": "the go-live list has failing items",
    "market_ended": "the recorded market has ended; positions are kept",
}


def money(value: Decimal) -> str:
    """1234.5 → $1,234.50; −3 → −$3.00."""
    rounded = value.quantize(CENT)
    return f"{MINUS if rounded < 0 else ''}${abs(rounded):,.2f}"


def signed_money(value: Decimal) -> str:
    """With + where it is a gain."""
    return f"{'+' if value.quantize(CENT) > 0 else ''}{money(value)}"


def whole_money(value: Decimal) -> str:
    """Up to the next dollar: for what can be lost at most."""
    return f"${int(value.to_integral_value(rounding='ROUND_CEILING')):,}"


def pct(value: Decimal, places: int = 2) -> str:
    rounded = round(value, places)
    return f"{MINUS if rounded < 0 else ''}{abs(rounded):.{places}f}{JOINED}%"


def signed_pct(value: Decimal, places: int = 2) -> str:
    return f"{'+' if round(value, places) > 0 else ''}{pct(value, places)}"


def quantity(value: Decimal, symbol: str) -> str:
    return f"{plain(value)}{JOINED}{symbol.partition('/')[0]}"


def tone(value: Decimal) -> str:
    """What a figure is coloured by; always beside `arrow`."""
    rounded = value.quantize(CENT)
    return "up" if rounded > 0 else "down" if rounded < 0 else "flat"


def arrow(value: Decimal) -> str:
    return {"up": "▲", "down": "▼", "flat": ""}[tone(value)]


def duration(length: timedelta) -> str:
    """The two largest units: 2 d 3 h, 2 h 14 min, 5 min, under a minute."""
    minutes = max(0, int(length.total_seconds() // 60))
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return _joined(f"{days} d {hours} h" if hours else f"{days} d")
    if hours:
        return _joined(f"{hours} h {rest} min" if rest else f"{hours} h")
    return _joined(f"{minutes} min" if minutes else "under a minute")


def _joined(text: str) -> str:
    return text.replace(" ", JOINED)


def moment(at: datetime, now: datetime | None = None) -> str:
    """14:45 UTC today, else 10 Mar 14:45 UTC; with the year where it is another one or none is to compare with."""
    at = at.astimezone(UTC)
    if now is not None and at.date() == now.date():
        return _joined(f"{at:%H:%M} UTC")
    if now is not None and at.year == now.year:
        return _joined(f"{at.day} {at:%b %H:%M} UTC")
    return _joined(f"{at.day} {at:%b %Y %H:%M} UTC")


def state_word(status: Status) -> str:
    return {"TRADING": "Trading", "PAUSED": "Paused", "STOPPED": "Stopped", "RECONCILING": "Starting"}[status.state]


def state_reason(status: Status) -> str:
    """Why it does not trade, in words, and when it goes on."""
    if status.state == "RECONCILING":
        return "comparing notes with the exchange before anything is traded; if it lasts, look at disk and database"
    if status.reason is None:
        polling = (status.user_data or "").startswith("polling")
        heard = f"; no stream of our orders: {status.user_data}" if polling else ""
        return f"votes at each closed candle, buys when the vote is high enough{heard}"
    words = REASONS.get(status.reason, status.reason.replace("_", " "))
    if status.reason == "kill_switch" and status.open_positions:
        words = "the kill switch is selling everything; then it must be unlocked"
    if status.resumes_at is None:
        return words
    now = status.market_at
    ahead = f" (in {duration(status.resumes_at - now)})" if now is not None else ""
    return f"{words}; goes on at {moment(status.resumes_at, now)}{ahead}"


TITLES = {"deepseek_analyzer": "DeepSeek", "news_analyzer": "News"}
VOTER = re.compile(  # or a headline, which is somebody else's words
    r"“[^”]*”|(?<!counts )\b([a-z][a-z0-9_]*)"
    r"(?= (?:BUY|SELL|HOLD|no opinion|abstains|failed|stale|off|not_configured)\b)"
)


NEGATIVE = re.compile(r"“[^”]*”|(?<![\w.-])-(?=\d)")


def begun(text: str) -> str:
    """As a sentence begins: with a capital."""
    return text[:1].upper() + text[1:]


def titled(name: str) -> str:
    """A strategy's file as people call it: technical_indicators → Technical indicators."""
    return TITLES.get(name, name.replace("_", " ").capitalize())


def minus(text: str) -> str:
    """What the core wrote down, with the sign that stands before numbers everywhere else; headlines stay."""
    return NEGATIVE.sub(lambda found: MINUS if found[0] == "-" else found[0], text)


def arithmetic(text: str) -> str:
    """A vote's text with its voters called as everywhere else; what the core wrote down stays as it is."""
    called = VOTER.sub(lambda found: titled(found[1]) if found[1] else found[0], text)
    return minus(called.replace(" not_configured", " not set up"))


EXITS = {
    "stop": "its stop was hit",
    "trailing_stop": "its trailing stop was hit",
    "vote": "the vote said sell",
    "manual": "closed by hand",
    "kill_switch": "the kill switch closed everything",
    "emergency": "closed in an emergency: it could not be protected",
}


OUTCOMES = {"order": "an order was made", "refused": "not carried out", "hold": "nothing to do"}


def when(text: str) -> datetime:
    """A time in the store's words."""
    return datetime.fromisoformat(text)


def says(status: str | None, action: str, confidence: object) -> tuple[str, str]:
    """What a strategy says, in a word or two, and the classes of its chip: BUY 78 %; no opinion; timed out."""
    if status != "ok":
        return (status or "not asked").replace("_", " "), "chip missing"
    sure = Decimal(str(confidence))
    if not sure:
        return "no opinion", "chip"
    return f"{action} {plain(round(sure, 0))}{JOINED}%", f"chip {action.lower()}"


def exit_words(reason: str) -> str:
    """Why a position was sold."""
    return EXITS.get(reason, reason.replace("_", " "))


def score(value: float) -> str:
    """31.2; −64."""
    return plain(round(Decimal(str(value)), 1)).replace("-", MINUS)


def order_words(order: Row) -> str:
    """Sell 0.0153 BTC, stop at $61,000.00: filled at $60,980.00."""
    amount = quantity(Decimal(order["quantity"]), order["symbol"])
    at = order["stop_price"] or order["price"]
    kind = {"entry": "limit", "stop": "stop at", "exit": "at the market"}.get(order["role"], order["role"])
    where = f", {kind}{f' {money(Decimal(at))}' if at and kind != 'at the market' else ''}"
    filled = f" at {money(Decimal(order['average_price']))}" if order["average_price"] else ""
    return f"{order['side'].capitalize()} {amount}{where}: {order['status'].lower().replace('_', ' ')}{filled}"


def pretend_market(status: Status) -> str:
    """How a market that is not the real one is called; nothing for the real one."""
    return {"simulated": "SIMULATED MARKET", "replay": "REPLAY"}.get(status.market.partition(":")[0], "")


def badges(status: Status) -> tuple[tuple[str, str], ...]:
    """(text, kind): how real the money is, and how real the market."""
    mode = {"paper": "PAPER", "dry-run": "DRY-RUN", "live": "LIVE"}.get(status.mode, status.mode.upper())
    pretend = pretend_market(status)
    return ((mode, "live" if status.mode == "live" else "play"), *(((pretend, "market"),) if pretend else ()))


def mode_banner(status: Status) -> str:
    """What must be clear at a glance where no order is real; nothing where they are."""
    return {
        "paper": "PAPER TRADING MODE · pretend money",
        "dry-run": "DRY-RUN MODE · decides on the real account, sends no order",
    }.get(status.mode, "")


def answers(status: Status) -> bool:
    """Whether the exchange can be asked, and lets us do what is asked."""
    return status.connected and status.reason != "exchange_refuses"


def protection(status: Status) -> str:
    if not status.open_positions:
        return "Nothing at risk: no bitcoin is held."
    share = f"{plain(round(status.protected_pct, 1))}{JOINED}%"
    most = f"you can lose at most {whole_money(status.max_loss_if_server_dies)}, plus gaps"
    if not answers(status):  # nobody can look at the exchange's book now
        return f"Protected {share} when the exchange last answered; stops stay there. By them {most}."
    return f"Protected {share}: if the server dies now {most}."
