"""The settings that come from environment and `.env`: one table, one typed value. The table leads.

Refuses what is wrong with one line naming place, name and cure. A secret's value is never shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.core.errors import ConfigError
from services.secrets import STORE, Vault, is_sealed
from services.settings.addresses import (
    ChannelUrl,
    DatabaseUrl,
    Host,
    MailUrl,
    Market,
    Network,
    PathText,
    Url,
    is_loopback,
)
from services.settings.hidden import forms_of, signed_in
from services.settings.kinds import Choice, Integer, Kind, ListOf, Number, Text, Wrong, shown
from services.settings.passwords import PASSWORD
from services.settings.secret import Secret
from services.settings.sources import Raw, flaw, read_sources


class Mode(StrEnum):
    PAPER = "paper"
    DRY_RUN = "dry-run"
    LIVE = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row of the table. `default` is a text as it would be given; None: not set."""

    name: str
    field: str
    kind: Kind
    meaning: str
    default: str | None = None
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the owner asked for. A secret prints as stars; `reveal()` gives it where it is used."""

    mode: Mode
    market: str
    market_speed: float
    market_hurries: bool
    market_seed: int
    symbol: str
    paper_cash: Decimal
    data_dir: Path
    config_dir: Path
    strategies_dir: Path
    backup_dir: Path
    backtests_kept: int
    upload_mb: int
    secrets_key_file: Path
    database_url: Secret
    host: str
    port: int
    public_url: str | None
    trusted_proxies: tuple[str, ...]
    metrics_token: Secret | None
    log_level: str
    admin_username: str
    admin_password: Secret | None
    admin_totp_secret: Secret | None
    binanceus_api_key: Secret | None
    binanceus_api_secret: Secret | None
    binanceus_trade_only_key: str | None
    binanceus_rest_url: str
    binanceus_ws_url: str
    binanceus_ws_api_url: str
    deepseek_api_key: Secret | None
    deepseek_base_url: str
    deepseek_model: str
    deepseek_monthly_budget_usd: Decimal
    cryptopanic_api_key: Secret | None
    cryptopanic_base_url: str
    newsapi_api_key: Secret | None
    newsapi_base_url: str
    news_rss_urls: tuple[str, ...]
    news_seconds: int
    news_file: Path | None
    smtp_url: Secret | None
    alert_email_from: str | None
    alert_email_to: tuple[str, ...]
    twilio_account_sid: Secret | None
    twilio_auth_token: Secret | None
    twilio_from: str | None
    alert_sms_to: tuple[str, ...]
    twilio_base_url: str
    apprise_urls: Secret | None
    alert_ping_url: Secret | None
    vapid_subject: str | None
    push_hosts: tuple[str, ...]

    @property
    def replay_file(self) -> Path | None:
        """The file of `replay:FILE`."""
        word, _, name = self.market.partition(":")
        return Path(name) if word == "replay" else None

    @property
    def pretend_exchange(self) -> bool:
        """Binance.US is played by a program on this machine: no money is there."""
        return is_loopback(urlsplit(self.binanceus_rest_url).hostname or "")

    @property
    def trade_only_key_confirmed(self) -> bool:
        """Whether the owner has seen that this very key cannot withdraw: a new one has to be looked at anew."""
        key, start = self.binanceus_api_key, self.binanceus_trade_only_key
        return key is not None and start is not None and key.reveal().startswith(start)

    def secrets(self) -> tuple[str, ...]:
        """Every secret value, for the filter that keeps them out of logs. Nothing else may ask."""
        values = (getattr(self, row.field) for row in SETTINGS if row.secret)
        hidden = [form for value in values if isinstance(value, Secret) for form in forms_of(value.reveal())]
        if self.twilio_account_sid and self.twilio_auth_token:
            hidden += signed_in(self.twilio_account_sid.reveal(), self.twilio_auth_token.reveal())
        return tuple(dict.fromkeys(hidden))


def _row(name: str, kind: Kind, meaning: str, default: str | None = None, *, secret: bool = False) -> Setting:
    field = name.removeprefix("TRADER_").lower()
    return Setting(name=name, field=field, kind=kind, meaning=meaning, default=default, secret=secret)


_START = Text(r"[\x21-\x7e]{8}", "the first 8 characters of the key")
_KEY = Text(r"[\x21-\x7e]{1,4096}", "the key alone, without blanks")
_EMAIL = Text(r"[^\s@,<>]{1,64}@[^\s@,<>]{1,190}", "an address such as me@example.org")
_PHONE = Text(r"\+[0-9]{7,15}", "a number such as +15551234567")
_WORD = Text(r"[A-Za-z0-9._@-]{1,64}", "1 to 64 letters, digits or . _ @ -")
_MODEL = Text(r"[A-Za-z0-9._:/-]{1,100}", "a model's name such as deepseek-flash")
_BASE32 = Text(r"[A-Z2-7]{16,128}=*", "at least 16 characters of base32: A to Z in capitals and 2 to 7, without blanks")
_TOKEN = Text(r"[\x21-\x7e]{16,256}", "16 to 256 visible characters without blanks")
_KEY_FILE = "TRADER_SECRETS_KEY_FILE"
_WEB = Url()
_SOCKET = Url(schemes=("wss", "ws"))

SPEED = 60.0  # of a market that nobody has set one for
SETTINGS: tuple[Setting, ...] = (
    _row("TRADER_MODE", Choice(tuple(Mode)), "play money, decide without sending, or real money", "paper"),
    _row(
        "TRADER_MARKET",
        Market(),
        "where prices come from; `auto`: Binance.US, else the simulated market",
        "auto",
    ),
    _row(
        "TRADER_MARKET_SPEED",
        Number(Decimal(0), Decimal(100_000), above=True),
        "market seconds per second, at most, on a simulated or replayed market; unset: 60, and on the simulated "
        "one 1200 until something was bought",
    ),
    _row(
        "TRADER_MARKET_SEED",
        Integer(0, 2**32 - 1),
        "which simulated market: the same seed, the same prices",
        "1",
    ),
    _row(
        "TRADER_SYMBOL",
        Text(r"BTC/[A-Z]{3,5}", "a bitcoin pair such as BTC/USD"),
        "what is traded",
        "BTC/USD",
    ),
    _row(
        "TRADER_PAPER_CASH",
        Number(Decimal(1), Decimal(1_000_000_000)),
        "play money at the start, in dollars",
        "10000",
    ),
    _row("TRADER_DATA_DIR", PathText(), "everything the program keeps", "data"),
    _row("TRADER_CONFIG_DIR", PathText(), "risk.yml, strategies.yml, app.yml", "config"),
    _row("TRADER_STRATEGIES_DIR", PathText(), "strategies, one file each", "strategies"),
    _row("TRADER_BACKUP_DIR", PathText(), "where backups go; unset: `backups` in the data directory"),
    _row("TRADER_BACKTESTS_KEPT", Integer(1, 1000), "how many backtests of the dashboard are kept", "50"),
    _row("TRADER_UPLOAD_MB", Integer(1, 200), "largest file of candles that may be uploaded", "20"),
    _row(
        _KEY_FILE,
        PathText(),
        "key of the sealed secrets; unset: `secrets.key` in the data directory",
    ),
    _row(
        "DATABASE_URL",
        DatabaseUrl(),
        "SQLite or PostgreSQL; unset: `trader.db` in the data directory",
        secret=True,
    ),
    _row("TRADER_HOST", Host(), "address the dashboard listens on", "127.0.0.1"),
    _row("TRADER_PORT", Integer(1, 65535), "port the dashboard listens on", "8080"),
    _row(
        "TRADER_PUBLIC_URL",
        Url(origin=True, loopback_only_if_plain=False),
        "the address people open; https makes cookies secure",
    ),
    _row("TRADER_TRUSTED_PROXIES", ListOf(Network()), "proxies whose word about a visitor's address counts"),
    _row("TRADER_METRICS_TOKEN", _TOKEN, "lets a monitor on another machine read /metrics", secret=True),
    _row("TRADER_LOG_LEVEL", Choice(("DEBUG", "INFO", "WARNING", "ERROR")), "how much is logged", "INFO"),
    _row("TRADER_ADMIN_USERNAME", _WORD, "first user", "admin"),
    _row(
        "TRADER_ADMIN_PASSWORD",
        PASSWORD,
        "used at first start only; unset: a random one is printed once",
        secret=True,
    ),
    _row("TRADER_ADMIN_TOTP_SECRET", _BASE32, "enrols the second factor at first start", secret=True),
    _row("BINANCEUS_API_KEY", _KEY, "trade-only key of Binance.US", secret=True),
    _row("BINANCEUS_API_SECRET", _KEY, "its secret", secret=True),
    _row("BINANCEUS_TRADE_ONLY_KEY", _START, "first 8 characters of a key that you have seen cannot withdraw"),
    _row("BINANCEUS_REST_URL", _WEB, "plain http only to this machine", "https://api.binance.us"),
    _row("BINANCEUS_WS_URL", _SOCKET, "plain ws only to this machine", "wss://stream.binance.us:9443"),
    _row("BINANCEUS_WS_API_URL", _SOCKET, "plain ws only to this machine", "wss://ws-api.binance.us/ws-api/v3"),
    _row("DEEPSEEK_API_KEY", _KEY, "without it the DeepSeek strategy does not vote", secret=True),
    _row("DEEPSEEK_BASE_URL", _WEB, "any server that speaks the same protocol", "https://api.deepseek.com"),
    _row("DEEPSEEK_MODEL", _MODEL, "which model answers", "deepseek-flash"),
    _row(
        "DEEPSEEK_MONTHLY_BUDGET_USD",
        Number(Decimal(0), Decimal(10_000)),
        "no question is asked beyond it",
        "10",
    ),
    _row("CRYPTOPANIC_API_KEY", _KEY, "news from CryptoPanic", secret=True),
    _row("CRYPTOPANIC_BASE_URL", _WEB, "its address, with the plan", "https://cryptopanic.com/api/developer/v2"),
    _row("NEWSAPI_API_KEY", _KEY, "news from NewsAPI", secret=True),
    _row("NEWSAPI_BASE_URL", _WEB, "its address", "https://newsapi.org/v2"),
    _row("NEWS_RSS_URLS", ListOf(Url(query=True)), "news feeds, separated by commas; unset: news.feeds of app.yml"),
    _row("NEWS_SECONDS", Integer(60, 86_400), "how often news are fetched", "300"),
    _row("NEWS_FILE", PathText(must_exist=True), "dated headlines for a replayed or simulated market"),
    _row("SMTP_URL", MailUrl(), "mail server for alerts, with its sign-in data", secret=True),
    _row("ALERT_EMAIL_FROM", _EMAIL, "sender of alerts"),
    _row("ALERT_EMAIL_TO", ListOf(_EMAIL), "receivers of alerts, separated by commas"),
    _row("TWILIO_ACCOUNT_SID", _KEY, "text messages through Twilio", secret=True),
    _row("TWILIO_AUTH_TOKEN", _KEY, "its token", secret=True),
    _row("TWILIO_FROM", Text(r"\+[0-9]{7,15}|MG[0-9a-f]{32}", _PHONE.cure), "sender of text messages"),
    _row("ALERT_SMS_TO", ListOf(_PHONE), "receivers of text messages, separated by commas"),
    _row("TWILIO_BASE_URL", _WEB, "its address", "https://api.twilio.com"),
    _row("APPRISE_URLS", ListOf(ChannelUrl()), "further channels, separated by commas", secret=True),
    _row(
        "ALERT_PING_URL",
        Url(query=True),
        "called while all is well; a watchdog elsewhere misses it",
        secret=True,
    ),
    _row(
        "VAPID_SUBJECT",
        Text(r"mailto:[^\s@]+@[^\s@]+|https://[^\s]+", "mailto:me@example.org or an https address"),
        "whom a push service may ask",
    ),
    _row(
        "PUSH_HOSTS",
        ListOf(Text(r"[a-z0-9.-]{1,253}(:[0-9]{1,5})?", "a host name such as push.example.org"), most=10),
        "further push services that browsers may name, separated by commas",
    ),
)
_BY_NAME = {row.name: row for row in SETTINGS}
SECRETS = {row.name for row in SETTINGS if row.secret}
TRADING_KEY = frozenset(f"BINANCEUS_API_{part}{end}" for part in ("KEY", "SECRET") for end in ("", "_FILE"))


def load_settings(environ: Mapping[str, str], env_file: Path | None, *, key_for_play: bool = True) -> Settings:
    """Read and check everything. Raises ConfigError at the first wrong thing; nothing is written.

    Without `key_for_play` the key of the exchange is neither opened nor looked at where play money is traded.
    """
    leave = None if key_for_play else _needless
    read = read_sources(environ, env_file, set(_BY_NAME), SECRETS, leave)
    given = with_sealed(read, _needless({name: raw.text for name, raw in read.items()}) if leave else frozenset())
    values = values_of(given)
    check_together(values, given)
    return settled(values)


def values_of(given: Mapping[str, Raw]) -> dict[str, Any]:
    """Each field's value, or its default, alone."""
    return {row.field: value_of(row, given.get(row.name)) for row in SETTINGS}


def settled(values: dict[str, Any]) -> Settings:
    """With the defaults that depend on other values."""
    data_dir: Path = values["data_dir"]
    values["mode"] = Mode(values["mode"])
    values["market_hurries"] = values["market_speed"] is None
    values["market_speed"] = float(values["market_speed"] or SPEED)
    values["backup_dir"] = values["backup_dir"] or data_dir / "backups"
    values["secrets_key_file"] = values["secrets_key_file"] or data_dir / "secrets.key"
    values["database_url"] = values["database_url"] or Secret(f"sqlite:///{data_dir / 'trader.db'}")
    return Settings(**values)


def vault_of(given: Mapping[str, Raw]) -> Vault:
    """Where sealed secrets and their key are, by these settings."""
    folder, key_file = (value_of(_BY_NAME[name], given.get(name)) for name in ("TRADER_DATA_DIR", _KEY_FILE))
    data_dir = Path(str(folder))
    return Vault(Path(str(key_file)) if key_file else data_dir / "secrets.key", data_dir)


def _needless(given: Mapping[str, str]) -> frozenset[str]:
    """Play money needs no key of the exchange: whoever breaks in while it is traded finds none."""
    return TRADING_KEY if given.get("TRADER_MODE", Mode.PAPER) == Mode.PAPER else frozenset()


def with_sealed(given: Mapping[str, Raw], shut: frozenset[str] = frozenset()) -> dict[str, Raw]:
    """With what the store gives where nobody else does, and everything that is sealed opened but what stays `shut`."""
    vault = vault_of(given)
    with vault.reading():
        sealed = vault.kept().values
        kept = {name: Raw(name, text, STORE) for name, text in sealed.items() if name not in shut}
        return {name: opened_raw(vault, raw) for name, raw in {**kept, **given}.items()}


def opened_raw(vault: Vault, raw: Raw) -> Raw:
    if raw.place == STORE and raw.name not in SECRETS:
        raise ConfigError(f"{STORE}: {raw.name} is no secret setting; run: main.py secrets set {raw.name} --remove")
    if not is_sealed(raw.text) and raw.place != STORE:
        return raw
    if raw.name not in SECRETS:
        raise ConfigError(f"{raw.place}: {raw.name} is no secret, so it is not sealed; write its value as it is")
    text = vault.open(raw.name, raw.text, raw.place)
    if wrong := flaw(text) if text else "is empty":
        raise ConfigError(f"{raw.place}: {raw.name} {wrong}")
    return Raw(raw.name, text, raw.place)


def value_of(row: Setting, raw: Raw | None) -> object:
    """What a row holds: read, wrapped where secret, () or None where not given."""
    text = raw.text if raw else row.default
    if text is None:
        return () if isinstance(row.kind, ListOf) and not row.secret else None
    try:
        value = row.kind.read(text)
    except Wrong as wrong:
        place = raw.place if raw else "default"
        raise ConfigError(f"{place}: {row.name} {_is(row, text)}; {wrong}") from None
    return Secret(text) if row.secret else value


def _is(row: Setting, text: str) -> str:
    """An address may carry a password, so it is shown as little as a secret."""
    hidden = row.secret or "://" in text or "@" in text
    return "is not right" if hidden else f"is {shown(text)}"


def check_together(values: dict[str, Any], given: dict[str, Raw]) -> None:
    """What no single value shows."""
    market, mode = values["market"], values["mode"]
    if mode != Mode.PAPER and market not in ("auto", "binanceus"):
        place = given["TRADER_MARKET"].place
        raise ConfigError(f"{place}: TRADER_MARKET must be binanceus for TRADER_MODE {mode}; change one")
    key, secret = values["binanceus_api_key"], values["binanceus_api_secret"]
    if key and key == secret:
        place = given["BINANCEUS_API_SECRET"].place
        raise ConfigError(f"{place}: BINANCEUS_API_SECRET equals BINANCEUS_API_KEY; paste both again")
