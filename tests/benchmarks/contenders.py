"""Who is measured beside us, on which cases, and what is known to differ in their rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.benchmarks.children import Told, tell
from tests.benchmarks.environments import RUNNERS, SHARED, Environment, alone, missing


class PeerMissing(Exception):
    """A peer without which the bench says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """`cases`: how many runs of each; those of one run are cold ones. `needed`: no bench without it."""

    name: str
    runner: str
    environment: Environment
    cases: Mapping[str, int]
    needed: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    event_driven: bool = True
    differs: str = ""


CONTENDERS = (
    Contender(
        name="vectorbt, Rust",
        runner="vectorbt_peer",
        environment=SHARED,
        cases={"rsi": 7, "tight": 3, "sma": 7, "sweep": 2},
        needed=True,
        variables={"VECTORBT_ENGINE": "rust"},
        event_driven=False,
    ),
    Contender(
        name="vectorbt, numba",
        runner="vectorbt_peer",
        environment=SHARED,
        cases={"rsi": 3},
        variables={"VECTORBT_ENGINE": "numba"},
        event_driven=False,
    ),
    Contender(
        name="backtesting.py",
        runner="backtesting_peer",
        environment=SHARED,
        cases={"rsi": 2, "tight": 1, "sma": 1},
        needed=True,
        differs="stop from the signal's close, slippage once as a spread",
    ),
    Contender(
        name="backtrader",
        runner="backtrader_peer",
        environment=SHARED,
        cases={"rsi": 1},
        differs="sized at the signal's close, stop one candle later",
    ),
    Contender(
        name="jesse, signals given",
        runner="jesse_peer",
        environment=alone("jesse"),
        cases={"rsi": 1},
        differs="0.15 % fee for slippage, fills at the close",
    ),
    Contender(
        name="nautilus_trader",
        runner="nautilus_peer",
        environment=alone("nautilus_trader"),
        cases={"rsi": 1},
        differs="0.15 % fee for slippage, fills at the close",
    ),
    Contender(
        name="freqtrade",
        runner="freqtrade_peer",
        environment=alone("freqtrade"),
        cases={"rsi": 1},
        differs="no slippage",
    ),
)


def asked(contender: Contender, candles: str, case: str) -> Told | str:
    """What it told of the case, or why it told nothing. PeerMissing where it had to."""
    reason = missing(contender.environment)
    runner = str(RUNNERS / f"{contender.runner}.py")
    command = [str(contender.environment.python), "-W", "ignore", runner, candles, case, str(contender.cases[case])]
    told = reason or tell(command, contender.variables)
    if isinstance(told, str) and contender.needed:
        raise PeerMissing(f"{contender.name}: {told}; without it the bench compares nothing")
    return told
