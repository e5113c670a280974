"""Joules per inference as rows of a figure, each with its ±. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wattui.clean import name_of
from wattui.show.quantities import energy_unit, with_uncertainty
from wattui.show.summary import FIGURES

# Values that differ by more stand on a logarithmic axis.
DECADES = 2
MOST_ROWS = 72


@dataclass(frozen=True, slots=True)
class Joules:
    """A figure of a row; `plus_minus_j` None: unknown, or the figure is an estimate."""

    figure: str
    value_j: float
    plus_minus_j: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """What one label, run or domain costs."""

    name: str
    origin: str
    figures: tuple[Joules, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows with the unit that suits them; `left_out` says how many are not among them."""

    what: str
    origin: str
    factor: float
    unit: str
    logarithmic: bool
    rows: tuple[Row, ...]
    left_out: int

    @property
    def figures(self) -> list[str]:
        """The figures that are known of any row."""
        known = {joules.figure for row in self.rows for joules in row.figures}
        return [name for name, _ in FIGURES if name in known]

    def words(self, row: Row, joules: Joules) -> str:
        """The figure with its ±; `± ?` where that is unknown, without one for an estimate."""
        text = with_uncertainty(joules.value_j, joules.plus_minus_j, self.factor)
        unknown = joules.plus_minus_j is None and row.origin != "estimated"
        return f"{text} ± ?" if unknown else text


def rows_of(
    groups: Sequence[tuple[str, Mapping[str, Any]]], domain: str, only: str | None = None
) -> Rows | None:
    """Named groups of a summary as rows, in one domain; None where nothing is known of any.

    `only` leaves one of total, dynamic and marginal.
    """
    found = []
    for name, group in groups:
        of_domain = group["domains"].get(domain)
        if of_domain is None:
            continue
        figures = tuple(
            Joules(figure, value["value"], value["plus_minus"])
            for figure, key in FIGURES
            if only in (None, figure)
            and (value := of_domain[key])
            and math.isfinite(value["value"])
        )
        if figures:
            found.append(Row(name_of(name), of_domain["origin"], figures))
    if not found:
        return None
    kept = found[:MOST_ROWS]
    values = [joules.value_j for row in kept for joules in row.figures]
    factor, unit = energy_unit(values)
    origins = {row.origin for row in kept}
    return Rows(
        name_of(domain),
        origins.pop() if len(origins) == 1 else "mixed",
        factor,
        unit,
        is_wide(values),
        tuple(kept),
        len(found) - len(kept),
    )


def is_wide(values: Sequence[float]) -> bool:
    """Whether the values above zero span more decades than an even axis can show."""
    above = [value for value in values if value > 0]
    return len(above) > 1 and math.log10(max(above) / min(above)) > DECADES


def reach(joules: Joules) -> tuple[float, float]:
    """From where to where the error bar goes, joules; the value itself where ± is unknown."""
    half = joules.plus_minus_j or 0.0
    return joules.value_j - half, joules.value_j + half
