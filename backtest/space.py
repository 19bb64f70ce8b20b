"""What is to be tried: settings by the path that they have in config/*.yml, each with the values that it may take.

`risk.` begins the path of a setting in risk.yml; every other path is one in strategies.yml.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import product
from math import prod

from app.core.errors import ConfigError
from app.core.rules import VotingRules

MOST_VALUES = 1000  # of one parameter

TECHNICAL = "strategies.technical_indicators"
READINGS = (
    "rsi_oversold=25,30,35,40",
    "rsi_overbought=65,70,75,80",
    "rsi_period=7,14,21",
    "macd_fast=8,12,16",
    "macd_slow=21,26",
    "average_short=10,20,30",
    "average_medium=50,100",
    "average_long=150,200,300,400",
    "volume_surge=1.2,1.5,2",
)

Value = Decimal | int | bool | str
Changes = tuple[tuple[str, Value], ...]  # (path, value), in the space's order


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """`values` in their order: neighbours in it are taken to be alike."""

    path: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Space:
    parameters: tuple[Parameter, ...]

    def __len__(self) -> int:
        """How many configurations there are."""
        return prod(len(each.values) for each in self.parameters)

    def at(self, places: Sequence[int]) -> Changes:
        """The configuration that takes value number `places[i]` of parameter i."""
        return tuple((each.path, each.values[place]) for each, place in zip(self.parameters, places, strict=True))

    def all(self) -> list[Changes]:
        return [self.at(places) for places in product(*(range(len(each.values)) for each in self.parameters))]

    def neighbours(self, places: Sequence[int]) -> list[tuple[int, ...]]:
        """One parameter one step to either side."""
        found: list[tuple[int, ...]] = []
        for which, parameter in enumerate(self.parameters):
            beside = [place for place in (places[which] - 1, places[which] + 1) if 0 <= place < len(parameter.values)]
            found += [(*places[:which], place, *places[which + 1 :]) for place in beside]
        return found


def usual(rules: VotingRules) -> list[str]:
    """What is varied where nobody says what: readings of the shipped indicators, and weights where several vote."""
    voters = [rule for rule in rules.strategies if rule.votes]
    texts = ["timeframe=1h,2h,4h"]
    if any(rule.name == "technical_indicators" for rule in voters):
        texts += [f"{TECHNICAL}.settings.{each}" for each in READINGS]
    if len(voters) > 1:
        texts += [f"strategies.{rule.name}.weight=10,20,30,40,50" for rule in voters]
        texts += ["buy_threshold=50..80/10", "sell_threshold=50..80/10"]
    elif len(texts) == 1:
        texts += ["buy_threshold=50..80/5", "sell_threshold=50..80/5"]
    return texts


def by_file(changes: Changes) -> dict[str, dict[str, Value]]:
    """The changes as the settings' files know them."""
    files: dict[str, dict[str, Value]] = {"risk.yml": {}, "strategies.yml": {}}
    for path, value in changes:
        files["risk.yml" if path.startswith("risk.") else "strategies.yml"][path.removeprefix("risk.")] = value
    return files


def text_of(parameter: Parameter) -> str:
    """As `space_of` reads it."""
    return f"{parameter.path}={','.join(written(value) for value in parameter.values)}"


def written(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def space_of(texts: Sequence[str]) -> Space:
    """From `PATH=VALUE,VALUE,…` or `PATH=LOW..HIGH/STEP`. ConfigError says what is wrong with which."""
    parameters = tuple(map(_parameter, texts))
    paths = [each.path for each in parameters]
    if twice := next((path for path in paths if paths.count(path) > 1), None):
        raise ConfigError(f"{twice}: is given twice; put its values into one list")
    if not parameters:
        raise ConfigError("there is nothing to vary; name a setting, such as buy_threshold=60,70,80")
    return Space(parameters)


def _parameter(text: str) -> Parameter:
    path, equals, given = text.partition("=")
    if not equals or not path.strip() or not given.strip():
        raise ConfigError(f"{text!r}: write PATH=VALUE,VALUE or PATH=LOW..HIGH/STEP, such as buy_threshold=60..80/5")
    values = _range(given, text) if ".." in given else tuple(map(_value, given.split(",")))
    if len(set(values)) < len(values):
        raise ConfigError(f"{text!r}: has a value twice; remove one")
    return Parameter(path=path.strip(), values=values)


def _range(given: str, text: str) -> tuple[Value, ...]:
    ends, _, step_text = given.partition("/")
    low_text, _, high_text = ends.partition("..")
    try:
        low, high, step = Decimal(low_text), Decimal(high_text), Decimal(step_text or "1")
    except InvalidOperation:
        raise ConfigError(f"{text!r}: LOW, HIGH and STEP must be numbers, such as 60..80/5") from None
    if not (low.is_finite() and high.is_finite() and step.is_finite() and low < high and step > 0):
        raise ConfigError(f"{text!r}: LOW must be below HIGH, and STEP above 0")
    count = int((high - low) / step) + 1
    if count > MOST_VALUES:
        raise ConfigError(f"{text!r}: are {count} values; {MOST_VALUES} at most, so take a larger step")
    return tuple(_tidy(low + number * step) for number in range(count))


def _value(text: str) -> Value:
    text = text.strip()
    if text in ("true", "false"):
        return text == "true"
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return _tidy(number) if number.is_finite() else text


def _tidy(number: Decimal) -> Value:
    """A whole number as such: periods and caps take no other."""
    return int(number) if number == number.to_integral_value() else number
