"""The command line: which commands there are, what each takes, and which part of `wiring` does it.

Nothing is done here. Exit codes: 0 done, 1 the check failed, 2 wrong use or bad input (one clear line, no traceback).
"""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.core.errors import TraderError
from wiring.alerts import alert
from wiring.auditing import audit, ledger, replay
from wiring.backtesting import backtest
from wiring.candles import data, download
from wiring.checking import doctor, strategy
from wiring.days import drift, opinions, review, voices
from wiring.drilling import drill
from wiring.live_check import live_check
from wiring.process import close
from wiring.secrets import rotate, secrets, user
from wiring.serving import run
from wiring.settings import version
from wiring.studies import compare, optimize, sensitivity


def day_of(text: str) -> datetime:
    """A UTC date of the command line."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write it as 2023-03-14") from error


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="main.py", description="bitcoin-autotrader")
    top.add_argument("--version", action="version", version=version())
    top.set_defaults(alone=__name__ == "__main__")  # the process is nothing but this command
    verbs = top.add_subparsers(dest="command", metavar="COMMAND")
    verbs.add_parser("run", help="the trader and its dashboard (default)").set_defaults(act=run)

    candles = verbs.add_parser("data", help="candles on disk").add_subparsers(dest="verb", required=True)
    importing = candles.add_parser("import", help="take in a CSV, parquet or feather file")
    importing.add_argument("file")
    importing.add_argument("--symbol", help="default: as the file's name says, else TRADER_SYMBOL")
    importing.add_argument("--timeframe", "-i", help="default: as the file's name says, else 1m")
    importing.set_defaults(act=data, json=False)
    add_download(candles.add_parser("download", help="minutes of Binance.US; goes on where it stopped"))
    listing = candles.add_parser("list", help="what there is")
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(act=data)
    checking = candles.add_parser("check", help="gaps, duplicates, impossible candles; exit 1 when something is wrong")
    checking.add_argument("name", help="a symbol that was imported, or a file")
    checking.add_argument("--json", action="store_true", help="for programs")
    checking.set_defaults(act=data)

    add_download(verbs.add_parser("download-data", help="the same as data download"))
    same = verbs.add_parser("list-data", help="the same as data list")
    same.add_argument("--json", action="store_true", help="for programs")
    same.set_defaults(act=data, verb="list")

    testing = verbs.add_parser("backtest", help="replay history through the engine")
    testing.add_argument("--data", required=True, help="a symbol that was imported, or a file")
    testing.add_argument("--since", type=day_of, help="UTC date, included")
    testing.add_argument("--until", type=day_of, help="UTC date, not included")
    testing.add_argument("--cash", help="default: TRADER_PAPER_CASH")
    testing.add_argument(
        "--config", type=folder_of, help="folder with strategies.yml and risk.yml; default: TRADER_CONFIG_DIR"
    )
    testing.add_argument("--out", help="folder for the result; default: runs/backtest-<time>")
    how = "answer who reads text or asks a model from what is on record: in a file, a ledger, or the current books"
    testing.add_argument("--recorded", nargs="?", const="", metavar="FILE|LEDGER", help=how)
    testing.add_argument("--voices", action="store_true", help="what each voice was worth, too")
    testing.add_argument("--json", action="store_true", help="print result.json")
    add_progress(testing)
    testing.add_argument("--no-record", dest="record", action="store_false", help="leave the books alone")
    testing.add_argument("--no-report", dest="report", action="store_false", help="no report.html and report.pdf")
    testing.add_argument("--dense", action="store_true", help="feed every candle: slow, and the same")
    testing.set_defaults(act=backtest)

    add_comparing(verbs)

    drilling = verbs.add_parser(
        "drill", help="fire drills of what is shipped, on books of their own; exit 1 where one fails"
    )
    drilling.add_argument("--json", action="store_true", help="for programs")
    drilling.set_defaults(act=drill)
    looking = verbs.add_parser("doctor", help="what is wrong with this installation; exit 1 when something is")
    looking.add_argument("--json", action="store_true", help="for programs")
    looking.set_defaults(act=doctor)
    ready = verbs.add_parser("live-check", help="may real money be traded? exit 1 when something is missing")
    ready.add_argument("--json", action="store_true", help="for programs")
    ready.set_defaults(act=live_check)
    again = verbs.add_parser("replay", help="replay a journalled day or decision; exit 1 if anything differs")
    again.add_argument("what", metavar="DAY|DECISION_ID")
    again.add_argument("--json", action="store_true", help="for programs")
    again.set_defaults(act=replay)
    add_days(verbs)
    books = verbs.add_parser("audit", help="the journal's hash chain").add_subparsers(dest="verb", required=True)
    books.add_parser("verify").set_defaults(act=audit)
    ledgers = verbs.add_parser("ledger", help="the books of each market").add_subparsers(dest="verb", required=True)
    ledgers.add_parser("list").set_defaults(act=ledger)
    ledgers.add_parser("reset", help="start paper over").set_defaults(act=ledger)
    opinions = verbs.add_parser("strategy", help="files of strategies").add_subparsers(dest="verb", required=True)
    proving = opinions.add_parser("check", help="prove a strategy's file; exit 1 where it does not pass")
    proving.add_argument("file", metavar="FILE")
    proving.add_argument("--json", action="store_true", help="for programs")
    proving.set_defaults(act=strategy)
    add_alerts(verbs)
    add_secrets(verbs)
    return top


def add_comparing(verbs: Any) -> None:
    """Studies."""
    finding = verbs.add_parser("optimize", aliases=["hyperopt"], help="look for settings that do better")
    finding.add_argument("--data", help="a symbol that was imported, or a file")
    finding.add_argument("--vary", action="append", metavar="PATH=VALUES", help="such as buy_threshold=60..80/5")
    finding.add_argument("--trials", type=trials_of, default=None, help="default: 200")
    finding.add_argument("--seed", type=int, default=1, help="the same seed gives the same study; default: 1")
    finding.add_argument("--workers", type=workers_of, help="processes; default: one for each core")
    finding.add_argument("--cluster", metavar="tcp://HOST:PORT", help="a Dask scheduler instead of processes here")
    finding.add_argument("--objective", choices=("sharpe", "return", "calmar", "profit_factor"), default="sharpe")
    finding.add_argument("--since", type=day_of, help="UTC date, included")
    finding.add_argument("--until", type=day_of, help="UTC date, not included")
    finding.add_argument("--stop-after", type=trials_of, metavar="N", help="end after N trials without a better one")
    finding.add_argument("--walk-forward", default="", metavar="TRAIN/TEST", help="such as 730d/182d")
    finding.add_argument("--cash", help="default: TRADER_PAPER_CASH")
    finding.add_argument(
        "--config", type=folder_of, help="folder with strategies.yml and risk.yml; default: TRADER_CONFIG_DIR"
    )
    name = finding.add_mutually_exclusive_group()
    name.add_argument("--study", metavar="NAME", help="what to call it; default: the time")
    name.add_argument("--resume", metavar="NAME", help="go on with a study, as it was begun")
    finding.add_argument("--out", help="folder for the result; default: runs/optimize-<name>")
    finding.add_argument("--json", action="store_true", help="print study.json")
    add_progress(finding)
    finding.set_defaults(act=optimize)

    looking = verbs.add_parser("sensitivity", help="how the result changes with a few settings: heat maps")
    looking.add_argument("--data", required=True, help="a symbol that was imported, or a file")
    looking.add_argument("--vary", action="append", required=True, metavar="PATH=VALUES", help="once or more")
    looking.add_argument("--since", type=day_of, help="UTC date, included")
    looking.add_argument("--until", type=day_of, help="UTC date, not included")
    looking.add_argument("--workers", type=workers_of, help="processes; default: one for each core")
    looking.add_argument("--cluster", metavar="tcp://HOST:PORT", help="a Dask scheduler instead of processes here")
    looking.add_argument("--cash", help="default: TRADER_PAPER_CASH")
    looking.add_argument(
        "--config", type=folder_of, help="folder with strategies.yml and risk.yml; default: TRADER_CONFIG_DIR"
    )
    looking.add_argument("--out", help="folder for the result; default: runs/sensitivity-<time>")
    looking.add_argument("--json", action="store_true", help="print the figures")
    add_progress(looking)
    looking.set_defaults(act=sensitivity)

    beside = verbs.add_parser("compare", help="finished runs side by side, or configurations run for it")
    beside.add_argument("runs", nargs="*", metavar="RUN", help="a folder of a finished run")
    beside.add_argument(
        "--config", action="append", metavar="DIR", type=folder_of, help="run this configuration, too; twice or more"
    )
    beside.add_argument("--data", help="candles for --config")
    beside.add_argument("--since", type=day_of, help="UTC date, included")
    beside.add_argument("--until", type=day_of, help="UTC date, not included")
    beside.add_argument("--cash", help="default: TRADER_PAPER_CASH")
    beside.add_argument("--out", help="folder for compare.html; default: here")
    beside.add_argument("--json", action="store_true", help="for programs")
    beside.set_defaults(act=compare)


def add_progress(verb: argparse.ArgumentParser) -> None:
    """For whoever starts this command and waits for it."""
    verb.add_argument("--progress", action="store_true", help='lines {"progress": per cent} instead of the result')


def folder_of(text: str) -> str:
    """One that is there: else a slip of the pen would be answered for the defaults."""
    if not Path(text).exists():
        raise argparse.ArgumentTypeError(f"{text[-200:]!r}: there is no such folder")
    return text


def trials_of(text: str) -> int:
    """1 to 100000."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a number from 1 to 100000")
    return int(text)


def workers_of(text: str) -> int:
    """1 to 64."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a number of processes from 1 to 64")
    return int(text)


def add_download(fetching: argparse.ArgumentParser) -> None:
    fetching.add_argument("--symbol", "--pairs", "-p", help="default: TRADER_SYMBOL")
    fetching.add_argument("--since", type=day_of, help="UTC date, included; default: two years ago")
    fetching.add_argument("--until", type=day_of, help="UTC date, not included; default: now")
    fetching.add_argument("--days", type=days_of, help="so many days back instead of --since")
    fetching.add_argument("--timerange", help="20240101-20241231 or 20240101- instead of --since and --until")
    fetching.add_argument("--timeframe", "--timeframes", "-t", "-i", default="1m", help="made of minutes when read")
    fetching.add_argument("--background", action="store_true", help="with the lowest priority")
    fetching.set_defaults(act=download)


def days_of(text: str) -> int:
    """1 to 5000."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 5000:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a number of days from 1 to 5000")
    return int(text)


def add_days(verbs: Any) -> None:
    """What happened against what should have happened."""
    beside = verbs.add_parser("drift", help="a lived day beside the same day in a backtest, trade by trade")
    beside.add_argument("--data", help="candles of an import or a file instead of those on record")
    worth = verbs.add_parser("voices", help="what each voice was worth: without it, at random, held; in dollars")
    worth.add_argument("--since", type=day_of, help="add up the days reviewed since this UTC date")
    worth.add_argument("--draws", type=count_of, default=20, help="of random entries; default: 20")
    both = verbs.add_parser("review", help="replay, drift and voices of a day, kept in the books; exit 1 if it differs")
    for each, act in ((beside, drift), (worth, voices), (both, review)):
        each.add_argument("day", nargs="?", type=day_of, metavar="DAY", help="UTC date; default: the last whole day")
        each.add_argument("--json", action="store_true", help="for programs")
        each.set_defaults(act=act)
    said = verbs.add_parser("opinions", help="write the opinions on record to a file, for backtest --recorded")
    said.add_argument("file", metavar="FILE")
    said.add_argument("--since", type=day_of, help="UTC date, included")
    said.add_argument("--until", type=day_of, help="UTC date, not included")
    said.set_defaults(act=opinions)


def count_of(text: str) -> int:
    """1 to 1000."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a number from 1 to 1000")
    return int(text)


def add_alerts(verbs: Any) -> None:
    alerts = verbs.add_parser("alert", help="channels for alerts, and what people were told")
    told = alerts.add_subparsers(dest="verb", required=True)
    trying = told.add_parser("test", help="send one message by each channel; exit 1 where one does not arrive")
    trying.add_argument("channel", nargs="?", metavar="CHANNEL", help="email, sms, sms-1, apprise, … default: all")
    trying.set_defaults(act=alert)
    listing = told.add_parser("list", help="how the channels stand, and the newest alerts")
    listing.add_argument("--limit", type=count_of, default=20, help="how many; default: 20")
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(act=alert)
    seen = told.add_parser("seen", help="acknowledge grave alerts, so that they are not repeated")
    seen.add_argument("id", nargs="?", type=int, metavar="ID", help="default: all")
    seen.set_defaults(act=alert)


def add_secrets(verbs: Any) -> None:
    sealed = verbs.add_parser("secrets", help="secrets at rest").add_subparsers(dest="verb", required=True)
    setting = sealed.add_parser("set", help="seal a secret setting; its value is asked for, or piped in")
    setting.add_argument("name", metavar="NAME")
    setting.add_argument("too_much", nargs="*", help=argparse.SUPPRESS)
    how = setting.add_mutually_exclusive_group()
    how.add_argument("--remove", action="store_true", help="take it out of the sealed store")
    how.add_argument("--seal-only", action="store_true", help="print the sealed text, for .env, instead of keeping it")
    setting.set_defaults(act=secrets)
    where = sealed.add_parser("list", help="where each secret comes from; never a value")
    where.add_argument("--json", action="store_true", help="for programs")
    where.set_defaults(act=secrets)
    sealed.add_parser("rotate", help="a new key for everything that is sealed").set_defaults(act=rotate)

    users = verbs.add_parser("user", help="a lost password or phone").add_subparsers(dest="verb", required=True)
    password = users.add_parser("password", help="a new password; it is asked for, or piped in")
    password.add_argument("name", nargs="?", metavar="NAME", help="default: TRADER_ADMIN_USERNAME")
    password.add_argument("too_much", nargs="*", help=argparse.SUPPRESS)
    password.set_defaults(act=user)
    factor = users.add_parser("totp", help="enrol the second factor anew")
    factor.add_argument("name", nargs="?", metavar="NAME", help="default: TRADER_ADMIN_USERNAME")
    factor.add_argument("--off", action="store_true", help="remove it")
    factor.set_defaults(act=user)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; wrong use and bad input give one line and exit code 2."""
    top = parser()
    chosen, unknown = top.parse_known_args(arguments)
    if unknown and chosen.command in ("secrets", "user"):
        chosen.too_much = unknown  # may be a secret: it is not repeated
    elif unknown:
        top.error(f"unrecognized arguments: {' '.join(unknown)}")
    close()  # before any key is opened
    try:
        code = int((getattr(chosen, "act", None) or run)(chosen))
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except TraderError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
