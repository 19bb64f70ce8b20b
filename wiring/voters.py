"""What the strategies' files say of themselves, joined with what the settings say of them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.core.errors import ConfigError
from app.core.rules import Rules, StrategyRule
from app.ports import StrategyFace


def configured(rules: Rules, strategies_dir: Path) -> Rules:
    """A strategy whose file is not there is not configured: shown so, and outside the sum."""

    def known(rule: StrategyRule) -> StrategyRule:
        return replace(rule, configured=(strategies_dir / f"{rule.name}.py").is_file())

    voters = tuple(known(rule) for rule in rules.voting.strategies)
    return replace(rules, voting=replace(rules.voting, strategies=voters))


def with_faces(rules: Rules, faces: Sequence[StrategyFace]) -> Rules:
    """What a strategy's class says of itself wins. One that is switched on but does not load ends the backtest.

    There are neither news nor a language model in history: who reads text takes no part.
    """
    by_name = {face.name: face for face in faces}
    for rule in rules.voting.strategies:
        face = by_name.get(rule.name)
        if rule.votes and face is not None and face.status == "failed":
            raise ConfigError(f"strategy {rule.name}: {face.error}")

    def known(rule: StrategyRule) -> StrategyRule:
        face = by_name.get(rule.name)
        if face is None:
            return rule
        return replace(rule, reads_text=face.reads_text, configured=not face.reads_text, sha256=face.sha256)

    voters = tuple(map(known, rules.voting.strategies))
    return replace(rules, voting=replace(rules.voting, strategies=voters))


def startup_candles(faces: Sequence[StrategyFace]) -> int:
    return max((face.startup_candles for face in faces), default=1)


def warmup_minutes(rules: Rules, faces: Sequence[StrategyFace]) -> int:
    return startup_candles(faces) * rules.voting.timeframe_seconds // 60
