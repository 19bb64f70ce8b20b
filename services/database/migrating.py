"""Brings a database to the newest schema, in one transaction; one that is newer than this program is refused."""

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, text

from app.core.errors import ConfigError

MIGRATIONS = Path(__file__).parent / "migrations"
ONE_AT_A_TIME = 7_310_562_204  # any number that is nobody else's

logging.getLogger("alembic").setLevel(logging.WARNING)


def migrate(engine: Engine) -> bool:
    """Whether anything was to be done. Nothing is changed where a step fails.

    Two programs that start at once take turns.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    head = ScriptDirectory.from_config(config).get_current_head()
    with engine.begin() as connection:
        _wait_for_turn(connection)
        found = MigrationContext.configure(connection).get_current_revision()
        if found == head:
            return False
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise ConfigError(
                f"DATABASE_URL: the database has schema {found}, which this program does not know; "
                "install the newer version, or restore the backup made before the upgrade"
            ) from error
    return True


def _wait_for_turn(connection: Connection) -> None:
    """SQLite's transactions wait by themselves. A migration may take longer than any other statement."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": ONE_AT_A_TIME})
        connection.execute(text("SET LOCAL statement_timeout = 0"))
