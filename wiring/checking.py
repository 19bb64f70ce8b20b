"""This installation and a strategy's file, looked through."""

import argparse
import json
import os
from pathlib import Path

from app.core.errors import ConfigError
from wiring.settings import settings_of, version


def doctor(arguments: argparse.Namespace) -> int:
    """What is wrong with this installation. Looks only; also when settings are broken or a trader is running."""
    from backtest import data_commands
    from services.doctor.check import json_of, text_of
    from services.doctor.examination import examine

    env_file = Path(".env") if Path(".env").exists() else None
    examined = examine(dict(os.environ), env_file, version=version(), stored_candles=data_commands.list_rows)
    print(json_of(examined.checks) if arguments.json else text_of(examined.checks), flush=True)
    code = 0 if examined.good else 1
    if examined.hanging and arguments.alone:
        os._exit(code)  # a thread that waits for a name server or a disk would keep the program from ending
    return code


def strategy(arguments: argparse.Namespace) -> int:
    """The proof that a file must pass before anybody can enable it, item by item."""
    import asyncio

    from services.settings import load_rules
    from services.strategy_proof import json_of, prove, text_of

    path = Path(arguments.file)
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file")
    rules = load_rules(settings_of().config_dir).rules.voting.strategies
    given = next((rule.settings for rule in rules if rule.name == path.stem), ())
    options = {name: json.loads(value) for name, value in given}
    proved = asyncio.run(prove(path.stem, "", None, directory=path.parent, settings=options))
    print(json_of(proved) if arguments.json else text_of(proved))
    return 0 if proved.passed else 1
