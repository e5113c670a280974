"""Draws ratios with their intervals, a row for each comparison. Knows matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wattui.report.draw import style
from wattui.report.draw.style import INK, SMALL_PT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROW_MM, TOP_MM, BOTTOM_MM = 4.2, 2.0, 9.5
# The share of the width that names may take.
MOST_NAME = 0.28
# An axis ends here, in largest ratios, however far an interval goes.
MOST_REACH = 2.0


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio with its interval (None: unknown; ends may be infinite), its text, and whether the
    difference is clear."""

    name: str
    ratio: float
    interval: tuple[float, float] | None
    text: str
    is_clear: bool


def draw_ratios(width_mm: float, found: Sequence[Ratio], title: str) -> Figure:
    """A filled point where the difference is clear; a dashed line at no difference."""
    names = [style.fold(each.name, MOST_NAME * width_mm) for each in found]
    left = max(10.0, *map(style.text_mm, names)) + 4
    right = max(style.text_mm(each.text) for each in found) + 4
    height = ROW_MM * len(found)
    figure = style.canvas(width_mm, TOP_MM + height + BOTTOM_MM)
    axes = style.axes_at(figure, left, TOP_MM, width_mm - left - right, height)
    low, high = _reach(found)
    axes.set_xlim(low, high)
    axes.axvline(1.0, color=INK, lw=0.8, ls=(0, (4, 1.4)))
    for place, each in enumerate(found):
        if each.interval:
            ends = [max(low, each.interval[0]), min(high, each.interval[1])]
            axes.plot(ends, [place, place], color=INK, lw=0.8, solid_capstyle="butt")
        face = style.BLUE if each.is_clear else "none"
        axes.plot(each.ratio, place, "o", ms=4.2, mfc=face, mec=style.BLUE)
        axes.text(
            1 + 2 / (width_mm - left - right),
            place,
            each.text,
            transform=axes.get_yaxis_transform(),
            va="center",
            size=SMALL_PT,
        )
    style.name_rows(axes, names)
    axes.set_xlabel(title)
    style.number_axis(axes.xaxis)
    return figure


def _reach(found: Sequence[Ratio]) -> tuple[float, float]:
    """The ends of the axis: all ratios and 1, and the intervals as far as that is reasonable."""
    ratios = [1.0, *(each.ratio for each in found)]
    most = MOST_REACH * max(ratios)
    ends = [end for each in found for end in each.interval or () if math.isfinite(end)]
    low, high = min([*ratios, *ends]), max([*ratios, *ends])
    low, high = max(low, -most), min(high, most)
    room = 0.06 * (high - low or 1.0)
    return low - room, high + room
