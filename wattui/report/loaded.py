"""Runs as a report needs them, and the user's choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from recorders.summary.bases import BY_NAME, Basis, BasisName
from recorders.summary.budget import Budget
from recorders.summary.figures import Domain, Summary
from wattui.analysis.label_numbers import Against
from wattui.config import Rate
from wattui.runs.latencies import Distribution
from wattui.runs.recorded import Run
from wattui.runs.traces import Traces


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """The content of the report: None leaves the choice to the runs.

    `price` (money) and `carbon` (g of CO2) are for each kWh; `published` names a publication whose
    figures are shown beside one's own.
    """

    figure: BasisName | None = None
    domain: str | None = None
    against: Against | None = None
    price: Rate | None = None
    carbon: Rate | None = None
    published: str | None = None

    @property
    def basis(self) -> Basis | None:
        """The energy that was asked for, if one was."""
        return BY_NAME[self.figure] if self.figure else None


@dataclass(frozen=True, slots=True)
class ReportRun:
    """A run with its curves; call times if a file has them, or why it could not be read; what the ±
    of its headline is made of."""

    name: str
    run: Run
    traces: Traces
    network: str
    macs: Mapping[str, int]
    latencies: tuple[Distribution, ...] = ()
    no_latencies: str = ""
    budgets: tuple[Budget, ...] = ()

    @property
    def csv(self) -> Path:
        """Its file."""
        return self.run.csv

    @property
    def summary(self) -> Summary:
        """Its summary."""
        return self.run.summary

    def domain(self, wish: ReportOptions) -> str | None:
        """The headline domain, None if the run does not have it."""
        name = wish.domain or self.summary.headline
        return name if name in self.domains else None

    @property
    def domains(self) -> Mapping[str, Domain]:
        """The figures of all that ran by domain; none where nothing ran."""
        return self.summary.running.domains if self.summary.running else {}
