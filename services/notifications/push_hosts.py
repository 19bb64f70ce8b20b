"""Which addresses a browser may name as its push service: else anybody signed in could make us call any server."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from services.settings import is_loopback

KNOWN = (
    *("fcm.googleapis.com", "updates.push.services.mozilla.com"),
    *("*.push.apple.com", "*.notify.windows.com"),
)
LONGEST = 1024


def refusal(endpoint: str, further: Iterable[str] = ()) -> str:
    """Why not, in words; "" where it is an address of a known push service. `further`: host or host:port."""
    if len(endpoint) > LONGEST or not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint:
        return "the endpoint is no address of a push service"
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "the endpoint is no address of a push service"
    if not host or parts.username is not None or parts.password is not None or parts.fragment or "\\" in endpoint:
        return "the endpoint is no address of a push service"
    if f"{host}:{port}" in further or (port is None and host in further):
        safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
        return "" if safe else "the endpoint must be https"
    if parts.scheme != "https" or port not in (None, 443):
        return "the endpoint must be https"
    if any(_matches(host, name) for name in KNOWN):
        return ""
    return f"{host[:80]} is no push service that is known; PUSH_HOSTS may name further ones"


def _matches(host: str, name: str) -> bool:
    return host.endswith(name[1:]) if name.startswith("*.") else host == name
