"""Logs with one row per phase: its time and its energies, and nothing in between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from recorders.phases import RUNNING
from recorders.source import Channel
from wattui.analysis.importers.log import SECOND_NS, LogPhase
from wattui.analysis.importers.samples import Sample

# The gap between two phases, so that the end of one and the start of the next are separate rows.
BETWEEN_NS = SECOND_NS
REMARK = (
    "one row per run: power over time and ± are not known, and the runs are placed a second apart"
)


class PhaseRow(NamedTuple):
    """A phase as given by a line; `energies_j` of the measured channels."""

    line: int
    label: str
    repeat: int | None
    seconds: float
    energies_j: Mapping[str, float]


def read_phases(
    channels: Sequence[Channel], rows: Iterable[PhaseRow], inferences: int | None
) -> tuple[tuple[Sample, ...], tuple[LogPhase, ...]]:
    """Cumulative energies at both edges of each running phase, and the phases.

    A channel not measured in a phase has no reading at its end: its energy is unknown.
    """
    sums_j = {channel.name: 0.0 for channel in channels}
    samples: list[Sample] = []
    stretches = []
    for row in rows:
        start_ns = samples[-1].time_ns + BETWEEN_NS if samples else 0
        end_ns = start_ns + round(row.seconds * SECOND_NS)
        samples.append(Sample(row.line, start_ns, dict(sums_j)))
        for name, energy_j in row.energies_j.items():
            sums_j[name] += energy_j
        samples.append(Sample(row.line, end_ns, {name: sums_j[name] for name in row.energies_j}))
        stretches.append(LogPhase(RUNNING, row.label, row.repeat, start_ns, end_ns, inferences))
    return tuple(samples), tuple(stretches)
