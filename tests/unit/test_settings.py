"""Settings: good ones arrive typed, wrong ones are refused in one line that names place, name and cure."""

import pickle
import re
from decimal import Decimal
from pathlib import Path

import pytest

from app.core.errors import ConfigError
from services.settings import SETTINGS, Mode, Secret, load_settings

ROOT = Path(__file__).parents[2]
CANARY = "cAnArY-4f1d9e7b2c"


def refusal(environ: dict[str, str], env_file: Path | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ, env_file)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 400
    return text


def test_nothing_given_means_paper_on_this_machine_only() -> None:
    settings = load_settings({}, None)
    assert settings.mode is Mode.PAPER
    assert settings.market == "auto"
    assert (settings.market_speed, settings.market_hurries) == (60.0, True)
    assert not load_settings({"TRADER_MARKET_SPEED": "60"}, None).market_hurries
    assert settings.symbol == "BTC/USD"
    assert settings.paper_cash == Decimal(10000)
    assert (settings.host, settings.port, settings.public_url) == ("127.0.0.1", 8080, None)
    assert (settings.data_dir, settings.config_dir) == (Path("data"), Path("config"))
    assert settings.strategies_dir == Path("strategies")
    assert settings.database_url.reveal() == "sqlite:///data/trader.db"
    assert settings.binanceus_rest_url == "https://api.binance.us"
    assert settings.binanceus_ws_url == "wss://stream.binance.us:9443"
    assert settings.binanceus_ws_api_url == "wss://ws-api.binance.us/ws-api/v3"
    assert settings.deepseek_model == "deepseek-flash"
    assert settings.deepseek_monthly_budget_usd == Decimal(10)
    assert settings.secrets_key_file == Path("data/secrets.key")
    assert settings.backup_dir == Path("data/backups")
    assert settings.admin_username == "admin"
    assert settings.admin_password is None
    assert settings.replay_file is None
    assert settings.secrets() == ()


def test_environment_wins_over_the_file_and_empty_means_not_given(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text(
        '# comment\n\nexport TRADER_PORT=9001\nTRADER_SYMBOL="BTC/USDT" # quoted\nTRADER_HOST=\nOTHER_PROGRAM=1\n'
    )
    settings = load_settings({"TRADER_PORT": "9002", "TRADER_MODE": "", "PATH": "/bin", "TZ": "America/New_York"}, env)
    assert (settings.port, settings.symbol, settings.host) == (9002, "BTC/USDT", "127.0.0.1")
    assert settings.mode is Mode.PAPER


def test_a_missing_env_file_is_none(tmp_path: Path) -> None:
    assert load_settings({}, tmp_path / ".env") == load_settings({}, None)


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".feather"])
def test_a_market_is_replayed_from_a_file_that_is_there(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"candles{ending}").write_text("")
    settings = load_settings({"TRADER_MARKET": f"replay:{tmp_path}/candles{ending}"}, None)
    assert settings.replay_file == tmp_path / f"candles{ending}"


def test_a_loopback_exchange_may_be_plain() -> None:
    settings = load_settings(
        {"BINANCEUS_REST_URL": "http://127.0.0.1:8099/", "BINANCEUS_WS_URL": "ws://[::1]:8098"}, None
    )
    assert settings.binanceus_rest_url == "http://127.0.0.1:8099"
    assert settings.binanceus_ws_url == "ws://[::1]:8098"


def test_lists_are_separated_by_commas() -> None:
    settings = load_settings(
        {"ALERT_EMAIL_TO": "a@example.org, b@example.org", "TRADER_TRUSTED_PROXIES": "127.0.0.1,172.18.0.0/16"}, None
    )
    assert settings.alert_email_to == ("a@example.org", "b@example.org")
    assert settings.trusted_proxies == ("127.0.0.1/32", "172.18.0.0/16")


def test_a_secret_comes_from_a_file_with_or_without_a_last_line_end(tmp_path: Path) -> None:
    for text in (CANARY, CANARY + "\n"):
        (tmp_path / "secret").write_text(text)
        settings = load_settings({"BINANCEUS_API_SECRET_FILE": str(tmp_path / "secret")}, None)
        assert settings.binanceus_api_secret is not None
        assert settings.binanceus_api_secret.reveal() == CANARY


def test_a_secret_shows_nowhere() -> None:
    settings = load_settings(
        {"BINANCEUS_API_KEY": CANARY, "DATABASE_URL": f"postgresql+psycopg://u:{CANARY}@db/x"}, None
    )
    secret = settings.binanceus_api_key
    assert secret == Secret(CANARY)
    assert secret != Secret("other")
    assert CANARY not in f"{settings} {settings!r} {secret} {secret!r} {secret:>20}"
    assert {f"postgresql+psycopg://u:{CANARY}@db/x", CANARY} <= set(settings.secrets())  # also the password alone
    with pytest.raises(TypeError):
        pickle.dumps(secret)


WRONG = [
    ("TRADER_PORT", "abc", "whole number between 1 and 65535"),
    ("TRADER_PORT", "0", "between 1 and 65535"),
    ("TRADER_PORT", "80.5", "whole number"),
    ("TRADER_PORT", "٨٠٨٠", "plain digits"),
    ("TRADER_PORT", "0x50", "plain digits"),
    ("TRADER_MODE", "yes", "paper, dry-run, live"),
    ("TRADER_MODE", "LIVE", "paper, dry-run, live"),
    ("TRADER_MARKET", "binance", "auto, binanceus, simulated, or replay:FILE"),
    ("TRADER_MARKET", "replay:", "replay:FILE"),
    ("TRADER_MARKET", "replay:nowhere.csv", "no file 'nowhere.csv'"),
    ("TRADER_MARKET", "replay:/etc/hostname", ".parquet, .csv, .feather"),
    ("TRADER_MARKET", "replay:" + "a" * 5000 + ".csv", "no file"),
    ("TRADER_MARKET_SPEED", "0", "above 0 and at most 100000"),
    ("TRADER_MARKET_SPEED", "-1", "above 0"),
    ("TRADER_MARKET_SPEED", "100001", "at most 100000"),
    ("TRADER_MARKET_SPEED", "nan", "plain digits"),
    ("TRADER_MARKET_SPEED", "1e3", "plain digits"),
    ("TRADER_PAPER_CASH", "10,000", "no thousands mark"),
    ("TRADER_PAPER_CASH", "0", "between 1 and"),
    ("TRADER_SYMBOL", "BTCUSD", "BTC/USD"),
    ("TRADER_SYMBOL", "DOGE/USD", "BTC/USD"),
    ("TRADER_HOST", "256.1.1.1", "127.0.0.1"),
    ("TRADER_HOST", "http://x", "127.0.0.1"),
    ("TRADER_PUBLIC_URL", "trader.example.org", "https://host"),
    ("TRADER_PUBLIC_URL", "https://trader.example.org/path", "nothing after it"),
    ("TRADER_TRUSTED_PROXIES", "proxy", "172.18.0.0/16"),
    ("TRADER_LOG_LEVEL", "verbose", "DEBUG, INFO, WARNING, ERROR"),
    ("TRADER_ADMIN_USERNAME", "a b", "letters, digits"),
    ("BINANCEUS_REST_URL", "http://api.binance.us", "use https"),
    ("BINANCEUS_REST_URL", "http://127.0.0.1.evil.example", "use https"),
    ("BINANCEUS_REST_URL", "https://[::1", "https://host"),
    ("BINANCEUS_REST_URL", f"https://u:{CANARY}@api.binance.us", "must not contain a user name"),
    ("BINANCEUS_WS_URL", "ws://10.0.0.7:9443", "use wss"),
    ("BINANCEUS_WS_URL", "https://stream.binance.us", "wss://host"),
    ("DEEPSEEK_MONTHLY_BUDGET_USD", "$10", "plain digits"),
    ("NEWS_RSS_URLS", "https://a.example/rss,file:///etc/passwd", "https://host"),
    ("NEWS_FILE", "nowhere.csv", "no such file"),
    ("NEWS_SECONDS", "5", "between 60 and"),
    ("ALERT_EMAIL_TO", "nobody", "me@example.org"),
    ("ALERT_SMS_TO", "555", "+15551234567"),
    ("DATABASE_URL", "mysql://u:p@h/x", "postgresql+psycopg://"),
    ("DATABASE_URL", "postgres://u:p@h/x", "begin it with postgresql+psycopg://"),
    ("DATABASE_URL", "sqlite://", "sqlite:///path/to/file.db"),
    ("DATABASE_URL", "sqlite:///:memory:", "sqlite:///path/to/file.db"),
    ("DATABASE_URL", f"postgresql+psycopg://u:{CANARY}@db.example.org/x", "sslmode=verify-full"),
    ("TRADER_ADMIN_PASSWORD", "changeme", "12 to 128 characters"),
    ("TRADER_ADMIN_PASSWORD", "elevenchars", "12 to 128 characters"),
    ("TRADER_ADMIN_PASSWORD", "x" * 129, "12 to 128 characters"),
    ("TRADER_ADMIN_PASSWORD", "changeme1234", "well-known"),
    ("TRADER_ADMIN_PASSWORD", "ChangemeChangeme!", "well-known"),
    ("TRADER_ADMIN_PASSWORD", "bitcoin-autotrader", "well-known"),
    ("TRADER_ADMIN_PASSWORD", "aaaaaaaaaaaab", "repeats a few characters"),
    ("TRADER_ADMIN_TOTP_SECRET", "not base32 at all!", "base32"),
    ("TRADER_METRICS_TOKEN", "short", "16 to 256"),
    ("BINANCEUS_API_KEY", f"two {CANARY}", "without blanks"),
    ("DEEPSEEK_API_KEY", f'"{CANARY}"', "remove them"),
    ("DEEPSEEK_API_KEY", f"'{CANARY}'", "remove them"),
    ("DEEPSEEK_API_KEY", f"{CANARY} ", "blank; remove it"),
    ("DEEPSEEK_API_KEY", " ", "blank; remove it"),
    ("DEEPSEEK_API_KEY", f"{CANARY}\r", "carriage return"),
    ("DEEPSEEK_API_KEY", f"\ufeff{CANARY}", "U+FEFF"),
    ("DEEPSEEK_API_KEY", f"{CANARY}\0", "U+0000"),
    ("DEEPSEEK_API_KEY", f"{CANARY}\udcff", "not UTF-8"),
    ("DEEPSEEK_API_KEY", CANARY * 600_000, "at most 8192"),
    ("DEEPSEEK_API_KEY_FILE", "/nowhere/at/all", "names a file that is not there"),
    ("SMTP_URL", f"https://u:{CANARY}@h", "smtp://user:password@host:587"),
    ("APPRISE_URLS", CANARY, "ntfy://topic"),
]


@pytest.mark.parametrize(
    ("name", "value", "cure"), WRONG, ids=[f"{row[0]}-{number}" for number, row in enumerate(WRONG)]
)
def test_a_wrong_value_is_refused_with_place_name_and_cure(name: str, value: str, cure: str) -> None:
    text = refusal({name: value})
    assert text.startswith(f"environment: {name} ")
    assert cure in text
    assert CANARY not in text
    row = next((row for row in SETTINGS if row.name == name), None)
    if row and row.secret and value.strip() and value != "sqlite://":
        assert value not in text


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TRADER_MARKT", "TRADER_MARKET"),
        ("TRADER_PAPERCASH", "TRADER_PAPER_CASH"),
        ("TRADER_PORT_FILE", "TRADER_PORT"),
        ("trader_port", "TRADER_PORT"),
    ],
)
def test_an_unknown_name_of_ours_is_refused_with_the_nearest(name: str, meant: str) -> None:
    assert refusal({name: CANARY}) == f"environment: {name} is not a setting; did you mean {meant}?"


def test_an_unknown_name_near_nothing_points_to_the_list() -> None:
    assert "docs/settings.md" in refusal({"TRADER_QQQQQQQQQQQQ": "1"})


WRONG_FILES = [
    (b"\xef\xbb\xbfTRADER_PORT=1\n", ".env: ", "byte order mark"),
    (b"TRADER_HOST=localhost\nTRADER_PORT=1\r\n", ".env line 2: ", "LF line ends"),
    (b"\n\n# x\nTRADER_PORT=99999\n", ".env line 4: TRADER_PORT ", "between 1 and 65535"),
    (b"A=1\nDEEPSEEK_API_KEY='cAnArY-4f1d9e7b2c\n", ".env line 2: ", "close each quote"),
    (b"TRADER_PORT\n", ".env line 1: TRADER_PORT ", "write TRADER_PORT=value"),
    (b"TRADER_PORT=1\nTRADER_PORT=2\n", ".env line 2: TRADER_PORT ", "remove one"),
    (b"DEEPSEK_API_KEY=cAnArY-4f1d9e7b2c\n", ".env line 1: DEEPSEK_API_KEY ", "did you mean DEEPSEEK_API_KEY?"),
    (b"TRADER_LIVE=yes\n", ".env line 1: TRADER_LIVE ", "is not a setting"),
    (b"A=\xff\n", ".env line 1: ", "save the file as UTF-8"),
    (b"A=" + b"a" * 70_000, ".env: ", "larger than 64 KB"),
    (b"DEEPSEEK_API_KEY=\"'cAnArY-4f1d9e7b2c'\"\n", ".env line 1: DEEPSEEK_API_KEY ", "remove them"),
    (b"DEEPSEEK_API_KEY=x\nDEEPSEEK_API_KEY_FILE=y\n", ".env line 2: DEEPSEEK_API_KEY ", "keep one"),
]


@pytest.mark.parametrize(("data", "place", "cure"), WRONG_FILES, ids=range(len(WRONG_FILES)))
def test_a_wrong_env_file_is_refused_with_its_line(tmp_path: Path, data: bytes, place: str, cure: str) -> None:
    (tmp_path / ".env").write_bytes(data)
    text = refusal({}, tmp_path / ".env")
    assert text.startswith(f"{tmp_path}/{place}")
    assert cure in text
    assert CANARY not in text


@pytest.mark.parametrize(
    ("data", "cure"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (CANARY.encode() + b"\r\n", "LF line ends"),
        (CANARY.encode() + b"\n\n", "blank; remove it"),
        (b"\xff\xfe", "byte order mark"),
        (b"x" * 9000, "larger than 8 KB"),
    ],
)
def test_a_wrong_secret_file_is_refused(tmp_path: Path, data: bytes, cure: str) -> None:
    (tmp_path / "secret").write_bytes(data)
    text = refusal({"DEEPSEEK_API_KEY_FILE": str(tmp_path / "secret")})
    assert text.startswith("environment: file of DEEPSEEK_API_KEY_FILE")
    assert cure in text
    assert CANARY not in text


def test_an_env_file_that_is_a_directory_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal({}, tmp_path)


def test_live_trading_never_runs_on_a_pretend_market() -> None:
    text = refusal({"TRADER_MODE": "live", "TRADER_MARKET": "simulated"})
    assert text == "environment: TRADER_MARKET must be binanceus for TRADER_MODE live; change one"


def test_key_and_secret_pasted_from_the_same_place_are_noticed() -> None:
    text = refusal({"BINANCEUS_API_KEY": CANARY, "BINANCEUS_API_SECRET": CANARY})
    assert text == "environment: BINANCEUS_API_SECRET equals BINANCEUS_API_KEY; paste both again"


def test_a_database_elsewhere_is_taken_over_tls() -> None:
    url = "postgresql+psycopg://u:p@db.example.org:5432/x?sslmode=verify-full"
    assert load_settings({"DATABASE_URL": url}, None).database_url.reveal() == url


def test_every_setting_stands_in_the_docs() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    rows = {match[1]: match[0] for match in re.finditer(r"^\| `([A-Z0-9_]+)`.*$", text, re.MULTILINE)}
    assert set(rows) == {row.name for row in SETTINGS}
    for row in SETTINGS:
        if row.default is not None:
            assert f"`{row.default.replace(',', ', ')}`" in rows[row.name]


def test_every_setting_stands_in_the_example() -> None:
    example = ROOT / ".env.example"
    if not example.exists():
        pytest.skip("no .env.example here")
    text = example.read_text()
    names = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))
    files = {f"{row.name}_FILE" for row in SETTINGS if row.secret}
    others = {name for name in names if name.startswith("POSTGRES_")}
    assert names - files - others == {row.name for row in SETTINGS}
    load_settings({}, example)
