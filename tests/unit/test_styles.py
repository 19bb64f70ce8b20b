"""The stylesheets of the dashboard's parts go together into one: no two of them may mean the same class."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

STYLES = Path(__file__).parents[2] / "components/assets/style"
ONE_CLASS = re.compile(r"(?:^|[{};]\s*)\.([a-z][a-z0-9-]*)\s*\{", re.MULTILINE)


def claimed_twice(sheets: dict[str, str]) -> list[str]:
    """Classes that more than one sheet has a rule of its own for."""
    owners: dict[str, set[str]] = defaultdict(set)
    for name, text in sheets.items():
        for found in ONE_CLASS.finditer(text):
            owners[found[1]].add(name)
    return [f"{each}: {', '.join(sorted(names))}" for each, names in sorted(owners.items()) if len(names) > 1]


def test_no_class_belongs_to_two_parts() -> None:
    """`.scale` did: the colours of the vote's preview painted the middle of every scale on Insights green."""
    assert claimed_twice({path.name: path.read_text(encoding="utf-8") for path in STYLES.glob("*.css")}) == []


@pytest.mark.parametrize(
    ("second", "found"),
    [
        (".scale { height: 8px; }", ["scale: a.css, b.css"]),
        ("@media (min-width: 9px) { .scale { height: 8px; } }", ["scale: a.css, b.css"]),
        (".preview .scale { height: 8px; } .scale-mark { top: 0; }", []),
    ],
)
def test_a_class_claimed_twice_is_found(second: str, found: list[str]) -> None:
    assert claimed_twice({"a.css": ".scale { position: relative; }", "b.css": second}) == found
