"""A counter that shows the energy of a power curve as of its last refresh. Pure."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from testbench.curves import PowerCurve

RAPL_J, NVML_J = 2**-14, 1e-3


@dataclass(frozen=True)
class SlowCounter:
    """A counter that shows the energy as of its last refresh, in whole steps.

    A refresh comes up to `uneven` / 2 of a period early or late.
    """

    name: str
    curve: PowerCurve
    refresh_s: float = 0.001
    step_j: float = RAPL_J
    uneven: float = 0.0
    offset_s: float = 0.0

    def shown_j(self, t_s: float) -> float:
        """What it shows at a time, joules."""
        number = math.floor((t_s - self.offset_s) / self.refresh_s) + 1
        while (refresh_s := self._refresh_s(number)) > t_s:
            number -= 1
        return math.floor(self.curve.energy_j(refresh_s) / self.step_j) * self.step_j

    def _refresh_s(self, number: int) -> float:
        early = random.Random(number).random() - 0.5 if self.uneven else 0.0
        return self.offset_s + (number + self.uneven * early) * self.refresh_s
