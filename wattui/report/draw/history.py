"""Draws a figure over commits, a panel for each label. Knows matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wattui.analysis.history import History
from wattui.report.draw import style
from wattui.report.draw.style import INK, SMALL_PT
from wattui.show.history_table import share_text
from wattui.show.quantities import prefix_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL_MM, BETWEEN_MM, TOP_MM, LEFT_MM, RIGHT_MM, NAMES_MM = 22.0, 7.0, 5.0, 16.0, 4.0, 20.0
# The room of a commit's name, which stands upright.
NAME_MM, MOST_NAME_MM = 3.2, 16.0
MOST_PANELS = 8


def draw_history(width_mm: float, found: Sequence[History]) -> Figure:
    """Points with their ± in the order of the commits; a line and the change at each clear step."""
    commits = list(dict.fromkeys(point.commit for each in found for point in each.points))
    height = TOP_MM + (PANEL_MM + BETWEEN_MM) * len(found) + NAMES_MM - BETWEEN_MM
    figure = style.canvas(width_mm, height)
    for place, each in enumerate(found):
        top = TOP_MM + (PANEL_MM + BETWEEN_MM) * place
        axes = style.axes_at(figure, LEFT_MM, top, width_mm - LEFT_MM - RIGHT_MM, PANEL_MM)
        _panel(axes, each, commits)
        is_last = place == len(found) - 1
        every = max(1, round(len(commits) * NAME_MM / (width_mm - LEFT_MM - RIGHT_MM) + 0.5))
        shown = range(0, len(commits), every) if is_last else ()
        axes.set_xticks(
            list(shown), [style.fold(commits[n], MOST_NAME_MM) for n in shown], rotation=90
        )
    figure.align_ylabels()
    return figure


def _panel(axes: Axes, found: History, commits: Sequence[str]) -> None:
    places = {commit: place for place, commit in enumerate(commits)}
    factor, prefix = prefix_for([point.known.known.value for point in found.points])
    colour = style.ESTIMATED if found.origin == "estimated" else style.BLUE
    for point in found.points:
        x, known = places[point.commit], point.known.known.times(1 / factor)
        if known.plus_minus:
            low, high = known.value - known.plus_minus, known.value + known.plus_minus
            axes.plot([x, x], [low, high], color=INK, lw=0.8)
        axes.plot(x, known.value, "o", ms=4, mfc=(colour, 0.4), mec=colour)
        if point.step is not None:
            axes.axvline(x - 0.5, color=style.VERMILLION, lw=0.8, ls=(0, (4, 1.4)))
            axes.annotate(
                share_text(point.step),
                (x - 0.5, 1.0),
                (2, -2),
                xycoords=axes.get_xaxis_transform(),
                textcoords="offset points",
                va="top",
                size=SMALL_PT,
                color=style.VERMILLION,
            )
    axes.set_xlim(-0.7, len(commits) - 0.3)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.25 * (high - low))
    axes.set_ylabel(f"{prefix}{found.unit}".replace("J/", "J\nper "))
    axes.set_title(style.fold(found.label or found.figure, 60.0), loc="left", weight="bold")
    axes.yaxis.grid(True, color=(INK, 0.13), lw=0.5)
    style.number_axis(axes.yaxis)
