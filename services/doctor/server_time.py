"""Our clock against the exchange's: it refuses orders whose time is more than a second ahead of its own."""

from datetime import UTC, datetime, timedelta

from services.doctor.check import Check, note, ok, wrong
from services.doctor.installation import Installation
from services.doctor.web import Answer, Unanswered

SAMPLES = 3  # the first one also pays for opening the connection; the quickest counts
SYNC = "enable time synchronisation, such as: timedatectl set-ntp true"


async def offset(here: Installation) -> Check:
    url = f"{here.settings.binanceus_rest_url}/api/v3/time"
    best: tuple[float, float] | None = None
    try:
        for _ in range(SAMPLES):
            answer = await here.web.get(url)
            if (ours := ahead(answer)) is None:
                return _odd(here, answer.status)
            best = min(best or (answer.seconds, ours), (answer.seconds, ours))
    except Unanswered as error:
        if best is None:
            return _unreachable(here, f"not checked: the exchange: {error.seen}", error.cure)
    return judged(*best) if best else note("clock", "not checked")


def ahead(answer: Answer) -> float | None:
    """Seconds by which our clock is ahead, taken in the middle of the round trip; None for an odd answer."""
    stamp = answer.json.get("serverTime") if isinstance(answer.json, dict) else None
    if answer.status != 200 or isinstance(stamp, bool) or not isinstance(stamp, int) or not 0 < stamp < 10**14:
        return None
    middle = answer.asked_at + timedelta(seconds=answer.seconds / 2)
    return (middle - datetime.fromtimestamp(stamp / 1000, UTC)).total_seconds()


def judged(round_trip: float, ours: float) -> Check:
    way = "ahead of" if ours > 0 else "behind"
    seen = f"{abs(ours) * 1000:.0f} ms {way} the exchange's (± {round_trip * 500:.0f} ms)"
    if abs(ours) > 1 and abs(ours) > round_trip / 2:
        return wrong("clock", seen, SYNC)
    if abs(ours) > 0.5:
        return note("clock", seen, SYNC)
    return ok("clock", seen)


def _unreachable(here: Installation, seen: str, cure: str) -> Check:
    """Bad only where its prices are needed."""
    return (wrong if here.settings.market == "binanceus" else note)("clock", seen, cure)


def _odd(here: Installation, status: int) -> Check:
    if status in (403, 451):
        return _unreachable(here, f"not checked: the exchange refuses this machine (HTTP {status})", "ask its support")
    return _unreachable(
        here, f"not checked: what answered (HTTP {status}) is not the exchange", "correct BINANCEUS_REST_URL"
    )
