"""Which stretch of time the graphs show: zoom, pan, live. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from wattui.tui.history import BIN_STEPS_S
from wattui.tui.plot import DOTS_WIDE

# A bin of two samples is never empty because a sample came a little late.
SAMPLES_A_BIN = 2


@dataclass(frozen=True, slots=True)
class Viewport:
    """Width of a column of dots in seconds, and the end of the time shown (None: now)."""

    bin_s: float
    end_s: float | None = None

    @property
    def live(self) -> bool:
        """Whether it follows the recording."""
        return self.end_s is None

    def start_s(self, now_s: float, bins: int) -> float:
        """Left edge for so many columns of dots; the picture moves by whole characters."""
        last = now_s if self.end_s is None else self.end_s
        characters = math.floor(last / (DOTS_WIDE * self.bin_s)) + 1
        return (characters * DOTS_WIDE - bins) * self.bin_s

    def zoomed(self, steps: int, rate_hz: float) -> Viewport:
        """Finer by so many steps (coarser where negative), not below two samples a bin."""
        fit = [step for step in BIN_STEPS_S if step * rate_hz >= SAMPLES_A_BIN * 0.999]
        place = min(range(len(fit)), key=lambda each: abs(fit[each] - self.bin_s))
        return replace(self, bin_s=fit[max(0, min(len(fit) - 1, place - steps))])

    def panned(self, bins: int, now_s: float) -> Viewport:
        """Moved by so many columns of dots; live again where the end is reached."""
        last = now_s if self.end_s is None else self.end_s
        moved = last + bins * self.bin_s
        return replace(self, end_s=None if moved >= now_s else max(0.0, moved))

    def frozen(self, now_s: float) -> Viewport:
        """Standing still where it was moving, and moving where it stood."""
        return replace(self, end_s=now_s if self.live else None)


def first(rate_hz: float) -> Viewport:
    """The view to begin with: 48 seconds on a graph of 60 columns."""
    return Viewport(0.4).zoomed(0, rate_hz)
