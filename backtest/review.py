"""A lived day traded again: what drifted, and what each voice was worth. Plain values in, plain values out."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from app.core.errors import DataError
from app.core.model import Candle
from app.core.rules import Simulation
from app.days import Lived
from backtest import drift, voices
from backtest.running import Plan, run

Row = dict[str, Any]
ENOUGH_PCT = 99  # of a day's minutes


class Again:
    """The day in a backtest, once for everything that is asked of it. DataError where it cannot be traded again."""

    def __init__(self, lived: Lived, seen: Sequence[Candle], simulation: Simulation, version: str) -> None:
        self.lived = lived
        self.plan: Plan = drift.plan_of(lived, seen, simulation, version)
        self.run = run(self.plan, dense=True)  # with the votes that said HOLD: they say why nothing was bought

    def drift(self) -> drift.Drift:
        found = drift.compare(self.lived, self.plan, self.run)
        traded = self.plan.series[self.plan.warmup :]
        began = self.lived.began or self.lived.day
        whole = (self.lived.day + timedelta(days=1) - began) // timedelta(minutes=1)
        if 100 * len(traded) < ENOUGH_PCT * whole:
            found.notes.append(f"{len(traded)} of {whole} minutes are on record: the backtest saw no more of the day")
        return found

    def voices(self, model_usd: Mapping[str, Decimal], draws: int = voices.DRAWS) -> list[voices.Voice]:
        return voices.voices(self.plan, self.run, model_usd=model_usd, draws=draws)


def reviewed(
    lived: Lived, seen: Sequence[Candle], simulation: Simulation, version: str, model_usd: Mapping[str, Decimal]
) -> tuple[Row, list[Row]]:
    """(drift, voices) for the books; a day that cannot be traded again says why."""
    try:
        again = Again(lived, seen, simulation, version)
    except DataError as error:
        return {"day": f"{lived.day:%Y-%m-%d}", "error": str(error)}, []
    return drift.row_of(again.drift()), voices.rows_of(again.voices(model_usd))
