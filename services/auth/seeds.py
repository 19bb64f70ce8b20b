"""Seeds of second factors at rest: sealed, bound to their user. Clear ones of older versions are still opened."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from services.auth.model import People, Seals, User
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


class SeedRows:
    """Implements services.secrets.rotating.Rows: the seeds of all users."""

    def __init__(self, people: People) -> None:
        self._people = people

    def texts(self) -> Mapping[str, str]:
        users = [self._people.get_user(name) for name in self._people.names()]
        return {bound_to(user.username): user.totp_secret for user in users if user and user.totp_secret}

    def exchange(self, name: str, change: Callable[[str], str]) -> None:
        def changed(user: User) -> User | None:
            return replace(user, totp_secret=change(user.totp_secret)) if user.totp_secret else None

        self._people.change_user(name.removeprefix(bound_to("")), changed)
