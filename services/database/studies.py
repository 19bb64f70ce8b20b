"""Where studies of optimising are kept: beside the books, never among them. Their tables are Optuna's own."""

from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from app.core.errors import ConfigError

SCHEMA = "studies"


def place(database_url: str, data_dir: Path) -> tuple[str, dict[str, Any]]:
    """A URL and what its connections need: a file in the data directory, or a schema where the books are PostgreSQL."""
    if make_url(database_url).get_backend_name() == "sqlite":
        data_dir.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{data_dir / 'studies.db'}", {}
    engine = create_engine(database_url)
    try:
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    except SQLAlchemyError as error:
        raise ConfigError(f"DATABASE_URL: the studies' schema cannot be made ({type(error).__name__})") from None
    finally:
        engine.dispose()
    return database_url, {"options": f"-csearch_path={SCHEMA}"}
