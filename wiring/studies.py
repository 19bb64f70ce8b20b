"""Studies: better settings looked for, their surroundings, and runs side by side."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.core.errors import ConfigError
from app.seam import clock
from wiring.backtesting import backtested
from wiring.bench import bench_of, trial_setup
from wiring.process import telling_progress
from wiring.settings import settings_of, version

if TYPE_CHECKING:
    from backtest.space import Changes
    from services.settings import Settings


def optimize(arguments: argparse.Namespace) -> int:
    """Look for settings that do better, by a study that can be gone on with."""
    from backtest import optimize_command

    settings = settings_of()
    return optimize_command.command(
        arguments,
        make=bench_of,
        setup=trial_setup(arguments, settings),
        version=version(),
        keep=lambda: studies_place(settings),
        write_config=write_config(trial_setup(arguments, settings).config_dir),
        progress=telling_progress() if arguments.progress else None,
    )


def sensitivity(arguments: argparse.Namespace) -> int:
    """How the result changes with a few settings."""
    from backtest import sensitivity_command

    setup = trial_setup(arguments, settings_of())
    progress = telling_progress() if arguments.progress else None
    return sensitivity_command.command(arguments, make=bench_of, setup=setup, progress=progress)


def compare(arguments: argparse.Namespace) -> int:
    """Finished runs side by side; configurations are run first, each with the options of `backtest`."""
    from backtest import compare_command

    folders = [Path(run) for run in arguments.runs]
    if arguments.config and not arguments.data:
        raise ConfigError("--data: name the candles that the configurations are to be run on")
    home = Path("runs") / f"compare-{clock.now():%Y-%m-%d_%H-%M-%S}"
    for number, config in enumerate(arguments.config or (), start=1):
        folder = home / f"{number}-{Path(config).resolve().name}"
        plainly = {"recorded": None, "voices": False, "dense": False, "report": True}
        given = {**vars(arguments), **plainly, "config": config, "out": str(folder)}
        backtested(argparse.Namespace(**given), settings_of())
        folders.append(folder)
    return compare_command.command(arguments, folders)


def write_config(config_dir: Path) -> "Callable[[Changes, Path], str]":
    """Writes the configuration with changes into a folder; its SHA-256."""
    from backtest.space import by_file
    from services.settings import changed_rules

    def write(changes: "Changes", folder: Path) -> str:
        loaded, texts = changed_rules(config_dir, by_file(changes), backtest=True)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            if text is not None:
                (folder / name).write_text(text, encoding="utf-8")
        return loaded.sha256

    return write


def studies_place(settings: "Settings") -> tuple[str, dict[str, Any]]:
    """Where studies are kept, and what the connection needs."""
    from services.database.studies import place

    return place(settings.database_url.reveal(), settings.data_dir)
