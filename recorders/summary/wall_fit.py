"""The power at the wall, estimated from the sensors inside by a fit of this machine. Pure.

`wattui calibrate` finds wall = base + factor * total. A recording that asks for the estimate has
the fit as a note, so the file alone gives the same figures. ± is what twice the fit's residual and
the ± of the total amount to; a fit says nothing about a machine whose parts are not the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from recorders.channels import TOTAL
from recorders.summary.contents import summed_parts
from recorders.summary.figures import Group, Value, WallEstimate
from recorders.summary.reduction import Reduction
from recorders.texts import OwnNote

_NUMBER = r"(-?[\d.]+(?:e[+-]?\d+)?)"
_FIT = re.compile(rf"(\w+) = {_NUMBER} W \+ {_NUMBER} × (\S+) ± {_NUMBER} W")


@dataclass(frozen=True, slots=True)
class WallFit:
    """A meter's power as a line through the sum of `parts`; `residual_w` is the standard deviation
    of its readings from the line."""

    meter: str
    base_w: float
    factor: float
    residual_w: float
    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        """As in the note."""
        line = f"{self.base_w:.6g} W + {self.factor:.6g} × {'+'.join(self.parts)}"
        return f"{self.meter} = {line} ± {self.residual_w:.6g} W"


def wall_fits(reduction: Reduction) -> Iterator[WallFit]:
    """The fits that a recording notes."""
    for text in reduction.noted(OwnNote.WALL_FIT):
        if match := _FIT.fullmatch(text):
            base_w, factor, residual_w = (float(match[n]) for n in (2, 3, 5))
            if all(map(math.isfinite, (base_w, factor, residual_w))):
                yield WallFit(match[1], base_w, factor, residual_w, tuple(match[4].split("+")))


def wall_estimates(reduction: Reduction, running: Group | None) -> Iterator[WallEstimate]:
    """The estimates by fits of the parts that were recorded."""
    inside = running.domains.get(TOTAL) if running else None
    for fit in wall_fits(reduction):
        if not running or not inside or sorted(fit.parts) != sorted(summed_parts(reduction)):
            continue
        idle_w = None if inside.idle_w is None else fit.base_w + fit.factor * inside.idle_w
        energy = inside.running_j
        found = None
        if energy is not None:
            known = energy.times(fit.factor)
            fit_j = 2 * fit.residual_w * running.seconds
            error_j = None if known.plus_minus is None else math.hypot(known.plus_minus, fit_j)
            found = Value(known.value + fit.base_w * running.seconds, error_j)
        n = running.inferences
        yield WallEstimate(fit.meter, idle_w, found, found.over(n) if found and n else None)
