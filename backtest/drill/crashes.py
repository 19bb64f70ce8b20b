"""The scenario of a process that dies while an order is on its way: lost, or taken with nobody there to note it."""

from app.core.model import Role
from backtest.drill.lowering import Lowered
from backtest.drill.stage import Stage, must

PAST_THE_FENCE = 40  # seconds of market time after which an order that is not found was not placed
WITHIN_THE_FENCE = 15  # and a new candle, where the order left late in a minute
LATE_IN_A_MINUTE = 50


async def crash(stage: Stage, lowered: Lowered) -> str:
    """With an entry that is taken, and fills while nobody lives; with its stop; with an entry that is lost."""
    await stage.start()
    await stage.price()
    await _taken(stage)
    await _lost(stage)
    _sent_once(stage, Role.ENTRY)
    _sent_once(stage, Role.STOP)
    must(stage.positions == 1, f"the trader counts {stage.positions} positions, not one")
    await stage.agree()
    await stage.open()
    return (
        "died three times: an entry and a stop that were taken were found, and an entry that was lost was proved lost "
        "before the next; none was sent twice"
    )


async def _taken(stage: Stage) -> None:
    await _die_while_buying(stage)
    await stage.price()
    must(stage.exchange.bitcoin > 0, "the entry was not filled while the process was dead: nothing was drilled")
    stage.exchange.hold_answer = Role.STOP
    await stage.start()
    found = await stage.until_taken()
    _sent_once(stage, Role.ENTRY)
    must(found, "the new process did not find the entry that the old one had sent, and placed no stop")
    await stage.restart()
    await stage.price()
    stage.vote()  # the same candle once more
    await stage.rest()
    await stage.prices(PAST_THE_FENCE)


async def _lost(stage: Stage) -> None:
    """Until it is proved that the order does not exist there are no entries."""
    stage.exchange.lose = True
    await _die_while_buying(stage)
    await stage.restart()
    must(await stage.buy(seconds=WITHIN_THE_FENCE) == 0, "an entry was sent while another one's fate was not known")
    await stage.prices(PAST_THE_FENCE)
    must(stage.standing() == "TRADING", f"{PAST_THE_FENCE} s after an entry was lost the trader is {stage.standing()}")


async def _die_while_buying(stage: Stage) -> None:
    await stage.price(seconds=121 + (LATE_IN_A_MINUTE - stage.now.second - 121) % 60)
    stage.exchange.hold_answer = Role.ENTRY
    stage.vote()
    must(await stage.until_taken(), f"no entry was sent though everybody said BUY ({stage.why_not()})")
    await stage.die()


def _sent_once(stage: Stage, role: Role) -> None:
    count = stage.exchange.accepted(role)
    must(count <= 1, f"{count} orders were taken as {role.value}, where one was decided")
