"""The table of scenarios. Each is told on a fresh stage, and returns what was seen or raises what went wrong."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.core.model import OrderType
from app.core.rules import RiskLimits
from app.seam import Clock
from backtest.drill.crashes import crash
from backtest.drill.limits import daily_limit, kill_switch
from backtest.drill.lowering import Lowered
from backtest.drill.parts import Parts
from backtest.drill.stage import Stage
from backtest.drill.trouble import jumped_stop, outage, refused_stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    name: str
    tell: Callable[[Stage, Lowered], Awaitable[str]]
    limits: Callable[[Lowered], RiskLimits] = lambda lowered: lowered.limits
    stop: OrderType = OrderType.STOP_LOSS

    def stage(self, parts: Parts, lowered: Lowered, clock: Clock) -> Stage:
        return Stage(parts, self.name, self.limits(lowered), clock, stop=self.stop)


SCENARIOS = (
    Scenario(name="daily limit", tell=daily_limit, limits=Lowered.with_daily),
    Scenario(name="kill switch", tell=kill_switch, limits=Lowered.with_kill),
    Scenario(name="outage", tell=outage),
    Scenario(name="refused stop", tell=refused_stop),
    Scenario(name="jumped stop", tell=jumped_stop, stop=OrderType.STOP_LOSS_LIMIT),
    Scenario(name="crash in mid-order", tell=crash),
)
