"""Reads RSS 2.0, RSS 1.0 (RDF) and Atom. A document type or an entity of its own is refused: it may be a bomb.

What stands before the place where a feed breaks off is kept.
"""

import html.entities
import re
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from services.news.source import MOST_ITEMS, Item, SourceDown

CHUNK = 32_768  # bytes fed at one time
LONGEST_PART = 4000  # characters of one element that are kept
DEEPEST = 100  # elements within elements

_ENTITY = re.compile(rb"&([A-Za-z][A-Za-z0-9]{1,30});")
_OF_XML = (b"amp", b"lt", b"gt", b"quot", b"apos")
_CONTROL = bytes(number for number in range(32) if number not in (9, 10, 13))
_DATES = ("pubdate", "published", "date", "issued", "updated", "modified")  # the first that is there counts
_TOO_MANY = "more items than are looked at"


@dataclass(slots=True)
class _Story:
    parts: dict[str, str]
    link: str = ""
    outlet: str = ""


class _Enough(Exception):
    """As many items as are looked at."""


class _Target:
    """Hears the parser; keeps the parts of items, nothing else."""

    def __init__(self) -> None:
        self.stories: list[_Story] = []
        self.is_feed = False
        self.broken = ""
        self._path: list[str] = []
        self._story: _Story | None = None
        self._text: list[str] | None = None
        self._length = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition("}")[2].lower()
        self._path.append(name)
        if len(self._path) > DEEPEST:
            raise SourceDown("nests its parts too deep")
        if len(self._path) == 1:
            self.is_feed = name in ("rss", "rdf", "feed")
        if name in ("item", "entry"):
            self._story = _Story({})
        elif self._story is not None and self._in_story() == 1:
            self._text, self._length = [], 0
            self._read_attributes(name, attributes)

    def _in_story(self) -> int:
        """How deep within the item."""
        deep = [at for at, name in enumerate(self._path) if name in ("item", "entry")]
        return len(self._path) - 1 - deep[-1] if deep else 0

    def _read_attributes(self, name: str, attributes: dict[str, str]) -> None:
        story = self._story
        if story is None:
            return
        if name == "link" and attributes.get("rel", "alternate") == "alternate" and not story.link:
            story.link = attributes.get("href", "")[:LONGEST_PART]
        elif name == "source":
            story.outlet = attributes.get("url", "")[:LONGEST_PART]

    def data(self, text: str) -> None:
        if self._text is not None and self._length < LONGEST_PART:
            self._text.append(text[: LONGEST_PART - self._length])
            self._length += len(text)

    def end(self, tag: str) -> None:
        name = self._path.pop()
        story = self._story
        if story is None:
            return
        if name in ("item", "entry"):
            self.stories.append(story)
            self._story = None
            if len(self.stories) >= MOST_ITEMS:
                raise _Enough
        elif self._text is not None and self._in_story() == 0:
            text = "".join(self._text).strip()
            if text:
                story.parts.setdefault(name, text)
            self._text = None

    def close(self) -> None:
        pass


def read_feed(body: bytes) -> tuple[list[Item], str]:
    """The items of a feed, and what is wrong with it ("" where nothing is). SourceDown where it is no feed at all."""
    target = _Target()
    parser: Any = DefusedXMLParser(target=target, forbid_dtd=True)
    text = _mended(body)
    broken = ""
    try:
        for at in range(0, len(text), CHUNK):
            parser.feed(text[at : at + CHUNK])
        parser.close()
    except _Enough:
        pass
    except DefusedXmlException:
        raise SourceDown("names a document type or entities of its own, which are not read") from None
    except (ParseError, ValueError, LookupError):
        broken = "breaks off or is not well-formed"
    if not target.is_feed:
        raise SourceDown("shows something else than a feed")
    return [_item(story) for story in target.stories], broken


def _mended(body: bytes) -> bytes:
    """Without what parsers give up at in feeds that are otherwise good: HTML's entities, stray control characters."""
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body
    body = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    return _ENTITY.sub(_as_number, body.translate(None, _CONTROL))


def _as_number(found: "re.Match[bytes]") -> bytes:
    character = html.entities.html5.get(f"{found[1].decode()};")
    if found[1] in _OF_XML or character is None:
        return found[0]
    return b"".join(b"&#%d;" % ord(each) for each in character)


def _item(story: _Story) -> Item:
    parts = story.parts
    link = parts.get("link") or story.link or (parts.get("guid", "") if "://" in parts.get("guid", "") else "")
    return Item(
        title=parts.get("title"),
        url=link,
        published=next((parts[name] for name in _DATES if name in parts), None),
        outlet=story.outlet,
    )
