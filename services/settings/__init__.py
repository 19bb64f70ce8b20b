"""Settings from environment, `.env` and `config/*.yml`, typed and checked. Never guesses at a wrong one."""

from services.settings.addresses import is_loopback
from services.settings.config_files import AppConfig, LoadedRules, load_rules
from services.settings.environment import SETTINGS, TRADING_KEY, Mode, Setting, Settings, load_settings
from services.settings.saving import changed_rules, save_rules
from services.settings.secret import Secret
from services.settings.varying import Variations

__all__ = [
    "SETTINGS",
    "TRADING_KEY",
    "AppConfig",
    "LoadedRules",
    "Mode",
    "Secret",
    "Setting",
    "Settings",
    "Variations",
    "changed_rules",
    "is_loopback",
    "load_rules",
    "load_settings",
    "save_rules",
]
