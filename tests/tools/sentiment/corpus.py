"""The words and sentences the classifier learns from. All of them were written for it; none is anybody's headline."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

from services.news.reading import tokens_of

HERE = Path(__file__).parent
LABELS = {"+": "bullish", "-": "bearish", "=": "neutral"}
Sentence = tuple[str, str]  # label, text


def lines_of(name: str) -> Iterator[str]:
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.strip()


def lexicon() -> dict[str, list[str]]:
    """Kind → phrases as roots. A phrase that stands in two sections belongs to the earlier one."""
    kinds: dict[str, str] = {}
    kind = ""
    for line in lines_of("lexicon.txt"):
        if line.startswith("["):
            kind = line.strip("[]")
            continue
        for phrase in line.split(","):
            roots = " ".join(token.root for token in tokens_of(phrase))
            if roots:
                kinds.setdefault(roots, kind)
    groups: dict[str, list[str]] = {}
    for roots, kind in sorted(kinds.items()):
        groups.setdefault(kind, []).append(roots)
    return groups


def sections(name: str) -> list[Sentence]:
    """Lines under the headings [+], [-] and [=]."""
    found: list[Sentence] = []
    label = ""
    for line in lines_of(name):
        if line in ("[+]", "[-]", "[=]"):
            label = LABELS[line[1]]
        else:
            found.append((label, line))
    return found


def slots() -> dict[str, list[str]]:
    return {name.strip(): [each.strip(" ") for each in rest.split("|")] for name, _, rest in _pairs()}


def _pairs() -> Iterator[tuple[str, str, str]]:
    for line in lines_of("slots.txt"):
        yield line.partition("=")


def sentences(per_template: int, per_phrase: int, seed: int) -> list[Sentence]:
    """Every template filled `per_template` times, every hand-written line `per_phrase` times in changing dress."""
    stream = random.Random(seed)
    gaps = slots()
    found = [
        (label, _dressed(_filled(template, gaps, stream), gaps, stream))
        for label, template in sections("grammar.txt")
        for _ in range(per_template)
    ]
    found += [
        (label, _dressed(text, gaps, stream) if copy else text)
        for label, text in sections("examples.txt")
        for copy in range(per_phrase)
    ]
    return found


def _filled(template: str, gaps: dict[str, list[str]], stream: random.Random) -> str:
    small = stream.randint(2, 89) + stream.choice((0.0, 0.1, 0.4, 0.7))
    numbers = {
        "small": f"{small:g}",
        "big": f"{small * stream.choice((1.05, 1.2, 1.5, 3)) + 0.3:.1f}".removesuffix(".0"),
        "psmall": f"{stream.randint(10, 60) / 10:g}",
        "pbig": f"{stream.randint(61, 150) / 10:g}",
        "p": f"{stream.choice((1, 2, 3, 5, 8, 10, 12, 15, 20, 30)) + stream.choice((0, 0.5)):g}",
        "d": f"{stream.randint(1, 79):02d}",
    }

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        return numbers[name] if name in numbers else stream.choice(gaps[name])

    return re.sub(r"\{(\w+)\}", fill, template)


def _dressed(text: str, gaps: dict[str, list[str]], stream: random.Random) -> str:
    """Now and then something before or after it that says nothing."""
    if stream.random() < 0.12:
        text = f"{stream.choice(gaps['pre'])} {text}"
    if stream.random() < 0.2:
        text = f"{text.rstrip(' .')}{stream.choice((*gaps['tail'], ''))}"
    if stream.random() < 0.1:
        text = f"{stream.choice(gaps['co'])}: {text}"
    return text


KINDS = ("reports", "street", "crypto")


def validation(*kinds: str) -> list[Sentence]:
    """Sentences by hand, from no template, on which features, lexicon and regularisation were chosen."""
    return [each for kind in kinds or KINDS for each in sections(f"validation_{kind}.txt")]
