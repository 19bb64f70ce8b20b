"""What tokens cost: a table of prices, and what is counted where a server does not count."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

MILLION = Decimal(1_000_000)
MOST_TOKENS = 10_000_000  # of one call; a server that says more is not believed
WRAPPING = 100  # tokens that a server adds around the messages
PARTS = ("cached_usd", "input_usd", "output_usd")
# Where no price at all is known: more than any model of this kind costs.
UNKNOWN = {"cached_usd": Decimal(5), "input_usd": Decimal(5), "output_usd": Decimal(25)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    cached: int
    input: int
    output: int


class Prices:
    """Dollars per million tokens: model → cached_usd, input_usd, output_usd.

    A model that is not in the table costs the dearest that any in the table costs: a budget must not be outrun.
    """

    def __init__(self, table: Mapping[str, Mapping[str, Decimal]], model: str) -> None:
        self.known = model in table
        rows = [table[model]] if self.known else [*table.values()] or [UNKNOWN]
        self._cached, self._input, self._output = (max(row[part] for row in rows) for part in PARTS)

    def cost(self, tokens: Tokens) -> Decimal:
        """In dollars."""
        sums = tokens.cached * self._cached + tokens.input * self._input + tokens.output * self._output
        return sums / MILLION


def at_most(sent: str, output: int) -> Tokens:
    """What a call can take at most: no tokeniser that works on bytes makes more tokens than bytes."""
    return Tokens(cached=0, input=len(sent.encode("utf-8", "replace")) + WRAPPING, output=output)


def counted(answer: Mapping[str, Any], most: Tokens) -> Tokens:
    """As the server's `usage` says; `most` for what it does not say, or says in no way that can be true."""
    usage = answer.get("usage")
    if not isinstance(usage, Mapping):
        return most
    output = _count(usage.get("completion_tokens"))
    cached, missed = _count(usage.get("prompt_cache_hit_tokens")), _count(usage.get("prompt_cache_miss_tokens"))
    if cached is None or missed is None:
        cached, missed = _split(usage)
    if cached is None or missed is None:
        cached, missed = 0, most.input
    return Tokens(cached=cached, input=missed, output=most.output if output is None else output)


def _split(usage: Mapping[str, Any]) -> tuple[int, int] | tuple[None, None]:
    """Servers with another dialect: all tokens of the prompt, and which of them were cached."""
    total, details = _count(usage.get("prompt_tokens")), usage.get("prompt_tokens_details")
    if total is None:
        return None, None
    cached = (_count(details.get("cached_tokens")) if isinstance(details, Mapping) else 0) or 0
    return (cached, total - cached) if cached <= total else (0, total)


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None
