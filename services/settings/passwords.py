"""What a first password must be. Refuses the short and the well-known, and never shows one."""

import re

from services.settings.kinds import Text, Wrong

_KNOWN = (
    "changeme", "changeit", "change-me", "password", "passw0rd", "letmein", "secret", "default", "example",
    "qwertyuiop", "qwerty", "bitcoin-autotrader", "bitcoinautotrader", "autotrader", "bitcoin", "trader",
    "admin", "administrator", "welcome", "abcdefghijkl", "",
)  # fmt: skip


def _not_well_known(text: str) -> None:
    """A well-known word stays one when digits or marks are put round it, or it is said again."""
    bare = re.sub(r"^[0-9\W_]+|[0-9\W_]+$", "", text.casefold())
    once = next((word for word in _KNOWN if word and re.fullmatch(f"({re.escape(word)}[-_. ]?)+", bare)), bare)
    if once in _KNOWN:
        raise Wrong("it is a well-known password; choose another, such as four random words")
    if len(set(text)) < 5:
        raise Wrong("it repeats a few characters; choose another, such as four random words")


PASSWORD = Text(r"(?s).{12,128}", "12 to 128 characters long", _not_well_known)
