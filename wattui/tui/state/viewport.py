"""What the graphs show: zoom, pan, live, crosshair, selected span, hidden series. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from wattui.show.history import BIN_STEPS_S
from wattui.show.plot import DOTS_WIDE

# A bin of two samples is never empty because a sample came a little late.
SAMPLES_A_BIN = 2


@dataclass(frozen=True, slots=True)
class Viewport:
    """Width of a column of dots in seconds, the end of the time shown (None: now), and more.

    The crosshair's moment, the selected span (start, end), and the columns that are not drawn.
    """

    bin_s: float
    end_s: float | None = None
    cursor_s: float | None = None
    span_s: tuple[float, float] | None = None
    hidden: frozenset[str] = frozenset()

    @property
    def live(self) -> bool:
        """Whether it follows the recording."""
        return self.end_s is None

    def start_s(self, now_s: float, bins: int) -> float:
        """Left edge for so many columns of dots; the picture moves by whole characters."""
        return (self._end_character(now_s) * DOTS_WIDE - bins) * self.bin_s

    def first_character(self, now_s: float, characters: int) -> int:
        """Number, from time 0, of the leftmost of so many columns of characters."""
        return self._end_character(now_s) - characters

    def zoomed(self, steps: int, rate_hz: float) -> Viewport:
        """Finer by so many steps (coarser where negative), not below two samples a bin."""
        fit = _steps_s(rate_hz)
        place = min(range(len(fit)), key=lambda each: abs(fit[each] - self.bin_s))
        return replace(self, bin_s=fit[max(0, min(len(fit) - 1, place - steps))])

    def panned(self, bins: int, now_s: float) -> Viewport:
        """Moved by so many columns of dots; live again where the end is reached."""
        last = now_s if self.end_s is None else self.end_s
        moved = max(0.0, last + bins * self.bin_s)
        return replace(self, end_s=None if moved >= now_s else moved)

    def pointed(self, time_s: float | None) -> Viewport:
        """With the crosshair at a moment, or without one."""
        return replace(self, cursor_s=time_s)

    def spanned(self, start_s: float | None, end_s: float | None) -> Viewport:
        """With this span selected, its edges in any order; None for both selects nothing."""
        if start_s is None or end_s is None:
            return replace(self, span_s=None)
        return replace(self, span_s=(min(start_s, end_s), max(start_s, end_s)))

    def toggled(self, column: str) -> Viewport:
        """With this series hidden where it was shown, and shown where it was hidden."""
        return replace(self, hidden=self.hidden ^ {column})

    def fitted(self, start_s: float, end_s: float, bins: int, rate_hz: float) -> Viewport:
        """Standing still on this stretch of time, in the finest bins that show all of it."""
        fit = [replace(self, bin_s=step, end_s=end_s) for step in _steps_s(rate_hz)]
        return next((view for view in fit if view.start_s(end_s, bins) <= start_s), fit[-1])

    def frozen(self, now_s: float) -> Viewport:
        """Standing still where it was moving, and moving where it stood."""
        return replace(self, end_s=now_s if self.live else None)

    def _end_character(self, now_s: float) -> int:
        last = now_s if self.end_s is None else self.end_s
        return math.floor(last / (DOTS_WIDE * self.bin_s)) + 1


def _steps_s(rate_hz: float) -> list[float]:
    """Widths of bins that are never empty at this rate."""
    return [step for step in BIN_STEPS_S if step * rate_hz >= SAMPLES_A_BIN * 0.999]


def first(rate_hz: float) -> Viewport:
    """The view to begin with: 48 seconds on a graph of 60 columns."""
    return Viewport(0.4).zoomed(0, rate_hz)
