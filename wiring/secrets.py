"""Secrets at rest, and a lost password or phone."""

import argparse
import os
from typing import TYPE_CHECKING

from app.core.errors import ConfigError
from app.seam import clock
from wiring.settings import env_file, settings_of

if TYPE_CHECKING:
    pass


def secrets(arguments: argparse.Namespace) -> int:
    """Secrets at rest. They work whatever else is wrong with the settings."""
    from services.secrets import asking
    from services.secrets.commands import SecretSettings

    not_as_an_argument(arguments)
    known = SecretSettings(dict(os.environ), env_file())
    if arguments.verb == "list":
        lines = known.listed(arguments.json)
    elif arguments.remove:
        lines = known.remove(arguments.name)
    else:
        known.setting(arguments.name)
        value = asking.hidden(arguments.name)
        lines = known.seal_only(arguments.name, value) if arguments.seal_only else known.set(arguments.name, value)
    print("\n".join(lines))
    return 0


def rotate(arguments: argparse.Namespace) -> int:
    """A new key for everything that is sealed, beside a running trader."""
    from services.auth import SeedRows
    from services.database import Ledgers, Users, open_database
    from services.notifications.push_key import PushKeyRow
    from services.secrets import rotating
    from services.secrets.commands import SecretSettings

    database = open_database(settings_of().database_url.reveal())
    try:
        rows = rotating.Together(SeedRows(Users(database)), PushKeyRow(Ledgers(database, min)))
        lines = rotating.run(SecretSettings(dict(os.environ), env_file()), rows)
    finally:
        database.close()
    print("\n".join(lines))
    return 0


def user(arguments: argparse.Namespace) -> int:
    """A lost password or phone, beside a running trader."""
    from services.auth import Recovery, Seeds
    from services.database import Audit, Users, open_database
    from services.secrets import Vault, asking

    not_as_an_argument(arguments)
    settings = settings_of()
    database = open_database(settings.database_url.reveal())
    audit = Audit(database)

    def record(**line: str) -> None:
        audit.record(clock.now(), **line)

    seeds = Seeds(Vault(settings.secrets_key_file, settings.data_dir))
    try:
        recovery = Recovery(Users(database), seeds, record)
        name = recovery.known(arguments.name or settings.admin_username)
        if arguments.verb == "password":
            lines = recovery.password(name, asking.hidden(f"new password of {name}", twice=True))
        elif arguments.off:
            lines = recovery.totp_off(name)
        else:
            ask = (lambda: asking.line("a code from it: ")) if asking.is_terminal() else None
            lines = recovery.totp(name, print, ask, clock.now)
    finally:
        database.close()
    print("\n".join(lines))
    return 0


def not_as_an_argument(arguments: argparse.Namespace) -> None:
    if getattr(arguments, "too_much", None):
        raise ConfigError(
            "a secret is never given as an argument, where the shell's history keeps it and everybody sees it; "
            "type it when asked, or pipe it in. Change the one you just wrote"
        )
