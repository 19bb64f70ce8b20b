"""Structured logs: one JSON object a line, on stderr and in a rotated file, and rows for whoever attaches a sink.

No secret leaves through here: known values and known patterns are starred out before anything is written.
"""

import json
import logging
import math
import re
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

from app.core.errors import ConfigError

Row = dict[str, Any]  # at (datetime), level, component, message, details
Sink = Callable[[Row], None]

FILE_BYTES = 10 * 1024 * 1024
FILES_KEPT = 30
MAX_TEXT = 8_000
MAX_LOOKED_AT = 256_000  # of one text: secrets are starred out before it is cut, so that no half of one stays
MAX_DETAIL_DEPTH = 6
ROWS_KEPT = 1_000
STARS = "***"
# These write keys, headers or whole answers at DEBUG: they stay at INFO whatever the owner asks for.
NEVER_DEBUG = ("ccxt", "aiohttp", "httpx", "httpcore", "urllib3", "asyncio", "websockets", "apprise", "aiosmtplib")
# These say at INFO what nobody needs: every statement, every job, every request with its whole address, which may hold
# a key.
QUIET = ("sqlalchemy", "alembic", "apscheduler", "uvicorn.access", "httpx", "httpcore")

_SENSITIVE = re.compile(
    r"(?i)(^|[_\-.\s])(x-mbx-apikey|signature|authorization|proxy-authorization|cookie|set-cookie|token|access_token"
    r"|auth_token|otp|totp|totp_secret|password|passwd|secret|secretkey|api[_-]?key|apikey|listenkey|client_id)$"
)
_WORDS = (
    r"x-mbx-apikey|signature|[a-z_]*token|otp|totp(?:_secret)?|password|passwd|[a-z_]*secret(?:_?key)?"
    r"|[a-z_\-]*api[_-]?key|listenkey"
)
_PATTERNS = (
    re.compile(r"(?i)(\b(?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?)(?:(?:bearer|basic|digest)\s+)?[^\s\"',;}]+"),
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(rf"(?i)(\b(?:{_WORDS})[\"']?\s*[:=]\s*[\"']?)[^\s\"'&,;}}\])]+"),
    re.compile(r"(?i)(\b(?:set-)?cookie[\"']?\s*[:=]\s*[\"']?)[^\"'\n}]+"),
    re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@\"']*:)[^\s@\"']+(?=@)"),
)
_RECORD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Redactor:
    """Stars out secrets: the values it was told, and what looks like one by its name."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._values: tuple[str, ...] = ()
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Further values that must not be seen. Very short ones would star out ordinary words and are left."""
        known = set(self._values)
        for value in secrets:
            forms = (value, json.dumps(value)[1:-1], quote(value), quote(value, safe=""), quote_plus(value))
            known |= {form for form in forms if len(form) >= 6}
        self._values = tuple(sorted(known, key=len, reverse=True))

    def text(self, text: str) -> str:
        """Without secrets, and cut."""
        text = text[:MAX_LOOKED_AT]
        for value in self._values:
            text = text.replace(value, STARS)
        for pattern in _PATTERNS:
            text = pattern.sub(rf"\g<1>{STARS}", text)
        return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"

    def details(self, value: object, depth: int = 0) -> Any:
        """A JSON-able copy without secrets; a value under a telling name is starred whole."""
        if value is None or isinstance(value, (bool, int)):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if depth >= MAX_DETAIL_DEPTH:
            return "…"
        if isinstance(value, Mapping):
            return {
                self.text(str(key)): STARS if _SENSITIVE.search(str(key)) else self.details(item, depth + 1)
                for key, item in value.items()
            }
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.details(item, depth + 1) for item in value]
        return visible(self.text(str(value)), keep="\n")


def visible(text: str, keep: str = "") -> str:
    """Control and direction characters as escapes, so that a text cannot forge a line or colour a terminal."""
    if text.isprintable():
        return text
    return "".join(_escaped(mark) if not mark.isprintable() and mark not in keep else mark for mark in text)


def _escaped(mark: str) -> str:
    return mark.encode("unicode_escape").decode()


def _may_pass(record: logging.LogRecord) -> bool:
    """Whatever level a library gives its own loggers."""
    return record.levelno >= logging.INFO or record.name.partition(".")[0] not in NEVER_DEBUG


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        row = row_of(record, self._redactor)
        row["at"] = row["at"].isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return json.dumps(row, ensure_ascii=True, separators=(",", ":"))


def row_of(record: logging.LogRecord, redactor: Redactor) -> Row:
    """A record as a row of `system_logs`: redacted, cut and visible."""
    details = {key: value for key, value in vars(record).items() if key not in _RECORD_FIELDS}
    if record.exc_info and record.exc_info[1]:
        details["error"] = "".join(traceback.format_exception(record.exc_info[1])[-30:])
    return {
        "at": datetime.fromtimestamp(record.created, UTC),
        "level": _level(record.levelno),
        "component": visible(record.name),
        "message": visible(redactor.text(_message(record))),
        "details": redactor.details(details),
    }


def _level(number: int) -> str:
    names = ((logging.ERROR, "ERROR"), (logging.WARNING, "WARNING"), (logging.INFO, "INFO"))
    return next((name for least, name in names if number >= least), "DEBUG")


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return f"{record.msg} {record.args}"


class RowHandler(logging.Handler):
    """Keeps the last rows in memory and gives each to the attached sinks, in whatever thread logged.

    A sink that fails is let go.
    """

    def __init__(self, redactor: Redactor, kept: int = ROWS_KEPT) -> None:
        super().__init__()
        self.recent: deque[Row] = deque(maxlen=kept)
        self._redactor = redactor
        self._sinks: list[Sink] = []
        self._giving = False

    def attach(self, sink: Sink) -> Callable[[], None]:
        """Give every row from now on to `sink`, which must not block. Returns how to detach it."""
        self._sinks.append(sink)
        return lambda: self._sinks.remove(sink) if sink in self._sinks else None

    def emit(self, record: logging.LogRecord) -> None:
        if self._giving:  # a sink that logs would call itself for ever
            return
        row = row_of(record, self._redactor)
        self.recent.append(row)
        self._giving = True
        try:
            for sink in list(self._sinks):
                self._give(sink, row)
        finally:
            self._giving = False

    def _give(self, sink: Sink, row: Row) -> None:
        try:
            sink(row)
        except Exception as error:  # guard: observer
            self._sinks.remove(sink)
            self.recent.append(
                {**row, "level": "ERROR", "component": "logs", "message": f"a log sink failed: {error!r}"}
            )


class Logs:
    """What `start` set up: learn secrets, attach sinks, read recent rows, stop."""

    def __init__(self, redactor: Redactor, rows: RowHandler, handlers: list[logging.Handler]) -> None:
        self._redactor = redactor
        self._rows = rows
        self._handlers = handlers

    def attach(self, sink: Sink) -> Callable[[], None]:
        return self._rows.attach(sink)

    def learn(self, secrets: Iterable[str]) -> None:
        self._redactor.learn(secrets)

    def clean(self, text: str) -> str:
        """`text` without secrets."""
        return self._redactor.text(text)

    def recent(self) -> list[Row]:
        """The last rows, oldest first."""
        return list(self._rows.recent)

    def stop(self) -> None:
        """Flush and let go of the files."""
        root = logging.getLogger()
        for handler in self._handlers:
            root.removeHandler(handler)
            handler.close()


def start(level: str, secrets: Iterable[str] = (), directory: Path | None = None, stream: TextIO | None = None) -> Logs:
    """Set up logging for the process; `directory` gets trader.log and its older parts. Call once, at start."""
    redactor = Redactor(secrets)
    rows = RowHandler(redactor)
    writers: list[logging.Handler] = [logging.StreamHandler(stream or sys.stderr)]
    if directory:
        writers.append(_file(directory))
    for writer in writers:
        writer.setFormatter(JsonLines(redactor))
    root = logging.getLogger()
    root.setLevel(level)
    for handler in (*writers, rows):
        handler.addFilter(_may_pass)
        root.addHandler(handler)
    for name in NEVER_DEBUG:
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLevelNamesMapping()[level]))
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    logging.raiseExceptions = False  # a full disk must not print tracebacks, let alone stop the trader
    return Logs(redactor, rows, [*writers, rows])


def _file(directory: Path) -> RotatingFileHandler:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "trader.log"
        path.touch(mode=0o600)
        return RotatingFileHandler(path, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{directory}: logs cannot be written there ({error.strerror}); check permissions") from error
