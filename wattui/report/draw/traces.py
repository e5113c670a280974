"""Draws power over time with its phases. Knows matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any

from recorders.channels import kind_of_column
from wattui.report.draw import style
from wattui.report.draw.style import INK, SMALL_PT
from wattui.report.panels import Panel, RibbonPhase, fitting, phase_names, spread
from wattui.runs.traces import Trace, Traces
from wattui.show.ticks import PLAIN_SECONDS, time_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEFT_MM, RIBBON_MM, LEGEND_MM, BOTTOM_MM = 15.0, 4.6, 4.6, 9.0
LEAST_RIGHT_MM, MOST_NAME_MM = 4.0, 20.0
LEGEND_COLUMN_MM, MOST_COLUMNS = 16.0, 9
PANEL_MM, BETWEEN_MM, NAME_MM = 20.0, 5.6, 3.1
# The room of a time on the axis.
TIME_MM = 15.0
MOST_NAMES = 8
# Lightness and a pattern by which phases are told apart in grey.
SHADES = {"running": 0.16, "warmup": 0.10, "armed": 0.10, "idle": 0.07}
HATCHES = {"armed": "/////", "warmup": "\\\\\\\\\\", "loading": "-----", "cooldown": "|||||"}
RIBBON_SHADES = {"running": 0.55, "idle": 0.24}
OTHER_SHADE, RIBBON_SHADE = 0.07, 0.38


def draw_traces(
    width_mm: float,
    shown: Traces,
    panels: Sequence[Panel],
    phases: Sequence[RibbonPhase],
    labels: Sequence[RibbonPhase],
) -> Figure:
    """Panels over one time axis, under a ribbon of phases and, if they fit, of labels."""
    heights = [max(PANEL_MM, NAME_MM * min(MOST_NAMES, len(p.curves)) + 3) for p in panels]
    right = _right_mm(panels)
    width = width_mm - LEFT_MM - right
    scale = width / ((shown.end_s - shown.start_s) or 1.0)
    rows = 2 if _label_names(labels, scale) else 1
    names = _names_in(phases, scale)
    legend = [] if set(names) >= set(phase_names(phases)) else phase_names(phases)
    columns = max(1, min(MOST_COLUMNS, int(width / LEGEND_COLUMN_MM)))
    first = LEGEND_MM * math.ceil(len(legend) / columns) if legend else 0.4
    top = first + rows * (RIBBON_MM + 0.6) + 4.2
    whole = top + sum(heights) + BETWEEN_MM * (len(panels) - 1) + BOTTOM_MM
    figure = style.canvas(width_mm, whole)
    ribbon = style.axes_at(figure, LEFT_MM, first, width, RIBBON_MM)
    _ribbon(ribbon, phases, names)
    if legend:
        _legend(ribbon, legend, columns)
    if rows == 2:
        named = style.axes_at(figure, LEFT_MM, first + RIBBON_MM + 0.6, width, RIBBON_MM, ribbon)
        _labels(named, labels, scale)
    axes = None
    for panel, height in zip(panels, heights, strict=True):
        axes = style.axes_at(figure, LEFT_MM, top, width, height, ribbon)
        _panel(axes, panel, shown, phases, width, height)
        axes.tick_params(labelbottom=False)
        top += height + BETWEEN_MM
    if axes is not None:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("time since the start of the recording")
    figure.align_ylabels()
    return figure


def _right_mm(panels: Sequence[Panel]) -> float:
    """Room for the names at the ends of the curves."""
    names = [curve.name for panel in panels for curve in panel.curves if curve.name]
    return max([LEAST_RIGHT_MM, *(min(MOST_NAME_MM, style.text_mm(name)) + 5 for name in names)])


def _span_mm(stretch: RibbonPhase, scale: float) -> float:
    """The width of a phase at so many mm a second."""
    return (stretch.end_s - stretch.start_s) * scale


def _label_names(labels: Sequence[RibbonPhase], scale: float) -> bool:
    """Whether half of the labels fit over their time."""
    fit = [fitting(s.texts, _span_mm(s, scale) - 0.8, style.text_mm) for s in labels]
    return sum(map(bool, fit)) * 2 >= len(labels) > 0


def _ribbon(axes: Axes, phases: Sequence[RibbonPhase], names: Sequence[str]) -> None:
    """Phases with their names where they fit."""
    for name in phase_names(phases):
        for dress in _dresses(name):
            _shade(axes, phases, name, dress)
    for stretch, text in zip(phases, names, strict=True):
        if text:
            middle = (stretch.start_s + stretch.end_s) / 2
            axes.text(middle, 0.46, text, ha="center", va="center", size=SMALL_PT)
    axes.set_axis_off()
    axes.set_ylim(0, 1)


def _shade(axes: Axes, phases: Sequence[RibbonPhase], name: str, dress: Mapping[str, Any]) -> None:
    """Every stretch of a phase over the whole height, as one shape."""
    spans = [(s.start_s, s.end_s - s.start_s) for s in phases if s.phase == name]
    axes.broken_barh(spans, (0, 1), transform=axes.get_xaxis_transform(), **dress)


def _legend(axes: Axes, names: Sequence[str], columns: int) -> None:
    """The phases over the ribbon."""
    from matplotlib.legend_handler import HandlerTuple
    from matplotlib.patches import Patch

    axes.legend(
        [tuple(Patch(**dress) for dress in _dresses(name)) for name in names],
        names,
        handler_map={tuple: HandlerTuple(ndivide=1, pad=0)},
        loc="lower right",
        bbox_to_anchor=(1.0, 0.92),
        ncols=min(columns, len(names)),
        borderpad=0.3,
        handlelength=1.5,
        handleheight=0.9,
        handletextpad=0.5,
        columnspacing=1.4,
    )


def _names_in(phases: Sequence[RibbonPhase], scale: float) -> list[str]:
    """The name of each phase if it fits its part of the ribbon and is not drawn over."""
    widths = {name: style.text_mm(name) for name in phase_names(phases)}
    return [
        stretch.phase
        if widths[stretch.phase] <= _span_mm(stretch, scale) - 0.8 and not _covered(place, phases)
        else ""
        for place, stretch in enumerate(phases)
    ]


def _dresses(phase: str) -> list[dict[str, Any]]:
    """A pale face, and over it the phase's hatch, if it has one."""
    colour = style.PHASES.get(phase, style.OTHER_PHASE)
    face = {"facecolor": (colour, RIBBON_SHADES.get(phase, RIBBON_SHADE)), "linewidth": 0.0}
    if phase not in HATCHES:
        return [face]
    hatch = {"facecolor": "none", "edgecolor": (colour, 0.6), "hatch": HATCHES[phase]}
    return [face, {**hatch, "linewidth": 0.0}]


def _covered(place: int, phases: Sequence[RibbonPhase]) -> bool:
    """Whether phases inside this one, which come after it, are drawn over it."""
    stretch = phases[place]
    after = takewhile(lambda other: other.start_s < stretch.end_s, islice(phases, place + 1, None))
    return any(other.end_s <= stretch.end_s for other in after)


def _labels(axes: Axes, labels: Sequence[RibbonPhase], scale: float) -> None:
    for stretch in labels:
        inset_s = min(0.3, _span_mm(stretch, scale) / 8) / scale
        ends = [stretch.start_s + inset_s, stretch.end_s - inset_s]
        axes.plot(ends, [0.96, 0.96], color=INK, lw=0.6, solid_capstyle="butt")
        if text := fitting(stretch.texts, _span_mm(stretch, scale) - 0.4, style.text_mm):
            middle = (stretch.start_s + stretch.end_s) / 2
            axes.text(middle, 0.42, text, ha="center", va="center", size=SMALL_PT)
    axes.set_axis_off()
    axes.set_ylim(0, 1)


def _panel(
    axes: Axes,
    panel: Panel,
    shown: Traces,
    phases: Sequence[RibbonPhase],
    width_mm: float,
    height_mm: float,
) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

    for name in phase_names(phases):
        shade = style.PHASES.get(name, style.OTHER_PHASE), SHADES.get(name, OTHER_SHADE)
        _shade(axes, phases, name, {"facecolor": shade, "linewidth": 0})
    highest = 0.0
    ends: list[tuple[str, str, float]] = []
    for number, curve in enumerate(panel.curves):
        trace = shown.traces.get(curve.column)
        if trace is None:
            continue
        colour, dash = _look(panel, number)
        _curve(axes, trace, colour, dash)
        highest = max(highest, *trace.high)
        if curve.name and len(ends) < MOST_NAMES:
            ends.append((curve.name, colour, trace.mean[-1]))
    axes.set_xlim(shown.start_s, shown.end_s if shown.end_s > shown.start_s else shown.start_s + 1)
    axes.set_ylim(0, highest * 1.06 or 1)
    axes.yaxis.set_major_locator(
        MaxNLocator(nbins=max(2, int(height_mm / 5)), steps=[1, 2, 2.5, 5, 10])
    )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    step_s = _time_step_s(shown, width_mm)
    axes.xaxis.set_major_locator(MultipleLocator(step_s))
    if step_s >= 1 and shown.end_s > PLAIN_SECONDS:
        step_s = max(60, step_s)  # minutes and seconds, from the first label on
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _moment(value, step_s)))
    axes.set_ylabel("power (W)")
    _title(axes, panel)
    _end_names(axes, ends, width_mm, height_mm)


def _title(axes: Axes, panel: Panel) -> None:
    """The kind of device, and the origin of its figures if they are not measured."""
    words = ", ".join(word for word in panel.origins if word != "measured")
    axes.set_title(panel.title, loc="left", pad=2.5, weight="bold")
    if words:
        left = style.text_mm(panel.title, style.TEXT_PT) * 1.18 + 1.5
        axes.annotate(
            f"{words}, not measured" if "manual" not in words else words,
            (0, 1),
            (left * style.POINTS_PER_MM, 2.5),
            xycoords="axes fraction",
            textcoords="offset points",
            color=style.ESTIMATED,
        )


def _look(panel: Panel, number: int) -> tuple[str, Any]:
    if panel.title == "Total":
        return INK, "-"
    dash = style.DASHES[number % len(style.DASHES)]
    if kind_of_column(panel.curves[number].column).origin == "estimated":
        return style.ESTIMATED, dash
    return style.SERIES[number % len(style.SERIES)], dash


def _curve(axes: Axes, trace: Trace, colour: str, dash: Any) -> None:
    """Means as steps over the range of each bin; a power holds until its reading's time."""
    if trace.by_hand:
        axes.plot(trace.last_s, trace.mean, "o", color=colour, ms=3)
        return
    for part in trace.segments():
        times, means = list(trace.last_s[part]), list(trace.mean[part])
        if len(times) == 1:
            axes.plot(times, means, ".", color=colour, ms=2)
            continue
        if any(n > 1 for n in trace.count[part]):
            axes.fill_between(
                times,
                trace.low[part],
                trace.high[part],
                step="pre",
                color=(colour, 0.28),
                linewidth=0,
            )
        axes.plot(times, means, color=colour, ls=dash, lw=0.9, drawstyle="steps-pre")


def _end_names(
    axes: Axes, ends: Sequence[tuple[str, str, float]], width_mm: float, height_mm: float
) -> None:
    """Names at the right end of the curves, moved apart where they would touch."""
    top = axes.get_ylim()[1]
    wanted = [value / top * height_mm for _, _, value in ends]
    places = spread(wanted, NAME_MM, 1.2, height_mm - 1.2)
    for (name, colour, _), wish, place in zip(ends, wanted, places, strict=True):
        axes.plot(
            [1 + mm / width_mm for mm in (0.4, 2.0, 2.9)],
            [wish / height_mm, place / height_mm, place / height_mm],
            transform=axes.transAxes,
            color=colour,
            lw=0.6,
            clip_on=False,
        )
        axes.text(
            1 + 3.7 / width_mm,
            place / height_mm,
            style.fold(name, MOST_NAME_MM),
            transform=axes.transAxes,
            color=colour,
            va="center",
            size=SMALL_PT,
        )


_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800)
_LONG_STEPS_S = (3600, 7200, 10800, 21600, 43200, 86400)


def _time_step_s(shown: Traces, width_mm: float) -> float:
    span_s, most = shown.end_s - shown.start_s, width_mm / TIME_MM
    steps = (*_STEPS_S, *_LONG_STEPS_S)
    return next((step for step in steps if span_s / step <= most), span_s / most)


def _moment(time_s: float, step_s: float) -> str:
    if step_s < 1:
        return f"{time_s:.1f} s"
    text = time_label(round(time_s), int(step_s))
    return text.replace("s", " s")
