"""Fire drills: the engine, session, executor, journal and alerts that are shipped, against the pretend exchange.

Nothing is drilled that is not shipped: parts come in through `Parts`, scenarios look at what both sides and people see.
"""

from backtest.drill.lowering import Lowered, lowered
from backtest.drill.parts import Parts
from backtest.drill.report import Result, certificate, named, text
from backtest.drill.running import run

__all__ = ["Lowered", "Parts", "Result", "certificate", "lowered", "named", "run", "text"]
