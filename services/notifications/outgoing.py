"""How a channel speaks HTTP: whom it trusts is read once, for reading it holds up the loop for tens of milliseconds."""

import ssl
from functools import cache

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """The certificates. Ask for them before trading begins, or beside the loop."""
    return httpx.create_ssl_context(trust_env=False)
