"""Studies as people run them: the same with one process, with many, and on a cluster; cut short and gone on with."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import main as program
from app.core.errors import ConfigError
from backtest.optimize import Found, Order, Pool, optimise
from backtest.optimize_pool import executor
from backtest.series import CandleSeries
from backtest.space import space_of
from backtest.studies import Studies
from backtest.trials import WORST, score
from tests.histories import random_walk
from tests.ports import free_port
from wiring.bench import TrialSetup, Workbench, bench_of
from wiring.studies import write_config

ROOT = Path(__file__).parents[2]
TECHNICAL = "strategies.technical_indicators.settings"
VARY = [f"{TECHNICAL}.rsi_oversold=25..40/5", "buy_threshold=50..80/5", "risk.stop_loss_pct=1..5", "timeframe=15m,30m"]
START = datetime(2023, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> TrialSetup:
    """Sixty days of minutes in a file, as every worker reads them."""
    folder = tmp_path_factory.mktemp("history")
    write(random_walk(3, 60 * 24 * 60, START), folder / "walk.csv")
    return TrialSetup(
        data=str(folder / "walk.csv"),
        data_dir=folder,
        config_dir=ROOT / "config",
        strategies_dir=ROOT / "strategies",
        symbol="BTC/USD",
        cash=Decimal(10_000),
    )


def write(series: CandleSeries, path: Path) -> None:
    rows = np.column_stack((series.ts, series.open, series.high, series.low, series.close, series.volume))
    np.savetxt(
        path, rows, fmt=["%d", *["%.5f"] * 5], delimiter=",", comments="", header="timestamp,open,high,low,close,volume"
    )


@pytest.fixture(scope="module")
def bench(setup: TrialSetup) -> Workbench:
    return bench_of(setup)


@pytest.fixture
def here(setup: TrialSetup, bench: Workbench) -> Pool:
    return Pool(lambda _: bench, setup)


ORDER = Order(space=space_of(VARY), objective="return", trials=24, seed=5)


def told(found: Found) -> list[tuple[tuple[int, ...], float]]:
    return [(each.places, each.score) for each in found.best]


@pytest.fixture(scope="module")
def whole(setup: TrialSetup, bench: Workbench) -> Found:
    return optimise(ORDER, Pool(lambda _: bench, setup))


def test_the_same_seed_gives_the_same_study_and_another_seed_another(here: Pool, whole: Found) -> None:
    assert whole.best[0].score > 0 > WORST / 4 > whole.best[-1].score or len(set(whole.scores)) > 5
    assert told(optimise(ORDER, here)) == told(whole)
    assert told(optimise(replace(ORDER, seed=6), here)) != told(whole)


def test_a_study_that_was_cut_short_goes_on_as_if_it_had_not_been(here: Pool, whole: Found, tmp_path: Path) -> None:
    studies = Studies(f"sqlite:///{tmp_path / 'studies.db'}")
    kept = studies.begin("one", {"data": "walk"})
    cut_short(optimise, replace(ORDER, trials=24), here, kept, batches=1)
    assert len(kept.trials()) == 8
    kept.keep([*kept.trials(), *whole.study.trials[8:11]])  # and the process died while it wrote the second batch
    studies.close()

    again = Studies(f"sqlite:///{tmp_path / 'studies.db'}")
    resumed = again.resume("one")
    assert resumed.about == {"data": "walk"}
    found = optimise(ORDER, here, before=resumed.trials(), keep=resumed.keep)
    assert told(found) == told(whole)
    assert [each.value for each in resumed.trials()] == [each.value for each in whole.study.trials]
    with pytest.raises(ConfigError, match="study one: is there already; go on with --resume one"):
        again.begin("one", {})
    with pytest.raises(ConfigError, match="study two: there is none of that name; there are one"):
        again.resume("two")
    again.close()


def cut_short(study: Any, order: Order, pool: Pool, kept: Any, batches: int) -> None:
    done = 0

    def told(made: int, best: float | None) -> None:
        nonlocal done
        done += 1
        if done == batches:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study(order, pool, keep=kept.keep, told=told)


def test_a_study_ends_early_where_nothing_better_comes(here: Pool) -> None:
    order = replace(ORDER, trials=400, stop_after=16)
    found = optimise(order, here)
    assert len(found.study.trials) < 200
    assert len(found.study.trials) - 1 - found.study.best_trial.number >= 16


def test_a_configuration_that_is_not_possible_is_tried_and_told_and_never_wins(here: Pool) -> None:
    space = space_of([f"{TECHNICAL}.macd_fast=8,12,30", f"{TECHNICAL}.macd_slow=20,26", "timeframe=15m,30m"])
    found = optimise(Order(space=space, objective="return", trials=24, seed=1), here)
    refused = [each for each in found.best if each.tried.refused]
    assert {each.places[0] for each in refused} == {2}
    assert "macd_fast is 30; use less than macd_slow" in refused[0].tried.refused
    assert not found.best[0].tried.refused
    assert found.best[-1].score == WORST == score("return", refused[0].tried)


# ---------------------------------------------------------------- a cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """A Dask scheduler and two workers, each a process, on loopback."""
    address = f"tcp://127.0.0.1:{free_port()}"
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port",
             address.rpartition(":")[2], "--no-dashboard", "--no-show"], cwd=ROOT, stderr=subprocess.DEVNULL,
        )
    ]  # fmt: skip
    started += [
        subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny",
             "--no-dashboard", "--local-directory", str(tmp_path / str(number))], cwd=ROOT, stderr=subprocess.DEVNULL,
        )
        for number in (1, 2)
    ]  # fmt: skip
    try:
        yield address
    finally:
        for process in started[1:]:
            process.terminate()
        for process in [*started[1:], started[0]]:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


def test_a_cluster_finds_what_the_processes_of_this_machine_find(
    cluster: str, setup: TrialSetup, bench: Workbench, whole: Found
) -> None:
    import distributed

    with distributed.Client(cluster, timeout=30, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=30)
        known = replace(setup, config_sha256=bench.config_sha256)
        with executor(1, cluster) as where:
            assert told(optimise(ORDER, Pool(bench_of, known, where))) == told(whole)
        worked = client.run(lambda: len(sys.modules["backtest.trials"]._made))
        assert sorted(worked.values()) == [1, 1]  # both took part
        with executor(1, cluster) as where, pytest.raises(ConfigError, match="says something else here"):
            optimise(ORDER, Pool(bench_of, replace(setup, config_sha256="0" * 64), where))


def test_processes_of_this_machine_find_what_one_process_finds(setup: TrialSetup, whole: Found) -> None:
    with executor(2, None) as where:
        assert told(optimise(ORDER, Pool(bench_of, setup, where))) == told(whole)


def test_a_cluster_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backtest.optimize_pool.SECONDS", 1)
    with pytest.raises(ConfigError, match="does not answer"), executor(1, f"tcp://127.0.0.1:{free_port()}"):
        pass


# ---------------------------------------------------------------- the command


@pytest.fixture
def at_home(setup: TrialSetup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRADER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TRADER_CONFIG_DIR", str(setup.config_dir))
    monkeypatch.setenv("TRADER_STRATEGIES_DIR", str(setup.strategies_dir))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(setup: TrialSetup, *more: str) -> list[str]:
    varied = [text for each in VARY for text in ("--vary", each)]
    return ["optimize", "--data", setup.data, "--workers", "1", "--objective", "return", *varied, *more]


def test_the_command_leaves_a_folder_whose_settings_can_be_used(
    setup: TrialSetup, at_home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    walking = ["--walk-forward", "20d/20d", "--seed", "5", "--trials", "16"]
    assert program.main(asked(setup, "--study", "one", "--out", "found", "--json", *walking)) == 0
    study = json.loads(capfd.readouterr().out)
    assert study == json.loads((at_home / "found" / "study.json").read_text())
    assert study["headline"]["what"].startswith("out of sample")
    assert len(study["walk_forward_windows"]) == 2
    assert study["tried"] > 16
    assert set(study["importance"]) == {each.partition("=")[0] for each in VARY}
    assert {each["name"] for each in study["ablation"]} == {"without volume", "without RSI extremes", "without either"}
    assert study["neighbours"]
    page = (at_home / "found" / "optimize.html").read_text()
    assert "<title>Search for better settings: walk: 2023-01-01 to 2023-03-02</title>" in page
    for part in ("Out of sample", "Test by test", "Buy and hold", "What it hangs on", "What carries the result",
                 "One step to the side", "Course of the search", "How far to believe the best one"):  # fmt: skip
        assert part in page, part
    held = study["headline"]["curve"]["held"]
    assert len(held) == len(study["headline"]["curve"]["equity"])
    gain = study["headline"]["buy_and_hold_return_pct"]
    assert held[-1] / 10_000 - 1 == pytest.approx(gain / 100, abs=1e-5), "the line ends where its figure says"
    each = [window["buy_and_hold_return_pct"] for window in study["walk_forward_windows"]]
    once = (1 + each[0] / 100) * (1 + each[1] / 100) / 0.999**2
    assert 1 + gain / 100 == pytest.approx(once, abs=2e-3), "the fee of both ends is paid once, not twice"
    assert (at_home / "found" / "trials.csv").read_text().count("\n") > 5

    again = [
        "backtest", "--data", setup.data, "--config", "found/best", "--since", study["span"]["since"][:10], "--out",
        "again",
        "--no-record", "--json",
    ]  # fmt: skip
    assert program.main(again) == 0
    best = json.loads((at_home / "found" / "run" / "result.json").read_text())
    assert best["trades"] == study["best"][0]["trades"]
    assert json.loads(capfd.readouterr().out)["config_sha256"] == best["config_sha256"]

    assert program.main(["optimize", "--resume", "one", "--workers", "1", "--out", "found-2", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["best"] == study["best"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--vary", "buy_treshold=60,70"], "did you mean buy_threshold?"),
        (["--vary", "min_participation=500..900/100"], "min_participation is 500; "),
        (["--vary", "min_participation"], "write PATH=VALUE,VALUE"),
        (["--vary", "min_participation=9..1"], "LOW must be below HIGH"),
        (["--vary", "timeframe=1h"], "timeframe: is given twice"),
        (["--walk-forward", "2y"], "write TRAIN/TEST in days"),
        (["--walk-forward", "730d/182d"], "is too short for 730 days"),
        (["--since", "2030-01-01"], "has nothing between"),
    ],
)
def test_wrong_use_is_said_in_one_line(
    setup: TrialSetup, at_home: Path, capfd: pytest.CaptureFixture[str], more: list[str], says: str
) -> None:
    assert program.main(asked(setup, *more)) == 2
    error = capfd.readouterr().err
    assert says in error
    assert error.count("\n") == 1


# ---------------------------------------------------------------- beside each other


def test_sensitivity_tries_every_combination_and_draws_it(
    setup: TrialSetup, at_home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    varied = ["--vary", "buy_threshold=60,70", "--vary", "timeframe=15m,30m"]
    assert program.main(["sensitivity", "--data", setup.data, *varied, "--workers", "1", "--out", "map"]) == 0
    told = capfd.readouterr().out.splitlines()
    assert told[0] == "return %: buy_threshold (down) by timeframe (across)"
    assert told[1].split() == ["15m", "30m"]
    rows = json.loads((at_home / "map" / "sensitivity.json").read_text())
    assert [row["settings"] for row in rows] == [
        {"buy_threshold": low, "timeframe": frame} for low in ("60", "70") for frame in ("15m", "30m")
    ]
    last = f"{rows[3]['return_pct']:.2f}".replace("-", "−")
    assert told[3].split()[2] == last
    page = (at_home / "map" / "sensitivity.html").read_text()
    assert page.count('class="months map"') == 3, "return, Sharpe ratio, drawdown"
    assert f">{last if last.startswith('−') else f'+{last}'}</td>" in page
    assert program.main(["sensitivity", "--data", setup.data, "--vary", "timeframe=7h,9h", "--workers", "1"]) == 2
    assert "no combination is possible" in capfd.readouterr().err


def test_configurations_are_run_and_compared(
    setup: TrialSetup, at_home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, threshold in (("bold", 60), ("shy", 80)):
        write_config(setup.config_dir)((("buy_threshold", threshold), ("timeframe", "15m")), at_home / name)
    given = ["compare", "--config", "bold", "--config", "shy", "--data", setup.data, "--out", ".", "--json"]
    assert program.main([*given, "--until", "2023-02-01"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert list(told["runs"]) == ["1-bold", "2-shy"]
    assert told["runs"]["1-bold"]["trades"] > told["runs"]["2-shy"]["trades"]
    assert told["warnings"] == []
    assert '"name":"2-shy"' in (at_home / "compare.html").read_text()
