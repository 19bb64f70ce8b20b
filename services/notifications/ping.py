"""The dead-man ping: an address elsewhere that is called while all is well. Its silence is what gets noticed."""

import logging

import httpx

from services.notifications.outgoing import trusted
from services.settings import Secret

log = logging.getLogger(__name__)
TIMEOUT = 10.0


class Ping:
    """Calls the address; failures are logged once until it works again."""

    def __init__(self, url: Secret) -> None:
        self._url, self._failing, self._trusted = url, False, trusted()

    async def call(self) -> bool:
        """Whether the watchdog has heard us."""
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, verify=self._trusted) as client:
                response = await client.get(self._url.reveal())
            heard, why = response.is_success, f"it answers {response.status_code}"
        except httpx.HTTPError as error:
            heard, why = False, type(error).__name__
        if not heard and not self._failing:
            log.warning("ALERT_PING_URL: the watchdog cannot be called: %s", why)
        self._failing = not heard
        return heard
