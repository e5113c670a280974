"""Draws the distribution of call times, and the inferences per second of each repeat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from recorders.counts import plural
from wattui.analysis.rates import Rates
from wattui.report.draw import style
from wattui.report.draw.style import INK, NARROW_MM, SMALL_PT
from wattui.report.joules import is_wide
from wattui.runs.latencies import PERCENTILES, Distribution
from wattui.show.quantities import number, prefix_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CURVES = 7
PLURALS = {"call": "calls", "latency pass": "calls", "chunk mean": "means of chunks"}
CURVES_MM, ROW_MM, LEFT_MM, TOP_MM, BOTTOM_MM = 46.0, 4.2, 14.0, 4.0, 9.5
MOST_NAME_MM, RATES_NAME_MM = 40.0, 24.0
# The share of the width that the names of rows may take.
MOST_NAME = 0.22


def draw_latencies(width_mm: float, found: Sequence[Distribution]) -> Figure:
    """Distributions with p50, p90 and p99 marked; for many labels, only those percentiles."""
    return (_curves if len(found) <= MOST_CURVES else _percentiles)(width_mm, found)


def _curves(width_mm: float, found: Sequence[Distribution]) -> Figure:
    names = [f"{_name(each)}, {each.calls:,} {PLURALS[each.kind]}" for each in found]
    right = max(style.text_mm(name) for name in names) + 13
    room = style.Room(width_mm, right, len(found))
    figure = style.canvas(width_mm, TOP_MM + CURVES_MM + BOTTOM_MM + room.below_mm)
    axes = style.axes_at(figure, LEFT_MM, TOP_MM, width_mm - LEFT_MM - room.right_mm, CURVES_MM)
    factor, prefix = prefix_for([each.at(99) for each in found])
    if is_wide([each.at(p) for each in found for p in PERCENTILES]) or _long_tail(found):
        axes.set_xscale("log")
    for place, (each, name) in enumerate(zip(found, names, strict=True)):
        colour = style.SERIES[place % len(style.SERIES)]
        dash = style.DASHES[place % len(style.DASHES)]
        times = [time_s / factor for time_s, _ in each.curve]
        shares = [share for _, share in each.curve]
        axes.plot(
            [times[0], *times], [0, *shares], color=colour, ls=dash, drawstyle="steps-post",
            label=name,
        )  # fmt: skip
        axes.plot(
            [each.at(p) / factor for p in PERCENTILES],
            [p / 100 for p in PERCENTILES],
            style.MARKERS[place % len(style.MARKERS)],
            color=colour,
            ms=3.4,
            ls="",
            clip_on=False,
            zorder=4,
        )
    for p in PERCENTILES:
        axes.axhline(p / 100, color=(INK, 0.25), lw=0.5)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 0.9, 0.99], ["0", "25", "p50", "75", "p90", "p99"])
    axes.set_ylim(0, 1.0)
    axes.set_ylabel("calls no longer than this (%)")
    axes.set_xlabel(f"call time ({prefix}s)")
    style.number_axis(axes.xaxis)
    room.legend(axes, CURVES_MM + BOTTOM_MM, handlelength=2.4)
    return figure


def _name(found: Distribution, most_mm: float = MOST_NAME_MM) -> str:
    return style.fold(found.label, most_mm) or "all calls"


def _long_tail(found: Sequence[Distribution]) -> bool:
    return any(each.curve[-1][0] > 5 * each.at(99) > 0 for each in found)


def _percentiles(width_mm: float, found: Sequence[Distribution]) -> Figure:
    names = [_name(each, MOST_NAME * width_mm) for each in found]
    left = max(style.text_mm(name) for name in names) + 4
    height = 3.6 * len(found)
    figure = style.canvas(width_mm, 6.5 + height + BOTTOM_MM)
    axes = style.axes_at(figure, left, 6.5, width_mm - left - 4, height)
    factor, prefix = prefix_for([each.at(99) for each in found])
    if is_wide([each.at(p) for each in found for p in PERCENTILES]):
        axes.set_xscale("log")
    for place, each in enumerate(found):
        at = [each.at(p) / factor for p in PERCENTILES]
        axes.plot([at[0], at[-1]], [place, place], color=INK, lw=0.8)
    for p, marker, colour in zip(PERCENTILES, "os^", style.SERIES, strict=False):
        at = [each.at(p) / factor for each in found]
        axes.plot(
            at,
            range(len(found)),
            marker,
            ls="",
            ms=4,
            mfc=(colour, 0.45),
            mec=colour,
            label=f"p{p}",
        )
    style.name_rows(axes, names)
    axes.set_xlabel(f"call time ({prefix}s)")
    style.number_axis(axes.xaxis)
    style.legend_above(axes)
    return figure


def draw_rates(width_mm: float, found: Sequence[Rates]) -> Figure:
    """A row for each label, a column wide at most: a point for every running phase, a line at the
    median."""
    names = [style.fold(each.name, RATES_NAME_MM) for each in found]
    left = min(RATES_NAME_MM, max(6.0, *map(style.text_mm, names))) + 3
    height = ROW_MM * len(found)
    width_mm = min(NARROW_MM, width_mm)
    figure = style.canvas(width_mm, TOP_MM + height + BOTTOM_MM)
    right = 14.0
    axes = style.axes_at(figure, left, TOP_MM, width_mm - left - right, height)
    values = [rate for each in found for rate in each.per_s]
    wide = is_wide(values)
    factor, prefix = (1.0, "") if wide else prefix_for([max(1.0, *values)])
    if wide:
        axes.set_xscale("log")
    for place, each in enumerate(found):
        rates = [rate / factor for rate in each.per_s]
        axes.plot(rates, [place] * len(rates), "o", ms=3.6, mfc=(style.BLUE, 0.4), mec=style.BLUE)
        middle = each.median / factor
        if len(rates) > 1:
            axes.plot([middle, middle], [place - 0.36, place + 0.36], color=INK, lw=1.2)
        axes.text(
            1.01, place, f"{number(middle)}", transform=axes.get_yaxis_transform(), va="center",
            size=SMALL_PT,
        )  # fmt: skip
    style.name_rows(axes, names)
    thousands = {"": "", "k": "thousand ", "M": "million "}.get(prefix, prefix)
    axes.set_xlabel(f"{thousands}{plural(found[0].per)} per second")
    if axes.get_xscale() == "linear":
        axes.set_xlim(0, max(values) / factor * 1.05)
    style.number_axis(axes.xaxis)
    return figure
