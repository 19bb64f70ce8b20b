"""Strategies: does each one that is switched on have its file, load and answer? In a process of their own."""

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
from services.doctor.check import Check, note, ok, wrong
from services.doctor.installation import Installation
from services.settings.config_files import DEFAULT_STRATEGIES
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


async def _tried(here: Installation, voting: VotingRules, rules: Sequence[StrategyRule]) -> list[Check]:
    host = StrategyHost(here.settings.strategies_dir, seconds=SECONDS)
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
