"""Draws joules per inference with their ±. Knows matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recorders.counts import singular
from recorders.summary.figures import Value
from wattui.report.draw import style
from wattui.report.draw.style import INK, SMALL_PT
from wattui.report.joules import JouleRow, JouleRows, reach
from wattui.show.quantities import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BAR_MM, GROUP_GAP_MM = 3.2, 2.6
# Rows of points: as high as fits a printed page, each figure in its own lane.
LEAST_ROW_MM, MOST_ROW_MM, POINTS_MM = 3.6, 6.0, 200.0
MARKER_PT = 4.4
TOP_MM, BOTTOM_MM, RIGHT_MM = 6.5, 9.5, 4.0
# The share of the width that names may take.
MOST_NAME = 0.28
LINE_MM = 3.2
MOST_BARS = 36
FILL = 0.4
COLOURS = {"total": style.BLUE, "dynamic": style.VERMILLION, "marginal": style.GREEN}
HATCHES = {"total": "", "dynamic": "/////", "marginal": "|||||||"}
MARKERS = {"total": "o", "dynamic": "s", "marginal": "^"}


def draw_joules(width_mm: float, found: JouleRows) -> Figure:
    """Bars from zero; if the values span decades or are many, a point per row."""
    bars = not found.logarithmic and sum(len(row.values) for row in found.rows) <= MOST_BARS
    names = max(style.text_mm(row.name, style.TEXT_PT) for row in found.rows)
    most_mm = MOST_NAME * width_mm
    fold = style.fold_lines if bars else style.fold
    left = min(most_mm, max(10.0, names)) + 4
    row_mm = BAR_MM * len(found.figures) + GROUP_GAP_MM
    if not bars:
        row_mm = max(LEAST_ROW_MM, min(MOST_ROW_MM, POINTS_MM / len(found.rows)))
    height = row_mm * len(found.rows)
    word = "" if found.origin in ("measured", "mixed") else f"{found.origin} "
    title = style.label_lines(
        f"{word}energy per {singular(found.of)} ({found.unit}), channel {found.what}",
        width_mm - left,
    )
    bottom = BOTTOM_MM + LINE_MM * title.count("\n")
    figure = style.canvas(width_mm, TOP_MM + height + bottom)
    axes = style.axes_at(figure, left, TOP_MM, width_mm - left - RIGHT_MM, height)
    axes.set_ylim(height, 0)
    if found.logarithmic:
        axes.set_xscale("log")
    for place, row in enumerate(found.rows):
        middle = (place + 0.5) * row_mm
        if bars:
            _bars(axes, found, row, middle)
        else:
            _points(axes, found, row, middle, row_mm, place)
    _limits(axes, found, bars, width_mm - left - RIGHT_MM)
    axes.set_yticks(
        [(place + 0.5) * row_mm for place in range(len(found.rows))],
        [fold(row.name, most_mm, style.TEXT_PT) for row in found.rows],
    )
    axes.tick_params(axis="y", length=0, labelsize=style.TEXT_PT)
    axes.set_xlabel(title)
    axes.xaxis.grid(True, color=(INK, 0.13), lw=0.5)
    axes.spines["left"].set_visible(not found.logarithmic)
    _legend(axes, found, bars)
    return figure


def _bars(axes: Axes, found: JouleRows, row: JouleRow, middle: float) -> None:
    first = middle - BAR_MM * len(found.figures) / 2
    for name, joules in row.values.items():
        y = first + BAR_MM * (found.figures.index(name) + 0.5)
        colour, value = COLOURS[name], joules.value / found.factor
        axes.barh(y, value, BAR_MM * 0.84, color=(colour, FILL), linewidth=0)
        axes.barh(y, value, BAR_MM * 0.84, hatch=HATCHES[name], **_outline(colour))
        _error(axes, found, joules, y, caps=True)
        text = found.words(row, name)
        end = max(0.0, reach(joules)[1] / found.factor)
        axes.annotate(
            text, (end, y), (3, 0), textcoords="offset points", va="center", size=SMALL_PT
        )


def _outline(colour: str) -> dict[str, Any]:
    # A hatch in a pale face would be just as pale, so it gets its own empty bar.
    return {"facecolor": "none", "edgecolor": colour, "linewidth": 0.6}


def _points(
    axes: Axes, found: JouleRows, row: JouleRow, middle: float, row_mm: float, place: int
) -> None:
    if place % 2:
        axes.axhspan(middle - row_mm / 2, middle + row_mm / 2, color=(INK, 0.045), lw=0)
    lane_mm, left_pt = _lane_mm(found, row_mm), 2.0
    for name, joules in row.values.items():
        value, colour = joules.value / found.factor, COLOURS[name]
        if found.logarithmic and value <= 0:
            text = _below_zero(found, joules)
            axes.annotate(
                text,
                (0, middle),
                (left_pt, 0),
                xycoords=axes.get_yaxis_transform(),
                textcoords="offset points",
                va="center",
                size=SMALL_PT,
                color=colour,
            )
            left_pt += (style.text_mm(text) + 1) * style.POINTS_PER_MM
            continue
        y = middle + (found.figures.index(name) - (len(found.figures) - 1) / 2) * lane_mm
        _error(axes, found, joules, y, caps=False)
        axes.plot(
            value,
            y,
            MARKERS[name],
            ms=min(MARKER_PT, lane_mm * style.POINTS_PER_MM),
            mfc=(colour, FILL),
            mec=colour,
            mew=0.9,
        )


def _lane_mm(found: JouleRows, row_mm: float) -> float:
    """The height of one figure's lane in a row of points."""
    return 0.94 * row_mm / len(found.figures)


def _below_zero(found: JouleRows, joules: Value) -> str:
    """The text for a value that a logarithmic axis cannot show."""
    return f"◂ {number(joules.value / found.factor, 3)}"


def _error(axes: Axes, found: JouleRows, joules: Value, y: float, caps: bool) -> None:
    if not joules.plus_minus:
        return
    low, high = (value / found.factor for value in reach(joules))
    if found.logarithmic and low <= 0:
        low = axes.get_xlim()[0]
    axes.plot([low, high], [y, y], color=INK, lw=0.8, solid_capstyle="butt")
    if caps:
        axes.plot([low, high], [y, y], "|", color=INK, ms=3.6, mew=0.8)


def _limits(axes: Axes, found: JouleRows, bars: bool, width_mm: float) -> None:
    """Leave room for the figures beside the bars; a linear axis starts at zero."""
    known = [value for row in found.rows for value in row.values.values()]
    reached = [joules / found.factor for value in known for joules in reach(value)]
    values = [value.value / found.factor for value in known]
    if found.logarithmic:
        above = [value for value in values if value > 0]
        low, high = min(above) / 1.5, max(*reached, *above) * 1.5
        texts = [
            sum(
                style.text_mm(_below_zero(found, joules)) + 3
                for joules in row.values.values()
                if joules.value <= 0
            )
            for row in found.rows
        ]
        share = min(0.5, max(texts, default=0.0) / width_mm)
        axes.set_xlim(low / (high / low) ** (share / (1 - share)), high)
    else:
        text_mm = max(style.text_mm(found.words(r, name)) for r in found.rows for name in r.values)
        share = min(0.5, (text_mm + 3) / width_mm) if bars else 0.03
        low, high = min(0.0, *reached), max(0.0, *reached) or 1.0
        axes.set_xlim(low * 1.05, low + (high - low) / (1 - share))
        if low < 0:
            axes.axvline(0, color=INK, lw=0.6)
    style.number_axis(axes.xaxis)


def _legend(axes: Axes, found: JouleRows, bars: bool) -> None:
    from matplotlib.legend_handler import HandlerTuple
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    for name in found.figures:
        colour = COLOURS[name]
        if bars:
            pale = Patch(facecolor=(colour, FILL), linewidth=0)
            handles.append((pale, Patch(hatch=HATCHES[name], **_outline(colour))))
        else:
            handles.append(
                Line2D(
                    [],
                    [],
                    ls="",
                    marker=MARKERS[name],
                    ms=MARKER_PT,
                    mfc=(colour, FILL),
                    mec=colour,
                )
            )
    as_one = {tuple: HandlerTuple(ndivide=1, pad=0)}
    style.legend_above(axes, handles, found.figures, handler_map=as_one, columnspacing=1.6)
