"""The scenario of a process that dies between the exchange's acceptance of an order and its own note of it, twice."""

from app.core.model import Role
from backtest.drill.lowering import Lowered
from backtest.drill.stage import Stage, must

PAST_THE_FENCE = 40  # seconds of market time: after these an order that was not found would be taken for not placed


async def crash(stage: Stage, lowered: Lowered) -> str:
    """First while an entry is sent, which fills while nobody lives; then while its stop is sent."""
    await stage.start()
    await stage.price()
    await stage.price(seconds=61)
    stage.exchange.hold_answer = Role.ENTRY
    stage.vote()
    must(await stage.until_taken(), f"no entry was sent though everybody said BUY ({stage.why_not()})")
    await stage.die()
    await stage.price()
    must(stage.exchange.bitcoin > 0, "the entry was not filled while the process was dead: nothing was drilled")
    stage.exchange.hold_answer = Role.STOP
    await stage.start()
    found = await stage.until_taken()
    _sent_once(stage, Role.ENTRY)
    must(found, "the new process did not find the entry that the old one had sent, and placed no stop")
    await stage.die()
    await stage.start()
    await stage.rest()
    await stage.price()
    stage.vote()  # the same candle once more
    await stage.rest()
    await stage.prices(PAST_THE_FENCE)
    _sent_once(stage, Role.ENTRY)
    _sent_once(stage, Role.STOP)
    must(stage.standing() == "TRADING", f"{PAST_THE_FENCE} s after the second crash the trader is {stage.standing()}")
    must(stage.positions == 1, f"the trader counts {stage.positions} positions, not one")
    await stage.agree()
    return "died twice, after an entry and after its stop were taken; each was found, none was sent again"


def _sent_once(stage: Stage, role: Role) -> None:
    count = stage.exchange.accepted(role)
    must(count <= 1, f"{count} orders were taken as {role.value}, where one was decided")
