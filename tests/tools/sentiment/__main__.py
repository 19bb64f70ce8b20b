"""`make sentiment`: trains the classifier of headlines, writes it, and says how it does on what it was mended on."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from services.news.sentiment import MODEL, Sentiment
from tests.tools.sentiment import corpus
from tests.tools.sentiment.scoring import macro_f1
from tests.tools.sentiment.training import Recipe, trained


def text_of(model: dict[str, Any]) -> str:
    """One weight a line, so that a change can be read."""
    weights = ",\n".join(f"{json.dumps(name)}:{json.dumps(pair)}" for name, pair in sorted(model["weights"].items()))
    rest = {name: part for name, part in model.items() if name != "weights"}
    head = json.dumps(rest, sort_keys=True, ensure_ascii=True)
    return f'{head[:-1]},\n"weights":{{\n{weights}\n}}}}\n'


def validated(sentiment: Sentiment, *kinds: str, told: bool = False) -> float:
    pairs = corpus.validation(*kinds)
    guessed = [sentiment.label(text) for _, text in pairs]
    if told:
        for (label, text), guess in zip(pairs, guessed, strict=True):
            if guess != label:
                reasons = ", ".join(f"{each.words} {each.push:+}" for each in sentiment.explain(text))
                print(f"{label:<8} not {guess:<8} {sentiment.score(text):+.2f} {text}  [{reasons}]")
    return macro_f1([label for label, _ in pairs], guessed)


def main() -> int:
    told = "--wrong" in sys.argv
    text = text_of(trained(Recipe()))
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "sentiment.json"
        made.write_text(text, encoding="utf-8")
        for kind in corpus.KINDS:
            print(f"macro-F1 on the validation sentences, {kind}: {validated(Sentiment(made), kind, told=told):.3f}")
        print(f"macro-F1 on all of them: {validated(Sentiment(made)):.3f}")
    MODEL.write_text(text, encoding="utf-8")
    print(f"{MODEL.name}: {len(text) / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
