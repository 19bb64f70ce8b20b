"""The settings of a command, and what they must say before anything is begun."""

import os
import sys
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.errors import ConfigError

if TYPE_CHECKING:
    from services.settings import Settings

HERE = Path(__file__).resolve().parents[1]


def version() -> str:
    """Of the program, from pyproject.toml."""
    try:
        return installed_version("bitcoin-autotrader")
    except PackageNotFoundError:
        import tomllib

        with (HERE / "pyproject.toml").open("rb") as file:
            return str(tomllib.load(file)["project"]["version"])


def env_file() -> Path | None:
    return Path(".env") if Path(".env").exists() else None


def settings_of(*, key_for_play: bool = False) -> "Settings":
    """The key of the exchange is not even opened where play money is traded, unless a command is about the key."""
    from services.settings import load_settings

    return load_settings(dict(os.environ), env_file(), key_for_play=key_for_play)


def require_paper(settings: "Settings") -> None:
    if settings.mode != "paper":
        raise ConfigError(f"TRADER_MODE: {settings.mode}: only the books of paper trading can be reset")


def require_key(settings: "Settings") -> None:
    if settings.mode != "paper" and not (settings.binanceus_api_key and settings.binanceus_api_secret):
        raise ConfigError(
            f"TRADER_MODE: {settings.mode} needs BINANCEUS_API_KEY and BINANCEUS_API_SECRET; "
            "seal them with: main.py secrets set BINANCEUS_API_KEY"
        )


def require_configuration(settings: "Settings") -> None:
    """A folder that was named and is not there is a slip: the defaults would trade in place of what was chosen."""
    if settings.config_dir != Path("config") and not settings.config_dir.exists():
        raise ConfigError(
            f"TRADER_CONFIG_DIR: {settings.config_dir} is not there; correct the path, or make the folder"
        )


def require_safe_books(settings: "Settings") -> None:
    """Real money is not traded on books that can lose an order."""
    from services.database.durable import require_durable

    if settings.mode == "live":
        require_durable(settings.database_url.reveal(), pretend=settings.pretend_exchange)


def forget_key(settings: "Settings") -> None:
    """Once settings are read no key of the exchange is in the environment, nor in what is started with it. Paper
    trading needs none at all."""
    from services.settings import TRADING_KEY

    given = sorted(name for name in TRADING_KEY if os.environ.pop(name, "") and not name.endswith("_FILE"))
    if given and settings.mode == "paper":
        print(
            f"{' and '.join(given)}: not used, paper trading needs no key; but it can be read in the environment that "
            "this process was started with: remove it from there",
            file=sys.stderr,
        )
