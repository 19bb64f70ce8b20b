"""All checks, side by side, each with a time limit: one that breaks or hangs becomes a line and stops nothing else."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.core.errors import ConfigError, TraderError
from app.seam import Tasks, enough_threads
from services.doctor import books, candles, channels, keys, machine, news_keys, permissions, server_time, strategies
from services.doctor.check import Check, note, wrong
from services.doctor.installation import Installation, Stored
from services.doctor.web import Web
from services.logs import Redactor, visible
from services.settings import LoadedRules, load_rules
from services.settings.salvaging import salvage

THREADS = 32  # some may hang in a name server or a disk; the others must not wait for them
AGAIN = "run doctor again; if it stays so, look at what it waits for"

Said = Check | Sequence[Check] | None


@dataclass(frozen=True, slots=True)
class Probe:
    """One check: `run` looks and says. `needs` are settings without which it cannot."""

    subject: str
    run: Callable[[Installation], Said] | Callable[[Installation], Awaitable[Said]]
    needs: tuple[str, ...] = ()
    seconds: float = 9


@dataclass(frozen=True, slots=True)
class Examined:
    """`hanging`: some check ran out of time, and a thread of it may still be waiting."""

    checks: tuple[Check, ...]
    hanging: bool

    @property
    def good(self) -> bool:
        return all(check.status != "wrong" for check in self.checks)


_DATA = ("TRADER_DATA_DIR",)
_BOOKS = ("DATABASE_URL", *_DATA)
PROBES: tuple[Probe, ...] = (
    Probe("program", machine.program),
    Probe("secrets in clear", permissions.secrets_in_clear),
    Probe("data directory", permissions.data_directory, _DATA),
    Probe("private files", permissions.private_files, (*_BOOKS, "TRADER_SECRETS_KEY_FILE")),
    Probe("dashboard", permissions.open_to_the_network, ("TRADER_HOST", "TRADER_PUBLIC_URL")),
    Probe("clock", server_time.offset, ("BINANCEUS_REST_URL",)),
    Probe("disk", machine.disk, _DATA),
    Probe("growth", books.growth, _BOOKS),
    Probe("memory", machine.memory),
    Probe("database", books.database, _BOOKS),
    Probe("durability", books.durability, _BOOKS),
    Probe("database file", books.damage, _BOOKS),
    Probe("journal", books.newest_links, _BOOKS),
    Probe("trader", books.trader, (*_BOOKS, "TRADER_HOST", "TRADER_PORT")),
    Probe("Binance.US key", keys.binance, ("BINANCEUS_API_KEY", "BINANCEUS_API_SECRET", "BINANCEUS_REST_URL")),
    Probe("DeepSeek key", keys.deepseek, ("DEEPSEEK_API_KEY", "DEEPSEEK_BASE_URL")),
    Probe("CryptoPanic key", news_keys.cryptopanic, ("CRYPTOPANIC_API_KEY", "CRYPTOPANIC_BASE_URL")),
    Probe("NewsAPI key", news_keys.newsapi, ("NEWSAPI_API_KEY", "NEWSAPI_BASE_URL")),
    Probe("keys", keys.not_configured),
    Probe("alerts", channels.configured),
    Probe("alert channels", channels.states, _BOOKS),
    Probe("unseen alerts", channels.unseen, _BOOKS),
    Probe("strategies", strategies.all_of_them, ("TRADER_STRATEGIES_DIR", "TRADER_CONFIG_DIR"), 12),
    Probe("imported candles", candles.newest, _DATA),
)


def examine(
    environ: Mapping[str, str],
    env_file: Path | None,
    *,
    version: str,
    stored_candles: Stored,
    proc: Path = Path("/proc"),
    probes: Sequence[Probe] = PROBES,
) -> Examined:
    """Everything, first what is wrong with the settings. Never raises for what it finds."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_examine(environ, env_file, version, stored_candles, proc, probes))
    finally:
        loop.close()  # does not wait for threads that hang


async def _examine(
    environ: Mapping[str, str],
    env_file: Path | None,
    version: str,
    stored_candles: Stored,
    proc: Path,
    probes: Sequence[Probe],
) -> Examined:
    enough_threads(THREADS)
    salvaged = salvage(environ, env_file)
    rules, rules_wrong = _rules(salvaged.settings.config_dir)
    async with Web() as web:
        here = Installation(
            salvaged=salvaged,
            rules=rules,
            rules_wrong=rules_wrong,
            env_file=env_file,
            version=version,
            web=web,
            tasks=Tasks(),
            stored_candles=stored_candles,
            proc=proc,
        )
        looks = [_Look(probe, here) for probe in probes]
        found = await asyncio.gather(*(look.said() for look in looks))
    checks = [*_settings(here), *(check for each in found for check in each)]
    clean = Redactor(salvaged.settings.secrets()).text
    shown = (replace(each, seen=_line(clean, each.seen), cure=_line(clean, each.cure)) for each in checks)
    return Examined(tuple(shown), any(look.late for look in looks))


def _rules(config_dir: Path) -> tuple[LoadedRules | None, str]:
    try:
        return load_rules(config_dir), ""
    except ConfigError as error:
        return None, str(error)


def _settings(here: Installation) -> list[Check]:
    """What is wrong comes first, and names place and cure by itself."""
    bad = [*here.salvaged.wrong, *([here.rules_wrong] if here.rules_wrong else [])]
    if bad:
        return [wrong("settings", seen, cure) for seen, _, cure in (line.partition("; ") for line in bad)]
    where = f"environment{f' and {here.env_file}' if here.env_file else ''}"
    folder = here.settings.config_dir
    if not folder.is_dir():
        return [
            note("settings", f"there is no folder {folder}, so every rule has its default", "set TRADER_CONFIG_DIR")
        ]
    return [Check("settings", permissions.OK, f"{where}, and the files in {folder}, can be read")]


def _line(clean: Callable[[str], str], text: str) -> str:
    return visible(" ".join(clean(text).split()))


class _Look:
    """One probe at work."""

    def __init__(self, probe: Probe, here: Installation) -> None:
        self._probe, self._here = probe, here
        self.late = False

    async def said(self) -> Sequence[Check]:
        subject = self._probe.subject
        if lost := [name for name in self._probe.needs if name in self._here.salvaged.lost]:
            return [note(subject, f"not checked: {', '.join(lost)} cannot be read", "mend the settings first")]
        try:
            async with asyncio.timeout(self._probe.seconds):
                said = await self._run()
        except TimeoutError:
            self.late = True
            return [note(subject, f"not finished within {self._probe.seconds:g} s", AGAIN)]
        except TraderError as error:
            return [wrong(subject, str(error), "mend what it names")]
        except Exception as error:  # guard: job
            return [wrong(subject, f"the check itself broke ({type(error).__name__})", "please report it")]
        return [] if said is None else [said] if isinstance(said, Check) else said

    async def _run(self) -> Said:
        run = self._probe.run
        if inspect.iscoroutinefunction(run):
            answer: Said = await run(self._here)
            return answer
        return await self._here.tasks.in_thread(lambda: run(self._here))  # type: ignore[return-value, arg-type]
