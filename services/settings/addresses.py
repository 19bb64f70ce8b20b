"""Settings that point somewhere: URLs, hosts, networks, files. Plain http or ws to this machine only.

They look at the text alone (and, for files, whether the file is there); nothing is connected to or resolved.
"""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

from services.settings.kinds import Wrong

MARKETS = ("auto", "binanceus", "simulated")
MARKET_FILES = (".parquet", ".csv", ".feather")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_PLAIN = {"http", "ws"}


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, by its text alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_near(host: str) -> bool:
    """This machine, a private address, or a name without a dot (another container)."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal"))
    return address.is_loopback or address.is_private


def _split(text: str, cure: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise Wrong(f"it must be {cure}") from error
    if not text.isascii() or any(mark in text for mark in " \t\"'<>\\^`{|}"):
        raise Wrong(f"it must be {cure}, with special characters percent-encoded")
    return parts


@dataclass(frozen=True, slots=True)
class Url:
    """An address of a service. Sign-in data does not belong in it. `origin`: scheme, host and port alone."""

    schemes: tuple[str, ...] = ("https", "http")
    loopback_only_if_plain: bool = True
    origin: bool = False
    query: bool = False
    bounds: None = None

    @property
    def cure(self) -> str:
        return f"an address such as {self.schemes[0]}://host"

    def read(self, text: str) -> str:
        parts = _split(text, self.cure)
        if parts.scheme not in self.schemes or not parts.hostname:
            raise Wrong(f"it must be {self.cure}")
        if parts.username or parts.password:
            raise Wrong("it must not contain a user name or password")
        if parts.fragment or (parts.query and not self.query) or (self.origin and parts.path not in ("", "/")):
            raise Wrong(f"it must be {self.cure}, with nothing after it")
        if self.loopback_only_if_plain and parts.scheme in _PLAIN and not is_loopback(parts.hostname):
            raise Wrong(f"plain {parts.scheme} is allowed only to this machine; use {parts.scheme}s")
        return text if self.query else text.rstrip("/")


@dataclass(frozen=True, slots=True)
class MailUrl:
    """smtp:// or smtps:// with sign-in data and port."""

    cure: str = "an address such as smtp://user:password@host:587 or smtps://user:password@host:465"
    bounds: None = None

    def read(self, text: str) -> str:
        parts = _split(text, self.cure)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path not in ("", "/"):
            raise Wrong(f"it must be {self.cure}")
        return text


@dataclass(frozen=True, slots=True)
class ChannelUrl:
    """A notification channel: any scheme, for example tgram://…"""

    cure: str = "a channel address such as ntfy://topic"
    bounds: None = None

    def read(self, text: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9+.-]*://[\x21-\x7e]+", text):
            raise Wrong(f"it must be {self.cure}")
        return text


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """SQLite in a file, or PostgreSQL: near, or over TLS."""

    cure: str = "sqlite:///path/to/file.db or postgresql+psycopg://user:password@host:5432/name"
    bounds: None = None

    def read(self, text: str) -> str:
        parts = _split(text, self.cure)
        if parts.scheme == "sqlite":
            if not text.startswith("sqlite:///") or parts.path in ("/", "/:memory:"):
                raise Wrong("it names no file, so nothing would survive a restart; use sqlite:///path/to/file.db")
            return text
        if parts.scheme in ("postgres", "postgresql"):
            raise Wrong("begin it with postgresql+psycopg://")
        if parts.scheme != "postgresql+psycopg" or len(parts.path) < 2:
            raise Wrong(f"it must be {self.cure}")
        asked = parse_qs(parts.query)
        host = parts.hostname or asked.get("host", ["localhost"])[0]
        secure = asked.get("sslmode", [""])[0] in ("require", "verify-ca", "verify-full")
        if not host.startswith("/") and not _is_near(host) and not secure:
            raise Wrong("the database is on another host: add ?sslmode=verify-full to the address")
        return text


@dataclass(frozen=True, slots=True)
class Host:
    """A name or an IP address to listen on."""

    cure: str = "an address of this machine such as 127.0.0.1 or 0.0.0.0"
    bounds: None = None

    def read(self, text: str) -> str:
        try:
            ipaddress.ip_address(text)
        except ValueError as error:
            if not _HOST.fullmatch(text) or re.fullmatch(r"[0-9.]+", text):
                raise Wrong(f"it must be {self.cure}") from error
        return text


@dataclass(frozen=True, slots=True)
class Network:
    """An IP address or a network of them."""

    cure: str = "an address or network such as 127.0.0.1 or 172.18.0.0/16"
    bounds: None = None

    def read(self, text: str) -> str:
        try:
            return str(ipaddress.ip_network(text, strict=False))
        except ValueError as error:
            raise Wrong(f"it must be {self.cure}") from error


@dataclass(frozen=True, slots=True)
class PathText:
    """A path; with `must_exist`, of a regular file that is there."""

    must_exist: bool = False
    cure: str = "a path"
    bounds: None = None

    def read(self, text: str) -> Path:
        path = Path(text)
        if self.must_exist and not _is_file(path):
            raise Wrong("there is no such file; correct the path")
        return path


@dataclass(frozen=True, slots=True)
class Market:
    """Where prices come from."""

    cure: str = "auto, binanceus, simulated, or replay:FILE"
    bounds: None = None

    def read(self, text: str) -> str:
        if text in MARKETS:
            return text
        word, colon, name = text.partition(":")
        if word != "replay" or not colon or not name:
            raise Wrong(f"it must be {self.cure}")
        if not name.endswith(MARKET_FILES):
            raise Wrong(f"the replayed file must end in {', '.join(MARKET_FILES)}")
        if not _is_file(Path(name)):
            raise Wrong(f"there is no file {name[-200:]!a} to replay; correct the path")
        return text


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
