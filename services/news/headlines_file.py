"""Dated headlines from a file, for a replayed or simulated market: each is news when the market's time reaches it.

Read strictly: a file that is half understood would make a replay mean something else than it seems to.
"""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from app.core.errors import ConfigError
from services.news.cleaning import clean_title, clean_url, outlet_of
from services.news.stories import Draft

LARGEST = 100_000_000  # bytes
LONGEST_FIELD = 1_000_000
TITLES = ("title", "text")
SHAPE = "published_at,title[,source,url]"


def read_headlines(path: Path) -> list[Draft]:
    """All headlines, the oldest first. ConfigError names the line and the cure."""
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"NEWS_FILE: {path} is larger than {LARGEST // 1_000_000} MB; cut it to the days wanted")
        with path.open(encoding="utf-8-sig", newline="") as file:
            found = list(_rows(path, file))
    except OSError as error:
        raise ConfigError(
            f"NEWS_FILE: {path} cannot be read: {error.strerror}; correct the path or its rights"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"NEWS_FILE: {path} is not UTF-8 text; save it as CSV in UTF-8") from None
    if not found:
        raise ConfigError(f"NEWS_FILE: {path} holds no headline; give it lines of {SHAPE}")
    return sorted(found, key=lambda draft: draft.published_at)


def _rows(path: Path, file: Iterator[str]) -> Iterator[Draft]:
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        reader = csv.reader(file, strict=True)
        names = _names(path, next(reader, []))
        for row in reader:
            if row:
                yield _draft(f"NEWS_FILE: {path}, line {reader.line_num}", names, row)
    except csv.Error as error:
        line = f"line {reader.line_num}"
        raise ConfigError(f"NEWS_FILE: {path}, {line}: {error}; write it as CSV with double quotes") from None
    finally:
        csv.field_size_limit(before)


def _names(path: Path, row: list[str]) -> list[str]:
    names = ["title" if name.strip().lower() in TITLES else name.strip().lower() for name in row]
    if "published_at" not in names or "title" not in names:
        raise ConfigError(f"NEWS_FILE: {path}, line 1: names no columns published_at and title; begin it with {SHAPE}")
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ConfigError(f"NEWS_FILE: {path}, line 1: {twice[:40]!a} stands twice; name each column once")
    return names


def _draft(place: str, names: list[str], row: list[str]) -> Draft:
    if len(row) != len(names):
        raise ConfigError(f"{place}: has {len(row)} fields, not {len(names)}; put a title that holds commas in quotes")
    of = dict(zip(names, row, strict=True))
    title = clean_title(of["title"])
    if not title:
        raise ConfigError(f"{place}: has no title; write one, or take the line out")
    url = clean_url(of.get("url", ""))
    at = _time(place, of["published_at"])
    return Draft(
        title=title,
        url=url,
        outlet=outlet_of("", of.get("source", "")) or outlet_of(url) or "NEWS_FILE",
        published_at=at,
        seen_at=at,
    )


def _time(place: str, text: str) -> datetime:
    cure = "write it as 2023-03-10T12:00:00Z, with its zone"
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigError(f"{place}: published_at is {text[:40]!a}; {cure}") from None
    if at.tzinfo is None:
        raise ConfigError(f"{place}: published_at {text[:40]!a} names no zone; {cure}")
    if not 2009 <= at.year <= 2100:
        raise ConfigError(f"{place}: published_at is {text[:40]!a}, when there was no bitcoin news; {cure}")
    return at.astimezone(UTC)
