"""Seeds of second factors at rest: sealed, bound to their user. Clear ones of older versions are still opened."""

from services.auth.model import Seals, User
from services.secrets import is_sealed


def bound_to(username: str) -> str:
    """The name under which this user's seed is sealed: it opens under no other."""
    return f"users.totp_secret:{username}"


class Seeds:
    def __init__(self, seals: Seals) -> None:
        self._seals = seals

    def opened(self, user: User) -> str:
        """ConfigError where its key is gone; "" where there is no second factor."""
        if not is_sealed(user.totp_secret):
            return user.totp_secret
        again = f"enrol anew with: main.py user totp {user.username}"
        return self._seals.open(bound_to(user.username), user.totp_secret, "database", again)

    def sealed(self, username: str, seed: str) -> str:
        """What is sealed already, or nothing at all, stays as it is."""
        return seed if not seed or is_sealed(seed) else self._seals.seal(bound_to(username), seed)
