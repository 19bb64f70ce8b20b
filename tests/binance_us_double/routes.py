"""The table of endpoints: which parameters each one reads, what it weighs, who may call it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.binance_us_double.asking import Params
from tests.binance_us_double.refusals import Refused, missing

if TYPE_CHECKING:
    from tests.binance_us_double.core import Core

PUBLIC, KEYED, SIGNED, TRADE = "public", "keyed", "signed", "trade"
ALWAYS = frozenset({"timestamp", "recvWindow", "signature"})

Endpoint = Callable[["Core", Params], Any]


@dataclass(frozen=True)
class Route:
    endpoint: Endpoint
    security: str
    weight: Callable[[Params], int]
    known: frozenset[str]

    @property
    def is_signed(self) -> bool:
        return self.security in (SIGNED, TRADE)


ROUTES: dict[str, Route] = {}


def route(
    call: str, known: str = "", *, security: str = PUBLIC, weight: int | Callable[[Params], int] = 1
) -> Callable[[Endpoint], Endpoint]:
    """Registers an endpoint under `"GET /api/v3/…"`."""

    def register(endpoint: Endpoint) -> Endpoint:
        names = frozenset(known.split()) | (ALWAYS if security in (SIGNED, TRADE) else frozenset())
        weigh = weight if callable(weight) else (lambda params: weight)
        ROUTES[call] = Route(endpoint, security, weigh, names)
        return endpoint

    return register


def symbol_of(core: "Core", params: Params) -> str:
    """The pair named, which has to exist."""
    return core.engine.listing(params.text("symbol")).symbol


def one_of(params: Params, *names: str) -> None:
    if all(params.values.get(name) in (None, "") for name in names):
        if len(names) == 1:
            raise missing(names[0])
        raise Refused(-1102, f"Param '{names[0]}' or '{names[1]}' must be sent, but both were empty/null!")
