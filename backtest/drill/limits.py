"""Scenarios of the loss limits: the day's, and the kill switch."""

from datetime import datetime, timedelta

from app.control import UNLOCK_PHRASE, Controls
from app.core.alerts import AlertEvent
from app.core.errors import NotAuthorized
from app.core.model import Role
from app.core.stops import below
from app.ports import Conflict, Who
from app.seam import token
from backtest.drill.lowering import POSITIONS, Lowered
from backtest.drill.stage import PRICE, Stage, Wrong, must

FIRES_WITHIN = 60  # seconds of market time from the fall until everything is sold
NEARLY_AN_HOUR = timedelta(minutes=59)
OWNER = Who(username="owner", otp="1")
PASSWORD = "as the owner knows it"  # noqa: S105  # of nobody


async def daily_limit(stage: Stage, lowered: Lowered) -> str:
    """Losses reach the limit: no entries until 00:00 UTC, stops stay, and a better price changes nothing."""
    await stage.start()
    await stage.price()
    await stage.open(POSITIONS)
    stops = stage.exchange.resting
    await stage.price(below(PRICE, lowered.fall_pct))
    must(stage.standing() == "PAUSED daily_loss", f"the loss reached the limit and the trader is {stage.standing()}")
    must(await stage.buy() == 0, "an entry was sent after the daily limit was reached")
    must(stage.exchange.resting == stops, "the stops did not stay as they were")
    await stage.price(PRICE)
    must(await stage.buy() == 0, "an entry was sent because the price had recovered")
    await stage.told(AlertEvent.DAILY_LOSS)
    midnight = (stage.now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    await stage.price(seconds=(midnight - stage.now).total_seconds() - 1)
    must(stage.status.state == "PAUSED", "entries were possible before 00:00 UTC")
    await stage.price(seconds=2)
    must(stage.standing() == "TRADING", f"after 00:00 UTC the trader is {stage.standing()}")
    await stage.open()
    await stage.told(AlertEvent.DAILY_LOSS_OVER)
    await stage.agree()
    return f"entries rested from the loss until 00:00 UTC, {POSITIONS} stops stayed, then an entry was possible again"


async def kill_switch(stage: Stage, lowered: Lowered) -> str:
    """The seal first, then everything is sold; locked whatever restarts, and only the owner unlocks it, later."""
    await stage.start()
    await stage.price()
    await stage.open(POSITIONS)
    before = len(stage.exchange.asked)
    await stage.glitch(below(PRICE, lowered.fall_pct))
    await stage.prices(3)
    calm = stage.standing() == "TRADING" and len(stage.exchange.asked) == before
    must(calm, "one bad price of the feed, which the exchange does not know, set the kill switch off")
    await stage.price(below(PRICE, lowered.fall_pct))
    fell_at = stage.now
    while stage.exchange.holds_more_than_crumbs(POSITIONS):
        sold = stage.exchange.accepted(Role.EXIT)
        otherwise = f"{FIRES_WITHIN} s after the loss reached the limit {sold} of {POSITIONS} positions were sold"
        must((stage.now - fell_at).total_seconds() < FIRES_WITHIN, otherwise)
        await stage.price()
    took = (stage.now - fell_at).total_seconds()
    must(stage.seal.sealed() is not None, "everything was sold, and no seal was written")
    early = [each.what for each in stage.exchange.asked[before:] if not each.sealed]
    must(not early, f"{len(early)} requests left before the seal was written")
    must(not stage.exchange.resting, "orders stayed open on the exchange")
    must(stage.positions == 0, f"the trader still counts {stage.positions} positions")
    await stage.told(AlertEvent.KILL_SWITCH, AlertEvent.EXIT_FILL)
    await stage.agree()
    await _locked(stage)
    await _unlocked(stage, fell_at)
    return (
        f"one bad price fired nothing; the fall sealed it, and {POSITIONS} positions were sold in {took:.0f} s of "
        "market time; locked after a restart, on restored books and at midnight; unlocked by its owner, "
        "not within the hour"
    )


async def _locked(stage: Stage) -> None:
    await _stopped(stage, "at once")
    await stage.restart()
    await _stopped(stage, "after a restart")
    await stage.restore()
    await _stopped(stage, "on restored books")
    await stage.back_to_our_books()
    await _stopped(stage, "back on its own books")


async def _stopped(stage: Stage, when: str) -> None:
    await stage.price()
    must(stage.standing() == "STOPPED kill_switch", f"{when} the trader is {stage.standing()}")
    must(await stage.buy() == 0, f"{when} an entry was sent")


class Person:
    """The owner, as sign-in would know them: one password, one good code."""

    def enrolled(self, username: str) -> bool:
        return True

    def verify(self, username: str, code: str) -> bool:
        return code == OWNER.otp

    async def confirm(self, who: str, password: str, address: str) -> bool:
        return password == PASSWORD


async def _unlocked(stage: Stage, killed_at: datetime) -> None:
    """By its owner, after every wrong way was tried."""
    trail: list[dict[str, str]] = []
    control = _control(stage, trail)
    try:
        await control.resume(OWNER)
        raise Wrong("the kill switch was lifted by pressing resume")
    except Conflict:
        pass
    await stage.price(seconds=(killed_at + NEARLY_AN_HOUR - stage.now).total_seconds())
    await _refused(stage, control, "within the hour", Conflict)
    await stage.price(seconds=24 * 3600)
    await _stopped(stage, "on the next day")
    await _refused(stage, control, "without the phrase", NotAuthorized, phrase="unlock")
    await _refused(stage, control, "with a wrong password", NotAuthorized, password="guessed")  # noqa: S106
    await _refused(stage, control, "without the second factor", NotAuthorized, who=Who(username="owner"))
    await control.unlock(OWNER, PASSWORD, UNLOCK_PHRASE)
    await stage.rest()
    must(stage.seal.sealed() is None, "unlocked, and the seal is still there")
    must(any(line["action"] == "unlock" and line["result"] == "ok" for line in trail), "no line in the audit trail")
    await stage.open()
    await stage.agree()


def _control(stage: Stage, trail: list[dict[str, str]]) -> Controls:
    async def nobody(_who: str, _ids: object) -> int:
        return 0

    return stage.parts.controls(
        stage.session,
        second_factor=Person(),
        record=lambda **line: trail.append(line),
        acknowledge=nobody,
        tasks=stage.tasks,
        new_id=lambda: token(12),
        live=True,
    )


async def _refused(
    stage: Stage,
    control: Controls,
    how: str,
    by: type[Exception],
    *,
    who: Who = OWNER,
    password: str = PASSWORD,
    phrase: str = UNLOCK_PHRASE,
) -> None:
    try:
        await control.unlock(who, password, phrase)
    except by:
        must(stage.seal.sealed() is not None, f"the seal was taken off {how}, though it was refused")
        return
    raise Wrong(f"the kill switch was unlocked {how}")
