"""The command line: each command's result, and one clear line with exit code 2 for wrong use and bad input."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import main
from services.database.looking import looking
from services.database.looking_at_past import newest_backtest
from tests.trader_process import RISK, ROOT, STRATEGIES, write_market

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`main.py` with these arguments in an empty directory: (exit code, standard output, standard error)."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config/strategies.yml").write_text(STRATEGIES)
    (tmp_path / "config/risk.yml").write_text(RISK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRADER_STRATEGIES_DIR", str(ROOT / "strategies"))

    def command(*arguments: object) -> tuple[int, str, str]:
        code = main.main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_a_backtest_writes_its_folder(run: Run, tmp_path: Path) -> None:
    market = write_market(tmp_path / "market.csv", days=6)
    code, said, _ = run("backtest", "--data", market, "--out", tmp_path / "out", "--cash", "5000")
    assert code == 0
    assert "final equity" in said
    result = json.loads((tmp_path / "out/result.json").read_text())
    assert result["initial_cash"] == 5000
    assert result["trades"] >= 5
    assert result["sharpe_ratio"] is None, "six days tell nothing"
    assert result["bars"] == 6 * 1440 - 200 * 5
    with (tmp_path / "out/trades.csv").open() as file:
        trades = list(csv.DictReader(file))
    assert len(trades) == result["trades"]
    assert {"entry_price", "exit_reason", "profit_loss_pct"} <= set(trades[0])
    with (tmp_path / "out/equity.csv").open() as file:
        days = list(csv.DictReader(file))
    assert [day["date"] for day in days][-1] == "2023-03-06"
    assert float(days[-1]["equity"]) == pytest.approx(result["final_equity"], abs=0.01)
    assert (tmp_path / "out/equity.parquet").exists()


def test_a_finished_backtest_is_on_record_and_one_that_cannot_be_is_no_failure(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = write_market(tmp_path / "market.csv", days=3)
    assert run("backtest", "--data", market, "--out", tmp_path / "out")[0] == 0
    with looking(f"sqlite:///{tmp_path}/data/trader.db") as books:
        assert newest_backtest(books) is not None
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    code, _, error = run("backtest", "--data", market, "--out", tmp_path / "again")
    assert code == 0
    assert error.startswith("note: the backtest is not on record in the books: ")
    assert (tmp_path / "again/result.json").exists()


PEEKER = """
from strategies.base_strategy import BaseStrategy, Signal, frame

class Peeker(BaseStrategy):
    startup_candles = 100

    def indicators(self, candles):
        return candles[["close"]].shift(-1).rename(columns={"close": "tomorrow"})

    def analyze(self, market_data, news_events):
        now = frame(market_data).iloc[-1]
        return Signal("BUY" if now["tomorrow"] > now["close"] else "SELL", 90, "I know")
"""


def test_a_backtest_of_a_strategy_that_looks_ahead_is_refused_with_the_column_and_the_candle(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADER_STRATEGIES_DIR", str(tmp_path / "mine"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/peeker.py").write_text(PEEKER)
    (tmp_path / "config/strategies.yml").write_text(
        "timeframe: 5m\nstrategies:\n  peeker: {enabled: true, weight: 30}\n"
    )
    market = write_market(tmp_path / "market.csv", days=3)
    code, said, error = run("backtest", "--data", market, "--out", tmp_path / "out")
    assert (code, said) == (2, "")
    assert error.startswith("error: strategy peeker looks ahead")
    assert "column 'tomorrow' at candle 2023-03-0" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_same_backtest_twice_is_the_same(run: Run, tmp_path: Path) -> None:
    market = write_market(tmp_path / "market.csv", days=4)
    arguments = ("backtest", "--data", market, "--since", "2023-03-01", "--until", "2023-03-04", "--json", "--out")
    first = json.loads(run(*arguments, tmp_path / "a")[1])
    second = json.loads(run(*arguments, tmp_path / "b")[1])
    assert first == second
    assert first["end"] == "2023-03-04T00:00:00.000Z"
    assert (tmp_path / "a/trades.csv").read_bytes() == (tmp_path / "b/trades.csv").read_bytes()


def test_candles_are_imported_listed_checked_and_used(run: Run, tmp_path: Path) -> None:
    market = write_market(tmp_path / "market.csv", days=3)
    assert run("data", "import", market)[0] == 0
    assert "BTC/USD" in run("data", "list")[1]
    code, said, _ = run("data", "check", "BTC/USD")
    assert code == 0
    assert "4,320" in said or "4320" in said
    assert json.loads(run("data", "list", "--json")[1])[0]["name"].startswith("BTC")
    assert json.loads(run("data", "check", "BTC/USD", "--json")[1])["good"] is True
    assert run("backtest", "--data", "BTC/USD", "--out", tmp_path / "out")[0] == 0


def test_what_is_not_there_fails_its_check(run: Run) -> None:
    code, said, error = run("data", "check", "ETH/USD")
    assert code in (1, 2)
    assert "ETH/USD" in said + error


def test_books_are_opened_verified_and_started_over(run: Run) -> None:
    assert "the chain is whole" in run("audit", "verify")[1]
    code, said, _ = run("ledger", "list")
    assert code == 0
    assert "paper simulated BTC/USD" in said
    old = said.partition("  opened")[0]
    assert run("ledger", "reset")[0] == 0
    both = run("audit", "verify")[1].splitlines()
    assert len(both) == 2
    assert both[-1] == f"{old}: the chain is whole", "what was put away can still be proved"
    assert run("ledger", "list")[1].splitlines()[-1].startswith(f"{old}  opened ")
    assert run("ledger", "list")[1].splitlines()[-1].endswith(", put away by a reset")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("backtest", "--data", "nothing.csv"), "nothing.csv"),
        (("backtest", "--data", "config/risk.yml"), "risk.yml"),
        (("data", "import", "nothing.csv"), "nothing.csv"),
        (("replay", "2023-03-14"), "the journal has nothing on this day"),
        (("replay", "abcd-d0000001"), "no such decision"),
    ],
)
def test_bad_input_is_one_clear_line(run: Run, arguments: tuple[str, ...], says: str) -> None:
    code, _, error = run(*arguments)
    assert code == 2
    assert error.startswith("error: ")
    assert says in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("TRADER_MODE", "live", "needs BINANCEUS_API_KEY and BINANCEUS_API_SECRET"),
        ("TRADER_MODE", "dry-run", "needs BINANCEUS_API_KEY and BINANCEUS_API_SECRET"),
        ("TRADER_PORT", "abc", "TRADER_PORT"),
        ("TRADER_MARKET", "replay:nothing.csv", "nothing.csv"),
        ("DATABASE_URL", "mysql://x", "DATABASE_URL"),
        ("TRADER_ADMIN_PASSWORD", "short", "TRADER_ADMIN_PASSWORD"),
        ("TRADER_COLOUR", "red", "TRADER_COLOUR"),
        ("TRADER_CONFIG_DIR", "confug", "TRADER_CONFIG_DIR: confug is not there"),
    ],
)
def test_a_wrong_setting_stops_the_start(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, setting: str, value: str, says: str
) -> None:
    monkeypatch.setenv(setting, value)
    code, _, error = run("run")
    assert code == 2
    assert says in error
    assert error.count("\n") == 1
    assert not (tmp_path / "data/trader.db").exists()


def test_a_wrong_rule_names_file_line_and_cure(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config/risk.yml").write_text("stop_loss_pct: 5\nposition_size_pct: 50\n")
    code, _, error = run("run")
    assert code == 2
    assert "risk.yml line 2: position_size_pct is 50" in error


def test_too_little_history_says_how_much_is_needed(run: Run, tmp_path: Path) -> None:
    market = write_market(tmp_path / "market.csv", days=1)
    (tmp_path / "config/strategies.yml").write_text(STRATEGIES.replace("5m", "1h"))
    code, _, error = run("backtest", "--data", market)
    assert code == 2
    assert "1440 candles" in error
    assert "12000" in error


def test_wrong_use_exits_with_2(run: Run) -> None:
    with pytest.raises(SystemExit) as ended:
        run("backtest")
    assert ended.value.code == 2
    with pytest.raises(SystemExit) as ended:
        run("backtest", "--data", "x", "--since", "yesterday")
    assert ended.value.code == 2
    with pytest.raises(SystemExit) as ended:  # and not with the defaults
        run("backtest", "--data", "x", "--config", "confug")
    assert ended.value.code == 2
