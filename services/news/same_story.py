"""Whether two headlines tell the same story. In doubt they do not: two opposite stories must never become one.

The same story: the same numbers, the same words denied, the same direction, and the words of one are those of the
other but for filler, synonyms and forms. Names are words: what Binance did, Coinbase did not.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process
from rapidfuzz.distance import Indel

from services.news.words import forms, tokens

ALIKE = 72  # of 100 letters in order: below it, two headlines are not looked at any closer
IN_ORDER = 0.7  # of the words: "SEC sues Binance" and "Binance sues SEC" are two stories
ONE_WORD = 84  # of 100 letters: the same word, spelt or bent differently
MORE_WORDS = 0.4  # of the longer one's words may be missing in the shorter one
MOST_LOOKED_AT = 12  # nearest headlines that are compared word by word

_FILLER = set(
    """
    a an the and or of in on at to for by with from as is are was were be been has have had it its this that their his
    her into over after amid about now today new latest update updated breaking exclusive just report reports reported
    reportedly says say said source sources according news live watch here how why what will would could may might set
    u s than then but also more us u.s via per s up
    """.split()
)
_SAME_WORD = {
    "btc": "bitcoin", "xbt": "bitcoin", "eth": "ethereum", "ether": "ethereum", "cryptocurrency": "crypto",
    "cryptocurrencie": "crypto", "begin": "start", "begun": "start", "began": "start", "usd": "dollar",
    "fomc": "fed", "worrie": "worry", "firm": "company", "government": "govt", "bps": "bp",
}  # fmt: skip
_DENIES = set(
    "not no never none without cannot cant wont isnt doesnt didnt hasnt denies deny denied false fake".split()
)
_DENIES |= set("unlikely hoax untrue refutes refute rumor rumors rumour unless nor neither hardly".split())

# Words of one direction are one word; those of opposite directions never meet. In all their forms.
_DIRECTIONS = {
    "+price": """
    rise rose risen surge soar jump rally rallies gain climb spike rocket skyrocket leap leapt advance rebound recover
    pump bullish high higher top above increase inflow buy bought
    """,
    "-price": """
    fall fell fallen drop plunge crash slump sink sank sunk tumble slide slid dip plummet dive decline lose lost bearish
    low lower below down decrease outflow sell sold dump
    """,
    "+allow": """
    approve approval accept allow permit greenlight greenlit legalize legalise unban lift resume reopen grant launch
    list win won adopt adoption pass support back cut ease
    """,
    "-allow": """
    reject rejection refuse deny denies denied denial ban prohibit outlaw block halt suspend freeze froze frozen pause
    delay postpone delist lose lost fail oppose withdraw withdrew drop hike raise tighten close stop
    """,
}
_DIRECTION_OF: dict[str, set[str]] = {}
for _direction, _words in _DIRECTIONS.items():
    for _word in _words.split():
        _DIRECTION_OF.setdefault(_word, set()).add(_direction)


def _directions(word: str) -> set[str]:
    """Where a word points to, in any of its forms."""
    return {direction for form in forms(word) for direction in _DIRECTION_OF.get(form, ())}


_MULTIPLES = {"k": 1e3, "m": 1e6, "mn": 1e6, "b": 1e9, "bn": 1e9, "t": 1e12, "tn": 1e12}
_WORDS_OF_MANY = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_FED = re.compile(r"federal reserve(?: board| bank)?", re.IGNORECASE)
_NUMBER = re.compile(r"([0-9]+(?:[.,][0-9]+)*)(k|mn?|bn?|tn?)?(%)?")


@dataclass(frozen=True, slots=True)
class Gist:
    """A headline as it is compared: its words in order without filler, numbers, what is denied, its directions."""

    words: tuple[str, ...]
    numbers: frozenset[str]
    denied: bool
    directions: frozenset[str]

    @property
    def text(self) -> str:
        return " ".join((*self.words, *sorted(self.numbers)))


def gist(title: str, outlet: str = "") -> Gist:
    """`outlet`, by its key: a headline that ends with its publisher's name is compared without it."""
    found = tokens(_FED.sub("fed", _without_outlet(title, outlet)))
    words: list[str] = []
    numbers: set[str] = set()
    denied = False
    directions: set[str] = set()
    for at, word in enumerate(found):
        number = _number(word, found[at + 1] if at + 1 < len(found) else "")
        if number:
            numbers.add(number)
        elif word in _DENIES:
            denied = not denied
            directions |= _directions(word)
        elif pointing := _directions(word):
            directions |= pointing
            words.append("/".join(sorted(pointing)))
        elif word not in _FILLER and word not in _WORDS_OF_MANY:
            words.append(_plain(word))
    return Gist(tuple(words), frozenset(numbers), denied, frozenset(directions))


def _plain(word: str) -> str:
    """Without the ending of a plural, and one word for those that mean the same."""
    word = word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
    return _SAME_WORD.get(word, word)


def _without_outlet(title: str, outlet: str) -> str:
    """Aggregators put " - CoinDesk" behind each headline."""
    head, dash, tail = title.rpartition(" - ")
    if not dash:
        head, dash, tail = title.rpartition(" | ")
    if dash and outlet and re.sub(r"[\W_]+", "", tail.lower()).startswith(outlet):
        return head
    return title


def _number(word: str, following: str) -> str:
    """A number in one form: 100k, 100,000 and "100 thousand" are equal. "" where the word is none."""
    found = _NUMBER.fullmatch(word)
    if not found:
        return ""
    digits = found[1]
    digits = digits.replace(",", "") if re.fullmatch(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?", digits) else digits
    try:
        value = float(digits.replace(",", "."))
    except ValueError:  # a date or a version, such as 1.2.3
        return word
    value *= _MULTIPLES.get(found[2] or "", 1) * _WORDS_OF_MANY.get(following, 1)
    return f"{value:.10g}{'%' if found[3] or following == 'percent' else ''}"


def same(one: Gist, other: Gist) -> bool:
    """Whether two headlines tell the same story."""
    if one.numbers != other.numbers or one.denied != other.denied or one.directions != other.directions:
        return False
    if one.words == other.words:
        return True
    if not one.words or not other.words:
        return False
    if Indel.normalized_similarity(one.words, other.words) < IN_ORDER and not _contained(one.words, other.words):
        return False
    only_one, only_other = _unmatched(one.words, other.words)
    if only_one and only_other:
        return False  # one thing stands in another's place
    more, longer = len(only_one or only_other), max(len(one.words), len(other.words))
    return more <= MORE_WORDS * longer


def _contained(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether the shorter one's words stand in the longer one in the same order."""
    short, long = sorted((one, other), key=len)
    left = iter(long)
    return len(short) >= 4 and all(any(_alike(word, each) for each in left) for word in short)


def _unmatched(one: Sequence[str], other: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of each that the other does not have, in any form."""
    left = [word for word in other if word not in one]
    only = []
    for word in one:
        if word in other:
            continue
        twin = next((each for each in left if _alike(word, each)), None)
        if twin is None:
            only.append(word)
        else:
            left.remove(twin)
    return only, left


def _alike(one: str, other: str) -> bool:
    return one == other or (
        len(one) > 3 and len(other) > 3 and one[:3] == other[:3] and fuzz.ratio(one, other) >= ONE_WORD
    )


def nearest(one: Gist, texts: dict[str, str]) -> list[str]:
    """Keys of the headlines that are worth a closer look, nearest first. `texts`: key → `Gist.text`."""
    found = process.extract(one.text, texts, scorer=fuzz.ratio, score_cutoff=ALIKE, limit=MOST_LOOKED_AT)
    return [key for _, _, key in found]
