"""In which forms a secret may turn up in a log: alone, inside an address, as sign-in data that a library encoded."""

from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import SplitResult, unquote, urlsplit

_LONG = 12  # a part of an address from which on it may be a key, and is no ordinary word


def forms_of(text: str) -> Iterator[str]:
    """Of addresses also each part that lets somebody in, as written and decoded."""
    if "://" not in text:
        yield text
        yield from encoded(text)
        return
    for address in (part.strip() for part in text.split(",")):
        if not address.startswith("sqlite:"):
            yield address
            yield from _parts(urlsplit(address))


def signed_in(user: str, password: str) -> Iterator[str]:
    """HTTP basic, SMTP PLAIN and SMTP LOGIN."""
    for pair in (f"{user}:{password}", f"\0{user}\0{password}", password):
        yield from encoded(pair)


def encoded(text: str) -> Iterator[str]:
    """Base64, without the padding that some leave out."""
    yield b64encode(text.encode()).decode().rstrip("=")


def _parts(address: SplitResult) -> Iterator[str]:
    user, password = address.username or "", address.password or ""
    if password:
        yield password
        yield unquote(password)
        yield from signed_in(unquote(user), unquote(password))
    elif len(user) >= _LONG:
        yield user
    host = address.netloc.rpartition("@")[2]
    if address.scheme not in ("http", "https", "smtp", "smtps", "postgresql+psycopg") and "." not in host:
        yield from (part for part in host.split(":") if len(part) >= _LONG)  # of a channel the host may be its key
    if not address.scheme.startswith("postgresql"):
        yield from (part for part in address.path.split("/") if len(part) >= _LONG)
    yield from (
        value for _, _, value in (pair.partition("=") for pair in address.query.split("&")) if len(value) >= _LONG
    )
