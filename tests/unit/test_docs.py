"""The documents name everything people can use, links lead somewhere, and no file tells where it was written."""

import argparse
import re
import subprocess
import tomllib
import types
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import main
from app.core import messages
from app.core.alerts import KINDS, AlertEvent, AlertLevel
from services.settings.environment import SETTINGS
from wiring.settings import version

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("**/*.md")))

# Written in pieces, so that this file passes its own test.
MACHINE_PATHS = re.compile(
    r"(?<![\w.\-$}])/(?:" + "|".join(("wor" + "k", "roo" + "t", "hom" + "e", "User" + "s")) + r")/"
)
INDEX_HOSTS = re.compile(
    "|".join(("py" + r"pi\.", "python" + "hosted", "jfr" + "og", "artifact" + "ory", "dev" + "pi")), re.IGNORECASE
)
ASIDES = re.compile(
    r"\b(?:"
    + "|".join(("cla" + "ude", "anth" + "ropic", "co" + "pilot", "chat" + "gpt", "A" + "I agent", "sub" + "agent"))
    + r")\b",
    re.IGNORECASE,
)


TOLD = re.compile(r"main\.py [a-z][a-z-]*(?: [\w./-]+)*")
ARGUMENT = re.compile(r"[A-Z][A-Z_]+(?:/[A-Z]+)?")


def text_of(*names: str) -> str:
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


@cache
def tracked() -> tuple[tuple[str, str], ...]:
    """Every text file that git keeps, with its text."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    found = []
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file() and b"\0" not in (data := path.read_bytes()):
            found.append((name, data.decode("utf-8")))
    return tuple(found)


def commands(parser: argparse.ArgumentParser, so_far: str = "main.py") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command a person can type, with its own parser."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield so_far, parser
    for group in groups:
        for name, inner in group.choices.items():
            yield from commands(inner, f"{so_far} {name}")


# ---------------------------------------------------------------- what people can use is named


@pytest.mark.parametrize(("command", "parser"), list(commands(main.parser())), ids=lambda value: str(value)[:40])
def test_every_command_and_option_is_described(command: str, parser: argparse.ArgumentParser) -> None:
    text = text_of("docs/running.md")
    assert f"`{command}" in text
    row = next(line for line in text.splitlines() if f"`{command}" in line)
    options = [name for action in parser._actions for name in action.option_strings if name.startswith("--")]
    assert [name for name in options if name != "--help" and name not in row] == []


def test_no_command_that_people_are_told_to_run_is_given_more_than_it_takes() -> None:
    """In documents, messages and on pages: `main.py` with its verbs, and the names and options right behind them."""
    known = dict(commands(main.parser()))
    told, refused = 0, []
    for name, text in tracked():
        if not name.endswith((".py", ".md")) or name.startswith(("tests/", "benchmarks/")):
            continue
        for words in ([word.rstrip(".") for word in found.split()] for found in TOLD.findall(text)):
            count = next((n for n in (3, 2) if " ".join(words[:n]) in known), 0)
            if count:
                told += 1
                if not takes(known[" ".join(words[:count])], words[count:]):
                    refused.append(f"{name}: {' '.join(words)}")
    assert told > 50
    assert refused == []


def takes(parser: argparse.ArgumentParser, words: list[str]) -> bool:
    """Up to the first word that is neither an option nor the name of a thing."""
    options = {name: action for action in parser._actions for name in action.option_strings}
    left = sum(99 if action.nargs in ("+", "*") else 1 for action in parser._get_positional_actions())
    after_option = False
    for word in words:
        if word.startswith("--"):
            if word not in options:
                return False
            after_option = options[word].nargs != 0
        elif not ARGUMENT.fullmatch(word):
            return True
        elif after_option:
            after_option = False
        elif (left := left - 1) < 0:
            return False
    return True


def test_every_setting_is_described() -> None:
    text = text_of("docs/settings.md")
    assert [row.name for row in SETTINGS if f"`{row.name}`" not in text] == []


def test_every_message_of_the_core_is_described() -> None:
    text = text_of("docs/architecture.md", "docs/glossary.md")
    members = [
        member for union in (messages.Event, messages.AnyCommand, messages.Action) for member in typing.get_args(union)
    ]
    assert all(isinstance(union, types.UnionType) for union in (messages.Event, messages.AnyCommand, messages.Action))
    assert len(members) > 30
    assert [member.__name__ for member in members if f"`{member.__name__}`" not in text] == []
    classes = [name for name, value in vars(messages).items() if getattr(value, "__module__", "") == messages.__name__]
    assert [name for name in classes if f"`{name}`" not in text] == []


@pytest.mark.parametrize("event", [event for event, kind in KINDS.items() if kind.level is AlertLevel.CRITICAL])
def test_every_grave_alert_has_its_page_in_the_runbook(event: AlertEvent) -> None:
    """By its title, as it arrives on a phone, in the table on top; by its name on the page that the table leads to."""
    text = text_of("docs/runbook.md")
    row = next((line for line in text.splitlines() if line.startswith("| ") and f"`{KINDS[event].title}`" in line), "")
    found = re.search(r"\]\(#([\w-]+)\)", row)
    assert found, f"the table does not name {KINDS[event].title!r}"
    pages = {anchor(page.partition("\n")[0]): page for page in text.split("\n## ")[1:]}
    assert f"`{event.value}`" in pages[found.group(1)]


def test_every_page_of_the_runbook_begins_with_what_is_safe_and_ends_with_its_end() -> None:
    for page in text_of("docs/runbook.md").split("\n## ")[1:]:
        title, _, body = page.partition("\n")
        if title != "Stop trading for good":
            assert ("Safe already" in body[:300], "**Over:**" in body) == (True, True), title


def test_every_library_has_a_reason() -> None:
    text = text_of("docs/architecture.md")
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = [re.match(r"[A-Za-z0-9_.-]+", line).group() for line in wanted]  # type: ignore[union-attr]
    assert [name for name in names if f"| `{name}` |" not in text] == []


def test_the_readme_begins_with_what_a_newcomer_needs() -> None:
    first_screen = "\n".join(text_of("README.md").splitlines()[:25])
    assert "git clone <this repository> bitcoin-autotrader && cd bitcoin-autotrader\nmake run" in first_screen
    assert "docs/images/positions-phone-light.png" in first_screen
    assert "password" in first_screen


def test_every_make_target_named_in_the_readme_exists() -> None:
    named = set(re.findall(r"^make ([\w-]+)", text_of("README.md"), re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.*)$", text_of("Makefile"), re.MULTILINE)
    assert phony is not None
    assert named <= set(phony.group(1).split())


def test_the_changelog_knows_this_version() -> None:
    assert f"## [{version()}]" in text_of("CHANGELOG.md")
    assert "## [Unreleased]" in text_of("CHANGELOG.md")


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    targets = [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'\bsrc(?:set)?="([^"]+)"', text)]
    for target in targets:
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        assert there.exists(), f"{path.name} links to {target}"
        if heading:
            assert heading in headings(there), f"{path.name} links to {target}"


def test_every_picture_is_taken_by_make_screenshots() -> None:
    """None is left over from an older dashboard."""
    from tests.tools.screenshots import NAMES

    assert sorted(path.name for path in (ROOT / "docs/images").iterdir()) == sorted(NAMES)


def headings(path: Path) -> set[str]:
    """Anchors as GitHub makes them."""
    return {anchor(line) for line in re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)}


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# ---------------------------------------------------------------- the project speaks only of itself


@pytest.mark.parametrize(
    ("pattern", "what"),
    [(MACHINE_PATHS, "a path of one machine"), (INDEX_HOSTS, "a package index"), (ASIDES, "who wrote it")],
    ids=["machine paths", "index hosts", "asides"],
)
def test_no_file_says_where_it_was_written(pattern: re.Pattern[str], what: str) -> None:
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in tracked()
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, "\n".join([what, *found])


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (MACHINE_PATHS, "see /" + "home/me/notes"),
        (MACHINE_PATHS, "cd /" + "work/x"),
        (INDEX_HOSTS, "https://py" + "pi.org/simple"),
        (ASIDES, "made by Cla" + "ude"),
    ],
)
def test_a_planted_slip_is_found(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)
