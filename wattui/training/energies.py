"""Energy of the phases of a training run, per sample and per token. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recorders.summary.figures import Group, Summary, Value
from wattui.training.phases import TrainingPhases


@dataclass(frozen=True, slots=True)
class PhaseEnergy:
    """The energy of a label in the headline channel, joules; None where it or a count is unknown.

    `samples` and `tokens` are those of all processes on the machine.
    """

    label: str
    origin: str
    seconds: float
    joules: Value | None
    samples: int | None
    tokens: int | None

    @property
    def joules_per_sample(self) -> Value | None:
        """Energy of one sample."""
        return self.joules.over(self.samples) if self.joules and self.samples else None

    @property
    def joules_per_token(self) -> Value | None:
        """Energy of one token."""
        return self.joules.over(self.tokens) if self.joules and self.tokens else None


def energies(summary: Summary, phases: TrainingPhases) -> list[PhaseEnergy]:
    """The energy of each label that a callback has marked in the recording of this summary."""
    return list(_energies(summary, phases))


def _energies(summary: Summary, phases: TrainingPhases) -> Iterator[PhaseEnergy]:
    for group in summary.labels:
        domain = group.domains.get(summary.headline or "")
        if domain is not None:
            counts = _counts(group, phases)
            yield PhaseEnergy(group.label, domain.origin, group.seconds, domain.running_j, *counts)


def _counts(group: Group, phases: TrainingPhases) -> tuple[int | None, int | None]:
    """Samples and tokens, of all processes: one is the inferences of the file, the other has its
    name there. None if this process did not count in the phase."""
    if not getattr(phases, phases.unit).get(group.label):
        return None, None
    found = {name: counted.count for name, counted in group.counts.items()}
    found[phases.unit] = group.inferences
    return found.get("samples"), found.get("tokens")
