"""Runs the scenarios one after the other. One that fails, hangs or breaks hides none of the others."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from app.seam import Clock
from backtest.drill.lowering import Lowered
from backtest.drill.parts import Parts
from backtest.drill.report import Result
from backtest.drill.scenarios import SCENARIOS, Scenario
from backtest.drill.stage import Stage, Wrong

LONGEST = 60.0  # seconds a scenario may take; it needs one or two


async def run(
    parts: Parts,
    lowered: Lowered,
    clock: Clock,
    hear: Callable[[Result], None] = lambda result: None,
    scenarios: Sequence[Scenario] = SCENARIOS,
) -> list[Result]:
    """All results; `hear` is told of each at once."""
    results = []
    with _hushed():
        for scenario in scenarios:
            began = clock.monotonic()
            passed, seen = await _tell(scenario, parts, lowered, clock)
            results.append(Result(name=scenario.name, passed=passed, seen=seen, seconds=clock.monotonic() - began))
            hear(results[-1])
    return results


async def _tell(scenario: Scenario, parts: Parts, lowered: Lowered, clock: Clock) -> tuple[bool, str]:
    stage: Stage | None = None
    try:
        async with asyncio.timeout(LONGEST):
            stage = scenario.stage(parts, lowered, clock)
            return True, await scenario.tell(stage, lowered)
    except Wrong as wrong:
        return False, str(wrong)
    except TimeoutError:
        return False, f"not over after {LONGEST:.0f} s"
    except Exception as error:  # guard: job
        return False, f"broke: {error!r}"
    finally:
        if stage is not None:
            await stage.die()


@contextmanager
def _hushed() -> Iterator[None]:
    """Trouble is what a drill is made of: what is logged of it alarms nobody."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
