"""The settings page's way to real files and a real store of secrets: what it shows, changes and refuses."""

import asyncio
import difflib
import json
import re
import shutil
from pathlib import Path

import pytest

from app.core.errors import ConfigError, SecondFactorNeeded
from app.ports import Conflict, Who
from app.settings_ports import Counts, Edit, FieldKind, SecretRow, SettingRow
from app.strategy_files import Unfit
from services.settings import load_rules, load_settings
from services.settings.desk import FileDesk
from tests.integration.test_control_and_view import ME
from tests.integration.test_limits_desk import CODED, LimitsFloor

ROOT = Path(__file__).parents[2]
VALUE = "cAnArY-4f1d9e7b2c"


class SettingsFloor(LimitsFloor):
    """The shipped configuration in a directory of its own, a data directory beside it, and a desk for both."""

    def __init__(self, folder: Path, **environ: str) -> None:
        shutil.copytree(ROOT / "config", folder / "config")
        super().__init__(folder / "config")
        self.environ = {"TRADER_DATA_DIR": str(folder / "data"), **environ}
        self.env_file = folder / ".env"
        self.settings = FileDesk(
            self.config,
            load_rules(self.config),
            environ=self.environ,
            env_file=self.env_file,
            door=self.control.guarded,
            tasks=self.tasks,
        )

    async def row(self, name: str) -> SettingRow:
        return next(row for row in (await self.settings.look()).rows if row.name == name)

    async def edits(self, **texts: str) -> list[Edit]:
        """Dots of a name are written __, and dashes ___."""
        values = {row.name: row.value for row in (await self.settings.look()).rows}
        names = {name.replace("___", "-").replace("__", "."): text for name, text in texts.items()}
        return [Edit(name=name, was=values[name], text=text) for name, text in names.items()]

    async def change(self, who: Who = ME, **texts: str) -> None:
        await self.settings.save(who, await self.edits(**texts))

    async def secret(self, name: str) -> SecretRow:
        return next(row for row in (await self.settings.look()).secrets if row.name == name)

    def difference(self, name: str) -> list[str]:
        """Lines of a file that are not as shipped."""
        before, after = ((folder / name).read_text().splitlines() for folder in (ROOT / "config", self.config))
        return [line for line in difflib.ndiff(before, after) if line[0] in "+-"]


@pytest.fixture
def floor(tmp_path: Path) -> SettingsFloor:
    return SettingsFloor(tmp_path)


async def test_every_key_is_shown_with_its_value_bounds_meaning_and_when_it_counts(floor: SettingsFloor) -> None:
    rows = {row.name: row for row in (await floor.settings.look()).rows}
    row = rows["cycle_seconds"]
    assert (row.kind, row.value, row.default, row.low, row.high) == (FieldKind.WHOLE, "60", "60", "5", "3600")
    assert row.counts is Counts.NEXT_START
    assert rows["position_size_pct"].counts is rows["strategies.news_analyzer.weight"].counts is Counts.CONTROLS
    assert rows["simulation.decides_at"].counts is Counts.BACKTEST
    assert rows["timeframe"].value != rows["timeframe"].default == "1h"
    assert rows["strategies.technical_indicators.settings.rsi_period"].value == "21"
    assert rows["deepseek.prices.deepseek-v4-pro.output_usd"].value == "3.96"
    assert rows["alerts.events.alive.push"].value == "off"
    assert (rows["alerts.events.disk.push"].value, rows["alerts.events.disk.push"].optional) == ("", True)
    assert "51% attack" in rows["news.keywords.high"].value
    assert "alerts.events.test.email" not in rows


async def test_a_change_is_written_where_it_stands_and_nothing_else_moves(floor: SettingsFloor) -> None:
    await floor.change(
        cycle_seconds="90",
        strategies__technical_indicators__settings__rsi_period="20",
        alerts__max_per_hour="30",
        alerts__events__disk__sms="on",
    )
    assert [line[2:].split("#")[0].strip() for line in floor.difference("strategies.yml") if line[0] == "+"] == [
        "cycle_seconds: 90",
        "settings: {rsi_period: 20, rsi_oversold: 40, rsi_overbought: 80, macd_fast: 16, macd_slow: 26, "
        "average_short: 10,",
    ]
    assert [line for line in floor.difference("app.yml") if line[0] == "-"] == [
        "-   max_per_hour: 20            # 4-200: messages an hour on each channel; what is more shares one message"
    ]
    assert load_rules(floor.config).rules.voting.cycle_seconds == 90
    row = await floor.row("cycle_seconds")
    assert (row.value, row.running) == ("90", "60")
    assert [(line["action"], line["target"], line["detail"]) for line in floor.audit][:2] == [
        ("change_settings", "cycle_seconds", "60 → 90"),
        ("change_settings", "strategies.technical_indicators.settings.rsi_period", "21 → 20"),
    ]


REFUSED = {
    "cycle_seconds": ("2", "between 5 and 3600"),
    "alerts.timezone": ("Mars/Base", "a time zone"),
    "alerts.quiet_hours.start": ("22:00", "a start and an end"),
    "history.update_at": ("24:00", "a time such as 03:40"),
    "strategies.technical_indicators.settings.rsi_period": ("NaN", "a number, true, false"),
    "position_size_pct": ("7", "on the Controls tab"),
    "simulation.decides_at": ("open", "in a backtest's own configuration"),
    "news.keywords.high": ("x", "2 to 60 characters"),
}


async def test_what_the_start_would_refuse_is_refused_before_anything_is_written(floor: SettingsFloor) -> None:
    values = {row.name: row.value for row in (await floor.settings.look()).rows}
    good = Edit(name="alerts.max_per_hour", was=values["alerts.max_per_hour"], text="30")
    for name, (text, why) in REFUSED.items():
        with pytest.raises(Unfit, match=why):
            await floor.settings.save(ME, [good, Edit(name=name, was=values[name], text=text)])
    assert floor.difference("app.yml") == floor.audit == []


async def test_an_unknown_key_and_one_that_somebody_else_changed_are_refused(floor: SettingsFloor) -> None:
    with pytest.raises(Unfit, match="is no setting"):
        await floor.settings.check([Edit(name="alerts.nothing", was="", text="1")])
    shown = await floor.edits(cycle_seconds="120")
    await floor.change(cycle_seconds="90")
    with pytest.raises(Conflict, match="has been changed to 90 meanwhile"):
        await floor.settings.save(ME, shown)


async def test_quiet_hours_are_set_and_switched_off_again(floor: SettingsFloor) -> None:
    await floor.change(alerts__quiet_hours__start="22:00", alerts__quiet_hours__end="07:00")
    assert '    start: "22:00"' in (floor.config / "app.yml").read_text()
    assert load_rules(floor.config).app["alerts"].quiet is not None
    await floor.change(alerts__quiet_hours__start="", alerts__quiet_hours__end="")
    assert load_rules(floor.config).app["alerts"].quiet is None


async def test_an_event_follows_its_level_again(floor: SettingsFloor) -> None:
    await floor.change(alerts__events__disk__sms="on")
    await floor.change(alerts__events__disk__sms="")
    assert (await floor.row("alerts.events.disk.sms")).value == ""


async def test_a_file_that_names_no_strategy_keeps_them_all_when_one_is_changed(floor: SettingsFloor) -> None:
    (floor.config / "strategies.yml").write_text("cycle_seconds: 60\n")
    (floor.config / "app.yml").unlink()
    before = load_rules(floor.config).rules.voting.strategies
    await floor.change(strategies__news_analyzer__opinion_ttl_seconds="900")
    await floor.change(deepseek__prices__deepseek___flash__input_usd="0.5")
    loaded = load_rules(floor.config)
    after = loaded.rules.voting.strategies
    assert [(each.name, each.weight, each.enabled) for each in after] == [
        (each.name, each.weight, each.enabled) for each in before
    ]
    assert after[2].opinion_ttl_seconds == 900
    assert len(loaded.app["deepseek"]["prices"]) == 2


async def test_a_text_of_a_strategy_needs_no_quotes_from_a_person(floor: SettingsFloor) -> None:
    path = floor.config / "strategies.yml"
    path.write_text(
        "strategies:\n  mine: {enabled: true, weight: 1, settings: {word: calm, on: true, many: [1, 2.5]}}\n"
    )
    await floor.change(
        strategies__mine__settings__word="off",
        strategies__mine__settings__on="false",
        strategies__mine__settings__many='[3, "no"]',
    )
    (mine,) = load_rules(floor.config).rules.voting.strategies
    assert dict(mine.settings) == {"word": '"off"', "on": "false", "many": '[3,"no"]'}


def added(lines: list[str]) -> list[str]:
    return [line[2:] for line in lines if line[0] == "+"]


def removed(lines: list[str]) -> list[str]:
    return [line[2:] for line in lines if line[0] == "-"]


async def test_a_model_gets_prices_and_a_last_day_and_another_one_goes(floor: SettingsFloor) -> None:
    start = "deepseek.prices.local/model-1.5:8b"
    new = [Edit(name=f"{start}.{part}_usd", was="", text="0.5") for part in ("cached", "input", "output")]
    await floor.settings.save(ME, [*new, Edit(name="deepseek.cutoffs.local/model-1.5:8b", was="", text="2025-07-01")])
    app = load_rules(floor.config).app["deepseek"]
    assert list(app["prices"]) == ["deepseek-flash", "deepseek-v4-pro", "local/model-1.5:8b"]
    assert app["cutoffs"] == {"local/model-1.5:8b": "2025-07-01"}
    values = {row.name: row.value for row in (await floor.settings.look()).rows}
    assert values[f"{start}.input_usd"] == "0.5"
    gone = [name for name in values if "deepseek-v4-pro" in name or "cutoffs" in name]
    await floor.settings.save(ME, [Edit(name=name, was=values[name], text="") for name in gone])
    app = load_rules(floor.config).app["deepseek"]
    assert list(app["prices"]) == ["deepseek-flash", "local/model-1.5:8b"]
    assert app["cutoffs"] == {}
    assert removed(floor.difference("app.yml")) == [
        "    deepseek-v4-pro: {cached_usd: 0.044, input_usd: 1.32, output_usd: 3.96}"
    ]
    assert [(row["target"], row["detail"]) for row in floor.audit][-1] == (
        "deepseek.cutoffs.local/model-1.5:8b",
        "2025-07-01 → not given",
    )


async def test_a_table_that_is_emptied_stays_empty(floor: SettingsFloor) -> None:
    (floor.config / "app.yml").unlink()
    rows = [row for row in (await floor.settings.look()).rows if row.name.startswith("deepseek.prices.")]
    await floor.settings.save(ME, [Edit(name=row.name, was=row.value, text="") for row in rows])
    assert load_rules(floor.config).app["deepseek"]["prices"] == {}
    assert not [row for row in (await floor.settings.look()).rows if row.name.startswith("deepseek.prices.")]


async def test_words_and_feeds_may_hold_commas_and_stand_a_line_each(floor: SettingsFloor) -> None:
    row = await floor.row("news.feeds")
    first, *_, last = row.value.split("\n")
    comma = "https://news.example/rss?only=bitcoin,sec"
    high = await floor.row("news.keywords.high")
    await floor.settings.save(
        ME,
        [
            Edit(name=row.name, was=row.value, text="\n".join((first, last, comma))),
            Edit(name=high.name, was=high.value, text=high.value.replace("51% attack", "hack, again")),
        ],
    )
    news = load_rules(floor.config).app["news"]
    assert news["feeds"] == (first, last, comma)
    assert "hack, again" in news["keywords"]["high"]
    assert "51% attack" not in news["keywords"]["high"]
    assert f"    - '{comma}'" in added(floor.difference("app.yml"))
    await floor.settings.save(ME, [Edit(name=row.name, was="\n".join(news["feeds"]), text="")])
    assert load_rules(floor.config).app["news"]["feeds"] == ()


async def test_a_strategy_gets_settings_that_are_lists_and_loses_others(floor: SettingsFloor) -> None:
    start = "strategies.technical_indicators.settings"
    before = (floor.config / "strategies.yml").read_text().count("#")
    await floor.settings.save(
        ME,
        [
            Edit(name=f"{start}.rsi_period", was="21", text=""),
            Edit(name=f"{start}.levels", was="", text='[1.5, "a, b", true]'),
            Edit(name="strategies.news_analyzer.settings.calm", was="", text="yes"),
        ],
    )
    rules = {rule.name: dict(rule.settings) for rule in load_rules(floor.config).rules.voting.strategies}
    assert "rsi_period" not in rules["technical_indicators"]
    assert rules["technical_indicators"]["levels"] == '[1.5,"a, b",true]'
    assert rules["technical_indicators"]["macd_fast"] == "16"
    assert rules["news_analyzer"] == {"calm": '"yes"'}
    text = (floor.config / "strategies.yml").read_text()
    assert text.count("#") == before
    assert max(map(len, text.splitlines())) <= 130


async def test_a_strategy_that_is_off_is_taken_out_of_the_list_and_one_that_votes_is_not(floor: SettingsFloor) -> None:
    path = floor.config / "strategies.yml"
    path.write_text(path.read_text().replace("news_analyzer: {enabled: true", "news_analyzer: {enabled: false"))
    with pytest.raises(Unfit, match="on the Controls tab"):
        await floor.change(strategies__deepseek_analyzer__enabled="")
    await floor.change(strategies__news_analyzer__enabled="")
    names = [rule.name for rule in load_rules(floor.config).rules.voting.strategies]
    assert names == ["deepseek_analyzer", "technical_indicators"]


BAD_ENTRIES = (
    ("news.feeds", "ftp://news.example/", "news.feeds: the entry 'ftp://news.example/' cannot be"),
    ("news.keywords.high", "hack\nx", "news.keywords.high: the entry 'x' cannot be"),
    ("news.keywords.high", "hack\nHack", "news.keywords.high: the entry 'Hack' is there twice"),
    ("deepseek.cutoffs.a b", "2025-07-01", "deepseek.cutoffs: the name 'a b' cannot be"),
    ("deepseek.cutoffs.ab", "yesterday", "deepseek.cutoffs.ab is 'yesterday'; it must be a date"),
    ("deepseek.prices.ab.input_usd", "1", "deepseek.prices.ab needs cached_usd, input_usd and output_usd"),
    ("deepseek.prices.deepseek-flash.input_usd", "", "deepseek.prices.deepseek-flash.input_usd: it cannot be empty"),
    ("strategies.nobody.settings.a", "1", "strategies.nobody.settings.a: is no setting"),
    ("strategies.news_analyzer.settings.A", "1", "strategies.news_analyzer.settings: the name 'A' cannot be"),
    ("strategies.news_analyzer.settings.a", '{"b": 1}', "strategies.news_analyzer.settings.a: it must be a number"),
)


async def test_a_bad_entry_is_named_and_nothing_is_changed(floor: SettingsFloor) -> None:
    values = {row.name: row.value for row in (await floor.settings.look()).rows}
    for name, text, why in BAD_ENTRIES:
        with pytest.raises(Unfit, match=re.escape(why)):
            await floor.settings.save(ME, [Edit(name=name, was=values.get(name, ""), text=text)])
    assert floor.difference("app.yml") == floor.difference("strategies.yml") == floor.audit == []


async def test_an_entry_that_somebody_else_removed_or_added_is_no_surprise(floor: SettingsFloor) -> None:
    with pytest.raises(Conflict, match="has been removed meanwhile"):
        await floor.settings.check([Edit(name="deepseek.cutoffs.ab", was="2025-07-01", text="2025-08-01")])
    await floor.settings.save(ME, [Edit(name="deepseek.cutoffs.ab", was="", text="2025-07-01")])
    with pytest.raises(Conflict, match="has been changed to '2025-07-01' meanwhile"):
        await floor.settings.check([Edit(name="deepseek.cutoffs.ab", was="", text="2025-08-01")])


async def test_where_a_second_factor_is_enrolled_every_change_needs_it(floor: SettingsFloor) -> None:
    floor.codes.is_enrolled, floor.codes.known = True, {"123456"}
    with pytest.raises(SecondFactorNeeded):
        await floor.change(cycle_seconds="90")
    with pytest.raises(SecondFactorNeeded):
        await floor.settings.set_secret(ME, "DEEPSEEK_API_KEY", VALUE)
    assert floor.difference("strategies.yml") == []
    assert not (await floor.secret("DEEPSEEK_API_KEY")).set
    await floor.change(CODED, cycle_seconds="90")
    assert (await floor.row("cycle_seconds")).value == "90"


async def test_a_secret_is_set_found_by_the_next_start_and_removed_and_stands_nowhere_in_clear(
    floor: SettingsFloor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert await floor.settings.set_secret(ME, "DEEPSEEK_API_KEY", VALUE) == ""
    row = await floor.secret("DEEPSEEK_API_KEY")
    assert (row.set, row.kept, row.source) == (True, True, "sealed store")
    found = load_settings(floor.environ, None).deepseek_api_key
    assert found is not None
    assert found.reveal() == VALUE
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert all(VALUE.encode() not in path.read_bytes() for path in files)
    assert VALUE not in caplog.text + json.dumps(floor.audit) + repr(await floor.settings.look())
    await floor.settings.remove_secret(ME, "DEEPSEEK_API_KEY")
    assert not (await floor.secret("DEEPSEEK_API_KEY")).set
    assert [(line["action"], line["target"], line["detail"]) for line in floor.audit] == [
        ("set_secret", "DEEPSEEK_API_KEY", "set"),
        ("remove_secret", "DEEPSEEK_API_KEY", "removed"),
    ]


async def test_a_secret_that_cannot_be_is_refused_without_being_repeated(floor: SettingsFloor) -> None:
    for name, value in (("SMTP_URL", VALUE), ("DEEPSEEK_API_KEY", f"{VALUE} "), ("DEEPSEEK_API_KEY", "")):
        with pytest.raises((ConfigError, Unfit)) as refusal:
            await floor.settings.set_secret(ME, name, value)
        assert VALUE not in str(refusal.value)
    with pytest.raises(ConfigError, match="is no secret"):
        await floor.settings.set_secret(ME, "TRADER_HOST", VALUE)
    assert floor.audit == []


async def test_where_something_else_gives_a_secret_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(VALUE)
    floor = SettingsFloor(
        tmp_path, NEWSAPI_API_KEY_FILE=str(tmp_path / "missing"), SMTP_URL=f"smtp://a:{VALUE}@b.example:25"
    )
    floor.env_file.write_text(f"DEEPSEEK_API_KEY={VALUE}\n")
    assert (await floor.secret("SMTP_URL")).source == "environment"
    assert (await floor.secret("NEWSAPI_API_KEY")).source == "file that NEWSAPI_API_KEY_FILE names (environment)"
    assert (await floor.secret("DEEPSEEK_API_KEY")).source.endswith(".env line 1")
    assert VALUE not in repr(await floor.settings.look())


async def test_a_secret_that_something_else_gives_too_is_kept_and_the_owner_is_told(tmp_path: Path) -> None:
    floor = SettingsFloor(tmp_path, DEEPSEEK_API_KEY="another")
    said = await floor.settings.set_secret(ME, "DEEPSEEK_API_KEY", VALUE)
    assert said == "environment gives DEEPSEEK_API_KEY too, and that one counts: remove it there"
    with pytest.raises(ConfigError, match="not in the sealed store"):
        await floor.settings.remove_secret(ME, "SMTP_URL")


async def test_of_other_settings_the_value_and_its_place_are_shown_but_no_way_in(tmp_path: Path) -> None:
    floor = SettingsFloor(
        tmp_path,
        TRADER_PORT="9000",
        NEWS_RSS_URLS=f"https://news.example/rss?key={VALUE},https://user:{VALUE}@other.example/",
        BINANCEUS_TRADE_ONLY_KEY=VALUE[:8],
    )
    found = {row.name: row for row in (await floor.settings.look()).environment}
    assert (found["TRADER_PORT"].value, found["TRADER_PORT"].source) == ("9000", "environment")
    assert (found["TRADER_HOST"].value, found["TRADER_HOST"].source) == ("127.0.0.1", "")
    assert found["NEWS_RSS_URLS"].value == "https://news.example/…, https://other.example/…"
    assert found["BINANCEUS_TRADE_ONLY_KEY"].value == "given"
    assert VALUE[:8] not in repr(found)
    assert not any("API_KEY" in name and name != "BINANCEUS_TRADE_ONLY_KEY" for name in found)


async def test_two_who_save_at_once_are_both_heard(floor: SettingsFloor) -> None:
    await asyncio.gather(floor.change(cycle_seconds="90"), floor.change(alerts__max_per_hour="30"))
    rules = load_rules(floor.config)
    assert (rules.rules.voting.cycle_seconds, rules.app["alerts"].max_per_hour) == (90, 30)
