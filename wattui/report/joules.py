"""Joules per inference as rows of a figure, each with its ±. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recorders.counts import INFERENCES
from recorders.source import Origin
from recorders.summary.bases import BASES
from recorders.summary.figures import Group, Value
from wattui.clean import name_of
from wattui.show.quantities import energy_unit
from wattui.show.summary import figure_text

# Values that differ by more are drawn on a logarithmic axis.
DECADES = 2
MOST_ROWS = 72


@dataclass(frozen=True, slots=True)
class JouleRow:
    """The cost of one label, run or domain: its known total, dynamic and marginal energies."""

    name: str
    origin: Origin
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class JouleRows:
    """Rows with a suitable unit; `left_out` is the number of rows not shown, `of` the count in the
    place of inferences."""

    what: str
    origin: str
    factor: float
    unit: str
    logarithmic: bool
    rows: tuple[JouleRow, ...]
    left_out: int
    of: str = INFERENCES

    @property
    def figures(self) -> list[str]:
        """The figures known for at least one row."""
        return [basis.name for basis in BASES if any(basis.name in row.values for row in self.rows)]

    def words(self, row: JouleRow, figure: str) -> str:
        """The figure with its ±; `± ?` if that is unknown, without one for an estimate."""
        return figure_text(row.values[figure], row.origin, self.factor)


def rows_of(
    groups: Sequence[tuple[str, Group]],
    domain: str,
    only: str | None = None,
    of: str = INFERENCES,
) -> JouleRows | None:
    """Named groups of a summary as rows, in one domain; None if nothing is known of any.

    `only` keeps one of total, dynamic and marginal; `of` is the count in the place of inferences.
    """
    found = []
    for name, group in groups:
        of_domain = group.domains.get(domain)
        if of_domain is None:
            continue
        values = {
            basis.name: value
            for basis in BASES
            if only in (None, basis.name)
            and (value := basis.of(of_domain))
            and math.isfinite(value.value)
        }
        if values:
            found.append(JouleRow(name_of(name), of_domain.origin, values))
    if not found:
        return None
    kept = found[:MOST_ROWS]
    known_j = [value.value for row in kept for value in row.values.values()]
    factor, unit = energy_unit(known_j)
    origins = {row.origin for row in kept}
    return JouleRows(
        name_of(domain),
        origins.pop() if len(origins) == 1 else "mixed",
        factor,
        unit,
        is_wide(known_j),
        tuple(kept),
        len(found) - len(kept),
        of,
    )


def is_wide(values: Sequence[float]) -> bool:
    """Whether the values above zero span more decades than a linear axis can show."""
    above = [value for value in values if value > 0]
    return len(above) > 1 and math.log10(max(above) / min(above)) > DECADES


def reach(joules: Value) -> tuple[float, float]:
    """Both ends of the error bar, joules; the value itself if ± is unknown."""
    half = joules.plus_minus or 0.0
    return joules.value - half, joules.value + half
