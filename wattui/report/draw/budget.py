"""Draws the parts of a ± as bars. Knows matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorders.summary.budget import BASELINE, REPEATS, Budget
from wattui.report.draw import style
from wattui.report.draw.style import SMALL_PT
from wattui.show.budget import part_text, percent_text
from wattui.show.quantities import energy_unit, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROW_MM, TOP_MM, BOTTOM_MM, RIGHT_MM, LINE_MM = 5.0, 3.0, 9.5, 3.0, 3.2
# The shares of the width that names, and of the axes that the texts beside the bars, may take.
MOST_NAME, MOST_TEXT = 0.33, 0.6
COLOURS = {BASELINE: style.VERMILLION, REPEATS: style.GREEN}


def draw_budget(width_mm: float, found: Budget) -> Figure:
    """A bar from zero for each part, and a line at the ± that they amount to."""
    parts = [part for part in found.parts if part.plus_minus is not None]
    names = [style.fold(part_text(part), MOST_NAME * width_mm) for part in parts]
    left = max(10.0, *map(style.text_mm, names)) + 5
    height = ROW_MM * len(parts)
    factor, unit = energy_unit([found.value])
    title = style.label_lines(f"± ({unit} {found.per}), channel {found.channel}", width_mm - left)
    bottom = BOTTOM_MM + LINE_MM * title.count("\n")
    figure = style.canvas(width_mm, TOP_MM + height + bottom)
    axes = style.axes_at(figure, left, TOP_MM, width_mm - left - RIGHT_MM, height)
    most = max(found.plus_minus or 0.0, *(part.plus_minus or 0.0 for part in parts)) / factor
    texts = [
        f"{number((part.plus_minus or 0.0) / factor, 2)} {unit} "
        f"({percent_text(part.plus_minus, found)})"
        + (f", {part.joins}" if width_mm >= style.WIDE_MM else "")
        for part in parts
    ]
    for place, (part, text) in enumerate(zip(parts, texts, strict=True)):
        error = (part.plus_minus or 0.0) / factor
        colour = COLOURS.get(part.name, style.BLUE)
        axes.barh(place, error, 0.62, color=(colour, 0.4), edgecolor=colour, linewidth=0.6)
        axes.annotate(
            text, (error, place), (3, 0), textcoords="offset points", va="center", size=SMALL_PT
        )
    if found.plus_minus is not None:
        axes.axvline(found.plus_minus / factor, color=style.INK, lw=0.8)
    style.name_rows(axes, names)
    room_mm = width_mm - left - RIGHT_MM
    share = min(MOST_TEXT, (max(map(style.text_mm, texts)) + 2) / room_mm)
    axes.set_xlim(0, (most or 1.0) / (1 - share))
    axes.set_xlabel(title)
    style.number_axis(axes.xaxis)
    return figure
