"""Words that matter in a headline: what it is about, how grave it is. A word is found whole, in its usual forms.

"ban" is found in "bans" and "banned", never in "bank"; "SEC" in "SЕC" with a Cyrillic letter, never in "seconds".
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from services.news.homoglyphs import folded

HIGH, MEDIUM, LOW = "high", "medium", "low"
APART = 4  # other words that may stand between those of one keyword
UNITS = {"sec", "secs", "min"}  # after a number they count time

_TOKEN = re.compile(r"[a-z0-9]+(?:[.,][0-9]+)*%?")
_OWNERS = re.compile(r"(?<=[a-z])'(?:s\b)?")

# What names crypto itself. "btc" alone may stand for something else in a general paper: see `about`.
_CRYPTO = """
bitcoin bitcoiner crypto cryptocurrency cryptocurrencies cryptoasset blockchain stablecoin ethereum ether altcoin
satoshi defi nft dogecoin solana ripple xrp litecoin cardano tether usdt usdc memecoin web3 onchain hashrate
coinbase binance kraken bitfinex bitstamp bybit okx kucoin huobi ftx celsius blockfi grayscale gbtc ibit microstrategy
""".split()
_CRYPTO_PAIRS = (
    *("digital asset", "digital assets", "virtual asset", "digital currency", "digital currencies", "virtual currency"),
    *("lightning network", "mt gox", "proof of work", "proof of stake"),
)
_TICKER = ("btc", "xbt", "eth")
_MARKET = "price trade trading trader dollar usd usdt market rally exchange wallet token coin miner mining etf".split()

# What moves money as a whole, and bitcoin with it.
_MACRO = (
    "fed fomc cpi ppi pce powell inflation recession treasuries nonfarm payrolls stagflation svb silvergate".split()
)
_MACRO_PAIRS = (
    *("federal reserve", "federal open market", "interest rate", "interest rates", "rate hike", "rate cut"),
    *("rate decision", "consumer price", "jobs report", "central bank", "central banks", "bank run", "bank failure"),
    *("bank failures", "banking crisis", "financial crisis", "silicon valley bank", "signature bank", "credit suisse"),
    *("silvergate bank", "debt ceiling", "treasury yield", "treasury yields", "monetary policy"),
    *("quantitative easing", "quantitative tightening"),
)

# Whose trouble moves the price of bitcoin; that of a small project is grave for its own holders only.
_WEIGHTY = """
bitcoin btc crypto cryptocurrency cryptocurrencies cryptoasset stablecoin binance coinbase kraken bitfinex okx bybit
tether usdt usdc circle ftx celsius genesis grayscale gbtc blackrock fidelity microstrategy etf sec cftc doj exchange
""".split()
_WEIGHTY_PAIRS = ("digital asset", "digital assets", "digital currency", "mt gox", "digital currencies")


# Talk about what was or may be, rather than word of what happened.
_TALK = """
explain explainer episode podcast interview opinion column analysis predict prediction recap guide lesson should if
newsletter history lookback could would might potential potentially possible possibly expect await hope believe think
likely odds chance rumor rumour unsubstantiated theoretically whether fear brace ahead
""".split()
_TALK_PAIRS = (
    *("look back", "looks back", "how to", "what is", "here is", "what if", "broke down", "in our latest", "may be"),
    *("since the", "may have", "pave the way", "wait for", "in the wake", "in the aftermath", "a year after"),
    *("years after", "the need for"),
)


def tokens(text: str) -> list[str]:
    """The words and numbers of a text, folded."""
    return _TOKEN.findall(_OWNERS.sub("", folded(text)))


def forms(token: str) -> set[str]:
    """The words that this may be a form of: "banned" → banned, ban."""
    found = {token}
    for ending in ("s", "es", "ed", "d", "ing", "er", "ers", "or", "ors"):
        stem = token.removesuffix(ending)
        if stem == token or len(stem) < 2 or not stem.isalpha():
            continue
        if ending == "d" and not stem.endswith("e"):
            continue
        found.add(stem)
        if ending in ("ed", "ing"):
            if len(stem) > 3 and stem[-1] == stem[-2]:
                found.add(stem[:-1])
            found.add(f"{stem}e")
        if stem.endswith("i") and ending in ("es", "ed"):
            found.add(f"{stem[:-1]}y")
    return found


class _Text:
    """A headline's words and where each stands, in all their forms."""

    def __init__(self, title: str) -> None:
        self.words = tokens(title)
        self.places: dict[str, list[int]] = {}
        for at, word in enumerate(self.words):
            if word in UNITS and at and self.words[at - 1].replace(".", "").isdigit():
                continue
            for form in forms(word):
                self.places.setdefault(form, []).append(at)

    def any_of(self, words: Iterable[str]) -> bool:
        return any(word in self.places for word in words)

    def has(self, phrase: Sequence[str], apart: int) -> bool:
        """All words of the phrase, in any order, with at most `apart` others between them."""
        spots = [self.places.get(word) for word in phrase]
        if not all(spots):
            return False
        if len(phrase) == 1:
            return True
        found = sorted((at, number) for number, places in enumerate(spots) for at in places or ())
        for first, (start, _) in enumerate(found):
            near = [(at, number) for at, number in found[first:] if at - start < len(phrase) + apart]
            if len({number for _, number in near}) == len(phrase) and len({at for at, _ in near}) >= len(phrase):
                return True
        return False

    def any_pair(self, phrases: Iterable[str]) -> bool:
        joined = f" {' '.join(self.words)} "
        return any(f" {phrase} " in joined for phrase in phrases)


def names_crypto(title: str) -> bool:
    """Whether a headline speaks of bitcoin or crypto."""
    return _names_crypto(_Text(title))


def _names_crypto(text: _Text) -> bool:
    return text.any_of(_CRYPTO) or text.any_pair(_CRYPTO_PAIRS) or (text.any_of(_TICKER) and text.any_of(_MARKET))


def about(title: str) -> bool:
    """Whether a headline speaks of bitcoin, crypto, or what moves money as a whole."""
    text = _Text(title)
    return _names_crypto(text) or _names_macro(text)


def _names_macro(text: _Text) -> bool:
    return text.any_of(_MACRO) or text.any_pair(_MACRO_PAIRS)


def _wanted(keyword: str) -> tuple[str, ...]:
    return tuple(tokens(keyword))


class Keywords:
    """The owner's words for grave news and for news that matter."""

    def __init__(self, words: Mapping[str, Sequence[str]]) -> None:
        """`words`: severity → keywords, of which `high` and `medium` count."""
        self._phrases = {
            severity: {keyword.lower(): _wanted(keyword) for keyword in words.get(severity, ()) if _wanted(keyword)}
            for severity in (HIGH, MEDIUM)
        }

    def found(self, title: str) -> tuple[str, tuple[str, ...]]:
        """The severity of a headline, and the keywords that it holds.

        A grave word makes it high only where the headline names what moves the price of bitcoin and tells what
        happened, else medium: not where it asks, explains, looks back or guesses.
        """
        text = _Text(title)
        grave = self._in(HIGH, text)
        keywords = tuple(dict.fromkeys([*grave, *self._in(MEDIUM, text)]))
        if grave and _is_weighty(text) and not _is_talk(title, text):
            return HIGH, keywords
        return (MEDIUM if keywords else LOW), keywords

    def _in(self, severity: str, text: _Text) -> list[str]:
        return [keyword for keyword, phrase in self._phrases[severity].items() if text.has(phrase, APART)]


def _is_weighty(text: _Text) -> bool:
    return text.any_of(_WEIGHTY) or text.any_pair(_WEIGHTY_PAIRS) or _names_macro(text)


def _is_talk(title: str, text: _Text) -> bool:
    return title.rstrip().endswith("?") or text.any_of(_TALK) or text.any_pair(_TALK_PAIRS)
