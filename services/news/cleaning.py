"""What strangers write, made harmless: plain titles, web addresses, times in UTC, and who an outlet is.

Nothing here raises for any input, and nothing is looked up or fetched.
"""

import html
import re
import unicodedata
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, quote, urlsplit

LONGEST_TITLE = 300
LONGEST_URL = 2000
LONGEST_NAME = 80
LOOKED_AT = 2000  # characters of a title that are looked at
ROUNDS = 8  # of tags within entities within tags

_SCRIPT = re.compile(r"<(script|style)\b[^<>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_INLINE = re.compile(r"</?(?:a|abbr|b|em|font|i|mark|small|span|strong|sub|sup|u)(?:\s[^<>]*)?/?>", re.IGNORECASE)
_TAG = re.compile(r"<[a-zA-Z/!?][^<>]*(?:>|(?=<)|$)")
_AND = re.compile(r"&(?:(?:amp|#38|#x26);)+", re.IGNORECASE)
_DROPPED = ("Cc", "Cf", "Cs", "Co", "Cn")  # control, invisible (zero-width, bidi), no characters at all
_SPACES = ("Zs", "Zl", "Zp")
MARKS = 2  # accents on one letter; more of them climb over the lines around

# Words in the query of an address that only say where a reader came from.
_TRACKING = re.compile(
    r"^(?:utm_\w+|fbclid|gclid|dclid|msclkid|igshid|mc_[ce]id|ref|referrer|source|src|cmpid|ns_\w+)$"
)
_UNSAFE = re.compile(r"[\x00-\x20\x7f\"<>\\^`{|}]")
_SECOND_LEVEL = {"ac", "co", "com", "edu", "gov", "net", "org"}  # co.uk, com.au …


def clean_title(text: object) -> str:
    """Plain text on one line, at most 300 characters; "" where nothing is left. Cleaning it again changes nothing."""
    if not isinstance(text, str):
        return ""
    text = text[:LOOKED_AT]
    for _ in range(ROUNDS):
        before, text = text, _visible(_without_tags(unicodedata.normalize("NFKC", text)))
        if text == before:
            break
    else:
        text = _visible(unicodedata.normalize("NFKC", re.sub(r"[&<>]", "", text)))
    if len(text) > LONGEST_TITLE:
        text = text[: LONGEST_TITLE - 3].rstrip() + "..."
    return text


def _without_tags(text: str) -> str:
    if "&" in text:
        text = html.unescape(_AND.sub("&", text))
    if "<" in text:
        text = _TAG.sub(" ", _INLINE.sub("", _SCRIPT.sub(" ", text)))
    return text


def _visible(text: str) -> str:
    """Without control and invisible characters, whitespace folded."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept: list[str] = []
    marks = 0
    for each in text:
        kind = unicodedata.category(each)
        if each in "\t\n\r\v\f\x85" or kind in _SPACES:
            kept.append(" ")
        elif kind in _DROPPED or 0xFE00 <= ord(each) <= 0xFE0F or 0xE0100 <= ord(each) <= 0xE01EF:
            continue
        elif kind in ("Mn", "Me"):
            marks += 1
            if marks <= MARKS:
                kept.append(each)
            continue
        else:
            kept.append(each)
        marks = 0
    return " ".join("".join(kept).split())


def clean_url(text: object) -> str:
    """A whole http or https address of at most 2,000 characters, or "". Never one with sign-in data."""
    parts = _parts(text)
    if parts is None:
        return ""
    try:
        path, query = quote(parts.path, safe="/%:@!$&'()*+,;=~-._"), quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    except UnicodeEncodeError:  # half a surrogate pair
        return ""
    url = f"{parts.scheme}://{parts.netloc.lower()}{path}{f'?{query}' if query else ''}"
    return url if len(url) <= LONGEST_URL else ""


def _parts(text: object) -> SplitResult | None:
    if not isinstance(text, str) or len(text) > LONGEST_URL + 100:
        return None
    text = text.strip()
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    good = parts.scheme in ("http", "https") and host.isascii() and "." in host and not _UNSAFE.search(text)
    return parts if good and "@" not in parts.netloc else None


def same_url(url: str) -> str:
    """What is equal for two addresses of one page: no scheme, www, tracking words or last slash. "" for none."""
    parts = _parts(url)
    if parts is None:
        return ""
    host = re.sub(r"^(?:www|m|amp)\.", "", parts.hostname or "")
    kept = sorted(
        pair for pair in parts.query.split("&") if pair and not _TRACKING.match(pair.partition("=")[0].lower())
    )
    path = re.sub(r"/+", "/", parts.path).rstrip("/")
    return f"{host}{path}{'?' if kept else ''}{'&'.join(kept)}"


def clean_time(text: object) -> datetime | None:
    """ISO 8601 or the form of mails, as UTC; None for anything else. A time that names no zone is taken for UTC."""
    if not isinstance(text, str) or not 8 <= len(text.strip()) <= 60:
        return None
    text = text.strip()
    found: datetime | None = None
    try:
        found = datetime.fromisoformat(text) if "-" in text[:8] or text.isdigit() else parsedate_to_datetime(text)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
        return found.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def outlet_of(url: str, name: object = "") -> str:
    """Who published it: the domain of its address, or the name it gives itself; "" where neither is known."""
    parts = _parts(url)
    if parts is not None:
        return registered(parts.hostname or "")
    text = clean_title(name)[:LONGEST_NAME].strip()
    bare = text.lower()
    return registered(bare) if re.fullmatch(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", bare) else text


def registered(host: str) -> str:
    """The part of a host name that somebody owns: news.bbc.co.uk → bbc.co.uk."""
    labels = host.lower().strip(".").split(".")
    count = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL else 2
    return ".".join(labels[-count:])


def outlet_key(outlet: str) -> str:
    """Equal for a name and a domain of one outlet: "The Block" and "theblock.co"."""
    lower = outlet.lower()
    first = (
        lower.split(".")[0]
        if re.fullmatch(r"[a-z0-9.-]+\.[a-z]{2,}", lower)
        else re.sub(r"\.(?:com|org|net|io|co)\b", "", lower)
    )
    key = re.sub(r"[\W_]+", "", first)
    return re.sub(r"(?<=.{4})news$", "", key) or lower
