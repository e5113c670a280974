"""Draws the parts of a ± as bars. Knows matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorders.summary.budget import BASELINE, REPEATS, Budget
from wattui.report.draw import style
from wattui.report.draw.style import SMALL_PT, WIDE_MM
from wattui.show.budget import part_text, percent_text
from wattui.show.quantities import energy_unit, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROW_MM, TOP_MM, BOTTOM_MM, RIGHT_MM, MOST_NAME_MM = 5.0, 3.0, 9.5, 34.0, 60.0
COLOURS = {BASELINE: style.VERMILLION, REPEATS: style.GREEN}


def draw_budget(found: Budget) -> Figure:
    """A bar from zero for each part, and a line at the ± that they amount to."""
    parts = [part for part in found.parts if part.plus_minus is not None]
    names = [style.fold(part_text(part), MOST_NAME_MM) for part in parts]
    left = max(10.0, *map(style.text_mm, names)) + 5
    height = ROW_MM * len(parts)
    figure = style.canvas(WIDE_MM, TOP_MM + height + BOTTOM_MM)
    axes = style.axes_at(figure, left, TOP_MM, WIDE_MM - left - RIGHT_MM, height)
    factor, unit = energy_unit([found.value])
    most = max(found.plus_minus or 0.0, *(part.plus_minus or 0.0 for part in parts)) / factor
    for place, part in enumerate(parts):
        error = (part.plus_minus or 0.0) / factor
        colour = COLOURS.get(part.name, style.BLUE)
        axes.barh(place, error, 0.62, color=(colour, 0.4), edgecolor=colour, linewidth=0.6)
        text = f"{number(error, 2)} {unit} ({percent_text(part.plus_minus, found)}), {part.joins}"
        axes.annotate(
            text, (error, place), (3, 0), textcoords="offset points", va="center", size=SMALL_PT
        )
    if found.plus_minus is not None:
        axes.axvline(found.plus_minus / factor, color=style.INK, lw=0.8)
    style.name_rows(axes, names)
    room_mm = WIDE_MM - left - RIGHT_MM
    axes.set_xlim(0, (most or 1.0) * (1 + 30 / room_mm))
    axes.set_xlabel(f"± ({unit} {found.per}), channel {found.channel}")
    style.number_axis(axes.xaxis)
    return figure
