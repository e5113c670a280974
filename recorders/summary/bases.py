"""The three answers per inference, and their formulas. Pure.

total    = E_running / n
dynamic  = (E_running - P_idle  * t_running) / n
marginal = (E_running - P_armed * t_running) / n
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from recorders.counts import singular
from recorders.summary.figures import PER_INFERENCE, Answers, Domain, Value

BasisName = Literal["total", "dynamic", "marginal"]


@dataclass(frozen=True, slots=True)
class Basis:
    """One of the answers: its name, the phase whose power is subtracted, its meaning, and its key
    among the figures of a channel.
    """

    name: str
    baseline: str
    meaning: str
    key: str

    def words(self, per: str) -> str:
        """What it is per, if that count is in the place of inferences: `per output token`."""
        return "while running" if self.key == "running_j" else f"per {singular(per)}"

    def of(self, figures: Domain | Answers) -> Value | None:
        """The answer among a channel's figures; None if unknown."""
        value: Value | None = getattr(figures, self.key)
        return value

    def baseline_w(self, domain: Domain) -> float | None:
        """The power that is subtracted, watts: 0 for the total; None if unknown."""
        return {"idle": domain.idle_w, "armed": domain.armed_w}.get(self.baseline, 0.0)


TOTAL = Basis("total", "", "all energy used while running", PER_INFERENCE[0])
DYNAMIC = Basis("dynamic", "idle", "above the idle machine", PER_INFERENCE[1])
MARGINAL = Basis("marginal", "armed", "above the loaded, waiting model", PER_INFERENCE[2])
# Used instead if no inferences were counted.
ENERGY = Basis("energy", "", TOTAL.meaning, "running_j")
BASES = (TOTAL, DYNAMIC, MARGINAL)
BY_NAME: dict[str, Basis] = {basis.name: basis for basis in BASES}


def per_inference_j(energy_j: float, baseline_w: float, seconds: float, n: int) -> float:
    """Energy per inference above a baseline: (E - P * t) / n, joules."""
    return (energy_j - baseline_w * seconds) / n
