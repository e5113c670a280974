"""Latency and energy of one inference in each repeat of every label, and their medians. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from recorders.summary.figures import Summary
from wattui.analysis.correlation import pearson
from wattui.analysis.fit import FigureName
from wattui.analysis.results import ResultRow, group_rows

Domains = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Repeats:
    """Cost of one inference of a label in each of its repeats, one value per repeat.

    `energy_j` has the channels with known energy.
    """

    latency_s: tuple[float, ...]
    energy_j: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def median_s(self) -> float:
        """The median latency."""
        return median(self.latency_s)

    def energies_j(self, domains: Domains) -> tuple[float, ...]:
        """Energy of several channels together, by repeat; empty if any is unknown."""
        known = [self.energy_j[name] for name in domains if name in self.energy_j]
        if len(known) < len(domains) or len(set(map(len, known))) != 1:
            return ()
        return tuple(map(sum, zip(*known, strict=True)))

    def median_j(self, domains: Domains) -> float | None:
        """Their median; None if unknown."""
        found = self.energies_j(domains)
        return median(found) if found else None


def repeats_of(summary: Summary, figure: FigureName = "total") -> dict[str, Repeats]:
    """The repeats of every label in which inferences were counted.

    Without repeat numbers each running phase is a repeat, as in the results table.
    """
    found: dict[str, dict[tuple[str, str], ResultRow]] = {}
    for row in group_rows(summary):
        if row.level == "label":
            found.setdefault(row.label, {})[row.domain, row.figure] = row
    return {
        label: Repeats(latency_s, _energies(rows, f"{figure}_j_per_inference"))
        for label, rows in found.items()
        if (latency_s := _latencies(rows))
    }


def correlation(labels: Mapping[str, Repeats], domains: Domains) -> float | None:
    """Pearson's r of the medians of latency and energy, over the labels that have both.

    None if unknown: it takes three of them.
    """
    known = [(each.median_s, each.median_j(domains)) for each in labels.values()]
    both = [(latency_s, joules) for latency_s, joules in known if joules is not None]
    return pearson([latency_s for latency_s, _ in both], [joules for _, joules in both])


def _energies(
    rows: Mapping[tuple[str, str], ResultRow], figure: str
) -> dict[str, tuple[float, ...]]:
    return {domain: _values(row) for (domain, name), row in rows.items() if name == figure}


def _latencies(rows: Mapping[tuple[str, str], ResultRow]) -> tuple[float, ...]:
    if ("", "inferences") not in rows:
        return ()
    seconds, counts = _values(rows["", "running_s"]), _values(rows["", "inferences"])
    if len(seconds) != len(counts):
        seconds = (rows["", "running_s"].known.value,)
        counts = (rows["", "inferences"].known.value,)
    return tuple(s / n for s, n in zip(seconds, counts, strict=True) if s > 0)


def _values(row: ResultRow) -> tuple[float, ...]:
    return row.samples or (row.known.value,)
