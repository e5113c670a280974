"""Draws energy and latency per inference against size. Knows matplotlib."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recorders.channels import kind_of
from recorders.counts import singular
from recorders.summary.figures import INVENTED
from wattui.analysis.sizes import DeviceSum, Family, Sizes
from wattui.report.draw import style
from wattui.report.draw.fit import X_NAMES
from wattui.report.draw.style import INK
from wattui.report.joules import is_wide
from wattui.show.quantities import energy_unit, prefix_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLOT_MM, LEFT_MM, TOP_MM, BOTTOM_MM = 54.0, 17.0, 3.0, 9.5
RIGHT_MM, NAME_MM, SECOND_AXIS_MM = 54.0, 42.0, 15.0
MOST_SERIES = 7
LOOKS = {"gpu": style.BLUE, "package": style.VERMILLION}
FAINT = 0.35


@dataclass(frozen=True, slots=True)
class SizeCurve:
    """One line of a figure: x, the value of each repeat, and their median, in base units."""

    name: str
    colour: str
    dash: Any
    marker: str
    joined: bool
    points: tuple[tuple[float, tuple[float, ...], float], ...]

    @property
    def medians(self) -> list[float]:
        """Medians by size."""
        return [middle for _, _, middle in self.points]


def draw_energies(width_mm: float, found: Sizes) -> Figure:
    """Energy of each device: repeats as faint points, their medians joined."""
    curves = energy_curves(found)
    room = style.Room(width_mm, RIGHT_MM, len(curves))
    figure = style.canvas(width_mm, TOP_MM + PLOT_MM + BOTTOM_MM + room.below_mm)
    axes = style.axes_at(figure, LEFT_MM, TOP_MM, width_mm - LEFT_MM - room.right_mm, PLOT_MM)
    medians = [value for curve in curves for value in curve.medians]
    factor, unit = energy_unit(medians)
    x_factor = _scales([axes], found, curves, [medians])
    for curve in curves:
        _draw(axes, curve, x_factor, factor)
    _y_axis(axes, _energy_name(found, unit))
    _legend(room, axes, [axes], 1.02)
    return figure


def draw_latency(width_mm: float, found: Sizes) -> Figure:
    """Medians of latency on the left axis and of energy on the right one, of one family."""
    family = found.costliest
    room = style.Room(width_mm, RIGHT_MM, 1 + len(_known(found, family)))
    figure = style.canvas(width_mm, TOP_MM + PLOT_MM + BOTTOM_MM + room.below_mm)
    width = width_mm - LEFT_MM - room.right_mm - SECOND_AXIS_MM
    left = style.axes_at(figure, LEFT_MM, TOP_MM, width, PLOT_MM)
    right = left.twinx()
    right.spines["right"].set_visible(True)
    latency = _latency_curve(family)
    energies = [
        _energy_curve(found, family, device, device.name) for device in _known(found, family)
    ]
    joules = [value for curve in energies for value in curve.medians]
    x_factor = _scales([left, right], found, [latency, *energies], [latency.medians, joules])
    time_factor, time_prefix = prefix_for(latency.medians)
    factor, unit = energy_unit(joules)
    _draw(left, latency, x_factor, time_factor, repeats=False)
    for curve in energies:
        _draw(right, curve, x_factor, factor, repeats=False)
    _y_axis(left, f"latency\n({time_prefix}s per {singular(found.per)})")
    _y_axis(right, _energy_name(found, unit))
    _legend(room, left, [left, right], 1 + (SECOND_AXIS_MM + 2) / width)
    return figure


def energy_curves(found: Sizes) -> list[SizeCurve]:
    """The costliest devices and families, in their order."""
    every = list(_energy_curves(found))
    costliest = sorted(every, key=lambda curve: -max(curve.medians))[:MOST_SERIES]
    return [curve for curve in every if curve in costliest]


def count_curves(found: Sizes) -> int:
    """The number of curves, drawn or not."""
    return sum(1 for _ in _energy_curves(found))


def _energy_curves(found: Sizes) -> Iterator[SizeCurve]:
    alone = len(found.families) == 1
    for number, family in enumerate(found.families):
        for device in _known(found, family):
            title = device.title if alone else f"{family.name or 'no name'}, {device.name}"
            yield _energy_curve(found, family, device, title, None if alone else number)


def _energy_curve(
    found: Sizes, family: Family, device: DeviceSum, name: str, number: int | None = None
) -> SizeCurve:
    place = found.devices.index(device)
    others = style.SERIES[len(LOOKS) :]
    colour = LOOKS.get(kind_of(device.domains[0]).name, others[place % len(others)])
    if device.origin in INVENTED:
        colour = style.ESTIMATED
    marker = style.MARKERS[place % len(style.MARKERS)]
    if number is not None:
        colour = style.SERIES[number % len(style.SERIES)]
        marker = style.MARKERS[number % len(style.MARKERS)]
    points = []
    for size in family.sizes:
        middle = size.repeats.median_j(device.domains)
        if middle is not None:
            points.append((size.x, size.repeats.energies_j(device.domains), middle))
    if device.origin in INVENTED and device.origin not in name:
        name += f", {device.origin}"
    dash = style.DASHES[place % len(style.DASHES)]
    return SizeCurve(name, colour, dash, marker, family.joined, tuple(points))


def _latency_curve(family: Family) -> SizeCurve:
    points = tuple((s.x, s.repeats.latency_s, s.repeats.median_s) for s in family.sizes)
    return SizeCurve("latency (left axis)", INK, style.DASHES[2], "D", family.joined, points)


def _known(found: Sizes, family: Family) -> list[DeviceSum]:
    """The devices whose energy is known for at least one size."""
    return [
        device
        for device in found.devices
        if any(size.repeats.median_j(device.domains) is not None for size in family.sizes)
    ]


def _values(curves: Sequence[SizeCurve]) -> Iterator[float]:
    return (value for curve in curves for _, values, _ in curve.points for value in values)


def _draw(
    axes: Axes, curve: SizeCurve, x_factor: float, factor: float, repeats: bool = True
) -> None:
    if repeats:
        single = [(x / x_factor, v / factor) for x, values, _ in curve.points for v in values]
        axes.plot(
            [x for x, _ in single],
            [value for _, value in single],
            curve.marker,
            ls="",
            ms=2.6,
            mfc=(curve.colour, FAINT),
            mec="none",
        )
    axes.plot(
        [x / x_factor for x, _, _ in curve.points],
        [value / factor for value in curve.medians],
        curve.marker,
        ls=curve.dash if curve.joined else "",
        color=curve.colour,
        ms=4.4,
        mfc=(curve.colour, FAINT),
        mec=curve.colour,
        label=style.fold(curve.name, NAME_MM),
        zorder=3,
    )


def _scales(
    among: Sequence[Axes], found: Sizes, curves: Sequence[SizeCurve], values: Sequence[list[float]]
) -> float:
    """Name the sizes, and make wide axes logarithmic; returns the factor of their unit.

    All of them, or the shape of a curve would be that of its axes.
    """
    xs = [x for curve in curves for x, _, _ in curve.points]
    is_macs = found.against == "macs"
    factor, prefix = prefix_for(xs) if is_macs else (1.0, "")
    if any(map(is_wide, (xs, *values))) and all(value > 0 for value in _values(curves)):
        for axes in among:
            axes.set_xscale("log")
            axes.set_yscale("log")
    name = X_NAMES[found.against]
    among[0].set_xlabel(f"{name} ({prefix}MAC)" if is_macs else name)
    return factor


def _y_axis(axes: Axes, name: str) -> None:
    axes.set_ylabel(name)
    if axes.get_yscale() == "linear":
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    for axis in (axes.xaxis, axes.yaxis):
        style.number_axis(axis)
    if axes.get_xscale() == "linear":
        axes.set_xlim(left=0)


def _energy_name(found: Sizes, unit: str) -> str:
    origins = {device.origin for device in found.devices}
    words = [word for word in INVENTED if origins == {word}]
    return f"{' '.join([*words, found.figure])} energy\nper {singular(found.per)} ({unit})"


def _legend(room: style.Room, at: Axes, among: Sequence[Axes], left: float) -> None:
    pairs = [axes.get_legend_handles_labels() for axes in among]
    handles = [handle for own, _ in pairs for handle in own]
    labels = [label for _, own in pairs for label in own]
    look = {"left": left, "labelspacing": 0.6, "handlelength": 3.0}
    room.legend(at, PLOT_MM + BOTTOM_MM, handles, labels, **look)
