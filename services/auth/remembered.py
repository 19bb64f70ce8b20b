"""Who was found good a moment ago: asked for with every click, so the store is not asked again at once."""

from app.seam import Clock
from services.auth.model import SignedIn

SURE_SECONDS = 2.0  # how long one found good is believed
MOST = 100


class Remembered:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sure: dict[str, tuple[float, SignedIn]] = {}

    def get(self, id: str) -> SignedIn | None:
        seconds, who = self._sure.get(id, (float("-inf"), None))
        fresh = self._clock.monotonic() - seconds < SURE_SECONDS
        return who if who is not None and fresh and self._clock.now() < who.expires_at else None

    def put(self, id: str, who: SignedIn | None) -> None:
        if who is None:
            self.forget(id)
            return
        if len(self._sure) > MOST:
            self._sure.clear()
        self._sure[id] = (self._clock.monotonic(), who)

    def forget(self, id: str) -> None:
        self._sure.pop(id, None)

    def clear(self) -> None:
        self._sure.clear()
