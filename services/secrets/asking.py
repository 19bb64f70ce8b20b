"""Asks a person, or whoever pipes something in, for what must not be seen. Never with echo."""

import sys
import warnings
from getpass import GetPassWarning, getpass

from app.core.errors import ConfigError

_MOST = 16 * 1024
_UNCHANGED = "nothing was changed"


def hidden(what: str, *, twice: bool = False) -> str:
    """One value: typed without echo on a terminal, else all of standard input."""
    text = _typed(what, twice) if is_terminal() else _piped(what)
    if not text:
        raise ConfigError(f"{what}: no value was given; {_UNCHANGED}")
    return text


def line(prompt: str) -> str:
    """One line that may be seen."""
    try:
        return input(prompt)
    except (EOFError, KeyboardInterrupt):
        raise ConfigError(f"broken off; {_UNCHANGED}") from None


def is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _typed(what: str, twice: bool) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", GetPassWarning)
            text = getpass(f"{what} (not shown): ")
            if twice and text and getpass("once more: ") != text:
                raise ConfigError(f"{what}: the two differ; {_UNCHANGED}")
            return text
    except GetPassWarning:
        raise ConfigError(f"{what}: this terminal would show it; pipe it in instead") from None
    except (EOFError, KeyboardInterrupt):
        raise ConfigError(f"{what}: broken off; {_UNCHANGED}") from None


def _piped(what: str) -> str:
    try:
        text = sys.stdin.read(_MOST + 1) if sys.stdin is not None else ""
    except (ValueError, OSError):
        raise ConfigError(f"{what}: standard input is not UTF-8 text; {_UNCHANGED}") from None
    if len(text) > _MOST:
        raise ConfigError(f"{what}: standard input is longer than {_MOST // 1024} KB; {_UNCHANGED}")
    return text.removesuffix("\n")
