"""Results split at the last day that a language model knows: before it, its answers may be memory, not judgement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from app.core.model import Trade
from app.core.performance import daily_returns, sharpe
from backtest.honesty.bootstrap import deepest_pct
from backtest.series import Floats

Days = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One side of the cut. A trade belongs to the day on which it was entered."""

    days: int
    return_pct: float
    sharpe_ratio: float | None
    max_drawdown_pct: float  # on daily equity
    trades: int
    profit_loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """`known_until` is None where no cut-off of a model is known: then all its answers may be memory.

    Only `after` may be a headline.
    """

    models: list[str]
    unlisted: list[str]
    known_until: str | None
    within: Part
    after: Part


def split(
    models: Sequence[str],
    cutoffs: Mapping[str, str],
    days: Days,
    equity: Floats,
    initial: float,
    trades: Sequence[Trade],
) -> Split | None:
    """The run before and after the models' knowledge. None where no model was asked.

    `equity` at the end of each of `days` (UTC, oldest first); `cutoffs`: a model's last day known, such as 2025-07-01.
    With several models the one that knows most counts.
    """
    if not models:
        return None
    unlisted = sorted(model for model in models if model not in cutoffs)
    last = None if unlisted else max(date.fromisoformat(cutoffs[model]) for model in models)
    cut = len(days) if last is None else int(np.searchsorted(days, np.datetime64(last, "D"), side="right"))
    before = [trade for trade in trades if last is None or trade.opened_at.date() <= last]
    later = [trade for trade in trades if last is not None and trade.opened_at.date() > last]
    return Split(
        models=sorted(models),
        unlisted=unlisted,
        known_until=last.isoformat() if last else None,
        within=_part(np.concatenate(([initial], equity[:cut])), before),
        after=_part(np.concatenate(([initial], equity))[cut:], later),
    )


def _part(equity: Floats, trades: Sequence[Trade]) -> Part:
    """`equity` begins with what there was before the first day."""
    return Part(
        days=len(equity) - 1,
        return_pct=float((equity[-1] / equity[0] - 1) * 100),
        sharpe_ratio=sharpe(daily_returns(equity.tolist())),
        max_drawdown_pct=float(deepest_pct((equity / equity[0])[None, :])[0]),
        trades=len(trades),
        profit_loss=float(sum(trade.profit_loss for trade in trades)),
    )
