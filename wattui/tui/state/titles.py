"""The text of a graph's border, fitted to its width. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import NamedTuple, TypeAlias

from rich.cells import cell_len, set_cell_size

from recorders.source import REQUESTS
from wattui.show.graphs import GraphSpec
from wattui.show.plot import Glyphs, series_number
from wattui.show.quantities import minus, number

# Quantities that are summed; others are averaged.
SUMMED_UNITS = ("W", "MiB")
# Of gauges in whole units, whose means are told to a tenth.
WHOLE_UNITS = frozenset({"%", "°C", REQUESTS})


class TitleValue(NamedTuple):
    """A reading as text, and as a number to sum."""

    text: str
    mean: float


class TitlePart(NamedTuple):
    """A piece of a title: `role` is plain, name, value, estimated or hidden."""

    text: str
    role: str = "plain"
    series: int | None = None


Parts: TypeAlias = list[TitlePart]


def reading(value: float, unit: str) -> str:
    """A value with no more digits than its sensor has."""
    if unit in WHOLE_UNITS:
        return minus(f"{value:.1f}".removesuffix(".0"))
    return number(value, 3)


def unit_text(unit: str, glyphs: Glyphs) -> str:
    """A unit in characters that the terminal can show."""
    return unit.replace("°", glyphs.degree)


def title(
    spec: GraphSpec,
    values: Sequence[TitleValue | None],
    hidden: frozenset[int],
    width: int,
    glyphs: Glyphs,
    numbered: bool = False,
    when: str = "",
) -> Parts:
    """Title and values; to fit, first units except the last are dropped, then what names have in
    common, then names, then all but the sum, if there is one.

    Names are `numbered` if the curves are; `when` is the moment of the values unless it is now.
    """
    unit = unit_text(spec.unit, glyphs)
    last = max((n for n in range(len(values)) if n not in hidden), default=None)

    def named(place: int, value: str) -> Parts:
        series = spec.series[place]
        if place in hidden:
            return [TitlePart(series.name, "hidden", place)]
        if len(spec.series) > 1:
            role = "estimated" if series.estimated else "name"
            name = f"{series_number(place)}:{series.name} " if numbered else f"{series.name} "
            return [TitlePart(name, role, place), TitlePart(value, "value", place)]
        estimated = [TitlePart("estimated ", "estimated", place)] if series.estimated else []
        return [*estimated, TitlePart(value, "value", place)]

    def joined(place: int, value: str) -> Parts:
        family = _family(spec, place)
        if place in hidden or not family:
            return named(place, value)
        is_said = place - 1 not in hidden and place > 0 and _family(spec, place - 1) == family
        name = (f"{series_number(place)}:" if numbered else "") + ("" if is_said else f"{family} ")
        names = [TitlePart(name, "name", place)] if name else []
        return [*names, TitlePart(value, "value", place)]

    def short(place: int, value: str) -> Parts:
        if place in hidden:
            return [TitlePart(glyphs.unknown, "hidden", place)]
        return named(place, value)[-1:] if not spec.series[place].estimated else named(place, value)

    def listed(parts: Callable[[int, str], Parts], units: bool) -> Parts:
        found: list[Parts] = []
        for place, value in enumerate(values):
            text = value.text if value else glyphs.unknown
            found.append(parts(place, f"{text} {unit}" if units or place == last else text))
        between = [[TitlePart(" "), *each] for each in found]
        return [TitlePart(f"{spec.title} "), *chain.from_iterable(between)]

    moment = [TitlePart(f"  at {when}", "name")] if when else []
    ways = [[*listed(named, True), *moment]]
    if len(spec.series) > 1:
        ways += [[*listed(each, False), *moment] for each in (named, joined, short)]
        if spec.disjoint:
            together = _together(spec, values, hidden, glyphs)
            ways += [[TitlePart(f"{spec.title}  "), *together], together]
    else:
        ways += [ways[0][2:]]
    name_alone = [TitlePart(set_cell_size(spec.title, max(0, min(width, cell_len(spec.title)))))]
    return next((way for way in ways if _cells(way) <= width), name_alone)


def _family(spec: GraphSpec, place: int) -> str:
    """What a series has in common with others of the graph, as "command" in "command gpu0"."""
    first, _, rest = spec.series[place].name.partition(" ")
    others = (each.name for number, each in enumerate(spec.series) if number != place)
    shared = any(other.startswith(f"{first} ") for other in others)
    return first if rest and shared and not spec.series[place].estimated else ""


def subtitle(parts: Sequence[str], spec: GraphSpec, width: int, glyphs: Glyphs) -> str:
    """Figures in a row, each with its unit; the last ones are dropped to fit."""
    unit, joint = unit_text(spec.unit, glyphs), f" {glyphs.grid} "
    figures = [part if part.endswith((" J", " s")) else f"{part} {unit}" for part in parts]
    rows = (joint.join(figures[:count]) for count in range(len(figures), 0, -1))
    return next((row for row in rows if cell_len(row) <= width), "")


def _together(
    spec: GraphSpec, values: Sequence[TitleValue | None], hidden: frozenset[int], glyphs: Glyphs
) -> Parts:
    """The number of series, and their sum or mean."""
    shown = [place for place in range(len(values)) if place not in hidden]
    known = [value.mean for place in shown if (value := values[place])]
    summed = spec.unit in SUMMED_UNITS
    whole = sum(known) / (1 if summed else max(1, len(known)))
    count = f"{len(known)} of {len(values)}" if len(known) < len(values) else f"{len(values)}"
    estimated = any(spec.series[place].estimated for place in shown)
    return [
        *([TitlePart("estimated ", "estimated")] if estimated else []),
        TitlePart(f"{count} {spec.parts} {glyphs.total if summed else 'mean'} ", "name"),
        TitlePart(f"{reading(whole, spec.unit) if known else glyphs.unknown} ", "value"),
        TitlePart(unit_text(spec.unit, glyphs), "value"),
    ]


def _cells(parts: Parts) -> int:
    return sum(cell_len(part.text) for part in parts)
