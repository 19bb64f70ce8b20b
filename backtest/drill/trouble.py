"""Scenarios of an exchange that does not do what was asked: it is silent, refuses a stop, or lets a stop be jumped."""

from app.core.alerts import AlertEvent
from app.core.model import Role
from app.core.money import HUNDRED
from app.core.stops import below
from backtest.drill.lowering import Lowered
from backtest.drill.stage import PRICE, Stage, must

BEAT_SECONDS, BEATS = 10, 12
RECONCILE_EVERY = 3  # beats
AT_ONCE = 3  # seconds of market time from a fill to the sale of what the exchange would not protect
RESCUED_WITHIN = 15  # seconds of market time that a position may stand without a working stop
AFTERWARDS = 40  # seconds in which nothing more may happen


async def outage(stage: Stage, lowered: Lowered) -> str:
    """Two minutes without an answer: no entries, stops work without us, and the books follow when it is back."""
    stop_pct = lowered.limits.stop_loss_pct
    nearer = below(PRICE, stop_pct * 4 / 10)
    await stage.start()
    await stage.price()
    await stage.open()
    await stage.price(nearer)
    await stage.open()
    first, second = sorted(stage.exchange.stops, key=lambda stop: -(stop.stop_price or PRICE))
    asked = len(stage.exchange.asked)
    stage.exchange.silent = True
    await _silence(stage)
    tried = len(stage.exchange.asked) - asked
    must(tried == 0, f"{tried} orders were sent to an exchange that does not answer")
    between = ((first.stop_price or PRICE) + (second.stop_price or PRICE)) / 2
    await stage.price(between)
    must(stage.exchange.stops == [second], "a stop did not work on the exchange while nobody answered")
    await stage.price(nearer)
    stage.exchange.silent = False
    await stage.price()
    await stage.pulse.beat()
    await stage.rest()
    await stage.prices(3)
    must(stage.standing() == "TRADING", f"the exchange answers again and the trader is {stage.standing()}")
    must(stage.positions == 1, f"one stop had sold meanwhile, and the trader counts {stage.positions} positions")
    must(stage.exchange.stops == [second], "the other stop did not stay as it was")
    await stage.told(
        AlertEvent.CONNECTION_LOST,
        AlertEvent.EXCHANGE_UNREACHABLE,
        AlertEvent.CONNECTION_RESTORED,
        AlertEvent.EXIT_FILL,
    )
    await stage.agree()
    await stage.open()
    return (
        f"entries shut at the first of {BEATS} unanswered heartbeats; one stop sold meanwhile, the other stayed; "
        "when it was back, books and exchange agreed to the cent"
    )


async def _silence(stage: Stage) -> None:
    for number in range(BEATS):
        await stage.time(seconds=BEAT_SECONDS)
        await stage.pulse.beat()
        if number % RECONCILE_EVERY == 0:
            stage.session.reconcile("periodic")
        stage.vote()
        await stage.rest()
        must(
            stage.standing() == "PAUSED exchange_unreachable",
            f"the exchange has not answered for {(number + 1) * BEAT_SECONDS} s and the trader is {stage.standing()}",
        )


async def refused_stop(stage: Stage, lowered: Lowered) -> str:
    """An entry is filled and its stop is refused: what cannot be protected is sold at once."""
    await stage.start()
    await stage.price()
    stage.exchange.refuse_stops = True
    await stage.price(seconds=61)
    stage.vote()
    await stage.rest()
    must(stage.exchange.accepted(Role.ENTRY) == 1, f"no entry was sent though everybody said BUY ({stage.why_not()})")
    await stage.price()
    must(bool(stage.exchange.refusals()), "an entry was filled and no stop was asked for")
    took = await _until_sold(stage, AT_ONCE, f"the stop was refused, and {AT_ONCE} s later the position was not sold")
    asked = len(stage.exchange.asked)
    await stage.prices(AFTERWARDS)
    must(len(stage.exchange.asked) == asked, "more was asked of the exchange after the position was sold")
    must(stage.positions == 0, f"sold, and the trader still counts {stage.positions} positions")
    await stage.told(AlertEvent.ORDER_REJECTED, AlertEvent.STOP_MISSING, AlertEvent.EXIT_FILL)
    await stage.agree()
    return f"sold at the market, {took:.0f} s after the refusal; people were told why"


async def jumped_stop(stage: Stage, lowered: Lowered) -> str:
    """The price leaps past a stop and its limit: the order that cannot fill is cancelled, and the position is sold."""
    await stage.start()
    await stage.price()
    await stage.open()
    (stop,) = stage.exchange.stops
    must(stop.price is not None, "the stop has no limit that could be jumped")
    await stage.price((stop.price or PRICE) * 99 / HUNDRED)
    must(stage.exchange.stops == [stop], "the stop was filled below its limit: nothing was drilled")
    took = await _until_sold(
        stage, RESCUED_WITHIN, f"the stop was jumped, and {RESCUED_WITHIN} s later nothing was sold"
    )
    must(not stage.exchange.resting, "the jumped stop is still open on the exchange")
    await stage.prices(AFTERWARDS)
    must(stage.positions == 0, f"sold, and the trader still counts {stage.positions} positions")
    must(stage.exchange.accepted(Role.EXIT) == 1, f"{stage.exchange.accepted(Role.EXIT)} sales were sent, not one")
    await stage.told(AlertEvent.STOP_RESCUED, AlertEvent.EXIT_FILL)
    await stage.agree()
    return f"the stop-limit was cancelled and the position sold at the market, {took:.0f} s after the jump"


async def _until_sold(stage: Stage, within: int, otherwise: str) -> float:
    """Prices, each second, until no bitcoin is left; how long it took."""
    began = stage.now
    while stage.exchange.holds_more_than_crumbs(1):
        must((stage.now - began).total_seconds() < within, _with_refusals(stage, otherwise))
        await stage.price()
    return (stage.now - began).total_seconds()


def _with_refusals(stage: Stage, otherwise: str) -> str:
    refusals = stage.exchange.refusals()
    return f"{otherwise} (the exchange refused: {refusals[-1]})" if refusals else otherwise
