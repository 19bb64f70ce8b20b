"""Strategies: does each one that is switched on have its file, load and answer? In a process of their own."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from app.core.errors import StrategyError
from app.core.model import Candle, MarketData
from app.core.rules import StrategyRule, VotingRules
from app.ports import StrategyFace
from app.seam import clock
from services.doctor.check import Check, Status, note, ok, wrong
from services.doctor.installation import Installation
from services.settings.config_files import DEFAULT_STRATEGIES
from services.strategy_folder import KEPT_IN, shipped_versions
from services.strategy_host import StrategyHost

SECONDS = 5.0  # for one answer, which takes milliseconds
BY_DEFAULT = {rule.name for rule in DEFAULT_STRATEGIES}
NAMES_OF = "strategies.yml"


async def all_of_them(here: Installation) -> list[Check]:
    if here.rules is None:
        return [note("strategies", "not checked: the configuration cannot be read", "mend it first")]
    voting, folder = here.rules.rules.voting, here.settings.strategies_dir
    enabled = [rule for rule in voting.strategies if rule.enabled]
    there = [rule for rule in enabled if (folder / f"{rule.name}.py").is_file()]
    checks = [_missing(rule, folder) for rule in enabled if rule not in there]
    shipped, kept = shipped_versions(), here.settings.data_dir / KEPT_IN
    judged = {rule.name: _unapproved(rule, folder, kept, shipped.get(rule.name, "")) for rule in there}
    checks += [check for check in judged.values() if check is not None]
    refused = {name for name, check in judged.items() if check is not None and check.status is Status.WRONG}
    there = [rule for rule in there if rule.name not in refused]
    if not any(rule.weight > 0 for rule in there):
        cure = f"switch one on in {NAMES_OF} and give it a weight above 0"
        checks.append(wrong("strategies", "none that is switched on has both a file and a weight: nobody votes", cure))
    return [*checks, *await _tried(here, voting, there)]


def _missing(rule: StrategyRule, folder: Path) -> Check:
    """A name that the defaults know may wait for its file; one that the owner wrote is a slip."""
    subject, seen = f"strategy {rule.name}", f"is switched on, but {folder} has no file {rule.name}.py"
    if rule.name in BY_DEFAULT:
        return note(subject, f"{seen}: it does not vote", "nothing needs to be done")
    return wrong(subject, seen, f"put it there, or set enabled: false in {NAMES_OF}")


def _unapproved(rule: StrategyRule, folder: Path, kept: Path, shipped: str) -> Check | None:
    """A file that nobody approved does not vote; the approved version does, where it is kept."""
    subject, wanted = f"strategy {rule.name}", rule.sha256 or shipped
    try:
        sha256 = hashlib.sha256((folder / f"{rule.name}.py").read_bytes()).hexdigest()
    except OSError as error:
        sha256 = f"cannot be read: {error.strerror}"
    if sha256 == wanted:
        return None
    cure = f"enable it in Controls, or write its sha256 into {NAMES_OF}, if it is yours"
    if wanted and (kept / f"{wanted}.py").is_file():
        return note(subject, f"its file is not the approved one ({sha256}); version {wanted[:12]} goes on", cure)
    return wrong(subject, f"nobody approved its file (SHA-256 {sha256}): it does not vote", cure)


async def _tried(here: Installation, voting: VotingRules, rules: Sequence[StrategyRule]) -> list[Check]:
    kept, shipped = here.settings.data_dir / KEPT_IN, shipped_versions()
    host = StrategyHost(here.settings.strategies_dir, seconds=SECONDS, kept=lambda sha256: kept / f"{sha256}.py")
    rules = [replace(rule, sha256=rule.sha256 or shipped.get(rule.name, "")) for rule in rules]
    try:
        faces = await host.start(rules)
        return [await _one(host, here, voting, rule, face) for rule, face in zip(rules, faces, strict=True)]
    finally:
        await host.stop()


async def _one(
    host: StrategyHost, here: Installation, voting: VotingRules, rule: StrategyRule, face: StrategyFace
) -> Check:
    subject = f"strategy {rule.name}"
    cure = f"mend its file, or set enabled: false in {NAMES_OF}"
    if face.status == "failed":
        return wrong(subject, f"does not load: {face.error}", cure)
    if face.reads_text:  # its answers may cost money
        return ok(subject, f"loads (weight {rule.weight:f})")
    data = quiet_market(here.settings.symbol, voting, face.startup_candles)
    try:
        action, _, _ = await host.ask(replace(rule, sha256=face.sha256), data, ())
    except StrategyError as error:
        return wrong(subject, f"loads, but does not answer: {error}", cure)
    return ok(subject, f"loads and answers (weight {rule.weight:f}; {action} on a pretend market)")


def quiet_market(symbol: str, voting: VotingRules, count: int) -> MarketData:
    """Candles that go up and down a little."""
    seconds = voting.timeframe_seconds
    end = clock.now().replace(second=0, microsecond=0, minute=0)
    candles = []
    for number in range(count):
        price = Decimal(50_000 + 100 * (number % 7) - 30 * (number % 5))
        candles.append(
            Candle(
                symbol=symbol,
                opened_at=end - timedelta(seconds=seconds * (count - number)),
                seconds=seconds,
                open=price,
                high=price + 50,
                low=price - 50,
                close=price + 10,
                volume=Decimal(1 + number % 3),
            )
        )
    return MarketData(
        symbol=symbol, timeframe=voting.timeframe, at=end, price=candles[-1].close, candles=tuple(candles)
    )
