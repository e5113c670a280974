"""The visible part of the graphs: zoom, pan, live, crosshair, selection, hidden series. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from wattui.show.history import BIN_STEPS_S
from wattui.show.plot import DOTS_WIDE

# With two samples per bin, no bin is empty because a sample was a little late.
SAMPLES_A_BIN = 2


@dataclass(frozen=True, slots=True)
class Viewport:
    """Seconds per column of dots, the sampling rate, the end of the time shown (None: now).

    Also the crosshair's time, the selected span (start, end), and the hidden columns.
    """

    bin_s: float
    rate_hz: float
    end_s: float | None = None
    cursor_s: float | None = None
    span_s: tuple[float, float] | None = None
    hidden: frozenset[str] = frozenset()

    @property
    def live(self) -> bool:
        """Whether it follows the recording."""
        return self.end_s is None

    def start_s(self, now_s: float, bins: int) -> float:
        """Time at the left edge for a number of dot columns; it moves by whole characters."""
        return (self._end_character(now_s) * DOTS_WIDE - bins) * self.bin_s

    def first_character(self, now_s: float, characters: int) -> int:
        """Number, counted from time 0, of the leftmost character column."""
        return self._end_character(now_s) - characters

    def zoomed(self, steps: int) -> Viewport:
        """Zoomed in by so many steps (out if negative), to no less than two samples per bin."""
        fit = [step for step in BIN_STEPS_S if step * self.rate_hz >= SAMPLES_A_BIN * 0.999]
        place = min(range(len(fit)), key=lambda each: abs(fit[each] - self.bin_s))
        return replace(self, bin_s=fit[max(0, min(len(fit) - 1, place - steps))])

    def panned(self, bins: int, now_s: float) -> Viewport:
        """Panned by so many dot columns; live again when the end is reached."""
        last = now_s if self.end_s is None else self.end_s
        moved = max(0.0, last + bins * self.bin_s)
        return replace(self, end_s=None if moved >= now_s else moved)

    def pointed(self, time_s: float | None) -> Viewport:
        """With the crosshair at a time, or removed."""
        return replace(self, cursor_s=time_s)

    def spanned(self, start_s: float | None, end_s: float | None) -> Viewport:
        """With this span selected, edges in any order; None for both clears the selection."""
        if start_s is None or end_s is None:
            return replace(self, span_s=None)
        return replace(self, span_s=(min(start_s, end_s), max(start_s, end_s)))

    def toggled(self, column: str) -> Viewport:
        """With this series hidden if shown, and shown if hidden."""
        return replace(self, hidden=self.hidden ^ {column})

    def on(self, rate_hz: float) -> Viewport:
        """The same zoom and hidden series, live at another sampling rate."""
        return Viewport(self.bin_s, rate_hz, hidden=self.hidden).zoomed(0)

    def frozen(self, now_s: float) -> Viewport:
        """Frozen if live, and live if frozen."""
        return replace(self, end_s=now_s if self.live else None)

    def _end_character(self, now_s: float) -> int:
        last = now_s if self.end_s is None else self.end_s
        return math.floor(last / (DOTS_WIDE * self.bin_s)) + 1


def first(rate_hz: float) -> Viewport:
    """The initial view: 48 seconds on a graph of 60 columns."""
    return Viewport(0.4, rate_hz).zoomed(0)
