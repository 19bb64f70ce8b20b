"""Is the exchange there at all? Asked once, before anything is built on it; loads no library of exchanges."""

import aiohttp

SECONDS = 5.0


async def reachable(rest_url: str) -> bool:
    """Whether it answers a ping in time."""
    wait = aiohttp.ClientTimeout(total=SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=wait, trust_env=False) as session,
            session.get(f"{rest_url.rstrip('/')}/api/v3/ping", allow_redirects=False) as answer,
        ):
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
