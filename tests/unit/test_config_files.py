"""Configuration files: the shipped ones mean the defaults, wrong ones are refused with file, line, key and cure."""

import dataclasses
import re
import shutil
from datetime import time
from decimal import Decimal
from pathlib import Path

import pytest

from app import codec
from app.core.alerts import AlertEvent
from app.core.errors import ConfigError
from app.core.rules import Asking, EntryOrder, Rules, Simulation
from app.notices import CHANNELS, Loud
from services.settings import load_rules, save_rules
from services.settings.schema import FILES

ROOT = Path(__file__).parents[2]


def write(config_dir: Path, text: str, name: str = "risk.yml") -> Path:
    (config_dir / name).write_text(text, encoding="utf-8")
    return config_dir


def refusal(config_dir: Path, backtest: bool = False) -> str:
    with pytest.raises(ConfigError) as caught:
        load_rules(config_dir, backtest)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 500
    return text.replace(f"{config_dir}/", "config/")


# ---------------------------------------------------------------- what is right


def test_the_shipped_files_mean_the_defaults_but_for_what_was_chosen_on_data(tmp_path: Path) -> None:
    """docs/strategy-report.md says how the time frame and the technical settings were chosen."""
    shipped, plain = load_rules(ROOT / "config"), load_rules(tmp_path)
    assert plain == load_rules(tmp_path / "not there")
    assert (shipped.rules.risk, shipped.simulation, shipped.app) == (plain.rules.risk, plain.simulation, plain.app)
    assert plain.rules.risk == Rules().risk
    assert plain.simulation == Simulation()
    assert dataclasses.replace(plain.rules.voting, strategies=()) == Rules().voting
    assert (shipped.rules.voting.timeframe, plain.rules.voting.timeframe) == ("4h", "1h")
    unset = tuple(dataclasses.replace(rule, settings=()) for rule in shipped.rules.voting.strategies)
    assert dataclasses.replace(shipped.rules.voting, strategies=unset, timeframe="1h") == plain.rules.voting
    assert [rule.name for rule in shipped.rules.voting.strategies if rule.settings] == ["technical_indicators"]


def test_the_shipped_files_name_every_key() -> None:
    for name, keys in FILES.items():
        text = (ROOT / "config" / name).read_text()
        for key in keys:
            last = key.path.rpartition(".")[2]
            assert last == "*" or re.search(rf"\b{last}\b", text) or key.path.startswith("alerts.quiet_hours"), key.path


def test_the_shipped_strategies() -> None:
    rules = {rule.name: rule for rule in load_rules(ROOT / "config").rules.voting.strategies}
    assert {name: (rule.enabled, rule.weight, rule.reads_text) for name, rule in rules.items()} == {
        "deepseek_analyzer": (True, Decimal(50), True),
        "technical_indicators": (True, Decimal(30), False),
        "news_analyzer": (True, Decimal(20), True),
    }
    assert rules["deepseek_analyzer"].every_seconds == 300
    assert rules["technical_indicators"].ask is Asking.CANDLE


def test_numbers_are_read_from_the_text_not_through_a_float(tmp_path: Path) -> None:
    write(tmp_path, "position_size_pct: 4.1\nentry: {order: market, max_slippage_pct: 0.30}\n")
    risk = load_rules(tmp_path).rules.risk
    assert str(risk.position_size_pct) == "4.1"
    assert risk.entry.order is EntryOrder.MARKET
    assert risk.entry.max_slippage_pct == Decimal("0.3")
    assert risk.entry.cooldown_candles == 1


def test_a_strategy_of_the_owner_is_off_until_it_is_switched_on(tmp_path: Path) -> None:
    text = """
strategies:
  technical_indicators: {weight: 40, settings: {rsi_period: 14, fast: true, name: "yes", levels: [30, 70.5]}}
  mine:
  """
    assert "mine has nothing under it" in refusal(write(tmp_path, text, "strategies.yml"))
    write(tmp_path, text.replace("mine:", f"mine: {{sha256: {'ab' * 32}}}"), "strategies.yml")
    technical, mine = load_rules(tmp_path).rules.voting.strategies
    assert technical.enabled
    assert technical.weight == Decimal(40)
    assert technical.settings == (("fast", "true"), ("levels", "[30,70.5]"), ("name", '"yes"'), ("rsi_period", "14"))
    assert (mine.enabled, mine.weight, mine.sha256) == (False, Decimal(0), "ab" * 32)


def test_the_hash_is_of_the_meaning(tmp_path: Path) -> None:
    default = load_rules(tmp_path)
    same = load_rules(write(tmp_path, "# a comment\nstop_loss_pct:    5.00\n"))
    other = load_rules(write(tmp_path, "stop_loss_pct: 4\n"))
    assert default.sha256 == same.sha256
    assert len({default.sha256, other.sha256}) == 2
    assert codec.decode(codec.encode(other.rules)) == other.rules


def test_other_keywords_keep_the_rest(tmp_path: Path) -> None:
    write(
        tmp_path, 'news: {keywords: {high: [hack]}}\nalerts: {quiet_hours: {start: "22:00", end: "07:00"}}\n', "app.yml"
    )
    app = load_rules(tmp_path).app
    assert app["news"]["keywords"]["high"] == ("hack",)
    assert "etf" in app["news"]["keywords"]["medium"]
    assert app["alerts"].quiet == (time(22), time(7))
    assert app["alerts"].loud(AlertEvent.KILL_SWITCH, "sms") is Loud.ON
    assert app["alerts"].loud(AlertEvent.ALIVE, "email") is Loud.ON


def test_one_event_may_differ_from_its_level(tmp_path: Path) -> None:
    text = "alerts: {levels: {info: {email: silent}}, events: {entry_fill: {push: off}}, timezone: America/New_York}\n"
    alerts = load_rules(write(tmp_path, text, "app.yml")).app["alerts"]
    said = {channel: str(alerts.loud(AlertEvent.ENTRY_FILL, channel)) for channel in CHANNELS}
    assert said == {"email": "silent", "sms": "off", "push": "off", "apprise": "silent"}
    assert str(alerts.zone) == "America/New_York"


def test_how_alerts_travel_is_not_part_of_what_decides(tmp_path: Path) -> None:
    default = load_rules(tmp_path).sha256
    assert load_rules(write(tmp_path, "alerts: {max_per_hour: 10}\n", "app.yml")).sha256 == default


def test_only_a_backtest_may_switch_limits_off(tmp_path: Path) -> None:
    text = """
daily_loss_limit_pct: null
kill_switch_loss_pct: ~
trailing: null
entry: {cooldown_candles: null, max_entries_per_day: null, max_spread_pct: null, max_basis_pct: null}
tripwires: null
simulation: {price_tick: null, quantity_step: null, fee_in: quote}
"""
    loaded = load_rules(write(tmp_path, text), backtest=True)
    risk = loaded.rules.risk
    assert (risk.daily_loss_limit_pct, risk.kill_switch_loss_pct, risk.trailing) == (None, None, None)
    assert risk.entry.cooldown_candles is None
    assert (risk.entry.max_entries_per_day, risk.entry.max_spread_pct, risk.entry.max_basis_pct) == (None, None, None)
    assert set(dataclasses.asdict(risk.tripwires).values()) == {None}
    assert (loaded.simulation.price_tick, loaded.simulation.quantity_step) == (None, None)
    for line in text.strip().splitlines():
        assert "only a backtest's own configuration may switch it off" in refusal(write(tmp_path, line))


def test_only_a_backtest_may_decide_at_the_next_open(tmp_path: Path) -> None:
    path = write(tmp_path, "simulation: {decides_at: open}\n")
    assert load_rules(path, backtest=True).simulation.decides_at == "open"
    assert "only a backtest's own configuration may have it; remove the line" in refusal(path)


def test_the_limits_of_a_position_are_never_off(tmp_path: Path) -> None:
    for key in ("position_size_pct", "max_open_positions", "max_exposure_pct", "stop_loss_pct"):
        assert f"{key} is null" in refusal(write(tmp_path, f"{key}: null\n"), backtest=True)


# ---------------------------------------------------------------- what is refused

P = "position_size_pct"
BOUNDS = "between 0.5 and 10"
WRONG = [
    ("", "line 1: ", "is empty"),
    ("# only a comment\n", "line 1: ", "is empty"),
    ("- a\n- b\n", "line 1: ", "key: value lines"),
    ("just a text\n", "line 1: ", "key: value lines"),
    (f"{P}: 5\nentry:\n\torder: market\n", "line 3: ", "tab; use blanks"),
    (f"{P}:\t5\n", "line 1: ", "correct it"),
    ("stop_loss_pct: 5\n\nstop_loss_pct: 4\n", "line 3: ", "given twice"),
    ("entry: {order: market, order: market}\n", "line 1: ", "given twice"),
    ("trailing: &a {activate_pct: 3}\nentry: *a\n", "line 1: ", "anchor or alias"),
    ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "line 1: ", "anchor or alias"),
    (f"{P}: !!python/object/apply:os.system ['echo hi']\n", "line 1: ", "uses a tag"),
    (f"{P}: !!int 5\n", "line 1: ", "uses a tag"),
    (f"{P}: 5\n---\n{P}: 6\n", "line 2: ", "second document"),
    ("[" * 5000, "line 1: ", "nested more than 8"),
    (f"{P}: 5\nstop_lo", "line 2: ", "not valid YAML"),
    ("{", "line 1: ", "not valid YAML"),
    (f"{P}: 5\0\n", "line 1: ", "U+0000"),
    (f"{P}: \x1b[31m5\n", "line 1: ", "U+001B"),
    ("? [a]\n: b\n", "line 1: ", "plain name"),
    (f"\n\n{P}: 50\n", f"line 3: {P} is 50; ", BOUNDS),
    (f"{P}: 0.49\n", f"line 1: {P} is 0.49; ", BOUNDS),
    (f"{P}: -5\n", f"line 1: {P} is -5; ", BOUNDS),
    (f"{P}: .nan\n", f"line 1: {P} is '.nan'; ", BOUNDS),
    (f"{P}: .inf\n", f"line 1: {P} is '.inf'; ", BOUNDS),
    (f"{P}: 1e400\n", f"line 1: {P} is '1e400'; ", BOUNDS),
    (f"{P}: 0x10\n", f"line 1: {P} is '0x10'; ", "plain digits"),
    (f"{P}: 010\n", f"line 1: {P} is '010'; ", "plain digits"),
    (f"{P}: 0o10\n", f"line 1: {P} is '0o10'; ", "plain digits"),
    (f"{P}: 5%\n", f"line 1: {P} is '5%'; ", "without the % sign"),
    (f"{P}: 0,05\n", f"line 1: {P} is '0,05'; ", "with a point for decimals"),
    (f"{P}: ٥\n", f"line 1: {P} is ", "plain digits"),
    (f"{P}: yes\n", f"line 1: {P} is 'yes'; ", BOUNDS),
    (f"{P}: '5'\n", f"line 1: {P} is 5; ", "without quotes"),
    (f"{P}: [5]\n", f"line 1: {P} is a list; ", BOUNDS),
    (f"{P}: {{a: 5}}\n", f"line 1: {P} is a section; ", BOUNDS),
    (f"{P}:\n", f"line 1: {P} is null; ", BOUNDS),
    (f"{P}: {'9' * 4000}\n", f"line 1: {P} is a text of 4000 characters; ", BOUNDS),
    ("positon_size_pct: 5\n", "line 1: positon_size_pct ", f"did you mean {P}?"),
    ("entry: {max_slipage_pct: 1}\n", "line 1: entry.max_slipage_pct ", "did you mean max_slippage_pct?"),
    ("2024-01-01: 5\n", "line 1: 2024-01-01 ", "known here are"),
    ("trailing: 3\n", "line 1: trailing ", "key: value lines"),
    ("max_open_positions: 5\n", "line 1: max_open_positions is 5; ", "between 1 and 4"),
    ("max_open_positions: 2.5\n", "line 1: max_open_positions is 2.5; ", "whole number"),
    ("daily_loss_limit_pct: 21\n", "line 1: daily_loss_limit_pct is 21; ", "between 1 and 20"),
    ("kill_switch_loss_pct: 9\n", "line 1: kill_switch_loss_pct is 9; ", "between 10 and 50"),
    ("stop_loss_pct: 11\n", "line 1: stop_loss_pct is 11; ", BOUNDS),
    ("stop_limit_gap_pct: 0\n", "line 1: stop_limit_gap_pct is 0; ", "between 0.1 and 5"),
    ("entry: {order: stop}\n", "line 1: entry.order is 'stop'; ", "limit_ioc, market"),
    ("simulation: {fee_in: bnb}\n", "line 1: simulation.fee_in is 'bnb'; ", "base, quote"),
    ("kill_switch_loss_pct: 15\n", "line 1: kill_switch_loss_pct is 15; ", "greater than daily_loss_limit_pct (15)"),
    ("max_exposure_pct: 4\n", "line 1: max_exposure_pct is 4; ", f"at least {P} (5)"),
    (f"{P}: 10\nmax_exposure_pct: 9\n", "line 2: max_exposure_pct is 9; ", f"at least {P} (10)"),
    ("trailing: {distance_pct: 0.2}\n", "trailing.min_step_pct is 0.25; ", "at most trailing.distance_pct (0.2)"),
    (f"{P}: 10\nstop_loss_pct: 10\n", "tripwires.trade_loss_pct is 1; ", "greater than what one stop costs (1)"),
    ("tripwires: {orders_per_hour: 5}\n", "line 1: tripwires.orders_per_hour is 5; ", "orders_per_minute (10)"),
]


@pytest.mark.parametrize(("text", "place", "cure"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_risk_file_is_refused(tmp_path: Path, text: str, place: str, cure: str) -> None:
    said = refusal(write(tmp_path, text))
    assert said.startswith("config/risk.yml")
    assert place in said
    assert cure in said


WRONG_STRATEGIES = [
    ("cycle_seconds: 4\n", "line 1: cycle_seconds is 4; ", "between 5 and 3600"),
    ("timeframe: 7m\n", "line 1: timeframe is '7m'; ", "1h"),
    ("timeframe: 60\n", "line 1: timeframe is 60; ", "1h"),
    ("buy_threshold: 0\n", "line 1: buy_threshold is 0; ", "between 1 and 100"),
    ("min_participation: 101\n", "line 1: min_participation is 101; ", "between 1 and 100"),
    ("strategies: {}\n", "line 1: strategies ", "give one a weight"),
    ("strategies: {a: {weight: 0}, b: {weight: 0}}\n", "line 1: strategies ", "give one a weight"),
    ("strategies: {a: {weight: -1}}\n", "line 1: strategies.a.weight is -1; ", "between 0 and 1000"),
    ("strategies:\n  a: {enabled: yes, weight: 1}\n", "line 2: strategies.a.enabled is 'yes'; ", "true or false"),
    ("strategies:\n  a: {enabled: on}\n", "line 2: strategies.a.enabled is 'on'; ", "true or false"),
    ("strategies:\n  a: {enabled: True}\n", "line 2: strategies.a.enabled is 'True'; ", "true or false"),
    ("strategies:\n  a: {enabled: 'true'}\n", "line 2: strategies.a.enabled is 'true'; ", "without quotes"),
    ("strategies: {../../etc/passwd: {weight: 1}}\n", "line 1: ", "small letters"),
    ("strategies: {2024-01-01: {weight: 1}}\n", "line 1: ", "small letters"),
    ("strategies: {a: {wieght: 1}}\n", "line 1: strategies.a.wieght ", "did you mean weight?"),
    ("strategies: {a: {sha256: abc}}\n", "line 1: strategies.a.sha256 is 'abc'; ", "64 hexadecimal digits"),
    ("strategies: {a: {ask: always}}\n", "line 1: strategies.a.ask is 'always'; ", "candle, cycle"),
    ("strategies: {a: {settings: {x: .nan}}}\n", "line 1: strategies.a.settings.x is '.nan'; ", "quotes"),
    ("strategies: {a: {settings: {x: on}}}\n", "line 1: strategies.a.settings.x is 'on'; ", "quotes"),
    ("strategies: {a: {settings: {x: 0x10}}}\n", "line 1: strategies.a.settings.x is '0x10'; ", "quotes"),
    ("strategies: {a: {settings: {x: {y: 1}}}}\n", "line 1: strategies.a.settings.x is a section; ", "a list of these"),
    ("strategies: {" + ",".join(f"a{n}: {{}}" for n in range(101)) + "}", "line 1: strategies ", "more than 100"),
]


@pytest.mark.parametrize(("text", "place", "cure"), WRONG_STRATEGIES, ids=range(len(WRONG_STRATEGIES)))
def test_a_wrong_strategies_file_is_refused(tmp_path: Path, text: str, place: str, cure: str) -> None:
    said = refusal(write(tmp_path, text, "strategies.yml"))
    assert said.startswith(f"config/strategies.yml {place}")
    assert cure in said


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("news: {keywords: {high: hack}}\n", "a list of up to 200"),
        ("news: {keywords: {high: [x]}}\n", "2 to 60 characters"),
        ("news: {keywords: {high: [[a]]}}\n", "2 to 60 characters"),
        ("alerts: {events: {kill_switch: [email]}}\n", "must hold key: value lines, such as email"),
        ("alerts: {events: {kill_switch: {pager: on}}}\n", "known here are email, sms, push, apprise"),
        ("alerts: {events: {kill_switch: {email: yes}}}\n", "on, silent, off"),
        ("alerts: {events: {kil_switch: {email: on}}}\n", "did you mean kill_switch?"),
        ("alerts: {events: {kill_switch: {sms: silent}}}\n", "one of on, off"),
        ("alerts: {levels: {grave: {email: on}}}\n", "the name 'grave' in alerts.levels"),
        ("alerts: {quiet_hours: {start: 25:00, end: 07:00}}\n", "a time such as"),
        ("alerts: {quiet_hours: {start: 22:00}}\n", "needs a start and another end"),
        ("alerts: {quiet_hours: {start: 22:00, end: 22:00}}\n", "needs a start and another end"),
        ("alerts: {timezone: Mars/Olympus}\n", "a time zone such as"),
        ("alerts: {timezone: ../../etc/passwd}\n", "a time zone such as"),
        ("alerts: {alive_at: noon}\n", "a time such as 08:00, or never"),
        ("alerts: {max_per_hour: 3}\n", "between 4 and 200"),
        ("deepseek: {cutoffs: {some-model: July}}\n", "a date such as"),
        ("deepseek: {prices: {some-model: {input_usd: 1}}}\n", "cached_usd, input_usd and output_usd"),
    ],
)
def test_a_wrong_app_file_is_refused(tmp_path: Path, text: str, cure: str) -> None:
    said = refusal(write(tmp_path, text, "app.yml"))
    assert said.startswith("config/app.yml line 1: ")
    assert cure in said


@pytest.mark.parametrize(
    ("data", "place", "cure"),
    [
        (b"stop_loss_pct: 5\n# \xff\n", "line 2", "save the file as UTF-8"),
        ("stop_loss_pct: 5\n".encode("utf-16"), "config/risk.yml", "byte order mark"),
        (b"stop_loss_pct: 5\r\n", "line 1", "LF line ends"),
        (b"# " + b"x" * 1_000_000, "config/risk.yml", "larger than 64 KB"),
    ],
)
def test_bytes_that_are_no_plain_text_are_refused(tmp_path: Path, data: bytes, place: str, cure: str) -> None:
    (tmp_path / "risk.yml").write_bytes(data)
    said = refusal(tmp_path)
    assert place in said
    assert cure in said


def test_links_and_directories_are_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.yml").write_text("stop_loss_pct: 5\n")
    (tmp_path / "risk.yml").symlink_to(tmp_path / "elsewhere.yml")
    assert "symbolic link; put the file itself there" in refusal(tmp_path)
    (tmp_path / "risk.yml").unlink()
    (tmp_path / "risk.yml").mkdir()
    assert "is not a file" in refusal(tmp_path)
    assert "is not a directory" in refusal(tmp_path / "elsewhere.yml")


# ---------------------------------------------------------------- saving


def test_saving_changes_one_value_and_keeps_every_comment(tmp_path: Path) -> None:
    for name in FILES:
        shutil.copy(ROOT / "config" / name, tmp_path / name)
    (tmp_path / "risk.yml").chmod(0o640)
    before = (tmp_path / "risk.yml").read_text()
    loaded = save_rules(
        tmp_path,
        {
            "risk.yml": {"position_size_pct": Decimal("2.50"), "trailing.distance_pct": Decimal(2)},
            "strategies.yml": {"strategies.technical_indicators.weight": Decimal(45)},
        },
    )
    after = (tmp_path / "risk.yml").read_text()
    changed = [new for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new]
    assert [" ".join(line.split("#")[0].split()) for line in changed] == ["position_size_pct: 2.5", "distance_pct: 2"]
    assert [line.count("#") for line in changed] == [1, 1]
    assert load_rules(tmp_path) == loaded
    assert loaded.rules.risk.position_size_pct == Decimal("2.5")
    assert loaded.rules.voting.strategies[1].weight == Decimal(45)
    assert (tmp_path / "risk.yml").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)


def test_saving_makes_a_missing_file(tmp_path: Path) -> None:
    loaded = save_rules(tmp_path / "new", {"risk.yml": {"entry.max_entries_per_day": 3}})
    assert loaded.rules.risk.entry.max_entries_per_day == 3
    assert load_rules(tmp_path / "new") == loaded


def test_a_new_strategy_is_saved_beside_the_shipped_ones(tmp_path: Path) -> None:
    shutil.copy(ROOT / "config" / "strategies.yml", tmp_path / "strategies.yml")
    values = {
        "strategies.mine.enabled": True,
        "strategies.mine.weight": Decimal(10),
        "strategies.mine.sha256": "12" * 32,
    }
    mine = save_rules(tmp_path, {"strategies.yml": values}).rules.voting.strategies[-1]
    assert (mine.name, mine.enabled, mine.sha256) == ("mine", True, "12" * 32)
    assert len(load_rules(tmp_path).rules.voting.strategies) == 4


@pytest.mark.parametrize(
    ("changes", "cure"),
    [
        ({"risk.yml": {"position_size_pct": Decimal(50)}}, BOUNDS),
        ({"risk.yml": {"position_size_pct": Decimal("NaN")}}, "finite"),
        ({"risk.yml": {"daily_loss_limit_pct": None}}, "only a backtest"),
        ({"risk.yml": {"no_such_key": 1}}, "not a known key"),
        ({"risk.yml": {"max_exposure_pct": Decimal(3)}}, "at least position_size_pct"),
        ({"risks.yml": {"position_size_pct": Decimal(5)}}, "known are risk.yml"),
        ({"risk.yml": {"stop_loss_pct": Decimal(4)}, "strategies.yml": {"cycle_seconds": 1}}, "between 5 and 3600"),
    ],
)
def test_a_refused_change_touches_no_file(tmp_path: Path, changes: dict[str, dict[str, object]], cure: str) -> None:
    for name in FILES:
        shutil.copy(ROOT / "config" / name, tmp_path / name)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ConfigError, match=re.escape(cure)):
        save_rules(tmp_path, changes)  # type: ignore[arg-type]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_every_key_stands_in_the_docs_with_its_bounds() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    for keys in FILES.values():
        for key in keys:
            row = next(line for line in text.splitlines() if line.startswith(f"| `{key.path}`"))
            if key.kind.bounds:
                assert f"| {key.kind.bounds[0]}–{key.kind.bounds[1]} |" in row
