"""One measured figure, its unit, its target and how it was measured."""

from collections.abc import Sequence
from dataclasses import dataclass

MARGIN = 1.25  # machines are shared and noisy: a target counts as missed by more than a quarter


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    what: str
    value: float
    unit: str
    target: float | None = None  # at most
    least: float | None = None  # at least
    how: str = ""
    exact: bool = False  # the same on every machine: no allowance is made for noise

    @property
    def missed(self) -> bool:
        margin = 1 if self.exact else MARGIN
        over = self.target is not None and self.value > self.target * margin
        return over or (self.least is not None and self.value < self.least / margin)


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))]


def table(rows: Sequence[Row]) -> str:
    lines = [f"{'what':<58} {'measured':>12}  {'target':>12}  how"]
    for row in rows:
        target = "" if row.target is None else f"≤ {row.target:g} {row.unit}"
        target = target if row.least is None else f"≥ {row.least:g} {row.unit}"
        lines.append(f"{row.what:<58} {row.value:>9.2f} {row.unit:<3} {target:>12}  {row.how}")
    return "\n".join(lines)
