"""Draws lines through energy per inference, over their residuals. Knows matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recorders.counts import singular
from wattui.analysis.fit import ALL, Fit, FitSeries
from wattui.analysis.regression import LEAST_SQUARES, Line
from wattui.analysis.run_fits import Fits
from wattui.report.draw import style
from wattui.report.draw.style import INK
from wattui.report.joules import is_wide
from wattui.show.quantities import energy_unit, prefix_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLOT_MM, RESIDUAL_MM, LEFT_MM, TOP_MM, BETWEEN_MM, BOTTOM_MM = 54.0, 20.0, 17.0, 3.0, 3.5, 9.5
RIGHT_MM, NAME_MM = 52.0, 40.0
MOST_SERIES = 7
SAMPLES = 120
X_NAMES = {"pixels": "pixels", "macs": "multiply-accumulates", "batch": "batch size",
           "tokens": "tokens", "size": "size in the label",
           "concurrency": "requests in flight at once"}  # fmt: skip


def draw_fit(width_mm: float, found: Fits) -> Figure:
    """Points with their ± and lines; below, the residuals of the lines in per cent."""
    series = shown(found)
    room = style.Room(width_mm, RIGHT_MM, 4 if len(series) == 1 else len(series))
    height = PLOT_MM + BETWEEN_MM + RESIDUAL_MM + BOTTOM_MM
    figure = style.canvas(width_mm, TOP_MM + height + room.below_mm)
    width = width_mm - LEFT_MM - room.right_mm
    main = style.axes_at(figure, LEFT_MM, TOP_MM, width, PLOT_MM)
    below = style.axes_at(figure, LEFT_MM, TOP_MM + PLOT_MM + BETWEEN_MM, width, RESIDUAL_MM, main)
    points = [point for each in series for point in each.points]
    factor, unit = energy_unit([point.y for point in points])
    x_factor, x_prefix = prefix_for([p.x for p in points]) if _macs(found) else (1.0, "")
    xs = [point.x for point in points]
    ys = [point.y for point in points]
    if is_wide(xs) and is_wide(ys) and min(ys) > 0:  # a line is curved over one such axis
        main.set_xscale("log")
        main.set_yscale("log")
        main.set_ylim(min(ys) / factor / 1.8, max(ys) / factor * 1.8)
    alone = len(series) == 1
    for number, each in enumerate(series):
        _series(main, below, found, each, number, alone, factor, x_factor)
    below.axhline(0, color=INK, lw=0.6)
    main.tick_params(labelbottom=False)
    _dress(main, below, found, unit, x_prefix)
    room.legend(main, height, labelspacing=0.6, handlelength=2.6)
    return figure


def shown(found: Fits) -> Sequence[FitSeries]:
    """The costliest series, in the order of their names."""
    drawn = found.drawn
    if len(drawn) <= MOST_SERIES:
        return drawn
    costliest = sorted(drawn, key=lambda each: -max(p.y for p in each.points))
    return [each for each in drawn if each in costliest[:MOST_SERIES]]


def _macs(found: Fits) -> bool:
    return found.asked.against == "macs"


def _series(
    main: Axes,
    below: Axes,
    found: Fits,
    series: FitSeries,
    number: int,
    alone: bool,
    factor: float,
    x_factor: float,
) -> None:
    colour = style.SERIES[number % len(style.SERIES)]
    marker = style.MARKERS[number % len(style.MARKERS)]
    xs = [point.x / x_factor for point in series.points]
    for point, x in zip(series.points, xs, strict=True):
        if point.plus_minus:
            low, high = point.y - point.plus_minus, point.y + point.plus_minus
            main.plot([x, x], [low / factor, high / factor], color=INK, lw=0.8)
    ys = [point.y / factor for point in series.points]
    label = found.origin if series.name == ALL else style.fold(series.name, NAME_MM)
    main.plot(xs, ys, marker, ls="", ms=4.4, mfc=(colour, 0.35), mec=colour, label=label, zorder=3)
    for fit in fits_drawn(series, alone, main.get_yscale() == "log"):
        weights = fit.line.weights
        look = _LOOKS[weights] if alone else (colour, style.DASHES[number % 4])
        _lines(main, fit, series, look, factor, x_factor, alone)
        residuals = [(x, 100 * r) for x, r in zip(xs, fit.residuals, strict=True) if r is not None]
        filled = weights == "ordinary"
        below.plot(
            [x for x, _ in residuals],
            [r for _, r in residuals],
            marker if filled or not alone else "s",
            ls="",
            ms=3.6,
            mfc=(look[0], 0.35) if filled else "none",
            mec=look[0],
        )


def fits_drawn(series: FitSeries, alone: bool, logarithmic: bool) -> list[Fit]:
    """Both lines if there is only one series; else the one that suits the axis.

    A logarithmic axis shows the smallest points, which the ordinary line neglects, clearly.
    """
    order = LEAST_SQUARES[::-1] if logarithmic and not alone else LEAST_SQUARES
    known = [fit for weights in order if (fit := series.fit(weights))]
    return known if alone else known[:1]


_LOOKS: dict[str, tuple[str, Any]] = {
    "ordinary": (style.BLUE, "-"),
    "relative": (style.VERMILLION, (0, (4, 1.4))),
}


def _lines(
    main: Axes,
    fit: Fit,
    series: FitSeries,
    look: tuple[str, Any],
    factor: float,
    x_factor: float,
    alone: bool,
) -> None:
    """One line, or two up to the breakpoint."""
    ends = [series.points[0].x, series.points[-1].x]
    if len(fit.lines) == 2 and fit.two_lines:
        ends.insert(1, fit.two_lines.at)
        main.axvline(fit.two_lines.at / x_factor, color=look[0], lw=0.5, ls=":")
    for place, line in enumerate(fit.lines):
        xs = between(ends[place], ends[place + 1], main.get_xscale() == "log")
        label = f"{fit.line.weights} least squares" if alone and place == 0 else None
        main.plot(
            [x / x_factor for x in xs],
            [line.at(x) / factor for x in xs],
            color=look[0],
            ls=look[1],
            label=label,
        )
        if alone and fit.line.weights == "ordinary" and len(fit.lines) == 1:
            _band(main, line, xs, look[0], factor, x_factor)


def _band(
    main: Axes, line: Line, xs: Sequence[float], colour: str, factor: float, x_factor: float
) -> None:
    halves = [line.plus_minus(x) for x in xs]
    known = [(x, half) for x, half in zip(xs, halves, strict=True) if half is not None]
    if not known:
        return
    main.fill_between(
        [x / x_factor for x, _ in known],
        [(line.at(x) - half) / factor for x, half in known],
        [(line.at(x) + half) / factor for x, half in known],
        color=(colour, 0.12),
        linewidth=0,
        label="95 % prediction interval",
    )


def between(low: float, high: float, logarithmic: bool) -> list[float]:
    """Values of x at which a line is drawn, both ends included."""
    steps = [number / (SAMPLES - 1) for number in range(SAMPLES)]
    if logarithmic and low > 0:
        return [low * (high / low) ** share for share in steps]
    return [low + (high - low) * share for share in steps]


def _dress(main: Axes, below: Axes, found: Fits, unit: str, x_prefix: str) -> None:
    from matplotlib.ticker import MaxNLocator

    word = "" if found.origin == "measured" else f"{found.origin} "
    per = singular(found.asked.per)
    main.set_ylabel(f"{word}{found.asked.figure} energy\nper {per} ({unit})")
    below.set_ylabel("line − point\n(%)")
    name = X_NAMES[found.asked.against]
    below.set_xlabel(f"{name} ({x_prefix.strip()}MAC)" if _macs(found) else name)
    if main.get_yscale() == "linear":
        main.set_ylim(bottom=min(0.0, main.get_ylim()[0]))
    largest = max((abs(y) for y in below.get_ylim()), default=1.0) or 1.0
    largest *= 1.12
    below.set_ylim(-largest, largest)
    below.yaxis.set_major_locator(MaxNLocator(nbins=4, symmetric=True))
    for axis in (below.xaxis, main.yaxis):
        style.number_axis(axis)
    main.figure.align_ylabels([main, below])
