"""Runs as a report needs them, and what a person asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wattui.analysis.fit import Figure
from wattui.analysis.label_numbers import Against
from wattui.runs.latencies import Distribution
from wattui.runs.recorded import Run
from wattui.runs.traces import Traces


@dataclass(frozen=True, slots=True)
class Wish:
    """What is reported: None leaves the choice to the runs."""

    figure: Figure | None = None
    domain: str | None = None
    against: Against | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A run with its curves; times of calls where a file has them, or why it could not be read."""

    name: str
    run: Run
    traces: Traces
    network: str
    macs: Mapping[str, int]
    latencies: tuple[Distribution, ...] = ()
    no_latencies: str = ""

    @property
    def csv(self) -> Path:
        """Its file."""
        return self.run.csv

    @property
    def summary(self) -> dict[str, Any]:
        """Its summary."""
        return self.run.summary

    def domain(self, wish: Wish) -> str | None:
        """The domain to quote, None where the run does not have it."""
        name = wish.domain or self.summary["headline"]
        running = self.summary["running"]
        return name if running and name in running["domains"] else None

    def origin(self, domain: str) -> str:
        """Where the figures of a domain come from."""
        word: str = self.summary["running"]["domains"][domain]["origin"]
        return word
