"""What a headline says, as features that can be counted: its words, and what rose or fell, for better or for worse.

`profit fell` and `costs fell` share a verb and mean the opposite: so a direction is read together with the quantity
it moves, and `to 5.1 from 4.2` together with the two numbers. Never raises, and never reads past `LONGEST`.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

LONGEST = 500  # characters that are looked at
REACH_BACK, REACH_ON = 8, 5  # words between a direction and its quantity
REACH_NOT, REACH_NUMBER = 4, 12  # … a "not" and what it denies, a quantity and its number
YEARS = range(1950, 2060)

_TOKEN = re.compile(
    r"(?P<link>https?://\S+|www\.\S+|pic\.twitter\S+|@\w+)"
    r"|(?P<stock>\$[a-z][a-z.]*)"
    r"|(?P<number>(?<![\w)])[-+−]?[$€£]?\d[\d.,]*"
    r"(?:\s?(?P<unit>%|(?:percent|per cent|pct|bps|k|mn|m|mln|million|bn|b|billion|trillion|t)\b))?)"
    r"|(?P<word>[^\W\d_][^\W_]*(?:['’](?:s|t|re|ve|ll|d)\b)?)"
    r"|(?P<sign>[🚀📈🟢💪📉🔴])"
    r"|(?P<stop>[;:!?]|[.,](?!\d)|\s[-–—]\s|[–—]|\.\.\.)"
)
_UNITS = {"k": 1e3, "mn": 1e6, "m": 1e6, "mln": 1e6, "million": 1e6, "bn": 1e9, "b": 1e9, "billion": 1e9}
_UNITS |= {"t": 1e12, "trillion": 1e12}
_PERCENT = {"%", "percent", "per cent", "pct", "bps"}
_IRREGULAR = dict(
    pair.split("=")
    for pair in (
        "rose=rise risen=rise fell=fall fallen=fall grew=grow grown=grow growth=grow won=win lost=lose "
        "sank=sink sunk=sink sold=sell bought=buy beaten=beat shrank=shrink shrunk=shrink slid=slide broke=break "
        "broken=break recorded=recorded halving=halving dismissed=dismissed developed=developed quite=quite "
        "froze=freeze frozen=freeze stole=steal stolen=steal went=go gone=go made=make held=hold led=lead "
        "overcame=overcome began=begin withdrew=withdraw withdrawn=withdraw drew=draw dove=dive flew=fly "
        "swung=swing struck=strike threw=throw forecasted=forecast can't=cannot isn't=not wasn't=not aren't=not "
        "won't=not didn't=not doesn't=not don't=not hasn't=not haven't=not couldn't=not wouldn't=not "
        "sales=sales earnings=earnings news=news shares=shares savings=savings holdings=holdings series=series "
        "needed=need speed=speed feed=feed indeed=indeed thing=thing anything=anything bring=bring king=king "
        "during=during spring=spring less=less unless=unless business=business process=process access=access "
        "this=this was=was is=is as=as has=has his=his its=its us=us plus=plus versus=versus vs=versus bonus=bonus "
        "status=status focus=focus analysis=analysis basis=basis crisis=crisis gas=gas bus=bus united=united "
        "worst=worst best=best higher=high highest=high lower=low lowest=low low=low lows=low"
    ).split()
)
_known: dict[str, str] = {}


def stem(word: str) -> str:
    """A crude root: `cutting`, `cuts` and `cut` are one word. The memory of known words is bounded."""
    root = _known.get(word)
    if root is None:
        root = _stem(word.replace("’", "'"))
        if len(_known) < 20_000:
            _known[word] = root
    return root


def _stem(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word] if _IRREGULAR[word] == word else stem(_IRREGULAR[word])
    root = word.removesuffix("'s")
    if len(root) > 4 and root.endswith("ies"):
        root = root[:-3] + "y"
    elif len(root) > 3 and root.endswith("s") and not root.endswith(("ss", "us", "is")):
        root = root[:-1]
    if len(root) > 4 and root.endswith("ied"):
        root = root[:-3] + "y"
    elif len(root) > 4 and root.endswith("ed"):
        root = root[:-2]
    elif len(root) > 5 and root.endswith("ing"):
        root = root[:-3]
    if len(root) > 3 and root.endswith("e"):
        root = root[:-1]
    if len(root) > 3 and root[-1] == root[-2]:
        root = root[:-1]
    return root


@dataclass(frozen=True, slots=True)
class Token:
    text: str  # as it stood, in small letters
    root: str  # stem, or "<n>", "<%>", "<stock>", or a stop: ","
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A word or phrase of the lexicon at its place: tokens `start` to `end` (exclusive)."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something good (+1) or bad (−1), how it was found, and the words that say it."""

    at: int
    how: str
    sign: int
    words: str

    @property
    def name(self) -> str:
        """As a feature."""
        return self.how + ("+" if self.sign > 0 else "-")


def tokens_of(text: str) -> list[Token]:
    short = unicodedata.normalize("NFKC", text[:LONGEST])[:LONGEST].lower()
    found: list[Token] = []
    for match in _TOKEN.finditer(short):
        kind, said = match.lastgroup, match.group()
        if match.group("number"):
            found.append(_number(said, match.group("unit")))
        elif kind == "word":
            found.append(Token(said, stem(said)))
        elif kind == "stock":
            found.append(Token(said, "<stock>"))
        elif kind == "sign":
            found.append(Token(said, said))
        elif kind == "stop":
            found.append(Token(said, said.strip() if said.strip() in ("?", "!", ",") else "."))
    return found


def _number(said: str, unit: str | None) -> Token:
    digits = said[: -len(unit)] if unit else said
    digits = digits.strip().lstrip("$€£").replace("−", "-").replace("$", "").replace("€", "").replace("£", "")
    try:
        value = float(digits.rstrip(".,").replace(",", ""))
    except ValueError:  # 1.2.3
        return Token(said, "<n>")
    if unit in _PERCENT:
        return Token(said, "<%>", value)
    if unit is None and value in YEARS and digits.isdigit():
        return Token(said, "<year>")
    return Token(said, "<n>", value * _UNITS.get(unit or "", 1.0))


class Lexicon:
    """Phrases of the lexicon by their first root, the longest first."""

    def __init__(self, phrases: Mapping[str, Iterable[str]]) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for kind, group in phrases.items():
            for phrase in group:
                roots = tuple(phrase.split())
                self._by_first.setdefault(roots[0], []).append((roots, kind))
        for each in self._by_first.values():
            each.sort(key=lambda pair: -len(pair[0]))

    def items(self, tokens: Sequence[Token]) -> list[Item]:
        found: list[Item] = []
        roots = tuple(token.root for token in tokens)
        at = 0
        while at < len(roots):
            for phrase, kind in self._by_first.get(roots[at], ()):
                if roots[at : at + len(phrase)] == phrase:
                    found.append(Item(at, at + len(phrase), kind))
                    at += len(phrase)
                    break
            else:
                at += 1
        return found


BETTER, WORSE = "more is better", "more is worse"
_QUANTITY = {BETTER: 1, WORSE: -1}
_DIRECTION = {"up": 1, "down": -1}
_VERDICT = {"good": 1, "bad": -1}


def findings(tokens: Sequence[Token], items: Sequence[Item]) -> list[Finding]:
    """What is good and what is bad, in the order of the text."""
    found: list[Finding] = []
    paired: set[int] = set()
    denied = [item.end for item in items if item.kind == "not"]
    for item in items:
        if item.kind in _DIRECTION:
            found.append(_moved(tokens, items, item, paired))
        elif item.kind in _VERDICT:
            found.append(Finding(item.start, "word", _VERDICT[item.kind], _words(tokens, item)))
    found += _compared(tokens, items, paired)
    found += [
        Finding(at, "number", 1 if token.value > 0 else -1, token.text)
        for at, token in enumerate(tokens)
        if token.root == "<%>" and token.value and token.text[0] in "+-−"
    ]
    found += [
        Finding(item.start, "alone", _QUANTITY[item.kind], _words(tokens, item))
        for item in items
        if item.kind == WORSE and item.start not in paired
    ]
    found = [_turned(each, tokens, denied) for each in found]
    return sorted(found, key=lambda each: each.at)


def _turned(finding: Finding, tokens: Sequence[Token], denied: Sequence[int]) -> Finding:
    """`not profitable`, `no longer growing`: a denial shortly before turns the sign."""
    for end in denied:
        if 0 <= finding.at - end < REACH_NOT and not _broken(tokens, end, finding.at):
            return Finding(finding.at, f"not {finding.how}", -finding.sign, f"{tokens[end - 1].text} {finding.words}")
    return finding


def _moved(tokens: Sequence[Token], items: Sequence[Item], direction: Item, paired: set[int]) -> Finding:
    """A direction with the quantity it moves: the one it leans on ("rise in costs"), else one before, else after."""
    sign = _DIRECTION[direction.kind]
    quantity = _quantity_of(tokens, items, direction)
    said = _words(tokens, direction)
    if quantity is None:
        return Finding(direction.start, "move", sign, said)
    paired.add(quantity.start)
    first, second = sorted((quantity, direction), key=lambda item: item.start)
    between = " … " if second.start > first.end else " "
    said = f"{_words(tokens, first)}{between}{_words(tokens, second)}"
    return Finding(direction.start, "pair", sign * _QUANTITY[quantity.kind], said)


def _quantity_of(tokens: Sequence[Token], items: Sequence[Item], direction: Item) -> Item | None:
    before = after = None
    for item in items:
        if item.kind not in _QUANTITY:
            continue
        if item.end <= direction.start:
            if direction.start - item.end <= REACH_BACK and not _broken(
                tokens, item.end, direction.start, commas=False
            ):
                before = item
        elif after is None and item.start - direction.end <= REACH_ON:
            after = None if _broken(tokens, direction.end, item.start) else item
    if after and all(token.root in _LEANING for token in tokens[direction.end : after.start]):
        return after
    return before or after


_LEANING = {"in", "of", "the", "it", "its", "their", "net", "total", "<n>", "<%>", "full", "year", "q", "annual", "our"}


def _broken(tokens: Sequence[Token], start: int, end: int, *, commas: bool = True) -> bool:
    stops = (".", "?", "!", ",", "but", "whil", "although", "despit", "into") if commas else (".", "?", "!", "but")
    return any(token.root in stops for token in tokens[start:end])


def _words(tokens: Sequence[Token], item: Item) -> str:
    return " ".join(token.text for token in tokens[item.start : item.end])


_MARKS = {"from", "compar", "versus", "against", "than"}


def _compared(tokens: Sequence[Token], items: Sequence[Item], paired: set[int]) -> list[Finding]:
    """`to 5.1 mn from 4.2 mn`, `a loss of 3 compared with a profit of 1`, `from 3 % to 4 %`: the numbers tell."""
    found = []
    for at, token in enumerate(tokens):
        if token.root not in _MARKS:
            continue
        then = _next_number(tokens, at + 1, at + 9)
        if then is None:
            continue
        now = None
        if token.root == "from":
            now = (
                _next_number(tokens, then + 1, then + 4)
                if tokens[min(then + 1, len(tokens) - 1)].root == "to"
                else None
            )
        if now is None:
            now = next((each for each in range(at - 1, max(at - 14, -1), -1) if _same(tokens, each, then)), None)
        if now is None or not _same(tokens, now, then):
            continue
        finding = _difference(tokens, items, now, then, paired)
        if finding:
            found.append(finding)
    return found


def _next_number(tokens: Sequence[Token], start: int, end: int) -> int | None:
    for at in range(start, min(end, len(tokens))):
        if tokens[at].value is not None:
            return at
    return None


def _same(tokens: Sequence[Token], one: int, other: int) -> bool:
    return tokens[one].value is not None and tokens[one].root == tokens[other].root


def _difference(
    tokens: Sequence[Token], items: Sequence[Item], now: int, then: int, paired: set[int]
) -> Finding | None:
    """A loss counts as a negative number; a quantity that nobody names is taken for one of which more is better."""

    def signed(at: int) -> float:
        near = [item for item in items if item.kind in _QUANTITY and item.end <= at]
        if not near or at - near[-1].end > REACH_NUMBER:
            return abs(tokens[at].value or 0.0)
        paired.add(near[-1].start)
        return _QUANTITY[near[-1].kind] * abs(tokens[at].value or 0.0)

    change = signed(now) - signed(then)
    if not change:
        return None
    return Finding(max(now, then), "compare", 1 if change > 0 else -1, f"{tokens[now].text} after {tokens[then].text}")


# Words that say nothing of themselves; in a small corpus they would pick up what stood beside them by chance.
_SILENT = set(
    "a an the and or of to in on at by with for from as is are was were be been being it its this that these those "
    "his her their our my your we you he she they i has have had having do does did will would can could may might "
    "shall should <n> <%> <year> <stock> , . ! there here which who whom whose than then so if into over under after "
    "before during about new now also just more most some any all one two three year month week day today quarter "
    "said say".split()
)


def features(tokens: Sequence[Token], found: Sequence[Finding]) -> dict[str, float]:
    """Name → value. Names of words are roots; `pair+` and the like count findings."""
    values: dict[str, float] = {}
    for each in found:
        values[each.name] = min(3.0, values.get(each.name, 0.0) + 1.0)
    net = sum(each.sign for each in found)
    values["all" + ("+" if net > 0 else "-" if net < 0 else "=")] = 1.0
    if found:
        values["first" + ("+" if found[0].sign > 0 else "-")] = 1.0
    else:
        values["nothing found"] = 1.0
    last = ""
    for token in tokens:
        root = token.root
        if root not in _SILENT:
            values["_" + root] = 1.0
            values[f"{last}_{root}"] = 1.0
        elif last not in _SILENT:
            values[f"{last}_{root}"] = 1.0
        last = root
    return values
