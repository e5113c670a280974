"""Inferences per second of each running phase. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from recorders.counts import INFERENCES
from recorders.summary.figures import PhaseFigures
from wattui.clean import name_of


@dataclass(frozen=True, slots=True)
class Rates:
    """Inferences, or what is in their place, per second: of the running phases of one label, in
    order of time."""

    name: str
    per_s: tuple[float, ...]
    per: str = INFERENCES

    @property
    def median(self) -> float:
        """The median."""
        return median(self.per_s)


def rates_of(phases: Iterable[PhaseFigures], per: str = INFERENCES) -> list[Rates]:
    """Rates by label, of the running phases in which something was counted; `per` is the count in
    the place of inferences."""
    found: dict[str, list[float]] = {}
    for row in phases:
        ran = row.phase == "running" and not row.left_out
        if ran and row.inferences and row.seconds > 0:
            found.setdefault(row.label, []).append(row.inferences / row.seconds)
    each = found.items()
    return [Rates(name_of(label) or "running", tuple(rates), per) for label, rates in each]
